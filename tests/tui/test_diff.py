"""`enctop diff`, and `snapshot --baseline`, as a person or a script meets them."""

import io
import json
import os
import socketserver
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from posture.snapshot import Snapshot, to_json
from tests.posture.snapshots import EBS, LATER, finding, resource, snapshot, source
from tui.cli.diff import written
from tui.cli.main import main

Files = Callable[..., tuple[str, str]]
BEFORE = snapshot([resource(), resource("vol-2")], [finding("pass"), finding("fail", "vol-2")])
WORSE = snapshot([resource(), resource("vol-2")], [finding("fail"), finding("fail", "vol-2")], at=LATER)
BETTER = snapshot([resource(), resource("vol-2")], [finding("pass"), finding("pass", "vol-2")], at=LATER)
SILENT = snapshot(
    [resource(), resource("vol-2")], [finding("pass"), finding("unknown", "vol-2")], [source(EBS, "denied")], at=LATER
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Two snapshots on file."""

    def make(old: Snapshot = BEFORE, new: Snapshot = WORSE) -> tuple[str, str]:
        names = []
        for name, one in (("old", old), ("new", new)):
            (path := tmp_path / f"{name}.json").write_bytes(to_json(one))
            names.append(str(path))
        return names[0], names[1]

    return make


def test_of_a_snapshot_with_itself_it_prints_nothing(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    old, _ = files()
    for fail_on in ("worse", "new-fail", "any"):
        assert main(["diff", old, old, "--fail-on", fail_on]) == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("new", "reached"),
    [
        (WORSE, {"worse": "1 worse", "new-fail": "1 new FAIL", "any": "1 change"}),
        (BETTER, {"any": "1 change"}),
        (SILENT, {"any": "2 changes"}),
    ],
)
def test_the_exit_code_tells_what_was_asked(
    new: Snapshot, reached: dict[str, str], files: Files, capsys: pytest.CaptureFixture[str]
) -> None:
    for fail_on in ("worse", "new-fail", "any"):
        code = main(["diff", *files(new=new), "--fail-on", fail_on])
        err = capsys.readouterr().err
        assert code == (fail_on in reached)
        assert err.count("\n") == code
        if code:
            assert err.startswith(f"enctop: {reached[fail_on]} reached --fail-on {fail_on}, first aws.ebs.")
    assert main(["diff", *files(new=new)]) == 0
    assert not capsys.readouterr().err


def test_text_json_and_markdown(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    main(["diff", *files()])
    assert "    FAIL    <- PASS     vol-1  is fail" in capsys.readouterr().out.splitlines()
    main(["diff", *files(), "--format", "json"])
    made = json.loads(capsys.readouterr().out)
    assert made["schema"] == "enctop.diff/1"
    assert [(one["from"], one["to"], one["resource"]) for one in made["verdicts"]] == [("pass", "fail", "vol-1")]
    main(["diff", *files(), "--format", "md"])
    assert "- **FAIL** ← PASS `vol-1`: `is fail`" in capsys.readouterr().out.splitlines()
    assert main(["schema", "diff"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "enctop.diff/1"


def test_it_is_narrowed_by_tenant_and_filter(files: Files, capsys: pytest.CaptureFixture[str]) -> None:
    for narrowed in (["--tenant", "beta"], ["--filter", "id:vol-2"]):
        assert main(["diff", *files(), *narrowed, "--fail-on", "any"]) == 0
        assert not capsys.readouterr().out
    assert main(["diff", *files(), "--tenant", "acme", "--filter", "id:vol-1", "--fail-on", "any"]) == 1
    assert "only tenant:acme id:vol-1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["OLD", "nowhere.json"], "nowhere.json: No such file"),
        (["OLD", "BAD"], "bad.json: not an enctop.snapshot/1 file"),
        (["-", "-"], "only one of OLD and NEW"),
        (["OLD", "NEW", "--tenant", "acm"], "--tenant acm: no such tenant in either, did you mean acme?"),
        (["OLD", "NEW", "--filter", "nosuch:x"], "no field 'nosuch'"),
        (["OLD", "FILTERED"], "NEW was taken through a filter that cannot be read"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], words: str, files: Files, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = files()
    (bad := tmp_path / "bad.json").write_text('{"schema": "x\\u001b[2J"}')
    (filtered := tmp_path / "filtered.json").write_bytes(to_json(snapshot(query="nosuch:x")))
    names = {"OLD": old, "NEW": new, "BAD": str(bad), "FILTERED": str(filtered)}
    assert main(["diff", *(names.get(word, word) for word in arguments)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err
    assert err.rstrip("\n").isprintable()


def test_standard_input_is_one_of_the_two(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, new = files()
    for body, code in ((to_json(BEFORE), 1), (b"x", 2)):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
        assert main(["diff", "-", new, "--fail-on", "worse"]) == code
    assert "standard input: not an enctop.snapshot/1 file" in capsys.readouterr().err


def test_colour_is_for_a_terminal_that_wants_it(
    files: Files, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for terminal, no_color, coloured in ((False, "", False), (True, "", True), (True, "1", False)):
        monkeypatch.setenv("NO_COLOR", no_color)
        monkeypatch.setattr(sys.stdout, "isatty", lambda terminal=terminal: terminal)
        main(["diff", *files()])
        assert ("\x1b[" in capsys.readouterr().out) is coloured
    line = (("a\x1b[2Jb", "fail"), ("  ", "faint"), ("c\n", "text"))
    assert written(line, coloured=True) == "\x1b[1;31ma·[2Jb\x1b[0m  c·"


def test_a_process_prints_it_without_the_screen_and_the_clouds(files: Files) -> None:
    """A real one: its exit code, both streams, and what it loads."""
    script = "import sys; from tui.cli.main import main; code = main(sys.argv[1:]); assert not {'textual', 'boto3', "
    script += "'botocore'} & {*sys.modules}; sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", script, "diff", *files(), "--fail-on", "new-fail"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "FAIL    <- PASS     vol-1" in done.stdout


class _Plain(socketserver.BaseRequestHandler):
    """Speaks no TLS."""

    def handle(self) -> None:
        self.request.recv(1)
        self.request.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Path]:
    """A configuration of one endpoint that is not as promised."""
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Plain)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    (path := tmp_path / "plain.toml").write_text(
        f'[[tenant]]\nname = "acme"\n[[tenant.tls]]\nendpoints = ["127.0.0.1:{server.server_address[1]}"]\n'
        "http_port = 0\n"
    )
    yield path
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_snapshot_ends_with_1_for_a_fail_that_the_baseline_does_not_have(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (empty := tmp_path / "empty.json").write_bytes(to_json(snapshot()))
    first = tmp_path / "first.json"
    gate = ["--config", str(plain), "--fail-on", "new", "--baseline"]
    assert main(["snapshot", "-o", str(first), *gate, str(empty)]) == 1
    err = capsys.readouterr().err
    found = json.loads(first.read_bytes())["summary"]["findings"]["fail"]
    assert f"{found} FAIL not in {empty} reached --fail-on new, first tls.reachable on tls://127.0.0.1:" in err
    assert err.endswith(f"({empty} has other tenants, another version)\n")
    assert err.count("\n") == 1
    assert main(["snapshot", "-o", os.devnull, *gate, str(first)]) == 0
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--fail-on", "new"], "need each other"),
        (["--baseline", "x.json"], "need each other"),
        (["--baseline", "nowhere.json", "--fail-on", "new"], "nowhere.json: No such file"),
    ],
)
def test_a_baseline_that_is_none_is_told_before_anything_is_asked(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["snapshot", "--config", "nowhere.toml", *arguments]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert err.count("\n") == 1
