"""The last state, kept on disk, so that the next start paints it at once, marked with its age, and replaces it as sources answer."""

import hashlib
import itertools
import logging
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import SnapshotError
from posture.judging import Held, Stood
from posture.model import OWN, Model
from posture.resource import Resource
from posture.sharing import share
from posture.snapshot import write
from posture.source import STALE_CADENCES, Source, State
from posture.verdict import Gap, Status
from providers.config import Config

log = logging.getLogger(__name__)

FORMAT = "enctop.warm/3"
AMBIENT = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE")
"""What of the environment leads elsewhere though the configuration is the same; only a digest of it is kept."""
_HEAD = struct.Struct(">II")
PIECE, LONGEST = 500, 1 << 28
"""Resources in a piece of the file, and the most bytes a piece may have."""
_ALIKE = ("kind", "type", "tenant", "provider", "scope", "region", "source", "encryption", "cells")
EVERY: Seconds = 300.0
"""A running collector writes its state this often, and when it ends."""


class Kept(msgspec.Struct, array_like=True):
    """One resource as it was last seen (UTC seconds), and how it stood: its evidence is in its fields, so verdicts are reached anew."""

    resource: Resource
    source: str
    observed_at: Utc
    stood: Stood


class Warm(msgspec.Struct):
    """The first piece of the file; lists of `Kept` follow."""

    format: str
    sources: list[Source]


def path_for(config: Config) -> Path:
    """Where the state of this configuration is kept: another configuration never sees it."""
    from platformdirs import user_cache_path

    hand = [os.environ.get(name, "") for name in AMBIENT]
    digest = hashlib.sha256(msgspec.json.encode([config, hand], order="deterministic")).hexdigest()[:16]
    return user_cache_path("enctop") / f"state-{digest}.msgpack"


def keep(model: Model, path: Path) -> None:
    """Write the state, mode 0600, whole or not at all. A disk that refuses is logged: the screen matters more."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(path, _pieces(model))
    except (OSError, SnapshotError) as error:
        log.warning("the state is not kept: %s", error)


def restore(model: Model, path: Path, now: Utc) -> list[str]:
    """Fill an empty model with what was kept; returns the ids of its sources, all pending until they answer. Nothing is restored of a file that is not ours."""
    try:
        with path.open("rb") as file:
            if not _whole(file):
                raise ValueError("not whole, or not ours")
            sources = msgspec.msgpack.decode(next(_read(file)), type=Warm).sources
            for source in sources:
                model.add_source(msgspec.structs.replace(source, state=State.PENDING, fault=None, polling=False, next_due=None))
            model.restore(_seen(file, {source.id for source in sources}), now)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        log.warning("%s: not restored: %s", path.name, error)
        return sorted(model.sources)
    return sorted(source.id for source in sources)


def recall(path: Path, now: Utc) -> dict[str, Stood]:
    """How every finding stood when the state was kept, by resource id, for a run that keeps none itself. Empty where there is no state, or none of ours.

    What had not been seen for longer than evidence holds is a time in which nobody could tell (`Gap`), up to its next verdict.
    """
    try:
        with path.open("rb") as file:
            if not _whole(file):
                raise ValueError("not whole, or not ours")
            cadences = {source.id: source.cadence for source in msgspec.msgpack.decode(next(_read(file)), type=Warm).sources}
            decoder = msgspec.msgpack.Decoder(list[_Stood])
            kept = [one for piece in _read(file) for one in decoder.decode(piece)]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        log.warning("%s: not recalled: %s", path.name, error)
        return {}
    aged = {one.resource.id for one in kept if now >= one.observed_at + STALE_CADENCES * cadences.get(one.source, 0.0)}
    return {one.resource.id: _unseen(one) if one.resource.id in aged else one.stood for one in kept}


def _unseen(one: "_Stood") -> Stood:
    """As it stood, and nobody could tell since."""
    return {
        control: (status, since, gap) if status is Status.UNKNOWN else (Status.UNKNOWN, one.observed_at, Gap(status, since, one.observed_at))
        for control, (status, since, gap) in one.stood.items()
    }


class _Id(msgspec.Struct):
    id: str


class _Stood(msgspec.Struct, array_like=True):
    """Of `Kept`, what `recall` needs."""

    resource: _Id
    source: str
    observed_at: Utc
    stood: Stood


# ------------------------------------------------------------ the file: pieces, each after its length and checksum


def _pieces(model: Model) -> Iterator[bytes]:
    """Piece by piece: whole, the state of 100,000 resources takes 80 MB, and as much again while it grows."""
    yield _piece(Warm(FORMAT, [source for source in model.sources.values() if source.last_success is not None]))
    held = (held for held in model.all() if held.resource.provider != OWN)
    while some := [Kept(one.resource, one.source, one.observed_at, one.stood()) for one in itertools.islice(held, PIECE)]:
        yield _piece(some)


def _piece(value: object) -> bytes:
    body = msgspec.msgpack.encode(value)
    return _HEAD.pack(len(body), zlib.crc32(body)) + body


def _read(file: BinaryIO) -> Iterator[bytes]:
    """The pieces. Raises ValueError for one that is not as it was written."""
    while head := file.read(_HEAD.size):
        length, checksum = _HEAD.unpack(head.ljust(_HEAD.size))
        body = file.read(min(length, LONGEST))
        if len(body) != length or zlib.crc32(body) != checksum:
            raise ValueError("not as it was written")
        yield body


def _whole(file: BinaryIO) -> bool:
    """Whether every piece is as it was written, by this version of the format; leaves the file at its beginning."""
    first = next(pieces := _read(file), b"")
    ours = bool(first) and msgspec.msgpack.decode(first, type=Warm).format == FORMAT
    for _ in pieces if ours else ():
        pass
    file.seek(0)
    return ours


def _seen(file: BinaryIO, known: set[str]) -> Iterator[Held]:
    """What was kept, with its equal parts in common, as they were when it was written."""
    decoder, common, words = msgspec.msgpack.Decoder(list[Kept]), dict[Any, Any](), dict[str, str]()

    def same(part: Any) -> Any:
        return common.setdefault(part, part)

    for piece in _read(file):
        for one in decoder.decode(piece):
            if one.source in known:
                parts = {name: same(getattr(one.resource, name)) for name in _ALIKE}
                resource = msgspec.structs.replace(one.resource, links=tuple(map(same, one.resource.links)), **parts)
                share(resource.fields, words)
                yield Held.seen(resource, same(one.source), one.observed_at, one.stood)
        words.clear()
