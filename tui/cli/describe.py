"""Commands that only describe: the controls and the schema."""

import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from posture.fault import ConfigError
from tui.cli.say import put, put_json

if TYPE_CHECKING:
    from posture.controls.registry import Control

WIDTH = 100


def controls(control_id: str | None) -> int:
    """List every control, or describe one in full. Raises `ConfigError` for an id there is not."""
    from posture.controls.registry import registry

    known = registry()
    if control_id is None:
        width = max(len(control.id) for control in known)
        put(
            "".join(f"{each.id:<{width}}  {each.severity.word:<8}  {each.cadence:<4}  {each.title}\n" for each in known)
        )
        return 0
    control = known.get(control_id)
    if control is None:
        raise _unknown(control_id, known)
    put("\n".join(_in_full(control, known.sentences)) + "\n")
    return 0


def _unknown(control_id: str, known: "Iterable[Control]") -> ConfigError:
    import difflib

    near = difflib.get_close_matches(control_id, [each.id for each in known], 3, 0.4)
    return ConfigError(
        f"controls {control_id}: no such control"
        + (f"; did you mean {' or '.join(near)}?" if near else "; `enctop controls` lists them")
    )


def _in_full(control: "Control", sentences: Mapping[str, str]) -> list[str]:
    lines = [
        control.id,
        (
            f"{control.title} ({control.severity.word}, {control.cadence}, {control.evidence_class}; judges"
            f" {control.subject})"
        ),
        "",
    ]
    lines += ["Verifies", *(_indented(f"{sentence}  {sentences[sentence]}") for sentence in control.verifies), ""]
    lines += ["Evidence", _indented(control.evidence), ""]
    lines += [
        "States",
        *(_indented(f"{status.word.upper()}: {text}") for status, text in sorted(control.states.items())),
        "",
    ]
    if control.events or control.unrecorded:
        lines += ["Events", _indented(", ".join(control.events) or control.unrecorded), ""]
    lines += ["Remedy", textwrap.indent(control.remedy, "  "), ""]
    lines += [
        "Maps to",
        *(_indented(f"{framework}: {', '.join(numbers)}") for framework, numbers in sorted(control.maps.items())),
    ]
    if control.traps:
        lines += ["", "Traps", _indented(control.traps)]
    return lines


def schema(of: str) -> int:
    """Print the JSON Schema of the snapshot, of the promises, or of the diff."""
    if of == "promises":
        from posture.promise_page import schema as made
    elif of == "diff":
        from posture.diff import schema as made
    else:
        from posture.snapshot import schema as made

    put_json(msgspec.json.format(msgspec.json.encode(made()), indent=2) + b"\n")
    return 0


def trust(file: Path, *, listing: bool, revoke: bool) -> int:
    """Trust a configuration as it is now, trust it no longer, or list what is trusted. Raises `ConfigError`."""
    from posture.text import one_line
    from providers.collector import trust as trusting

    if listing:
        put("".join(f"{digest}  {one_line(path)}  {state}\n" for path, digest, state in trusting.listed()))
    elif revoke:
        put(f"{one_line(str(trusting.revoke(file)))} is trusted no longer\n")
    else:
        trusted = trusting.trust(file)
        put(f"{one_line(str(trusted.path))} is trusted as it is now (SHA-256 {trusted.digest})\n")
    return 0


def _indented(text: str) -> str:
    return textwrap.fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
