"""What is asked of a toy box."""

from collections.abc import AsyncGenerator
from typing import Any

import aiohttp
import msgspec

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete
from posture.resource import Encryption, KeyClass, Resource
from providers.limits import CHUNK, read_all
from providers.source import TALLY, Source, Yield
from providers.system import Blocks, Setup
from tests.world.toy.settings import ToySettings

KINDS = {401: FaultKind.EXPIRED, 403: FaultKind.DENIED, 429: FaultKind.THROTTLED}
"""What a status says; any other than 200 is an error."""


class Boxes(Source):
    """One box, which is a bucket; its server is asked about the box, and about the lid where `lids` is on."""

    service = "boxes"

    def __init__(self, tenant: str, settings: ToySettings, setup: Setup) -> None:
        super().__init__(tenant, "toy", settings.box, setup.cadence.live)
        self.settings = settings
        self.now, self.limits = setup.now, setup.limits

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        fields: dict[str, Any] = {"Name": self.settings.box}
        if self.settings.url:
            fields |= await self.ask("boxes")
            if self.settings.lids:
                fields |= await self.ask("lids")
        yield Batch((self.box(fields),))
        yield Complete(("toy.box",))

    async def ask(self, what: str) -> dict[str, Any]:
        """What the server says of the box. Raises `Refused`."""
        TALLY.get().calls += 1
        operation = f"toy:{what}"
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.get(f"{self.settings.url}/{what}/{self.settings.box}") as answer,
            ):
                if answer.status != 200:
                    kind = KINDS.get(answer.status, FaultKind.ERROR)
                    raise Refused(Fault(kind, str(answer.status), operation, "the server said no"))
                body = await read_all(answer.content.iter_chunked(CHUNK), self.limits.most_bytes)
                return msgspec.json.decode(body, type=dict[str, Any])
        except (aiohttp.ClientConnectionError, OSError) as error:
            raise Refused(Fault(FaultKind.UNREACHABLE, type(error).__name__, operation, "nobody answers")) from None
        except (aiohttp.ClientError, ValueError) as error:
            raise Refused(Fault(FaultKind.ERROR, type(error).__name__, operation, "half an answer")) from None

    def box(self, fields: dict[str, Any]) -> Resource:
        """The row of it."""
        return self.resource(
            id=f"toy:{self.settings.box}",
            kind="bucket",
            type="toy.box",
            name=self.settings.box,
            encryption=Encryption(key_class=KeyClass.CUSTOMER),
            fields=fields,
            cells=("", "", ""),
        )


def open_toy(setup: Setup, blocks: Blocks) -> list[Source]:
    """A source a box."""
    return [Boxes(block.tenant, block.settings, setup) for block in blocks]


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy toy`."""
    return f"look at boxes{' and lids' if 'lids' in needs else ''}\n"
