"""One whole resource of every type in Azure, for the laws that all controls keep, and makers for the decision table."""

from typing import Any

from posture.resource import Encryption, KeyClass, Link, Resource

SUB = "/subscriptions/00000000-0000-4000-8000-000000000001"
GROUP = f"{SUB}/resourceGroups/prod/providers"
DISK, SET = f"{GROUP}/Microsoft.Compute/disks/pg-0", f"{GROUP}/Microsoft.Compute/diskEncryptionSets/disks"
ACCOUNT, VAULT = f"{GROUP}/Microsoft.Storage/storageAccounts/acmedata", f"{GROUP}/Microsoft.KeyVault/vaults/acme-keys"
KEY_URL = "https://acme-keys.vault.azure.net/keys/disks"


def made(
    id: str, kind: str, type: str, properties: Any, *, links: dict[str, str] | None = None, **more: Any
) -> Resource:
    """A resource as the Azure room makes it: its id's normal form is an alias, and links use that."""
    common: dict[str, Any] = {
        "tenant": "acme",
        "provider": "azure",
        "scope": SUB.rpartition("/")[2],
        "region": "westeurope",
        "source": "acme/azure/x",
    }
    pointed = tuple(Link(rel, to.lower()) for rel, to in (links or {}).items())
    fields = {"name": id.rpartition("/")[2], "properties": properties} | more.pop("fields", {})
    aliases = (*(() if id == id.lower() else (id.lower(),)), *more.pop("aliases", ()))
    return Resource(
        id=id,
        kind=kind,
        type=type,
        name=id.rpartition("/")[2],
        links=pointed,
        aliases=aliases,
        fields=fields,
        **{**common, **more},
    )


def disk(key_class: KeyClass, encryption_type: str | None, *, set_id: str | None = None) -> Resource:
    """A managed disk of a key class."""
    said = (
        None
        if encryption_type is None
        else {"type": encryption_type, **({"diskEncryptionSetId": set_id} if set_id else {})}
    )
    at_rest = Encryption(True if encryption_type else None, None, key_class, set_id)
    properties = {"encryption": said, "encryptionSettingsCollection": {"enabled": False}}
    return made(
        DISK, "volume", "azure.compute.disk", properties, links={"key": set_id} if set_id else {}, encryption=at_rest
    )


def encryption_set(key_class: KeyClass = KeyClass.CUSTOMER) -> Resource:
    """A disk encryption set that confers a class."""
    active = {"keyUrl": f"{KEY_URL}/0123", "sourceVault": {"id": VAULT}}
    properties = {
        "activeKey": active,
        "rotationToLatestKeyVersionEnabled": True,
        "encryptionType": "EncryptionAtRestWithCustomerKey",
    }
    return made(
        SET,
        "key",
        "azure.compute.disk-encryption-set",
        properties,
        links={"key": KEY_URL},
        encryption=Encryption(None, None, key_class),
    )


def key(**attributes: Any) -> Resource:
    """A vault key, enabled."""
    properties = {"attributes": {"enabled": True, "recoveryLevel": "Recoverable", **attributes}, "kty": "RSA"}
    vault = {"vault": {"enablePurgeProtection": True}}
    encryption = Encryption(None, None, KeyClass.CUSTOMER)
    return made(
        f"{VAULT}/keys/disks",
        "key",
        "azure.keyvault.key",
        properties,
        aliases=(KEY_URL,),
        fields=vault,
        encryption=encryption,
    )


def account(key_class: KeyClass, source: str | None, **more: Any) -> Resource:
    """A storage account of a key class."""
    entry = (
        {"keyname": "disks", "keyvaulturi": "https://acme-keys.vault.azure.net"}
        if source == "Microsoft.Keyvault"
        else None
    )
    encryption = {"keySource": source, "keyvaultproperties": entry, "services": {"blob": {"enabled": True}}}
    properties = {
        "encryption": encryption,
        "supportsHttpsTrafficOnly": True,
        "minimumTlsVersion": "TLS1_2",
        "allowBlobPublicAccess": True,
        **more,
    }
    links = {"blob-service": f"{ACCOUNT}/blobServices/default", **({"key": KEY_URL} if entry else {})}
    return made(
        ACCOUNT,
        "bucket",
        "azure.storage.account",
        properties,
        links=links,
        encryption=Encryption(True, None, key_class),
    )


def blob_service() -> Resource:
    """The blob service of the account, listed."""
    fields = {"publicContainers": [], "containersListed": True, "encryptionScopes": {"s": "Microsoft.KeyVault"}}
    return made(f"{ACCOUNT}/blobServices/default", "blob-service", "azure.storage.blob-service", {}, fields=fields)


def scope() -> Resource:
    """An encryption scope under a customer's key."""
    properties = {"source": "Microsoft.KeyVault", "state": "Enabled"}
    encryption = Encryption(True, None, KeyClass.CUSTOMER, KEY_URL)
    return made(
        f"{ACCOUNT}/encryptionScopes/s",
        "encryption-scope",
        "azure.storage.encryption-scope",
        properties,
        links={"key": KEY_URL},
        encryption=encryption,
    )


def container() -> Resource:
    """A container whose default is that scope."""
    links = {
        "scope": f"{ACCOUNT}/encryptionScopes/s",
        "blob-service": f"{ACCOUNT}/blobServices/default",
        "account": ACCOUNT,
    }
    properties = {"defaultEncryptionScope": "s", "denyEncryptionScopeOverride": True}
    return made(
        f"{ACCOUNT}/blobServices/default/containers/c", "bucket", "azure.storage.container", properties, links=links
    )


def blobs(**more: Any) -> Resource:
    """A sample of that container's blobs, all as they should be."""
    said = {"true": 5, "false": 0, "absent": 0}
    fields = {
        "AccountName": "acmedata",
        "ContainerName": "c",
        "SampleOf": [5, 5],
        "ServerEncrypted": said,
        "CustomerProvidedKeys": 0,
        "EncryptionScopes": {},
        **more,
    }
    return made(
        f"{ACCOUNT}/blobServices/default/containers/c#blobs",
        "object-sample",
        "azure.storage.object-sample",
        {},
        fields=fields,
    )


_GATEWAY = {
    "sslPolicy": {"policyType": "Predefined", "policyName": "AppGwSslPolicy20220101S"},
    "httpListeners": [{"id": "/l/https", "name": "https", "properties": {"protocol": "Https"}}],
    "requestRoutingRules": [],
}
CLASSIC: dict[str, Any] = {
    "enabledState": "Enabled",
    "routingRules": [
        {
            "name": "http",
            "properties": {
                "enabledState": "Enabled",
                "acceptedProtocols": ["Http"],
                "routeConfiguration": {
                    "@odata.type": "#Microsoft.Azure.FrontDoor.Models.FrontdoorRedirectConfiguration",
                    "redirectProtocol": "HttpsOnly",
                },
            },
        }
    ],
    "frontendEndpoints": [
        {
            "name": "www",
            "properties": {"hostName": "www.acme.example", "customHttpsConfiguration": {"minimumTlsVersion": "1.2"}},
        }
    ],
}
"""Properties of a classic front door with a domain of its own, which sends plain HTTP elsewhere."""


def file_service(shares: dict[str, str | None] | None = None, **settings: Any) -> Resource:
    """The file service of the account, with a share for SMB."""
    smb = {"channelEncryption": "AES-256-GCM;", "versions": "SMB3.1.1", **settings.pop("smb", {})}
    return made(
        f"{ACCOUNT}/fileServices/default",
        "file-service",
        "azure.storage.file-service",
        {"protocolSettings": {"smb": smb, **settings}},
        links={"account": ACCOUNT},
        fields={"shares": {"team": "SMB"} if shares is None else shares},
    )


_REGISTRATION = {"users": 5, "notCapable": 0, "admins": 1, "adminsNotCapable": 0}
_POLICY = {
    "displayName": "everybody",
    "state": "enabled",
    "conditions": {"users": {"includeUsers": ["All"]}, "applications": {"includeApplications": ["All"]}},
    "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
}
ENTRA = {"securityDefaults": {"isEnabled": False}, "conditionalAccess": [_POLICY], "registration": _REGISTRATION}
"""Fields of an Entra tenant in which a policy asks everybody for a second factor, and everybody can answer it."""

_SET_ID, _VM_ID = (
    f"{GROUP}/Microsoft.Compute/virtualMachineScaleSets/ss",
    f"{GROUP}/Microsoft.Compute/virtualMachines/vm",
)
VERSION = f"{GROUP}/Microsoft.Compute/galleries/g/images/i/versions/1.0.0"


def machine(*extensions: dict[str, Any], **more: Any) -> Resource:
    """A virtual machine with these extensions."""
    properties = {"securityProfile": {"encryptionAtHost": True}, "storageProfile": {"osDisk": {}, "dataDisks": []}}
    return made(
        _VM_ID,
        "workload",
        "azure.compute.vm",
        {**properties, **more},
        fields={"extensions": list(extensions)},
    )


def scale_set(*extensions: dict[str, Any]) -> Resource:
    """A uniform scale set whose machines get these extensions."""
    profile = {
        "securityProfile": {"encryptionAtHost": True},
        "extensionProfile": {"extensions": list(extensions)},
    }
    return made(_SET_ID, "workload", "azure.compute.vmss", {"virtualMachineProfile": profile})


def instance(**more: Any) -> Resource:
    """A machine of that scale set."""
    properties = {"securityProfile": {"encryptionAtHost": True}, "storageProfile": {"osDisk": {}, "dataDisks": []}}
    return made(
        f"{_SET_ID}/virtualMachines/0",
        "workload",
        "azure.compute.vmss-vm",
        {**properties, **more},
        links={"scale-set": _SET_ID},
    )


def extension(kind: str = "AzureDiskEncryptionForLinux", **settings: str) -> dict[str, Any]:
    """An extension as the room keeps it."""
    return {
        "name": "x",
        "properties": {"publisher": "Microsoft.Azure.Security", "type": kind, "settings": dict(settings)},
    }


def mounted(by: str = _VM_ID, **more: Any) -> Resource:
    """A data disk under the platform's key, on a machine, that says nothing of Azure Disk Encryption."""
    properties = {"encryption": {"type": "EncryptionAtRestWithPlatformKey"}, **more}
    links = {"machine": by, **({"scale-set": _SET_ID} if by.startswith(_SET_ID) else {})}
    at_rest = Encryption(True, None, KeyClass.PROVIDER)
    return made(
        f"{DISK}-m",
        "volume",
        "azure.compute.disk",
        properties,
        links=links,
        encryption=at_rest,
        fields={"managedBy": by},
    )


def gallery_version(**regions: str | None) -> Resource:
    """A version of a gallery's image: region -> the encryption set of its system disk there, None for the platform's
    key.
    """
    targets = [
        {"name": name, **({"encryption": {"osDiskImage": {"diskEncryptionSetId": to}}} if to else {})}
        for name, to in regions.items()
    ]
    named = next((to for to in regions.values() if to), None)
    return made(
        VERSION,
        "snapshot",
        "azure.compute.gallery-image-version",
        {"publishingProfile": {"targetRegions": targets}, "storageProfile": {"osDiskImage": {"sizeInGB": 30}}},
        links={"key": named} if named else {},
        encryption=Encryption(True, None, KeyClass.UNKNOWN),
    )


TYPES: dict[str, Resource] = {
    "azure.storage.object-sample": blobs(),
    "azure.compute.disk": disk(KeyClass.UNKNOWN, "EncryptionAtRestWithCustomerKey", set_id=SET),
    "azure.compute.snapshot": made(
        f"{GROUP}/Microsoft.Compute/snapshots/s",
        "snapshot",
        "azure.compute.snapshot",
        {"encryption": {"type": "EncryptionAtRestWithPlatformKey"}, "networkAccessPolicy": "DenyAll"},
        encryption=Encryption(True, None, KeyClass.PROVIDER),
    ),
    "azure.compute.image": made(
        f"{GROUP}/Microsoft.Compute/images/i",
        "snapshot",
        "azure.compute.image",
        {"storageProfile": {"osDisk": {"diskEncryptionSet": {"id": SET}}, "dataDisks": []}},
        links={"key": SET},
        encryption=Encryption(True, None, KeyClass.UNKNOWN, SET),
    ),
    "azure.compute.disk-encryption-set": encryption_set(),
    "azure.compute.gallery-image-version": gallery_version(westeurope=None, northeurope=SET),
    "azure.compute.vm": machine(),
    "azure.compute.vmss": scale_set(),
    "azure.compute.vmss-vm": instance(),
    "azure.aks.cluster": made(
        f"{GROUP}/Microsoft.ContainerService/managedClusters/aks",
        "workload",
        "azure.aks.cluster",
        {
            "agentPoolProfiles": [{"name": "system", "enableEncryptionAtHost": True}],
            "securityProfile": {"azureKeyVaultKms": {"enabled": True, "keyId": KEY_URL}},
        },
    ),
    "azure.keyvault.key": key(),
    "azure.storage.account": account(KeyClass.CUSTOMER, "Microsoft.Keyvault"),
    "azure.storage.encryption-scope": scope(),
    "azure.storage.container": container(),
    "azure.network.application-gateway": made(
        f"{GROUP}/Microsoft.Network/applicationGateways/gw", "endpoint", "azure.network.application-gateway", _GATEWAY
    ),
    "azure.storage.file-service": file_service(),
    "azure.network.front-door": made(
        f"{GROUP}/Microsoft.Network/frontDoors/fd", "endpoint", "azure.network.front-door", CLASSIC
    ),
    "azure.cdn.front-door": made(
        f"{GROUP}/Microsoft.Cdn/profiles/fd",
        "endpoint",
        "azure.cdn.front-door",
        {},
        fields={"customDomains": {"www": "TLS12"}, "routes": {"default": True}},
    ),
    "azure.entra.tenant": made("azure://entra", "identity", "azure.entra.tenant", {}, fields=ENTRA),
}
"""Type -> a resource that its controls can answer for."""
BESIDE = (
    *(encryption_set(), key(), blob_service(), scope(), machine(), scale_set()),
    account(KeyClass.CUSTOMER, "Microsoft.Keyvault"),
)
"""What those point at."""
