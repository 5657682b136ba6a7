"""Azure Files, seen from the wire: who mounts a share has to encrypt, or need not."""

import pytest

from tests.world.azure import Azure

TRANSFER = "azure.storage.file-transfer"
FILES = "Microsoft.Storage/storageAccounts/fileServices"


@pytest.mark.parametrize(
    ("https", "shares", "service", "status"),
    [
        (True, (), {}, "not_applicable"),
        (True, ("SMB",), {}, "pass"),
        (True, (None,), {}, "pass"),
        (True, ("SMB",), {"ciphers": "AES-128-GCM;AES-256-GCM"}, "warn"),
        (True, ("SMB",), {"versions": "SMB3.0;SMB3.1.1"}, "warn"),
        (True, ("SMB",), {"ciphers": None, "versions": None}, "warn"),
        (True, ("SMB",), {"ciphers": "ROT13"}, "unknown"),
        (False, ("SMB",), {}, "fail"),
        (False, ("SMB",), {"required": {"smb": True}}, "pass"),
        (True, ("SMB",), {"required": {"smb": False}}, "fail"),
        (None, ("SMB",), {}, "unknown"),
        (False, ("NFS",), {}, "fail"),
        (True, ("NFS",), {}, "pass"),
        (False, ("NFS",), {"required": {"nfs": True}}, "pass"),
        (True, ("NFS",), {"required": {"nfs": False}}, "fail"),
        (False, ("SMB", "NFS"), {"required": {"smb": True}}, "fail"),
        (True, ("AFP",), {}, "unknown"),
    ],
)
async def test_a_share_is_as_its_protocol_and_the_settings_say(
    azure: Azure, https: bool | None, shares: tuple[str | None, ...], service: dict[str, object], status: str
) -> None:
    account = azure.estate.account("acmedata")
    azure.estate.change(account, supportsHttpsTrafficOnly=https)
    for number, protocol in enumerate(shares):
        azure.estate.share(account, f"share-{number}", protocol)
    own = azure.estate.files(account, **service)  # type: ignore[arg-type]
    assert (await azure.poll()).statuses(own)[TRANSFER] == status
    assert azure.server.count(f"{FILES}/read") == bool(shares), "settings are asked where there are shares"


async def test_an_account_for_blobs_alone_is_asked_nothing(azure: Azure) -> None:
    account = azure.estate.account("acmedata")
    azure.estate.resources[account.lower()]["kind"] = "BlockBlobStorage"
    seen = await azure.poll()
    assert seen.resources("azure.storage.file-service") == {}
    assert azure.server.count(f"{FILES}/shares/read") == 0


@pytest.mark.parametrize("operation", [f"{FILES}/read", f"{FILES}/shares/read"])
async def test_a_refused_file_service_is_unknown_and_names_the_permission(azure: Azure, operation: str) -> None:
    account = azure.estate.account("acmedata")
    azure.estate.share(account, "team")
    azure.faults.deny(operation)
    finding = (await azure.poll()).finding(TRANSFER, f"{account}/fileServices/default")
    assert (finding.status.word, finding.fault and finding.fault.permission) == ("unknown", operation)
