"""The command line: reads the arguments, and imports only what the command needs."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from providers import SYSTEMS
from tui.cli.say import UnwritableError, named, tell

DONE, FOUND, USAGE, INCOMPLETE, INTERRUPTED = 0, 1, 2, 3, 130
FORMATS = ("json", "jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run enctop; returns the exit code (README, "Exit codes"). Whatever a user can cause ends in one line on
    standard error.
    """
    # a time of the past may be written `-1h`, which is no option
    arguments = [
        re.sub(r"^-(\d+(?:\.\d+)?[smhd])$", r"\1", one) for one in (sys.argv[1:] if arguments is None else arguments)
    ]
    if list(arguments) in (["--version"], ["-V"]):
        from providers.collector.version import enctop_version

        sys.stdout.write(f"enctop {enctop_version()}\n")
        return DONE
    from posture.fault import EnctopError
    from providers.child import rooted

    os.environ["PATH"] = rooted(os.environ.get("PATH", os.defpath))  # a tool is never taken from the working directory
    chosen = _parser().parse_args(arguments)
    if chosen.no_color:
        os.environ["NO_COLOR"] = "1"
    try:
        return _run(chosen)
    except EnctopError as error:
        tell(str(error))
        return USAGE
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # `enctop controls | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except UnwritableError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        tell(str(error))
        return USAGE


def _run(chosen: argparse.Namespace) -> int:
    match chosen.command:
        case None | "demo" | "view":
            return _dashboard(chosen)
        case "snapshot" | "check" | "promises" | "who" | "policy" as name:
            code: int = getattr(import_module(f"tui.cli.{name}"), name)(chosen)
            return code
        case "history":
            from tui.cli.history import history

            return history(chosen)
        case "replay":
            from tui.cli.history import replay

            return replay(chosen)
        case "diff":
            from tui.cli.diff import compare

            return compare(chosen)
        case _:
            return _describe(chosen)


def _describe(chosen: argparse.Namespace) -> int:
    """What asks nobody and looks at nothing that was seen."""
    match chosen.command:
        case "controls":
            from tui.cli.describe import controls

            return controls(chosen.id)
        case "trust":
            from tui.cli.describe import trust

            return trust(chosen.file, listing=chosen.listing, revoke=chosen.revoke)
        case _:
            from tui.cli.describe import schema

            return schema(chosen.of)


def _dashboard(chosen: argparse.Namespace) -> int:
    """Check what can be checked before the screen is taken, then start the collector and show it."""
    from posture.filter import parse
    from providers.child import command

    parse(chosen.filter)
    query, serve, origin = chosen.filter, command("providers.collector"), ""
    if chosen.log_file is not None:
        serve += ["--log-file", str(chosen.log_file)]
    if chosen.command == "demo":
        from providers.collector.__main__ import need_demo

        need_demo()
        serve.append("--demo")
        origin = "simulated tenants"
    elif chosen.command == "view":
        what, tenants = _on_file(chosen.file)
        query = _tenants_of(tenants, chosen.tenant, query)
        serve += ["--file", str(chosen.file)]
        origin = f"{what} {chosen.file}"
    else:
        from providers.collector.config import configured

        config, file = configured(chosen.config)
        query = config.only(chosen.tenant).narrowed(query, chosen.tenant)
        serve += ["--config", str(file.path)] if file is not None else []
        serve += ["--digest", file.digest] if file is not None and file.digest is not None else []
        origin = named(file)
    serve += [part for name in chosen.tenant for part in ("--tenant", name)]
    from tui.cli.open import run

    return run(serve, view=chosen.view, query=query, export_dir=Path.cwd(), log_file=chosen.log_file, origin=origin)


def _on_file(file: Path) -> tuple[str, Sequence[str]]:
    """What a file holds, and of whom. Raises `SnapshotError` or `HistoryError`."""
    from providers.collector.history.schema import is_history

    if not is_history(file):
        from providers.collector.files import read_snapshot

        return "snapshot", read_snapshot(file).scope.tenants
    from providers.collector.history.past import tenants_of

    return "history", tenants_of(file)


def _tenants_of(known: Sequence[str], wanted: Sequence[str], query: str) -> str:
    """The filter that shows these tenants of a snapshot only. Raises `ConfigError` for one it has not."""
    from posture.fault import ConfigError

    for name in wanted:
        if name not in known:
            raise ConfigError(f"--tenant {name}: no such tenant in the file; there are {', '.join(known) or 'none'}")
    return f"tenant:{','.join(wanted)} {query}".strip() if wanted else query


class _Parser(argparse.ArgumentParser):
    """One that is brief when it is misused."""

    def error(self, message: str) -> NoReturn:
        """One line, and the exit code of every other wrong input."""
        tell(f"{message.removeprefix('argument ')}; see {self.prog} --help")
        self.exit(USAGE)


def _parser() -> _Parser:
    parser = _Parser(
        prog="enctop",
        description=(
            "top for encryption: shows live, per tenant, whether what a security page promises is true now. Read-only."
        ),
        epilog="Without a command: the dashboard.",
        parents=[_common()],
    )
    parser.add_argument("-V", "--version", action="store_true", help="print the version")
    parser.set_defaults(config=None, tenant=[], filter="", view="overview", log_file=None, no_color=False)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, about, add in COMMANDS:
        add(commands.add_parser(name, parents=[_common()], help=about))
    return parser


def _common() -> _Parser:
    """Options every command takes, before or after its name. New ones each time: parsers that share them share their
    defaults, and lose what came first.
    """
    from tui.views import views

    common = _Parser(add_help=False, argument_default=argparse.SUPPRESS)
    common.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="default: ./enctop.toml (see `enctop trust`), else the user's, else the credentials that are there",
    )
    common.add_argument("--tenant", action="append", metavar="NAME", help="only this tenant (repeatable)")
    common.add_argument("--filter", metavar="QUERY", help="as in the dashboard: 'status:fail kind:volume region:eu*'")
    common.add_argument("--view", choices=[view.name for view in views()], help="the view to open on")
    common.add_argument("--log-file", type=Path, metavar="FILE", help="what went wrong, in full; never a secret")
    common.add_argument("--no-color", action="store_true", help="no colours; NO_COLOR works too")
    return common


def _snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--demo", action="store_true", help="of the simulated tenants")
    parser.add_argument(
        "--timeout", type=_positive, default=300.0, metavar="SECONDS", help="for everything together (default 300)"
    )
    parser.add_argument("--at", metavar="TIME", help="how it was then, from the history; nothing is polled: 1h, 03:10")
    parser.add_argument("--format", choices=FORMATS, default="json", help="json: one object; jsonl: one finding a line")
    _exits(parser, "exit 1 if a finding is this bad, or worse; new: if one FAILs that did not in --baseline", "new")
    parser.add_argument("--baseline", metavar="FILE", help="an earlier snapshot, for --fail-on new")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--pretty", action="store_true", default=True, help="indented (default)")
    shape.add_argument("--compact", dest="pretty", action="store_false", help="one line")


def _history(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID", help="of one resource; `export` cuts a part out (-o)")
    parser.add_argument("--since", default="24h", metavar="TIME", help="from then on: 24h, 03:10, 2026-11-27T03:10Z")
    parser.add_argument("--format", choices=("text", "json", "jsonl"), default="text")
    parser.add_argument("--from", dest="first", metavar="TIME", help="export: the beginning of the part")
    parser.add_argument("--to", dest="last", default="now", metavar="TIME", help="export: its end (default now)")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="export: where the part is written")


def _replay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--at", metavar="TIME", help="the time that is shown first (default: the last): 1h, 03:10")


def _promises(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format", choices=("text", "json", "md"), default="text", help="md: the page for an answer to a customer"
    )
    parser.add_argument("--names", action="store_true", help="name the resources in json and md")
    parser.add_argument("--timeout", type=_positive, default=300.0, metavar="SECONDS", help="as of snapshot")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument("--demo", action="store_true", help="of the simulated tenants")
    origin.add_argument("--from", dest="file", type=Path, metavar="FILE", help="of a snapshot; nothing is polled")
    _exits(parser, "exit 1 if a sentence is this bad for a tenant, or worse")


def _diff(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "old", metavar="OLD", help="a snapshot, or a time of the history: 1h, 03:10; - is standard input"
    )
    parser.add_argument("new", metavar="NEW", help="a later one; now is the last time of the history")
    parser.add_argument("--format", choices=("text", "json", "md"), default="text", help="md: for a ticket")
    parser.add_argument(
        "--fail-on",
        choices=("worse", "new-fail", "any"),
        help="exit 1 if a verdict is worse, if one FAILs that did not, if anything changed",
    )


def _exits(parser: argparse.ArgumentParser, fail_on: str, *more: str) -> None:
    parser.add_argument("--fail-on", choices=("fail", "warn", "unknown", *more), help=fail_on)
    parser.add_argument("--require-complete", action="store_true", help="exit 3 if a source did not answer")


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--timeout", type=_positive, default=60.0, metavar="SECONDS")
    parser.add_argument("--demo", action="store_true", help="the simulated tenants")


def _who(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="of a resource: its id, or its name where no other has it")
    parser.add_argument("--control", metavar="CONTROL", help="default: every control that fails or warns")
    parser.add_argument("--timeout", type=_positive, default=300.0, metavar="SECONDS", help="as of snapshot")
    parser.add_argument("--demo", action="store_true", help="of the simulated tenants")


def _policy(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("provider", metavar="SYSTEM", help=", ".join(room.rpartition(".")[2] for room in SYSTEMS))
    parser.add_argument(
        "--with",
        dest="needs",
        action="append",
        metavar="SETTING",
        default=[],
        help="add what this setting needs (repeatable); its README lists them",
    )
    parser.add_argument(
        "--without",
        action="append",
        metavar="RIGHT",
        default=[],
        help="vault: sudo, the tier without it, and what it loses",
    )


def _trust(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file", nargs="?", type=Path, default=Path("enctop.toml"), metavar="FILE", help="default: ./enctop.toml"
    )
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--list", dest="listing", action="store_true", help="show what is trusted")
    act.add_argument("--revoke", action="store_true", help="trust it no longer")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 86400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 86400")
    return value


def _view(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")


def _controls(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", nargs="?", metavar="ID")


def _schema(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "of",
        nargs="?",
        choices=("snapshot", "promises", "diff"),
        default="snapshot",
        help="which JSON (default snapshot)",
    )


def _nothing(parser: argparse.ArgumentParser) -> None:
    """What takes no more than every command does."""


COMMANDS: tuple[tuple[str, str, Callable[[argparse.ArgumentParser], None]], ...] = (
    ("demo", "the dashboard on simulated tenants; needs no account and no network", _nothing),
    ("snapshot", "poll everything once and write what was seen as JSON", _snapshot),
    ("history", "tell what became otherwise, from the history that the dashboard keeps", _history),
    ("replay", "the dashboard on the past: [ and ] step by what became otherwise, { and } by the hour", _replay),
    ("view", "open a snapshot, or a part of a history, in the dashboard, offline", _view),
    ("diff", "say what changed between two snapshots", _diff),
    ("check", "try every source and say what will be UNKNOWN, and which permission would mend it", _check),
    ("promises", "say how each sentence of the encryption document stands, for each tenant", _promises),
    ("who", "poll everything once, and say who changed a resource", _who),
    ("controls", "list the controls, or describe one", _controls),
    ("policy", "print the least-privilege read-only policy of a provider", _policy),
    ("trust", "allow ./enctop.toml, as it is now, to say where credentials go; --list, --revoke", _trust),
    ("schema", "print the JSON Schema of the snapshot, the promises or the diff", _schema),
)
"""Name, what it does, and what it takes beside the common options."""


if __name__ == "__main__":
    sys.exit(main())
