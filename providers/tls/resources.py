"""What was seen of an endpoint and its certificates, as resources."""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from posture.clock import Utc, parse_rfc3339
from posture.fault import Fault
from posture.resource import Link, Resource
from providers.source import Source
from providers.tls.certificates import Facts, Library, certificate_id
from providers.tls.faults import Outcome, fault
from providers.tls.observation import Fields, Observation, Target

_REMEMBERED = 8
MOST_FINDERS = 32
"""Resources that are named as where an endpoint was found; how many there are is told."""
Finders = tuple[tuple[str, str], ...]
"""Ids of the resources that name an endpoint, and what a person calls each."""


class Known:
    """An endpoint from round to round: its addresses, when it was asked in full (UTC seconds), and the certificates
    it has served. `inside`: it has none but addresses that it may not be asked at. `finders` and `tenant` as they were
    reported last; no tenant before.
    """

    def __init__(self, id: str, target: Target, by: str) -> None:
        self.id = id
        self.target = target
        self.by = by
        self.seen: dict[str, Observation] = {}
        self.addresses = 0
        self.full_at: Utc = 0.0
        self.dns: str | None = None
        self.answered_at: str | None = None
        self.change: Fields | None = None
        self.alternates = False
        self.inside = False
        self.finders: Finders = ()
        self.tenant = ""
        self._leaf: dict[str, deque[str]] = {}
        self._chains: dict[str, tuple[str, ...]] = {}

    @property
    def answered(self) -> bool:
        """Whether any address said anything."""
        return any(seen.answered for seen in self.seen.values())

    @property
    def certificates(self) -> set[str]:
        """SHA-256 of every certificate its addresses sent when they last sent any."""
        return {sha256 for chain in self._chains.values() for sha256 in chain}

    def served_now(self, sha256: str) -> bool:
        """Whether an address sent this certificate in the last round."""
        return any(sha256 in seen.fields.get("Chain", ()) for seen in self.seen.values())

    def unresolved(self, why: str) -> None:
        """The name has no address now."""
        self.dns = why
        self.seen = {}
        self.addresses = 0

    def take(self, seen: dict[str, Observation], addresses: int, at: str, library: Library) -> None:
        """A round's answers, by address."""
        self.dns, self.seen, self.addresses = None, seen, addresses
        self._leaf = {address: leafs for address, leafs in self._leaf.items() if address in seen}
        self._chains = {address: chain for address, chain in self._chains.items() if address in seen}
        if self.answered:
            self.answered_at = at
        for address, one in seen.items():
            if chain := one.fields.get("Chain"):
                self._chains[address] = tuple(chain)
                self._compare(address, one, at, library)

    def _compare(self, address: str, seen: Observation, at: str, library: Library) -> None:
        leafs = self._leaf.setdefault(address, deque(maxlen=_REMEMBERED))
        _, now = library.read(seen.chain[0])
        new = seen.fields["Chain"][0]
        if leafs and leafs[-1] != new:
            self.alternates = new in leafs
            old = library.get(leafs[-1])
            self.change = {"At": at, "Address": address, "From": leafs[-1], "To": new}
            for end, facts in (("From", old), ("To", now)):
                self.change |= {
                    f"{end}{field}": facts.get(field)
                    for field in ("IssuerName", "IssuerOrganization", "KeyType", "NotAfter")
                }
        if not leafs or leafs[-1] != new:
            leafs.append(new)

    def trouble(self) -> Fault | None:
        """Why nothing was said about encryption, None where something was."""
        if self.answered:
            return None
        where = f"{self.target.host}:{self.target.port}"
        if self.dns is not None:
            return fault(Outcome.DNS, self.dns, where)
        for address, seen in self.seen.items():
            return fault(
                seen.fields["Outcome"],
                seen.fields.get("Detail", ""),
                where if address == self.target.host else f"{where} ({address})",
            )
        return None


def _asked(known: Known) -> Fields:
    """Where an endpoint is, and who named it."""
    target = known.target
    fields: Fields = {
        "Host": target.host,
        "Port": target.port,
        "Connect": known.id.removeprefix("tls://"),
        "ServerName": target.name,
        "HttpPort": target.http_port,
        "NamedBy": known.by,
    }
    finders = known.finders
    if finders:
        fields["FoundIn"] = [id for id, _ in finders[:MOST_FINDERS]]
    if len(finders) > MOST_FINDERS:
        fields["FoundInAll"] = len(finders)
    return fields | ({"CaFile": target.ca_file} if target.ca_file else {})


def endpoint_resource(known: Known, source: Source, library: Library) -> Resource:
    """An endpoint with what each of its addresses offers, and where it was found."""
    trouble, fields = known.trouble(), _asked(known)
    fields["Addresses"] = {address: _address(seen) for address, seen in known.seen.items()}
    if known.addresses > len(known.seen):
        fields["AddressesInAll"] = known.addresses
    if known.dns is not None:
        fields["Dns"] = known.dns
    if trouble is not None and known.answered_at is not None:
        fields["LastAnswer"] = known.answered_at
    certificates = {
        sha256: library.get(sha256) for seen in known.seen.values() for sha256 in seen.fields.get("Chain", ())
    }
    if certificates:
        fields["Certificates"] = certificates
    if known.change is not None:
        fields["Change"] = known.change
        fields["Alternates"] = known.alternates
    leafs = list(dict.fromkeys(seen.fields["Chain"][0] for seen in known.seen.values() if seen.fields.get("Chain")))
    ends = [parse_rfc3339(certificates[leaf]["NotAfter"]) for leaf in leafs if "NotAfter" in certificates[leaf]]
    return source.resource(
        id=known.id,
        kind="endpoint",
        type="tls.endpoint",
        name=known.id.removeprefix("tls://").removesuffix(":443"),
        tenant=known.tenant,
        fields=fields,
        links=(
            *(Link("certificate", certificate_id(leaf)) for leaf in leafs),
            *(Link("found-in", id) for id in fields.get("FoundIn", ())),
        ),
        faults={} if trouble is None else {trouble.operation: trouble},
        cells=_cells(known, certificates, leafs),
        expires=min(ends, default=None),
    )


def _address(seen: Observation) -> Fields:
    return seen.fields if seen.full is None else {**seen.fields, "Full": seen.full}


def _cells(known: Known, certificates: Mapping[str, Facts], leafs: list[str]) -> tuple[str, ...]:
    """PROTOCOL, SUITE, ISSUER, HSTS, HTTP, CHANGED, FOUND IN; of several addresses all that differ."""
    shown = [seen.fields for seen in known.seen.values()]
    return (
        _each(
            fields.get("Version") or fields.get("Permissive", {}).get("Version") or _outcome(fields) for fields in shown
        ),
        _each(_short(fields.get("Suite") or fields.get("Permissive", {}).get("Suite") or "") for fields in shown),
        _each(str(certificates[leaf].get("IssuerName", "?")) for leaf in leafs),
        _each(_hsts(fields.get("Hsts")) for fields in shown if "HttpStatus" in fields),
        _each(_http(fields["Http"]) for fields in shown if "Http" in fields),
        "" if known.change is None else known.change["At"][5:16].replace("T", " "),
        _where(known.finders),
    )


def _where(finders: Finders) -> str:
    return "".join(where for _, where in finders[:1]) + (f" +{len(finders) - 1}" if len(finders) > 1 else "")


def _each(texts: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(text for text in texts if text))


def _outcome(fields: Fields) -> str:
    return "" if fields["Outcome"] == Outcome.OK else str(fields["Outcome"])


def _short(suite: str) -> str:
    return suite.removeprefix("TLS_").replace("_WITH_", " ").replace("_", "-")


def _hsts(value: str | None) -> str:
    if value is None:
        return "no"
    for part in value.split(";"):
        name, _, age = part.strip().partition("=")
        if name.strip().lower() == "max-age" and (digits := age.strip(' "')).isascii() and digits.isdigit():
            return f"{int(digits[:12]) // 86400}d"
    return "unreadable"


def _http(told: Fields) -> str:
    if "Status" not in told:
        outcome = str(told["Outcome"])
        return {"refused": "closed", "timeout": "silent"}.get(outcome, outcome)
    place = str(told.get("Location", ""))
    return f"{told['Status']} {place.partition(':')[0]}" if place else str(told["Status"])


def _revocation(full: Fields, since: str) -> Fields:
    """What a full pass found of it; nothing where that is older than `since`."""
    if "Revocation" not in full or full["At"] < since:
        return {}
    return {"Revocation": full["Revocation"], "FullAt": full["At"], "FullEvery": full["Every"]}


def certificate_resource(
    sha256: str, knowns: Iterable[Known], source: Source, tenant: str, library: Library
) -> Resource:
    """A certificate as the endpoints `knowns`, which send it or sent it when they last answered, show it."""
    facts = library.get(sha256)
    fields: dict[str, Any] = {"Sha256": sha256, **facts}
    beside: set[str] = set()
    served, last = False, ""
    for known in knowns:
        beside |= known.certificates
        served = served or known.served_now(sha256)
        last = max(last, known.answered_at or "")
        for seen in known.seen.values():
            chain = seen.fields.get("Chain", ())
            if chain and chain[0] == sha256:
                fields["RootStore"] = seen.fields["Trust"].get("RootStore")
                fields |= _revocation(seen.full or {}, since=fields.get("FullAt", ""))
    if not served:
        fields["LastServed"] = last
    issuer = facts.get("Issuer")
    others = (other for other in sorted(beside) if other != sha256)
    above = next((other for other in others if library.get(other).get("Subject", "") == issuer), None)
    return source.resource(
        id=certificate_id(sha256),
        kind="certificate",
        type="tls.certificate",
        name=_name(facts) or sha256[:16],
        tenant=tenant,
        fields=fields,
        links=() if above is None else (Link("issuer", certificate_id(above)),),
        cells=_certificate_cells(facts),
        expires=parse_rfc3339(facts["NotAfter"]) if "NotAfter" in facts else None,
    )


def _name(facts: Facts) -> str:
    names = [*facts.get("DnsNames", ()), *facts.get("IpAddresses", ())]
    return str(facts.get("CommonName") or (names[0] if names else ""))


def _certificate_cells(facts: Facts) -> tuple[str, ...]:
    """ISSUER, KEY, SIGNED, LIFE, NAMES."""
    if "NotAfter" not in facts:
        return ("unreadable", "", "", "", "")
    names = [*facts["DnsNames"], *facts["IpAddresses"]]
    days = round((parse_rfc3339(facts["NotAfter"]) - parse_rfc3339(facts["NotBefore"])) / 86400)
    key = f"{facts['KeyType']} {facts.get('Curve') or facts['KeyBits']}"
    return (
        str(facts["IssuerName"]),
        key,
        str(facts["SignatureHash"]),
        f"{days}d",
        f"{names[0]} +{len(names) - 1}" if len(names) > 1 else "".join(names),
    )
