"""initech's two GKE clusters: the last replicas of each StatefulSet run in Europe, a slice with its own ordinals."""

from providers.demo.gcp.tenant import CLUSTERS, PROJECT, TENANT, WORKLOADS, where
from providers.demo.gcp.world import Project
from providers.demo.kubernetes.cluster import PD, csi, pd, selector
from providers.demo.kubernetes.disks import PdDisks
from providers.demo.kubernetes.running import SCRATCH, Running, mounted

LEDGER = f"projects/{PROJECT}/locations/us-central1/keyRings/tenants/cryptoKeys/ledger"


def clusters(project: Project) -> list[Running]:
    """One in America, one in Europe."""
    america, europe = (
        Running(
            name,
            f"gke_{PROJECT}_{region}_{name}",
            PdDisks(project, f"{region}-b", name),
            TENANT,
            "standard-rwo",
        )
        for name, region in zip(CLUSTERS, project.regions, strict=True)
    )
    for gke in (america, europe):
        gke.cluster.storage_class("standard-rwo", PD, {"type": "pd-balanced"}, default=True)
        gke.cluster.storage_class("premium-rwo", PD, {"type": "pd-ssd"})
    america.cluster.storage_class("ledger-cmek", PD, {"type": "pd-ssd", "disk-encryption-kms-key": LEDGER})
    for name, _, replicas, size in WORKLOADS:
        for gke in (america, europe):
            _slice(project, gke, name, replicas, size)
    _ledgers(america)
    _europe(europe)
    _homes(america)
    america.cluster.ingress(TENANT, "shop", "shop.initech.example")
    america.cluster.ingress(TENANT, "billing-api", "billing.initech.example", tls=False)
    america.cluster.external_secret(TENANT, "postgres-ledger", "secret-manager")
    return [america, europe]


def _slice(project: Project, gke: Running, name: str, replicas: int, size: int) -> None:
    """The replicas that run in this cluster."""
    places = {number: where(project, replicas, number) for number in range(replicas)}
    own = [number for number, (cluster, _) in places.items() if cluster == gke.context]
    sources = {}
    for number in own:
        claim = f"data-{name}-{number}"
        sources[claim] = pd(f"projects/{PROJECT}/zones/{places[number][1]}/disks/{gke.pv(TENANT, claim)}")
    # one claim is left over where the shop's carts were scaled down
    running = len(own) - (1 if name == "redis-carts" and own[0] == 0 else 0)
    gke.workload(TENANT, name, running, size, sources, "premium-rwo", start=own[0])


def _ledgers(gke: Running) -> None:
    """Under initech's own key, of which one version is disabled; and what was asked for under it, and is not."""
    for name, size in (("ledger-replay", 400), ("ledger-archive", 800)):
        gke.cluster.stateful_set(TENANT, name, replicas=1, templates=[("data", "ledger-cmek", size)], days=150)
        source = pd(f"projects/{PROJECT}/zones/us-central1-b/disks/{name}")
        about = {"storage_class": "ledger-cmek", "size": size, "labels": selector(name), "days": 150}
        gke.bound(TENANT, f"data-{name}-0", source, volume=name, provisioner="", **about)
    name, claim = "crm-fields", "data-crm-fields-0"
    gke.cluster.stateful_set(TENANT, name, replicas=1, templates=[("data", "ledger-cmek", 100)], days=60)
    gke.made(TENANT, claim, 100, storage_class="ledger-cmek", labels=selector(name), days=60)


def _homes(gke: Running) -> None:
    """Regional disks, and a bucket."""
    for number in range(3):
        source = pd(f"projects/{PROJECT}/regions/us-central1/disks/shared-home-{number}")
        about = {"storage_class": "standard-rwo", "size": 200, "volume": f"shared-home-{number}", "zone": None}
        gke.bound(TENANT, f"home-{number}", source, **about)
    gke.cluster.deployment(TENANT, "jupyter", [*mounted("home-0", "home-1", "home-2"), *SCRATCH])
    bucket = csi("gcsfuse.csi.storage.gke.io", "initech-billing-ledger")
    gke.bound(TENANT, "statements", bucket, storage_class="", volume="statements", zone=None, provisioner="")
    gke.cluster.cron_job(TENANT, "statements", mounted("statements"))


def _europe(gke: Running) -> None:
    """A volume of the driver that was in the tree: a name, and the zone as a label."""
    source = {"gcePersistentDisk": {"pdName": "legacy-import", "fsType": "ext4"}}
    claim = gke.cluster.claim(TENANT, "legacy-import", storage_class="standard", size=100, volume="legacy-import")
    labels = {"topology.kubernetes.io/zone": "europe-west1-b", "topology.kubernetes.io/region": "europe-west1"}
    about = {"storage_class": "standard", "size": 100, "provisioner": "kubernetes.io/gce-pd"}
    gke.cluster.volume("legacy-import", source, claim=claim, labels=labels, **about)  # type: ignore[arg-type]
    gke.cluster.deployment(TENANT, "import", mounted("legacy-import"), replicas=1)
