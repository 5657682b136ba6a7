"""globex' AKS cluster: the disks are those of the simulated Azure, which is furnished later and by the same names."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from providers.demo.azure.accounts import SUBSCRIPTION
from providers.demo.azure.workloads import AUDIT, CLUSTERS, WORKLOADS, disk_id, set_id
from providers.demo.kubernetes.cluster import AZURE, azure_disk, csi, selector
from providers.demo.kubernetes.disks import AzureDisks
from providers.demo.kubernetes.running import SCRATCH, Running, mounted

if TYPE_CHECKING:
    from providers.demo.azure.resources import Resources

CONTEXT = CLUSTERS[0][0]


def clusters(resources: "Callable[[], Resources | None]") -> list[Running]:
    """The production cluster."""
    disks = AzureDisks(resources, SUBSCRIPTION, CONTEXT)
    aks = Running(CONTEXT, CONTEXT, disks, "build", "managed-csi")
    cluster = aks.cluster
    cluster.storage_class("managed-csi", AZURE, {"skuname": "StandardSSD_LRS"}, default=True)
    cluster.storage_class("managed-csi-premium", AZURE, {"skuname": "Premium_LRS"})
    for name, key in (("premium-own-key", "des-platform"), ("ledger", "des-ledger")):
        cluster.storage_class(name, AZURE, {"skuname": "Premium_LRS", "diskEncryptionSetID": set_id(key)})
    for workload, namespace, replicas, size in WORKLOADS:
        claims = [f"data-{workload}-{number}" for number in range(replicas)]
        sources = {claim: disks.source(aks.pv(namespace, claim)) for claim in claims}
        running = replicas - 1 if workload == "elasticsearch" else replicas  # scaled down since: one claim is left over
        aks.workload(namespace, workload, running, size, sources, "managed-csi-premium")
    _ledger(aks)
    _audit(aks, disks)
    cluster.deployment("shop", "storefront", SCRATCH, replicas=4)
    cluster.ingress("shop", "storefront", "shop.globex.example")
    cluster.ingress("build", "ci", "ci.globex.example", tls=False)
    cluster.external_secret("shop", "mongodb-catalog", "key-vault")
    share = csi("file.csi.azure.com", "prod#globexshopmedia#pvc-share###shop", storageAccount="globexshopmedia")
    aks.bound("shop", "media", share, storage_class="azurefile-csi", zone=None)
    cluster.deployment("shop", "media", mounted("media"))
    for number in range(6):
        scale_set = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/MC_{CONTEXT}_westeurope/providers/Microsoft.Compute"
        machine = f"azure://{scale_set}/virtualMachineScaleSets/{CONTEXT}-vmss/virtualMachines/{number}"
        cluster.node(f"{CONTEXT}-vmss{number:06}", machine, "westeurope-1")
    return [aks]


def _ledger(aks: Running) -> None:
    """Volumes made by hand on disks under a key that somebody has disabled; the handle's case is somebody's own."""
    name, size = "ledger-archive", 1024
    aks.cluster.stateful_set("finance", name, replicas=3, templates=[("data", "ledger", size)], days=200)
    for number in range(3):
        source = azure_disk(disk_id(SUBSCRIPTION, "PROD", f"{name}-{number}"))
        about = {"storage_class": "ledger", "size": size, "labels": selector(name), "days": 200}
        aks.bound("finance", f"data-{name}-{number}", source, volume=f"{name}-{number}", provisioner="", **about)


def _audit(aks: Running, disks: AzureDisks) -> None:
    """Asked for under globex' own key, and restored by hand under Microsoft's."""
    name, namespace, size = AUDIT
    claim = f"data-{name}-0"
    source = disks.source(aks.pv(namespace, claim), diskEncryptionSetID=set_id("des-platform"))
    aks.workload(namespace, name, 1, size, {claim: source}, "premium-own-key", days=90)
