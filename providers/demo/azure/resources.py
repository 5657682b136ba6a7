"""What exists in the simulated Azure: resources by id, their bodies made from the SDK's own models, so that no
field's name can drift.
"""

import threading
import time
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from azure.mgmt.compute import models as compute
from azure.mgmt.keyvault import models as keyvault
from azure.mgmt.storage import models as storage

from providers.azure.ids import normal
from providers.demo.azure.accounts import ENTRA, SECOND, SUBSCRIPTION

PLATFORM, CUSTOMER, BOTH = (
    "EncryptionAtRestWithPlatformKey",
    "EncryptionAtRestWithCustomerKey",
    "EncryptionAtRestWithPlatformAndCustomerKeys",
)
Body = dict[str, Any]

__all__ = ["BOTH", "CUSTOMER", "ENTRA", "PLATFORM", "SECOND", "SUBSCRIPTION", "Body", "Resources"]


class Resources:
    """Subscriptions and what lies in them. Safe to change while it is served."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.subscriptions: dict[str, Body] = {}
        self.resources: dict[str, Body] = {}
        """Normal form of an id -> body."""
        self.graph: dict[str, Any] = {"defaults": True, "policies": [], "users": [], "licensed": True}
        """What Microsoft Graph knows: security defaults, conditional access policies, registered users, whether the
        tenant has a licence for reports.
        """
        self.blobs: dict[str, list[Body]] = {}
        """`account/container`, in lower case -> blobs, in the order of their names' making: name and properties as
        List Blobs writes them.
        """
        self.changes: list[Body] = []
        """What Resource Graph keeps of changes: rows as `resourcechanges` has them, below the id of their resource."""
        self.changes_late = 0.0
        """After how many seconds it shows them."""
        self._listed: dict[tuple[str, str], dict[str, None]] = {}

    def subscription(self, subscription: str = SUBSCRIPTION, name: str = "prod", state: str = "Enabled") -> str:
        """A subscription; returns its id."""
        self.subscriptions[subscription] = {
            "id": f"/subscriptions/{subscription}",
            "subscriptionId": subscription,
            "tenantId": ENTRA,
            "displayName": name,
            "state": state,
        }
        return subscription

    def put(self, resource_id: str, body: Body) -> str:
        """Make or replace a resource as Resource Manager would show it; returns its id."""
        kind = _kind_of(resource_id)
        with self.lock:
            self.resources[normal(resource_id)] = {
                "id": resource_id,
                "name": resource_id.rpartition("/")[2],
                "type": kind,
                **body,
            }
            for parent in _parents(resource_id):
                self._listed.setdefault((parent, kind.lower()), {})[normal(resource_id)] = None
        return resource_id

    def delete(self, resource_id: str) -> None:
        """Take a resource away, and what lies below it."""
        with self.lock:
            for gone in [
                each
                for each in self.resources
                if each == normal(resource_id) or each.startswith(f"{normal(resource_id)}/")
            ]:
                kind = self.resources.pop(gone)["type"].lower()
                for parent in _parents(gone):
                    self._listed.get((parent, kind), {}).pop(gone, None)

    def get(self, resource_id: str) -> Body | None:
        """One resource."""
        return self.resources.get(normal(resource_id))

    def change(self, resource_id: str, **properties: Any) -> None:
        """Set properties of a resource; a value of None takes one away."""
        with self.lock:
            body = self.resources[normal(resource_id)]
            merged = {**body.get("properties", {}), **properties}
            self.resources[normal(resource_id)] = {
                **body,
                "properties": {name: value for name, value in merged.items() if value is not None},
            }

    def changed(
        self,
        resource_id: str,
        *properties: str,
        by: str,
        at: float | None = None,
        client: str = "Azure Portal",
        kind: str = "Update",
        operation: str = "",
    ) -> None:
        """Write down who changed which properties of a resource, or that it was made (`kind` Create). `at` is UTC
        seconds, now unless said.
        """
        at = time.time() if at is None else at
        row = {
            "id": f"{resource_id}/providers/Microsoft.Resources/changes/{len(self.changes):08}",
            "target": normal(resource_id),
            "seconds": at,
            "at": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "kind": kind,
            "changed": list(properties),
            "by": by,
            "byType": "User" if "@" in by else "Application",
            "client": client,
            "operation": operation or f"{_kind_of(resource_id)}/write",
        }
        with self.lock:
            self.changes.append(row)

    def below(self, parent: str, kind: str) -> list[Body]:
        """The resources of a type under a subscription or a resource, as `microsoft.compute/disks`."""
        with self.lock:
            return [self.resources[name] for name in self._listed.get((normal(parent), kind.lower()), {})]

    # ------------------------------------------------------------ makers

    def disk(
        self,
        name: str,
        encryption: str | None = PLATFORM,
        *,
        set_id: str | None = None,
        subscription: str = SUBSCRIPTION,
        group: str = "prod",
        **more: Any,
    ) -> str:
        """A managed disk; `encryption` None is one so old that it says nothing. `more` are fields of the SDK's
        `DiskProperties`, `tags`, `managed_by`.
        """
        said = None if encryption is None else compute.Encryption(type=encryption, disk_encryption_set_id=set_id)
        tags, owner = more.pop("tags", None), more.pop("managed_by", None)
        properties = compute.DiskProperties(
            creation_data=compute.CreationData(create_option="Empty"),
            encryption=said,
            **{"disk_size_gb": 128, "network_access_policy": "DenyAll", "public_network_access": "Disabled", **more},
        )
        body = compute.Disk(
            location="westeurope",
            zones=["1"],
            tags=tags,
            sku=compute.DiskSku(name="Premium_LRS"),
            properties=properties,
        ).as_dict()
        body["properties"] |= {
            "diskState": "Attached" if owner else "Unattached",
            "provisioningState": "Succeeded",
            "timeCreated": "2026-03-02T08:15:30+00:00",
        }
        return self.put(
            _id(subscription, group, "Microsoft.Compute/disks", name),
            {**body, **({"managedBy": owner} if owner else {})},
        )

    def snapshot(
        self,
        name: str,
        encryption: str | None = PLATFORM,
        *,
        set_id: str | None = None,
        of: str | None = None,
        **more: Any,
    ) -> str:
        """A snapshot of a managed disk."""
        subscription, group = more.pop("subscription", SUBSCRIPTION), more.pop("group", "prod")
        properties = compute.SnapshotProperties(
            creation_data=compute.CreationData(create_option="Copy", source_resource_id=of),
            encryption=None
            if encryption is None
            else compute.Encryption(type=encryption, disk_encryption_set_id=set_id),
            **{"disk_size_gb": 128, "network_access_policy": "DenyAll", **more},
        )
        return self.put(
            _id(subscription, group, "Microsoft.Compute/snapshots", name),
            compute.Snapshot(location="westeurope", properties=properties).as_dict(),
        )

    def image(self, name: str, *sets: str | None, group: str = "prod") -> str:
        """An image of a machine; `sets` are the disk encryption sets of its system disk and its data disks."""
        held = [compute.DiskEncryptionSetParameters(id=each) if each else None for each in sets or (None,)]
        system = compute.ImageOSDisk(
            os_type="Linux", os_state="Generalized", disk_size_gb=32, disk_encryption_set=held[0]
        )
        data = [
            compute.ImageDataDisk(lun=lun, disk_size_gb=64, disk_encryption_set=each)
            for lun, each in enumerate(held[1:])
        ]
        properties = compute.ImageProperties(
            storage_profile=compute.ImageStorageProfile(os_disk=system, data_disks=data), hyper_v_generation="V2"
        )
        return self.put(
            _id(SUBSCRIPTION, group, "Microsoft.Compute/images", name),
            compute.Image(location="westeurope", properties=properties).as_dict(),
        )

    def encryption_set(
        self, name: str, key_url: str, vault: str | None, *, encryption: str = CUSTOMER, **more: Any
    ) -> str:
        """A disk encryption set on a key. `failing` is a rotation error's text, `foreign` a federated client's id,
        `rotates`: it follows new versions.
        """
        subscription, group = more.pop("subscription", SUBSCRIPTION), more.pop("group", "keys")
        properties = compute.EncryptionSetProperties(
            encryption_type=encryption,
            active_key=compute.KeyForDiskEncryptionSet(
                key_url=key_url, source_vault=compute.SourceVault(id=vault) if vault else None
            ),
            rotation_to_latest_key_version_enabled=more.pop("rotates", True),
            federated_client_id=more.pop("foreign", None),
        )
        body = compute.DiskEncryptionSet(
            location="westeurope", identity=compute.EncryptionSetIdentity(type="SystemAssigned"), properties=properties
        ).as_dict()
        body["properties"] |= {"provisioningState": "Succeeded"}
        if failing := more.pop("failing", None):
            body["properties"]["autoKeyRotationError"] = {"code": "KeyVaultAccessForbidden", "message": failing}
        return self.put(_id(subscription, group, "Microsoft.Compute/diskEncryptionSets", name), body)

    def vault(
        self, name: str, *, purge_protected: bool = True, subscription: str = SUBSCRIPTION, group: str = "keys"
    ) -> str:
        """A key vault."""
        properties = keyvault.VaultProperties(
            tenant_id=ENTRA,
            sku=keyvault.Sku(family="A", name="premium"),
            vault_uri=f"https://{name}.vault.azure.net/",
            enable_soft_delete=True,
            enable_purge_protection=purge_protected or None,
            enable_rbac_authorization=True,
        )
        return self.put(
            _id(subscription, group, "Microsoft.KeyVault/vaults", name),
            keyvault.Vault(location="westeurope", properties=properties).as_dict(),
        )

    def key(
        self,
        vault: str,
        name: str,
        *,
        enabled: bool = True,
        expires: int | None = None,
        not_before: int | None = None,
        rotates: bool = True,
    ) -> str:
        """A key in a vault; times are UTC seconds. Returns its URL without a version."""
        uri = f"https://{vault.rpartition('/')[2]}.vault.azure.net/keys/{name}"
        policy = keyvault.RotationPolicy(
            lifetime_actions=[
                keyvault.LifetimeAction(
                    trigger=keyvault.Trigger(time_after_create="P1Y"), action=keyvault.Action(type="rotate")
                )
            ]
        )
        properties = keyvault.KeyProperties(
            kty="RSA",
            key_size=3072,
            attributes=keyvault.KeyAttributes(enabled=enabled, expires=expires, not_before=not_before),
            rotation_policy=policy if rotates else None,
        )
        body = keyvault.Key(properties=properties).as_dict()
        body["properties"]["attributes"] |= {
            "created": 1740000000,
            "updated": 1740000000,
            "recoveryLevel": "Recoverable+ProtectedSubscription",
        }
        body["properties"] |= {"keyUri": uri, "keyUriWithVersion": f"{uri}/{zlib.crc32(uri.encode()):032x}"}
        self.put(f"{vault}/keys/{name}", {**body, "location": "westeurope"})
        return uri

    def account(
        self, name: str, *, key: str | None = None, subscription: str = SUBSCRIPTION, group: str = "data", **more: Any
    ) -> str:
        """A storage account under Microsoft's keys, or under `key` (a URL). `more` are fields of the SDK's
        `StorageAccountProperties`, and those named here.
        """
        foreign = more.pop("foreign", None)
        on = storage.EncryptionService(enabled=more.pop("blob", True), key_type="Account")
        held: dict[str, Any] = {"key_source": "Microsoft.Storage"}
        if key:
            vault, _, rest = key.partition("/keys/")
            key_name, _, version = rest.partition("/")
            held = {"key_source": "Microsoft.Keyvault"}
            held["key_vault_properties"] = storage.KeyVaultProperties(
                key_name=key_name, key_version=version or None, key_vault_uri=f"{vault}/"
            )
        if foreign:
            held["encryption_identity"] = storage.EncryptionIdentity(encryption_federated_identity_client_id=foreign)
        both = storage.EncryptionServices(blob=on, file=storage.EncryptionService(enabled=True, key_type="Account"))
        encryption = storage.Encryption(
            services=both, require_infrastructure_encryption=more.pop("infrastructure", None), **held
        )
        usual = {"enable_https_traffic_only": True, "minimum_tls_version": "TLS1_2", "allow_blob_public_access": False}
        # the models' constructors do not name what only the service sets
        fields: Body = {"encryption": encryption, **usual, **more}
        whole: Body = {
            "kind": "StorageV2",
            "sku": storage.Sku(name="Standard_ZRS"),
            "properties": storage.StorageAccountProperties(**fields),
        }
        body = storage.StorageAccount(location="westeurope", **whole).as_dict()
        body["properties"] |= {"provisioningState": "Succeeded", "creationTime": "2025-02-03T09:00:00.0000000Z"}
        made = self.put(_id(subscription, group, "Microsoft.Storage/storageAccounts", name), body)
        self.put(f"{made}/blobServices/default", {"properties": {"deleteRetentionPolicy": {"enabled": False}}})
        self.put(f"{made}/fileServices/default", {"properties": {"protocolSettings": {"smb": {}}}})
        return made

    def share(self, account: str, name: str, protocol: str | None = "SMB") -> str:
        """A file share of an account."""
        properties = storage.FileShareProperties(enabled_protocols=protocol, share_quota=100)
        return self.put(
            f"{account}/fileServices/default/shares/{name}",
            storage.FileShare(file_share_properties=properties).as_dict(),
        )

    def files(
        self,
        account: str,
        *,
        ciphers: str | None = "AES-256-GCM;",
        versions: str | None = "SMB3.1.1;",
        required: Mapping[str, bool] | None = None,
    ) -> str:
        """What the file service of an account asks; `required` maps `smb` and `nfs` to whether they have to encrypt."""
        in_transit = {name: storage.EncryptionInTransit(required=on) for name, on in (required or {}).items()}
        smb = storage.SmbSetting(
            channel_encryption=ciphers, versions=versions, encryption_in_transit=in_transit.get("smb")
        )
        nfs = storage.NfsSetting(encryption_in_transit=in_transit["nfs"]) if "nfs" in in_transit else None
        settings = storage.FileServicePropertiesProperties(protocol_settings=storage.ProtocolSettings(smb=smb, nfs=nfs))
        body = storage.FileServiceProperties(file_service_properties=settings).as_dict()
        return self.put(f"{account}/fileServices/default", body)

    def scope(
        self, account: str, name: str, *, key: str | None = None, state: str = "Enabled", source: str | None = None
    ) -> str:
        """An encryption scope of an account, under Microsoft's key or under `key`."""
        properties = storage.EncryptionScopeProperties(
            source=source or ("Microsoft.KeyVault" if key else "Microsoft.Storage"),
            state=state,
            key_vault_properties=storage.EncryptionScopeKeyVaultProperties(key_uri=key) if key else None,
        )
        return self.put(
            f"{account}/encryptionScopes/{name}",
            storage.EncryptionScope(encryption_scope_properties=properties).as_dict(),
        )

    def container(
        self, account: str, name: str, *, public: str = "None", scope: str | None = None, deny_override: bool = False
    ) -> str:
        """A container of an account; `public` is None, Blob or Container."""
        properties = storage.ContainerProperties(
            public_access=public,
            default_encryption_scope=scope or "$account-encryption-key",
            deny_encryption_scope_override=deny_override,
        )
        return self.put(
            f"{account}/blobServices/default/containers/{name}",
            storage.BlobContainer(container_properties=properties).as_dict(),
        )

    def blob(
        self,
        container: str,
        name: str,
        *,
        encrypted: bool | None = True,
        scope: str | None = None,
        supplied: bool = False,
        folder: bool = False,
    ) -> None:
        """A blob in a container (its id); `supplied`: under a key that its sender gave, `encrypted` None: not said,
        `folder`: a directory.
        """
        said = {
            "Content-Length": "0" if folder else "11",
            "ResourceType": "directory" if folder else "file",
            "BlobType": "BlockBlob",
        }
        held = {
            "EncryptionScope": scope,
            "CustomerProvidedKeySha256": "3QFFFpRA5+XANHqwwbT4yXDmrT/2JaLt/FKHjzhOdoE=" if supplied else None,
        }
        flag = {"ServerEncrypted": None if encrypted is None else str(encrypted).lower()}
        parts = container.split("/")
        properties = {field: value for field, value in {**said, **flag, **held}.items() if value is not None}
        with self.lock:
            self.blobs.setdefault(f"{parts[-5]}/{parts[-1]}".lower(), []).append(
                {"Name": name, "Properties": properties}
            )


def _id(subscription: str, group: str, kind: str, name: str) -> str:
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"


def _kind_of(resource_id: str) -> str:
    parts = resource_id.split("/providers/")[-1].split("/")
    return "/".join([parts[0], *parts[1::2]])


def _parents(resource_id: str) -> Iterator[str]:
    """Under what a resource is listed: its subscription, and the resource it lies in."""
    joined = normal(resource_id)
    yield "/".join(joined.split("/")[:3])
    yield joined.rpartition("/")[0].rpartition("/")[0]
