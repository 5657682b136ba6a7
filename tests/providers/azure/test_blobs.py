"""A sample of blobs, where it is asked for: from Blob Storage's XML to the verdict."""

import pytest

from posture.snapshot import take, to_json
from providers.azure.calls import LIST_BLOBS
from providers.azure.client import STORAGE_SCOPE, ArmClient
from providers.collector.config import parse
from providers.demo.azure.faults import blob_refusal
from tests.world.azure import Azure, Seen

CONTROL = "azure.storage.blob-sample"
ASKED = LIST_BLOBS.permission
SAMPLE = "blob_sample = 5"


def _container(azure: Azure, account: str = "acmedata", name: str = "invoices", blobs: int = 3) -> str:
    """A container of an account, with so many blobs as they should be."""
    made = azure.estate.container(azure.estate.account(account), name)
    for number in range(blobs):
        azure.estate.blob(made, f"secret-name-{number}.pdf")
    return made


async def _told(azure: Azure, container: str, policy: str = "") -> tuple[str, str]:
    finding = (await azure.poll(more=SAMPLE, policy=policy)).finding(CONTROL, f"{container}#blobs")
    return finding.status.word, finding.reason


async def test_off_by_default_asks_nothing(azure: Azure) -> None:
    _container(azure)
    seen = await azure.poll()
    assert azure.server.count(ASKED) == 0
    assert azure.server.count("Microsoft.Storage/storageAccounts/blobServices/containers/read") == 0
    assert "blobs" not in {source.service for source in seen.model.sources.values()}


async def test_encrypted_blobs_pass_and_no_name_is_kept(azure: Azure) -> None:
    container = _container(azure)
    azure.estate.blob(container, "in-a-scope", scope="tenant-a")
    azure.estate.blob(container, "folder", encrypted=None, folder=True)
    seen = await azure.poll(more=SAMPLE)
    finding = seen.finding(CONTROL, f"{container}#blobs")
    assert (finding.status.word, finding.reason) == ("pass", "sample 4 of 4: all server-encrypted")
    sample = seen.resources("azure.storage.object-sample")["acmedata/invoices"]
    assert (sample.kind, sample.fields["EncryptionScopes"]) == ("object-sample", {"tenant-a": 1})
    assert seen.source("blobs").state == "ok"
    assert b"secret-name" not in to_json(take(seen.model, seen.model.now, "test"))
    assert azure.server.writes == []


async def test_one_blob_in_plain_text_fails(azure: Azure) -> None:
    container = _container(azure)
    azure.estate.blob(container, "old", encrypted=False)
    assert await _told(azure, container) == ("fail", "1 of 4 sampled blobs are not server-encrypted")


@pytest.mark.parametrize(
    ("policy", "status"),
    [("", "fail"), ('keys = "customer-managed"', "fail"), ('keys = "either"', "warn"), ('keys = "double"', "fail")],
)
async def test_a_key_that_the_sender_gave_is_judged_by_the_policy(azure: Azure, policy: str, status: str) -> None:
    container = _container(azure)
    azure.estate.blob(container, "theirs", supplied=True)
    told = await _told(azure, container, policy)
    assert told[0] == status
    assert told[1].startswith("1 of 4 sampled blobs: ")


async def test_a_blob_that_does_not_say_is_unknown(azure: Azure) -> None:
    container = _container(azure)
    azure.estate.blob(container, "silent", encrypted=None)
    assert (await _told(azure, container))[0] == "unknown"


async def test_an_empty_container_is_not_applicable(azure: Azure) -> None:
    assert await _told(azure, _container(azure, blobs=0)) == ("not_applicable", "no blobs")


async def test_only_as_many_are_read_as_were_asked_for(azure: Azure) -> None:
    container = _container(azure, blobs=12)
    assert await _told(azure, container) == ("pass", "sample 5 of 5: all server-encrypted")
    assert azure.server.count(ASKED) == 1


async def test_short_pages_are_followed_and_a_sample_that_stays_short_warns(azure: Azure) -> None:
    container = _container(azure, blobs=30)
    azure.server.page_size = 2
    assert await _told(azure, container) == ("pass", "sample 5 of 5: all server-encrypted")
    assert azure.server.count(ASKED) == 3
    seen = await azure.poll(more="blob_sample = 20")
    finding = seen.finding(CONTROL, f"{container}#blobs")
    assert (finding.status.word, finding.reason) == ("warn", "sample 10 of 20: fewer could be read than asked for")


async def test_a_page_cut_short_is_unknown_and_never_half_a_sample(azure: Azure) -> None:
    container = _container(azure)
    azure.faults.truncate(ASKED)
    seen = await azure.poll(more=SAMPLE)
    finding = seen.finding(CONTROL, f"{container}#blobs")
    assert finding.status.word == "unknown"
    assert seen.source("blobs").state == "partial"


async def test_refused_blobs_are_unknown_and_name_the_data_action(azure: Azure) -> None:
    shut, open_ = _container(azure, "shut"), _container(azure, "open")
    azure.faults.deny(ASKED, resource="/shut/invoices")
    seen = await azure.poll(more=SAMPLE)
    finding = seen.finding(CONTROL, f"{shut}#blobs")
    assert finding.fault is not None
    assert (finding.status.word, finding.fault.code, finding.fault.permission) == (
        "unknown",
        "AuthorizationPermissionMismatch",
        ASKED,
    )
    assert "using this permission. RequestId" in finding.fault.message, "one line"
    assert seen.statuses(f"{open_}#blobs")[CONTROL] == "pass"
    assert (seen.source("blobs").state, seen.fault("blobs").permission) == ("partial", ASKED)


async def test_an_accounts_firewall_is_no_missing_role(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    container = _container(azure)
    monkeypatch.setattr(
        azure.server,
        "_list_blobs",
        lambda *_: blob_refusal(403, "AuthorizationFailure", "This request is not authorized."),
    )
    finding = (await azure.poll(more=SAMPLE)).finding(CONTROL, f"{container}#blobs")
    assert finding.fault is not None
    assert (finding.status.word, finding.fault.kind, finding.fault.permission) == ("unknown", "denied", None)
    assert "network rules" in finding.fault.message


async def test_refused_containers_leave_the_sample_partial(azure: Azure) -> None:
    _container(azure)
    azure.faults.deny("Microsoft.Storage/storageAccounts/blobServices/containers/read")
    seen = await azure.poll(more=SAMPLE)
    assert seen.fault("blobs").permission == "Microsoft.Storage/storageAccounts/blobServices/containers/read"
    assert azure.server.count(ASKED) == 0


async def test_a_busy_endpoint_is_asked_again_and_one_that_stays_down_is_unknown(azure: Azure) -> None:
    container = _container(azure)
    azure.faults.throttle(ASKED, times=1, retry_after=0)
    assert (await _told(azure, container))[0] == "pass"
    azure.faults.fail(ASKED)
    seen: Seen = await azure.poll(more=SAMPLE)
    assert seen.statuses(f"{container}#blobs")[CONTROL] == "unknown"


async def test_a_token_that_ended_ends_the_source(azure: Azure) -> None:
    _container(azure)
    azure.faults.expire(ASKED)
    assert (await azure.poll(more=SAMPLE)).source("blobs").state == "expired"


async def test_a_blob_endpoint_elsewhere_is_not_asked(azure: Azure) -> None:
    container = _container(azure)
    account = azure.estate.account("acmedata", primary_endpoints=None)
    azure.estate.change(account, primaryEndpoints={"blob": f"http://localhost:{azure.server.port}/acmedata/"})
    seen = await azure.poll(more=SAMPLE)
    finding = seen.finding(CONTROL, f"{container}#blobs")
    assert finding.fault is not None
    assert (finding.status.word, finding.fault.code) == ("unknown", "ForeignEndpoint")
    assert azure.server.count(ASKED) == 0


@pytest.mark.parametrize(
    ("cloud", "endpoint", "own"),
    [
        ("public", "https://acmedata.blob.core.windows.net/", True),
        ("public", "https://acmedata.z12.blob.storage.azure.net/", True),
        ("government", "https://acmedata.blob.core.usgovcloudapi.net/", True),
        ("china", "https://acmedata.blob.core.chinacloudapi.cn/", True),
        ("government", "https://acmedata.blob.core.windows.net/", False),
        ("public", "http://acmedata.blob.core.windows.net/", False),
        ("public", "https://other.blob.core.windows.net/", False),
        ("public", "https://acmedata.blob.core.windows.net.example/", False),
        ("public", "https://acmedata.example@evil.blob.core.windows.net/", False),
        ("public", "https://acmedata.blob.core.windows.net:8443/", False),
        ("public", "https://acmedata.blob.core.windows.net\\@evil.example/", False),
        ("public", "", False),
    ],
)
def test_a_blob_token_goes_to_the_accounts_own_host_of_its_cloud(cloud: str, endpoint: str, own: bool) -> None:
    arm = ArmClient(
        parse(f'[[tenant]]\nname = "acme"\n[[tenant.azure]]\ncloud = "{cloud}"', "t").blocks("azure")[0].settings, "0"
    )
    assert arm._is_blob_host("acmedata", endpoint) is own


async def test_the_token_is_asked_for_storage(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    from providers.azure.client import _Ready

    scopes: list[str] = []
    real = _Ready.get_token

    async def noted(self: _Ready, *asked: str, **more: object) -> object:
        scopes.extend(asked)
        return await real(self, *asked, **more)

    monkeypatch.setattr(_Ready, "get_token", noted)
    _container(azure)
    await azure.poll(more=SAMPLE)
    assert set(scopes) == {"https://management.azure.com/.default", STORAGE_SCOPE}


@pytest.mark.parametrize("number", [-1, 101])
def test_a_sample_is_at_most_a_hundred(azure: Azure, number: int) -> None:
    with pytest.raises(Exception, match="not between 0 and 100"):
        azure.config(more=f"blob_sample = {number}")
