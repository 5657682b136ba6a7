"""Azure Files: what the file service of each storage account asks of those who mount its shares."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.asking import each
from providers.azure.calls import GET_FILES, LIST_ACCOUNTS, LIST_SHARES
from providers.azure.decode import Thing, Unread
from providers.azure.faults import GONE
from providers.azure.ids import last, normal
from providers.azure.source import AccountSeen, AzureReading, AzureSource
from providers.azure.storage import AT_ONCE, GIVE_UP_AFTER
from providers.source import Yield

SERVICE = "azure.storage.file-service"
_KEPT = ("protocolSettings",)


class FileServices(AzureSource):
    """The file service of each storage account that may have one, with its shares: a question an account, and another
    where there are shares; no list is of more than one account.
    """

    service = "files"
    calls = (LIST_SHARES, GET_FILES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Account by account, several at a time; one that refuses stands as refused, and the rest goes on."""
        if self.subscription not in self.seen.accounts:
            raise Refused(
                Fault(FaultKind.ERROR, "NotListed", LIST_ACCOUNTS.operation, "the accounts have not been listed yet")
            )
        accounts = [(id, about) for id, about in sorted(self.seen.accounts[self.subscription].items()) if about.files]
        down: list[Fault] = []
        async with aclosing(each((self._service(id, about, down) for id, about in accounts), AT_ONCE)) as answers:
            async for found in answers:
                if found is not None:
                    for fault in found.faults.values():
                        yield ReadRefused(fault)
                    yield Batch((found,))
        yield Complete((SERVICE,))

    async def _service(self, account: str, about: AccountSeen, down: list[Fault]) -> Resource | None:
        """The file service of an account, or why it is not known; None where there is none."""
        reading = AzureReading()
        if len(down) >= GIVE_UP_AFTER:
            why = "Resource Manager did not answer for other accounts"
            reading.faults[LIST_SHARES.operation] = Fault(FaultKind.UNREACHABLE, "NotAsked", LIST_SHARES.operation, why)
        else:
            operation = LIST_SHARES.operation
            try:
                shares = reading.fields["shares"] = await self._shares(account, about)
                operation = GET_FILES.operation
                if shares:
                    reading.fields["properties"] = await self._settings(account, about)
            except Refused as refused:
                if refused.fault.code == "FeatureNotSupportedForAccount" or refused.fault.code in GONE:
                    return None
                if refused.fault.kind is FaultKind.UNREACHABLE:
                    down.append(refused.fault)
                reading.refused(refused, operation)
        return self.resource(
            id=f"{account}{GET_FILES.path}",
            kind="file-service",
            type=SERVICE,
            name=last(account),
            fields=reading.fields,
            region=about.region,
            faults=reading.faults,
            links=(Link("account", normal(account)),),
            tenant=about.tenant,
        )

    async def _shares(self, account: str, about: AccountSeen) -> dict[str, Any]:
        """Name of each share of an account -> the protocol that it speaks, None where it does not say. Raises
        `Refused`.
        """
        unread: list[Unread] = []
        found: dict[str, Any] = {}
        async for page in self.arm.pages(
            LIST_SHARES, Thing, subscription=self.subscription, within=account, region=about.region, unread=unread
        ):
            for row in page:
                found[row.name or last(row.id)] = (row.properties or {}).get("enabledProtocols")
        if unread:
            raise Refused(unread[0].fault)
        return found

    async def _settings(self, account: str, about: AccountSeen) -> dict[str, Any] | None:
        """What the file service asks of those who mount its shares. Raises `Refused`."""
        row = await self.arm.get(GET_FILES, Thing, subscription=self.subscription, within=account, region=about.region)
        properties = row.properties or {}
        return {name: properties[name] for name in _KEPT if name in properties} if row.properties else None
