"""Commands that poll once and end: snapshot and check."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, SnapshotError, state_word
from posture.files import writable
from posture.filter import parse
from posture.model import answered
from posture.snapshot import Snapshot, SourceEntry, take, to_json, to_jsonl, told, write
from posture.source import ANSWERED
from posture.text import one_line
from providers.collector.__main__ import Demo, keep_log, need_demo
from providers.collector.collector import Collector
from providers.collector.config import Config, configured
from tui.cli.say import named, put, put_json, tell

WORSE = {"fail": ("fail",), "unknown": ("fail", "unknown"), "warn": ("fail", "unknown", "warn")}


def snapshot(chosen: argparse.Namespace) -> int:
    """Poll everything once, write what was seen, and say by the exit code what the caller asked to be told."""
    parse(chosen.filter)
    if chosen.output is not None:
        try:
            writable(chosen.output)
        except OSError as error:
            raise SnapshotError(told(chosen.output, error)) from None
    collector, config, _ = _polled(chosen, chosen.timeout)
    query = config.narrowed(chosen.filter, chosen.tenant)
    taken = take(collector.model, time.time(), collector.version, query=query, simulated=collector.simulated)
    body = to_jsonl(taken) if chosen.format == "jsonl" else to_json(taken, pretty=chosen.pretty)
    if chosen.output is None:
        put_json(body)
    else:
        write(chosen.output, body)
    return _ended(chosen, taken)


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


def check(chosen: argparse.Namespace) -> int:
    """Ask every source once and tell, for each, whether it answered; where it did not, which permission would mend
    it and what is UNKNOWN until then.
    """
    collector, _, origin = _polled(chosen, chosen.timeout)
    taken = take(collector.model, time.time(), collector.version)
    lines = [f"configuration: {origin}"]
    tenant = ""
    for source in taken.sources:
        if source.tenant != tenant:
            tenant = source.tenant
            lines.append(tenant)
        lines += _lines(source, collector)
    silent = sum(source.state not in ANSWERED for source in taken.sources)
    lines.append(f"{len(taken.sources) - silent} of {len(taken.sources)} sources answered in full")
    # each as one: a line break in a name must not make a line of its own
    put("".join(f"{one_line(line)}\n" for line in lines))
    return 0 if answered(collector.model.sources.values()) else 3


def _lines(source: SourceEntry, collector: Collector) -> Iterator[str]:
    """A source in a line, and under it every kind of refusal with what it hides."""
    mark = {"ok": "+", "disabled": "-"}.get(source.state, "!")
    yield (
        f"  {mark} {source.id.split('/', 1)[1]:<44} {state_word(source.state, source.error):<12}{source.resources:>7}"
        f" resources {source.calls:>6} calls"
    )
    refused: dict[tuple[str, str], tuple[Fault, list[str]]] = {}
    for held in collector.model.all():
        if held.source == source.id:
            for operation, fault in held.resource.faults.items():
                refused.setdefault((operation, str(fault)), (fault, []))[1].append(held.resource.name)
    if source.error is not None and source.error.operation not in {operation for operation, _ in refused}:
        refused[source.error.operation, str(source.error)] = (source.error, [])
    last = dict(sorted(refused))
    for (operation, told_so), (fault, names) in sorted(refused.items()):
        where = f" on {len(names)} of {source.resources}, as {min(names)}" if names else ""
        yield f"      {fault}{where}"
        unknown = collector.model.registry.reading(operation) if last[operation] == told_so else ()
        if unknown and fault.kind is not FaultKind.DISABLED:
            yield f"      UNKNOWN {'there' if names else 'until then'}: {', '.join(unknown)}"
        elif fault.message not in ("", str(fault)) and not names:
            yield f"      {fault.message}"


def _polled(chosen: argparse.Namespace, timeout: Seconds) -> tuple[Collector, Config, str]:
    """Everything asked once, the configuration it was asked by, and what that is called."""
    with contextlib.ExitStack() as stack:
        keep_log(chosen.log_file)
        if chosen.demo:
            need_demo()
            config, origin = stack.enter_context(_demo()), "simulated tenants"
        else:
            config, file = configured(chosen.config)
            origin = named(file)
        config = config.only(chosen.tenant)
        collector = Collector(config, simulated=chosen.demo)
        asyncio.run(_poll(collector, timeout))
        return collector, config, origin


async def _poll(collector: Collector, timeout: Seconds) -> None:
    progress = asyncio.create_task(_progress(collector)) if sys.stderr.isatty() else None
    try:
        await collector.once(timeout)
    finally:
        if progress is not None:
            progress.cancel()
            sys.stderr.write("\r\x1b[K")


async def _progress(collector: Collector) -> None:
    while True:
        sources = collector.model.sources.values()
        ended = sum(source.last_attempt is not None and not source.polling for source in sources)
        sys.stderr.write(f"\r\x1b[K{ended} of {len(sources)} sources, {len(collector.model)} resources")
        sys.stderr.flush()
        await asyncio.sleep(0.2)


@contextlib.contextmanager
def _demo() -> Iterator[Config]:
    demo = Demo()
    try:
        yield demo.config
    finally:
        demo.stop()
