"""Commands that poll once and end: snapshot and check."""

import argparse
import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from posture.clock import Seconds
from posture.fault import Fault, FaultKind
from posture.filter import parse
from posture.model import answered
from posture.snapshot import SourceEntry, take, to_json, to_jsonl, write
from posture.source import ANSWERED
from posture.text import one_line
from providers.collector import Collector
from providers.config import AMBIENT, Config, find, load
from providers.serve import Demo, keep_log, need_demo

WORSE = {"fail": ("fail",), "unknown": ("fail", "unknown"), "warn": ("fail", "unknown", "warn")}


def snapshot(chosen: argparse.Namespace) -> int:
    """Poll everything once, write what was seen, and say by the exit code what the caller asked to be told."""
    parse(chosen.filter)
    collector, config = _polled(chosen, chosen.timeout)
    query = config.narrowed(chosen.filter, chosen.tenant)
    taken = take(collector.model, time.time(), collector.version, query=query, simulated=collector.simulated)
    body = to_jsonl(taken) if chosen.format == "jsonl" else to_json(taken, pretty=chosen.pretty)
    if chosen.output is None:
        sys.stdout.buffer.write(body)
        sys.stdout.flush()
    else:
        write(chosen.output, body)
    if chosen.require_complete and not taken.complete:
        missing = [source.id for source in taken.sources if source.state not in ANSWERED]
        sys.stderr.write(f"enctop: {len(missing)} of {len(taken.sources)} sources did not answer, first {missing[0]}\n")
        return 3
    return 1 if chosen.fail_on and any(taken.summary.findings[word] for word in WORSE[chosen.fail_on]) else 0


def check(chosen: argparse.Namespace) -> int:
    """Ask every source once and tell, for each, whether it answered; where it did not, which permission would mend it and what is UNKNOWN until then."""
    collector, _ = _polled(chosen, chosen.timeout)
    taken = take(collector.model, time.time(), collector.version)
    tenant = ""
    for source in taken.sources:
        if source.tenant != tenant:
            tenant = source.tenant
            sys.stdout.write(f"{tenant}\n")
        sys.stdout.write("".join(f"{one_line(text)}\n" for text in _line(source, collector).splitlines()))
    silent = sum(source.state not in ANSWERED for source in taken.sources)
    sys.stdout.write(f"{len(taken.sources) - silent} of {len(taken.sources)} sources answered in full\n")
    return 0 if answered(collector.model.sources.values()) else 3


def _line(source: SourceEntry, collector: Collector) -> str:
    """A source in a line, and under it every kind of refusal with what it hides."""
    mark = {"ok": "+", "disabled": "-"}.get(source.state, "!")
    text = f"  {mark} {source.id.split('/', 1)[1]:<44} {source.state:<12}{source.resources:>7} resources {source.calls:>6} calls\n"
    refused: dict[tuple[str, str], tuple[Fault, list[str]]] = {}
    for held in collector.model.all():
        if held.source == source.id:
            for operation, fault in held.resource.faults.items():
                refused.setdefault((operation, str(fault)), (fault, []))[1].append(held.resource.name)
    if source.error is not None and source.error.operation not in {operation for operation, _ in refused}:
        refused[source.error.operation, str(source.error)] = (source.error, [])
    last = dict(sorted(refused))
    for (operation, told), (fault, names) in sorted(refused.items()):
        where = f" on {len(names)} of {source.resources}, as {min(names)}" if names else ""
        text += f"      {fault}{where}\n"
        unknown = collector.model.registry.reading(operation) if last[operation] == told else ()
        if unknown and fault.kind is not FaultKind.DISABLED:
            text += f"      UNKNOWN {'there' if names else 'until then'}: {', '.join(unknown)}\n"
        elif fault.message not in ("", str(fault)) and not names:
            text += f"      {fault.message}\n"
    return text


def _polled(chosen: argparse.Namespace, timeout: Seconds) -> tuple[Collector, Config]:
    with contextlib.ExitStack() as stack:
        keep_log(chosen.log_file)
        if chosen.demo:
            need_demo()
            config = stack.enter_context(_demo())
        else:
            path: Path | None = find(chosen.config)
            config = AMBIENT if path is None else load(path)
        config = config.only(chosen.tenant)
        collector = Collector(config, simulated=chosen.demo)
        asyncio.run(_poll(collector, timeout))
        return collector, config


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
