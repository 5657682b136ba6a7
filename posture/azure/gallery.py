"""Under which keys the replicas of a gallery image version are."""

from typing import Any

from posture.fields import low, part, parts, strange, text
from posture.reading import NoAnswer, expected, nested

VERSIONS = "Microsoft.Compute/galleries/images/versions/read"
_SECURE = {"encryptedwithcmk", "datadiskencryptedwithcmk"}
_PLATFORM = {None, "encryptedvmgueststateonlywithpmk", "encryptedwithpmk", "nonpersistedtpm"}
"""Encryption types of confidential machines (SDK: `ConfidentialVMEncryptionType`) that leave the key to
`diskEncryptionSetId`.
"""


def replicas(properties: dict[str, Any]) -> dict[str, list[str]]:
    """Region -> the disk encryption set of each image that is kept there, as it is spelled; "" for the platform's key,
    which is that of an image of which nothing is said ("Bring your own keys for image versions").

    `properties` are those of a version. Raises `NoAnswer`.
    """
    regions = parts(nested(properties, VERSIONS, "publishingProfile"), VERSIONS, "targetRegions")
    if not regions:
        raise NoAnswer(strange(VERSIONS, "publishingProfile.targetRegions", regions))
    kept = expected(nested(properties, VERSIONS, "storageProfile"), dict, VERSIONS, "storageProfile")
    expected(nested(kept, VERSIONS, "osDiskImage"), dict, VERSIONS, "storageProfile.osDiskImage")
    numbers = [_number(disk) for disk in parts(kept, VERSIONS, "dataDiskImages") or ()]
    found: dict[str, list[str]] = {}
    for region in regions:
        name = expected(text(region, VERSIONS, "name"), str, VERSIONS, "targetRegions.name")
        encryption = part(region, VERSIONS, "encryption")
        sets = [_set_of(part(encryption, VERSIONS, "osDiskImage"))]
        named = {_number(disk): _set_of(disk) for disk in parts(encryption, VERSIONS, "dataDiskImages") or ()}
        found[name] = [*sets, *(named.get(number, "") for number in numbers)]
    return found


def _number(disk: dict[str, Any]) -> int:
    return expected(disk.get("lun"), int, VERSIONS, "dataDiskImages.lun")


def _set_of(image: dict[str, Any]) -> str:
    secure = part(image, VERSIONS, "securityProfile")
    kind = text(secure, VERSIONS, "confidentialVMEncryptionType")
    if low(kind) in _SECURE:
        return expected(
            text(secure, VERSIONS, "secureVMDiskEncryptionSetId"), str, VERSIONS, "secureVMDiskEncryptionSetId"
        )
    if low(kind) not in _PLATFORM or secure.get("secureVMDiskEncryptionSetId") is not None:
        raise NoAnswer(strange(VERSIONS, "securityProfile.confidentialVMEncryptionType", kind))
    return text(image, VERSIONS, "diskEncryptionSetId") or ""
