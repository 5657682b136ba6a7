"""The last state, kept on disk, so that the next start paints it at once, marked with its age, and replaces it as sources answer."""

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import SnapshotError
from posture.judging import Held
from posture.model import OWN, Model
from posture.resource import Resource
from posture.snapshot import write
from posture.source import Source, State
from posture.verdict import Status
from providers.config import Config

log = logging.getLogger(__name__)

FORMAT = "enctop.warm/2"
AMBIENT = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE")
"""What of the environment leads elsewhere though the configuration is the same; only a digest of it is kept."""
EVERY: Seconds = 300.0
"""A running collector writes its state this often, and when it ends."""


class Kept(msgspec.Struct, array_like=True):
    """One resource as it was last seen (UTC seconds), and how it stood: its evidence is in its fields, so verdicts are reached anew."""

    resource: Resource
    source: str
    observed_at: Utc
    stood: dict[str, tuple[Status, Utc]]


class Warm(msgspec.Struct):
    """What is written: the sources, and what they had reported."""

    format: str
    sources: list[Source]
    kept: list[Kept]


def path_for(config: Config) -> Path:
    """Where the state of this configuration is kept: another configuration never sees it."""
    from platformdirs import user_cache_path

    hand = [os.environ.get(name, "") for name in AMBIENT]
    digest = hashlib.sha256(msgspec.json.encode([config, hand], order="deterministic")).hexdigest()[:16]
    return user_cache_path("enctop") / f"state-{digest}.msgpack"


def keep(model: Model, path: Path) -> None:
    """Write the state, mode 0600, whole or not at all. A disk that refuses is logged: the screen matters more."""
    warm = Warm(FORMAT, [source for source in model.sources.values() if source.last_success is not None], list(_kept(model)))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path, msgspec.msgpack.encode(warm))
    except (OSError, SnapshotError) as error:
        log.warning("the state is not kept: %s", error)


def _kept(model: Model) -> Iterator[Kept]:
    for held in model.all():
        if held.resource.provider != OWN:
            yield Kept(held.resource, held.source, held.observed_at, held.stood())


def restore(model: Model, path: Path, now: Utc) -> list[str]:
    """Fill an empty model with what was kept; returns the ids of its sources, all pending until they answer. Nothing is restored of a file that is not ours."""
    try:
        warm = msgspec.msgpack.decode(path.read_bytes(), type=Warm)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s: not restored: %s", path.name, error)
        return []
    if warm.format != FORMAT:
        return []
    for source in warm.sources:
        model.add_source(msgspec.structs.replace(source, state=State.PENDING, fault=None, polling=False, next_due=None))
    known = {source.id for source in warm.sources}
    model.restore((Held.seen(one.resource, one.source, one.observed_at, one.stood) for one in warm.kept if one.source in known), now)
    return sorted(known)
