"""TLS endpoints: who can connect, by which versions and suites, and what plain HTTP does beside them."""

import re
from collections.abc import Mapping
from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.controls.tls.owner import another_owner
from posture.controls.tls.reading import (
    Fields,
    accepted,
    accepts_anything,
    every_address,
    guideline,
    in_full,
    part,
    refused,
    silence,
    talked,
)
from posture.reading import NoAnswer
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

ENDPOINT = "tls.endpoint"
SIX_MONTHS = 15552000
"""180 days: an HSTS max-age below it is a warning whatever the policy says."""
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
_VERSIONS = ("TLSv1.1", "TLSv1.0", "SSLv3")


@control("tls.reachable", on=ENDPOINT)
def reachable(endpoint: Resource, context: Context) -> Verdict:
    """Availability and encryption are two things: down is UNKNOWN, plaintext is FAIL."""
    return every_address(endpoint, context, _reachable)


def _reachable(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    match fields.get("Outcome"):
        case "ok":
            if not accepts_anything(fields):
                word = part(fields, "Permissive").get("Answer", fields.get("Strict"))
                return unknown(f"refuses every hello: {word}", evidence={"tls:Connect.Answer": word})
            if fields.get("Slow", False) is not False:
                return warned("answers TLS, slower than 2 s", {"tls:Connect.Slow": True})
            return passed("answers TLS", {"tls:Connect.Outcome": "ok"})
        case "not-tls":
            return failed(
                "not TLS on the TLS port",
                {"tls:Connect.Outcome": "not-tls", "tls:Connect.Detail": fields.get("Detail", "")},
            )
        case "garbled":
            return unknown("answers TLS that cannot be read", silence("garbled", fields.get("Detail")))
        case None:
            return unknown("tls:Connect answered without Outcome")
        case outcome:
            return unanswered(silence(outcome, fields.get("Detail")))


@control("tls.protocol-legacy", on=ENDPOINT)
def protocol_legacy(endpoint: Resource, context: Context) -> Verdict:
    """SSLv3, TLS 1.0 and TLS 1.1 are refused by the server's own word."""
    return every_address(endpoint, context, _legacy)


def _legacy(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    full, until = in_full(fields, context)
    words = part(full, "Legacy")
    evidence = {
        **{f"tls:Hellos.{version}": words.get(version, "not asked") for version in _VERSIONS},
        "at": full.get("At"),
    }
    if taken := [version for version in _VERSIONS if accepted(words.get(version))]:
        return failed(f"accepts {' and '.join(taken)}", evidence, until=until)
    silent = [
        f"{version}: {words.get(version, 'not asked')}" for version in _VERSIONS if not refused(words.get(version))
    ]
    if silent:
        return unknown(f"no answer to this hello: {silent[0]}", evidence=evidence)
    if not accepts_anything(fields):
        return unknown("refuses every hello, so refusing this one says nothing", evidence=evidence)
    return passed("SSLv3, TLS 1.0 and TLS 1.1 are refused", evidence, until=until)


@control("tls.protocol-modern", on=ENDPOINT)
def protocol_modern(endpoint: Resource, context: Context) -> Verdict:
    """TLS 1.3, and 1.2 where the profile allows it."""
    return every_address(endpoint, context, _modern)


def _modern(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    talked(fields)
    name, wanted = guideline(context.policy)
    version = fields["Version"] if "Version" in fields else part(fields, "Permissive").get("Version")
    evidence = {"tls:Connect.Version": version, "guideline": name}
    if version == "TLSv1.3":
        if "TLSv1.2" not in wanted["tls_versions"]:
            return _modern_alone(fields, context, evidence)
        return passed("TLS 1.3", evidence)
    if version == "TLSv1.2":
        if "TLSv1.2" not in wanted["tls_versions"]:
            return failed("TLS 1.2 only, where the profile demands TLS 1.3", evidence)
        return warned("TLS 1.2 only", evidence)
    if version in _VERSIONS:
        return failed(f"neither TLS 1.2 nor TLS 1.3, but {version}", evidence)
    if fields.get("ClientCertificate") == "required" and fields.get("Chain"):
        return _behind_certificate(fields, context, evidence)
    return unknown("accepted no hello, so its version is not known", evidence=evidence)


def _modern_alone(fields: Fields, context: Context, evidence: Fields) -> Verdict:
    full, until = in_full(fields, context)
    word = full.get("Tls12")
    if accepted(word):
        return warned("TLS 1.2 is accepted beside TLS 1.3", evidence, until=until)
    if refused(word):
        return passed("TLS 1.3 alone", evidence, until=until)
    return unknown(f"hello with TLS 1.2: {word or 'not asked'}", evidence=evidence)


def _behind_certificate(fields: Fields, context: Context, evidence: Fields) -> Verdict:
    full, until = in_full(fields, context)
    if accepted(full.get("Tls12")):
        return warned("TLS 1.2, as far as can be seen without a client certificate", evidence, until=until)
    return unknown("asks for a client certificate before its version is known", evidence=evidence)


@control("tls.cipher-weak", on=ENDPOINT)
def cipher_weak(endpoint: Resource, context: Context) -> Verdict:
    """What should be refused is refused."""
    return every_address(endpoint, context, _weak)


def _weak(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    full, until = in_full(fields, context)
    words = [part(full, "Legacy").get(version) for version in _VERSIONS]
    below = [word[10:-1] for word in words if isinstance(word, str) and accepted(word) and _is_weak(word)]
    weak = list(dict.fromkeys([*_accepted(full, "weak"), *below]))
    name, _ = guideline(context.policy)
    evidence = {"tls:Hellos.Accepted": weak, "at": full.get("At"), "guideline": name}
    if weak:
        more = f" and {len(weak) - 2} more" if len(weak) > 2 else ""
        return failed(f"accepts {', '.join(weak[:2])}{more}", evidence, until=until)
    _all_refused(fields, full)
    if silent := [
        version for version, word in zip(_VERSIONS, words, strict=True) if not accepted(word) and not refused(word)
    ]:
        return unknown(f"no answer to the hello of {silent[0]}", evidence=evidence)
    return passed("RC4, 3DES, DES, EXPORT, NULL and anonymous suites are refused", evidence, until=until)


def _is_weak(word: str) -> bool:
    return any(part in word for part in ("_RC4_", "_3DES_", "_DES_", "EXPORT", "_NULL_", "_anon_", "_RC2_"))


def _accepted(full: Fields, kind: str) -> list[str]:
    if not isinstance(full.get("Accepted"), Mapping):
        raise NoAnswer(unknown("tls:Hellos answered without Accepted"))
    found = full["Accepted"].get(kind, ())
    if not isinstance(found, list | tuple) or not all(isinstance(one, str) for one in found):
        raise NoAnswer(unknown(f"tls:Hellos: Accepted has no list of {kind}"))
    return list(found)


def _all_refused(fields: Fields, full: Fields) -> None:
    """Whether the last hello was refused by the server's own word. Raises `NoAnswer`."""
    word = full.get("Others", "not asked")
    if not refused(word):
        raise NoAnswer(unknown(f"hello with the suites that should be refused: {word}"))
    if not accepts_anything(fields):
        raise NoAnswer(unknown("refuses every hello, so refusing this one says nothing"))


@control("tls.forward-secrecy", on=ENDPOINT)
def forward_secrecy(endpoint: Resource, context: Context) -> Verdict:
    """What was recorded today cannot be read with tomorrow's stolen key."""
    return every_address(endpoint, context, _secrecy)


def _secrecy(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    full, until = in_full(fields, context)
    static, cbc, dhe = (_accepted(full, kind) for kind in ("static-rsa", "cbc", "dhe"))
    name, _ = guideline(context.policy)
    evidence = {"tls:Hellos.Accepted": [*static, *cbc], "at": full.get("At"), "guideline": name}
    good = bool(fields.get("Version")) or accepted(full.get("Tls12"))
    if static and not (good or cbc or dhe):
        return failed(f"nothing but static RSA: {static[0]}", evidence, until=until)
    if static:
        return warned(f"static RSA is accepted too: {static[0]}", evidence, until=until)
    if cbc:
        return warned(f"CBC is accepted{' too' if good else ', and nothing better'}: {cbc[0]}", evidence, until=until)
    _all_refused(fields, full)
    return passed("static RSA and CBC are refused", evidence, until=until)


@control("tls.dh-params", on=ENDPOINT)
def dh_params(endpoint: Resource, context: Context) -> Verdict:
    """Finite-field Diffie-Hellman is large enough, or absent."""
    return every_address(endpoint, context, _dh)


def _dh(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    full, until = in_full(fields, context)
    bits = full.get("DhBits")
    evidence = {"tls:Hellos.DhBits": bits, "tls:Hellos.DhPrime": full.get("DhPrime"), "at": full.get("At")}
    if "DhBits" in full and (not isinstance(bits, int) or isinstance(bits, bool) or bits <= 0):
        return unknown(f"tls:Hellos: DhBits is not a size: {bits!r}", evidence=evidence)
    if isinstance(bits, int):
        if bits < 2048:
            return failed(f"DH prime of {bits} bits", evidence, until=until)
        if "DhPrime" in full:
            return warned(f"DH prime of {bits} bits that many servers share, {full['DhPrime']}", evidence, until=until)
        return passed(f"DH prime of {bits} bits", evidence, until=until)
    if _accepted(full, "dhe"):
        return unknown("DHE is accepted, but its prime was not seen", evidence=evidence)
    _all_refused(fields, full)
    return passed("no DHE", evidence, until=until)


@control("tls.modern-client", on=ENDPOINT)
def modern_client(endpoint: Resource, context: Context) -> Verdict:
    """Whether a strict client gets through; a refusal by our own OpenSSL is none by the server."""
    return every_address(endpoint, context, _client)


def _client(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    talked(fields)
    strict = fields.get("Strict")
    name, _ = guideline(context.policy)
    evidence: dict[str, Any] = {"tls:Connect.Strict": strict, "guideline": name}
    if fields.get("ClientCertificate") == "required":
        return not_applicable("asks for a client certificate", evidence)
    if strict == "ok":
        return passed("a strict modern client connects", evidence)
    permissive = part(fields, "Permissive")
    evidence["tls:Connect.Permissive"] = permissive
    if permissive.get("Answer") == "accepted":
        return failed(
            f"a strict client is {strict}; others get {permissive.get('Version')} {permissive.get('Suite')}", evidence
        )
    return unknown(f"the strict client: {strict or 'not tried'}; nothing else was accepted either", evidence=evidence)


@control("tls.hsts", on=ENDPOINT)
def hsts(endpoint: Resource, context: Context) -> Verdict:
    """Never more than a WARN: the document does not promise it."""
    return every_address(endpoint, context, _hsts)


def _hsts(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    talked(fields)
    if fields.get("ClientCertificate") == "required":
        return not_applicable("asks for a client certificate: no browser gets in")
    status = _status(fields.get("HttpStatus"))
    if status is None:
        return unknown("no HTTP answer to HEAD /")
    name, wanted = guideline(context.policy)
    least = context.policy.tls.hsts_min_age or wanted["hsts_min_age"]
    value = fields.get("Hsts")
    if value is not None and not isinstance(value, str):
        return unknown("tls:Head answered without Strict-Transport-Security")
    evidence = {"tls:Head.Strict-Transport-Security": value, "least": least, "guideline": name}
    if value is None and (status == 429 or status >= 500):
        return unknown(
            f"HEAD / was answered with {status}, without Strict-Transport-Security: the page of a gateway's error is"
            " not the site's",
            evidence=evidence,
        )
    if value is None:
        return warned("no Strict-Transport-Security", evidence)
    age = _max_age(value)
    if age is None:
        return warned(f"Strict-Transport-Security cannot be read: {value[:60]}", evidence)
    if age < SIX_MONTHS or age < least:
        return warned(f"max-age is {age} s, less than {max(SIX_MONTHS, least)} s", evidence)
    return passed(f"max-age is {age} s", evidence)


def _status(found: Any) -> int | None:
    """A status of HTTP, None for anything else."""
    return found if isinstance(found, int) and not isinstance(found, bool) and 100 <= found < 600 else None


def _max_age(value: str) -> int | None:
    """RFC 6797 6.1: directives by semicolons, names without regard to case, values perhaps quoted; a directive that
    stands twice makes it void.
    """
    found = [
        part.partition("=")[2].strip().strip('"')
        for part in value.split(";")
        if part.partition("=")[0].strip().lower() == "max-age"
    ]
    if len(found) != 1 or not found[0].isascii() or not found[0].isdigit() or len(found[0]) > 15:
        return None
    return int(found[0])


@control("tls.http-redirect", on=ENDPOINT)
def http_redirect(endpoint: Resource, context: Context) -> Verdict:
    """Nothing is served in clear; at most it is said where to go."""
    port = endpoint.fields.get("HttpPort")
    if port == 0 and port is not False and not endpoint.faults:
        return not_applicable("not looked for: http_port = 0")
    return every_address(endpoint, context, _redirect)


def _redirect(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    field_of = fields.get("Http")
    if not isinstance(field_of, Mapping):
        raise NoAnswer(unknown("HEAD / in clear was not asked"))
    port = endpoint.fields.get("HttpPort")
    if not isinstance(port, int) or isinstance(port, bool) or not 0 < port < 65536:
        raise NoAnswer(unknown("tls:Connect answered without HttpPort"))
    match field_of.get("Outcome"):
        case "refused":
            return passed(f"port {port} is closed", {"http:Head.Outcome": "refused"})
        case "timeout" | "unreachable" if context.policy.tls.http_filtered:
            return not_applicable(
                f"port {port} is filtered, as the policy says", {"http:Head.Outcome": field_of["Outcome"]}
            )
        case "ok":
            return _answered(field_of, endpoint)
        case "not-http":
            return warned(f"port {port} speaks, but no HTTP", {"http:Head.Outcome": "not-http"})
        case outcome:
            return unknown(f"port {port}: {outcome}; filtered and down cannot be told apart", silence(outcome, ""))


def _answered(field_of: Fields, endpoint: Resource) -> Verdict:
    status, place, host = _status(field_of.get("Status")), field_of.get("Location", ""), endpoint.fields.get("Host")
    evidence = {"http:Head.Status": status, "http:Head.Location": place}
    if not isinstance(place, str) or not isinstance(host, str):
        raise NoAnswer(unknown("HEAD / in clear answered without Location"))
    if status is None:
        raise NoAnswer(unknown("HEAD / in clear answered without a status"))
    if 200 <= status < 300:
        return failed(f"content is served in clear ({status})", evidence)
    if status not in (301, 302, 303, 307, 308):
        return warned(f"answers {status} in clear", evidence)
    scheme = found[1].lower() if (found := _SCHEME.match(place)) else ""
    if scheme == "http" or (not scheme and place):
        return failed(f"redirects in clear, to {place[:80]}", evidence)
    if scheme != "https":
        return warned(f"redirects to {place[:80] or 'nowhere'}", evidence)
    if (strange := another_owner(place, host)) is not None:
        return warned(f"redirects to {strange}", evidence)
    if status in (302, 303, 307):
        return warned(f"redirects with {status}, which no client remembers", evidence)
    return passed(f"redirects to https ({status})", evidence)


@control("tls.pq-group", on=ENDPOINT)
def pq_group(endpoint: Resource, context: Context) -> Verdict:
    """Informational: what is recorded today may be read by the computers of tomorrow."""
    if context.policy.tls.hybrid == "ignored" and not endpoint.faults:
        return not_applicable("the policy does not look for it")
    return every_address(endpoint, context, _hybrid)


def _hybrid(fields: Fields, endpoint: Resource, context: Context) -> Verdict:
    full, until = in_full(fields, context)
    word = full.get("Hybrid", "not asked")
    name, _ = guideline(context.policy)
    evidence = {"tls:Hellos.Hybrid": word, "at": full.get("At"), "guideline": name}
    if word == "accepted":
        return passed("X25519MLKEM768 is offered", evidence, until=until)
    if refused(word) and accepts_anything(fields):
        return warned("X25519MLKEM768 is not offered", evidence, until=until)
    return unknown(f"hello with X25519MLKEM768: {word}", evidence=evidence)
