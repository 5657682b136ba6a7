"""Certificates and chains: in date, for this name, from somebody trusted, strong, not taken back, and changed only as
expected.

An expired certificate that is also of another name is two findings: every question is asked apart, where OpenSSL names
one error only.
"""

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from posture.aws.edge import is_own_name
from posture.clock import Utc, age, parse_rfc3339
from posture.context import Context
from posture.controls.registry import control
from posture.controls.tls.chain import PUBLIC_STORES, authorities, dates, judge_chain, key_label, weak_key
from posture.controls.tls.reading import (
    Fields,
    addresses,
    certificates,
    every_address,
    facts,
    fresh_until,
    guideline,
    in_full,
    leaf_of,
    of_leaf,
    part,
    talked,
)
from posture.controls.tls.revocation import judge_revocation
from posture.door_index import DISCOVERY
from posture.policy import DAY
from posture.reading import NoAnswer, time_of
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unanswered, unknown, warned

ENDPOINT, CERTIFICATE = "tls.endpoint", "tls.certificate"
_GOOD_HASHES = ("SHA256", "SHA384", "SHA512", "SHA3-256", "SHA3-384", "SHA3-512", "ed25519", "ed448")
_BROKEN_HASHES = ("SHA1", "MD5", "MD4", "MD2")
"""As `cryptography` names the hash of a signature, and the signatures that bring their own; tuples, since a strange
word need not be hashable.
"""
# CA/B ballot SC-081v3: days a public certificate may live, by the day it was issued.
_LIMITS: tuple[tuple[Utc, int], ...] = tuple(
    (parse_rfc3339(f"{day}T00:00:00Z"), days)
    for day, days in (("2029-03-15", 47), ("2027-03-15", 100), ("2026-03-15", 200), ("1970-01-01", 398))
)
SHORT_LIVED = 7 * DAY
_UNEXPECTED: float = 7 * DAY
"""How long a change of issuer or key type stays a warning."""


@control("tls.cert-expiry", on=(ENDPOINT, CERTIFICATE))
def cert_expiry(resource: Resource, context: Context) -> Verdict:
    """The lines scale with the certificate's own life: 47-day certificates, renewed with 16 days left, are not amber
    for ever.
    """
    if resource.type == CERTIFICATE:
        return _expiry(_served(resource), context.now)
    return every_address(
        resource,
        context,
        lambda fields, endpoint, context: of_leaf(fields, endpoint, lambda leaf: _expiry(leaf, context.now)),
    )


def _expiry(leaf: Fields, now: Utc) -> Verdict:
    begins, ends = dates(leaf)
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
    """(warn, critical): seconds left below which a certificate of this life is amber, and red."""
    if life < 30 * DAY:
        return 0.25 * life, 0.125 * life
    return max(7 * DAY, min(30 * DAY, 0.25 * life)), max(3 * DAY, min(14 * DAY, 0.125 * life))


def _left(seconds: float) -> str:
    """`5 d`, and finer below two days; said once, when it is judged: the countdown beside it ticks."""
    return f"{seconds / DAY:.0f} d" if seconds >= 2 * DAY else f"{seconds / 3600:.0f} h"


def _past(seconds: float) -> str:
    return f"{seconds / DAY:.0f} d" if seconds >= DAY else age(seconds)


def _served(certificate: Resource) -> Fields:
    """A certificate that an endpoint sends now. Raises `NoAnswer` for one that was sent when its endpoints last
    answered.
    """
    if certificate.faults:
        raise NoAnswer(unanswered(next(iter(certificate.faults.values()))))
    found = facts(certificate.fields)
    if "LastServed" in found:
        raise NoAnswer(unknown(f"none of its endpoints answers; last served {found['LastServed']}"))
    return found


@control("tls.cert-lifetime", on=(ENDPOINT, CERTIFICATE))
def cert_lifetime(resource: Resource, context: Context) -> Verdict:
    """Only public authorities are bound."""
    if resource.type == CERTIFICATE:
        return _lifetime(_served(resource), resource.fields.get("RootStore"), context)
    return every_address(
        resource,
        context,
        lambda fields, endpoint, context: of_leaf(
            fields, endpoint, lambda leaf: _lifetime(leaf, _trust(fields).get("RootStore"), context)
        ),
    )


def _lifetime(leaf: Fields, store: Any, context: Context) -> Verdict:
    if _is_authority(leaf):
        return not_applicable("a certificate of an authority")
    if store not in PUBLIC_STORES:
        return not_applicable("does not lead to a public root: no limit binds it")
    begins, ends = dates(leaf)
    days = (ends - begins) / DAY
    limit = next((limit for since, limit in _LIMITS if begins >= since), _LIMITS[-1][1])
    name, wanted = guideline(context.policy)
    evidence = {
        "days": round(days, 2),
        "limit_days": limit,
        "NotBefore": leaf["NotBefore"],
        "guideline": f"CA/B SC-081v3; {name}",
    }
    if days > limit + 1 / 86400:
        return warned(f"lives {days:.0f} d, {limit} are allowed for one issued {leaf['NotBefore'][:10]}", evidence)
    if days > wanted["maximum_certificate_lifespan"]:
        return warned(f"lives {days:.0f} d, the profile allows {wanted['maximum_certificate_lifespan']}", evidence)
    return passed(f"lives {days:.0f} d of {limit} allowed", evidence)


@control("tls.hostname", on=ENDPOINT)
def hostname(endpoint: Resource, context: Context) -> Verdict:
    """RFC 9525: subject alternative names only, a wildcard stands for one label, the left-most."""
    return every_address(endpoint, context, _hostname)


def _hostname(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    leaf, host = leaf_of(fields, endpoint), endpoint.fields.get("Host")
    names, numbers = _texts(leaf, "DnsNames"), _texts(leaf, "IpAddresses")
    if not isinstance(host, str) or not host:
        raise NoAnswer(unknown("tls:Connect answered without Host"))
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
        if not context.policy.tls.shared_wildcards:
            return warned(f"named only by *.{above}", evidence)
        return passed(f"named by *.{above}", evidence)
    if leaf.get("NamesInAll"):
        return unknown(f"not among the first {len(names)} of its {leaf['NamesInAll']} names", evidence=evidence)
    shown = ", ".join([*names, *numbers][:3]) or "nobody"
    if is_own_name(host) and endpoint.fields.get("NamedBy") == DISCOVERY:
        return not_applicable(f"the balancer's own name, by which it was found: clients come by {shown}", evidence)
    return failed(f"names {shown}, not {host}", evidence)


def _texts(leaf: Fields, name: str) -> list[str]:
    found = leaf.get(name)
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise NoAnswer(unknown(f"tls:Connect answered without {name}"))
    return list(found)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


@control("tls.chain-trust", on=ENDPOINT)
def chain_trust(endpoint: Resource, context: Context) -> Verdict:
    """What an API client says of the chain, with the defect named: browsers fetch what was not sent, clients do not."""
    return every_address(
        endpoint,
        context,
        lambda fields, endpoint, context: judge_chain(fields, certificates(fields, endpoint), _trust(fields), context),
    )


def _trust(fields: Fields) -> Fields:
    found = talked(fields).get("Trust")
    if not isinstance(found, dict):
        raise NoAnswer(unknown("no certificate was obtained"))
    return found


@control("tls.key-strength", on=(ENDPOINT, CERTIFICATE))
def key_strength(resource: Resource, context: Context) -> Verdict:
    """The key of the leaf, and of every authority between it and the root, which included."""
    if resource.type == CERTIFICATE:
        return _strength(_served(resource), context)
    return every_address(resource, context, _strengths)


def _strengths(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    sent = certificates(fields, endpoint)
    found = _strength(sent[0], context)
    if found.status is Status.FAIL:
        return found
    for name, one in authorities(fields, sent, _trust(fields)):
        if (weak := weak_key(one)) is not None:
            return failed(f"{name} has {weak}", {**found.evidence, "weak": {"name": name, "key": weak}})
    return found


def _strength(leaf: Fields, context: Context) -> Verdict:
    kind, bits, label = leaf.get("KeyType"), leaf.get("KeyBits"), key_label(leaf)
    name, wanted = guideline(context.policy)
    evidence = {"KeyType": kind, "KeyBits": bits, "Curve": leaf.get("Curve"), "guideline": name}
    if weak_key(leaf) is not None:
        return failed(label, evidence)
    if kind == "RSA" and isinstance(bits, int) and bits > 4096:
        return warned(f"{label}: costs every handshake dearly", evidence)
    if kind == "RSA" and not wanted["rsa_key_size"]:
        return warned(f"{label}, where the profile wants ECDSA", evidence)
    return passed(label, evidence)


@control("tls.signature", on=(ENDPOINT, CERTIFICATE))
def signature(resource: Resource, context: Context) -> Verdict:
    """Of every certificate but the roots, whose own signature does not matter."""
    if resource.type == CERTIFICATE:
        return _signatures([_served(resource)])
    return every_address(
        resource, context, lambda fields, endpoint, context: _signatures(certificates(fields, endpoint))
    )


def _signatures(chain: Sequence[Fields]) -> Verdict:
    signed = [
        (one.get("CommonName"), one.get("SignatureHash"))
        for one in chain
        if not (one.get("SelfIssued") is True and one.get("IsCa") is True)
    ]
    if not signed:
        return not_applicable("a root's own signature does not matter")
    evidence = {"SignatureHash": [hash_ for _, hash_ in signed]}
    for name, hash_ in signed:
        if hash_ in _BROKEN_HASHES:
            return failed(f"{name} is signed with {hash_.replace('SHA1', 'SHA-1')}", evidence)
    for name, hash_ in signed:
        if not hash_:
            return unknown(f"the signature of {name} cannot be read", evidence=evidence)
        if hash_ not in _GOOD_HASHES:
            return unknown(f"{name} is signed with {hash_}, of which nothing is known here", evidence=evidence)
    return passed(f"signed with {', '.join(dict.fromkeys(str(hash_) for _, hash_ in signed))}", evidence)


@control("tls.revocation", on=(ENDPOINT, CERTIFICATE))
def revocation(resource: Resource, context: Context) -> Verdict:
    """By the staple and the CRL, and the intermediates by theirs. A revoked certificate verifies as fine: nobody
    else would notice.
    """
    if resource.type == CERTIFICATE:
        leaf = _served(resource)
        if _is_authority(leaf):
            return not_applicable("a certificate of an authority")
        if "Revocation" not in leaf:
            return _short_lived(leaf) or unknown("the full pass has not come to this certificate yet")
        return judge_revocation(
            leaf["Revocation"],
            leaf.get("FullAt"),
            fresh_until(leaf, context, "FullAt", "FullEvery"),
            context.now,
            _short_lived(leaf),
        )
    return every_address(resource, context, _revocation)


def _revocation(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    short = _short_lived(leaf_of(fields, endpoint))
    if short is not None and "Full" not in fields:
        return short
    full, until = in_full(fields, context)
    return of_leaf(
        fields,
        endpoint,
        lambda leaf: judge_revocation(full.get("Revocation"), full.get("At"), until, context.now, short),
    )


def _short_lived(leaf: Fields) -> Verdict | None:
    begins, ends = dates(leaf)
    return (
        not_applicable("lives 7 days at most: it ends sooner than news of it would come")
        if ends - begins <= SHORT_LIVED
        else None
    )


def _is_authority(certificate: Fields) -> bool:
    """Raises `NoAnswer` where it does not say."""
    match certificate.get("IsCa"):
        case bool(field_of):
            return field_of
        case _:
            raise NoAnswer(unknown("tls:Connect answered without IsCa"))


@control("tls.must-staple", on=ENDPOINT)
def must_staple(endpoint: Resource, context: Context) -> Verdict:
    """A must-staple certificate without its staple is refused by those clients that look."""
    return every_address(endpoint, context, _staple)


def _staple(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    match leaf_of(fields, endpoint).get("MustStaple"):
        case False:
            return passed("not a must-staple certificate", {"MustStaple": False})
        case True:
            pass
        case _:
            return unknown("tls:Connect answered without MustStaple")
    full, until = in_full(fields, context)
    evidence = {"MustStaple": True, "tls:Hellos.Staple": full.get("Staple"), "at": full.get("At")}
    match full.get("Staple"):
        case "sent":
            return passed("stapled", evidence, until=until)
        case "none":
            return failed("must staple, and does not", evidence, until=until)
        case _:
            return unknown("its staple could not be seen", evidence=evidence)


@control("tls.cert-change", on=ENDPOINT)
def cert_change(endpoint: Resource, context: Context) -> Verdict:
    """A renewal by the same issuer is expected; another issuer, or replicas that disagree, is not."""
    leafs: dict[str, Fields] = {}
    for _, fields in addresses(endpoint):
        if isinstance(fields, Mapping) and fields.get("Outcome") == "ok" and fields.get("Chain"):
            leaf = leaf_of(fields, endpoint)
            leafs[fields["Chain"][0]] = leaf
    if not leafs:
        return unknown("no certificate was obtained")
    evidence: dict[str, Any] = {"Sha256": list(leafs)}
    if allowed := context.policy.tls.allowed_issuers:
        issuers = [_text(leaf, "Issuer") for leaf in leafs.values()]
        if strange := [one for one in issuers if not any(name.lower() in one.lower() for name in allowed)]:
            return failed(f"issuer not allowed: {strange[0]}", {**evidence, "allowed_issuers": list(allowed)})
    if "Change" not in endpoint.fields:
        return (
            warned(f"its addresses serve {len(leafs)} different certificates", evidence)
            if len(leafs) > 1
            else passed("as first seen", evidence)
        )
    change, alternates = part(endpoint.fields, "Change"), endpoint.fields.get("Alternates", False)
    if not isinstance(alternates, bool):
        return unknown("whether replicas serve different certificates is not told", evidence=evidence)
    return _changed(change, len(leafs), alternates, {**evidence, "Change": change}, context.now)


def _text(fields: Fields, name: str) -> str:
    found = fields.get(name)
    if not isinstance(found, str) or not found:
        raise NoAnswer(unknown(f"tls:Connect answered without {name}"))
    return found


def _changed(change: Fields, many: int, alternates: bool, evidence: dict[str, Any], now: Utc) -> Verdict:
    at, old, new = change.get("At"), str(change.get("From", ""))[:12], str(change.get("To", ""))[:12]
    field_of = f"{old}… became {new}… at {at}"
    until = time_of(at, "tls:Connect", "Change.At") + _UNEXPECTED
    for same, field, word in (
        (_same_issuer(change), "IssuerName", "issuer"),
        (_same(change, "KeyType"), "KeyType", "key type"),
    ):
        if not same and now < until:
            return warned(
                f"another {word}: {change.get(f'From{field}')} became {change.get(f'To{field}')}; {field_of}",
                evidence,
                until=until,
            )
    if alternates:
        return warned(f"replicas serve different certificates by turns: {field_of}", evidence)
    if many > 1:
        return warned(f"its addresses serve {many} different certificates: {field_of}", evidence)
    return passed(f"renewed by {change.get('ToIssuerName')}: {field_of}", evidence)


def _same_issuer(change: Fields) -> bool:
    """By its organization: an authority issues from several intermediates by turns (Let's Encrypt R10, R11...)."""
    field = "IssuerOrganization" if change.get("FromIssuerOrganization") else "IssuerName"
    return _same(change, field)


def _same(change: Fields, field: str) -> bool:
    """Raises `NoAnswer` where the certificate of now does not say; that of before may be forgotten, which is another
    one.
    """
    return change.get(f"From{field}") == _text(change, f"To{field}")
