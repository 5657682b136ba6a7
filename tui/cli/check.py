"""`enctop check`: every source asked once, and what will be UNKNOWN."""

import argparse
import time
from collections.abc import Iterator

from posture.fault import Fault, FaultKind, state_word
from posture.model import answered
from posture.snapshot import SourceEntry, take
from posture.source import ANSWERED
from posture.text import one_line
from providers.collector.collector import Collector
from tui.cli.once import polled
from tui.cli.say import put


def check(chosen: argparse.Namespace) -> int:
    """Ask every source once and tell, for each, whether it answered; where it did not, which permission would mend
    it and what is UNKNOWN until then.
    """
    collector, _, origin = polled(chosen, chosen.timeout)
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
