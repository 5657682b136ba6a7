"""Storage accounts and their containers: whose key, can it be used, and who may reach them how."""

from collections.abc import Mapping
from typing import Any

from posture.azure.key import account_class
from posture.context import Context
from posture.controls.aws.keys import linked_key
from posture.controls.azure.keys import class_verdict, used_key_health, vault_key_health
from posture.controls.registry import control
from posture.fields import flag, low, part, strange, text
from posture.policy import KeyMode
from posture.reading import NoAnswer, expected, field_of, optional
from posture.resource import KeyClass, Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unknown, warned

ACCOUNTS = "Microsoft.Storage/storageAccounts/read"
SCOPES = "Microsoft.Storage/storageAccounts/encryptionScopes/read"
CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers/read"
BLOBS = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
ACCOUNT_KEY = "$account-encryption-key"
_ON_ACCOUNTS = frozenset({"azure.storage.account", "azure.storage.encryption-scope"})
_NAME_ACCOUNTS = frozenset({"storage", "containers"})
"""The services whose resources point at keys."""
_AT = "storageAccounts.properties"

# One verdict for thousands of accounts.
_BLOB_ON = passed("blob service encryption is on", {f"{_AT}.encryption.services.blob.enabled": True})
_NO_KEY = not_applicable(
    "Microsoft's keys: no customer's key is involved", {f"{_AT}.encryption.keySource": "Microsoft.Storage"}
)
_HTTPS = passed("refuses HTTP", {f"{_AT}.supportsHttpsTrafficOnly": True})
_TLS = passed("minimum is TLS 1.2", {f"{_AT}.minimumTlsVersion": "TLS1_2"})
_CLOSED = {value: passed("anonymous access is off", {f"{_AT}.allowBlobPublicAccess": value}) for value in (False, None)}
_DEFAULT_SCOPE = passed("uses the account's own key", {"containers.properties.defaultEncryptionScope": ACCOUNT_KEY})


@control("azure.storage.encryption-services", on="azure.storage.account")
def encryption_services(account: Resource, context: Context) -> Verdict:
    """It cannot be switched off since 2017: a FAIL is worth doubting before it is believed."""
    properties = _properties(account)
    if properties.get("encryption") is None:
        return warned("the answer has no encryption block", {f"{_AT}.encryption": None})
    blob = part(part(part(properties, ACCOUNTS, "encryption"), ACCOUNTS, "services"), ACCOUNTS, "blob")
    on = flag(blob, ACCOUNTS, "enabled")
    if on is True:
        return _BLOB_ON
    return (
        failed("blob service encryption is off", {f"{_AT}.encryption.services.blob.enabled": False})
        if on is False
        else unknown(_without("blob.enabled"))
    )


@control("azure.storage.key-source", on="azure.storage.account")
def key_source(account: Resource, context: Context) -> Verdict:
    """A key with a pinned version is as the policy says, and does not rotate."""
    encryption = _encryption(account)
    source = text(encryption, ACCOUNTS, "keySource")
    observed = account_class(
        source, text(part(encryption, ACCOUNTS, "identity"), ACCOUNTS, "federatedIdentityClientId")
    )
    if observed is KeyClass.UNKNOWN and source is not None:
        return strange(ACCOUNTS, "encryption.keySource", source)
    if (
        observed is KeyClass.CUSTOMER
        and account.encryption is not None
        and account.encryption.key_class is KeyClass.CUSTOMER_FOREIGN
    ):
        observed = KeyClass.CUSTOMER_FOREIGN
    facts: dict[str, Any] = {f"{_AT}.encryption.keySource": source}
    if observed is KeyClass.PROVIDER:
        return class_verdict(observed, context, "azure.storage.key-source", evidence=facts)
    entry = part(encryption, ACCOUNTS, "keyvaultproperties")
    facts |= {
        f"{_AT}.encryption.keyvaultproperties.{name}": entry.get(name)
        for name in ("keyvaulturi", "keyname", "keyversion")
    }
    verdict = class_verdict(observed, context, "azure.storage.key-source", ids=(account.link("key"),), evidence=facts)
    if verdict.status is not Status.PASS or observed is KeyClass.UNKNOWN:
        return verdict
    for name in ("keyvaulturi", "keyname"):
        expected(text(entry, ACCOUNTS, name), str, ACCOUNTS, f"keyvaultproperties.{name}")
    if optional(entry.get("keyversion"), str, ACCOUNTS, "keyvaultproperties.keyversion"):  # an empty one is none
        return warned("customer's key, pinned to one version: does not rotate by itself", verdict.evidence)
    return verdict


@control(
    "azure.storage.cmk-health", on=("azure.storage.account", "azure.storage.encryption-scope", "azure.keyvault.key")
)
def cmk_health(resource: Resource, context: Context) -> Verdict:
    """An expired key still decrypts for many services and breaks at the next rewrap: it fails at the worst time."""
    if resource.type == "azure.keyvault.key":
        return used_key_health(resource, context, _ON_ACCOUNTS, _NAME_ACCOUNTS)
    account = resource.type == "azure.storage.account"
    source = (
        text(_encryption(resource), ACCOUNTS, "keySource")
        if account
        else text(_told(resource, SCOPES), SCOPES, "source")
    )
    if account_class(source) is KeyClass.PROVIDER:
        return _NO_KEY
    if account_class(source) is KeyClass.UNKNOWN:
        return unknown("whose key protects it is not known")
    return vault_key_health(linked_key(resource, context), context.now)


@control("azure.storage.infrastructure-encryption", on="azure.storage.account")
def infrastructure_encryption(account: Resource, context: Context) -> Verdict:
    """A second layer under the platform's key; it cannot be changed after the account was made."""
    on = flag(_encryption(account), ACCOUNTS, "requireInfrastructureEncryption") is True
    facts = {f"{_AT}.encryption.requireInfrastructureEncryption": on}
    if on:
        return passed("a second layer is on", facts)
    if context.policy.mode("azure.storage.infrastructure-encryption") is KeyMode.DOUBLE:
        return failed("no second layer, policy asks for double", facts)
    return not_applicable("no second layer, and the policy asks for none", facts)


@control("azure.storage.secure-transfer", on="azure.storage.account")
def secure_transfer(account: Resource, context: Context) -> Verdict:
    """NFS 3.0 cannot use it; whoever needs that writes an exception."""
    properties = _properties(account)
    only = flag(properties, ACCOUNTS, "supportsHttpsTrafficOnly")
    if only is True:
        return _HTTPS
    if only is False:
        nfs = properties.get("isNfsV3Enabled") is True
        return failed(
            "accepts HTTP" + ("; NFS 3.0 needs that" if nfs else ""),
            {f"{_AT}.supportsHttpsTrafficOnly": False, f"{_AT}.isNfsV3Enabled": nfs},
        )
    return warned(
        "not said whether it refuses HTTP: the default differs with the account's age",
        {f"{_AT}.supportsHttpsTrafficOnly": None},
    )


@control("azure.storage.min-tls", on="azure.storage.account")
def min_tls(account: Resource, context: Context) -> Verdict:
    """The service refuses TLS below 1.2 on its own since 2026-02-03; a lax setting is still one."""
    version = text(_properties(account), ACCOUNTS, "minimumTlsVersion")
    match low(version):
        case "tls1_2":
            return _TLS
        case "tls1_3":
            return passed("minimum is TLS 1.3", {f"{_AT}.minimumTlsVersion": version})
        case None | "tls1_0" | "tls1_1":
            return warned(f"minimum is {version or 'not set, read as TLS1_0'}", {f"{_AT}.minimumTlsVersion": version})
    return strange(ACCOUNTS, "minimumTlsVersion", version)


@control("azure.storage.public-blob", on="azure.storage.account")
def public_blob(account: Resource, context: Context) -> Verdict:
    """Encryption at rest does not protect a blob that anybody may read."""
    allowed = flag(_properties(account), ACCOUNTS, "allowBlobPublicAccess")
    if not allowed:
        return _CLOSED[allowed]
    blobs = context.linked(account, "blob-service")
    if blobs is None:
        return unknown("anonymous access is allowed; its containers have not been listed")
    public = field_of(blobs, CONTAINERS, "publicContainers")
    if not isinstance(public, list):
        return unknown("anonymous access is allowed; its containers have not been listed")
    facts = {f"{_AT}.allowBlobPublicAccess": True, "containers.publicAccess": public[:10]}
    if public:
        more = f" and {len(public) - 1} more" if len(public) > 1 else ""
        return failed(f"anybody may read container {public[0]}{more}", facts)
    if untold := blobs.fields.get("containersUntold"):
        return unknown(f"container {untold[0]} does not say whether anybody may read it", evidence=facts)
    if blobs.fields.get("containersListed") is not True:
        return unknown("anonymous access was allowed after its containers were listed", evidence=facts)
    return warned("anonymous access is allowed, no container uses it", facts)


@control("azure.storage.encryption-scope", on="azure.storage.container")
def encryption_scope(container: Resource, context: Context) -> Verdict:
    """An account can be under Microsoft's keys while one container is under a customer's: a look at the account
    alone misses it.
    """
    properties = _told(container, CONTAINERS)
    name = text(properties, CONTAINERS, "defaultEncryptionScope") or ACCOUNT_KEY
    if low(name) == ACCOUNT_KEY:
        return _overridable(container, properties, context) or _DEFAULT_SCOPE
    scope = context.linked(container, "scope")
    if scope is None:
        return unknown(f"its encryption scope {name} has not been seen")
    entry = _told(scope, SCOPES)
    facts = {"containers.properties.defaultEncryptionScope": name} | {
        f"encryptionScopes.properties.{field}": entry.get(field) for field in ("source", "state")
    }
    state = low(text(entry, SCOPES, "state"))
    if state == "disabled":
        return failed(f"encryption scope {name} is disabled: its blobs cannot be read", facts)
    if state != "enabled":
        return strange(SCOPES, "state", entry.get("state"))
    source = text(entry, SCOPES, "source")
    observed = account_class(source)
    if observed is KeyClass.UNKNOWN and source is not None:
        return strange(SCOPES, "source", source)
    verdict = class_verdict(
        observed, context, "azure.storage.encryption-scope", ids=(scope.link("key"), scope.id), evidence=facts
    )
    return (_overridable(container, properties, context) or verdict) if verdict.status is Status.PASS else verdict


@control("azure.storage.blob-sample", on="azure.storage.object-sample")
def blob_sample(sample: Resource, context: Context) -> Verdict:
    """A sample proves a defect, never its absence: a PASS says how many were read. Whose key a scope has is the
    container's question.
    """
    fields = ("SampleOf", "ServerEncrypted", "CustomerProvidedKeys", "EncryptionScopes")
    facts = {f"{BLOBS}.{field}": field_of(sample, BLOBS, field) for field in fields}
    match tuple(facts.values()):
        case ([int(read), int(wanted)], {"true": int(), "false": int(plain), "absent": int(unsaid)}, int(supplied), _):
            pass
        case _:
            return unknown(f"{BLOBS} did not say how the sampled blobs are encrypted", evidence=facts)
    if min(read, wanted, plain, unsaid, supplied, *(many for many in facts[f"{BLOBS}.ServerEncrypted"].values())) < 0:
        return unknown(f"{BLOBS} did not count the sampled blobs", evidence=facts)
    if plain:
        return failed(f"{plain} of {read} sampled blobs are not server-encrypted", facts)
    theirs = class_verdict(KeyClass.SUPPLIED, context, "azure.storage.blob-sample", evidence=facts)
    sent = f"{supplied} of {read} sampled blobs: {theirs.reason}"
    if supplied and theirs.status is Status.FAIL:
        return failed(sent, facts)
    if unsaid:
        return unknown(f"{unsaid} of {read} sampled blobs came without ServerEncrypted", evidence=facts)
    if supplied and theirs.status is not Status.PASS:
        return Verdict(theirs.status, sent, facts)
    if read < wanted:
        return warned(f"sample {read} of {wanted}: fewer could be read than asked for", facts)
    return (
        passed(f"sample {read} of {wanted}: all server-encrypted", facts) if read else not_applicable("no blobs", facts)
    )


def _overridable(container: Resource, properties: Mapping[str, Any], context: Context) -> Verdict | None:
    """Whoever writes a blob may choose another scope, and there is one with another source."""
    if flag(properties, CONTAINERS, "denyEncryptionScopeOverride") is True:
        return None
    blobs = context.linked(container, "blob-service")
    if blobs is None:
        return unknown("a writer may choose another scope, and those of its account have not been listed")
    sources = expected(field_of(blobs, SCOPES, "encryptionScopes"), dict, SCOPES, "encryptionScopes")
    classes = {account_class(text(sources, SCOPES, name)) for name in sources}
    if KeyClass.UNKNOWN in classes:
        return unknown("a writer may choose another scope, and whose key one of them is under is not said")
    if len(classes) < 2:
        return None
    return warned(
        "a writer may choose another scope, and their sources differ",
        {"containers.properties.denyEncryptionScopeOverride": False, "scopes": sources},
    )


def _encryption(account: Resource) -> dict[str, Any]:
    return expected(_properties(account).get("encryption"), dict, ACCOUNTS, "encryption")


def _properties(account: Resource) -> dict[str, Any]:
    return _told(account, ACCOUNTS)


def _told(resource: Resource, operation: str) -> dict[str, Any]:
    found = field_of(resource, operation, "properties")
    if not isinstance(found, dict) or not found:
        raise NoAnswer(unknown(f"{operation} answered without properties"))
    return found


def _without(field: str) -> str:
    return f"{ACCOUNTS} answered without {field}"
