"""What classes and volumes have in common about keys: the cloud that a driver makes volumes in, whose key one names,
and whether that is as the policy says.
"""

from collections.abc import Iterable, Iterator

from posture.context import Context
from posture.policy import Policy, decide
from posture.resource import KeyClass, Resource
from posture.source import account_of
from posture.verdict import Finding, Status

KEY_HEALTH = {
    "aws.kms.key": "aws.kms.key-state",
    "azure.compute.disk-encryption-set": "azure.disk.des-health",
    "gcp.kms.key": "gcp.kms.key-state",
}
"""Type of a key, or of what leads to one -> the control that says whether it can be used."""


def health(key: Resource, context: Context) -> Finding | None:
    """The finding on a key that says whether it can be used; None where it is not judged yet."""
    control = KEY_HEALTH.get(key.type)
    return context.findings(key).get(control) if control else None


def volumes_of(storage_class: Resource, context: Context) -> list[Resource]:
    """The cloud volumes behind the volumes of a class, one for each region; whoever asks is judged again when there
    is one more.
    """
    found: dict[str, Resource] = {}
    waiting: dict[str, Resource] = {}
    for volume in context.users(storage_class):
        if volume.kind != "persistent-volume" or volume.region in found:
            continue
        behind = context.linked(volume, "volume")
        if behind is not None:
            found[volume.region] = behind
        else:
            waiting.setdefault(volume.region, volume)
    for region, volume in waiting.items():
        if region not in found:
            context.findings(volume)  # they change when what is behind it comes
    return list(found.values())


def home_of(resource: Resource, context: Context) -> tuple[str, str] | None:
    """The account and region of AWS that the cluster of a class is in, or that of a volume's class; None where nothing
    says so.
    """
    storage_class = context.linked(resource, "class") if resource.link("class") else resource
    cluster = context.linked(storage_class, "cluster") if storage_class is not None else None
    said = cluster.link("region") if cluster is not None else None
    account, _, region = (said or "").removeprefix("aws://").partition("/")
    return (account, region) if account and region else None


def class_of_key(key: Resource, accounts: Iterable[str], policy: Policy) -> KeyClass:
    """The class that a key confers on volumes of these accounts or projects: a customer's of another that is not
    listed is foreign.
    """
    confers = key.encryption.key_class if key.encryption is not None else KeyClass.UNKNOWN
    if confers is not KeyClass.CUSTOMER or key.provider == "azure" or key.scope in policy.key_accounts:
        return confers
    own = set(accounts)
    if not own:
        return KeyClass.UNKNOWN
    return KeyClass.CUSTOMER if key.scope in own else KeyClass.CUSTOMER_FOREIGN


def accounts_of(storage_class: Resource, provider: str, context: Context) -> set[str]:
    """The accounts or projects that volumes of a class are made in: those of its volumes, else the one that the tenant
    has at this provider; none where that is not known.
    """
    made = {volume.scope for volume in volumes_of(storage_class, context) if volume.provider == provider}
    if made:
        return made
    if provider == "aws" and (home := home_of(storage_class, context)) is not None:
        return {home[0]}
    asked = {account_of(source) for source in context.sources(storage_class.tenant) if source.provider == provider}
    return asked if len(asked) == 1 else set()


def allowed(observed: KeyClass, policy: Policy, control_id: str, names: Iterable[str | None]) -> Status:
    """How a key class compares with the policy, for a key that may be called any of `names`. One of an unknown
    account is as the policy says where it would be whoever it is.
    """
    key = listed_as(policy, names)
    if observed is not KeyClass.UNKNOWN:
        return decide(observed, policy, control_id, key=key)
    either = {decide(each, policy, control_id, key=key) for each in (KeyClass.CUSTOMER, KeyClass.CUSTOMER_FOREIGN)}
    return either.pop() if len(either) == 1 else Status.UNKNOWN


def listed_as(policy: Policy, names: Iterable[str | None]) -> str | None:
    """The entry of the required keys that names one of `names`; where none does, the first of them."""
    called = [name for name in names if name]
    plain = {_plain(name) for name in called}
    return next((entry for entry in policy.required_keys if _plain(entry) in plain), next(iter(called), None))


def names_of(key: Resource | None, named: str | None) -> Iterator[str | None]:
    """What a list of required keys may call a key: as it was named, its ids, and the key behind an encryption set."""
    yield named
    if key is not None:
        yield key.id
        yield from key.aliases
        yield key.link("key")


def _plain(name: str) -> str:
    """A key's name without what does not matter: case, a slash at the end, the service, the version."""
    plain = name.strip().rstrip("/").lower().removeprefix("//cloudkms.googleapis.com/")
    plain = plain.partition("/cryptokeyversions/")[0]
    return "/".join(plain.split("/")[:5]) if plain.startswith("https://") else plain
