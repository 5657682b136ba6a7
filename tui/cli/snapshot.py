"""`enctop snapshot`: everything polled once and written as JSON."""

import argparse
import time

from posture.fault import ConfigError, SnapshotError, state_word
from posture.filter import parse
from posture.snapshot import Snapshot, SourceEntry, take, to_json, to_jsonl
from posture.source import ANSWERED
from providers.collector.files import told, writable, write
from tui.cli.once import polled
from tui.cli.say import put_json, tell

WORSE = {"fail": ("fail",), "unknown": ("fail", "unknown"), "warn": ("fail", "unknown", "warn")}


def snapshot(chosen: argparse.Namespace) -> int:
    """Poll everything once, write what was seen, and say by the exit code what the caller asked to be told."""
    parse(chosen.filter)
    if chosen.output is not None:
        try:
            writable(chosen.output)
        except OSError as error:
            raise SnapshotError(told(chosen.output, error)) from None
    taken = _polled(chosen) if chosen.at is None else _past(chosen)
    body = to_jsonl(taken) if chosen.format == "jsonl" else to_json(taken, pretty=chosen.pretty)
    if chosen.output is None:
        put_json(body)
    else:
        write(chosen.output, body)
    return _ended(chosen, taken)


def _polled(chosen: argparse.Namespace) -> Snapshot:
    collector, config, _ = polled(chosen, chosen.timeout)
    query = config.narrowed(chosen.filter, chosen.tenant)
    return take(collector.model, time.time(), collector.version, query=query, simulated=collector.simulated)


def _past(chosen: argparse.Namespace) -> Snapshot:
    """How it was at a time that is past."""
    from providers.collector.history.past import snapshot_at
    from providers.collector.version import enctop_version
    from tui.cli.history import at, opened, stored

    if chosen.demo:
        raise ConfigError("snapshot: --demo keeps no history for --at")
    _, path = stored(chosen)
    then = at(chosen.at, time.time(), "--at")
    with opened(path) as connection:
        query = f"tenant:{','.join(chosen.tenant)} {chosen.filter}".strip() if chosen.tenant else chosen.filter
        return snapshot_at(connection, then, enctop_version(), query)


def _ended(chosen: argparse.Namespace, taken: Snapshot) -> int:
    """The exit code; and in one line why it is not 0, or what the snapshot lacks."""
    missing = [source for source in taken.sources if source.state not in ANSWERED]
    bad = chosen.fail_on and {word: many for word in WORSE[chosen.fail_on] if (many := taken.summary.findings[word])}
    found = (
        f"{' and '.join(f'{many} {word}' for word, many in bad.items())} reached --fail-on {chosen.fail_on}"
        if bad
        else ""
    )
    lacks = _lacking(taken, missing)
    if lacks or found:
        tell("; ".join(filter(None, (lacks, found))))
    if chosen.require_complete and not taken.complete:
        return 3
    return 1 if bad else 0


def _lacking(taken: Snapshot, missing: list[SourceEntry]) -> str:
    if missing:
        first = missing[0]
        return (
            f"{len(missing)} of {len(taken.sources)} sources did not answer in full, first {first.id}"
            f" ({state_word(first.state, first.error)})"
        )
    return "" if taken.complete else "no source was asked: the configuration names none"
