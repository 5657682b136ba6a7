"""What the systems declare, put to use: the first sources of a configuration, and a system's least privilege."""

import time
from collections.abc import Callable, Mapping

from posture.clock import Utc
from posture.door_index import FoundDoor
from posture.fault import ConfigError
from posture.text import nearest
from providers.collector.config import Config
from providers.collector.version import enctop_version
from providers.limits import USUAL, Limits
from providers.source import Source
from providers.system import Setup, called, systems


def open_systems(
    config: Config,
    version: str,
    now: Callable[[], Utc] = time.time,
    limits: Limits = USUAL,
    doors: Callable[[str], Mapping[str, FoundDoor]] = lambda tenant: {},
) -> list[Source]:
    """The first sources of everything that is configured; a room is imported only if it has any. `now` gives UTC
    seconds, `doors` the TLS endpoints that a tenant's resources name.
    """
    blocks = {system.name: config.blocks(system.name) for system in systems()}
    listeners = tuple(found for system in systems() for found in system.listeners(blocks[system.name]))
    discover = {tenant.name: tenant.discover for tenant in config.tenant if tenant.discover.tls}
    setup = Setup(
        version=version,
        cadence=config.poll.cadence(),
        now=now,
        listeners=listeners,
        limits=limits,
        doors=doors,
        discover=discover,
    )
    sources: list[Source] = []
    for system in systems():
        if blocks[system.name] or (system.takes_listeners and (listeners or discover)):
            sources += called(system.open)(setup, blocks[system.name])
    return sources


def policy_text(name: str, needs: frozenset[str], configured: Callable[[], Config] = Config) -> str:
    """The least-privilege policy of a system, ready to be attached. `needs` are settings that need more rights, and
    `no-NAME` for what is left out; `configured` is called where the policy hangs on it.

    Raises `ConfigError` for a system that has none, and for what it does not take.
    """
    known = {system.name: system for system in systems() if system.policy is not None}
    if (system := known.get(name)) is None or system.policy is None:
        raise ConfigError(f"policy {name}: no such policy{nearest(name, known)}; there are {', '.join(known)}")
    for need in sorted(needs):
        option, taken = ("--without", system.opt_outs) if need.startswith("no-") else ("--with", system.opt_ins)
        if need.removeprefix("no-") not in taken:
            given = need.removeprefix("no-")
            raise ConfigError(f"policy {name} {option} {given}: {name} takes {', '.join(taken) or 'none'}")
    blocks = configured().blocks(name) if system.policy_by_blocks else []
    text: str = called(system.policy)(needs, blocks, enctop_version())
    return text
