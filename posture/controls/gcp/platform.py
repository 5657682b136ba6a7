"""What stands around the storage: GKE's secrets, the load balancers' TLS, and the second step of the people."""

from collections.abc import Iterator, Mapping
from typing import Any

from posture.context import Context
from posture.controls.gcp.keys import class_of, class_verdict
from posture.controls.registry import control
from posture.fields import flag, part, parts, strange, text
from posture.policy import KeyMode
from posture.reading import expected, field_of, optional, time_of
from posture.resource import Resource
from posture.verdict import EvidenceClass, Verdict, failed, passed, unanswered, unknown, warned

LIST_CLUSTERS = "container.clusters.list"
LIST_SSL_POLICIES = "compute.sslPolicies.aggregatedList"
LIST_URL_MAPS = "compute.urlMaps.aggregatedList"
LIST_USERS = "directory.users.list"
PROXIES = {
    "gcp.compute.https-proxy": "compute.targetHttpsProxies.aggregatedList",
    "gcp.compute.ssl-proxy": "compute.targetSslProxies.list",
    "gcp.compute.http-proxy": "compute.targetHttpProxies.aggregatedList",
}
"""Type -> its listing."""
PENDING_LIMIT = 3600.0
"""A change of GKE's encryption that takes longer than this many seconds is a WARN."""
_ON = {"ENCRYPTED", "ALL_OBJECTS_ENCRYPTION_ENABLED"}
_CURRENT = {
    "",
    *_ON,
    "DECRYPTED",
    *(f"{kind}_PENDING" for kind in ("ENCRYPTION", "DECRYPTION", "ALL_OBJECTS_ENCRYPTION")),
}
"""What a cluster may be at, beside an error; older ones do not say."""
_NOT_ON = {"DECRYPTED", "DECRYPTION_PENDING"}
"""What a cluster is not at that is set to encrypt."""
_OLD = {"TLS_1_0", "TLS_1_1"}
_SOUND = ("TLS_ECDHE_", "TLS_AES_", "TLS_CHACHA20_")
_STRONG = {"MODERN", "RESTRICTED", "FIPS_202205"}


@control("gcp.gke.secrets-encryption", on="gcp.container.cluster")
def secrets_encryption(cluster: Resource, context: Context) -> Verdict:
    """`DECRYPTED` means no layer of the application's own, not plaintext on the disk."""
    block = field_of(cluster, LIST_CLUSTERS, "databaseEncryption")
    if not isinstance(block, dict) or not block.get("state"):
        return unknown(f"{LIST_CLUSTERS} answered without databaseEncryption.state")
    state, name = text(block, LIST_CLUSTERS, "state"), text(block, LIST_CLUSTERS, "keyName")
    current = (text(block, LIST_CLUSTERS, "currentState") or "").removeprefix("CURRENT_STATE_")
    evidence = {
        f"{LIST_CLUSTERS}.databaseEncryption.{field}": block[field]
        for field in ("state", "currentState", "keyName")
        if block.get(field)
    }
    if current.endswith("_ERROR"):
        return _ended_in_error(block, current, evidence)
    if current not in _CURRENT:
        return strange(LIST_CLUSTERS, "databaseEncryption.currentState", block.get("currentState"))
    since = cluster.fields.get("pendingSince")
    until = None
    if current.endswith("_PENDING") and since:
        until = time_of(since, LIST_CLUSTERS, "pendingSince") + PENDING_LIMIT
        if context.now >= until:
            return warned(f"encryption of secrets is {current} since {since}", evidence)
    if state not in _ON and state != "DECRYPTED":
        return unknown(f"databaseEncryption.state is {state}", evidence=evidence)
    if state in _ON and current in _NOT_ON:
        return unknown(
            f"databaseEncryption.state is {state}, but currentState is {block['currentState']}", evidence=evidence
        )
    mode = context.policy.mode("gcp.gke.secrets-encryption")
    if state not in _ON and mode in {KeyMode.CUSTOMER_MANAGED, KeyMode.DOUBLE}:
        return failed(
            "secrets have no layer of encryption of their own, and the policy asks for a customer's key", evidence
        )
    if mode is KeyMode.CUSTOMER_MANAGED:
        whose = class_of({"kmsKeyName": name}, cluster, context.policy)
        return class_verdict(whose, context, "gcp.gke.secrets-encryption", name, evidence)
    if state in _ON:
        return passed(
            "secrets are encrypted under a customer's key, beside the disk's encryption", evidence, until=until
        )
    return passed("secrets are encrypted with the disk, by Google's key", evidence, until=until)


def _ended_in_error(block: dict[str, Any], current: str, evidence: dict[str, Any]) -> Verdict:
    errors = [
        str(error.get("errorMessage", ""))
        for error in block.get("lastOperationErrors") or ()
        if isinstance(error, dict)
    ]
    return failed(
        f"encryption of secrets is {current}",
        {**evidence, f"{LIST_CLUSTERS}.databaseEncryption.lastOperationErrors": errors},
    )


@control("gcp.lb.ssl-policy", on=tuple(PROXIES))
def ssl_policy(proxy: Resource, context: Context) -> Verdict:
    """A proxy that speaks TLS is as strict as its SSL policy; one that speaks HTTP may only send people to HTTPS."""
    if proxy.type == "gcp.compute.http-proxy":
        return _redirects(proxy)
    operation = PROXIES[proxy.type]
    url = optional(field_of(proxy, operation, "sslPolicy"), str, operation, "sslPolicy")
    if url is None and LIST_SSL_POLICIES in proxy.faults:
        return unanswered(proxy.faults[LIST_SSL_POLICIES])
    if url is None:
        return failed("no SSL policy: Google's default allows TLS 1.0", {f"{operation}.sslPolicy": None})
    policy = field_of(proxy, LIST_SSL_POLICIES, "policy")
    if not isinstance(policy, dict) or not policy.get("minTlsVersion"):
        return unknown(
            f"its SSL policy {str(url).rpartition('/')[2]} has not been seen", evidence={f"{operation}.sslPolicy": url}
        )
    minimum, profile = text(policy, LIST_SSL_POLICIES, "minTlsVersion"), text(policy, LIST_SSL_POLICIES, "profile")
    evidence: dict[str, Any] = {f"{LIST_SSL_POLICIES}.minTlsVersion": minimum, f"{LIST_SSL_POLICIES}.profile": profile}
    if minimum in _OLD:
        return failed(f"allows {minimum}", evidence)
    if minimum not in {"TLS_1_2", "TLS_1_3"}:
        return strange(LIST_SSL_POLICIES, "minTlsVersion", minimum)
    if profile not in {*_STRONG, "CUSTOM", "COMPATIBLE"}:
        return strange(LIST_SSL_POLICIES, "profile", profile)
    if profile in _STRONG or minimum == "TLS_1_3":
        return passed(f"{minimum} at least, profile {profile}", evidence)
    features = optional(policy.get("enabledFeatures"), list, LIST_SSL_POLICIES, "enabledFeatures") or []
    names = [expected(feature, str, LIST_SSL_POLICIES, "enabledFeatures") for feature in features]
    weak = sorted(name for name in names if name.startswith("TLS_RSA_") or "3DES" in name)
    if weak or profile == "COMPATIBLE":
        return warned(
            f"{minimum} at least, but profile {profile} allows weak ciphers",
            {**evidence, f"{LIST_SSL_POLICIES}.enabledFeatures": weak},
        )
    unheard = next((name for name in names if not name.startswith(_SOUND)), None)
    if not names or unheard is not None:
        return strange(LIST_SSL_POLICIES, "enabledFeatures", unheard)
    return passed(f"{minimum} at least, no weak cipher among its own", evidence)


def _redirects(proxy: Resource) -> Verdict:
    url = expected(field_of(proxy, PROXIES[proxy.type], "urlMap"), str, PROXIES[proxy.type], "urlMap")
    found = field_of(proxy, LIST_URL_MAPS, "map")
    if not isinstance(found, dict):
        return unknown(
            f"its URL map {str(url).rpartition('/')[2]} has not been seen",
            evidence={f"{PROXIES[proxy.type]}.urlMap": url},
        )
    serving = list(_serving(found))  # raises where a part is not what it should be
    evidence = {f"{PROXIES[proxy.type]}.urlMap": url, f"{LIST_URL_MAPS}.serves": serving}
    if serving:
        return failed(f"serves over plain HTTP: {serving[0]}", evidence)
    return passed("everything is redirected to HTTPS", evidence)


def _serving(url_map: Mapping[str, Any]) -> Iterator[str]:
    """The ways through a URL map that do not end in a redirect to HTTPS."""
    if not _https(url_map, "defaultUrlRedirect"):
        yield "defaultService"
    for matcher in parts(url_map, LIST_URL_MAPS, "pathMatchers") or ():
        name = matcher.get("name", "?")
        if not _https(matcher, "defaultUrlRedirect"):
            yield f"pathMatchers[{name}].defaultService"
        for rules in ("pathRules", "routeRules"):
            if any(not _https(rule, "urlRedirect") for rule in parts(matcher, LIST_URL_MAPS, rules) or ()):
                yield f"pathMatchers[{name}].{rules}"


def _https(way: Mapping[str, Any], field: str) -> bool:
    return flag(part(way, LIST_URL_MAPS, field), LIST_URL_MAPS, "httpsRedirect") is True


@control("gcp.identity.2sv", on="gcp.workspace")
def two_step(workspace: Resource, context: Context) -> Verdict:
    """The directory's word where it may be read, else a person's, marked as such."""
    attested = workspace.fields.get("attested")
    if attested and ("users" not in workspace.fields or LIST_USERS in workspace.faults):
        words, facts = (
            f"on the word of {attested['by']}, {attested['on']}",
            {"two_step.enforced": attested["enforced"], "two_step.attested_by": attested["by"]},
        )
        if attested["enforced"]:
            return passed(f"2-step verification is enforced, {words}", facts, by=EvidenceClass.ATTESTED)
        return warned(f"2-step verification is not enforced, {words}", facts)
    users = field_of(workspace, LIST_USERS, "users")
    if not isinstance(users, dict):
        return unknown(f"{LIST_USERS} answered without users")
    evidence = {f"{LIST_USERS}.{name}": value for name, value in users.items()}
    admins = expected(users.get("adminsNotEnrolled"), list, LIST_USERS, "adminsNotEnrolled")
    active, enforced, enrolled = (
        expected(users.get(name), int, LIST_USERS, name) for name in ("active", "notEnforced", "notEnrolled")
    )
    untold = optional(users.get("untold"), int, LIST_USERS, "untold")
    if admins:
        return failed(f"{len(admins)} active administrators are not enrolled", evidence)
    if active < 1 or enforced < 0 or enrolled < 0:
        return unknown("the directory names no active user", evidence=evidence)
    if untold:
        return unknown(f"the directory does not say of {untold} users whether they are enrolled", evidence=evidence)
    if enforced:
        return warned(f"2-step verification is not enforced for {enforced} of {active} users", evidence)
    if enrolled:
        return warned(f"enforced, but {enrolled} of {active} users are not enrolled yet", evidence)
    return passed(f"all {active} active users are enrolled, and must be", evidence)
