"""Opens the dashboard. Textual is imported only after the collector was started, so that both begin at once."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from posture.filter import parse
from tui.cli.say import tell
from tui.data.process import Collector


def run(
    collector: Sequence[str],
    *,
    view: str = "overview",
    query: str = "",
    export_dir: Path,
    log_file: Path | None = None,
    origin: str = "",
) -> int:
    """Open the dashboard on a collector and stay until it is left; returns the exit code.

    `collector` is the command of a process that writes the frames of `providers.collector.frames` on stdout and reads
    asks on stdin; it ends when its stdin does. `view` is one of `tui.app.Dashboard.VIEWS`, `query` a filter,
    `export_dir` where `e` writes, `origin` the name of the configuration. What goes wrong goes to `log_file`, and what
    the collector says on stderr. Codes: 0 left, 2 there is no usable terminal or the collector refused its
    configuration (one line on stderr), 130 interrupted, 129 and 143 on a signal. Raises `FilterError` for a `query`
    that cannot be read, `ConfigError` for a `log_file` that cannot be written.
    """
    parse(query)
    if (problem := unusable()) is not None:
        tell(problem)
        return 2
    if log_file is not None:
        from providers.collector.__main__ import keep_log

        keep_log(log_file)
    child = Collector(collector, log_file)
    try:
        child.start()
    except OSError as error:
        tell(f"cannot start the collector: {error}")
        return 2
    try:
        return _shown(child, view, query, export_dir, origin)
    except KeyboardInterrupt:  # before the dashboard took the keyboard over
        return 130
    finally:
        child.stop()


def _shown(child: Collector, view: str, query: str, export_dir: Path, origin: str) -> int:
    from tui.app import Dashboard
    from tui.data.link import Feed
    from tui.data.replica import Replica

    app = Dashboard(Feed(child, Replica()), view=view, query=query, export_dir=export_dir, origin=origin)
    app.run()
    if app.refused:
        tell(app.refused.removeprefix("enctop: "))
    return app.return_code or 0


def unusable() -> str | None:
    """Why no dashboard can be drawn here, or None."""
    for stream, name in ((sys.__stdin__, "input"), (sys.__stdout__, "output"), (sys.__stderr__, "error output")):
        if stream is None or not stream.isatty():
            return (
                f"the dashboard needs a terminal, and standard {name} is not one; `enctop snapshot` writes JSON"
                " without one"
            )
    if os.environ.get("TERM", "") in {"", "dumb"}:
        return (
            f"the dashboard cannot draw on TERM={os.environ.get('TERM') or '(unset)'}; set TERM to what your terminal"
            " is, as in TERM=xterm-256color"
        )
    return None
