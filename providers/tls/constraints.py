"""Name constraints that `cryptography`'s verifier cannot judge, those on directory names (RFC 5280 4.2.1.10): a
sub-authority of a company has them.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cryptography import x509

_JUDGED = (x509.DNSName, x509.IPAddress)


class Odd(NamedTuple):
    """Constraints of one certificate of a path, apart from those that the verifier judges."""

    permitted: tuple[x509.GeneralName, ...]
    excluded: tuple[x509.GeneralName, ...]


def odd(certificate: x509.Certificate) -> Odd:
    """What the verifier cannot judge of a certificate's constraints. Raises what the parser raises."""
    found = _constraints(certificate)
    if found is None:
        return Odd((), ())
    permitted, excluded = (
        tuple(one for one in some or () if not isinstance(one, _JUDGED))
        for some in (found.permitted_subtrees, found.excluded_subtrees)
    )
    return Odd(permitted, excluded)


def judged(found: x509.NameConstraints) -> x509.NameConstraints | None:
    """What is left of constraints without those; None for nothing."""
    permitted, excluded = (
        [one for one in some or () if isinstance(one, _JUDGED)]
        for some in (found.permitted_subtrees, found.excluded_subtrees)
    )
    return x509.NameConstraints(permitted or None, excluded or None) if permitted or excluded else None


def broken(path: Sequence[x509.Certificate]) -> str:
    """Which of the odd constraints on a path (leaf to root) does not hold, in words; empty where all do. Raises what
    the parser raises.
    """
    for number, above in enumerate(path):
        constraints = odd(above)
        for below in path[:number] if any(constraints) else ():
            if below.subject == below.issuer and below != path[0]:
                continue
            for name in _names(below):
                if why := _refused(name, constraints):
                    return why
    return ""


def _constraints(certificate: x509.Certificate) -> x509.NameConstraints | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.NameConstraints).value
    except x509.ExtensionNotFound:
        return None


def _names(certificate: x509.Certificate) -> Iterator[x509.GeneralName]:
    if list(certificate.subject):
        yield x509.DirectoryName(certificate.subject)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return
    yield from (name for name in names if not isinstance(name, _JUDGED))


def _refused(name: x509.GeneralName, constraints: Odd) -> str:
    permitted = [one for one in constraints.permitted if type(one) is type(name)]
    excluded = [one for one in constraints.excluded if type(one) is type(name)]
    if not isinstance(name, x509.DirectoryName):
        return f"a name constraint on {type(name).__name__} is not judged here" if permitted or excluded else ""
    if any(_below(name.value, one.value) for one in excluded):
        return "a subject is excluded by a name constraint"
    if permitted and not any(_below(name.value, one.value) for one in permitted):
        return "a subject is not among those that a name constraint permits"
    return ""


def _below(name: x509.Name, top: x509.Name) -> bool:
    """Whether `name` begins with all of `top`, compared without regard to case and to runs of blanks (RFC 5280 7.1)."""
    parts, wanted = list(_parts(name)), list(_parts(top))
    return parts[: len(wanted)] == wanted


def _parts(name: x509.Name) -> Iterator[frozenset[tuple[str, str]]]:
    for rdn in name.rdns:
        yield frozenset((one.oid.dotted_string, " ".join(str(one.value).casefold().split())) for one in rdn)
