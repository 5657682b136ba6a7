"""Google Cloud as enctop sees it: zones that fall silent, keys and their versions, buckets, and what stands around
them.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections import Counter

import pytest
from jsonschema import Draft202012Validator

from posture.fault import ConfigError
from posture.resource import KeyClass
from posture.snapshot import schema, to_json
from posture.source import State
from posture.verdict import EvidenceClass, Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.gcp import schema as gcp_schema
from providers.gcp.calls import CALLS, permissions, policy
from tests.world.gcp import Google, Seen

A, B = "zones/us-central1-a", "zones/us-central1-b"
KMS = "//cloudkms.googleapis.com/"


async def test_a_zone_that_does_not_answer_is_unknown_its_rows_stay_and_come_back(google: Google) -> None:
    project = google.project
    project.disk("near", A)
    project.disk("far", B, key={"sha256": "u0Wh="})
    async with google.collector().running() as seen:
        assert seen.finding("gcp.disk.encryption", f"{B}/disks/far").status is Status.FAIL
        with project.without(B):
            await seen.again("disks")
            far = seen.finding("gcp.disk.encryption", f"{B}/disks/far")
            assert far.status is Status.UNKNOWN
            assert far.fault is not None
            assert (far.fault.code, far.fault.operation) == ("UNREACHABLE", "compute.disks.aggregatedList")
            assert seen.finding("gcp.disk.csek", f"{B}/disks/far").status is Status.UNKNOWN
            assert seen.finding("gcp.disk.encryption", B).status is Status.UNKNOWN, "the zone itself stands there"
            assert seen.finding("gcp.disk.encryption", f"{A}/disks/near").status is Status.PASS
            assert (seen.source("disks").state, seen.model.rollups["acme"].status) == (State.PARTIAL, Status.UNKNOWN)
            project.delete(f"//compute.googleapis.com/projects/acme-prod/{A}/disks/near")
            await seen.again("disks")
            assert not seen.there(f"{A}/disks/near"), "of the zones that answer, what is gone is gone"
            assert seen.there(f"{B}/disks/far")
        await seen.again("disks", until=lambda: seen.source("disks").state is State.OK)
        assert seen.finding("gcp.disk.encryption", f"{B}/disks/far").status is Status.FAIL
        assert not seen.there(B)


@pytest.mark.parametrize("how", ["warning", "unreachables", "other-code", "region"])
async def test_silence_is_read_wherever_google_says_it(google: Google, how: str) -> None:
    project = google.project
    for number in range(1200):  # three pages: the silence stands on the last
        project.disk(f"d-{number:04}", A)
    project.disk("far", B)
    project.disk("regional", "regions/us-central1")
    match how:
        case "warning" | "other-code":
            project.unreachable[B] = "UNREACHABLE" if how == "warning" else "LIST_OVERHEAD_QUOTA_EXCEED"
        case "unreachables":
            project.unnamed.add(B)
        case _:
            project.unreachable["regions/us-central1"] = "UNREACHABLE"
    seen = await google.poll()
    silent = "regions/us-central1" if how == "region" else B
    assert seen.finding("gcp.disk.encryption", silent).status is Status.UNKNOWN
    assert not seen.there(f"{silent}/disks/{'regional' if how == 'region' else 'far'}")
    assert sum(entry.resource.kind == "volume" for entry in seen.model.all()) == 1201
    assert seen.source("disks").calls == 3


async def test_old_versions_foreign_keys_and_numbers_are_told_apart(google: Google) -> None:
    project, other = google.project, google.server.cloud.project("partner")
    own, foreign = project.key("own", versions={1: "DISABLED"}), other.key("theirs")
    under_number = project.key("numbered").replace("acme-prod", project.number)
    project.disk("new", A, key=own)
    project.disk("old", A, key=f"{own}/cryptoKeyVersions/1")
    project.disk("foreign", A, key=foreign)
    project.disk("numbered", A, key=under_number.removeprefix(KMS))
    project.disk("lost", A, key="projects/acme-prod/locations/us-central1/keyRings/tenants/cryptoKeys/never-was")
    seen = await google.poll('keys = "customer-managed"')
    said = {
        name: seen.finding("gcp.disk.encryption", f"{A}/disks/{name}").status.word
        for name in ("new", "old", "foreign", "numbered", "lost")
    }
    assert said == {"new": "pass", "old": "pass", "foreign": "fail", "numbered": "pass", "lost": "pass"}
    usable = {name: seen.finding("gcp.kms.key-state", f"{A}/disks/{name}").status.word for name in said}
    assert usable == {"new": "pass", "old": "fail", "foreign": "pass", "numbered": "pass", "lost": "fail"}
    assert seen.finding("gcp.kms.key-state", own).reason == "key version 1 is DISABLED"
    entry = seen.model.entry(f"//compute.googleapis.com/projects/acme-prod/{A}/disks/foreign")
    assert entry is not None
    assert entry.key_class is KeyClass.CUSTOMER_FOREIGN
    assert seen.resource(own).kind == "key"
    assert seen.model.entry(own).users == 2  # type: ignore[union-attr]


async def test_where_keys_may_not_be_listed_those_in_use_are_asked_for_one_by_one(google: Google) -> None:
    key = google.project.key("k")
    google.project.key("unused")
    google.project.disk("d", A, key=key)
    google.server.faults.add("deny", "cloudkms.locations.list")
    seen = await google.poll()
    assert (seen.source("kms").state, seen.source("kms-named").state) == (State.DENIED, State.OK)
    assert seen.fault("kms").permission == "cloudkms.locations.list"
    assert seen.finding("gcp.kms.key-state", key).status is Status.PASS
    google.server.faults.add("deny", "cloudkms.cryptoKeys.get")
    finding = (await google.poll()).finding("gcp.kms.key-state", f"{A}/disks/d")
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "cloudkms.cryptoKeys.get"


async def test_a_key_that_is_disabled_is_told_on_all_that_uses_it_within_one_poll(google: Google) -> None:
    key = google.project.key("k")
    google.project.disk("d", A, key=key)
    google.project.bucket("b", key=key)
    async with google.collector('keys = "either"').running() as seen:
        ids = (key, f"{A}/disks/d", "//storage.googleapis.com/projects/_/buckets/b")
        assert {seen.finding("gcp.kms.key-state", id).status for id in ids} == {Status.PASS}
        google.project.set_state(key, "DISABLED")
        await seen.again("kms")
        assert {seen.finding("gcp.kms.key-state", id).status for id in ids} == {Status.FAIL}


async def test_only_buckets_that_do_not_prevent_public_access_are_asked_for_their_policy(google: Google) -> None:
    project = google.project
    project.bucket("closed")
    project.bucket("open", prevention="inherited", members=["allUsers", "user:someone@acme.example"])
    project.bucket("fine", prevention=None)
    seen = await google.poll()
    assert google.server.log.count("storage.buckets.getIamPolicy") == 2
    of = {
        name: seen.finding("gcp.gcs.public-access", f"//storage.googleapis.com/projects/_/buckets/{name}").status.word
        for name in ("closed", "open", "fine")
    }
    assert of == {"closed": "pass", "open": "fail", "fine": "pass"}
    assert b"someone@acme" not in to_json(seen.snapshot()), "members are people: only those who are everybody are kept"


async def test_a_bucket_that_could_not_be_reached_is_unknown_and_stays(google: Google) -> None:
    google.project.bucket("b-1")
    google.project.bucket("b-2")
    async with google.collector().running() as seen:
        google.project.unreachable_buckets = {"b-2", "b-3"}
        await seen.again("storage")
        for name, status in (("b-1", Status.PASS), ("b-2", Status.UNKNOWN), ("b-3", Status.UNKNOWN)):
            assert (
                seen.finding("gcp.gcs.bucket-encryption", f"//storage.googleapis.com/projects/_/buckets/{name}").status
                is status
            )
        assert seen.source("storage").state is State.PARTIAL


async def test_a_denied_bucket_is_unknown_and_names_the_permission(google: Google) -> None:
    google.project.bucket("b-1", prevention="inherited")
    google.project.bucket("b-2", prevention="inherited")
    google.server.faults.add("deny", "storage.buckets.getIamPolicy", "b-2")
    seen = await google.poll()
    finding = seen.finding("gcp.gcs.public-access", "//storage.googleapis.com/projects/_/buckets/b-2")
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "storage.buckets.getIamPolicy"
    assert (
        seen.finding("gcp.gcs.public-access", "//storage.googleapis.com/projects/_/buckets/b-1").status is Status.PASS
    )


async def test_snapshots_of_every_region_images_clusters_and_proxies_are_seen(google: Google) -> None:
    project = google.project
    key = project.key("k")
    project.snapshot("global-one")
    project.snapshot("regional-one", region="europe-west1", key=key)
    project.image("base", key={"sha256": "u0Wh="})
    project.cluster(
        "prod",
        encryption={"state": "ENCRYPTED", "currentState": "CURRENT_STATE_ENCRYPTED", "keyName": key.removeprefix(KMS)},
    )
    strict = project.ssl_policy("strict")
    project.proxy("good", policy=strict)
    project.proxy("bare", scope="regions/us-central1")
    project.proxy("tcp", "targetSslProxies")
    project.proxy("plain", "targetHttpProxies", url_map=project.url_map("to-https", redirect=True))
    project.proxy("serving", "targetHttpProxies", url_map=project.url_map("site", redirect=False))
    seen = await google.poll()
    Draft202012Validator(schema()).validate(json.loads(to_json(seen.snapshot())))
    assert {
        source.id.rpartition("/")[2]: source.state.value
        for source in seen.model.sources.values()
        if source.state is not State.OK
    } == {}
    stored = {
        id: seen.finding("gcp.disk.snapshot-encryption", id).status.word
        for id in ("global/snapshots/global-one", "regions/europe-west1/snapshots/regional-one", "global/images/base")
    }
    assert list(stored.values()) == ["pass", "fail", "fail"]
    assert (
        seen.finding(
            "gcp.gke.secrets-encryption",
            "//container.googleapis.com/projects/acme-prod/locations/us-central1/clusters/prod",
        ).status
        is Status.PASS
    )
    lb = {
        "global/targetHttpsProxies/good": "pass",
        "regions/us-central1/targetHttpsProxies/bare": "fail",
        "global/targetSslProxies/tcp": "fail",
        "global/targetHttpProxies/plain": "pass",
        "global/targetHttpProxies/serving": "fail",
    }
    assert {id: seen.finding("gcp.lb.ssl-policy", id).status.word for id in lb} == lb
    assert seen.model.entry(key).users == 2  # type: ignore[union-attr]


async def test_a_missing_gke_zone_keeps_its_clusters_and_says_so(google: Google) -> None:
    google.project.cluster("far", "europe-west1")
    async with google.collector().running() as seen:
        google.project.missing_zones = {"europe-west1"}
        await seen.again("gke")
        assert (seen.source("gke").state, seen.fault("gke").code) == (State.PARTIAL, "MISSING_ZONE")
        id = "//container.googleapis.com/projects/acme-prod/locations/europe-west1/clusters/far"
        assert seen.finding("gcp.gke.secrets-encryption", id).status is Status.UNKNOWN
        google.project.missing_zones = set()
        await seen.again("gke")
        assert seen.finding("gcp.gke.secrets-encryption", id).status is Status.PASS


async def test_refused_ssl_policies_leave_proxies_unknown_not_failed(google: Google) -> None:
    google.project.proxy("p", policy=google.project.ssl_policy("strict"))
    google.project.proxy("h", "targetHttpProxies", url_map=google.project.url_map("m", redirect=True))
    google.server.faults.add("deny", "compute.sslPolicies.*")
    google.server.faults.add("deny", "compute.urlMaps.*")
    seen = await google.poll()
    for id, permission in (
        ("global/targetHttpsProxies/p", "compute.sslPolicies.list"),
        ("global/targetHttpProxies/h", "compute.urlMaps.list"),
    ):
        finding = seen.finding("gcp.lb.ssl-policy", id)
        assert finding.status is Status.UNKNOWN
        assert finding.fault is not None
        assert finding.fault.permission == permission


async def test_objects_are_swept_only_where_asked_for(google: Google) -> None:
    key = google.project.key("k")
    google.project.bucket("b")
    for number in range(2300):
        google.project.object("b", f"o-{number:04}")
    google.project.object("b", "o-0001", generation=2, key=key)
    google.project.object("b", "theirs", supplied=True)
    id = "//storage.googleapis.com/projects/_/buckets/b#objects"
    assert not (await google.poll()).there(id)
    assert google.server.log.count("storage.objects.list") == 0
    whole = await google.poll(object_pages=10)
    assert whole.resource(id).fields["keys"] == {"Google": 2300, key.removeprefix(KMS): 1, "supplied": 1}
    assert whole.finding("gcp.gcs.object-key", id).status is Status.FAIL
    part = await google.poll(object_pages=1)
    assert (part.resource(id).fields["complete"], part.finding("gcp.gcs.object-key", id).status) == (False, Status.FAIL)
    google.server.faults.add("deny", "storage.objects.list")
    assert (await google.poll(object_pages=1)).finding("gcp.gcs.object-key", id).status is Status.UNKNOWN


async def test_the_directory_is_counted_and_a_person_s_word_is_marked(google: Google) -> None:
    google.server.cloud.users["my_customer"] = [
        {
            "primaryEmail": f"u{number}@acme.example",
            "isAdmin": number == 0,
            "suspended": number == 9,
            "isEnrolledIn2Sv": number != 5,
            "isEnforcedIn2Sv": True,
        }
        for number in range(1100)
    ]
    id = "//cloudidentity.googleapis.com/customers/my_customer"
    finding = (await google.poll(workspace="my_customer")).finding("gcp.identity.2sv", id)
    assert (finding.status, finding.reason) == (Status.WARN, "enforced, but 1 of 1099 users are not enrolled yet")
    google.server.faults.add("deny", "directory.users.list")
    finding = (await google.poll(workspace="my_customer")).finding("gcp.identity.2sv", id)
    assert finding.status is Status.UNKNOWN
    text = google.configuration(workspace="my_customer").replace(
        "[tenant.policy]",
        '[tenant.gcp.two_step]\nenforced = true\nattested_by = "p.gibbons"\non = "2026-10-01"\n[tenant.policy]',
    )
    seen = Seen(Collector(parse(text, "test")))
    await seen.collector.once(30)
    finding = seen.finding("gcp.identity.2sv", id)
    assert (finding.status, finding.evidence_class) == (Status.PASS, EvidenceClass.ATTESTED)


async def test_tenants_share_a_project_by_their_labels(google: Google) -> None:
    for name, labels in (("a", {"tenant": "acme"}), ("b", {"tenant": "globex"}), ("c", {})):
        google.project.disk(name, A, labels=labels)
    block = f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{google.server.url}"\ncredentials = "anonymous"\n'
    text = "".join(f'[[tenant]]\nname = "{name}"\n{block}label = "tenant={name}"\n' for name in ("acme", "globex"))
    collector = Collector(parse(text, "test"))
    await collector.once(30)
    assert Counter(entry.resource.tenant for entry in collector.model.all() if entry.resource.kind == "volume") == {
        "acme": 1,
        "globex": 1,
        "unassigned": 1,
    }
    assert google.server.log.count("compute.disks.aggregatedList") == 1
    with pytest.raises(ConfigError, match="acme and globex name the same project acme-prod; give each a label"):
        parse(text.replace('label = "tenant=globex"', ""), "test")


async def test_a_disk_whose_labels_name_two_tenants_is_nobodys_and_a_claim_is_told_with_its_namespace(
    google: Google,
) -> None:
    claim = {
        f"kubernetes-io-created-for_pvc-{what}": word for what, word in (("name", "data-pg-0"), ("namespace", "shop"))
    }
    both = google.project.disk("both", A, labels={"tenant": "acme", "customer": "globex", **claim})
    block = f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{google.server.url}"\ncredentials = "anonymous"\n'
    tenants = (("acme", "tenant=acme"), ("globex", "customer=globex"))
    seen = Seen(
        Collector(
            parse(
                "".join(f'[[tenant]]\nname = "{name}"\n{block}label = "{label}"\n' for name, label in tenants), "test"
            )
        )
    )
    await seen.collector.once(30)
    disk = next(entry.resource for entry in seen.collector.model.all() if entry.resource.name == "both")
    assert both.endswith(disk.name)
    assert (disk.tenant, disk.cells[0]) == ("unassigned", "shop/data-pg-0")


async def test_a_key_ends_when_a_version_in_use_is_destroyed(google: Google) -> None:
    dying, well = google.project.key("dying", state="DESTROY_SCHEDULED", destroyed_in=3), google.project.key("well")
    for name, key in (("a", dying), ("b", well)):
        google.project.disk(name, A, key=key)
    seen = await google.poll()
    ends = {name: seen.resource(key).expires for name, key in (("dying", dying), ("well", well))}
    assert ends["well"] is None
    assert ends["dying"] == pytest.approx(time.time() + 3 * 86400, abs=120)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('project = "Acme Prod"', "tenant[0].gcp[0].project: 'Acme Prod' is not a project's id"),
        ('project = "acme-prod"\nendpoint = "http://gcp.example"', "plain http to gcp.example is refused"),
        ('project = "acme-prod"\ncredentials = "/no/such.json"', "neither default, anonymous nor a file"),
        ('project = "acme-prod"\nlocation = "us"', "unknown key"),
        ('project = "acme-prod"\ntoken = "ya29.x"', "refused, no secret ever stands in this file"),
        ('project = "acme-prod"\nworkspace_admin = "a@b"', "goes with workspace"),
    ],
)
def test_a_wrong_line_is_one_clear_error(line: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[[tenant]]\nname = "acme"\n[[tenant.gcp]]\n{line}\n', "t.toml")
    assert says in str(caught.value).replace("[...]", "[0]"), str(caught.value)
    assert "\n" not in str(caught.value)


async def test_ten_thousand_disks_and_two_thousand_buckets_are_told_whole_and_the_same_twice(google: Google) -> None:
    project = google.project
    key = project.key("k")
    kinds = {0: key, 1: {"sha256": "u0Wh="}}
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
    assert google.server.log.operations == set(CALLS), "each is declared, and each declared one is made"
    for call in CALLS.values():
        assert gcp_schema.mask_defects(call.operation, call.fields) == []
        assert gcp_schema.method(call.operation)["httpMethod"] == "GET"


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
    lean, typed = [await google.poll(**more) for more in ({}, {"client": "google-cloud-compute"})]
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
