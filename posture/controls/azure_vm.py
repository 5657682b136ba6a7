"""Machines that mount the disks, and the clusters made of them: what the host encrypts, disks outside the platform's care, and secrets in etcd."""

from typing import Any

from posture.controls.azure_keys import required
from posture.controls.reading import NoAnswer, told
from posture.controls.registry import Context, control
from posture.policy import KeyMode
from posture.resource import Resource
from posture.verdict import Verdict, failed, passed, unknown, warned

READS = {
    "azure.compute.vm": "Microsoft.Compute/virtualMachines/read",
    "azure.compute.vmss": "Microsoft.Compute/virtualMachineScaleSets/read",
    "azure.aks.cluster": "Microsoft.ContainerService/managedClusters/read",
}
_AT_HOST = passed("the host encrypts temporary disks and caches", {"securityProfile.encryptionAtHost": True})
_NOT_AT_HOST = warned("temporary disks and caches are outside the platform's encryption", {"securityProfile.encryptionAtHost": False})
_MANAGED = passed("every disk is a managed disk", {"storageProfile.vhd": []})


@control("azure.vm.encryption-at-host", on=("azure.compute.vm", "azure.compute.vmss", "azure.aks.cluster"))
def encryption_at_host(machine: Resource, see: Context) -> Verdict:
    """Server-side encryption of a disk ends where the host caches it; this carries it on."""
    properties = _properties(machine)
    if machine.type == "azure.aks.cluster":
        pools = properties.get("agentPoolProfiles")
        if not isinstance(pools, list):
            return unknown(f"{READS[machine.type]} answered without agentPoolProfiles")
        bare = [str(pool.get("name")) for pool in pools if pool.get("enableEncryptionAtHost") is not True]
        facts = {"agentPoolProfiles.enableEncryptionAtHost": {str(pool.get("name")): pool.get("enableEncryptionAtHost") for pool in pools}}
        return warned(f"node pool {bare[0]} leaves temporary disks and caches outside", facts) if bare else passed("every node pool encrypts at host", facts)
    profile = properties if machine.type == "azure.compute.vm" else properties.get("virtualMachineProfile") or {}
    return _AT_HOST if (profile.get("securityProfile") or {}).get("encryptionAtHost") is True else _NOT_AT_HOST


@control("azure.disk.unmanaged", on="azure.compute.vm")
def unmanaged(machine: Resource, see: Context) -> Verdict:
    """A page blob is encrypted as its storage account is, and judged there."""
    storage = _properties(machine).get("storageProfile")
    if not isinstance(storage, dict):
        return unknown(f"{READS[machine.type]} answered without storageProfile")
    disks = [storage.get("osDisk") or {}, *(storage.get("dataDisks") or ())]
    blobs = [str((disk.get("vhd") or {}).get("uri") or "page blob") for disk in disks if disk.get("vhd")]
    return warned(f"{len(blobs)} of its disks are page blobs: their account decides", {"storageProfile.vhd": blobs}) if blobs else _MANAGED


@control("azure.aks.secrets-kms", on="azure.aks.cluster")
def secrets_kms(cluster: Resource, see: Context) -> Verdict:
    """etcd is always encrypted by the platform; a customer's key over it is the policy's wish."""
    kms = (_properties(cluster).get("securityProfile") or {}).get("azureKeyVaultKms") or {}
    on, key = kms.get("enabled") is True, kms.get("keyId")
    facts: dict[str, Any] = {"securityProfile.azureKeyVaultKms.enabled": on, "securityProfile.azureKeyVaultKms.keyId": key}
    wanted = see.policy.mode("azure.aks.secrets-kms") in {KeyMode.CUSTOMER_MANAGED, KeyMode.DOUBLE}
    if not on:
        return failed("no customer's key over etcd, policy asks for one", facts) if wanted else passed("encrypted by the platform", facts)
    if wanted and see.policy.required_keys and required(see.policy, (key,)) is None:
        return failed("customer's key: not one of the policy's required keys", facts)
    if isinstance(key, str) and key.rstrip("/").count("/") > 4:
        return warned("a customer's key over etcd, pinned to one version: does not rotate by itself", facts)
    return passed("a customer's key over etcd", facts)


def _properties(machine: Resource) -> dict[str, Any]:
    found = told(machine, READS[machine.type], "properties")
    if not isinstance(found, dict):
        raise NoAnswer(unknown(f"{READS[machine.type]} answered without properties"))
    return found
