"""The rows of the matrix: what goes wrong, how it begins and ends, and what enctop must say of it meanwhile. Each is
one line of `FAULTS`.
"""

import asyncio
import contextlib
import json
import re
import zlib
from collections.abc import Awaitable, Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import msgspec

from posture.clock import Seconds
from posture.fault import FaultKind
from providers.demo.answer import Answer
from tests.matrix.front import Line, Request

if TYPE_CHECKING:
    from tests.matrix.cell import Place

FLOOD = 32 << 20
"""Bytes of an answer that does not end, and of one that unfolds: a test that fails must not take the machine with
it.
"""
DENIED, EXPIRED, THROTTLED = (
    frozenset({FaultKind.DENIED}),
    frozenset({FaultKind.EXPIRED}),
    frozenset({FaultKind.THROTTLED}),
)
AWAY = frozenset({FaultKind.UNREACHABLE})
BROKEN = frozenset({FaultKind.UNREACHABLE, FaultKind.ERROR})
"""A connection that ends in the middle may be told as either."""
UNREADABLE = frozenset({FaultKind.ERROR})
DAY: Seconds = 86400.0
Act = Callable[["Place"], Awaitable[None]]


class Fault(msgspec.Struct, frozen=True):
    """One row. `kinds`: of what a source that does not answer in full must speak; with none, no source needs to fail.

    `hangs`: a question under way when it ends takes its time limit, and not only the cadence, to be asked again.
    `loses`: rows may go. `settles`: while it lasts the verdicts come to be the healthy ones. `cold`: the endpoint was
    never seen healthy before. `at_once`: it is over as soon as it has begun. `alone`: nothing else may run beside it,
    for memory is measured.
    """

    name: str
    begin: Act
    end: Act
    kinds: frozenset[FaultKind] = frozenset()
    hangs: bool = False
    loses: bool = False
    settles: bool = False
    cold: bool = False
    at_once: bool = False
    alone: bool = False


def wire(name: str, wrong: Callable[[Line], Awaitable[bool]], kinds: frozenset[FaultKind], **more: bool) -> Fault:
    """A row that takes the place of every answer on the wire."""

    async def begin(place: "Place") -> None:
        place.front.wrong = wrong

    return Fault(name, begin, _lift, kinds, **more)


def refused(name: str, kind: str, kinds: frozenset[FaultKind], *, of: int = 1, first: int = 1) -> Fault:
    """A row in the system's own words; of every `of` requests the `first` are refused."""

    async def begin(place: "Place") -> None:
        count = 0

        async def wrong(line: Line) -> bool:
            nonlocal count
            assert line.request is not None
            count += 1
            said = place.system.refusal(kind, line.request) if (count - 1) % of < first else line.request
            await line.answer(said if isinstance(said, Answer) else await line.truth(said))
            return True

        place.front.wrong = wrong

    return Fault(name, begin, _lift, kinds)


def paged(name: str, kinds: frozenset[FaultKind], following: Callable[[str], str], **more: bool) -> Fault:
    """A row in which every listing goes on; `following` gives the next token after a page's own, "" for that of the
    first page, and may refuse.
    """

    async def begin(place: "Place") -> None:
        async def wrong(line: Line) -> bool:
            assert line.request is not None
            plain, token = place.system.paged(line.request)
            if token and not following(token):
                said = place.system.refusal("fail", plain)
                await line.answer(said if isinstance(said, Answer) else await line.truth(said))
                return True
            answer = await line.truth(plain)
            await line.answer(
                place.system.continued(line.request, answer, following(token)) if answer.status == 200 else answer
            )
            return True

        place.front.wrong = wrong

    return Fault(name, begin, _lift, kinds, **more)


async def _lift(place: "Place") -> None:
    place.front.wrong = None


# ------------------------------------------------------------ on the wire


async def _silent(line: Line) -> bool:
    await line.left()
    return False


async def _cut(line: Line) -> bool:
    answer = await line.truth()
    await line.send(line.head(answer) + answer.body[: len(answer.body) // 2])
    await asyncio.sleep(0.05)  # a reset overtakes what was sent just before
    line.reset()
    return False


async def _garbage(line: Line) -> bool:
    await line.send(bytes(range(128, 256)) * 8 + b"\r\n\r\n")
    return False


async def _truncated(line: Line) -> bool:
    answer = await line.truth()
    await line.answer(msgspec.structs.replace(answer, body=answer.body[: len(answer.body) // 2]))
    return line.request is not None


async def _empty(line: Line) -> bool:
    answer = await line.truth()
    await line.answer(msgspec.structs.replace(answer, body=b""))
    return line.request is not None


async def _drip(line: Line) -> bool:
    answer = await line.truth()
    for byte in line.head(answer) + answer.body:
        await line.send(bytes((byte,)))
        await asyncio.sleep(0.1)
    return False


async def _endless(line: Line) -> bool:
    answer = await line.truth()
    if line.request is None:
        await line.send(answer.body)
        for _ in range(FLOOD // 16384):
            await line.send(b"\x16\x03\x03\x40\x00" + bytes(16384))
        return False
    await line.send(line.head(answer, transfer_encoding="chunked"))
    blank = b" " * (1 << 16)
    for _ in range(FLOOD // len(blank)):
        await line.send(b"%x\r\n%b\r\n" % (len(blank), blank))
    await line.left()
    return False


@cache
def _bomb_of_blanks() -> bytes:
    """`FLOOD` blanks in some kilobytes of gzip; its end, with the checksum, does not come."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return (
        packer.compress(b" " * (8 << 20))
        + b"".join(packer.compress(b" " * (8 << 20)) for _ in range(FLOOD // (8 << 20) - 1))
        + packer.flush()
    )


async def _bomb(line: Line) -> bool:
    answer = await line.truth()
    packed = msgspec.structs.replace(
        answer, body=_bomb_of_blanks(), headers={**answer.headers, "content-encoding": "gzip"}
    )
    await line.answer(packed)
    return True


async def _other_shape(line: Line) -> bool:
    answer = await line.truth()
    if line.request is None:
        await line.send(b"SSH-2.0-OpenSSH_9.9\r\n")
        return False
    fruit = (
        b'{"fruit": {"banana": [1, 2]}}'
        if _is_json(answer)
        else b'<?xml version="1.0"?><Fruit><Banana>1</Banana></Fruit>'
    )
    await line.answer(msgspec.structs.replace(answer, body=fruit))
    return True


async def _other_types(line: Line) -> bool:
    answer = await line.truth()
    if line.request is None:
        await line.send(b"\x16\x03\x03\x00\x08\x63\x00\x00\x04abcd")  # a handshake message of a type that is none
        return False
    if answer.status != 200:
        await line.answer(answer)
        return True
    if _is_json(answer):
        with contextlib.suppress(ValueError):
            answer = msgspec.structs.replace(answer, body=json.dumps(_retyped(json.loads(answer.body))).encode())
    else:
        answer = msgspec.structs.replace(answer, body=_VALUE.sub(_banana, answer.body))
    await line.answer(answer)
    return True


def _is_json(answer: Answer) -> bool:
    return answer.body[:1] in (b"{", b"[")


_NAMES = re.compile(r"id|name|arn|value|type|location|path|token|link|accessor|account", re.IGNORECASE)
_VALUE = re.compile(rb"<(\w+)>(?:true|false|Enabled|AES256|aws:kms|\d+)</")


def _banana(found: re.Match[bytes]) -> bytes:
    return found[0] if _NAMES.search(found[1].decode()) else b"<%b>banana</" % found[1]


def _retyped(value: Any, field: str = "") -> Any:
    """The same with every truth a text, every number a list, and every text an object but for those that name
    something.
    """
    match value:
        case dict():
            return {name: _retyped(inner, name) for name, inner in value.items()}
        case list():
            return [_retyped(inner, field) for inner in value]
        case bool():
            return "banana"
        case int() | float():
            return [value]
        case str() if not _NAMES.search(field):
            return {"banana": value}
    return value


# ------------------------------------------------------------ of the connection


async def _swallow(place: "Place") -> None:
    await place.front.swallow()


async def _gone(place: "Place") -> None:
    await place.front.close()


async def _back(place: "Place") -> None:
    await place.front.open()


async def _emptied(place: "Place") -> None:
    await place.front.close()
    place.system.empty(place)
    await place.front.open()


async def _filled(place: "Place") -> None:
    await place.front.close()
    place.front.wrong, place.front.upstream = None, place.upstream
    await place.front.open()


async def _unresolved(place: "Place") -> None:
    place.names.lost.add(place.host)
    place.front.drop()


async def _resolved(place: "Place") -> None:
    place.names.lost.discard(place.host)


async def _stranger(place: "Place") -> None:
    place.certify(strange=True)
    place.front.drop()


async def _known(place: "Place") -> None:
    place.certify(strange=False)
    place.front.drop()


async def _ahead(by: Seconds, place: "Place") -> None:
    place.ahead = by


async def _asleep(place: "Place") -> None:
    place.ahead = 60.0
    place.front.mute()


async def _nothing(place: "Place") -> None:
    pass


FAULTS = (
    refused("denied", "deny", DENIED),
    refused("expired", "expire", EXPIRED),
    refused("throttled for ever", "throttle", THROTTLED),
    refused("throttled in bursts", "throttle", frozenset(), of=7, first=3),
    refused("5xx", "fail", BROKEN),
    wire("reset in mid-body", _cut, BROKEN),
    Fault("connect timeout", _swallow, _back, AWAY, hangs=True),
    wire("silence", _silent, AWAY, hangs=True),
    wire("garbage", _garbage, BROKEN),
    wire("truncated", _truncated, BROKEN),
    wire("empty", _empty, BROKEN),
    wire("drip", _drip, BROKEN, hangs=True),
    wire("endless", _endless, BROKEN, hangs=True, alone=True),
    wire("bomb", _bomb, BROKEN, hangs=True, alone=True),
    wire("another shape", _other_shape, UNREADABLE),
    wire("other types", _other_types, UNREADABLE),
    paged("partial pages", BROKEN, lambda token: "" if token else "more"),
    paged("looping pages", BROKEN, lambda token: {"": "a", "a": "b"}.get(token, "a")),
    paged("pages for ever", BROKEN, lambda token: f"page{int(token[4:] or 0) + 1}"),
    Fault("gone and back", _gone, _back, AWAY),
    Fault("back empty", _emptied, _filled, loses=True),
    Fault("DNS", _unresolved, _resolved, AWAY, cold=True),
    Fault("certificate changed", _stranger, _known, BROKEN),
    Fault("clock +1 h", partial(_ahead, 3600.0), partial(_ahead, 0.0), settles=True),
    Fault("clock -1 h", partial(_ahead, -3600.0), partial(_ahead, 0.0), settles=True),
    Fault("clock +400 d", partial(_ahead, 400 * DAY), partial(_ahead, 0.0), settles=True),
    Fault("suspended 60 s", _asleep, _nothing, hangs=True, at_once=True),
)

__all__ = ["FAULTS", "Fault", "Request"]
