"""The collector as a process: frames over real pipes, and an end that leaves nothing behind."""

import asyncio
import contextlib
import json
import os
import signal
import struct
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from posture.snapshot import take, to_json
from posture.verdict import Status
from providers.collector.frames import (
    Detail,
    Encoder,
    Export,
    Findings,
    Gone,
    Hello,
    Notice,
    Open,
    Pause,
    Places,
    Refresh,
    Rows,
    Settled,
    Sources,
    TenantPromises,
    Timeline,
)
from providers.collector.publisher import Publisher
from providers.collector.replay import Replay
from tests.providers.collector.viewer import Viewer, shown
from tests.providers.conftest import SOON, Watch, configuration, until
from tests.world.aws import Aws

ROOT = Path(__file__).parents[3]


Start = Callable[..., Awaitable[Viewer]]


@pytest.fixture
async def start(aws: Aws, tmp_path: Path) -> AsyncIterator[Start]:
    """Start a collector with `--config` on the simulated AWS, or with other arguments; what is left at the end is
    killed.
    """
    started: list[Viewer] = []

    async def run(*arguments: str, program: tuple[str, ...] = ("-m", "providers.collector"), **named: Any) -> Viewer:
        if not arguments:
            (tmp_path / "enctop.toml").write_text(configuration(aws, **{"live": "1s", "warm": "1s", **named}))
            arguments = ("--config", str(tmp_path / "enctop.toml"))
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable, *program, *arguments, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT
        )
        started.append(Viewer(process))
        return started[-1]

    yield run
    for viewer in started:
        with contextlib.suppress(ProcessLookupError):
            viewer.process.kill()
        await viewer.process.wait()
        await viewer._reading
        viewer.process._transport.close()  # type: ignore[attr-defined]  # a grandchild may hold a pipe, which the loop would else be asked for after it is closed


def seed(aws: Aws, volumes: int = 3) -> list[str]:
    """Some volumes, the last one plaintext, and a bucket."""
    aws.buckets().make("b-1")
    return [aws.region().volume(encrypted=number < volumes - 1) for number in range(volumes)]


# ------------------------------------------------------------ what it says


async def test_it_says_hello_then_rows_page_by_page_then_that_all_have_answered(aws: Aws, start: Start) -> None:
    seed(aws, 1200)
    viewer = await (await start()).settled()
    hello = viewer.frames[0]
    assert isinstance(hello, Hello)
    assert (hello.tenants, hello.simulated, hello.frozen_at) == (("acme",), False, None)
    rows = [row for frame in viewer.all(Rows) for row in frame.rows]
    assert len({row.id for row in rows if ":volume/" in row.id}) == 1200
    assert max(len(frame.rows) for frame in viewer.all(Rows)) <= 500
    first_place, first_row = (
        next(i for i, frame in enumerate(viewer.frames) if isinstance(frame, kind)) for kind in (Places, Rows)
    )
    assert first_place < first_row
    states = {source.id: source.state for frame in viewer.all(Sources) for source in frame.sources}
    assert set(states.values()) == {"ok"}, "all of it was told before Settled"


async def test_a_poll_that_finds_nothing_new_sends_no_row_and_no_finding(aws: Aws, start: Start) -> None:
    seed(aws)
    viewer = await (await start()).settled()
    polls = aws.log.count("ec2:DescribeVolumes")
    await until(lambda: aws.log.count("ec2:DescribeVolumes") >= polls + 2)
    polls, known = aws.log.count("ec2:DescribeVolumes"), len(viewer.frames)
    await until(lambda: aws.log.count("ec2:DescribeVolumes") >= polls + 4)
    sent = [type(frame) for frame in viewer.frames[known:]]
    assert set(sent) <= {Sources, TenantPromises, Timeline}, "what the first poll ended is told a second after it"
    assert sent.count(TenantPromises) <= 1, "rolled up once a second: the last time for what came before"


async def test_what_changes_is_told_within_a_cadence_and_so_is_what_goes(aws: Aws, start: Start) -> None:
    volumes = seed(aws)
    viewer = await (await start()).settled()
    aws.region().encrypt(volumes[-1])
    aws.region().delete_volume(volumes[0])
    polls = aws.log.count("ec2:DescribeVolumes")
    await until(lambda: any(volumes[0] in frame.ids for frame in viewer.all(Gone)))
    await until(lambda: any(("aws.ebs.volume-encrypted", volumes[-1]) in frame.gone for frame in viewer.all(Findings)))
    assert aws.log.count("ec2:DescribeVolumes") - polls <= 6, (
        "two calls a poll: one poll under way, one that sees it, and one while it is told"
    )


async def test_a_resource_is_opened_and_one_that_is_not_there_too(aws: Aws, start: Start) -> None:
    volumes = seed(aws)
    viewer = await (await start()).settled()
    await viewer.ask(Open(volumes[-1]))
    detail = await viewer.told(Detail)
    assert detail.resource is not None
    assert detail.findings[0].finding.control == "aws.ebs.volume-encrypted"
    assert detail.findings[0].finding.status is Status.FAIL
    assert "aws ec2" in detail.findings[0].remedy
    await viewer.ask(Open("arn:nothing"))
    assert (await viewer.told(Detail, 1)).resource is None


async def test_it_is_refreshed_paused_and_let_go_on(aws: Aws, start: Start) -> None:
    seed(aws)
    viewer = await (await start(live="6h", warm="6h")).settled()
    polls = aws.log.count("ec2:DescribeVolumes")
    await viewer.ask(Refresh("acme/aws/123456789012/us-east-1/ebs"))
    await until(lambda: aws.log.count("ec2:DescribeVolumes") == polls + 2)
    await viewer.ask(Pause(True))
    await viewer.ask(Refresh())
    await asyncio.sleep(0.3)
    assert aws.log.count("ec2:DescribeVolumes") == polls + 2
    await viewer.ask(Pause(False))
    await until(lambda: aws.log.count("ec2:DescribeVolumes") == polls + 4)


async def test_it_exports_what_a_filter_selects_and_says_what_it_cannot(aws: Aws, start: Start, tmp_path: Path) -> None:
    seed(aws)
    viewer = await (await start()).settled()
    await viewer.ask(Export(str(tmp_path / "out.json"), "kind:volume status:fail"))
    assert (await viewer.told(Notice)).level == "information"
    exported = json.loads((tmp_path / "out.json").read_text())
    assert [entry["kind"] for entry in exported["resources"]] == ["volume"]
    assert (tmp_path / "out.json").stat().st_mode & 0o777 == 0o600
    for number, ask in enumerate(
        (Export(str(tmp_path / "no" / "out.json"), ""), Export(str(tmp_path / "x.json"), "status:(")), 1
    ):
        await viewer.ask(ask)
        assert (await viewer.told(Notice, number)).level in {"error", "information"}
    assert viewer.process.returncode is None


NOISY = """
import atexit, os, sys, threading, time
from providers.collector import collector
from providers.collector.__main__ import main
opened = collector.open_systems
def noise():
    while True:
        print('noise', flush=True)
        os.write(1, b'more noise')
        time.sleep(0.01)
def loud(*a):
    threading.Thread(target=noise, daemon=True).start()
    return opened(*a)
collector.open_systems = loud
sys.exit(main())
"""


async def test_what_a_library_prints_cannot_break_the_frames(aws: Aws, start: Start) -> None:
    seed(aws)
    viewer = await (await start(program=("-c", NOISY))).settled()
    await viewer.ask(Open("arn:nothing"))
    await viewer.told(Detail)


IN_A_CIRCLE = """
import gc, sys, weakref
from posture import memory
from providers.collector.__main__ import main

class Circle:
    pass

def leave_one():
    freeze()
    circle = Circle()
    circle.itself = circle
    weakref.finalize(circle, sys.stderr.write, "freed\\n")

freeze, gc.freeze = gc.freeze, leave_one
memory.EVERY = 0.1
gc.disable()
sys.exit(main())
"""


async def test_what_only_the_garbage_collector_frees_is_freed_every_minute(aws: Aws, start: Start) -> None:
    viewer = await (await start(program=("-c", IN_A_CIRCLE))).settled()
    assert viewer.process.stderr is not None
    assert await asyncio.wait_for(viewer.process.stderr.readline(), SOON) == b"freed\n"


# ------------------------------------------------------------ how it ends


async def test_it_ends_at_once_when_its_viewer_leaves_even_while_aws_hangs(aws: Aws, start: Start) -> None:
    seed(aws)
    rule = aws.faults.hang("*")
    try:
        viewer = await start()
        await until(lambda: len(aws.log) > 0)
        assert viewer.process.stdin is not None
        began = time.monotonic()
        viewer.process.stdin.close()
        assert await viewer.ended() == (0, "")
        assert time.monotonic() - began < 10  # half of what a question under way would take
    finally:
        aws.faults.remove(rule)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_it_ends_at_once_on_a_signal(aws: Aws, start: Start, number: signal.Signals) -> None:
    seed(aws)
    viewer = await (await start()).settled()
    began = time.monotonic()
    viewer.process.send_signal(number)
    assert await viewer.ended() == (0, "")
    assert time.monotonic() - began < 10  # half of what a question under way would take


async def test_it_ends_when_nobody_reads_what_it_says(aws: Aws, start: Start) -> None:
    seed(aws)
    viewer = await (await start()).settled()
    viewer._reading.cancel()
    transport: Any = viewer.process._transport  # type: ignore[attr-defined]
    transport.get_pipe_transport(1).close()
    code = await asyncio.wait_for(viewer.process.wait(), SOON)
    assert viewer.process.stderr is not None
    assert (code, (await viewer.process.stderr.read()).decode()) == (0, "")
    with contextlib.suppress(asyncio.CancelledError):
        await viewer._reading
    viewer._reading = asyncio.create_task(asyncio.sleep(0))


@pytest.mark.parametrize(
    "garbage",
    [b"\x00\x00\x00\x03abc", struct.pack(">I", 1 << 31), b"GET / HTTP/1.1\r\n\r\n", Encoder().encode(Settled())],
)
async def test_what_is_no_ask_ends_it_in_good_order(aws: Aws, start: Start, garbage: bytes) -> None:
    viewer = await start(live="6h", warm="6h")
    await viewer.told(Hello)
    viewer.send(garbage)
    assert await viewer.ended(30) == (0, "")


KILLED_VIEWER = """
import subprocess, sys, time
command = [sys.executable, "-m", "providers.collector", *sys.argv[1:]]
serve = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
serve.stdout.read(4)
print(serve.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("arguments", [(), ("--demo",)])
async def test_a_viewer_that_is_killed_takes_everything_with_it(
    aws: Aws, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    seed(aws)
    (tmp_path / "enctop.toml").write_text(configuration(aws))
    arguments = arguments or ("--config", str(tmp_path / "enctop.toml"))
    viewer = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED_VIEWER, *arguments, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert viewer.stdout is not None
    collector = psutil.Process(int(await asyncio.wait_for(viewer.stdout.readline(), 30)))
    family = [collector, *collector.children(recursive=True)]
    assert len(family) == (5 if "--demo" in arguments else 1), (
        "the demo has AWS, Vault with the shell that minds it, and one that minds what is written"
    )
    viewer.kill()
    await viewer.wait()
    await until(lambda: not any(_alive(process) for process in family), 60)
    viewer._transport.close()  # type: ignore[attr-defined]  # asyncio shows no other way; its end of the pipe, which the loop would else be asked for after it is closed


async def test_a_demos_servers_end_with_a_collector_that_is_killed(start: Start) -> None:
    viewer = await start("--demo")
    assert (await viewer.told(Hello)).simulated
    servers = psutil.Process(viewer.process.pid).children(recursive=True)
    assert len(servers) == 4
    viewer.process.kill()
    await until(lambda: not any(_alive(process) for process in servers), 60)


def _alive(process: psutil.Process) -> bool:
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[tenant]]\nname = 1", "tenant[0].name"),
        ("[pol]\n", "did you mean poll"),
        ("", "there is none"),
        ("[[tenant]]\nname = 'a'\n[[tenant.aws]]\nsecret_access_key = 'x'", "no secret ever stands in this file"),
        ("[[tenant]\n", "not TOML"),
    ],
)
async def test_a_configuration_that_cannot_be_used_is_one_line_and_exit_2(
    start: Start, tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "bad.toml").write_text(text)
    code, words = await (await start("--config", str(tmp_path / "bad.toml"))).ended()
    assert code == 2
    assert len(words.splitlines()) == 1
    assert said in words


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "/nowhere.toml"),
        ("--file", "/nowhere.json"),
        ("--log-file", "/nowhere/log"),
        ("--file", os.devnull),
    ],
)
async def test_a_file_that_is_not_there_is_one_line_and_exit_2(start: Start, arguments: tuple[str, ...]) -> None:
    code, words = await (await start(*arguments)).ended()
    assert (code, len(words.splitlines())) == (2, 1)


# ------------------------------------------------------------ a snapshot


async def test_a_snapshot_is_replayed_as_it_was(
    aws: Aws, watch: Callable[..., Watch], start: Start, tmp_path: Path
) -> None:
    golden = aws.golden()
    aws.faults.deny("kms:DescribeKey", golden.cases[8])
    aws.faults.refuse("eu-west-3")
    seen = await watch(("us-east-1", "eu-west-3")).poll()
    model = seen.model
    frames = list(Publisher(model).frames(model.drain()))
    file = tmp_path / "snapshot.json"
    file.write_bytes(to_json(take(model, model.now, "test")))
    viewer = await (await start("--file", str(file))).settled()
    assert viewer.all(Hello)[0].frozen_at is not None
    live, again = shown(frames), shown(viewer.frames)
    for what, held in live.items():
        assert again[what].keys() == held.keys()
        assert [(key, again[what][key], one) for key, one in held.items() if again[what][key] != one] == []
    some = next(iter(golden.cases.values()))
    await viewer.ask(Open(some))
    detail = await viewer.told(Detail)
    mine = Publisher(model).detail(some)
    assert [(one.finding.control, one.finding.status, one.finding.reason) for one in detail.findings] == [
        (one.finding.control, one.finding.status, one.finding.reason) for one in mine.findings
    ]
    await viewer.ask(Refresh())
    assert "nothing is polled" in (await viewer.told(Notice)).text
    await viewer.ask(Export(str(tmp_path / "again.json"), ""))
    await viewer.told(Notice, 1)
    assert (tmp_path / "again.json").read_bytes() == file.read_bytes()
    assert viewer.process.stdin is not None
    viewer.process.stdin.close()
    assert await viewer.ended(30) == (0, "")


def test_a_snapshot_that_is_none_is_refused_with_one_line(tmp_path: Path) -> None:
    from posture.fault import SnapshotError

    (tmp_path / "x.json").write_text('{"schema": "other/1"}')
    with pytest.raises(SnapshotError):
        Replay(tmp_path / "x.json")
