"""What an outside system is to enctop, declared once: its settings, how its sources are made, and what it needs.

A room declares its `SYSTEM` in its `__init__.py`, and `providers.SYSTEMS` names the room. Configuration, opening,
policy, history and the command line are loops over `systems()`.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any, NamedTuple

import msgspec

import providers
from posture.clock import Utc
from posture.door_index import FoundDoor
from posture.hosts import host_name, is_address, is_link_local
from providers.cadence import Cadence
from providers.limits import USUAL, Limits
from providers.paths import CaFile


class Block(NamedTuple):
    """One `[[tenant.NAME]]` of the configuration: whose it is, what it says, and its key, as in `tenant[0].aws[1]`."""

    tenant: str
    settings: Any
    key: str = ""


Blocks = Sequence[Block]


class Listener(NamedTuple):
    """A TLS endpoint that the settings of another system name; `by` is that system's name."""

    tenant: str
    host: str
    port: int
    ca_file: str | None
    by: str


class Discover(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tenant.discover]`: what is asked because it was found, though nobody configured it.

    `tls`: the TLS endpoints that the tenant's resources name. `ca_file`, `resolve` and `http_port` are for these as in
    `[[tenant.tls]]`; a name without an address here is asked of DNS, and then at public addresses alone.
    """

    tls: bool = False
    ca_file: CaFile | None = None
    resolve: Mapping[str, str | tuple[str, ...]] = {}
    http_port: int = 80

    def __post_init__(self) -> None:
        for name, value in self.resolve.items():
            if host_name(name) is None:
                raise ValueError(f"resolve: {name!r} is not the name of a host")
            addresses = (value,) if isinstance(value, str) else value
            if not addresses:
                raise ValueError(f"resolve: {name!r} has no address")
            for address in addresses:
                if not is_address(address) or is_link_local(address):
                    raise ValueError(f"resolve: {address!r} is not an IP address that may be asked")
        if not 0 <= self.http_port <= 65535:
            raise ValueError(f"http_port: {self.http_port} is not a port; 0 looks for no redirect")


def _no_doors(tenant: str) -> Mapping[str, FoundDoor]:
    return {}


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What every source is made with. `now` gives UTC seconds; `listeners` are what other systems' settings name.
    `doors` answers with the TLS endpoints that a tenant's resources name now, by their ids; `discover` says by tenant
    what is asked of them.
    """

    version: str
    cadence: Cadence
    now: Callable[[], Utc]
    listeners: tuple[Listener, ...] = ()
    limits: Limits = USUAL
    doors: Callable[[str], Mapping[str, FoundDoor]] = _no_doors
    discover: Mapping[str, Discover] = {}


class Identity(NamedTuple):
    """A file that says who asks: the variable that names its folder or itself, what holds without it, and the file in
    that folder.
    """

    variable: str
    default: str
    file: str


def _nothing(blocks: Any = ()) -> Any:
    return ()


class System(msgspec.Struct, frozen=True, kw_only=True):
    """One outside system.

    `name` is its key in the file, its provider in ids, and its word in `enctop policy`. `settings` is the type of one
    block. `open` and `policy` are `module:function`, imported when they are first needed: `open(setup, blocks)` returns
    the first sources, `policy(needs, blocks, version)` the text of its least privilege.
    """

    name: str
    settings: type[msgspec.Struct]
    open: str
    policy: str | None = None
    policy_by_blocks: bool = False
    """Whether the policy is made for what is configured; else it is one for all."""
    opt_ins: tuple[str, ...] = ()
    """What `policy --with` takes: settings that need more rights."""
    opt_outs: tuple[str, ...] = ()
    """What `policy --without` takes; `needs` has it as `no-NAME`."""
    instead: str = "the environment"
    """What is named in the file where a secret is not."""
    ambient: Callable[[], Sequence[Any]] = _nothing
    """Blocks made from what the environment offers; it loads no SDK."""
    environment: tuple[str, ...] = ()
    """Variables that lead elsewhere though the configuration is the same."""
    identities: tuple[Identity, ...] = ()
    """Files that do: a login changes them, a renewed token does not."""
    files: Callable[[Any], Iterable[str]] = _nothing
    """Files of a block's settings that do."""
    check: Callable[[Blocks], str | None] = lambda blocks: None
    """What is wrong across blocks and tenants, in one line that begins with the key; None for nothing."""
    shared_by: Callable[[Any], object] | None = None
    """Equal for blocks of tenants that are asked as one; None where every block is asked by itself."""
    listeners: Callable[[Blocks], Iterable[Listener]] = _nothing
    """TLS endpoints that its settings name."""
    takes_listeners: bool = False
    """Whether it is opened for what other systems' settings name, and for what is found, also without a block of its
    own.
    """


@cache
def _declared(rooms: tuple[str, ...]) -> tuple[System, ...]:
    return tuple(import_module(room).SYSTEM for room in rooms)


def systems() -> tuple[System, ...]:
    """Every system there is, in the order of their names in `providers.SYSTEMS`."""
    return _declared(providers.SYSTEMS)


def called(reference: str) -> Callable[..., Any]:
    """The function that `module:function` names."""
    module, _, name = reference.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    return found


def who_asks(system: System, settings: Iterable[Any]) -> list[str]:
    """Paths of the files that say who asks, of these blocks and of the environment; `~` is not expanded."""
    paths = [path for block in settings for path in system.files(block)]
    return paths + [
        os.path.join(os.environ.get(variable, "") or default, file)  # noqa: PTH118 - two empty ones are none
        for variable, default, file in system.identities
    ]
