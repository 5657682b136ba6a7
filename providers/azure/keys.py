"""The vault keys that disk encryption sets, storage accounts and encryption scopes name: can they be used, and is their
vault safe from a purge.

Read through Resource Manager, which shows a key's attributes to a *Reader* and asks the vault's firewall nothing; the
vault's own endpoint would want a role of its own and is often closed to the outside. No key material and no secret is
part of either answer.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from posture.fault import Fault, FaultKind, Refused
from posture.fields import part, parts
from posture.reading import NoAnswer
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from providers.asking import each
from providers.azure.calls import GET_HSM_KEY, GET_KEY, LIST_HSMS, LIST_VAULTS, Call
from providers.azure.decode import Row, Thing
from providers.azure.faults import GONE, bad_row
from providers.azure.ids import is_hsm, last, normal, subscription_of, vault_name
from providers.azure.source import SweptSource, fields_of, text
from providers.source import Yield

LAST = 253_402_300_800
"""The end of the year 9999, UTC seconds."""


class Keys(SweptSource):
    """Every vault key that something of this subscription names, each once."""

    service = "keyvault"
    parts: tuple[str, ...] = ("sets", "accounts")
    calls = (LIST_VAULTS, GET_KEY, LIST_HSMS, GET_HSM_KEY)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Find the vaults, read those that are used, then the keys; asks nothing where no key is named."""
        named = self._named()
        if named:
            where, faults = await self._where(named)
            for fault in faults:
                yield ReadRefused(fault)
            vaults: dict[str, list[str]] = {}
            for url in sorted(named):
                vaults.setdefault(normal(where.get(url, "")), []).append(url)
            async with aclosing(
                each(self._read(urls, where.get(urls[0]), faults) for urls in vaults.values())
            ) as answers:
                async for keys in answers:
                    for fault in (fault for key in keys for fault in key.faults.values()):
                        yield ReadRefused(fault)
                    yield Batch(tuple(keys))
        silent = [part for part in self.parts if f"{self.subscription}/{part}" not in self.seen.keys]
        if silent:
            yield ReadRefused(
                Fault(
                    FaultKind.ERROR,
                    "NotListed",
                    "Microsoft.KeyVault/vaults/keys/read",
                    f"what names keys has not been listed: {', '.join(silent)}",
                )
            )
        else:
            yield Complete(("azure.keyvault.key",))

    def _named(self) -> dict[str, str | None]:
        """Key's URL -> the vault's id, where somebody said it."""
        named: dict[str, str | None] = {}
        for who in self.parts:
            for url, vault in self.seen.keys.get(f"{self.subscription}/{who}", {}).items():
                named[url] = vault or named.get(url)
        readers = self.seen.readers
        for url in [url for url, reader in readers.items() if reader == self.id and url not in named]:
            del readers[url]
        return {url: vault for url, vault in named.items() if readers.setdefault(url, self.id) == self.id}

    async def _where(self, named: dict[str, str | None]) -> tuple[dict[str, str], list[Fault]]:
        """Key's URL -> id of its vault. Where nobody named the vault, it is looked for by its name, which is unique
        in a cloud.
        """
        found = {url: vault for url, vault in named.items() if vault}
        faults: list[Fault] = []
        for call, some in (
            (LIST_VAULTS, [url for url in named if not is_hsm(url)]),
            (LIST_HSMS, [url for url in named if is_hsm(url)]),
        ):
            if all(url in found for url in some):
                continue
            names = await self.sweep.names(call)
            found.update((url, names[vault_name(url)]) for url in some if url not in found and vault_name(url) in names)
            if all(url in found for url in some):
                continue
            try:
                async for page in self.arm.pages(call, Row, subscription=self.subscription):
                    names.update(((row.name or last(row.id)).lower(), row.id) for row in page)
            except Refused as refused:
                faults.append(refused.fault)
            found.update((url, names[vault_name(url)]) for url in some if url not in found and vault_name(url) in names)
        return found, faults

    async def _read(self, urls: list[str], vault_id: str | None, faults: list[Fault]) -> list[Resource]:
        """The keys of one vault, which is read once; of no known vault, why."""
        if vault_id is None:
            whys = {url: faults[0] if faults else _not_seen(_calls(url)[0], url) for url in urls}
            return [self._key(url, url, {}, {_calls(url)[1].operation: why}) for url, why in whys.items()]
        vault = await self._vault(_calls(urls[0])[0], vault_id)
        async with aclosing(each(self._one(url, vault_id, vault) for url in urls)) as answers:
            return [key async for key in answers]

    async def _one(self, url: str, vault_id: str, vault: "_Vault") -> Resource:
        vault_call, key_call = _calls(url)
        key_id = f"{vault_id}/keys/{last(url)}"
        if vault.fault is not None and vault.fault.code in GONE:
            return self._key(key_id, url, {"vaultNotFound": True}, {})
        fields: dict[str, Any] = {"vault": vault.fields} if vault.fault is None else {}
        refused = {vault_call.operation: vault.fault} if vault.fault is not None else {}
        try:
            row = await self.arm.get(
                key_call, Thing, subscription=subscription_of(vault_id), within=vault_id, tail=f"/{last(url)}"
            )
        except Refused as refusal:
            if refusal.fault.code in GONE:
                return self._key(key_id, url, {**fields, "keyNotFound": True}, refused)
            return self._key(key_id, url, fields, {**refused, key_call.operation: refusal.fault})
        row.name = row.name or last(row.id)
        try:
            return self._key(row.id, url, {**fields_of(row), **fields}, refused)
        except NoAnswer as odd:
            bad = bad_row(key_call, {"id": row.id}, odd.verdict.reason.removeprefix(f"{key_call.operation}: "))
            return self._key(row.id, url, fields, {**refused, key_call.operation: bad.fault})

    async def _vault(self, call: Call, vault_id: str) -> "_Vault":
        """A listing of vaults may come without their properties: the vault itself is asked."""
        try:
            row = await self.arm.get(
                msgspec.structs.replace(call, path="", within=True),
                Thing,
                subscription=subscription_of(vault_id),
                within=vault_id,
            )
        except Refused as refused:
            return _Vault({}, refused.fault)
        wanted = (
            "enableSoftDelete",
            "enablePurgeProtection",
            "softDeleteRetentionInDays",
            "publicNetworkAccess",
            "enableRbacAuthorization",
            "tenantId",
        )
        return _Vault(
            {"id": row.id, **{name: row.properties[name] for name in wanted if name in row.properties}}
            if row.properties
            else {"id": row.id}
        )

    def _key(self, key_id: str, url: str, fields: dict[str, Any], faults: dict[str, Fault]) -> Resource:
        properties = fields.get("properties") or {}
        attributes = part(properties, GET_KEY.operation, "attributes")
        gone = fields.get("keyNotFound") or fields.get("vaultNotFound")
        state = "gone" if gone else {"True": "Enabled", "False": "Disabled"}.get(str(attributes.get("enabled")), "?")
        size = properties.get("keySize") or properties.get("curveName") or ""
        ends = attributes.get("exp")
        return self.resource(
            id=key_id,
            kind="key",
            type="azure.keyvault.key",
            name=f"{vault_name(url)}/{last(url)}",
            fields=fields,
            region=text(fields.get("location")),
            encryption=Encryption(
                None, f"{text(properties.get('kty'))} {size}".strip() or None, KeyClass.CUSTOMER, url
            ),
            faults=faults,
            aliases=(url,) if normal(key_id) != url else (),
            cells=("customer", state, _rotation(properties)),
            tenant=self.tenant,
            scope=subscription_of(key_id),
            expires=float(ends)
            if isinstance(ends, int | float) and not isinstance(ends, bool) and 0 < ends < LAST
            else None,
        )


class ScopeKeys(Keys):
    """The keys that encryption scopes name: those of the accounts do not wait for the long way through all
    containers.
    """

    service = "keyvault-scopes"
    parts = ("scopes",)


class _Vault(msgspec.Struct):
    """What a vault says of itself, or why it does not."""

    fields: dict[str, Any]
    fault: Fault | None = None


def _calls(url: str) -> tuple[Call, Call]:
    """How the vault of a key is read, and the key."""
    return (LIST_HSMS, GET_HSM_KEY) if is_hsm(url) else (LIST_VAULTS, GET_KEY)


def _not_seen(call: Call, url: str) -> Fault:
    return Fault(
        FaultKind.DENIED,
        "VaultNotSeen",
        call.operation,
        f"vault {vault_name(url)} is in none of what these credentials may read",
        call.permission,
    )


def _rotation(properties: dict[str, Any]) -> str:
    actions = parts(part(properties, GET_KEY.operation, "rotationPolicy"), GET_KEY.operation, "lifetimeActions") or ()
    return (
        "on"
        if any(text(part(action, GET_KEY.operation, "action").get("type")).lower() == "rotate" for action in actions)
        else ""
    )
