"""Everything polled once, for the commands that look and end."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator

from posture.clock import Seconds
from providers.collector.__main__ import Demo, keep_log, need_demo
from providers.collector.collector import Collector
from providers.collector.config import Config, configured
from tui.cli.say import named


def polled(chosen: argparse.Namespace, timeout: Seconds) -> tuple[Collector, Config, str]:
    """Everything asked once, the configuration it was asked by, and what that is called."""
    with contextlib.ExitStack() as stack:
        keep_log(chosen.log_file)
        if chosen.demo:
            need_demo()
            config, file, origin = stack.enter_context(_demo()), None, "simulated tenants"
        else:
            config, file = configured(chosen.config)
            origin = named(file)
        config = config.only(chosen.tenant)
        collector = Collector(config, file=None if file is None else file.path, simulated=chosen.demo)
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
