"""Whether an extension of a machine is Azure Disk Encryption, and what it encrypts."""

from typing import Any

ADE = "azurediskencryption"
"""How the types of Azure Disk Encryption's extensions begin, in lower case: for Windows, and `...ForLinux`."""


def told(extension: dict[str, Any]) -> dict[str, Any]:
    """What is judged of an extension as Resource Manager answers with it: `id`, `name`, and of its properties
    `publisher`, `type`, and where it is Azure Disk Encryption the settings `EncryptionOperation` and `VolumeType`.
    """
    kept: dict[str, Any] = {name: extension[name] for name in ("id", "name") if name in extension}
    properties = extension.get("properties")
    if not isinstance(properties, dict):
        return kept if properties is None else {**kept, "properties": properties}
    shown = {name: properties[name] for name in ("publisher", "type") if name in properties}
    settings = properties.get("settings")
    kind = properties.get("type")
    if isinstance(settings, dict) and isinstance(kind, str) and kind.lower().startswith(ADE):
        shown["settings"] = {name: settings[name] for name in ("EncryptionOperation", "VolumeType") if name in settings}
    return {**kept, "properties": shown}
