"""Storage accounts, and below them the containers and encryption scopes in which one container may differ from its account."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from posture.batch import Batch, Listed, Partly
from posture.fault import Fault, FaultKind, Refused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.azure.calls import LIST_ACCOUNTS, LIST_CONTAINERS, LIST_SCOPES, Call
from providers.azure.faults import GONE
from providers.azure.ids import key_url, last, normal, unversioned
from providers.azure.place import AccountSeen, AzureSource, fields_of, text
from providers.azure.wire import Account, AccountProperties, Endpoints, Thing
from providers.source import Yield

BLOB_SERVICE = "/blobServices/default"
AT_ONCE = 200
"""Accounts whose tasks exist at the same time; the lane lets fewer ask."""
GIVE_UP_AFTER = 3
"""Unreachable answers after which the rest of the accounts is not asked in this poll."""
ALGORITHM = "AES-256"
_OWN = Encryption(True, ALGORITHM, KeyClass.PROVIDER)


class Accounts(AzureSource):
    """Storage accounts of one subscription."""

    service = "storage"
    calls = (LIST_ACCOUNTS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing, of which the storage provider allows 100 in five minutes."""
        keys: dict[str, str | None] = {}
        accounts: dict[str, AccountSeen] = {}
        async for page in self.arm.pages(LIST_ACCOUNTS, Account, subscription=self.subscription):
            yield Batch.of(self._account(row, keys, accounts) for row in page)
        self.seen.keys[f"{self.subscription}/accounts"] = keys
        self.seen.accounts[self.subscription] = accounts
        yield Listed(("azure.storage.account",))

    def _account(self, row: Account, keys: dict[str, str | None], accounts: dict[str, AccountSeen]) -> Resource:
        properties = row.properties or AccountProperties()
        encryption, links = at_rest(properties.encryption or {}, keys)
        blobs = text((properties.primaryEndpoints or Endpoints()).blob)
        accounts[row.id] = AccountSeen(properties.allowBlobPublicAccess is True, text(row.location), encryption, blobs)
        return self.resource(
            row.id,
            "bucket",
            "azure.storage.account",
            row.name,
            fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=(*links, Link("blob-service", normal(row.id + BLOB_SERVICE))),
            cells=(_source(properties), _https(properties), "allowed" if properties.allowBlobPublicAccess else "no"),
        )


class Containers(AzureSource):
    """Encryption scopes of each account, and its containers where they can differ from the account: where there are scopes, or anonymous access is allowed.

    Where blobs are `sampled`, every container.
    """

    service = "containers"
    calls = (LIST_SCOPES, LIST_CONTAINERS)
    sampled = False

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Account by account, several at a time; one that refuses stands as refused, and the rest goes on."""
        if self.subscription not in self.seen.accounts:
            raise Refused(Fault(FaultKind.ERROR, "NotListed", LIST_ACCOUNTS.operation, "the accounts have not been listed yet"))
        accounts = sorted(self.seen.accounts[self.subscription].items(), key=lambda item: item[0])
        keys: dict[str, str | None] = {}
        down = [0]
        listed: dict[str, tuple[str, ...] | Fault] = {}
        for start in range(0, len(accounts), AT_ONCE):
            some = [self._below(account, about, keys, down) for account, about in accounts[start : start + AT_ONCE]]
            for answer in asyncio.as_completed(some):
                found = await answer
                for fault in found[0].faults.values() if found else ():
                    yield Partly(fault)
                if found:
                    yield Batch(found)
                    named = tuple(each.id for each in found if each.type == "azure.storage.container")
                    listed[normal(found[0].id.removesuffix(BLOB_SERVICE))] = found[0].faults.get(LIST_CONTAINERS.operation) or named
        self.seen.keys[f"{self.subscription}/scopes"] = keys
        if self.sampled:
            self.seen.containers[self.subscription] = listed
        yield Listed(("azure.storage.blob-service", "azure.storage.encryption-scope", "azure.storage.container"))

    async def _below(self, account: str, about: AccountSeen, keys: dict[str, str | None], down: list[int]) -> tuple[Resource, ...]:
        """The blob service of an account, with what was refused of it, then its scopes and containers; nothing where the account has gone meanwhile."""
        faults: dict[str, Fault] = {}
        fields: dict[str, Any] = {}
        scopes = await self._list(LIST_SCOPES, account, about.region, faults, down)
        containers: list[Thing] | None = []
        if scopes or about.public or scopes is None or self.sampled:
            containers = await self._list(LIST_CONTAINERS, account, about.region, faults, down)
        if any(fault.code in GONE for fault in faults.values()):
            return ()
        if scopes is not None:
            fields["encryptionScopes"] = {scope.name: text((scope.properties or {}).get("source")) for scope in scopes}
        if containers is not None:
            fields["publicContainers"] = sorted(each.name for each in containers if _public(each))
            fields["containersListed"] = bool(scopes or about.public or self.sampled)
        service = self.resource(
            account + BLOB_SERVICE,
            "blob-service",
            "azure.storage.blob-service",
            last(account),
            fields,
            faults=faults,
            links=(Link("account", normal(account)),),
        )
        made = [self._scope(account, about, scope, keys) for scope in scopes or ()]
        under = {scope.id.lower(): scope.encryption for scope in made}
        return (service, *made, *(self._container(account, about, container, under) for container in containers or ()))

    async def _list(self, call: Call, account: str, region: str, faults: dict[str, Fault], down: list[int]) -> list[Thing] | None:
        """All pages of a listing below an account; None where it was refused."""
        if down[0] >= GIVE_UP_AFTER:
            faults[call.operation] = Fault(FaultKind.UNREACHABLE, "NotAsked", call.operation, "Resource Manager did not answer for other accounts")
            return None
        rows: list[Thing] = []
        try:
            async for page in self.arm.pages(call, Thing, subscription=self.subscription, within=account, region=region):
                rows += page
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise  # nothing else will be answered either
            down[0] += refused.fault.kind is FaultKind.UNREACHABLE
            if refused.fault.code == "FeatureNotSupportedForAccount":  # file and table accounts have no blob service: nothing is there
                return []
            faults[call.operation] = refused.fault
            return None
        return rows

    def _scope(self, account: str, about: AccountSeen, row: Thing, keys: dict[str, str | None]) -> Resource:
        properties = row.properties or {}
        uri = (properties.get("keyVaultProperties") or {}).get("keyUri")
        ours = text(properties.get("source")).lower() == "microsoft.storage"
        key = unversioned(uri) if isinstance(uri, str) and uri and not ours else None
        if key:
            keys[key] = None
        return self.resource(
            row.id,
            "encryption-scope",
            "azure.storage.encryption-scope",
            f"{last(account)}/{row.name}",
            fields_of(row),
            region=about.region,
            encryption=_OWN if ours else Encryption(True, ALGORITHM, KeyClass.CUSTOMER if key else KeyClass.UNKNOWN, key),
            links=(Link("account", normal(account)), *((Link("key", key),) if key else ())),
        )

    def _container(self, account: str, about: AccountSeen, row: Thing, under: dict[str, Encryption | None]) -> Resource:
        """New blobs are under the container's scope, or as the account's are."""
        properties, encryption = row.properties or {}, about.encryption
        scope = text(properties.get("defaultEncryptionScope")) or "$account-encryption-key"
        links = [Link("account", normal(account)), Link("blob-service", normal(account + BLOB_SERVICE))]
        if scope != "$account-encryption-key":
            links.append(Link("scope", normal(f"{account}/encryptionScopes/{scope}")))
            encryption = under.get(links[-1].to) or Encryption()
        return self.resource(
            row.id,
            "bucket",
            "azure.storage.container",
            f"{last(account)}/{row.name}",
            fields_of(row),
            region=about.region,
            encryption=encryption,
            links=tuple(links),
            cells=(scope, "", _public(row) or "no"),
        )


def at_rest(encryption: dict[str, Any], keys: dict[str, str | None]) -> tuple[Encryption, tuple[Link, ...]]:
    """The encryption of an account, and its link to the customer's key; that key goes into `keys`. The source is spelled in two ways, so case is ignored."""
    source = text(encryption.get("keySource")).lower()
    if source == "microsoft.storage":
        return _OWN, ()
    if source != "microsoft.keyvault":
        return Encryption(), ()
    held = encryption.get("keyvaultproperties") or {}
    foreign = text((encryption.get("identity") or {}).get("federatedIdentityClientId")).lower() not in {"", "none"}
    key_class = KeyClass.CUSTOMER_FOREIGN if foreign else KeyClass.CUSTOMER
    vault, name = text(held.get("keyvaulturi")), text(held.get("keyname"))
    if not vault or not name:
        return Encryption(True, ALGORITHM, key_class), ()
    url = key_url(vault, name)
    keys[url] = None
    return Encryption(True, ALGORITHM, key_class, url), (Link("key", url),)


def _source(properties: AccountProperties) -> str:
    return text((properties.encryption or {}).get("keySource")).removeprefix("Microsoft.") or "?"


def _https(properties: AccountProperties) -> str:
    only = properties.supportsHttpsTrafficOnly
    if not isinstance(only, bool):
        return "?"
    return f"yes {text(properties.minimumTlsVersion)}".strip() if only else "NO"


def _public(row: Thing) -> str:
    return text((row.properties or {}).get("publicAccess")).removeprefix("None")
