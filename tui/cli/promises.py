"""`enctop promises`: every sentence of the document for every tenant, rolled up, as a table, JSON or Markdown."""

import argparse
import shutil
import time
from collections.abc import Iterator, Sequence

from posture.clock import Utc, parse_rfc3339
from posture.fault import ConfigError
from posture.frozen import frozen
from posture.model import Model
from posture.promise_markdown import markdown
from posture.promise_page import page, to_json
from posture.promise_words import attested, tally, verdict
from posture.promises import Promise, Promises
from posture.rollup import tenants_of
from posture.source import answered
from posture.text import one_line
from posture.verdict import Status
from providers.collector.files import read_snapshot
from tui.cli.once import polled
from tui.cli.say import put, put_json, tell
from tui.cli.snapshot import WORSE

MARKS = ("✗ FAIL", "? UNKN", "! WARN", "✓ pass", "- n/a")
"""By `Status`."""
CELL, LEAST_TEXT, MOST_TEXT = 8, 24, 90


class _Seen:
    """What the page is made from."""

    def __init__(self, model: Model, at: Utc, version: str, *, query: str | None, simulated: bool) -> None:
        self.model, self.at, self.version = model, at, version
        self.query, self.simulated = query, simulated
        self.promises = Promises.of(model, whole=query is None)


def promises(chosen: argparse.Namespace) -> int:
    """Poll everything once, or read a snapshot, and print how each sentence stands. Raises `ConfigError`,
    `SnapshotError`.
    """
    if chosen.filter:
        raise ConfigError("promises: takes no --filter: a promise is about all that there is; --tenant chooses tenants")
    seen = _polled(chosen) if chosen.file is None else _read(chosen)
    tenants = chosen.tenant or seen.promises.tenants()
    _print(chosen, seen, tenants)
    return _ended(chosen, seen, [one for tenant in tenants for one in seen.promises.of_tenant(tenant)])


def _polled(chosen: argparse.Namespace) -> _Seen:
    collector, _, _ = polled(chosen, chosen.timeout)
    at = time.time()
    collector.model.tick(at)
    return _Seen(collector.model, at, collector.version, query=None, simulated=collector.simulated)


def _read(chosen: argparse.Namespace) -> _Seen:
    if chosen.config is not None:
        raise ConfigError("promises: --from reads a snapshot, and --config says what to poll; give one of them")
    snapshot = read_snapshot(chosen.file)
    for name in chosen.tenant:
        if name not in snapshot.scope.tenants:
            known = ", ".join(snapshot.scope.tenants) or "none"
            raise ConfigError(f"--tenant {name}: no such tenant in the snapshot; there are {known}")
    at = parse_rfc3339(snapshot.generated_at)
    scope = snapshot.scope
    return _Seen(frozen(snapshot), at, snapshot.tool.version, query=scope.filter, simulated=scope.simulated)


def _print(chosen: argparse.Namespace, seen: _Seen, tenants: Sequence[str]) -> None:
    if chosen.format == "text":
        put("".join(f"{one_line(line)}\n" for line in _table(seen.promises, sorted(tenants), _width())))
        return
    made = page(
        seen.promises,
        seen.model,
        seen.at,
        seen.version,
        tenants,
        names=chosen.names,
        simulated=seen.simulated,
        query=seen.query,
    )
    if chosen.format == "json":
        put_json(to_json(made))
    else:
        put(markdown(made, seen.promises))


def _ended(chosen: argparse.Namespace, seen: _Seen, stands: Sequence[Promise]) -> int:
    """The exit code; and in one line why it is not 0, or that not all has answered."""
    bad = {word: sum(one.status.word == word for one in stands) for word in WORSE.get(chosen.fail_on, ())}
    told = [f"{many} {word}" for word, many in bad.items() if many]
    tenants = {one.tenant for one in stands}
    sources = [one for one in seen.model.sources.values() if tenants & {*tenants_of(one.tenant, own=True)}]
    complete = answered(sources)
    lacks = "not every source answered in full: `enctop check` says which, and what would mend it"
    lines = [] if complete else [lacks if sources else "no source was asked: the configuration names none"]
    if told:
        lines.append(f"{' and '.join(told)} reached --fail-on {chosen.fail_on}")
    if lines:
        tell("; ".join(lines))
    if chosen.require_complete and not complete:
        return 3
    return 1 if told else 0


# ---------------------------------------------------------------- text


def _width() -> int:
    return shutil.get_terminal_size((120, 40)).columns


def _table(made: Promises, tenants: Sequence[str], width: int) -> Iterator[str]:
    """Sentences by tenants, as many tenants side by side as fit; of one tenant alone with its verdicts in words."""
    stands = {tenant: made.of_tenant(tenant) for tenant in tenants}
    if len(tenants) == 1:
        yield from _alone(made, tenants[0], stands[tenants[0]], width)
    else:
        room = max(1, (width - 4 - LEAST_TEXT) // (CELL + 1))
        for first in range(0, len(tenants), room):
            yield from _block(made, tenants[first : first + room], stands, width)
            yield ""
    yield from _legend()


def _block(made: Promises, tenants: Sequence[str], stands: dict[str, tuple[Promise, ...]], width: int) -> Iterator[str]:
    cell = max(CELL, min(16, max(map(len, tenants), default=0)))
    cell = max(CELL, min(cell, (width - 4 - LEAST_TEXT) // max(1, len(tenants)) - 1))
    text = max(LEAST_TEXT, min(MOST_TEXT, width - 4 - len(tenants) * (cell + 1)))
    yield f"{'':<4}{'':<{text}}{''.join(f' {_middle(tenant, cell):<{cell}}' for tenant in tenants)}"
    for number, (name, claim) in enumerate(made.claims.sentences.items()):
        row = "".join(f" {_mark(made, stands[tenant][number]):<{cell}}" for tenant in tenants)
        yield f"{name:<4}{_cut(claim.text, text):<{text}}{row}".rstrip()


def _alone(made: Promises, tenant: str, stands: Sequence[Promise], width: int) -> Iterator[str]:
    yield tenant
    text = max(LEAST_TEXT, (width - 4 - CELL - 2) * 2 // 5)
    room = max(LEAST_TEXT, width - 4 - CELL - text - 3)
    for promise in stands:
        claim = made.claims.sentences[promise.sentence]
        says = verdict(promise, made.claims).partition(": ")[2] or tally(promise)
        yield f"{promise.sentence:<4}{_cut(claim.text, text):<{text}} {_mark(made, promise):<{CELL}} {_cut(says, room)}"


def _mark(made: Promises, promise: Promise) -> str:
    word = promise.status is Status.PASS and attested(promise, made.claims.sentences[promise.sentence])
    return f"{MARKS[promise.status]}{'*' if word else ''}"


def _legend() -> Iterator[str]:
    yield "✗ does not hold   ? not known   ! holds, with reservations or exceptions   ✓ holds   - does not apply"
    yield "* in part on the provider's or a person's word"


def _middle(text: str, width: int) -> str:
    """Names of one set differ at their end."""
    tail = (width - 1) // 2
    return text if len(text) <= width else f"{text[: width - 1 - tail]}…{text[-tail:]}"


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
