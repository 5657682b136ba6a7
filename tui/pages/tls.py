"""The page of a TLS endpoint or certificate: who says what of it, handshakes as a table, the chain as a tree, and
the line that repeats it. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Any

from posture.clock import Utc, age, parse_rfc3339
from posture.resource import Resource
from posture.verdict import Status
from providers.collector.frames import Detail
from tui.widgets.columns import PAINTS
from tui.widgets.countdown import countdown

Part = tuple[str, str]
Row = tuple[tuple[Part, ...], str, str]
"""Parts, what Enter opens, what `c` copies."""
Section = tuple[str, str, Sequence[Row]]
_ANSWERS = {"accepted": "name", "refused": "faint", "no answer": "unknown"}


def sections(detail: Detail, now: Utc) -> Iterator[Section]:
    """(title, more, rows) of what this kind of resource has beside verdicts and links; none for other kinds.

    Raises TypeError, AttributeError, ValueError and LookupError for fields of another shape, as a snapshot on file may
    hold.
    """
    resource = detail.resource
    if resource is not None and resource.type == "tls.endpoint":
        yield from _endpoint(resource, detail, now)
    elif resource is not None and resource.type == "tls.certificate":
        yield "CERTIFICATE", "", [_pair(*pair) for pair in _facts(resource.fields, now)]


def replaces_fields(resource: Resource) -> bool:
    """Whether these sections say all that the fields hold; the JSON view has them as they are."""
    return resource.type == "tls.endpoint"


def _endpoint(resource: Resource, detail: Detail, now: Utc) -> Iterator[Section]:
    fields = resource.fields
    yield "TO REPEAT IT", "c copies", [((("   " + command, "accent"),), "", command) for command in repeat(resource)]
    yield "WHO SAYS WHAT", "", [_pair(who, word, paint) for who, word, paint in _opinions(detail, fields, now)]
    certificates = fields.get("Certificates") or {}
    for address, told in (fields.get("Addresses") or {}).items():
        at = (told.get("Full") or {}).get("At")
        yield (
            f"HANDSHAKES {address}",
            f"full pass {age(now - parse_rfc3339(at))} ago" if at else "",
            list(_handshakes(told)),
        )
        yield f"CHAIN {address}", _trust(told), list(_tree(told.get("Chain", ()), certificates, told, now))
    if isinstance(change := fields.get("Change"), Mapping):
        yield "LAST CHANGE", f"at {change.get('At')}, {change.get('Address')}", list(_change(change))


def repeat(resource: Resource) -> list[str]:
    """The exact command that shows the same (`openssl s_client`), for each address: the name's own resolution may
    lead elsewhere.
    """
    fields = resource.fields
    host, name = str(fields.get("Host", "")), str(fields.get("ServerName", ""))
    sni = f"-servername {name}" if name else "-noservername"
    verify = f"-verify_hostname {name}" if name else f"-verify_ip {host}"
    roots = f" -CAfile {quote(str(fields['CaFile']))}" if fields.get("CaFile") else ""
    literals = [f"[{address}]" if ":" in address else address for address in fields.get("Addresses") or (host,)]
    rest = f"{sni} -showcerts -status {verify}{roots} -verify_return_error </dev/null"
    return [f"openssl s_client -connect {literal}:{fields.get('Port', 443)} {rest}" for literal in literals]


def _opinions(detail: Detail, fields: Mapping[str, Any], now: Utc) -> Iterator[tuple[str, str, str]]:
    """A browser and an API client, from what was found: the first fetches a missing intermediate, the second does
    not. Reasons are told, never read.
    """
    found = {judged.finding.control: judged.finding for judged in detail.findings}

    def bad(*controls: str) -> list[str]:
        return [found[name].reason for name in controls if name in found and found[name].status is Status.FAIL]

    reach = found.get("tls.reachable")
    if reach is not None and reach.status in (Status.UNKNOWN, Status.FAIL):
        yield "browser", f"cannot connect: {reach.reason}", PAINTS[reach.status]
        yield "API client", f"cannot connect: {reach.reason}", PAINTS[reach.status]
        return
    chain, out_of_date = bad("tls.chain-trust"), bad("tls.cert-expiry") if _out_of_date(fields, now) else []
    shook, rest = bad("tls.modern-client", "tls.hostname"), [*bad("tls.key-strength", "tls.signature"), *out_of_date]
    fetches = bool(chain) and _lacks_only_an_intermediate(fields)
    revoked = bad("tls.revocation")
    browser = [*shook, *([] if fetches else chain), *rest, *revoked]
    yield ("browser", *_opinion(browser, "connects, having fetched what was not sent" if fetches else "connects"))
    yield (
        "API client",
        *_opinion(
            [*shook, *chain, *rest],
            "connects" if not revoked else "connects: it does not look whether a certificate was revoked",
        ),
    )


def _lacks_only_an_intermediate(fields: Mapping[str, Any]) -> bool:
    """Whether the chains that lead nowhere lack no more than what can be fetched."""
    shown = [
        (told.get("Trust") or {}, told.get("VerifyCode"))
        for told in (fields.get("Addresses") or {}).values()
        if told.get("Chain")
    ]
    return bool(shown) and all(
        trust.get("End") == "missing-intermediate" or (trust.get("End") == "trusted" and code == 0)
        for trust, code in shown
    )


def _out_of_date(fields: Mapping[str, Any], now: Utc) -> bool:
    """Whether any address sends a leaf that has ended or has not begun."""
    known = fields.get("Certificates") or {}
    leafs = [
        known.get(told["Chain"][0]) or {} for told in (fields.get("Addresses") or {}).values() if told.get("Chain")
    ]
    return any(
        not parse_rfc3339(leaf["NotBefore"]) <= now < parse_rfc3339(leaf["NotAfter"])
        for leaf in leafs
        if "NotAfter" in leaf
    )


def _opinion(problems: Sequence[str], otherwise: str) -> tuple[str, str]:
    return (f"refuses: {problems[0]}", "fail") if problems else (otherwise, "pass")


def _handshakes(told: Mapping[str, Any]) -> Iterator[Row]:
    """What was offered, and what came back."""
    if told.get("Outcome") != "ok":
        yield _pair("any", f"{told.get('Outcome')}: {told.get('Detail', '')}".rstrip(": "), "unknown")
        return
    chosen = " ".join(str(told[name]) for name in ("Version", "Suite", "Group") if told.get(name))
    yield _pair("strict client", chosen or str(told.get("Strict", "")), "name" if chosen else "fail")
    if isinstance(other := told.get("Permissive"), Mapping):
        yield _pair("any client", " ".join(str(value) for value in other.values()), "warn")
    if told.get("ClientCertificate"):
        yield _pair("client certificate", str(told["ClientCertificate"]), "accent")
    full = told.get("Full") or {}
    if "Tls12" in full:
        yield _pair(
            "TLS 1.2",
            " ".join(str(full.get(name) or "") for name in ("Tls12", "Tls12Suite", "Tls12Group")),
            _answer(full["Tls12"]),
        )
    for version, word in (full.get("Legacy") or {}).items():
        yield _pair(version.replace("v", " "), word, "fail" if word.startswith("accepted") else _answer(word))
    accepted = full.get("Accepted") or {}
    for kind, label in (("weak", "broken suites"), ("static-rsa", "static RSA"), ("cbc", "CBC"), ("dhe", "DHE")):
        names = accepted.get(kind) or ()
        if full:
            paint = ("fail" if kind == "weak" else "warn") if names else _answer(str(full.get("Others")))
            yield _pair(label, ", ".join(names) or str(full.get("Others", "")), paint)
    if "DhBits" in full:
        yield _pair("DH prime", f"{full['DhBits']} bits {full.get('DhPrime', '')}", "text")
    if "Hybrid" in full:
        yield _pair("X25519MLKEM768", str(full["Hybrid"]), _answer(str(full["Hybrid"])))
    if "Staple" in full:
        yield _pair("OCSP staple", str(full["Staple"]), "text")
    if "HttpStatus" in told:
        yield _pair("HEAD /", f"{told['HttpStatus'] or 'no HTTP'}   HSTS {told.get('Hsts') or 'none'}", "text")
    if isinstance(http := told.get("Http"), Mapping):
        yield _pair("HEAD / in clear", " ".join(str(value) for value in http.values()), "text")


def _answer(word: str) -> str:
    return next((paint for start, paint in _ANSWERS.items() if word.startswith(start)), "text")


def _trust(told: Mapping[str, Any]) -> str:
    trust = told.get("Trust") or {}
    if trust.get("End") == "trusted":
        return f"leads to {trust.get('Root')} ({trust.get('RootStore')})"
    return f"{trust.get('End', 'no certificate')} {trust.get('Missing', '')}".strip()


def _tree(
    chain: Sequence[str], certificates: Mapping[str, Mapping[str, Any]], told: Mapping[str, Any], now: Utc
) -> Iterator[Row]:
    """The root above, the leaf below, each with key, signature, dates and names."""
    trust = told.get("Trust") or {}
    above = list(reversed(chain))
    depth = 0
    if trust.get("End") == "trusted" and not trust.get("RootSent"):
        yield ((("   " + str(trust.get("Root")), "faint"), ("   trusted root, not sent", "faint")), "", "")
        depth = 1
    elif trust.get("Missing") and trust.get("End") != "self-signed":
        yield ((("   " + str(trust["Missing"]), "fail"), ("   neither sent nor trusted", "fail")), "", "")
        depth = 1
    for number, sha256 in enumerate(above):
        facts = certificates.get(sha256) or {}
        indent = "   " + "   " * (depth + number - 1) + "└─ " if depth + number else "   "
        name = str(facts.get("CommonName") or sha256[:16])
        yield (
            ((indent, "faint"), (name, "link"), (f"   {'leaf' if sha256 == chain[0] else 'intermediate'}", "faint")),
            f"cert://{sha256}",
            sha256,
        )
        pad = " " * (len(indent) + 2 if depth + number else 6)
        for label, text, paint in _facts(facts, now):
            if label in ("key", "signed", "dates", "names"):
                yield (((f"{pad}{label:<8}", "faint"), (text, paint)), "", text)


def _facts(facts: Mapping[str, Any], now: Utc) -> Iterator[tuple[str, str, str]]:
    if "NotAfter" not in facts:
        yield "unreadable", str(facts.get("Unreadable", "not kept")), "unknown"
        return
    yield "subject", str(facts.get("Subject")), "text"
    yield "issuer", str(facts.get("Issuer")), "text"
    yield "key", f"{facts.get('KeyType')} {facts.get('Curve') or facts.get('KeyBits')}", "text"
    yield "signed", str(facts.get("SignatureHash")), "text"
    left = parse_rfc3339(facts["NotAfter"]) - now
    until = f"{countdown(left)} left" if left > 0 else f"ended {countdown(left)}"
    yield "dates", f"{facts.get('NotBefore')} to {facts['NotAfter']}, {until}", "fail" if left <= 0 else "text"
    names = [*(facts.get("DnsNames") or ()), *(facts.get("IpAddresses") or ())]
    if names:
        yield "names", ", ".join(names[:12]) + (f" and {len(names) - 12} more" if len(names) > 12 else ""), "text"


def _change(change: Mapping[str, Any]) -> Iterator[Row]:
    for label, end in (("was", "From"), ("is", "To")):
        yield _pair(label, str(change.get(end)), "name")
        told = [str(change[f"{end}{field}"]) for field in ("IssuerName", "KeyType") if change.get(f"{end}{field}")]
        yield _pair("", ", ".join([*told, f"until {change.get(f'{end}NotAfter') or '?'}"]))


def _pair(label: str, text: str, paint: str = "text") -> Row:
    return (((f"   {label:<20}", "faint"), (text, paint)), "", text)
