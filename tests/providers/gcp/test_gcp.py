"""Google Cloud as enctop sees it: zones that fall silent, keys and their versions, buckets, and what stands around
them.
"""

import json
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
from tests.world.gcp import Google, Seen

A, B = "zones/us-central1-a", "zones/us-central1-b"
KMS = "//cloudkms.googleapis.com/"


async def test_a_disk_tells_which_node_starts_from_it_and_which_cluster_it_was_made_for(google: Google) -> None:
    project = google.project
    instances = f"https://www.googleapis.com/compute/v1/projects/acme-prod/{A}/instances"
    named = {"goog-k8s-cluster-name": "prod", "goog-k8s-cluster-location": "us-central1"}
    project.disk("node-1", A, users=[f"{instances}/node-1"], labels=named)
    project.disk("pvc-1", A, users=[f"{instances}/node-1"], labels={**named, "goog-gke-volume": ""})
    async with google.collector().running() as seen:
        started = seen.model.entry(f"//compute.googleapis.com/projects/acme-prod/{A}/instances/node-1")
        assert started is not None
        assert (started.resource.name, started.resource.link("cluster")) == ("node-1", None)
        claimed = seen.model.entry(f"//compute.googleapis.com/projects/acme-prod/{A}/disks/pvc-1")
        assert claimed is not None
        assert claimed.resource.link("cluster") == (
            "//container.googleapis.com/projects/acme-prod/locations/us-central1/clusters/prod"
        )


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
    assert [source for source in seen.model.sources.values() if source.state is not State.OK] == []
    stored = {
        id: seen.finding("gcp.disk.snapshot-encryption", id).status.word
        for id in ("global/snapshots/global-one", "regions/europe-west1/snapshots/regional-one", "global/images/base")
    }
    assert list(stored.values()) == ["pass", "fail", "fail"]
    cluster = "//container.googleapis.com/projects/acme-prod/locations/us-central1/clusters/prod"
    assert seen.finding("gcp.gke.secrets-encryption", cluster).status is Status.PASS
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
