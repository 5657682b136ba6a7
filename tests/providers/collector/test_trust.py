"""A configuration of the working directory says where credentials go only after it was trusted, as it is, once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
Run = Callable[..., subprocess.CompletedProcess[str]]


class Stranger(ThreadingHTTPServer):
    """A server of whoever wrote the file; it notes what it was told."""

    def __init__(self) -> None:
        told: list[str] = []

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                told.append(f"{self.path} {self.headers}")
                self.send_response(403)
                self.end_headers()

            do_POST = do_PUT = do_LIST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.told = told


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with Stranger() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def here(tmp_path: Path, stranger: Stranger) -> Path:
    """A directory with a configuration that leads to the stranger."""
    directory = tmp_path / "here"
    directory.mkdir()
    (directory / "enctop.toml").write_text(
        f'[[tenant]]\nname = "x"\n[[tenant.vault]]\naddress = "http://127.0.0.1:{stranger.server_port}"\n'
    )
    (directory / "enctop.toml").chmod(0o600)
    return directory


@pytest.fixture
def run(here: Path, tmp_path: Path) -> Run:
    def call(*arguments: str | Path, cwd: Path = here, **environment: str) -> subprocess.CompletedProcess[str]:
        home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_DATA_HOME"), str(tmp_path / "home"))
        variables = {
            **os.environ,
            **home,
            "VAULT_TOKEN": "hvs.bait",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(ROOT),
            **environment,
        }
        command = [sys.executable, "-P", "-m", "tui.cli.main", *map(str, arguments)]
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, env=variables, check=False)

    return call


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("\n") == 1, done.stderr
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    "arguments", [("check", "--timeout", "5"), ("snapshot", "--timeout", "5"), ("policy", "vault"), ()]
)
def test_an_untrusted_file_is_told_and_nothing_goes_to_its_server(
    run: Run, here: Path, stranger: Stranger, arguments: tuple[str, ...]
) -> None:
    done = run(*arguments) if arguments else run_in_terminal(run, here)
    refused(done, str(here / "enctop.toml"), "is not trusted", "enctop trust ", "--config ")
    assert not stranger.told


def run_in_terminal(run: Run, here: Path) -> subprocess.CompletedProcess[str]:
    """The dashboard's collector without its screen: what it is started with when nobody looked before."""
    home = {name: str(here.parent / "home") for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")}
    command = [sys.executable, "-P", "-m", "providers.collector"]
    variables = {**os.environ, **home, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=here,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env=variables,
        check=False,
    )


def test_what_was_trusted_is_used_and_named_until_it_changes(run: Run, here: Path, stranger: Stranger) -> None:
    done = run("trust")
    assert (done.returncode, done.stderr) == (0, "")
    assert str(here / "enctop.toml") in done.stdout
    done = run("check", "--timeout", "5")
    assert done.stdout.startswith(f"configuration: {here}/enctop.toml\n")
    assert any("hvs.bait" in told for told in stranger.told)
    stranger.told.clear()
    with (here / "enctop.toml").open("a") as file:
        file.write("\n")
    refused(run("check", "--timeout", "5"), "changed since it was trusted", "enctop trust ")
    assert not stranger.told


def test_the_named_file_and_the_users_own_need_no_trust(
    run: Run, here: Path, stranger: Stranger, tmp_path: Path
) -> None:
    assert run("check", "--timeout", "5", "--config", "enctop.toml").stdout.startswith(
        f"configuration: {here}/enctop.toml\n"
    )
    own = tmp_path / "home" / "enctop"
    own.mkdir(parents=True)
    (own / "enctop.toml").write_bytes((here / "enctop.toml").read_bytes())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for directory in (elsewhere, own):
        assert run("check", "--timeout", "5", cwd=directory).stdout.startswith(f"configuration: {own}/enctop.toml\n")
    refused(run("check", "--timeout", "5"), "is not trusted")  # never the user's instead


@pytest.mark.parametrize("kind", ["link to nothing", "directory", "pipe", "link to a device"])
def test_what_is_no_file_is_told_and_never_passed_over(run: Run, here: Path, kind: str) -> None:
    path = here / "enctop.toml"
    path.unlink()
    match kind:
        case "link to nothing":
            path.symlink_to("nowhere")
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to("/dev/zero")
    for arguments in (("check", "--timeout", "5"), ("trust",)):
        done = run(*arguments)
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr


def test_a_link_is_trusted_by_where_it_leads(run: Run, here: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_bytes((here / "enctop.toml").read_bytes())
    (tmp_path / "mine.toml").chmod(0o600)
    assert run("trust", tmp_path / "mine.toml").returncode == 0
    (here / "enctop.toml").unlink()
    (here / "enctop.toml").symlink_to(tmp_path / "mine.toml")
    # and what it names is sought beside it
    assert run("check", "--timeout", "5").stdout.startswith(f"configuration: {tmp_path}/mine.toml\n")
    (here / "enctop.toml").unlink()
    (here / "enctop.toml").write_bytes((tmp_path / "mine.toml").read_bytes())
    refused(run("check", "--timeout", "5"), "is not trusted")  # the same content in another place is another file


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_trusted(run: Run, here: Path, mode: int) -> None:
    (here / "enctop.toml").chmod(mode)
    refused(run("trust"), "others may write it", "chmod go-w")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_of_another_user_is_not_trusted(run: Run, here: Path) -> None:
    os.chown(here / "enctop.toml", 4242, 4242)
    refused(run("trust"), "belongs to another user")


def test_trust_is_listed_and_revoked(run: Run, here: Path, tmp_path: Path) -> None:
    run("trust")
    (tmp_path / "other.toml").touch(0o600)
    run("trust", tmp_path / "other.toml")
    (tmp_path / "other.toml").unlink()
    lines = run("trust", "--list").stdout.splitlines()
    assert [line.split("  ")[1:] for line in lines] == [
        [str(here / "enctop.toml"), "as trusted"],
        [str(tmp_path / "other.toml"), "No such file or directory"],
    ]
    assert run("trust", "--revoke", tmp_path / "other.toml").returncode == 0
    assert run("trust", "--revoke").returncode == 0
    assert run("trust", "--list").stdout == ""
    refused(run("trust", "--revoke"), "was not trusted")
    refused(run("check", "--timeout", "5"), "is not trusted")


def test_the_store_is_ours_alone_or_says_nothing(run: Run, here: Path, tmp_path: Path) -> None:
    run("trust")
    store = tmp_path / "home" / "enctop" / "trusted.json"
    assert store.stat().st_mode & 0o777 == 0o600
    assert store.parent.stat().st_mode & 0o777 == 0o700
    assert list(json.loads(store.read_text())) == [str(here / "enctop.toml")]
    for mode, path, back in ((0o622, store, 0o600), (0o777, store.parent, 0o700)):
        path.chmod(mode)
        refused(run("check", "--timeout", "5"), "others may write it")
        path.chmod(back)
    body = store.read_bytes()
    store.write_bytes(b"[1]")
    refused(run("check", "--timeout", "5"), "not what enctop wrote")
    store.rename(tmp_path / "moved")
    (tmp_path / "moved").write_bytes(body)
    store.symlink_to(tmp_path / "moved")
    refused(run("check", "--timeout", "5"), "is a link")


def test_a_relative_home_is_the_working_directory_and_gives_no_trust(run: Run, here: Path) -> None:
    (here / "enctop").mkdir()
    (here / "enctop.toml").rename(here / "enctop" / "enctop.toml")
    done = run("check", "--timeout", "5", XDG_CONFIG_HOME=".")
    assert str(here) not in done.stdout
    (here / "enctop" / "trusted.json").write_text("{}")
    (here / "enctop.toml").write_text("")
    refused(run("check", "--timeout", "5", XDG_DATA_HOME="."), "is not trusted")


def test_a_file_that_changes_between_the_screen_and_its_collector_is_refused(run: Run, here: Path) -> None:
    command = [
        sys.executable,
        "-P",
        "-m",
        "providers.collector",
        "--config",
        str(here / "enctop.toml"),
        "--digest",
        "0" * 64,
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == 2
    assert "changed since enctop was started" in done.stderr
