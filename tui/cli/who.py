"""`enctop who`: everything polled once, and then the log of the resource's own system asked who changed it.

It is polled, for only then it is known what fails, since when, and where it is: the region that served a change is not
in every id.
"""

import argparse
import textwrap
import time

from posture.entry import Entry
from posture.fault import ConfigError
from posture.model import Model
from posture.rollup import OWN
from posture.text import clean, nearest, one_line
from posture.verdict import Finding, Status, shown
from posture.who import Who, words
from providers.collector.collector import Collector
from tui.cli.once import polled
from tui.cli.say import put

MOST_NAMED = 5


def who(chosen: argparse.Namespace) -> int:
    """Say who changed a resource. Raises `ConfigError` for one that was not seen."""
    answers: list[tuple[Finding, Who | None]] = []
    found: list[Entry] = []

    async def ask(collector: Collector) -> None:
        collector.model.tick(time.time())
        entry = _entry(collector.model, chosen.id)
        found.append(entry)
        answers.extend(
            [
                (finding, await collector.whos.ask(entry.resource.id, finding.control))
                for finding in _findings(entry, chosen.control)
            ]
        )

    polled(chosen, chosen.timeout, ask)
    resource = found[0].resource
    put(f"{one_line(resource.id)}\n{one_line(f'{resource.type} {resource.name}, {resource.tenant}')}\n")
    for finding, answered in answers:
        put("\n" + "".join(f"{line}\n" for line in _lines(finding, answered)))
    if not answers:
        put("\nnothing fails or warns here; --control names a verdict that is as promised\n")
    return 0


def _entry(model: Model, named: str) -> Entry:
    """The resource of this id, or the only one of this name. Raises `ConfigError`."""
    if (entry := model.entry(named)) is not None:
        return entry
    own = [each for each in model.all() if each.resource.provider != OWN]
    found = [each for each in own if named in {each.resource.name, each.resource.id.rpartition("/")[2]}]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(sorted(one_line(each.resource.id) for each in found)[:MOST_NAMED])
        raise ConfigError(f"who {named}: {len(found)} resources have this name; name one by its id: {ids}")
    near = nearest(named, (each.resource.name for each in own))
    raise ConfigError(f"who {named}: no such resource was seen{near}; `enctop check` says which sources did not answer")


def _findings(entry: Entry, control: str | None) -> list[Finding]:
    if control is None:
        found = (one for one in entry.findings.values() if shown(one) and one.status is not Status.UNKNOWN)
        return sorted(found, key=lambda one: (one.status, one.severity, one.control))
    if control not in entry.findings:
        there = ", ".join(sorted(entry.findings)) or "none"
        raise ConfigError(
            f"who --control {control}: does not judge it{nearest(control, entry.findings)}; there are {there}"
        )
    return [entry.findings[control]]


def _lines(finding: Finding, answered: Who | None) -> list[str]:
    head = f"{finding.status.word.upper()} {finding.control}: {clean(finding.reason)}"
    lines = [head]
    for label, text in words(answered, time.time()) if answered is not None else ():
        lines += textwrap.wrap(
            clean(text), 100, initial_indent=f"  {label:<10}", subsequent_indent=" " * 12, break_on_hyphens=False
        )
    return lines
