"""Azure Files: whether those who mount a share have to encrypt the way to it."""

from typing import Any

from posture.context import Context
from posture.controls.registry import control
from posture.fields import flag, low, part, text
from posture.reading import NoAnswer, expected, field_of, optional, word
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unknown, warned

ACCOUNTS = "Microsoft.Storage/storageAccounts/read"
FILES = "Microsoft.Storage/storageAccounts/fileServices/read"
SHARES = "Microsoft.Storage/storageAccounts/fileServices/shares/read"
_STRONG, _CIPHERS = {"aes-256-gcm"}, {"aes-128-ccm", "aes-128-gcm", "aes-256-gcm"}
_NEWEST, _VERSIONS = {"smb3.1.1"}, {"smb2.1", "smb3.0", "smb3.1.1"}


@control("azure.storage.file-transfer", on="azure.storage.file-service")
def file_transfer(service: Resource, context: Context) -> Verdict:
    """SMB and NFS are not HTTPS: each has a setting of its own, which goes before the account's."""
    shares = expected(field_of(service, SHARES, "shares"), dict, SHARES, "shares")
    words = (optional(said, str, SHARES, "enabledProtocols") for said in shares.values())
    spoken = {"smb" if said is None else word(low(said), {"smb", "nfs"}, SHARES, "enabledProtocols") for said in words}
    if not spoken:
        return not_applicable("has no share", {f"{SHARES}.value": []})
    properties = expected(field_of(service, FILES, "properties"), dict, FILES, "properties")
    settings = part(properties, FILES, "protocolSettings")
    account = context.linked(service, "account")
    if account is None:
        raise NoAnswer(unknown("its storage account has not been seen"))
    whole = expected(field_of(account, ACCOUNTS, "properties"), dict, ACCOUNTS, "properties")
    only = flag(whole, ACCOUNTS, "supportsHttpsTrafficOnly")
    return min(
        (_protocol(name, part(settings, FILES, name), only) for name in sorted(spoken)), key=lambda each: each.status
    )


def _protocol(name: str, settings: dict[str, Any], only: bool | None) -> Verdict:
    required = flag(part(settings, FILES, "encryptionInTransit"), FILES, "required")
    facts: dict[str, Any] = {
        f"protocolSettings.{name}.encryptionInTransit.required": required,
        "storageAccounts.properties.supportsHttpsTrafficOnly": only,
    }
    if required is None and only is None:
        return unknown(f"whether {name.upper()} without encryption is accepted is not said", evidence=facts)
    if not (only if required is None else required):
        return failed(f"accepts {name.upper()} without encryption", facts)
    if name == "nfs":
        return passed("accepts NFS with encryption only", facts)
    ciphers, versions = _words(settings, "channelEncryption", _CIPHERS), _words(settings, "versions", _VERSIONS)
    facts |= {
        "protocolSettings.smb.channelEncryption": sorted(ciphers),
        "protocolSettings.smb.versions": sorted(versions),
    }
    if weak := [*sorted(ciphers - _STRONG), *sorted(versions - _NEWEST)]:
        return warned(f"accepts SMB with encryption only, but allows {weak[0].upper()}", facts)
    return passed("accepts SMB 3.1.1 with AES-256-GCM only", facts)


def _words(settings: dict[str, Any], field: str, known: set[str]) -> set[str]:
    """The words of a list that is one text, with `;` between; all that there are where it is not set, which is the
    default. Raises `NoAnswer`.
    """
    said = text(settings, FILES, field)
    if said is None:
        return known
    return {word(low(each), known, FILES, field) for each in said.split(";") if each.strip()} or known
