"""Machines that mount the disks, and the clusters made of them: what the host encrypts, disks outside the platform's
care, and secrets in etcd.
"""

from typing import Any

from posture.context import Context
from posture.controls.azure.keys import required
from posture.controls.registry import control
from posture.fields import flag, low, part, parts, strange, text
from posture.policy import KeyMode
from posture.reading import NoAnswer, expected, field_of, nested
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unknown, warned

READS = {
    "azure.compute.vm": "Microsoft.Compute/virtualMachines/read",
    "azure.compute.vmss": "Microsoft.Compute/virtualMachineScaleSets/read",
    "azure.compute.vmss-vm": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    "azure.aks.cluster": "Microsoft.ContainerService/managedClusters/read",
}
_AT_HOST = passed("the host encrypts temporary disks and caches", {"securityProfile.encryptionAtHost": True})
_NOT_AT_HOST = warned(
    "temporary disks and caches are outside the platform's encryption", {"securityProfile.encryptionAtHost": False}
)
_MANAGED = passed("every disk is a managed disk", {"storageProfile.vhd": []})
_FLEXIBLE = not_applicable(
    "a flexible scale set without a profile of its own: its machines are judged one by one",
    {"orchestrationMode": "Flexible"},
)


@control("azure.vm.encryption-at-host", on=tuple(READS))
def encryption_at_host(machine: Resource, context: Context) -> Verdict:
    """Server-side encryption of a disk ends where the host caches it; this carries it on."""
    properties, read = _properties(machine), READS[machine.type]
    if machine.type == "azure.aks.cluster":
        return _pools(properties, read)
    profile = properties
    if machine.type == "azure.compute.vmss":
        if (
            properties.get("virtualMachineProfile") is None
            and low(text(properties, read, "orchestrationMode")) == "flexible"
        ):
            return _FLEXIBLE
        profile = nested(properties, read, "virtualMachineProfile")
        expected(profile, dict, read, "virtualMachineProfile")
    return _AT_HOST if flag(part(profile, read, "securityProfile"), read, "encryptionAtHost") is True else _NOT_AT_HOST


def _pools(properties: dict[str, Any], read: str) -> Verdict:
    pools = parts(properties, read, "agentPoolProfiles")
    if not pools:
        return strange(read, "agentPoolProfiles", pools)
    said = {
        text(pool, read, "name") or f"#{number}": flag(pool, read, "enableEncryptionAtHost")
        for number, pool in enumerate(pools)
    }
    facts = {"agentPoolProfiles.enableEncryptionAtHost": said}
    bare = [name for name, on in said.items() if on is not True]
    return (
        warned(f"node pool {bare[0]} leaves temporary disks and caches outside", facts)
        if bare
        else passed("every node pool encrypts at host", facts)
    )


@control("azure.disk.unmanaged", on=("azure.compute.vm", "azure.compute.vmss-vm"))
def unmanaged(machine: Resource, context: Context) -> Verdict:
    """A page blob is encrypted as its storage account is, and judged there."""
    read = READS[machine.type]
    storage = nested(_properties(machine), read, "storageProfile")
    system = expected(nested(storage, read, "osDisk"), dict, read, "osDisk")
    disks = [system, *(parts(storage, read, "dataDisks") or ())]
    blobs = [text(part(disk, read, "vhd"), read, "uri") or "page blob" for disk in disks if disk.get("vhd") is not None]
    return (
        warned(f"{len(blobs)} of its disks are page blobs: their account decides", {"storageProfile.vhd": blobs})
        if blobs
        else _MANAGED
    )


@control("azure.aks.secrets-kms", on="azure.aks.cluster")
def secrets_kms(cluster: Resource, context: Context) -> Verdict:
    """etcd is always encrypted by the platform; a customer's key over it is the policy's wish."""
    read = READS[cluster.type]
    kms = part(part(_properties(cluster), read, "securityProfile"), read, "azureKeyVaultKms")
    on, key = flag(kms, read, "enabled"), kms.get("keyId")
    if kms and on is None:
        return strange(read, "azureKeyVaultKms.enabled", None)
    facts: dict[str, Any] = {
        "securityProfile.azureKeyVaultKms.enabled": on is True,
        "securityProfile.azureKeyVaultKms.keyId": key,
    }
    wanted = context.policy.mode("azure.aks.secrets-kms") in {KeyMode.CUSTOMER_MANAGED, KeyMode.DOUBLE}
    if not on:
        return (
            failed("no customer's key over etcd, policy asks for one", facts)
            if wanted
            else passed("encrypted by the platform", facts)
        )
    key = expected(key, str, read, "azureKeyVaultKms.keyId")
    if not key.strip().lower().startswith("https://"):
        return strange(read, "azureKeyVaultKms.keyId", key)
    if wanted and context.policy.required_keys and required(context.policy, (key,)) is None:
        return failed("customer's key: not one of the policy's required keys", facts)
    if key.strip().rstrip("/").count("/") > 4:
        return warned("a customer's key over etcd, pinned to one version: does not rotate by itself", facts)
    return passed("a customer's key over etcd", facts)


def _properties(machine: Resource) -> dict[str, Any]:
    found = field_of(machine, READS[machine.type], "properties")
    if not isinstance(found, dict) or not found:
        raise NoAnswer(unknown(f"{READS[machine.type]} answered without properties"))
    return found
