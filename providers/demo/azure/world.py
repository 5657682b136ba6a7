"""The simulated tenant globex: two Azure subscriptions whose keys are Microsoft's, as the document says, but for a
handful of things.
"""

import itertools
import random
import threading
import time
from collections.abc import Callable

from providers.demo.azure import more
from providers.demo.azure.resources import CUSTOMER, SECOND, SUBSCRIPTION, Resources
from providers.demo.azure.server import Server
from providers.demo.azure.workloads import AUDIT, CLUSTERS, GROUP, WORKLOADS
from providers.demo.kubernetes.names import disk_tags, pv_name

SEED = 20261124
DAY = 86400
TEAMS = ("finance", "platform", "search", "shop", "observability", "build", "legal")
USES = ("backups", "exports", "uploads", "logs", "media", "reports")
DENIED_ACCOUNT = "globexlegalreports"


class World:
    """What `live` plays with."""

    def __init__(self, server: Server) -> None:
        self.estate: Resources = server.estate
        self.chance = random.Random(SEED)
        self.calm_vault = (
            f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.KeyVault/vaults/globex-platform"
        )
        self.calm_key = "disks"


def seed(server: Server) -> World:
    """Make globex, the same in every run but for the times, which are counted from now."""
    estate, chance = server.estate, random.Random(SEED)
    for subscription, name in ((SUBSCRIPTION, "globex-prod"), (SECOND, "globex-stage")):
        estate.subscription(subscription, name)
    sets = _keys(estate)
    for cluster, subscription, nodes in CLUSTERS:
        _cluster(estate, cluster, subscription, nodes, chance)
    _stray_disks(estate, sets)
    _accounts(estate)
    more.machine(estate, "bastion", at_host=None)
    sql = more.machine(estate, "sql-2019", at_host=None)
    more.extension(estate, sql, "AzureDiskEncryption", settings={"VolumeType": "Data"})
    more.machine(
        estate,
        "fileserver-2016",
        page_blob="https://globexvhds.blob.core.windows.net/vhds/fileserver.vhd",
        at_host=None,
    )
    more.gateway(estate, "shop-gateway")
    more.gateway(estate, "partner-gateway", policy="AppGwSslPolicy20170401")
    more.front_door(estate, "globex-www")
    more.classic_front_door(estate, "globex-2019", minimum="1.0")
    more.people(estate, defaults=False, users=140, admins=6, not_capable=3)
    more.conditional_access(estate, excluded=2)
    server.faults.deny(
        "Microsoft.Storage/storageAccounts/blobServices/containers/read", resource=f"*/{DENIED_ACCOUNT}/*"
    )
    return World(server)


def _keys(estate: Resources) -> dict[str, str]:
    """A calm encryption set, one whose key expires soon, and one whose key somebody has disabled."""
    platform, finance = estate.vault("globex-platform"), estate.vault("globex-finance", purge_protected=False)
    calm, soon = estate.key(platform, "disks"), estate.key(platform, "archive", expires=int(time.time()) + 12 * DAY)
    off = estate.key(finance, "ledger", enabled=False)
    return {
        "calm": estate.encryption_set("des-platform", f"{calm}/1", platform),
        "soon": estate.encryption_set("des-archive", f"{soon}/1", platform, rotates=False),
        "off": estate.encryption_set("des-ledger", f"{off}/1", finance),
    }


def _cluster(estate: Resources, cluster: str, subscription: str, nodes: int, chance: random.Random) -> None:
    """System disks of the nodes, and the disks of the StatefulSets on them."""
    group = GROUP.format(cluster)
    more.cluster(estate, cluster, at_host=cluster != "aks-stage-weu", subscription=subscription)
    encrypts = cluster != "aks-stage-weu"
    scaled = more.scale_set(estate, f"{cluster}-vmss", at_host=encrypts, group=group, subscription=subscription)
    compute = f"/subscriptions/{subscription}/resourceGroups/{group.upper()}/providers/Microsoft.Compute"
    scale_set = f"{compute}/virtualMachineScaleSets/{cluster}-vmss"
    for node in range(nodes):
        owner = f"{scale_set}/virtualMachines/{node}"
        more.instance(estate, scaled, node, at_host=encrypts)
        estate.disk(
            f"{cluster}-node-{node:02}_OsDisk",
            subscription=subscription,
            group=group,
            managed_by=owner,
            os_type="Linux",
        )
    share = (*WORKLOADS, (AUDIT[0], AUDIT[1], 1, AUDIT[2])) if subscription == SUBSCRIPTION else WORKLOADS[:4]
    for workload, space, replicas, size in share:
        for replica in range(replicas):
            claim = f"data-{workload}-{replica}"
            name = pv_name(cluster, space, claim)
            tags = disk_tags(space, claim, name)
            owner = f"{scale_set}/virtualMachines/{chance.randrange(nodes)}"
            estate.disk(name, subscription=subscription, group=group, managed_by=owner, disk_size_gb=size, tags=tags)


def _stray_disks(estate: Resources, sets: dict[str, str]) -> None:
    """What is in no cluster: disks under customers' keys, one so old that it says nothing, one under Azure Disk
    Encryption, and snapshots.
    """
    from azure.mgmt.compute.models import EncryptionSettingsCollection

    for replica in range(3):
        estate.disk(
            f"ledger-archive-{replica}",
            CUSTOMER,
            set_id=sets["off"].replace("resourceGroups/keys", "resourceGroups/KEYS"),
            disk_size_gb=1024,
        )
    estate.disk("tape-export", CUSTOMER, set_id=sets["soon"], disk_size_gb=2048)
    estate.disk("jumphost-2017", None, disk_size_gb=32)
    estate.disk(
        "sql-2019-data",
        encryption_settings_collection=EncryptionSettingsCollection(enabled=True, encryption_settings_version="1.1"),
    )
    estate.image("node-2026-10")
    more.gallery_version(estate, "globex", "node", "2026.11.0", regions={"West Europe": None, "North Europe": None})
    more.gallery_version(estate, "globex", "jumphost", "7.0.1", regions={"West Europe": sets["calm"], "East US": None})
    for number in range(24):
        nightly = estate.snapshot(
            f"nightly-{number:02}",
            of=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/prod/providers/Microsoft.Compute/disks/sql-2019-data",
        )
        if number == 23:
            estate.change(nightly, networkAccessPolicy="AllowAll")


def _accounts(estate: Resources) -> None:
    """One account for each team and use; those that are not as promised are named."""
    platform = estate.vault("globex-platform")
    for team, use in itertools.product(TEAMS, USES):
        name, subscription = f"globex{team}{use}", SECOND if use == "reports" and team != "legal" else SUBSCRIPTION
        settings: dict[str, object] = {}
        match name:
            case "globexshopmedia":
                settings = {"allow_blob_public_access": True}
            case "globexbuildlogs":
                settings = {"enable_https_traffic_only": False}
            case "globexsearchexports":
                settings = {"minimum_tls_version": "TLS1_0"}
            case "globexfinancebackups":
                settings = {"key": estate.key(platform, "finance-backups")}
            case _ if name == DENIED_ACCOUNT:
                settings = {"allow_blob_public_access": True}
        account = estate.account(name, subscription=subscription, **settings)  # type: ignore[arg-type]
        estate.container(account, "data")
        if name == "globexshopmedia":
            estate.container(account, "product-images", public="Blob")
        if name in {"globexfinanceexports", "globexplatformmedia"}:
            estate.share(account, "team")
        if name == "globexfinanceexports":
            estate.files(account)
        if name == "globexshopuploads":
            estate.scope(account, "partner-scope", key=estate.key(platform, "partner"))
            estate.container(account, "partner-drop", scope="partner-scope", deny_override=True)


# ---------------------------------------------------------------- while one watches

Undo = Callable[[], object]


def live(world: World, stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Change the world until `stopped`; `speed` 60 makes a minute of it a second. Runs in a thread of its own."""
    waiting: list[tuple[float, Undo]] = []
    round_about = itertools.cycle(
        (_disk_comes, _disk_under_another_key, _disk_comes, _key_is_disabled, *(_disk_comes,) * 6)
    )
    while not stopped.wait(world.chance.uniform(4.0, 9.0) / speed):
        for due in [entry for entry in waiting if entry[0] <= time.monotonic()]:
            waiting.remove(due)
            due[1]()
        seconds, undo = next(round_about)(world)
        waiting.append((time.monotonic() + seconds / speed, undo))


def _disk_comes(world: World) -> tuple[float, Undo]:
    """A build's scratch disk, for a while."""
    made = world.estate.disk(f"build-agent-{world.chance.randrange(1000):03}", group="build", disk_size_gb=64)
    world.estate.changed(made, kind="Create", by="build-agents@globex.example", client="ARM Template")
    return world.chance.uniform(60, 180), lambda: world.estate.delete(made)


def _disk_under_another_key(world: World) -> tuple[float, Undo]:
    """Somebody restores a disk under the team's own key."""
    made = world.estate.disk(
        f"restore-{world.chance.randrange(100):02}",
        CUSTOMER,
        set_id=f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.Compute/diskEncryptionSets/des-platform",
        group="restore",
    )
    world.estate.changed(made, kind="Create", by="m.lindqvist@globex.example")
    return 120.0, lambda: world.estate.delete(made)


def _key_is_disabled(world: World) -> tuple[float, Undo]:
    """Somebody tidies up keys, somebody else notices."""
    world.estate.key(world.calm_vault, world.calm_key, enabled=False)
    return 90.0, lambda: world.estate.key(world.calm_vault, world.calm_key)
