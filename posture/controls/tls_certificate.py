"""Certificates and chains: in date, for this name, from somebody trusted, strong, not taken back, and changed only as expected.

An expired certificate that is also of another name is two findings: every question is asked apart, where OpenSSL names one error only.
"""

import ipaddress
from collections.abc import Sequence
from typing import Any

from posture.clock import Utc, age, parse_rfc3339
from posture.controls.reading import NoAnswer, instant
from posture.controls.registry import Context, control
from posture.controls.tls_reading import Fields, addresses, certificates, every_address, facts, fresh_until, guideline, in_full, talked
from posture.policy import DAY
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

ENDPOINT, CERTIFICATE = "tls.endpoint", "tls.certificate"
# CA/B ballot SC-081v3: days a public certificate may live, by the day it was issued.
_LIMITS: tuple[tuple[Utc, int], ...] = tuple(
    (parse_rfc3339(f"{day}T00:00:00Z"), days) for day, days in (("2029-03-15", 47), ("2027-03-15", 100), ("2026-03-15", 200), ("1970-01-01", 398))
)
SHORT_LIVED = 7 * DAY
_UNEXPECTED: float = 7 * DAY
"""How long a change of issuer or key type stays a warning."""
_DATES, _LOCAL = frozenset({9, 10}), frozenset({66, 67, 68})
"""OpenSSL's verify codes (x509_vfy.h): not yet valid, expired; key too small, CA key too small, CA digest too weak: judged by controls of their own."""


@control("tls.cert-expiry", on=(ENDPOINT, CERTIFICATE))
def cert_expiry(resource: Resource, see: Context) -> Verdict:
    """The lines scale with the certificate's own life: 47-day certificates, renewed with 16 days left, are not amber for ever."""
    if resource.type == CERTIFICATE:
        return _expiry(_served(resource), see.now)
    return every_address(resource, see, lambda fields, endpoint, see: _expiry(certificates(fields, endpoint)[0], see.now))


def _expiry(leaf: Fields, now: Utc) -> Verdict:
    begins, ends = _dates(leaf)
    life, left = ends - begins, ends - now
    warn, critical = lines(life)
    evidence = {
        "NotBefore": leaf["NotBefore"],
        "NotAfter": leaf["NotAfter"],
        "warn_below_days": round(warn / DAY, 2),
        "fail_below_days": round(critical / DAY, 2),
    }
    lived = f"of {life / DAY:.0f} d"
    if now < begins:
        return failed(f"not valid before {leaf['NotBefore']}, in {age(begins - now)}", evidence, until=begins)
    if left <= 0:
        return failed(f"expired {_past(now - ends)} ago", evidence)
    if left <= critical:
        return failed(f"{_left(left)} left {lived}", evidence, until=ends)
    if left <= warn:
        return warned(f"{_left(left)} left {lived}", evidence, until=ends - critical)
    return passed(f"valid until {leaf['NotAfter']}", evidence, until=ends - warn)


def lines(life: float) -> tuple[float, float]:
    """(warn, critical): seconds left below which a certificate of this life is amber, and red (CONTROLS.md 10)."""
    if life < 30 * DAY:
        return 0.25 * life, 0.125 * life
    return max(7 * DAY, min(30 * DAY, 0.25 * life)), max(3 * DAY, min(14 * DAY, 0.125 * life))


def _left(seconds: float) -> str:
    """`5 d`, and finer below two days; said once, when it is judged: the countdown beside it ticks."""
    return f"{seconds / DAY:.0f} d" if seconds >= 2 * DAY else f"{seconds / 3600:.0f} h"


def _past(seconds: float) -> str:
    return f"{seconds / DAY:.0f} d" if seconds >= DAY else age(seconds)


def _dates(leaf: Fields) -> tuple[Utc, Utc]:
    return instant(leaf.get("NotBefore"), "tls:Connect", "NotBefore"), instant(leaf.get("NotAfter"), "tls:Connect", "NotAfter")


def _served(certificate: Resource) -> Fields:
    """A certificate that an endpoint sends now. Raises `NoAnswer` for one that was sent when its endpoints last answered."""
    if certificate.faults:
        raise NoAnswer(unanswered(next(iter(certificate.faults.values()))))
    found = facts(certificate.fields)
    if "LastServed" in found:
        raise NoAnswer(unknown(f"none of its endpoints answers; last served {found['LastServed']}"))
    return found


@control("tls.cert-lifetime", on=(ENDPOINT, CERTIFICATE))
def cert_lifetime(resource: Resource, see: Context) -> Verdict:
    """Only public authorities are bound."""
    if resource.type == CERTIFICATE:
        return _lifetime(_served(resource), resource.fields.get("RootStore"), see)
    return every_address(resource, see, lambda fields, endpoint, see: _lifetime(certificates(fields, endpoint)[0], _trust(fields).get("RootStore"), see))


def _lifetime(leaf: Fields, store: Any, see: Context) -> Verdict:
    if leaf.get("IsCa"):
        return not_applicable("a certificate of an authority")
    if store != "system":
        return not_applicable("does not lead to a public root: no limit binds it")
    begins, ends = _dates(leaf)
    days = (ends - begins) / DAY
    limit = next(limit for since, limit in _LIMITS if begins >= since)
    name, wanted = guideline(see.policy)
    evidence = {"days": round(days, 2), "limit_days": limit, "NotBefore": leaf["NotBefore"], "guideline": f"CA/B SC-081v3; {name}"}
    if days > limit + 1 / 86400:
        return warned(f"lives {days:.0f} d, {limit} are allowed for one issued {leaf['NotBefore'][:10]}", evidence)
    if days > wanted["maximum_certificate_lifespan"]:
        return warned(f"lives {days:.0f} d, the profile allows {wanted['maximum_certificate_lifespan']}", evidence)
    return passed(f"lives {days:.0f} d of {limit} allowed", evidence)


@control("tls.hostname", on=ENDPOINT)
def hostname(endpoint: Resource, see: Context) -> Verdict:
    """RFC 9525: subject alternative names only, a wildcard stands for one label, the left-most."""
    return every_address(endpoint, see, _hostname)


def _hostname(fields: Fields, endpoint: Resource, see: Context) -> Verdict:
    leaf, host = certificates(fields, endpoint)[0], str(endpoint.fields.get("Host", ""))
    names, numbers = _texts(leaf.get("DnsNames")), _texts(leaf.get("IpAddresses"))
    evidence = {"host": host, "DnsNames": names[:20], "IpAddresses": numbers[:20]}
    if (address := _address(host)) is not None:
        if address in {_address(number) for number in numbers}:
            return passed("names this address", evidence)
        return failed(f"does not name {host}", evidence)
    lower = [name.lower().rstrip(".") for name in names]
    if host in lower:
        return passed("names this host", evidence)
    _, dot, above = host.partition(".")
    if dot and "." in above and f"*.{above}" in lower:
        if not see.policy.tls.shared_wildcards:
            return warned(f"named only by *.{above}", evidence)
        return passed(f"named by *.{above}", evidence)
    if leaf.get("NamesInAll"):
        return unknown(f"not among the first {len(names)} of its {leaf['NamesInAll']} names", evidence=evidence)
    shown = ", ".join([*names, *numbers][:3]) or "nobody"
    return failed(f"names {shown}, not {host}", evidence)


def _texts(found: Any) -> list[str]:
    return [str(one) for one in found] if isinstance(found, list | tuple) else []


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@control("tls.chain-trust", on=ENDPOINT)
def chain_trust(endpoint: Resource, see: Context) -> Verdict:
    """What an API client says of the chain, with the defect named: browsers fetch what was not sent, clients do not."""
    return every_address(endpoint, see, _chain)


def _chain(fields: Fields, endpoint: Resource, see: Context) -> Verdict:
    chain, trust, code = certificates(fields, endpoint), _trust(fields), fields.get("VerifyCode")
    evidence = {"tls:Connect.VerifyCode": code, "tls:Connect.VerifyText": fields.get("VerifyText"), "trust": trust, "sent": len(chain)}
    match trust.get("End"):
        case "trusted":
            return _trusted(chain, trust, code, fields, evidence, see)
        case "self-signed":
            return failed("self-signed", evidence)
        case "missing-intermediate":
            return failed(f"an intermediate is missing: {trust.get('Missing')} was not sent", evidence)
        case "unknown-issuer":
            return failed(f"unknown issuer: {trust.get('Missing')} is not trusted", evidence)
        case _:
            return unknown("the chain cannot be read", evidence=evidence)


def _trusted(chain: Sequence[Fields], trust: Fields, code: Any, fields: Fields, evidence: dict[str, Any], see: Context) -> Verdict:
    ends = []
    for above in chain[1:]:
        begins, until = _dates(above)
        if not begins <= see.now < until:
            return failed(f"the intermediate {above.get('CommonName')} is out of date ({above['NotAfter']})", evidence)
        ends.append(until)
    turns = min(ends, default=None)
    if isinstance(code, int) and code not in {0, *_DATES, *_LOCAL}:
        return failed(f"does not verify: {fields.get('VerifyText')} ({code})", evidence, until=turns)
    if trust.get("RootStore") != "system" and see.policy.tls.trust == "public":
        return warned(f"leads to {trust.get('Root')}, a private root where the policy expects a public one", evidence, until=turns)
    if trust.get("RootSent"):
        return warned("the root is sent too, needlessly", evidence, until=turns)
    return passed(f"leads to {trust.get('Root')}", evidence, until=turns)


def _trust(fields: Fields) -> Fields:
    found = talked(fields).get("Trust")
    if not isinstance(found, dict):
        raise NoAnswer(unknown("no certificate was obtained"))
    return found


@control("tls.key-strength", on=(ENDPOINT, CERTIFICATE))
def key_strength(resource: Resource, see: Context) -> Verdict:
    """The key of the leaf."""
    if resource.type == CERTIFICATE:
        return _strength(_served(resource), see)
    return every_address(resource, see, lambda fields, endpoint, see: _strength(certificates(fields, endpoint)[0], see))


def _strength(leaf: Fields, see: Context) -> Verdict:
    kind, bits = leaf.get("KeyType"), leaf.get("KeyBits")
    name, wanted = guideline(see.policy)
    evidence = {"KeyType": kind, "KeyBits": bits, "Curve": leaf.get("Curve"), "guideline": name}
    if not isinstance(bits, int):
        return unknown("its key cannot be read", evidence=evidence)
    label = f"{kind} {leaf.get('Curve') or bits}"
    match kind:
        case "RSA" if bits < 2048:
            return failed(label, evidence)
        case "RSA" if bits > 4096:
            return warned(f"{label}: costs every handshake dearly", evidence)
        case "RSA" if not wanted["rsa_key_size"]:
            return warned(f"{label}, where the profile wants ECDSA", evidence)
        case "EC" if bits < 256:
            return failed(label, evidence)
        case "DSA":
            return failed(label, evidence)
        case "RSA" | "EC" | "Ed25519" | "Ed448":
            return passed(label, evidence)
        case _:
            return unknown(f"a key of an unknown kind, {kind}", evidence=evidence)


@control("tls.signature", on=(ENDPOINT, CERTIFICATE))
def signature(resource: Resource, see: Context) -> Verdict:
    """Of every certificate but the roots, whose own signature does not matter."""
    if resource.type == CERTIFICATE:
        return _signatures([_served(resource)])
    return every_address(resource, see, lambda fields, endpoint, see: _signatures(certificates(fields, endpoint)))


def _signatures(chain: Sequence[Fields]) -> Verdict:
    signed = [(one.get("CommonName"), str(one.get("SignatureHash", ""))) for one in chain if not (one.get("SelfIssued") and one.get("IsCa"))]
    if not signed:
        return not_applicable("a root's own signature does not matter")
    evidence = {"SignatureHash": [hash_ for _, hash_ in signed]}
    for name, hash_ in signed:
        if hash_.startswith(("SHA1", "SHA-1", "MD5", "MD2")):
            return failed(f"{name} is signed with {hash_.replace('SHA1', 'SHA-1')}", evidence)
        if not hash_:
            return unknown(f"the signature of {name} cannot be read", evidence=evidence)
    return passed(f"signed with {', '.join(dict.fromkeys(hash_ for _, hash_ in signed))}", evidence)


@control("tls.revocation", on=(ENDPOINT, CERTIFICATE))
def revocation(resource: Resource, see: Context) -> Verdict:
    """By the staple, else by the CRL. A revoked certificate verifies as fine: nobody else would notice."""
    if resource.type == CERTIFICATE:
        leaf = _served(resource)
        if leaf.get("IsCa"):
            return not_applicable("a certificate of an authority")
        if (short := _short_lived(leaf)) is not None:
            return short
        if "Revocation" not in leaf:
            return unknown("the full pass has not come to this certificate yet")
        return _revoked(leaf["Revocation"], leaf.get("FullAt"), fresh_until(leaf, see, "FullAt", "FullEvery"), see.now)
    return every_address(resource, see, _revocation)


def _revocation(fields: Fields, endpoint: Resource, see: Context) -> Verdict:
    if (short := _short_lived(certificates(fields, endpoint)[0])) is not None:
        return short
    full, until = in_full(fields, see)
    return _revoked(full.get("Revocation"), full.get("At"), until, see.now)


def _short_lived(leaf: Fields) -> Verdict | None:
    begins, ends = _dates(leaf)
    return not_applicable("lives 7 days at most: it ends sooner than news of it would come") if ends - begins <= SHORT_LIVED else None


def _revoked(told: Any, at: Any, until: Utc, now: Utc) -> Verdict:
    if not isinstance(told, dict):
        return unknown("revocation was not looked at")
    by = told.get("By")
    evidence = {**{f"tls:Revocation.{name}": value for name, value in told.items()}, "at": at}
    match told.get("Status"):
        case "revoked":
            return failed(f"revoked at {told.get('RevokedAt')} ({told.get('Reason')}), says the {by}", evidence, until=until)
        case "good":
            following = told.get("NextUpdate")
            ends = instant(following, "tls:Revocation", "NextUpdate") if following is not None else None
            if ends is not None and ends <= now:
                return warned(f"good, but the {by} is out of date since {following}", evidence, until=until)
            return passed(f"not revoked, says the {by}", evidence, until=until if ends is None else min(until, ends))
        case "unknown":
            return unknown(f"the {by} does not know this certificate", evidence=evidence)
        case _:
            return unknown(str(told.get("Why") or "neither staple nor CRL"), evidence=evidence)


@control("tls.must-staple", on=ENDPOINT)
def must_staple(endpoint: Resource, see: Context) -> Verdict:
    """A must-staple certificate without its staple is refused by those clients that look."""
    return every_address(endpoint, see, _staple)


def _staple(fields: Fields, endpoint: Resource, see: Context) -> Verdict:
    if not certificates(fields, endpoint)[0].get("MustStaple"):
        return passed("not a must-staple certificate", {"MustStaple": False})
    full, until = in_full(fields, see)
    evidence = {"MustStaple": True, "tls:Hellos.Staple": full.get("Staple"), "at": full.get("At")}
    match full.get("Staple"):
        case "sent":
            return passed("stapled", evidence, until=until)
        case "none":
            return failed("must staple, and does not", evidence, until=until)
        case _:
            return unknown("its staple could not be seen", evidence=evidence)


@control("tls.cert-change", on=ENDPOINT)
def cert_change(endpoint: Resource, see: Context) -> Verdict:
    """A renewal by the same issuer is expected; another issuer, or replicas that disagree, is not."""
    leafs: dict[str, Fields] = {}
    for _, fields in addresses(endpoint):
        if fields.get("Outcome") == "ok" and fields.get("Chain"):
            leafs[fields["Chain"][0]] = certificates(fields, endpoint)[0]
    if not leafs:
        return unknown("no certificate was obtained")
    evidence: dict[str, Any] = {"Sha256": list(leafs)}
    issuers = [str(leaf.get("Issuer", "")) for leaf in leafs.values()]
    if (allowed := see.policy.tls.allowed_issuers) and (strange := [one for one in issuers if not any(name.lower() in one.lower() for name in allowed)]):
        return failed(f"issuer not allowed: {strange[0]}", {**evidence, "allowed_issuers": list(allowed)})
    change = endpoint.fields.get("Change")
    if not isinstance(change, dict):
        return warned(f"its addresses serve {len(leafs)} different certificates", evidence) if len(leafs) > 1 else passed("as first seen", evidence)
    return _changed(change, len(leafs), bool(endpoint.fields.get("Alternates")), {**evidence, "Change": change}, see.now)


def _changed(change: dict[str, Any], many: int, alternates: bool, evidence: dict[str, Any], now: Utc) -> Verdict:
    at, old, new = change.get("At"), str(change.get("From", ""))[:12], str(change.get("To", ""))[:12]
    told = f"{old}… became {new}… at {at}"
    until = instant(at, "tls:Connect", "Change.At") + _UNEXPECTED
    for same, field, word in ((_same_issuer(change), "IssuerName", "issuer"), (change.get("FromKeyType") == change.get("ToKeyType"), "KeyType", "key type")):
        if not same and now < until:
            return warned(f"another {word}: {change.get(f'From{field}')} became {change.get(f'To{field}')}; {told}", evidence, until=until)
    if alternates:
        return warned(f"replicas serve different certificates by turns: {told}", evidence)
    if many > 1:
        return warned(f"its addresses serve {many} different certificates: {told}", evidence)
    return passed(f"renewed by {change.get('ToIssuerName')}: {told}", evidence)


def _same_issuer(change: Fields) -> bool:
    """By its organization: an authority issues from several intermediates by turns (Let's Encrypt R10, R11...)."""
    field = "IssuerOrganization" if change.get("FromIssuerOrganization") else "IssuerName"
    return change.get(f"From{field}") == change.get(f"To{field}")
