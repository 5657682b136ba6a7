"""Storage accounts, and below them the containers and encryption scopes in which one container may differ from its
account.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from posture.azure.key import account_class
from posture.fault import Fault, FaultKind, Refused
from posture.fields import low, part
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import each
from providers.azure.calls import LIST_ACCOUNTS, LIST_CONTAINERS, LIST_SCOPES, Call
from providers.azure.decode import Account, AccountProperties, Endpoints, Thing, Unread
from providers.azure.faults import GONE
from providers.azure.ids import key_url, last, normal, unversioned
from providers.azure.source import AccountSeen, AzureSource, fields_of, text
from providers.source import Yield

SCOPE, CONTAINER = "azure.storage.encryption-scope", "azure.storage.container"
BLOB_SERVICE = "/blobServices/default"
AT_ONCE = 200
"""Accounts whose tasks exist at the same time; the lane lets fewer ask."""
GIVE_UP_AFTER = 3
"""Unreachable answers after which the rest of the accounts is not asked in this poll."""
ALGORITHM = "AES-256"
_WITHOUT_FILES = {"blobstorage", "blockblobstorage"}
"""Kinds of accounts that have no file service."""
_OWN = Encryption(True, ALGORITHM, KeyClass.PROVIDER)


class Accounts(AzureSource):
    """Storage accounts of one subscription."""

    service = "storage"
    calls = (LIST_ACCOUNTS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing, of which the storage provider allows 100 in five minutes."""
        keys: dict[str, str | None] = {}
        accounts: dict[str, AccountSeen] = {}
        before = self.seen.accounts.get(self.subscription, {})
        make = partial(self._account, keys, accounts)
        async for report in self.listing(LIST_ACCOUNTS, Account, make, "bucket", "azure.storage.account"):
            for account in report.resources if isinstance(report, Batch) else ():
                if account.faults:  # what could not be read may have anything below it
                    accounts[account.id] = before.get(account.id) or AccountSeen(
                        True, account.region, Encryption(), tenant=account.tenant
                    )
            yield report
        self.seen.keys[f"{self.subscription}/accounts"] = keys
        self.seen.accounts[self.subscription] = accounts

    def _account(self, keys: dict[str, str | None], accounts: dict[str, AccountSeen], row: Account) -> Resource:
        properties = row.properties or AccountProperties()
        encryption, links = at_rest(properties.encryption or {}, keys)
        blobs = text((properties.primaryEndpoints or Endpoints()).blob)
        files = low(text(row.kind)) not in _WITHOUT_FILES
        accounts[row.id] = AccountSeen(
            properties.allowBlobPublicAccess is True,
            text(row.location),
            encryption,
            blobs,
            files,
            self.owner(fields_of(row)) if self.tenancy is not None else "",
        )
        return self.resource(
            id=row.id,
            kind="bucket",
            type="azure.storage.account",
            name=row.name,
            fields=fields_of(row),
            region=text(row.location),
            encryption=encryption,
            links=(*links, Link("blob-service", normal(row.id + BLOB_SERVICE))),
            # a volume of Kubernetes names the account alone, whose name is its own in all of Azure
            aliases=(f"storageaccount:{row.name.lower()}",),
            cells=(_source(properties), _https(properties)),
        )


class Containers(AzureSource):
    """Encryption scopes of each account, and its containers where they can differ from the account: where there are
    scopes, or anonymous access is allowed.

    Where blobs are `sampled`, every container.
    """

    service = "containers"
    calls = (LIST_SCOPES, LIST_CONTAINERS)
    sampled = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._keys: dict[str, dict[str, str | None]] = {}
        """Account -> the keys that its scopes named when they were listed last."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Account by account, several at a time; one that refuses stands as refused, and the rest goes on."""
        if self.subscription not in self.seen.accounts:
            raise Refused(
                Fault(FaultKind.ERROR, "NotListed", LIST_ACCOUNTS.operation, "the accounts have not been listed yet")
            )
        accounts = sorted(self.seen.accounts[self.subscription].items(), key=lambda item: item[0])
        down = [0]
        refused: dict[str, set[str]] = {call.operation: set() for call in self.calls}
        listed: dict[str, tuple[str, ...] | Fault] = {}
        async with aclosing(
            each((self._below(account, about, down) for account, about in accounts), AT_ONCE)
        ) as answers:
            async for found in answers:
                for resource in found:
                    for fault in resource.faults.values():
                        yield ReadRefused(fault)
                if found:
                    yield Batch(found)
                    service, account = found[0], normal(found[0].id.removesuffix(BLOB_SERVICE))
                    for operation in service.faults:
                        refused[operation].add(account)
                    listed[account] = service.faults.get(LIST_CONTAINERS.operation) or tuple(
                        one.id for one in found if one.type == CONTAINER
                    )
        self._keys = {
            account: named for account, named in self._keys.items() if account in self.seen.accounts[self.subscription]
        }
        self.seen.keys[f"{self.subscription}/scopes"] = {
            url: vault for named in self._keys.values() for url, vault in named.items()
        }
        if self.sampled:
            self.seen.containers[self.subscription] = listed
        yield Complete(("azure.storage.blob-service",))
        yield Complete((SCOPE,), frozenset(refused[LIST_SCOPES.operation]))
        yield Complete((CONTAINER,), frozenset(refused[LIST_CONTAINERS.operation]))

    async def _below(self, account: str, about: AccountSeen, down: list[int]) -> tuple[Resource, ...]:
        """The blob service of an account, with what was refused of it, then its scopes and containers; nothing where
        the account has gone meanwhile.
        """
        faults: dict[str, Fault] = {}
        fields: dict[str, Any] = {}
        odd: dict[Call, list[Unread]] = {LIST_SCOPES: [], LIST_CONTAINERS: []}
        scopes = await self._list(LIST_SCOPES, account, about.region, faults, down, odd[LIST_SCOPES])
        containers: list[Thing] | None = []
        if scopes or odd[LIST_SCOPES] or about.public or scopes is None or self.sampled:
            containers = await self._list(LIST_CONTAINERS, account, about.region, faults, down, odd[LIST_CONTAINERS])
        if any(fault.code in GONE for fault in faults.values()):
            return ()
        below: list[Resource] = []
        if scopes is not None:
            below += self._scopes(account, about, scopes, odd[LIST_SCOPES], fields)
        if containers is not None:
            below += self._containers(account, about, containers, odd[LIST_CONTAINERS], below, fields)
            fields["containersListed"] = bool(
                fields.get("encryptionScopes") or scopes is None or about.public or self.sampled
            )
        below += [
            self.unread(bad, "encryption-scope", SCOPE, f"{last(account)}/{last(bad.id)}", about.tenant)
            for bad in odd[LIST_SCOPES]
        ]
        below += [
            self.unread(bad, "bucket", CONTAINER, f"{last(account)}/{last(bad.id)}", about.tenant)
            for bad in odd[LIST_CONTAINERS]
        ]
        service = self.resource(
            id=account + BLOB_SERVICE,
            kind="blob-service",
            type="azure.storage.blob-service",
            name=last(account),
            fields=fields,
            faults=faults,
            links=(Link("account", normal(account)),),
            tenant=about.tenant,
        )
        return (service, *below)

    def _scopes(
        self, account: str, about: AccountSeen, scopes: Sequence[Thing], odd: list[Unread], fields: dict[str, Any]
    ) -> list[Resource]:
        """The encryption scopes of an account; what the account itself tells of them goes to `fields`."""
        keys: dict[str, str | None] = {}
        self._keys[account] = keys
        told = {scope.name: text((scope.properties or {}).get("source")) or None for scope in scopes}
        make = partial(self._scope, account, about, keys)
        made = [self.made(LIST_SCOPES, make, scope, odd) for scope in scopes]
        fields["encryptionScopes"] = told | {last(bad.id): None for bad in odd}
        return [scope for scope in made if scope is not None]

    def _containers(
        self,
        account: str,
        about: AccountSeen,
        rows: Sequence[Thing],
        odd: list[Unread],
        scopes: Sequence[Resource],
        fields: dict[str, Any],
    ) -> list[Resource]:
        """The containers of an account, each under its scope; what the account itself tells of them goes to
        `fields`.
        """
        make = partial(self._container, account, about, {scope.id.lower(): scope.encryption for scope in scopes})
        made = [self.made(LIST_CONTAINERS, make, row, odd) for row in rows]
        fields["publicContainers"] = sorted(row.name for row in rows if _is_public(row))
        untold = [row.name for row in rows if _is_public(row) is None]
        fields["containersUntold"] = sorted([*(last(bad.id) for bad in odd), *untold])
        return [container for container in made if container is not None]

    async def _list(
        self, call: Call, account: str, region: str, faults: dict[str, Fault], down: list[int], unread: list[Unread]
    ) -> list[Thing] | None:
        """All rows of a listing below an account, named; None where it was refused. Rows that cannot be read go to
        `unread`, if they say which they are.
        """
        if down[0] >= GIVE_UP_AFTER:
            faults[call.operation] = Fault(
                FaultKind.UNREACHABLE, "NotAsked", call.operation, "Resource Manager did not answer for other accounts"
            )
            return None
        rows: list[Thing] = []
        try:
            async for page in self.arm.pages(
                call, Thing, subscription=self.subscription, within=account, region=region, unread=unread
            ):
                rows += page
            if (nameless := next((bad for bad in unread if not bad.id), None)) is not None:
                raise Refused(nameless.fault)
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise  # nothing else will be answered either
            down[0] += refused.fault.kind is FaultKind.UNREACHABLE
            # file and table accounts have no blob service: nothing is there
            if refused.fault.code == "FeatureNotSupportedForAccount":
                return []
            faults[call.operation] = refused.fault
            unread.clear()
            return None
        for row in rows:
            row.name = row.name or last(row.id)
        return rows

    def _scope(self, account: str, about: AccountSeen, keys: dict[str, str | None], row: Thing) -> Resource:
        properties = row.properties or {}
        uri = text(part(properties, LIST_SCOPES.operation, "keyVaultProperties").get("keyUri"))
        whose = account_class(text(properties.get("source")))
        key = unversioned(uri) if uri and whose is KeyClass.CUSTOMER else None
        if key:
            keys[key] = None
        return self.resource(
            id=row.id,
            kind="encryption-scope",
            type=SCOPE,
            name=f"{last(account)}/{row.name}",
            fields=fields_of(row),
            region=about.region,
            encryption=_OWN
            if whose is KeyClass.PROVIDER
            else Encryption(True, ALGORITHM, whose if key else KeyClass.UNKNOWN, key),
            links=(Link("account", normal(account)), *((Link("key", key),) if key else ())),
            tenant=about.tenant,
        )

    def _container(self, account: str, about: AccountSeen, under: dict[str, Encryption | None], row: Thing) -> Resource:
        """New blobs are under the container's scope, or as the account's are."""
        properties, encryption = row.properties or {}, about.encryption
        scope = text(properties.get("defaultEncryptionScope")) or "$account-encryption-key"
        links = [Link("account", normal(account)), Link("blob-service", normal(account + BLOB_SERVICE))]
        if scope != "$account-encryption-key":
            links.append(Link("scope", normal(f"{account}/encryptionScopes/{scope}")))
            encryption = under.get(links[-1].to) or Encryption()
        return self.resource(
            id=row.id,
            kind="bucket",
            type=CONTAINER,
            name=f"{last(account)}/{row.name}",
            fields=fields_of(row),
            region=about.region,
            encryption=encryption,
            links=tuple(links),
            tenant=about.tenant,
            cells=(scope, "", {None: "?", False: "no"}.get(_is_public(row)) or text(properties.get("publicAccess"))),
        )


def at_rest(encryption: dict[str, Any], keys: dict[str, str | None]) -> tuple[Encryption, tuple[Link, ...]]:
    """The encryption of an account, and its link to the customer's key; that key goes into `keys`. The source is
    spelled in two ways, so case is ignored.
    """
    read = LIST_ACCOUNTS.operation
    key_class = account_class(
        text(encryption.get("keySource")), text(part(encryption, read, "identity").get("federatedIdentityClientId"))
    )
    if key_class is KeyClass.PROVIDER:
        return _OWN, ()
    if key_class is KeyClass.UNKNOWN:
        return Encryption(), ()
    held = part(encryption, read, "keyvaultproperties")
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


def _is_public(row: Thing) -> bool | None:
    """Whether anybody may read a container; None where it does not say so in words that are known. One that says
    nothing is private.
    """
    access = (row.properties or {}).get("publicAccess")
    return False if access is None else {"none": False, "blob": True, "container": True}.get(text(access).lower())
