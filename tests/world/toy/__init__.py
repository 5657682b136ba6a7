"""A system that enctop does not know: what a room must declare, and nothing else, to be asked, shown and kept."""

from providers.system import Blocks, Listener, System
from tests.world.toy.settings import ToySettings


def doubled(blocks: Blocks) -> str | None:
    """Two boxes of one name are one too many."""
    names = [block.settings.box for block in blocks]
    again = next((block for block in blocks if names.count(block.settings.box) > 1), None)
    return None if again is None else f"{again.key}.box: {again.settings.box!r} is there twice"


def listeners(blocks: Blocks) -> list[Listener]:
    """A box's own TLS endpoint."""
    return [Listener(block.tenant, block.settings.door, 443, None, "toy") for block in blocks if block.settings.door]


def ambient() -> tuple[ToySettings, ...]:
    """A box that is always there."""
    return (ToySettings(box="found"),)


SYSTEM = System(
    name="toy",
    settings=ToySettings,
    open="tests.world.toy.source:open_toy",
    policy="tests.world.toy.source:printed",
    opt_ins=("lids",),
    instead="a box",
    ambient=ambient,
    environment=("TOY_BOX",),
    check=doubled,
    listeners=listeners,
)
