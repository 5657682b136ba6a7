"""`enctop history` and `enctop replay`: what changed, and how it was."""

import argparse
import contextlib
import sqlite3
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from posture.clock import Utc, rfc3339
from posture.fault import ConfigError, FilterError, HistoryError
from posture.filter import Filter, Term, parse
from posture.rows import Place
from posture.snapshot import Snapshot
from posture.text import one_line
from posture.transition import Transition, word
from providers.collector.config import Config, configured
from providers.collector.durations import time_of
from providers.collector.history.cut import cut_out
from providers.collector.history.past import snapshot_at, told
from providers.collector.history.place import path_for
from providers.collector.history.reader import Reader
from providers.collector.history.schema import open_reader
from providers.collector.version import enctop_version
from tui.cli.say import put, put_json, tell

MOST = 100_000
"""Transitions that are told at once."""
EXPORT = "export"


def history(chosen: argparse.Namespace) -> int:
    """Tell what became otherwise; or cut a part of the history out."""
    if chosen.id == EXPORT:
        return _export(chosen)
    config, path = stored(chosen)
    now = time.time()
    wanted = parse(config.narrowed(chosen.filter, chosen.tenant))
    _check(wanted)
    since = at(chosen.since, now, "--since")
    with opened(path) as connection, told():
        found = Reader(connection).transitions(since, now, MOST, resource=chosen.id)
        seen = Reader(connection).seen(chosen.id) if chosen.id is not None else None
    if chosen.id is not None and seen is None:
        raise HistoryError(one_line(f"{chosen.id}: nothing is known of a resource of this id"))
    tenants = {tenant.name for tenant in config.tenant}
    shown = [one for one in reversed(found) if tenants.intersection(one.tenant.split("+")) and _passes(wanted, one)]
    if chosen.format == "json":
        put_json(msgspec.json.format(msgspec.json.encode([_said(one) for one in shown]), indent=2) + b"\n")
    elif chosen.format == "jsonl":
        put_json(b"".join(msgspec.json.encode(_said(one)) + b"\n" for one in shown))
    else:
        put("".join(f"{line}\n" for line in _lines(shown)))
        if seen is not None:
            gone = "" if seen[1] is None else f", gone since {rfc3339(seen[1])}"
            tell(f"first seen {rfc3339(seen[0])}{gone}")
    if len(found) == MOST:
        tell(f"more than {MOST:,} transitions since {rfc3339(since)}; the earlier ones are left out")
    return 0


def stored(chosen: argparse.Namespace) -> tuple[Config, Path]:
    """The configuration in use, narrowed to the tenants that were chosen, and where its history is."""
    config, file = configured(chosen.config)
    return config.only(chosen.tenant), path_for(config, None if file is None else file.path)


@contextlib.contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """A history to read. Raises `HistoryError`."""
    connection = open_reader(path)
    try:
        yield connection
    finally:
        connection.close()


def then(chosen: argparse.Namespace, text: str, option: str, query: str = "") -> Snapshot:
    """How everything stood at a time, from the history; `now` is the last time that it tells of. Raises `ConfigError`,
    `HistoryError`, `FilterError`.
    """
    _, path = stored(chosen)
    when = None if text.strip() == "now" else at(text, time.time(), option)
    with opened(path) as connection:
        return snapshot_at(connection, when, enctop_version(), query)


def at(text: str, now: Utc, option: str) -> Utc:
    """The time that was written after an option, UTC seconds. Raises `ConfigError`."""
    try:
        return time_of(text, now)
    except ValueError as error:
        raise ConfigError(one_line(f"{option}: {error}")) from None


def _export(chosen: argparse.Namespace) -> int:
    if chosen.output is None:
        raise ConfigError("history export: needs -o FILE, where the part is written")
    if chosen.tenant or chosen.filter:
        raise ConfigError("history export: a part is of all tenants; --tenant and --filter do not narrow it")
    _, path = stored(chosen)
    now = time.time()
    first, last = at(chosen.first or chosen.since, now, "--from"), at(chosen.last, now, "--to")
    with opened(path) as connection:
        many = cut_out(connection, chosen.output, first, last)
    tell(
        f"{many:,} versions of resources from {rfc3339(first)} to {rfc3339(last)}; open it: enctop view {chosen.output}"
    )
    return 0


def _said(one: Transition) -> dict[str, object]:
    return {
        "at": rfc3339(one.at),
        "tenant": one.tenant,
        "resource": one.resource,
        "name": one.name,
        "kind": one.kind,
        "control": one.control,
        "from": word(one.before),
        "to": word(one.after),
        "reason": one.reason,
        "source": one.source,
    }


def _lines(shown: Sequence[Transition]) -> Iterator[str]:
    """As columns, oldest first: the newest is next to the prompt."""
    for one in shown:
        change = f"{word(one.before)} -> {word(one.after)}"
        control = f"{one.control} " if one.control else ""
        yield one_line(f"{rfc3339(one.at)}  {change:<24}  {one.tenant:<12}  {control}{one.name}: {one.reason}")


_FIELDS = frozenset({"", "status", *Place.__struct_fields__, "control", "name", "id"})


def _check(wanted: Filter) -> None:
    for term in wanted.terms:
        if term.field not in _FIELDS:
            allowed = ", ".join(sorted(filter(None, _FIELDS)))
            raise FilterError(f"{term.field}: a history is not filtered by it; there are {allowed}")


def _passes(wanted: Filter, one: Transition) -> bool:
    return all(_holds(term, one) for term in wanted.terms)


def _holds(term: Term, one: Transition) -> bool:
    test = msgspec.structs.replace(term, negated=False).test()
    if term.field == "":
        found = any(map(test, (one.name, one.resource, one.reason, one.control)))
    elif term.field == "status":
        found = test(word(one.before)) or test(word(one.after))
    else:
        found = test(str(getattr(one, {"id": "resource"}.get(term.field, term.field))))
    return found is not term.negated


def replay(chosen: argparse.Namespace) -> int:
    """The dashboard on the past."""
    from providers.child import command
    from tui.cli.open import run

    config, path = stored(chosen)
    query = config.narrowed(chosen.filter, chosen.tenant)
    parse(query)
    now = time.time()
    shown = None if chosen.at is None else at(chosen.at, now, "--at")
    with opened(path) as connection, told():
        if Reader(connection).span() is None:
            raise HistoryError("the history is empty: nothing was seen yet")
    serve = [*command("providers.collector"), "--file", str(path)]
    serve += [] if shown is None else ["--at", str(shown)]
    serve += [] if chosen.log_file is None else ["--log-file", str(chosen.log_file)]
    sys.stdout.flush()
    return run(
        serve, view=chosen.view, query=query, export_dir=Path.cwd(), log_file=chosen.log_file, origin=f"history {path}"
    )
