"""Machine images, instant snapshots, file systems, deleted buckets and certificates: what else holds data or a key."""

import pytest

from posture.source import State
from providers.demo.gcp import more
from tests.world.gcp import Google

COPIES, DISKS, STATE = "gcp.disk.snapshot-encryption", "gcp.disk.encryption", "gcp.kms.key-state"
BUCKETS, CERTIFICATE = "gcp.gcs.bucket-encryption", "gcp.lb.certificate"
A = "zones/us-central1-a"


async def test_a_machine_image_is_judged_as_an_image_and_under_the_version_that_it_names(google: Google) -> None:
    project = google.project
    key = project.key("k", versions={1: "DISABLED"})
    own, keyed = (
        more.machine_image(project, "own"),
        more.machine_image(project, "keyed", key=f"{key}/cryptoKeyVersions/1"),
    )
    seen = await google.poll()
    assert [seen.finding(COPIES, each).status.word for each in (own, keyed)] == ["pass", "fail"]
    assert seen.finding(STATE, keyed).reason == "key version 1 is DISABLED"


async def test_an_instant_snapshot_is_encrypted_as_its_disk_is(google: Google) -> None:
    project = google.project
    project.disk("own", A)
    project.disk("keyed", A, key=project.key("k"))
    project.disk("shared", "regions/us-central1")
    made = [more.instant_snapshot(project, f"of-{name}", name) for name in ("own", "keyed", "gone")]
    made.append(more.instant_snapshot(project, "of-shared", "shared", "regions/us-central1"))
    seen = await google.poll()
    assert [seen.finding(COPIES, each).status.word for each in made] == ["pass", "fail", "unknown", "pass"]


async def test_the_instant_snapshots_of_a_zone_that_fell_silent_are_unknown(google: Google) -> None:
    project = google.project
    project.disk("d", A)
    made = more.instant_snapshot(project, "i", "d")
    async with google.collector().running() as seen:
        with project.without(A):
            await seen.again("instant-snapshots")
            assert seen.finding(COPIES, made).status.word == "unknown"
            assert seen.source("instant-snapshots").state is State.PARTIAL


async def test_a_file_system_is_judged_by_its_key_and_the_state_of_that(google: Google) -> None:
    project = google.project
    key = project.key("k", state="DISABLED")
    own, keyed = more.file_system(project, "own"), more.file_system(project, "keyed", "us-central1", key=key)
    seen = await google.poll(policy='keys = "either"')
    assert [seen.finding(DISKS, each).status.word for each in (own, keyed)] == ["pass", "pass"]
    assert seen.finding(STATE, keyed).status.word == "fail"
    assert keyed == "//file.googleapis.com/projects/acme-prod/locations/us-central1/instances/keyed"


async def test_where_the_api_of_file_systems_is_off_there_are_none_and_nothing_is_lost(google: Google) -> None:
    google.server.faults.add("disable", "file.*")
    seen = await google.poll()
    assert seen.source("filestore").state is State.DISABLED
    assert seen.snapshot().complete


async def test_file_systems_of_a_location_that_does_not_answer_say_so(google: Google) -> None:
    made = more.file_system(google.project, "f")
    async with google.collector().running() as seen:
        with google.project.without(A):
            await seen.again("filestore")
            assert seen.finding(DISKS, made).status.word == "unknown"


async def test_a_deleted_bucket_is_judged_while_it_can_be_restored(google: Google) -> None:
    project = google.project
    key = project.key("k")
    for name, under in (("keyed", key), ("own", None)):
        project.bucket(name, key=under)
    keyed, own = more.delete_bucket(project, "keyed"), more.delete_bucket(project, "own")
    project.bucket("keyed")
    seen = await google.poll()
    assert [seen.finding(BUCKETS, each).status.word for each in (keyed, own)] == ["fail", "pass"]
    again = seen.finding(BUCKETS, "//storage.googleapis.com/projects/_/buckets/keyed")
    assert again.status.word == "pass", "one that was made anew is another"


@pytest.mark.parametrize(
    ("made", "used", "status"),
    [
        ({}, True, "pass"),
        ({}, False, "not_applicable"),
        ({"days": 20}, True, "warn"),
        ({"days": 5}, True, "fail"),
        ({"days": -1}, True, "fail"),
        ({"status": "RENEWAL_FAILED"}, True, "warn"),
        ({"status": "PROVISIONING", "days": None}, True, "warn"),
        ({"status": "PROVISIONING_FAILED", "days": None}, True, "fail"),
        ({"status": "MANAGED_CERTIFICATE_STATUS_UNSPECIFIED"}, True, "unknown"),
        ({"domains": {"a.example": "ACTIVE", "b.example": "FAILED_CAA_FORBIDDEN"}}, True, "warn"),
        ({"days": None}, True, "unknown"),
        ({"status": None, "days": 25}, True, "warn"),
        ({"status": None, "days": 40}, True, "pass"),
    ],
)
async def test_a_certificate_in_use_is_as_its_state_and_its_end_say(
    google: Google, made: dict[str, object], used: bool, status: str
) -> None:
    url = more.certificate(google.project, "c", **made)  # type: ignore[arg-type]
    google.project.proxy("p", policy=google.project.ssl_policy("strict"), certificates=[url] if used else [])
    seen = await google.poll()
    finding = seen.finding(CERTIFICATE, "global/sslCertificates/c")
    assert finding.status.word == status, finding.reason


async def test_whether_a_certificate_is_used_is_not_known_where_the_proxies_are_refused(google: Google) -> None:
    more.certificate(google.project, "c")
    google.server.faults.add("deny", "compute.targetHttpsProxies.aggregatedList")
    assert (await google.poll()).finding(CERTIFICATE, "global/sslCertificates/c").status.word == "unknown"
