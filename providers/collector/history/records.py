"""What a history holds of a resource, a source and a poll, as bytes."""

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec
import zstandard

from posture.clock import Utc
from posture.entry import Entry
from posture.fault import Fault
from posture.interning import intern_strings
from posture.resource import KeyClass, Resource
from posture.source import Source, State
from posture.verdict import EvidenceClass, Excepted, Finding, Gap, Severity, Status, worst
from providers.collector.frames import packed

T = TypeVar("T")

LEVEL: Final = 3
DICTIONARY: Final = 32 << 10
"""Bytes of what bodies have in common, learnt from the first of them: a body is a third as long by it."""
SAMPLES: Final = 1000
LONGEST: Final = 64 << 20
"""Bytes that one body may have."""
LATEST: Final = 253_402_300_800.0
"""The year 10000, UTC seconds."""
MOST: Final = 4 << 30
"""Bytes that all bodies which one reader unpacks may have."""
_ALIKE: Final = ("kind", "type", "tenant", "provider", "scope", "region", "source", "encryption", "cells")
_VERDICT = struct.Struct("<HB")


class KeptFinding(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A finding without what its resource tells."""

    control: str
    status: Status
    severity: Severity
    evidence_class: EvidenceClass
    reason: str
    evidence: Mapping[str, Any]
    since: Utc
    fault: Fault | None
    exception: Excepted | None
    gap: Gap | None
    cause: str


class Kept(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A resource as it was seen and judged; the time of its reading stands beside it."""

    resource: Resource
    source: str
    not_in_last_poll: bool
    key_class: KeyClass
    findings: tuple[KeptFinding, ...]

    @classmethod
    def of(cls, entry: Entry) -> "Kept":
        """As it stands in the model now."""
        return cls(
            entry.resource,
            entry.source,
            entry.not_in_last_poll,
            entry.key_class,
            tuple(_kept(finding) for _, finding in sorted(entry.findings.items())),
        )

    def entry(self, observed_at: Utc) -> Entry:
        """The entry as it stood."""
        resource = self.resource
        entry = Entry(resource, self.source, 0, observed_at)
        entry.findings = {finding.control: _finding(finding, resource) for finding in self.findings}
        entry.status = worst(finding.status for finding in self.findings)
        entry.key_class, entry.not_in_last_poll = self.key_class, self.not_in_last_poll
        return entry

    @property
    def status(self) -> Status:
        """The worst of its findings."""
        return worst(finding.status for finding in self.findings)


def _kept(finding: Finding) -> KeptFinding:
    return KeptFinding(
        finding.control,
        finding.status,
        finding.severity,
        finding.evidence_class,
        finding.reason,
        finding.evidence,
        finding.since,
        finding.fault,
        finding.exception,
        finding.gap,
        finding.cause,
    )


def _finding(kept: KeptFinding, resource: Resource) -> Finding:
    return Finding(
        control=kept.control,
        resource=resource.id,
        tenant=resource.tenant,
        status=kept.status,
        severity=kept.severity,
        evidence_class=kept.evidence_class,
        reason=kept.reason,
        evidence=kept.evidence,
        since=kept.since,
        fault=kept.fault,
        exception=kept.exception,
        gap=kept.gap,
        cause=kept.cause,
    )


class Poll(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """How a source stood after a poll that found nothing new. Times are microseconds before the beat it is in; `seen`
    is from when on all that the source holds had been read, None where that is not told.
    """

    source: int
    at: int
    attempt: int | None
    success: int | None
    seen: int | None
    calls: int
    microseconds: int

    def applied(self, source: Source, beat: Utc) -> Source:
        """The source after it."""
        return msgspec.structs.replace(
            source,
            last_attempt=_at(beat, self.attempt),
            last_success=_at(beat, self.success),
            calls=self.calls,
            seconds=self.microseconds / 1e6,
        )


def before(beat: Utc, at: Utc | None) -> int | None:
    """A time as `Poll` tells it."""
    return None if at is None else round((beat - at) * 1e6)


def _at(beat: Utc, microseconds: int | None) -> Utc | None:
    return None if microseconds is None else beat - microseconds / 1e6


def standing(source: Source) -> Source:
    """What is kept of a source: without what moves with every poll, and what is only so while it is polled."""
    return msgspec.structs.replace(
        source, last_success=None, last_attempt=None, next_due=None, calls=0, seconds=0.0, polling=False
    )


def waiting(source: Source) -> Source:
    """A source as it begins in a later run: what it said is known, and it has not answered."""
    return msgspec.structs.replace(
        source, state=State.PENDING, fault=None, polling=False, next_due=None, following=False
    )


def digest(body: bytes) -> int:
    """64 bits of a body, signed, as SQLite keeps them."""
    return int.from_bytes(hashlib.blake2b(body, digest_size=8).digest(), "big", signed=True)


def verdicts(findings: Iterable[KeptFinding], number: Callable[[str], int]) -> bytes:
    """The status of each control, three bytes each; `number` is how the history numbers controls."""
    return b"".join(_VERDICT.pack(number(one.control), one.status) for one in findings)


def statuses(body: bytes) -> dict[int, int]:
    """Control -> status, of what `verdicts` wrote. Raises ValueError for what is damaged."""
    if len(body) % _VERDICT.size:
        raise ValueError("verdicts of another length")
    return dict(_VERDICT.iter_unpack(body))


class Packer:
    """Bodies as they stand in the file: zstd, with what they have in common set before each (RFC 8878). Raises
    ValueError for a dictionary that is none.
    """

    def __init__(self, dictionary: bytes | None = None) -> None:
        self.trained = dictionary is not None
        self._unpacked = 0
        """Bytes beyond a hundred times what they were packed in."""
        try:
            known = zstandard.ZstdCompressionDict(dictionary) if dictionary is not None else None
            self._compress = zstandard.ZstdCompressor(LEVEL, dict_data=known, write_checksum=True)
            self._plain = zstandard.ZstdDecompressor()
            self._known = zstandard.ZstdDecompressor(dict_data=known) if known is not None else self._plain
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None

    def pack(self, body: bytes) -> bytes:
        """Shorter."""
        return self._compress.compress(body)

    def unpack(self, data: bytes) -> bytes:
        """As it was. Raises ValueError where it is damaged."""
        try:
            about = zstandard.get_frame_parameters(data)
            if about.content_size > LONGEST:
                raise ValueError(f"a body of {about.content_size} bytes")
            body = (self._known if about.dict_id else self._plain).decompress(data, max_output_size=LONGEST)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
        # a body of some megabytes may come from a few hundred bytes
        self._unpacked += max(0, len(body) - 100 * len(data))
        if self._unpacked > MOST:
            raise ValueError(f"more than {MOST} bytes")
        return body


def learnt(bodies: Sequence[bytes]) -> bytes | None:
    """What these have in common; None where that is too little."""
    try:
        return zstandard.train_dictionary(DICTIONARY, list(bodies)).as_bytes()
    except zstandard.ZstdError:
        return None


class Unpacker:
    """Bodies back into what they were; what thousands of resources have in common is in memory once."""

    def __init__(self, packer: Packer) -> None:
        self._packer = packer
        self._kept = msgspec.msgpack.Decoder(Kept)
        self._common: dict[Any, Any] = {}
        self._words: dict[str, str] = {}

    def kept(self, data: bytes) -> Kept:
        """Raises ValueError for what is damaged (msgspec's errors are)."""
        kept = self._kept.decode(self._packer.unpack(data))
        if not all(0.0 <= finding.since < LATEST for finding in kept.findings):
            raise ValueError("a finding of a time that is none")
        resource, same = kept.resource, self._same
        parts = {name: same(getattr(resource, name)) for name in _ALIKE}
        resource = msgspec.structs.replace(resource, links=tuple(map(same, resource.links)), **parts)
        intern_strings(resource.fields, self._words)
        return msgspec.structs.replace(kept, resource=resource, source=same(kept.source))

    def source(self, data: bytes) -> Source:
        """Raises ValueError for what is damaged."""
        return msgspec.msgpack.decode(self._packer.unpack(data), type=Source)

    def polls(self, data: bytes) -> list[Poll]:
        """Raises ValueError for what is damaged."""
        return msgspec.msgpack.decode(self._packer.unpack(data), type=list[Poll])

    def _same(self, part: T) -> T:
        found: T = self._common.setdefault(part, part)
        return found


def body(value: object) -> bytes:
    """As MessagePack."""
    return packed(value)
