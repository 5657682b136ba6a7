"""The people of a Workspace or Cloud Identity customer: is their second step enforced."""

from collections.abc import AsyncGenerator
from typing import Any

from posture.fault import Fault, Refused
from posture.reports import Batch, Complete, ReadRefused
from providers.gcp.calls import LIST_USERS
from providers.gcp.decode import Unread, User, UserPage
from providers.gcp.source import GcpSource
from providers.source import Yield

NAMED = 20
"""So many administrators without a second step are named; the rest are counted."""


class TwoStep(GcpSource):
    """The directory's users, counted; where it is not asked or does not answer, the word of the person whom the
    configuration names.
    """

    service = "directory"
    calls = (LIST_USERS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Names of people are not kept, but for administrators who are not enrolled."""
        fields: dict[str, Any] = {}
        faults: dict[str, Fault] = {}
        settings = self.project.settings
        if settings.two_step is not None:
            fields["attested"] = {
                "enforced": settings.two_step.enforced,
                "by": settings.two_step.attested_by,
                "on": settings.two_step.on,
            }
        if settings.workspace is not None:
            try:
                fields["users"] = await self._count(settings.workspace)
            except Refused as refused:
                faults[LIST_USERS.operation] = refused.fault
                yield ReadRefused(refused.fault)
        name = settings.workspace or "workspace"
        id = f"//cloudidentity.googleapis.com/customers/{name}"
        yield Batch(
            (
                self.resource(
                    id=id,
                    kind="identity",
                    type="gcp.workspace",
                    name=name,
                    region="",
                    fields=fields,
                    faults=faults,
                    tenant=self.tenancy.name,
                ),
            )
        )
        yield Complete(("gcp.workspace",))

    async def _count(self, customer: str) -> dict[str, Any]:
        counts: dict[str, Any] = {"active": 0, "notEnrolled": 0, "notEnforced": 0, "untold": 0, "adminsNotEnrolled": []}
        unread: list[Unread] = []
        async for page in self.project.pages(
            LIST_USERS, UserPage, {"customer": customer, "projection": "full"}, unread
        ):
            for user in page.users or ():
                if not user.suspended and not user.archived:
                    _add(counts, user)
        counts["active"] += len(unread)
        counts["untold"] += len(unread)
        return counts


def _add(counts: dict[str, Any], user: User) -> None:
    counts["active"] += 1
    counts["untold"] += (
        user.isEnrolledIn2Sv is None
        or user.isEnforcedIn2Sv is None
        or (user.isAdmin is None and not user.isEnrolledIn2Sv)
    )
    counts["notEnrolled"] += user.isEnrolledIn2Sv is False
    counts["notEnforced"] += user.isEnforcedIn2Sv is False
    if user.isAdmin and user.isEnrolledIn2Sv is False:
        names = counts["adminsNotEnrolled"]
        if len(names) < NAMED:
            names.append(user.primaryEmail)
