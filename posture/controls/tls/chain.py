"""Whether a chain holds: OpenSSL's word and a second verifier's beside what the certificates themselves say. PASS only
where both take it.

The leaf's own dates and key are left to tls.cert-expiry and tls.key-strength: behind them both verifiers are asked of
the rest.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from posture.clock import Utc
from posture.context import Context
from posture.controls.tls.reading import CONNECT, Fields
from posture.reading import NoAnswer, time_of
from posture.verdict import Verdict, because, failed, passed, unknown, warned

PUBLIC_STORES = ("system", "certifi")
"""Whose roots every client is taken to have: this machine's, or certifi's where it has none."""
_DATES = frozenset({9, 10})
"""OpenSSL's verify codes (x509_vfy.h): not yet valid, expired."""
_LEAF_KEY = 66
_ENDS = {
    "self-signed": "self-signed",
    "missing-intermediate": "an intermediate is missing: {} was not sent",
    "unknown-issuer": "unknown issuer: {} is not trusted",
}
_CURVES = ("P-256", "P-384", "P-521", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "secp256k1")


def judge_chain(fields: Fields, sent: Sequence[Fields], trust: Fields, context: Context) -> Verdict:
    """The chain as sent, leaf first, by what was said of it (`VerifyCode`, `Trust`)."""
    code, second, end = _code(fields.get("VerifyCode")), trust.get("Second"), trust.get("End")
    evidence = {
        f"tls:Connect.{name}": fields[name]
        for name in ("VerifyCode", "VerifyText", "RestCode", "RestText")
        if name in fields
    }
    evidence |= {"trust": trust, "sent": len(sent)}
    if isinstance(end, str) and end in _ENDS:
        return _leads_nowhere(end, code, trust, evidence)
    if end != "trusted":
        return unknown("the chain cannot be read", evidence=evidence)
    turns: list[Utc] = []
    path = trust.get("Path")
    above = (*(path[1:] if isinstance(path, list | tuple) else ()), trust.get("Root"))
    for (name, one), sha256 in zip(authorities(fields, sent, trust), above, strict=True):
        begins, until = dates(one)
        if not begins <= context.now < until:
            return because(failed(f"{name} is out of date ({one['NotAfter']})", evidence), f"cert://{sha256}")
        if (weak := weak_key(one)) is not None:
            return because(failed(f"{name} has a weak key, {weak}", evidence), f"cert://{sha256}")
        turns.append(until)
    until = min(turns)
    aside = _aside(code, sent[0], context.now)
    rest, text = (
        (code, fields.get("VerifyText")) if aside is None else (_code(fields.get("RestCode")), fields.get("RestText"))
    )
    if rest is None:
        return unknown(f"OpenSSL did not verify it: {text or 'not asked'}", evidence=evidence)
    if not isinstance(second, str):
        return unknown("there is no second word beside OpenSSL's", evidence=evidence)
    if rest != 0 and second != "taken":
        return failed(f"does not verify: {text} ({rest}){_behind(code, fields)}", evidence, until=until)
    if rest != 0 or second != "taken":
        return unknown(
            f"two verifiers disagree: OpenSSL {'takes it' if rest == 0 else f'says {text} ({rest})'}, cryptography says"
            f" {second}",
            evidence=evidence,
        )
    return _holds(sent, trust, f"; {aside}" if aside else "", evidence, until, context)


def _behind(code: int | None, fields: Fields) -> str:
    """What hides behind a date, a key or a digest that OpenSSL stopped at."""
    rest = _code(fields.get("RestCode"))
    return f"; and {fields.get('RestText')} ({rest})" if rest and rest != code else ""


def _code(found: Any) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _leads_nowhere(end: str, code: int | None, trust: Fields, evidence: dict[str, Any]) -> Verdict:
    field_of = _ENDS[end].format(trust.get("Missing"))
    if code == 0:
        return unknown(f"two verifiers disagree: OpenSSL takes it, but {field_of}", evidence=evidence)
    match trust.get("Store"):
        case "none" if end != "self-signed":
            return unknown(
                f"this machine has no trusted roots, so whether it leads to one is not known; {field_of}",
                evidence=evidence,
            )
        case "certifi":
            return failed(f"{field_of} (judged by certifi's roots, since this machine has none)", evidence)
        case _:
            return failed(field_of, evidence)


def authorities(fields: Fields, sent: Sequence[Fields], trust: Fields) -> Iterator[tuple[str, Fields]]:
    """What stands above the leaf: (how it is called, its facts), on a path to a root the root last. Raises
    `NoAnswer` where one was not kept.
    """
    end = trust.get("End")
    if isinstance(end, str) and end in _ENDS:
        yield from ((f"the intermediate {one.get('CommonName')}", one) for one in sent[1:])
        return
    path, names = trust.get("Path"), fields.get("Chain")
    if not isinstance(path, list | tuple) or not isinstance(names, list | tuple):
        raise NoAnswer(unknown(f"{CONNECT} answered without the path of the chain"))
    if end != "trusted" or not path or len(names) != len(sent) or path[0] != names[0]:
        raise NoAnswer(unknown(f"{CONNECT} answered with another chain's path"))
    known = dict(zip(names, sent, strict=True))
    for sha256 in path[1:]:
        if (one := known.get(sha256) if isinstance(sha256, str) else None) is None:
            raise NoAnswer(unknown("a certificate of the path was not kept"))
        yield f"the intermediate {one.get('CommonName')}", one
    anchor = trust.get("Anchor")
    if not isinstance(anchor, Mapping):
        raise NoAnswer(unknown(f"{CONNECT} answered without the root"))
    yield f"the root {trust.get('Root')}", anchor


def dates(certificate: Fields) -> tuple[Utc, Utc]:
    """When it begins and ends. Raises `NoAnswer` where it does not say."""
    return time_of(certificate.get("NotBefore"), CONNECT, "NotBefore"), time_of(
        certificate.get("NotAfter"), CONNECT, "NotAfter"
    )


def weak_key(certificate: Fields) -> str | None:
    """A key that is too small or of a kind that is given up, None for a good one. Raises `NoAnswer` where that is
    not known.
    """
    kind, bits = certificate.get("KeyType"), certificate.get("KeyBits")
    label = key_label(certificate)
    if kind == "DSA":
        return label
    if not isinstance(bits, int) or isinstance(bits, bool) or bits <= 0:
        raise NoAnswer(unknown(f"the key of {certificate.get('CommonName')} cannot be read"))
    match kind:
        case "RSA":
            return label if bits < 2048 else None
        case "EC" if bits < 256:
            return label
        case "EC" if certificate.get("Curve") in _CURVES:
            return None
        case "EC":
            raise NoAnswer(unknown(f"a key on a curve that is not known here, {certificate.get('Curve')}"))
        case "Ed25519" | "Ed448":
            return None
        case _:
            raise NoAnswer(unknown(f"a key of an unknown kind, {kind}"))


def key_label(certificate: Fields) -> str:
    """`RSA 2048`, `EC P-256`."""
    return f"{certificate.get('KeyType')} {certificate.get('Curve') or certificate.get('KeyBits')}"


def _aside(code: int | None, leaf: Fields, now: Utc) -> str | None:
    """What OpenSSL stopped at, where that is the leaf's own and judged by another control: then the rest of its word
    counts.
    """
    begins, until = dates(leaf)
    if code in _DATES and not begins <= now < until:
        return "its own dates are judged by tls.cert-expiry"
    if code == _LEAF_KEY and weak_key(leaf) is not None:
        return "its own key is judged by tls.key-strength"
    return None


def _holds(
    sent: Sequence[Fields], trust: Fields, more: str, evidence: dict[str, Any], until: Utc | None, context: Context
) -> Verdict:
    store = trust.get("RootStore")
    if store not in PUBLIC_STORES and store != "ca_file":
        return unknown(f"{CONNECT} answered without RootStore", evidence=evidence)
    field_of = (
        f"leads to {trust.get('Root')}"
        + (", by certifi's roots, since this machine has none" if store == "certifi" else "")
        + more
    )
    if store == "ca_file" and context.policy.tls.trust == "public":
        return warned(f"{field_of}, a private root where the policy expects a public one", evidence, until=until)
    if trust.get("RootSent") is True:
        return warned("the root is sent too, needlessly", evidence, until=until)
    if trust.get("RootSent") is not False:
        return unknown(f"{CONNECT} answered without RootSent", evidence=evidence)
    for one in sent[1:]:
        begins, ends = dates(one)
        if not begins <= context.now < ends:
            return warned(
                f"{one.get('CommonName')} is sent needlessly, and is out of date ({one['NotAfter']})",
                evidence,
                until=until,
            )
    return passed(field_of, evidence, until=until)
