"""The simulated Google Cloud: the vendor's own client reads it, and initech is believable, repeatable, and moving."""

import threading
import time
from collections import Counter
from typing import Any

import pytest

from posture.verdict import Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.gcp import schema, tenant
from providers.demo.gcp.faults import Faults
from tests.world.gcp import Google, Seen


def test_google_s_own_client_reads_the_same_disks_pages_warnings_and_refusals(google: Google) -> None:
    from google.api_core.exceptions import Forbidden
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import compute_v1

    project = google.project
    key = project.key("k")
    for number in range(1300):
        project.disk(f"d-{number:04}", f"zones/{project.zones[number % 3]}", key=key if number % 2 else None)
    project.unreachable["zones/europe-west1-a"] = "UNREACHABLE"
    options = {"api_endpoint": google.server.url}
    nobody: Any = AnonymousCredentials()  # type: ignore[no-untyped-call]  # the SDK has no types
    client = compute_v1.DisksClient(credentials=nobody, client_options=options)
    request = compute_v1.AggregatedListDisksRequest(project="acme-prod", max_results=500)
    pages: list[Any] = list(client.aggregated_list(request=request, retry=None, timeout=20).pages)
    disks = [disk for page in pages for scoped in page.items.values() for disk in scoped.disks]
    assert (len(pages), len(disks), sum(bool(disk.disk_encryption_key.kms_key_name) for disk in disks)) == (
        3,
        1300,
        650,
    )
    assert all(page.items["zones/europe-west1-a"].warning.code == "UNREACHABLE" for page in pages)
    assert list(pages[0].unreachables) == ["projects/acme-prod/zones/europe-west1-a"]
    google.server.faults.add("deny", "compute.*")
    with pytest.raises(Forbidden, match=r"compute\.disks\.list"):
        client.aggregated_list(request=request, retry=None, timeout=20)


def test_an_answer_that_the_discovery_document_does_not_allow_is_a_defect() -> None:
    assert (
        schema.defects(
            "compute.disks.aggregatedList", {"items": {"zones/z": {"disks": [{"name": "d", "sizeGb": "10"}]}}}
        )
        == []
    )
    wrongs: tuple[dict[str, Any], ...] = (
        {"items": {"zones/z": {"disks": [{"sizeGb": 10}]}}},
        {"items": {"zones/z": {"disk": []}}},
        {"items": {"z": {"disks": [{"status": "FINE"}]}}},
    )
    for wrong in wrongs:
        assert schema.defects("compute.disks.aggregatedList", wrong)
    assert schema.defects("storage.buckets.list", {"items": [{"encryption": {"defaultKmsKey": "k"}}]})
    assert schema.mask_defects("compute.disks.aggregatedList", "items/*/disks(name,encryption)")


def test_a_mask_keeps_what_it_names() -> None:
    body = {
        "items": {"z": {"disks": [{"name": "d", "sizeGb": "1"}]}, "y": {"warning": {"code": "C", "data": []}}},
        "kind": "k",
    }
    kept = schema.masked(body, schema.mask("items/*/disks(name),items/*/warning(code)"))
    assert kept == {"items": {"z": {"disks": [{"name": "d"}]}, "y": {"warning": {"code": "C"}}}}
    for bad in ("items/*/disks(name", "items,,x", "a)b"):
        with pytest.raises(ValueError, match="fields"):
            schema.mask(bad)


async def test_initech_is_believable_and_has_a_handful_of_defects(google: Google) -> None:
    seen = await _initech(google)
    kinds = Counter(entry.resource.kind for entry in seen.model.all() if entry.resource.provider == "gcp")
    assert (kinds["volume"], kinds["bucket"], kinds["snapshot"], kinds["key"], kinds["cluster"]) == (145, 60, 42, 5, 2)
    bad = Counter(f.control for entry in seen.model.all() for f in entry.findings.values() if f.status is Status.FAIL)
    assert bad == {
        "gcp.disk.encryption": 5,
        "gcp.disk.csek": 1,
        "gcp.disk.snapshot-encryption": 3,
        "gcp.gcs.bucket-encryption": 1,
        "gcp.gcs.public-access": 1,
        "gcp.kms.key-state": 2,
        "gcp.gke.secrets-encryption": 1,
        "gcp.lb.ssl-policy": 1,
        "doc.standards": 1,
    }
    again = await _initech(google)
    assert {entry.resource.id: entry.status for entry in seen.model.all()} == {
        entry.resource.id: entry.status for entry in again.model.all()
    }


async def _initech(google: Google) -> Seen:
    google.server.reset()
    tenant.seed(google.server)
    seen = Seen(Collector(parse(tenant.configuration(google.server.url), "demo")))
    await seen.collector.once(30)
    return seen


def test_initech_changes_while_one_watches_and_is_put_right(google: Google) -> None:
    project, stopped = tenant.seed(google.server), threading.Event()
    seen: Counter[str] = Counter()
    thread = threading.Thread(target=tenant.live, args=(project, stopped), kwargs={"speed": 500.0})
    thread.start()
    end = time.monotonic() + 10
    while time.monotonic() < end and not {"silent", "heard again", "disabled", "enabled again", "built"} <= seen.keys():
        silent = "zones/europe-west1-c" in project.unreachable
        state = project.cloud.keys[f"projects/{project.name}/locations/us-central1/keyRings/tenants/cryptoKeys/ledger"][
            "primary"
        ]["state"]
        seen["silent" if silent else "heard again" if seen["silent"] else "calm"] += 1
        seen["disabled" if state == "DISABLED" else "enabled again" if seen["disabled"] else "calm"] += 1
        seen["built"] += any(
            name.startswith("build-") for scope in list(project.compute["disks"].values()) for name in list(scope)
        )
        seen += Counter()
        time.sleep(0.005)
    stopped.set()
    thread.join()
    assert {"silent", "heard again", "disabled", "enabled again", "built"} <= seen.keys()


def test_a_fault_counts_only_the_requests_it_hits() -> None:
    from providers.demo.gcp.faults import Asked

    faults = Faults()
    faults.add("deny", "compute.*", times=1)
    other, meant = Asked("storage.buckets.list", "p", "", {}), Asked("compute.disks.aggregatedList", "p", "", {})
    assert [faults.before(asked) is not None for asked in (other, meant, meant)] == [False, True, False]
