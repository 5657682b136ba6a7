"""`enctop snapshot`: everything polled once and written as JSON."""

import argparse
import time

from posture.diff import new_fails
from posture.fault import ConfigError, SnapshotError, state_word
from posture.filter import parse
from posture.snapshot import Snapshot, SourceEntry, take, to_json, to_jsonl
from posture.source import ANSWERED
from providers.collector.files import told, writable, write
from tui.cli.diff import first, side
from tui.cli.once import polled
from tui.cli.say import put_json, tell

WORSE = {"fail": ("fail",), "unknown": ("fail", "unknown"), "warn": ("fail", "unknown", "warn")}


def snapshot(chosen: argparse.Namespace) -> int:
    """Poll everything once, write what was seen, and say by the exit code what the caller asked to be told."""
    parse(chosen.filter)
    baseline = _baseline(chosen)
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
    return _ended(chosen, taken, baseline)


def _baseline(chosen: argparse.Namespace) -> Snapshot | None:
    """What is compared with, read before anything is asked. Raises `ConfigError`, `SnapshotError`."""
    if (chosen.baseline is None) is (chosen.fail_on == "new"):
        raise ConfigError("snapshot: --fail-on new and --baseline FILE need each other")
    return None if chosen.baseline is None else side(chosen.baseline, chosen)


def _polled(chosen: argparse.Namespace) -> Snapshot:
    collector, config, _ = polled(chosen, chosen.timeout)
    query = config.narrowed(chosen.filter, chosen.tenant)
    return take(collector.model, time.time(), collector.version, query=query, simulated=collector.simulated)


def _past(chosen: argparse.Namespace) -> Snapshot:
    """How it was at a time that is past."""
    from tui.cli.history import then

    if chosen.demo:
        raise ConfigError("snapshot: --demo keeps no history for --at")
    query = f"tenant:{','.join(chosen.tenant)} {chosen.filter}".strip() if chosen.tenant else chosen.filter
    return then(chosen, chosen.at, "--at", query)


def _ended(chosen: argparse.Namespace, taken: Snapshot, baseline: Snapshot | None) -> int:
    """The exit code; and in one line why it is not 0, or what the snapshot lacks."""
    missing = [source for source in taken.sources if source.state not in ANSWERED]
    if baseline is not None:
        found = _new_fails(chosen.baseline, baseline, taken)
    else:
        words = WORSE.get(chosen.fail_on, ())
        bad = [f"{many} {word}" for word in words if (many := taken.summary.findings[word])]
        found = f"{' and '.join(bad)} reached --fail-on {chosen.fail_on}" if bad else ""
    lacks = _lacking(taken, missing)
    if lacks or found:
        tell("; ".join(filter(None, (lacks, found))))
    if chosen.require_complete and not taken.complete:
        return 3
    return 1 if found else 0


def _new_fails(name: str, old: Snapshot, taken: Snapshot) -> str:
    """How many, the first, and whether the baseline was asked for the same; empty where there is none."""
    found = new_fails(old, taken)
    if not found:
        return ""
    pairs = (
        ("another filter", old.scope.filter, taken.scope.filter),
        ("other tenants", sorted(old.scope.tenants), sorted(taken.scope.tenants)),
        ("another version", old.tool.version, taken.tool.version),
    )
    others = [what for what, before, after in pairs if before != after]
    differs = f" ({name} has {', '.join(others)})" if others else ""
    return f"{len(found):,} FAIL not in {name} reached --fail-on new{first(found)}{differs}"


def _lacking(taken: Snapshot, missing: list[SourceEntry]) -> str:
    if missing:
        first = missing[0]
        return (
            f"{len(missing)} of {len(taken.sources)} sources did not answer in full, first {first.id}"
            f" ({state_word(first.state, first.error)})"
        )
    return "" if taken.complete else "no source was asked: the configuration names none"
