"""The simulated tenant initech: one Google Cloud project as a company of some size has it, with a handful of things
that are not as promised.
"""

import heapq
import itertools
import random
import threading
import time
from collections.abc import Callable

from providers.demo.gcp import more
from providers.demo.gcp.server import Server
from providers.demo.gcp.world import Project
from providers.demo.kubernetes.names import pd_description, pv_name

SEED = 20261123
PROJECT, FOREIGN = "initech-prod", "reseller-tools"
TENANT = "initech"
CLUSTERS = ("prod-usc1", "prod-euw1")
WORKLOADS = (  # StatefulSet, team, replicas, GB
    ("postgres-ledger", "billing", 6, 500),
    ("postgres-crm", "sales", 4, 250),
    ("kafka", "platform", 9, 1000),
    ("clickhouse-usage", "analytics", 6, 2000),
    ("elasticsearch", "search", 6, 300),
    ("redis-carts", "shop", 6, 30),
    ("mysql-shop", "shop", 6, 400),
    ("prometheus", "observability", 4, 200),
    ("minio-artifacts", "build", 4, 500),
)
BUCKET_USES = ("backups", "exports", "uploads", "invoices", "logs", "artifacts", "features", "events")
BUCKET_TEAMS = ("billing", "sales", "platform", "search", "analytics", "shop", "observability")
DENIED_BUCKET = "initech-billing-exports"
Undo = Callable[[], object]


def seed(server: Server) -> Project:
    """Make initech; the same in every run, but for the times."""
    chance = random.Random(SEED)
    project = server.cloud.project(PROJECT)
    ledger = project.key("ledger", "us-central1", versions={1: "DISABLED", 2: "ENABLED"})
    project.key("crm-fields", "europe-west1", rotated=365)
    project.key("partner-link", "us-central1", "partners", level="EXTERNAL", rotated=None)
    project.key("signing", "global", "build", purpose="ASYMMETRIC_SIGN", rotated=None)
    foreign = server.cloud.project(FOREIGN).key("handover", "us-central1")
    _disks(project, chance, ledger, foreign)
    _buckets(project, ledger)
    _copies(project, ledger)
    project.cluster(CLUSTERS[0], "us-central1")
    error = {
        "keyName": ledger.removeprefix("//cloudkms.googleapis.com/"),
        "errorMessage": "key version 1 is disabled",
        "timestamp": "2026-11-22T09:00:00Z",
    }
    broken = {
        "state": "ENCRYPTED",
        "currentState": "CURRENT_STATE_ENCRYPTION_ERROR",
        "keyName": error["keyName"],
        "lastOperationErrors": [error],
    }
    project.cluster(CLUSTERS[1], "europe-west1", encryption=broken)
    _doors(project)
    server.faults.add("deny", "storage.buckets.getIamPolicy", DENIED_BUCKET)
    return project


def configuration(url: str) -> str:
    """The collector's configuration for a server at `url`, as TOML."""
    return f"""
[[tenant]]
name = "{TENANT}"

  [[tenant.gcp]]
  project = "{PROJECT}"
  endpoint = "{url}"
  credentials = "anonymous"
  who = true

    [tenant.gcp.two_step]
    enforced = true
    attested_by = "p.gibbons"
    on = "2026-10-01"

  [tenant.policy]
  keys = "provider-managed"
  strict = true
"""


def live(project: Project, stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Change the world until `stopped`; `speed` 60 makes a minute of it a second. Runs in a thread of its own."""
    chance, order = random.Random(SEED + 1), itertools.count()
    putting_right: list[tuple[float, int, Undo]] = []
    round_about = itertools.cycle(ROUND)
    while not stopped.wait(chance.uniform(3.0, 8.0) / speed):
        while putting_right and putting_right[0][0] <= time.monotonic():
            heapq.heappop(putting_right)[2]()
        seconds, undo = next(round_about)(project, chance)
        heapq.heappush(putting_right, (time.monotonic() + seconds / speed, next(order), undo))


def where(project: Project, replicas: int, number: int) -> tuple[str, str]:
    """The cluster and the zone of one replica: the last two run in Europe."""
    if number < replicas - 2:
        return CLUSTERS[0], project.zones[number % 3]
    return CLUSTERS[1], project.zones[3 + number % 3]


def _disks(project: Project, chance: random.Random, ledger: str, foreign: str) -> None:
    for name, team, replicas, size in WORKLOADS:
        for number in range(replicas):
            cluster, zone = where(project, replicas, number)
            claim = f"data-{name}-{number}"
            pv = pv_name(cluster, TENANT, claim)
            labels = {
                "team": team,
                "kubernetes-io-created-for_pvc-name": claim,
                "kubernetes-io-created-for_pvc-namespace": TENANT,
                "goog-k8s-cluster-name": cluster,
            }
            project.disk(
                pv,
                f"zones/{zone}",
                size=size,
                labels=labels,
                users=[f"gke-prod-{number:02}"],
                days=chance.uniform(20, 400),
                description=pd_description(TENANT, claim, pv),
            )
    for zone in project.zones:
        for number in range(14):
            project.disk(
                f"gke-node-{zone}-{number:02}",
                f"zones/{zone}",
                users=[f"gke-{zone}-{number:02}"],
                days=chance.uniform(1, 40),
            )
    _odd_disks(project, ledger, foreign)


def _odd_disks(project: Project, ledger: str, foreign: str) -> None:
    """Those that are not of a cluster."""
    for number in range(6):
        project.disk(f"shared-home-{number}", "regions/us-central1", size=200, labels={"team": "platform"})
    project.disk(
        "ledger-archive",
        "zones/us-central1-b",
        key=f"{ledger}/cryptoKeyVersions/1",
        size=800,
        labels={"team": "billing"},
    )
    project.disk("ledger-replay", "zones/us-central1-b", key=ledger, size=400, labels={"team": "billing"})
    project.disk("partner-drop", "zones/us-central1-c", key=foreign, labels={"team": "sales"})
    project.disk(
        "legacy-import",
        "zones/europe-west1-b",
        key={"sha256": "u0Wh2XlPTMbeyrIrZZJzHDi0+P4K2gFqBEXeOqIy7d8="},
        labels={"team": "sales"},
    )


def _copies(project: Project, ledger: str) -> None:
    """What outlives the disks, and the file systems."""
    ledger_disk = pv_name(CLUSTERS[0], TENANT, "data-postgres-ledger-0")
    for number in range(36):
        project.snapshot(f"ledger-nightly-{number:02}", of=ledger_disk, size=500)
    project.snapshot("before-migration", key=ledger)
    project.image("node-base-2026-10")
    project.image("node-base-2026-11")
    more.machine_image(project, "bastion-2026-11")
    more.machine_image(project, "ledger-host", key=ledger)
    more.instant_snapshot(project, "archive-before-patch", "ledger-archive", "zones/us-central1-b")
    more.file_system(project, "shared-home", "us-central1-b")
    more.file_system(project, "ledger-reports", "us-central1-a", key=ledger)


def _doors(project: Project) -> None:
    """The proxies and their certificates."""
    strict = project.ssl_policy("modern-12")
    certificates = [
        more.certificate(project, "web"),
        more.certificate(project, "shop", domains={"shop.initech.example": "ACTIVE"}),
    ]
    project.proxy("web-https", policy=strict, url_map=project.url_map("web", redirect=False), certificates=certificates)
    waits = more.certificate(project, "partner-api", domains={"api.initech.example": "FAILED_NOT_VISIBLE"})
    project.proxy("partner-api-https", url_map=project.url_map("partner-api", redirect=False), certificates=[waits])
    more.certificate(project, "web-2024", days=-200, status=None)
    project.proxy("web-http", "targetHttpProxies", url_map=project.url_map("to-https", redirect=True))


def _buckets(project: Project, ledger: str) -> None:
    for team in BUCKET_TEAMS:
        for number, use in enumerate(BUCKET_USES):
            name = f"{TENANT}-{team}-{use}"
            strict = {"customer": "FullyRestricted", "supplied": "FullyRestricted"}
            location = ("US", "EUROPE-WEST1", "EU", "US-CENTRAL1")[number % 4]
            project.bucket(
                name,
                location,
                enforced=strict,
                labels={"team": team},
                prevention="inherited" if name == DENIED_BUCKET else "enforced",
            )
    project.bucket(f"{TENANT}-billing-ledger", "US-CENTRAL1", key=ledger)
    project.bucket(f"{TENANT}-www-assets", "US", prevention="inherited", members=["allUsers"])
    project.bucket(f"{TENANT}-sales-2024", "EU")
    more.delete_bucket(project, f"{TENANT}-sales-2024")
    project.bucket(f"{TENANT}-sales-handouts", "EU", prevention="inherited", uniform=False)


def _disk_comes(project: Project, chance: random.Random) -> tuple[float, Undo]:
    """A build's scratch disk, for a while."""
    made = project.disk(
        f"build-{chance.randrange(1000):03}",
        f"zones/{chance.choice(project.zones)}",
        size=50,
        labels={"team": "build"},
        days=0,
    )
    project.logged("v1.compute.disks.insert", made, by=f"builds@{PROJECT}.iam.gserviceaccount.com")
    return chance.uniform(20, 90), lambda: project.delete(made)


def _zone_falls_silent(project: Project, chance: random.Random) -> tuple[float, Undo]:
    """A zone does not answer for two minutes: its disks are UNKNOWN, and come back."""
    project.unreachable["zones/europe-west1-c"] = "UNREACHABLE"
    return 120.0, lambda: project.unreachable.pop("zones/europe-west1-c", None)


def _key_is_disabled(project: Project, chance: random.Random) -> tuple[float, Undo]:
    """Somebody disables the ledger's key, somebody else notices."""
    key = f"projects/{PROJECT}/locations/us-central1/keyRings/tenants/cryptoKeys/ledger"
    project.set_state(key, "DISABLED")
    version = f"//cloudkms.googleapis.com/{key}/cryptoKeyVersions/2"
    project.logged("UpdateCryptoKeyVersion", version, by="m.bolton@initech.example")
    return 70.0, lambda: project.set_state(key, "ENABLED")


ROUND: tuple[Callable[[Project, random.Random], tuple[float, Undo]], ...] = (
    *(_disk_comes,) * 4,
    _zone_falls_silent,
    *(_disk_comes,) * 12,
    _key_is_disabled,
    *(_disk_comes,) * 12,
)
"""What happens, over and over; a round takes longer than the longest wait in it."""
