"""Workload to key on three clouds in the real model: joined exactly, judged no more often than they have to be."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

import msgspec
import pytest

from posture.context import Context
from posture.controls.registry import Control, Registry, registry
from posture.entry import tenant_id
from posture.model import Model
from posture.policy import KeyMode, Policy
from posture.reports import Batch, Complete, Gone, Report
from posture.resource import Encryption, KeyClass, Link, Resource
from posture.source import Source
from posture.verdict import Finding, Status, Verdict
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world as gcp_world
from tests.posture.controls.kubernetes import world as k8s
from tests.posture.controls.world import HOME, NOW, REGION, key, key_arn, region, volume

BACKING, VOLUMES = "k8s.pv.backing-volume", "k8s.statefulset.volumes"
KEYS = 10
CLOUDS = {"eks": k8s.EBS, "aks": k8s.AZURE, "gke": k8s.PD}
PLACES = {
    "aws": [(f"{HOME}/us-east-1", service) for service in ("ebs", "kms", "ec2")],
    "azure": [(azure_world.SUB.rpartition("/")[2], service) for service in ("disks", "encryption-sets", "keys")],
    "gcp": [(gcp_world.PROJECT, service) for service in ("disks", "kms")],
    "kubernetes": [
        (cluster, plural)
        for cluster in CLOUDS
        for plural in ("storageclasses", "persistentvolumes", "persistentvolumeclaims", "statefulsets")
    ],
}
SOURCES = {
    (provider, scope, service): f"acme/{provider}/{scope}/{service}"
    for provider, places in PLACES.items()
    for scope, service in places
}


class Estate:
    """A model with the sources of three clouds and a cluster on each, and how often each resource was judged."""

    def __init__(self, policy: Policy) -> None:
        self.judged: Counter[str] = Counter()
        controls = [self._counting(control) for control in registry()]
        self.model = Model(Registry(controls, registry().sentences), {"acme": policy}, NOW)
        self.now = NOW
        self.told: list[Resource] = []
        for (provider, scope, service), id in SOURCES.items():
            self.model.add_source(Source(id, "acme", provider, scope, service, 60.0))

    def _counting(self, control: Control) -> Control:
        def judge(resource: Resource, context: Context) -> Verdict:
            self.judged[f"{resource.id} {control.id}"] += 1
            return control.judge(resource, context)

        return msgspec.structs.replace(control, judge=judge)

    def fill(self, resources: Iterable[Resource], *, after: float = 0.0) -> None:
        """One poll in full of every source."""
        self.now += after
        self.told = list(resources)
        by_source: dict[str, list[Resource]] = {}
        for resource in self.told:
            by_source.setdefault(resource.source, []).append(resource)
        for id in SOURCES.values():
            mine = by_source.get(id, [])
            self.model.begin(id, self.now)
            self.model.apply(id, Batch(tuple(mine)), self.now)
            self.model.apply(id, Complete(tuple({resource.type for resource in mine})), self.now)
            self.model.finish(id, self.now, fault=None, calls=1, seconds=0.5, next_due=None)
        self.model.tick(self.now)

    def tell(self, *reports: tuple[str, Report]) -> None:
        """What sources report beside their polls, judged."""
        for source, report in reports:
            self.model.apply(source, report, self.now)
        self.model.settle()

    def judged_by(self, act: Callable[[], None]) -> Counter[str]:
        """Who is judged by what `act` does, and how often by one control at most."""
        self.judged.clear()
        act()
        found: Counter[str] = Counter()
        for name, many in self.judged.items():
            resource = name.rpartition(" ")[0]
            found[resource] = max(found[resource], many)
        return found

    def status(self, resource_id: str, control: str) -> Status:
        return self.finding(resource_id, control).status

    def finding(self, resource_id: str, control: str) -> Finding:
        entry = self.model.entry(resource_id)
        assert entry is not None
        return entry.findings[control]


def at(resource: Resource, provider: str, scope: str, service: str) -> Resource:
    """The resource as this source reports it."""
    return msgspec.structs.replace(resource, source=SOURCES[provider, scope, service])


def clouds_own() -> list[Resource]:
    """The keys of all three clouds, and the region."""
    aws = [at(key(f"k-{n}"), "aws", f"{HOME}/us-east-1", "kms") for n in range(KEYS)]
    gcp = [at(gcp_world.key(f"k-{n}"), "gcp", gcp_world.PROJECT, "kms") for n in range(KEYS)]
    subscription = PLACES["azure"][0][0]
    sets, vault_keys = [], []
    for n in range(KEYS):
        url = f"{azure_world.KEY_URL}-{n}"
        leads = msgspec.structs.replace(
            azure_world.encryption_set(), id=f"{azure_world.SET}-{n}", aliases=(f"{azure_world.SET}-{n}".lower(),)
        )
        sets.append(
            at(msgspec.structs.replace(leads, links=(Link("key", url),)), "azure", subscription, "encryption-sets")
        )
        vault_keys.append(
            at(
                msgspec.structs.replace(azure_world.key(), id=f"{azure_world.VAULT}/keys/disks-{n}", aliases=(url,)),
                "azure",
                subscription,
                "keys",
            )
        )
    home = at(region(), "aws", f"{HOME}/us-east-1", "ec2")
    return [*aws, *gcp, *sets, *vault_keys, home]


def disk_of(cluster: str, name: str, number: int) -> tuple[Resource, str]:
    """A volume under key `number`, and what a handle of it joins to."""
    if cluster == "eks":
        vol = f"vol-{abs(hash(name)) % (1 << 48):017x}"
        disk = msgspec.structs.replace(volume(vol, key=key_arn(f"k-{number}")), aliases=(vol,))
        return at(disk, "aws", f"{HOME}/us-east-1", "ebs"), vol
    if cluster == "aks":
        id = f"{azure_world.GROUP}/Microsoft.Compute/disks/{name}"
        disk = azure_world.made(
            id,
            "volume",
            "azure.compute.disk",
            {
                "encryption": {
                    "type": "EncryptionAtRestWithCustomerKey",
                    "diskEncryptionSetId": f"{azure_world.SET}-{number}",
                }
            },
            links={"key": f"{azure_world.SET}-{number}"},
            encryption=Encryption(True, None, KeyClass.UNKNOWN, f"{azure_world.SET}-{number}"),
        )
        return at(disk, "azure", PLACES["azure"][0][0], "disks"), id.lower()
    disk = gcp_world.disk({"kmsKeyName": gcp_world.key_name(f"k-{number}", version=3)}, name)
    return at(disk, "gcp", gcp_world.PROJECT, "disks"), disk.id


def workload_of(cluster: str, number: int, claims: int) -> Iterator[Resource]:
    """A StatefulSet whose claims are on volumes under key `number % KEYS`, and all below it but the key."""
    driver, name = CLOUDS[cluster], f"db-{number}"
    names = [f"data-{name}-{ordinal}" for ordinal in range(claims)]
    yield k8s.workload(dict.fromkeys(names, "template"), name=name, context=cluster)
    for claim in names:
        disk, target = disk_of(cluster, f"{cluster}-{claim}", number % KEYS)
        yield disk
        yield k8s.pv(target, name=f"pv-{claim}", driver=driver, claim_uid=claim, context=cluster)
        yield k8s.claim(f"pv-{claim}", name=claim, uid=claim, context=cluster)


def estate(sets: int, claims: int, policy: Policy | None = None) -> Estate:
    """Three clusters with their clouds, seen in the order in which the slowest comes last."""
    found = Estate(policy or Policy(keys=KeyMode.CUSTOMER_MANAGED))
    classes = [k8s.storage_class(driver, {"encrypted": "true"}, context=cluster) for cluster, driver in CLOUDS.items()]
    workloads = [one for cluster in CLOUDS for number in range(sets) for one in workload_of(cluster, number, claims)]
    found.fill([*clouds_own(), *classes, *workloads])
    return found


def everything_on(cluster: str, numbers: Iterable[int], claims: int) -> set[str]:
    """The ids of the workloads with these numbers, and of all below them but the keys."""
    return {one.id for number in numbers for one in workload_of(cluster, number, claims)}


SETS = 50
WHOLE = pytest.param(100, marks=pytest.mark.bench)
"""Claims of a set: 5,000 on each cloud. The other size holds the same in every run of the tests."""


@pytest.fixture(scope="module", params=[4, WHOLE])
def claims(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture(scope="module")
def whole(claims: int) -> Estate:
    return estate(SETS, claims)


def test_five_thousand_claims_on_each_cloud_are_joined_to_their_own_volume_and_key(whole: Estate, claims: int) -> None:
    links = whole.model.links
    for cluster in CLOUDS:
        for number in range(SETS):
            for resource in workload_of(cluster, number, claims):
                if resource.type == "k8s.persistentvolume":
                    entry = whole.model.entry(links.resolve(resource.link("volume") or ""))
                    assert entry is not None
                    assert list(links.users(entry.resource)) == [resource.id]
                    assert (entry.resource.link("key") or "").endswith(f"-{number % KEYS}")
                assert resource.kind == "volume" or whole.model.entry(resource.id).status is Status.PASS  # type: ignore[union-attr]


def test_a_key_that_is_disabled_turns_exactly_its_own_and_judges_nothing_else(whole: Estate, claims: int) -> None:
    source = SOURCES["aws", f"{HOME}/us-east-1", "kms"]
    own = everything_on("eks", range(3, SETS, KEYS), claims)
    for state, status in (("Disabled", Status.FAIL), ("Enabled", Status.PASS)):
        spoilt = at(key("k-3", KeyState=state), "aws", f"{HOME}/us-east-1", "kms")
        judged = whole.judged_by(lambda spoilt=spoilt: whole.tell((source, Batch((spoilt,)))))  # type: ignore[misc]
        judged.pop(tenant_id("acme"), None)  # how the tenant stands as a whole follows what changes of it
        assert set(judged) == own | {spoilt.id}
        assert max(judged.values()) == 1, "once each"
        assert {whole.status(id, BACKING) for id in own if "/persistentvolume" in id} == {status}
        assert {whole.status(id, VOLUMES) for id in own if "/statefulset/" in id} == {status}
    finding = whole.finding(k8s.kid("statefulset", "db-3", "acme", "eks"), VOLUMES)
    assert finding.evidence["claims"] == claims


@pytest.mark.parametrize("cluster", list(CLOUDS))
def test_a_dead_key_is_told_along_the_whole_chain_on_every_cloud(cluster: str) -> None:
    few = estate(2, 2)
    spoilt = {
        "eks": at(key("k-1", KeyState="PendingDeletion"), "aws", f"{HOME}/us-east-1", "kms"),
        "aks": at(
            msgspec.structs.replace(
                azure_world.key(enabled=False),
                id=f"{azure_world.VAULT}/keys/disks-1",
                aliases=(f"{azure_world.KEY_URL}-1",),
            ),
            "azure",
            PLACES["azure"][0][0],
            "keys",
        ),
        "gke": at(gcp_world.key("k-1", state="DESTROYED"), "gcp", gcp_world.PROJECT, "kms"),
    }[cluster]
    few.tell((spoilt.source, Batch((spoilt,))))
    for number, status in ((0, Status.PASS), (1, Status.FAIL)):
        workload = k8s.kid("statefulset", f"db-{number}", "acme", cluster)
        claim = k8s.kid("persistentvolumeclaim", f"data-db-{number}-0", "acme", cluster)
        assert few.status(workload, VOLUMES) is status
        assert few.status(claim, BACKING) is status
        root = spoilt.id if status is Status.FAIL else ""
        assert (few.finding(workload, VOLUMES).cause, few.finding(claim, BACKING).cause) == (root, root)
    assert few.status(k8s.kid("statefulset", "db-1", "acme", "eks"), VOLUMES) is (
        Status.FAIL if cluster == "eks" else Status.PASS
    )


def test_the_order_in_which_the_sources_answer_does_not_matter() -> None:
    everything = [*clouds_own(), *workload_of("eks", 1, 2), k8s.storage_class(context="eks")]
    workload = k8s.kid("statefulset", "db-1", "acme", "eks")
    for order in (everything, everything[::-1]):
        found = Estate(Policy(keys=KeyMode.CUSTOMER_MANAGED))
        for resource in order:
            found.tell((resource.source, Batch((resource,))))
        assert found.status(workload, VOLUMES) is Status.PASS


def test_a_claim_that_comes_grows_and_goes_is_followed() -> None:
    few = estate(1, 2)
    claims, pvs = (
        SOURCES["kubernetes", "eks", "persistentvolumeclaims"],
        SOURCES["kubernetes", "eks", "persistentvolumes"],
    )
    workload = k8s.kid("statefulset", "db-0", "acme", "eks")
    plain, target = at(volume("vol-plain", encrypted=False), "aws", f"{HOME}/us-east-1", "ebs"), "vol-plain"
    plain = msgspec.structs.replace(plain, aliases=(target,))
    few.tell(
        (plain.source, Batch((plain,))),
        (pvs, Batch((k8s.pv(target, name="pv-new", claim_uid="n", context="eks"),))),
        (claims, Batch((k8s.claim("pv-new", name="data-db-0-2", uid="n", context="eks"),))),
    )
    grown = {f"data-db-0-{ordinal}": "template" for ordinal in range(3)}
    sets = SOURCES["kubernetes", "eks", "statefulsets"]
    few.tell((sets, Batch((k8s.workload(grown, name="db-0", context="eks"),))))
    assert few.status(workload, VOLUMES) is Status.FAIL
    few.tell((claims, Gone((k8s.kid("persistentvolumeclaim", "data-db-0-2", "acme", "eks"),))))
    assert few.status(workload, VOLUMES) is Status.PASS, "a claim that does not exist holds no data"


def test_a_class_that_is_replaced_judges_its_volumes_again() -> None:
    few = estate(1, 1)
    pv = k8s.kid("persistentvolume", "pv-data-db-0-0", context="eks")
    source = SOURCES["kubernetes", "eks", "storageclasses"]
    assert few.finding(pv, BACKING).evidence["class asks for"] == "encrypted"
    few.tell((source, Batch((k8s.storage_class(created="2026-11-01T00:00:00Z", context="eks"),))))
    assert few.finding(pv, BACKING).evidence["class asks for"] == "unknown", "another class under its name"
    few.tell((source, Gone((k8s.kid("storageclass", "gp3", context="eks"),))))
    assert few.status(pv, BACKING) is Status.PASS


def test_a_volume_that_vanishes_from_a_whole_listing_is_proven_gone() -> None:
    few = estate(1, 2)
    lost = next(one for one in workload_of("eks", 0, 2) if one.kind == "volume")
    few.fill([one for one in few.told if one.id != lost.id], after=600.0)
    pv = k8s.kid("persistentvolume", "pv-data-db-0-0", context="eks")
    assert few.status(pv, BACKING) is Status.FAIL
    assert few.finding(pv, BACKING).reason.startswith("points at nothing: ")
    assert few.status(k8s.kid("statefulset", "db-0", "acme", "eks"), VOLUMES) is Status.FAIL


def test_a_class_that_leaves_it_to_the_region_follows_the_region() -> None:
    few = estate(1, 1, Policy(keys=KeyMode.CUSTOMER_MANAGED))
    storage = k8s.storage_class(context="eks")
    few.tell((storage.source, Batch((storage,))))
    assert few.status(storage.id, "k8s.storageclass.encrypted") is Status.WARN
    off = at(region(EbsEncryptionByDefault=False), "aws", f"{HOME}/us-east-1", "ec2")
    few.tell((off.source, Batch((off,))))
    assert few.status(storage.id, "k8s.storageclass.encrypted") is Status.FAIL
    assert off.id == REGION


def test_a_class_learns_of_its_region_when_the_volume_behind_it_comes_later() -> None:
    found = Estate(Policy())
    storage = k8s.storage_class(context="eks")
    chain = list(workload_of("eks", 0, 1))
    disk = next(one for one in chain if one.kind == "volume")
    found.fill([storage, *(one for one in chain if one is not disk)])
    assert found.status(storage.id, "k8s.storageclass.encrypted") is Status.UNKNOWN
    home = at(region(), "aws", f"{HOME}/us-east-1", "ec2")
    found.tell((home.source, Batch((home,))), (disk.source, Batch((disk,))))
    assert found.status(storage.id, "k8s.storageclass.encrypted") is Status.WARN


def test_what_is_known_of_a_cluster_ages_with_it() -> None:
    few = estate(1, 1)
    few.model.tick(few.now + 361.0)
    assert few.status(k8s.kid("statefulset", "db-0", "acme", "eks"), VOLUMES) is Status.UNKNOWN
