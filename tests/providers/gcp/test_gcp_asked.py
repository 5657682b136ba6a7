"""What Google Cloud is asked: all of it, nothing that is not declared, and the same as its own client asks."""

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from posture.source import State
from posture.verdict import Status
from providers.demo.gcp import schema as gcp_schema
from providers.gcp.calls import CALLS, permissions, policy
from tests.world.gcp import Google, Seen

A, LOG = "zones/us-central1-a", "logging.entries.list"


async def test_ten_thousand_disks_and_two_thousand_buckets_are_told_whole_and_the_same_twice(google: Google) -> None:
    project = google.project
    key = project.key("k")
    kinds: dict[int, Mapping[str, Any] | str] = {0: key, 1: {"sha256": "u0Wh="}}
    for number in range(10_000):
        place = "regions/europe-west1" if number % 10 == 9 else f"zones/{project.zones[number % 6]}"
        project.disk(f"d-{number:05}", place, key=kinds.get(number % 100))
    for number in range(2_000):
        project.bucket(
            f"b-{number:04}",
            key=key if number % 50 == 0 else None,
            prevention="inherited" if number % 4 == 0 else "enforced",
        )
    seen = await google.poll()
    verdicts = Counter(
        (f.control, f.status.word)
        for entry in seen.model.all()
        for f in entry.findings.values()
        if f.control.startswith("gcp.")
    )
    assert verdicts["gcp.disk.encryption", "pass"] == 9_800
    assert verdicts["gcp.disk.encryption", "fail"] == 200
    assert verdicts["gcp.disk.csek", "fail"] == 100
    assert (verdicts["gcp.kms.key-state", "pass"], verdicts["gcp.kms.key-state", "not_applicable"]) == (
        100 + 40 + 1,
        9_900 + 1_960,
    )
    assert (verdicts["gcp.gcs.bucket-encryption", "pass"], verdicts["gcp.gcs.bucket-encryption", "fail"]) == (1_960, 40)
    assert verdicts["gcp.gcs.public-access", "pass"] == 2_000
    assert (seen.source("disks").calls, seen.source("storage").calls) == (20, 2 + 500)
    assert seen.snapshot().complete
    assert _told(seen) == _told(await google.poll())


def _told(seen: Seen) -> object:
    """Everything that is held, without times."""
    return {
        entry.resource.id: (entry.resource, {id: (f.status, f.reason, f.evidence) for id, f in entry.findings.items()})
        for entry in seen.model.all()
        if entry.resource.provider == "gcp"
    }


async def test_nothing_is_asked_that_is_not_declared_and_every_mask_is_of_the_document(google: Google) -> None:
    project = google.project
    key = project.key("k", versions={1: "ENABLED"})
    project.disk("d", A, key=f"{key}/cryptoKeyVersions/1")
    project.disk("e", A, key=google.server.cloud.project("x-other").key("f"))
    project.bucket("b", prevention="inherited")
    project.object("b", "o")
    await google.poll(object_pages=1, workspace="my_customer")
    polled = set(CALLS) - {LOG}  # which is asked when somebody wants to know
    assert google.server.log.operations == polled, "each is declared, and each declared one is made"
    for call in CALLS.values():
        assert gcp_schema.mask_defects(call.operation, call.fields) == []
        # a listing too, of what its body names
        assert gcp_schema.method(call.operation)["httpMethod"] == ("POST" if call.operation == LOG else "GET")


def test_the_policy_holds_the_declared_permissions_and_no_other() -> None:
    usual = permissions(frozenset())
    assert "storage.objects.list" not in usual
    assert "storage.objects.list" in permissions(frozenset({"object_pages"}))
    assert not [
        one
        for one in permissions(frozenset({"object_pages", "workspace"}))
        if not one.endswith((".list", ".get", ".getIamPolicy"))
    ]
    assert not {"storage.objects.get", "cloudkms.cryptoKeyVersions.useToDecrypt"} & set(
        permissions(frozenset({"object_pages"}))
    )
    lines = policy(frozenset()).splitlines()
    assert lines[3] == "includedPermissions:"
    assert [line.removeprefix("- ") for line in lines[4:]] == usual


def test_google_s_packages_are_loaded_only_when_a_project_asks_with_credentials() -> None:
    program = (
        "import sys; from providers.collector.config import parse;"
        "from providers.collector.systems import open_systems;"
        "open_systems(parse('[[tenant]]\\nname=\"a\"\\n[[tenant.gcp]]\\nproject=\"acme-prod\"\\n', 't'), '0');"
        "print(sorted(m for m in sys.modules if m.startswith(('google', 'boto3', 'botocore', 'grpc'))))"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )


async def test_the_poll_goes_on_beside_a_source_that_hangs(google: Google) -> None:
    google.project.bucket("b")
    google.project.disk("d", A)
    rule = google.server.faults.add("hang", "compute.disks.aggregatedList", seconds=30)
    seen = google.collector()
    task = asyncio.create_task(seen.collector.once(2))
    await task
    google.server.faults.remove(rule)
    assert seen.source("disks").state is State.UNREACHABLE
    assert (
        seen.finding("gcp.gcs.bucket-encryption", "//storage.googleapis.com/projects/_/buckets/b").status is Status.PASS
    )
    assert seen.model.rollups["acme"].status is Status.UNKNOWN


async def test_googles_own_client_gives_the_same_resources_and_the_same_refusals(google: Google) -> None:
    """`client = "google-cloud-compute"`: every listing of Compute, page by page, zones that do not answer, a
    refusal.
    """
    project = google.project
    key = project.key("k")
    for number in range(700):
        project.disk(
            f"d-{number:03}",
            f"zones/{project.zones[number % 3]}",
            key=key if number % 2 else None,
            labels={"team": "x"},
            users=["vm"],
        )
    project.unreachable["zones/europe-west1-a"] = "UNREACHABLE"
    project.snapshot("s", key=key)
    project.image("i")
    project.proxy("https", policy=project.ssl_policy("strict"))
    lean, typed = [await google.poll(client=client) for client in ("rest", "google-cloud-compute")]
    ours, theirs = ({entry.resource.id: entry for entry in seen.model.all()} for seen in (lean, typed))
    assert ours.keys() == theirs.keys()
    assert sum(entry.resource.type == "gcp.compute.disk" for entry in theirs.values()) == 700
    for id, entry in theirs.items():
        own = ours[id]
        assert {name: finding.status for name, finding in entry.findings.items()} == {
            name: finding.status for name, finding in own.findings.items()
        }, id
        if entry.resource.kind != "endpoint":  # an SSL policy's empty list of features is left out by protobuf
            assert entry.resource == own.resource, id
    assert google.server.log.count("compute.disks.aggregatedList") == 4
    google.server.faults.add("deny", "compute.*")
    refused = (await google.poll(client="google-cloud-compute")).fault("disks")
    assert (refused.kind.value, refused.permission) == ("denied", "compute.disks.list")
    google.server.faults.clear()
    google.server.faults.add("refuse", "compute.disks.*")
    assert (await google.poll(client="google-cloud-compute")).source("disks").state is State.UNREACHABLE
