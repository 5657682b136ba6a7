"""SSL certificates of load balancers: those in use are valid, and those that Google manages renew."""

from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.controls.tls.certificate import lines
from posture.fields import part, text
from posture.policy import DAY
from posture.reading import expected, field_of, optional, time_of, word
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unknown, warned

_LIST = "compute.sslCertificates.aggregatedList"
_FAILED = frozenset({"PROVISIONING_FAILED", "PROVISIONING_FAILED_PERMANENTLY"})
_STATES = _FAILED | {"ACTIVE", "PROVISIONING", "RENEWAL_FAILED"}
_DOMAINS = frozenset(
    {
        *("ACTIVE", "PROVISIONING", "FAILED_CAA_CHECKING", "FAILED_CAA_FORBIDDEN", "FAILED_NOT_VISIBLE"),
        *("FAILED_RATE_LIMITED", "DOMAIN_STATUS_UNSPECIFIED"),
    }
)
_MANAGED_LIFE, _BROUGHT_LIFE = 90 * DAY, 365 * DAY
"""How long a certificate of Google's is valid; of one that was brought, Compute does not say."""
_PROXIES = frozenset({"load-balancers"})
"""The service whose resources point at certificates."""


@control("gcp.lb.certificate", on="gcp.compute.ssl-certificate")
def certificate(certificate: Resource, context: Context) -> Verdict:
    """One that no proxy names is noise. The lines are those of `tls.cert-expiry`."""
    said = optional(field_of(certificate, _LIST, "type"), str, _LIST, "type")
    kind = "SELF_MANAGED" if said is None else word(said, {"MANAGED", "SELF_MANAGED"}, _LIST, "type")
    facts: dict[str, Any] = {f"{_LIST}.type": kind, f"{_LIST}.expireTime": certificate.fields.get("expireTime")}
    if not any(context.users(certificate)):
        if silent := context.unanswered(certificate, _PROXIES.__contains__):
            return unknown(f"whether a proxy uses it is not known: {silent.id} is {silent.state}", silent.fault, facts)
        return not_applicable("no proxy uses it", facts)
    stuck = ""
    if kind == "MANAGED":
        state, stuck = _managed(certificate, facts)
        if state in _FAILED:
            return failed(f"in use, and {state}", facts)
        if state == "PROVISIONING":
            return warned("in use, and not provisioned yet", facts)
    ends = time_of(field_of(certificate, _LIST, "expireTime"), _LIST, "expireTime")
    left, (warn, critical) = ends - context.now, lines(_MANAGED_LIFE if kind == "MANAGED" else _BROUGHT_LIFE)
    if left <= critical:
        return failed(f"in use, {_left(left)}", facts, until=ends if left > 0 else None)
    if stuck:
        return warned(f"{stuck}; {_left(left)}", facts, until=ends - critical)
    if left <= warn:
        who = "not renewed yet" if kind == "MANAGED" else "nobody renews one that was brought"
        return warned(f"{_left(left)}; {who}", facts, until=ends - critical)
    return passed(f"valid until {certificate.fields['expireTime']}", facts, until=ends - warn)


def _managed(certificate: Resource, facts: dict[str, Any]) -> tuple[str, str]:
    """The state of a certificate that Google manages, and what keeps its renewal; empty for nothing."""
    managed = expected(field_of(certificate, _LIST, "managed"), dict, _LIST, "managed")
    state = word(text(managed, _LIST, "status"), _STATES, _LIST, "managed.status")
    domains = {
        name: word(said, _DOMAINS, _LIST, f"managed.domainStatus[{name}]")
        for name, said in part(managed, _LIST, "domainStatus").items()
    }
    facts |= {f"{_LIST}.managed.status": state, f"{_LIST}.managed.domainStatus": domains}
    if state == "RENEWAL_FAILED":
        return state, "renewal failed"
    bad = next((name for name, said in sorted(domains.items()) if said.startswith("FAILED")), None)
    return state, "" if bad is None else f"{bad}: {domains[bad]}"


def _left(seconds: float) -> str:
    return f"{seconds / DAY:.0f} days left" if seconds > 0 else "expired"
