"""A collector that makes its world up: the frames of `providers.collector.frames`, with as many rows and as many
changes a second as asked for.

    python tests/bench/synthetic.py --rows 100000 --rate 1000

Reads asks on stdin and answers them; ends when stdin does. Asks can be recorded with `--asks FILE`, one a line, for
tests to read.
"""

import argparse
import os
import select
import sys
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[2]))

from posture.verdict import Severity, Status
from providers.collector.frames import (
    Ask,
    Decoder,
    Encoder,
    Export,
    Findings,
    Frame,
    Gone,
    Notice,
    Open,
    Pause,
    Refresh,
    Rows,
    Sources,
)
from tests.bench.synthetic_world import WORDS, World


class Collector:
    """The loop: frames out, asks in."""

    def __init__(self, world: World, args: argparse.Namespace) -> None:
        self.world, self.args = world, args
        self.encoder, self.asks = Encoder(), Decoder(Ask)
        self.paused = False

    def send(self, *frames: Frame) -> None:
        """Write frames whole, however slowly the viewer reads."""
        data = memoryview(b"".join(map(self.encoder.encode, frames)))
        while data:
            data = data[os.write(1, data) :]

    def run(self) -> int:
        """Until stdin ends, or as the arguments say."""
        if self.args.slow:
            time.sleep(self.args.slow)
        frames = list(self.world.frames())
        for frame in frames[:-1] if self.args.never_settle else frames:
            self.send(frame)
            if self.args.page_delay:
                time.sleep(self.args.page_delay)
        started = last = time.monotonic()
        while True:
            tick = 0.05 if self.args.rate or self.args.crash_after else 1.0
            readable, _, _ = select.select([0], [], [], max(0.0, last + tick - time.monotonic()))
            if readable:
                data = os.read(0, 1 << 16)
                if not data:
                    return 0
                for ask in self.asks.feed(data):
                    self.answer(ask)
            if self.args.crash_after and time.monotonic() - started > self.args.crash_after:
                print("Traceback ...\nMemoryError: the synthetic collector was told to crash", file=sys.stderr)  # noqa: T201
                return 3
            if time.monotonic() - last >= tick:
                last = time.monotonic()
                if self.args.rate and not self.paused:
                    self.send(*self.world.changes(max(1, int(self.args.rate * tick))))

    def answer(self, ask: Ask) -> None:
        """As a real collector would, and a line in `--asks` for the test."""
        if self.args.asks:
            with Path(self.args.asks).open("a") as file:
                file.write(repr(ask) + "\n")
        match ask:
            case Open(key):
                self.send(self.world.detail(key))
            case Export(path, query):
                Path(path).write_text("{}")
                self.send(Notice("information", f"wrote {path} ({query})"))
            case Pause(on):
                self.paused = on
            case Refresh(source):
                self.world.now = time.time()
                self.send(
                    Sources(tuple(self.world.sources())), Notice("information", f"refreshed {source or 'everything'}")
                )
                if self.args.mend:
                    self.mend()

    def mend(self) -> None:
        """Refresh repairs the first failing volume and deletes the second."""
        bad = [
            row
            for row in self.world.rows.values()
            if row.status == Status.FAIL and self.world.places[row.place].kind == "volume"
        ]
        bad.sort(key=lambda row: row.name)
        for row in bad[1:2]:
            del self.world.rows[row.id]
            self.send(Gone((row.id,)), Findings((), ((WORDS["volume"][0], row.id),)))
        for row in bad[:1]:
            good = msgspec.structs.replace(
                row, status=Status.PASS, severity=Severity.INFO, reason="Encrypted is true", since=time.time()
            )
            self.world.rows[row.id] = good
            self.send(Rows((good,)), Findings((), ((WORDS["volume"][0], row.id),)))


def main() -> int:
    """Run the collector; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--most", choices=("volume", "lease"), default="volume", help="the kind of most rows")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=0.0, help="changes a second")
    parser.add_argument("--page-delay", type=float, default=0.0, help="seconds between two frames at the start")
    parser.add_argument("--slow", type=float, default=0.0, help="seconds before the first frame")
    parser.add_argument("--crash-after", type=float, default=0.0, help="seconds after the start")
    parser.add_argument("--never-settle", action="store_true")
    parser.add_argument("--mend", action="store_true", help="a refresh changes the world")
    parser.add_argument("--healthy", action="store_true", help="no source is denied or throttled")
    parser.add_argument("--asks", default="", help="file that each ask is appended to")
    args = parser.parse_args()
    return Collector(World(args.rows, args.seed, denied=not args.healthy, most=args.most), args).run()


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except BrokenPipeError:
        raise SystemExit(0) from None
