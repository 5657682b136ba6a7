"""The frames between the collector and its viewers: msgpack, each behind its length in four bytes, big-endian.

The collector sends `Frame`s, a viewer sends `Ask`s. Neither side needs a cloud SDK to read the other.
"""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Iterator
from typing import Any, Union

import msgspec

from posture.clock import Seconds, Utc
from posture.resource import Resource
from posture.rows import FindingRow, Place, Row
from posture.source import Source
from posture.transition import Transition
from posture.verdict import Finding

log = logging.getLogger(__name__)

MAX_FRAME = 64 << 20
"""A longer frame is not one of ours, bytes."""
ROWS_A_FRAME = 500
"""Rows a frame at the most, so that a viewer is never busy with one for more than about a millisecond."""


# ---------------------------------------------------------------- collector -> viewer


class Hello(msgspec.Struct, frozen=True, tag="hello", array_like=True):
    """First of all frames. `frozen_at` is the time of a snapshot that is shown offline (UTC seconds), None when
    live.
    """

    version: str
    tenants: tuple[str, ...]
    simulated: bool
    started_at: Utc
    frozen_at: Utc | None = None


class Places(msgspec.Struct, frozen=True, tag="places", array_like=True):
    """The places numbered from `first` on; sent before the first row that names them."""

    first: int
    places: tuple[Place, ...]


class Rows(msgspec.Struct, frozen=True, tag="rows", array_like=True):
    """Resources that are new or look different now."""

    rows: tuple[Row, ...]


class Gone(msgspec.Struct, frozen=True, tag="gone", array_like=True):
    """Ids of resources that exist no more."""

    ids: tuple[str, ...]


class Findings(msgspec.Struct, frozen=True, tag="findings", array_like=True):
    """Findings that are FAIL, UNKNOWN or WARN and are new or changed; and those that are no longer so, as (control,
    resource).
    """

    rows: tuple[FindingRow, ...]
    gone: tuple[tuple[str, str], ...] = ()


class Sources(msgspec.Struct, frozen=True, tag="sources", array_like=True):
    """Sources that moved; `gone` are ids of sources that no longer exist."""

    sources: tuple[Source, ...]
    gone: tuple[str, ...] = ()


class TenantRollup(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One tenant's roll-up: its status, and how many resources and findings stand at each status, indexed by
    `Status`.
    """

    tenant: str
    status: int
    resources: tuple[int, int, int, int, int]
    findings: tuple[int, int, int, int, int]


class Rollups(msgspec.Struct, frozen=True, tag="rollups", array_like=True):
    """Every tenant's roll-up, whenever one moved."""

    tenants: tuple[TenantRollup, ...]


class Sentence(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One sentence of the document: its id, its paraphrase, and the controls that verify it."""

    id: str
    text: str
    controls: tuple[str, ...]


class Sentences(msgspec.Struct, frozen=True, tag="sentences", array_like=True):
    """Every sentence, in the order of the page; sent once, before the first promise."""

    sentences: tuple[Sentence, ...]


class PromiseCell(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """How one sentence stands for one tenant (`posture.promises.Promise`): `findings` by status, the verdict in words,
    and (head, text) of what stands behind it. `attested` says whether it rests in part on somebody's word.
    """

    status: int
    attested: bool
    findings: tuple[int, int, int, int, int]
    verdict: str
    notes: tuple[tuple[str, str], ...]


class TenantPromises(msgspec.Struct, frozen=True, tag="promises", array_like=True):
    """Every sentence for one tenant, in the order of `Sentences`, whenever one stands otherwise."""

    tenant: str
    cells: tuple[PromiseCell, ...]


class Judged(msgspec.Struct, frozen=True):
    """A finding with what its control says of itself. `verifies` are (sentence id, claim); `remedy` is a command
    made for this resource.
    """

    finding: Finding
    title: str
    verifies: tuple[tuple[str, str], ...]
    remedy: str
    maps: dict[str, str]


class Linked(msgspec.Struct, frozen=True):
    """The other end of a link; `status` is None where it has not been seen."""

    rel: str
    id: str
    name: str
    kind: str
    status: int | None
    resource_type: str = ""


class Box(msgspec.Struct, frozen=True, array_like=True):
    """One tier of a chain, from workloads down to keys: what kinds stand in it, how many, and at most 20 of them, worst
    first.

    `status` is the worst, and `bad` how many have it; UNKNOWN where one was not seen or `whole` is False: there are
    more than were looked at. `here` marks the resource whose detail it is.
    """

    kinds: tuple[str, ...]
    total: int
    whole: bool
    status: int
    bad: int
    here: bool
    members: tuple[Linked, ...]


class Detail(msgspec.Struct, frozen=True, tag="detail", array_like=True):
    """Everything of one resource, worst finding first. `resource` is None when there is none of that id. `users` are
    at most 100 of `users_total`. `chain` is empty where it is part of none. `history` is what became otherwise, newest
    first.
    """

    id: str
    resource: Resource | None
    status: int
    observed_at: Utc | None
    findings: tuple[Judged, ...]
    links: tuple[Linked, ...]
    users: tuple[Linked, ...]
    users_total: int
    chain: tuple[Box, ...] = ()
    first_seen: Utc | None = None
    history: tuple[Transition, ...] = ()


class Branch(msgspec.Struct, frozen=True, array_like=True):
    """A line of a blast radius: a resource, `depth` steps (from 1) from the one that is asked about.

    `worst` is the worst status of it and of all that depends on it, `direct` how many depend on it directly. `again`:
    those are listed above.
    """

    depth: int
    id: str
    name: str
    kind: str
    type: str
    tenant: str
    status: int
    worst: int
    direct: int
    again: bool


class BlastRadius(msgspec.Struct, frozen=True, tag="blast", array_like=True):
    """What depends on a resource, directly and through others: `tallies` are (kind, type, how many stand at each
    status), `total` their sum, `tenants` whose they are; `lines` the tree, worst first, of which some may be left out.

    `kind` is empty when there is no resource of that id. `whole` is False where there are more than were looked at.
    `direct` is how many depend on it directly.
    """

    id: str
    name: str
    kind: str
    resource_type: str
    status: int
    worst: int
    direct: int
    total: int
    whole: bool
    tenants: tuple[str, ...]
    tallies: tuple[tuple[str, str, tuple[int, int, int, int, int]], ...]
    lines: tuple[Branch, ...]


class Notice(msgspec.Struct, frozen=True, tag="notice", array_like=True):
    """A line for the person: `level` is information, warning or error."""

    level: str
    text: str


class Timeline(msgspec.Struct, frozen=True, tag="timeline", array_like=True):
    """What became otherwise, oldest first; with `again`, all that is to be shown, and else what is new."""

    transitions: tuple[Transition, ...]
    again: bool = False


class Moment(msgspec.Struct, frozen=True, tag="moment", array_like=True):
    """The time that is shown of a history, which tells of `first` to `last` (UTC seconds); `watched`: enctop ran
    then.
    """

    at: Utc
    first: Utc
    last: Utc
    watched: bool


class Settled(msgspec.Struct, frozen=True, tag="settled", array_like=True):
    """Every source has answered or failed once."""


Frame = Union[
    Hello,
    Places,
    Rows,
    Gone,
    Findings,
    Sources,
    Rollups,
    Sentences,
    TenantPromises,
    Detail,
    BlastRadius,
    Notice,
    Timeline,
    Moment,
    Settled,
]

# ---------------------------------------------------------------- viewer -> collector


class Open(msgspec.Struct, frozen=True, tag="open"):
    """Send the `Detail` of this resource."""

    id: str


class Blast(msgspec.Struct, frozen=True, tag="blast"):
    """Send the `BlastRadius` of this resource, with `most` of what depends on it directly."""

    id: str
    most: int = 100


class Refresh(msgspec.Struct, frozen=True, tag="refresh"):
    """Poll now: one source by its id, or all."""

    source: str | None = None


class Pause(msgspec.Struct, frozen=True, tag="pause"):
    """Stop starting polls, or go on."""

    on: bool


class Export(msgspec.Struct, frozen=True, tag="export"):
    """Write the snapshot of what `query` selects to `path`; a `Notice` tells how it went."""

    path: str
    query: str


class Travel(msgspec.Struct, frozen=True, tag="travel"):
    """Show another time of a history: by so many transitions, or by so many seconds; or `at` (UTC seconds)."""

    transitions: int = 0
    seconds: Seconds = 0.0
    at: Utc | None = None


Ask = Union[Open, Blast, Refresh, Pause, Export, Travel]

# ---------------------------------------------------------------- bytes


_PACK = msgspec.msgpack.Encoder()


def packed(value: Any) -> bytes:
    """As MessagePack, whose whole numbers have 64 bits: what a server told beyond that becomes the nearest that
    fits.
    """
    try:
        return _PACK.encode(value)
    except OverflowError:
        return _PACK.encode(_fitting(msgspec.to_builtins(value)))


def _fitting(value: Any) -> Any:
    match value:
        case dict():
            return {name: _fitting(one) for name, one in value.items()}
        case list() | tuple():
            return [_fitting(one) for one in value]
        case int() if not isinstance(value, bool):
            return max(-(1 << 63), min(value, (1 << 64) - 1))
        case _:
            return value


class Encoder:
    """Turns frames or asks into bytes for the wire."""

    def encode(self, message: Frame | Ask) -> bytes:
        """One message with its length before it."""
        body = packed(message)
        return struct.pack(">I", len(body)) + body


class Decoder:
    """Cuts a stream of bytes into messages, however it arrives. `Decoder(Frame)` for a viewer, `Decoder(Ask)` for a
    collector.
    """

    def __init__(self, of: Any) -> None:
        self._decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(of)
        self._pending = bytearray()

    async def read_from(self, reader: asyncio.StreamReader) -> AsyncIterator[Any]:
        """The messages of a stream until it ends, or until something comes that is none: whoever sent that cannot be
        understood any more.
        """
        try:
            while data := await reader.read(1 << 16):
                for message in self.feed(data):
                    yield message
        except msgspec.MsgspecError as error:
            log.warning("invalid data: %s", error)

    def feed(self, data: bytes) -> Iterator[Any]:
        """The messages that are whole now. Raises `msgspec.MsgspecError` on bytes that are no frame."""
        pending = self._pending
        pending += data
        start = 0
        while len(pending) - start >= 4:
            (size,) = struct.unpack_from(">I", pending, start)
            if size > MAX_FRAME:
                raise msgspec.DecodeError(f"a frame of {size} bytes is longer than {MAX_FRAME}")
            if len(pending) - start - 4 < size:
                break
            body = bytes(pending[start + 4 : start + 4 + size])
            start += 4 + size
            yield self._decoder.decode(body)
        del pending[:start]
