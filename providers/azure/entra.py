"""The Entra tenant behind the subscriptions, through Microsoft Graph: is a second factor enforced, and who can answer
it.

Names of people are counted and not kept.
"""

from collections.abc import AsyncGenerator

import msgspec

from posture.clock import Seconds
from posture.fault import Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.azure.calls import CONDITIONAL_ACCESS, GRAPH_CALLS, REGISTRATION, SECURITY_DEFAULTS
from providers.azure.client import ArmClient
from providers.azure.decode import Unread
from providers.azure.faults import LICENCE
from providers.azure.source import AzureReading
from providers.source import Source, Yield


class Defaults(msgspec.Struct):
    """The security defaults of a tenant."""

    isEnabled: bool | None = None


class User(msgspec.Struct, gc=False):
    """One user's registration, as far as it is counted."""

    isMfaCapable: bool | None = None
    isAdmin: bool | None = None


class Entra(Source):
    """The second factor of one Entra tenant's users."""

    service = "entra"
    permissions = tuple(sorted({call.permission for call in GRAPH_CALLS.values()}))

    def __init__(self, tenant: str, arm: ArmClient, entra: str, cadence: Seconds) -> None:
        super().__init__(tenant, "azure", entra, cadence)
        self._arm = arm

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Three questions, each on its own. That a report needs a licence is an answer."""
        reading = AzureReading()
        try:
            defaults = await self._arm.get(SECURITY_DEFAULTS, Defaults)
            reading.fields["securityDefaults"] = {"isEnabled": defaults.isEnabled}
        except Refused as refused:
            reading.refused(refused, SECURITY_DEFAULTS.operation)
        try:
            wanted = ("displayName", "state", "conditions", "grantControls")
            pages = self._arm.pages(CONDITIONAL_ACCESS, object)
            policies = [policy async for page in pages for policy in page]
            reading.fields["conditionalAccess"] = [
                {name: policy.get(name) for name in wanted} if isinstance(policy, dict) else None for policy in policies
            ]
        except Refused as refused:
            reading.refused(refused, CONDITIONAL_ACCESS.operation)
        try:
            reading.fields["registration"] = await self._counted()
        except Refused as refused:
            reading.refused(refused, REGISTRATION.operation)
        for fault in reading.faults.values():
            if fault.code not in LICENCE:
                yield ReadRefused(fault)
        yield Batch((self._tenant(reading),))
        yield Complete(("azure.entra.tenant",))

    async def close(self) -> None:
        """The way in; closing it twice does no harm."""
        await self._arm.close()

    async def _counted(self) -> dict[str, int]:
        """Who there is; `untold` are those of whom it is not said, or not in a way that can be read, what they are
        and can.
        """
        counts = {"users": 0, "notCapable": 0, "admins": 0, "adminsNotCapable": 0, "untold": 0}
        unread: list[Unread] = []
        async for page in self._arm.pages(REGISTRATION, User, unread=unread):
            for user in page:
                counts["users"] += 1
                counts["admins"] += user.isAdmin is True
                counts["notCapable"] += user.isMfaCapable is False
                counts["adminsNotCapable"] += user.isAdmin is True and user.isMfaCapable is False
                counts["untold"] += user.isAdmin is None or user.isMfaCapable is None
        counts["users"] += len(unread)
        counts["untold"] += len(unread)
        return counts

    def _tenant(self, reading: AzureReading) -> Resource:
        return self.resource(
            id=f"azure://{self.scope}",
            kind="identity",
            type="azure.entra.tenant",
            name=self.scope,
            fields=reading.fields,
            faults=reading.faults,
        )
