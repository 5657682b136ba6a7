"""What RFC 5280 asks of a path and neither verifier looks at: that the leaf's key may sign, and that policies which
an authority requires are there.
"""

from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

_ANY = x509.ObjectIdentifier("2.5.29.32.0")
_MAPPINGS = x509.ObjectIdentifier("2.5.29.33")


def lacking(path: Sequence[x509.Certificate]) -> str:
    """What a path (leaf to root) lacks, in words; empty for nothing. Raises what the parser raises."""
    return _use(path[0]) or _policy(path)


def _use(leaf: x509.Certificate) -> str:
    """A key that is no RSA key can do nothing in TLS but sign (RFC 8422 5.3, RFC 8446 4.4.2.2)."""
    try:
        usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    except x509.ExtensionNotFound:
        return ""
    if usage.digital_signature or (usage.key_encipherment and isinstance(leaf.public_key(), rsa.RSAPublicKey)):
        return ""
    return "the key may not be used for TLS (keyUsage)"


def _policy(path: Sequence[x509.Certificate]) -> str:
    """RFC 5280 6.1, of policies: `valid` are those that every certificate so far allows; the counters say after how
    many more they must, or any may not.
    """
    below = list(reversed(path[:-1]))
    explicit = inhibited = len(below) + 1
    valid, mapped = {_ANY}, False
    for number, one in enumerate(below, 1):
        last, own_name = number == len(below), one.subject == one.issuer
        found = _policies(one)
        following = found - {_ANY} if _ANY in valid else found & valid
        if _ANY in found and (inhibited > 0 or (own_name and not last)):
            following |= valid
        valid = following
        if last or not own_name:
            explicit, inhibited = max(explicit - 1, 0), max(inhibited - 1, 0)
        required, no_any = _limits(one)
        if not last or required == 0:
            explicit = min(explicit, required if required is not None else explicit)
        inhibited = min(inhibited, no_any if no_any is not None else inhibited)
        mapped = mapped or any(extension.oid == _MAPPINGS for extension in one.extensions)
    if explicit > 0 or (valid and not mapped):
        return ""
    return (
        "mapped certificate policies are not judged here"
        if mapped
        else "an authority requires certificate policies that are not there (policyConstraints)"
    )


def _policies(one: x509.Certificate) -> set[x509.ObjectIdentifier]:
    try:
        found = one.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return set()
    return {policy.policy_identifier for policy in found}


def _limits(one: x509.Certificate) -> tuple[int | None, int | None]:
    """After how many certificates a policy is required, and any policy is none; None for never."""
    required = no_any = None
    for extension in one.extensions:
        if isinstance(extension.value, x509.PolicyConstraints):
            required = extension.value.require_explicit_policy
        elif isinstance(extension.value, x509.InhibitAnyPolicy):
            no_any = extension.value.skip_certs
    return required, no_any
