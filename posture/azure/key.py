"""Whose key an answer of Azure names; a room and a control read it alike."""

from posture.fields import low
from posture.resource import KeyClass

TYPES = (
    "EncryptionAtRestWithPlatformKey",
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
)
"""Whose key encrypts a disk, as the answer's `encryption` spells it."""
_PLATFORM, _CUSTOMER, _BOTH = (kind.lower() for kind in TYPES)
CONFIDENTIAL = "confidentialvm_diskencryptedwithcustomerkey"
SECURITY_TYPES = {
    None,
    "standard",
    "trustedlaunch",
    "confidentialvm_vmgueststateonlyencryptedwithplatformkey",
    "confidentialvm_diskencryptedwithplatformkey",
    "confidentialvm_nonpersistedtpm",
}
"""Security types that leave the key to `encryption` (SDK: `DiskSecurityTypes`)."""


def named_key(
    kind: str | None, set_id: str | None, security: str | None, secure_set: str | None
) -> tuple[KeyClass | None, str | None]:
    """Whose key a disk's answer names, and the encryption set that leads to it; a class of None is the set's to tell,
    UNKNOWN where the parts do not agree.

    `kind` and `set_id` are of its `encryption`, `security` and `secure_set` the type and the encryption set of its
    `securityProfile`: a confidential disk is encrypted in the guest, under that set's key, whatever the storage below
    does.
    """
    kind, security = low(kind), low(security)
    if secure_set or security == CONFIDENTIAL:
        agree = secure_set and security == CONFIDENTIAL and kind in {None, _PLATFORM, _CUSTOMER}
        same = not set_id or (secure_set or "").strip().rstrip("/").lower() == set_id.strip().rstrip("/").lower()
        return (None, secure_set) if agree and same else (KeyClass.UNKNOWN, secure_set or set_id)
    if security not in SECURITY_TYPES:
        return KeyClass.UNKNOWN, set_id
    if kind == _PLATFORM and not set_id:
        return KeyClass.PROVIDER, None
    if kind == _CUSTOMER and set_id:
        return None, set_id
    return (KeyClass.DOUBLE if kind == _BOTH and set_id else KeyClass.UNKNOWN), set_id


def account_class(source: str | None, federated: str | None = None) -> KeyClass:
    """Whose key an account's `keySource` or a scope's `source` names; `federated` is the client that reads a key of
    another Entra tenant.
    """
    if low(source) == "microsoft.storage":
        return KeyClass.PROVIDER
    if low(source) != "microsoft.keyvault":
        return KeyClass.UNKNOWN
    return KeyClass.CUSTOMER if low(federated) in {None, "", "none"} else KeyClass.CUSTOMER_FOREIGN
