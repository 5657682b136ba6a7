"""What is asked of a toy box."""

from collections.abc import AsyncGenerator

from posture.reports import Batch, Complete
from posture.resource import Encryption, KeyClass, Resource
from providers.source import Source, Yield
from providers.system import Blocks, Setup


class Boxes(Source):
    """One box, which is a bucket."""

    service = "boxes"

    def __init__(self, tenant: str, box: str, setup: Setup) -> None:
        super().__init__(tenant, "toy", box, setup.cadence.live)
        self._box = box

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The box."""
        yield Batch(
            (
                Resource(
                    id=f"toy:{self._box}",
                    kind="bucket",
                    type="toy.box",
                    tenant=self.tenant,
                    provider="toy",
                    scope=self._box,
                    region="",
                    name=self._box,
                    source=self.id,
                    encryption=Encryption(KeyClass.CUSTOMER),
                    fields={"Name": self._box},
                    cells=("", "", ""),
                ),
            )
        )
        yield Complete(("toy.box",))


def open_toy(setup: Setup, blocks: Blocks) -> list[Source]:
    """A source a box."""
    return [Boxes(block.tenant, block.settings.box, setup) for block in blocks]


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy toy`."""
    return f"look at boxes{' and lids' if 'lids' in needs else ''}\n"
