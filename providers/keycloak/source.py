"""What the sources of a realm share: the way in, ids, and the reads that make up one resource."""

from typing import TypeVar

import msgspec

from posture.clock import Seconds
from posture.fault import FaultKind, Refused
from providers.keycloak.calls import TOKEN, Call
from providers.keycloak.client import KeycloakClient
from providers.keycloak.faults import unreadable
from providers.reading import Reading
from providers.source import Source

T = TypeVar("T")
MOST_ROWS = 1000
"""Of one list: a realm has some thirty required actions, and a flow as many steps."""
ENDS = frozenset({FaultKind.EXPIRED, FaultKind.UNREACHABLE, FaultKind.THROTTLED})
"""Faults that are not about one read: nothing else will be answered either."""


class KeycloakSource(Source):
    """A question asked of one realm. `tenant` are all that share it, joined by `+`."""

    unrecorded = (
        "Keycloak keeps admin events only where a realm saves them, and shows them to realm administrators: see Events"
        " in its console"
    )

    def __init__(self, tenant: str, client: KeycloakClient, cadence: Seconds) -> None:
        self.client = client
        super().__init__(tenant, "keycloak", client.settings.place, cadence)
        self.within = client.settings.host

    @property
    def root(self) -> str:
        """The id of the realm: `keycloak://HOST:PORT/REALM`."""
        return f"keycloak://{self.scope}"


class KeycloakReading(Reading):
    """The reads that make up one resource. What ends a poll is raised, all else is noted by its operation."""

    def __init__(self, client: KeycloakClient) -> None:
        super().__init__()
        self._client = client

    async def ask(self, call: Call, shape: type[T], **blanks: str) -> T | None:
        """One answer; None where it was refused."""
        try:
            return await self._client.ask(call, shape, **blanks)
        except Refused as refused:
            if refused.fault.kind in ENDS or refused.fault.operation == TOKEN.operation:
                raise
            self.refused(refused, call.operation)
            return None

    async def rows(self, call: Call, row: type[T], **blanks: str) -> list[T] | None:
        """A list of rows; None where it was refused, or is longer than any."""
        found = await self.ask(call, list[row], **blanks)  # type: ignore[valid-type]
        if found is not None and len(found) > MOST_ROWS:
            self.refused(unreadable(call, f"a list of {len(found)}, more than {MOST_ROWS}"), call.operation)
            return None
        return found


def kept(row: msgspec.Struct) -> dict[str, object]:
    """A row as an object, without what was not told."""
    made: dict[str, object] = msgspec.to_builtins(row)
    return made
