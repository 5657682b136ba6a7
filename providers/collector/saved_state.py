"""The last state, kept on disk, so that the next start paints it at once, marked with its age, and replaces it as
sources answer.
"""

import hashlib
import itertools
import logging
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from posture.clock import Seconds, Utc, past
from posture.entry import Entry, Statuses, clamped
from posture.fault import SnapshotError
from posture.interning import intern_strings
from posture.model import Model
from posture.resource import Resource
from posture.rollup import OWN
from posture.source import STALE_CADENCES, Source, State
from posture.text import one_line
from posture.verdict import Gap, Status
from providers.collector.config import Config
from providers.collector.files import folder, write
from providers.collector.frames import packed
from providers.system import systems, who_asks

log = logging.getLogger(__name__)

FORMAT = "enctop.warm/3"
LONGEST_CADENCE: Seconds = 86400.0
"""A source that was kept is not taken to be slower than this before it is configured again."""
_HEAD = struct.Struct(">II")
PIECE, LONGEST = 500, 1 << 28
"""Resources in a piece of the file, and the most bytes a piece may have."""
_ALIKE = ("kind", "type", "tenant", "provider", "scope", "region", "source", "encryption", "cells")
EVERY: Seconds = 300.0
"""A running collector writes its state this often, and when it ends."""


class Kept(msgspec.Struct, array_like=True):
    """One resource as it was last seen (UTC seconds), and how it stood: its evidence is in its fields, so verdicts
    are reached anew.
    """

    resource: Resource
    source: str
    observed_at: Utc
    statuses_since: Statuses


class Warm(msgspec.Struct):
    """The first piece of the file; lists of `Kept` follow."""

    format: str
    sources: list[Source]


def path_for(config: Config) -> Path:
    """Where the state of this configuration is kept: another configuration never sees it."""
    from platformdirs import user_cache_path

    known = systems()
    identity = [os.environ.get(name, "") for system in known for name in system.environment]
    blocks = {system.name: [block.settings for block in config.blocks(system.name)] for system in known}
    who = [_content(file) for system in known for file in who_asks(system, blocks[system.name])]
    digest = hashlib.sha256(msgspec.json.encode([config, identity, who], order="deterministic")).hexdigest()[:16]
    return user_cache_path("enctop") / f"state-{digest}.msgpack"


def _content(file: str) -> str:
    """A digest of a file, of its first megabyte; empty where there is none."""
    try:
        with Path(file).expanduser().open("rb") as opened:
            return hashlib.sha256(opened.read(1 << 20)).hexdigest()
    except (OSError, ValueError, RuntimeError):
        return ""


def trouble(path: Path) -> str | None:
    """Why the state is neither kept at `path` nor read from it: its folder, or the file there, is not ours alone.
    None where both are, or are not there yet.
    """
    for place, kind, is_kind in ((path.parent, "a folder", stat.S_ISDIR), (path, "a file", stat.S_ISREG)):
        try:
            found = place.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"the state is not kept: {place}: {error.strerror}"
        if stat.S_ISLNK(found.st_mode) or not is_kind(found.st_mode):
            return f"the state is not kept: {place} is not {kind}"
        if found.st_uid != os.geteuid():
            return f"the state is not kept: {place} is another user's"
        if found.st_mode & 0o022:
            return f"the state is not kept: others may write to {place}; chmod go-w it"
    return None


def keep(model: Model, path: Path) -> None:
    """Write the state, mode 0600, whole or not at all. A disk that refuses is logged: the screen matters more."""
    try:
        folder(path.parent)
        if (why := trouble(path)) is not None:
            log.warning("%s", one_line(why))
            return
        write(path, _pieces(model))
    except (OSError, SnapshotError) as error:
        log.warning("the state is not kept: %s", error)


def restore(model: Model, path: Path, now: Utc) -> list[str]:
    """Fill an empty model with what was kept; returns the ids of its sources, all pending until they answer. Nothing
    is restored of a file that is not ours.
    """
    if (why := trouble(path)) is not None:
        log.warning("%s", one_line(why))
        return []
    try:
        with path.open("rb") as file:
            if not _whole(file):
                raise ValueError("not whole, or not ours")
            sources = [_aged(source, now) for source in msgspec.msgpack.decode(next(_read(file)), type=Warm).sources]
            for source in sources:
                model.add_source(
                    msgspec.structs.replace(
                        source, state=State.PENDING, fault=None, polling=False, next_due=None, following=False
                    )
                )
            model.restore(_seen(file, {source.id for source in sources}, now), now)
    except FileNotFoundError:
        return []
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        log.warning("%s: not restored: %s", path.name, error)
        return sorted(model.sources)
    return sorted(source.id for source in sources)


def recall(path: Path, now: Utc) -> dict[str, Statuses]:
    """How every finding stood when the state was kept, by resource id, for a run that keeps none itself. Empty where
    there is no state, or none of ours.

    What had not been seen for longer than evidence holds is a time in which nobody could tell (`Gap`), up to its next
    verdict.
    """
    if (why := trouble(path)) is not None:
        log.warning("%s", one_line(why))
        return {}
    try:
        with path.open("rb") as file:
            if not _whole(file):
                raise ValueError("not whole, or not ours")
            cadences = {
                source.id: _aged(source, now).cadence
                for source in msgspec.msgpack.decode(next(_read(file)), type=Warm).sources
            }
            decoder = msgspec.msgpack.Decoder(list[_Stood])
            kept = [one for piece in _read(file) for one in decoder.decode(piece)]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        log.warning("%s: not recalled: %s", path.name, error)
        return {}
    found = {}
    for one in kept:
        seen, statuses_since = past(one.observed_at, now), clamped(one.statuses_since, now)
        aged = now >= seen + STALE_CADENCES * cadences.get(one.source, 0.0)
        found[one.resource.id] = _unseen(statuses_since, seen) if aged else statuses_since
    return found


def _unseen(statuses_since: Statuses, seen: Utc) -> Statuses:
    """As it stood when it was `seen`, and nobody could tell since."""
    return {
        control: (status, since, gap) if status is Status.UNKNOWN else (Status.UNKNOWN, seen, Gap(status, since, seen))
        for control, (status, since, gap) in statuses_since.items()
    }


class _Id(msgspec.Struct):
    id: str


class _Stood(msgspec.Struct, array_like=True):
    """Of `Kept`, what `recall` needs."""

    resource: _Id
    source: str
    observed_at: Utc
    statuses_since: Statuses


# ------------------------------------------------------------ the file: pieces, each after its length and checksum


def _pieces(model: Model) -> Iterator[bytes]:
    """Piece by piece: whole, the state of 100,000 resources takes 80 MB, and as much again while it grows."""
    yield _piece(Warm(FORMAT, [source for source in model.sources.values() if source.last_success is not None]))
    entry = (entry for entry in model.all() if entry.resource.provider != OWN)
    while some := [
        Kept(one.resource, one.source, one.observed_at, one.statuses_since()) for one in itertools.islice(entry, PIECE)
    ]:
        yield _piece(some)


def _piece(value: object) -> bytes:
    body = packed(value)
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


def _aged(source: Source, now: Utc) -> Source:
    """A source as it was kept, which is no slower than any and has not answered later than now: else what it
    reported would never age.
    """
    cadence = source.cadence if 0 < source.cadence <= LONGEST_CADENCE else LONGEST_CADENCE
    success, attempt = (None if at is None else past(at, now) for at in (source.last_success, source.last_attempt))
    return msgspec.structs.replace(source, cadence=cadence, last_success=success, last_attempt=attempt)


def _seen(file: BinaryIO, known: set[str], now: Utc) -> Iterator[Entry]:
    """What was kept, with its equal parts in common, as they were when it was written."""
    decoder, common, words = msgspec.msgpack.Decoder(list[Kept]), dict[Any, Any](), dict[str, str]()

    def same(part: Any) -> Any:
        return common.setdefault(part, part)

    for piece in _read(file):
        for one in decoder.decode(piece):
            if one.source in known:
                parts = {name: same(getattr(one.resource, name)) for name in _ALIKE}
                resource = msgspec.structs.replace(one.resource, links=tuple(map(same, one.resource.links)), **parts)
                intern_strings(resource.fields, words)
                yield Entry.seen(
                    resource, same(one.source), past(one.observed_at, now), clamped(one.statuses_since, now)
                )
        words.clear()
