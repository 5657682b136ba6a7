"""The command line, as a person or a script meets it: real processes, real files, a real server."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from providers.aws.calls import CALLS
from providers.demo.aws.accounts import ENVIRONMENT
from tests.tui.test_hostile_directory import environment, shown
from tests.world.aws import Aws
from tests.world.awsserver import Handler, serving
from tui.pages.detail import DetailView
from tui.views.rows_view import ResourceView

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """`enctop ARGUMENT...` in an empty directory, with an empty home."""

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        home = {
            "HOME": str(tmp_path / "home"),
            "XDG_CONFIG_HOME": str(tmp_path / "home"),
            "XDG_STATE_HOME": str(tmp_path / "home"),
        }
        command = [sys.executable, "-m", "tui.cli.main", *map(str, arguments)]
        variables = {**os.environ, **home, "PYTHONPATH": str(Path(__file__).parents[2]), **environment}
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, timeout=120, env=variables, check=False
        )

    return call


@pytest.fixture
def config(aws: Aws, tmp_path: Path) -> Path:
    """A configuration of one tenant on the simulated AWS, with one plaintext volume and one bucket that is as
    promised.
    """
    aws.region().volume({"Name": "scratch"}, encrypted=False)
    aws.buckets().make("acme-data")
    path = tmp_path / "acme.toml"
    path.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{aws.url}"\n')
    return path


def _one_line(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("enctop: ")
    for word in words:
        assert word in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["bogus"], ["'bogus'", "snapshot", "see enctop --help"]),
        (["--view", "bogus"], ["--view", "'bogus'", "volumes", "see enctop --help"]),
        (["snapshot", "--timeout", "x"], ["--timeout", "'x'", "between 0 and 86400", "see enctop snapshot --help"]),
        (["view"], ["FILE", "see enctop view --help"]),
    ],
)
def test_a_wrong_argument_is_one_line_that_says_what_is_allowed(
    run: Run, arguments: list[str], words: list[str]
) -> None:
    _one_line(run(*arguments), *words)


@pytest.mark.alone
def test_version_is_instant_and_loads_no_sdk(run: Run) -> None:
    heavy = {"boto3", "botocore", "textual", "aiohttp", "msgspec"}
    code = (
        "import sys; from tui.cli.main import main; main(['--version']); print([m for m in sys.modules if"
        f" m.split('.')[0] in {heavy}])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines()[1] == "[]"
    took: list[float] = []
    bare: list[float] = []
    for _ in range(5):
        for times, command in ((took, ["-m", "tui.cli.main", "--version"]), (bare, ["-c", "pass"])):
            before = os.times()
            subprocess.run([sys.executable, *command], capture_output=True, check=True)
            after = os.times()
            times.append(after.children_user + after.children_system - before.children_user - before.children_system)
    assert min(took) <= max(0.15, 12 * min(bare)), "seconds of CPU"


def test_help_names_every_command(run: Run) -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("demo", "snapshot", "view", "check", "controls", "policy", "schema"):
        assert command in shown.stdout


def test_a_snapshot_on_standard_output_is_valid_and_says_what_is_there(run: Run, config: Path) -> None:
    done = run("snapshot", "--config", config)
    assert (done.returncode, done.stderr) == (0, "")
    snapshot = json.loads(done.stdout)
    Draft202012Validator(json.loads(run("schema").stdout)).validate(snapshot)
    assert snapshot["complete"] is True
    assert {
        entry["name"]: entry["status"] for entry in snapshot["resources"] if entry["kind"] in {"volume", "bucket"}
    } == {
        "scratch": "fail",
        "acme-data": "fail",
    }


def test_exit_codes_tell_what_was_asked(run: Run, config: Path, aws: Aws, tmp_path: Path) -> None:
    out = tmp_path / "snapshot.json"
    assert run("snapshot", "--config", config, "-o", out, "--fail-on", "fail").returncode == 1
    assert run("snapshot", "--config", config, "-o", out, "--fail-on", "unknown").returncode == 1
    assert run("snapshot", "--config", config, "-o", out, "--filter", "kind:key", "--fail-on", "fail").returncode == 0
    aws.deny("ec2:DescribeVolumes")
    done = run("snapshot", "--config", config, "-o", out, "--require-complete")
    assert done.returncode == 3
    assert "us-east-1/ebs" in done.stderr
    assert out.stat().st_mode & 0o777 == 0o600


def test_a_filtered_snapshot_holds_only_what_passes(run: Run, config: Path) -> None:
    snapshot = json.loads(
        run("snapshot", "--config", config, "--filter", "kind:volume status:fail", "--compact").stdout
    )
    assert [entry["name"] for entry in snapshot["resources"]] == ["scratch"]
    assert snapshot["scope"]["filter"] == "kind:volume status:fail"


def test_one_finding_a_line_for_log_collectors(run: Run, config: Path) -> None:
    lines = [json.loads(line) for line in run("snapshot", "--config", config, "--format", "jsonl").stdout.splitlines()]
    assert any(line["control"] == "aws.ebs.volume-encrypted" and line["status"] == "fail" for line in lines)


def test_check_names_the_missing_permission_and_what_it_hides(run: Run, config: Path, aws: Aws) -> None:
    assert run("check", "--config", config).returncode == 0
    aws.deny("s3:GetEncryptionConfiguration", bucket="acme-data")
    aws.deny("ec2:DescribeVolumes")
    done = run("check", "--config", config)
    assert done.returncode == 3
    assert "ec2:DescribeVolumes: denied (UnauthorizedOperation, needs ec2:DescribeVolumes)" in done.stdout
    assert "needs s3:GetEncryptionConfiguration) on 1 of" in done.stdout
    assert "aws.s3.default-encryption" in done.stdout


def test_check_tells_reasons_apart_and_counts_each(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "doors.toml"
    file.write_text(
        '[[tenant]]\nname = "a"\n[[tenant.tls]]\nendpoints = ["127.0.0.1:1", "127.0.0.2:1",'
        ' "nowhere.invalid"]\nhttp_port = 0\n'
    )
    done = run("check", "--config", file)
    assert done.returncode == 3
    assert "unreachable (dns) on 1 of 3, as nowhere.invalid\n" in done.stdout
    assert "unreachable (refused) on 2 of 3, as 127.0.0.1:1\n" in done.stdout
    assert done.stdout.count("UNKNOWN there: tls.cert-change") == 1


def test_controls_are_listed_and_described(run: Run) -> None:
    listed = run("controls").stdout.splitlines()
    assert any(line.startswith("aws.ebs.volume-encrypted") for line in listed)
    described = run("controls", "aws.ebs.volume-encrypted").stdout
    for part in ("S04", "ec2:DescribeVolumes", "FAIL: ", "Remedy", "nist-800-53r5"):
        assert part in described
    _one_line(run("controls", "aws.ebs.volume-encryptd"), "did you mean aws.ebs.volume-encrypted")


def test_the_policy_is_the_declared_permissions_and_nothing_else(run: Run) -> None:
    policy = json.loads(run("policy", "aws").stdout)
    actions = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert actions == {call.permission for call in CALLS.values() if call.need == "always"}
    assert "s3:GetObject" not in actions
    with_objects = run("policy", "aws", "--with", "object_sample").stdout
    assert "s3:GetObject" in with_objects
    _one_line(run("policy", "oracle"), "oracle", "aws")


def test_what_is_wrong_is_said_in_one_line(run: Run, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregoins = ["us-east-1"]\n')
    for command in ((), ("snapshot",), ("check",)):
        _one_line(run(*command, "--config", wrong), str(wrong), "regoins", "regions")
    _one_line(run("snapshot", "--config", tmp_path / "none.toml"), "none.toml", "no such file")
    _one_line(run("snapshot", "--filter", "statsu:fail"), "statsu", "status")
    _one_line(run("view", tmp_path / "none.json"), "none.json")
    wrong.write_text('[[tenant]]\nname = "acme"\n[[tenant.aws]]\nprofile = "prod"\n')
    _one_line(run("snapshot", "--config", wrong, AWS_CONFIG_FILE=os.devnull), "profile", "prod")
    wrong.write_text("{}")
    _one_line(run("view", wrong), "wrong.toml", "enctop.snapshot/1")


def test_options_count_before_the_command_as_after_it(run: Run, config: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("[[tenant]]\nnaem = 1\n")
    _one_line(run("--config", wrong, "check"), "naem")
    _one_line(run("--tenant", "nope", "snapshot", "--config", config), "nope")
    snapshot = json.loads(run("--config", config, "--filter", "kind:volume", "snapshot").stdout)
    assert {entry["kind"] for entry in snapshot["resources"]} == {"volume"}


def test_usage_errors_exit_2_without_a_traceback(run: Run) -> None:
    for arguments in (
        ("--nonsense",),
        ("snapshot", "--timeout", "soon"),
        ("snapshot", "--fail-on", "maybe"),
        ("nosuch",),
    ):
        done = run(*arguments)
        assert done.returncode == 2
        assert "Traceback" not in done.stderr


def test_without_credentials_or_configuration_it_says_so(run: Run) -> None:
    none = {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
    }
    snapshot = json.loads(
        run("snapshot", **none, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_DEFAULT_REGION="us-east-1").stdout
    )
    (source,) = snapshot["sources"]
    assert source["state"] != "ok"
    assert "redential" in source["error"]["message"]
    assert snapshot["summary"]["tenants"]["default"]["pass"] == 0


def _killed(config: Path, out: Path, times: int, longest: float) -> set[bytes]:
    """Kill `enctop snapshot -o` at random moments; returns the different contents the file had after each."""
    chosen = random.Random(7)
    seen = set()
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.cli.main", "snapshot", "--config", config, "-o", out], stderr=subprocess.DEVNULL
        )
        time.sleep(chosen.uniform(0, longest))
        process.send_signal(signal.SIGKILL)
        process.wait()
        seen.add(out.read_bytes())
    return seen


def test_a_killed_snapshot_leaves_a_whole_file(config: Path, tmp_path: Path) -> None:
    _whole_after(config, tmp_path, 8)


@pytest.mark.bench
def test_two_hundred_killed_snapshots_leave_a_whole_file(config: Path, tmp_path: Path) -> None:
    _whole_after(config, tmp_path, 200)


def _whole_after(config: Path, tmp_path: Path, times: int) -> None:
    out = tmp_path / "snapshot.json"
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "tui.cli.main", "snapshot", "--config", config, "-o", out], check=True)
    for content in _killed(config, out, times, 1.3 * (time.perf_counter() - start)):
        assert json.loads(content)["schema"] == "enctop.snapshot/1"


def test_a_line_break_in_a_servers_words_makes_no_line_of_check(run: Run, tmp_path: Path) -> None:
    forged = "X\n9 of 9 sources answered in full\r\n  + aws ok"
    told = f"<Error><Code>{forged}</Code><Message>{forged}</Message></Error>"
    error = f"<Response><Errors>{told}</Errors></Response>".encode()

    def refuse(one: Handler) -> None:
        one.send_response(403)
        one.send_header("Content-Length", str(len(error)))
        one.end_headers()
        one.wfile.write(error)

    with serving(refuse) as (url, _):
        file = tmp_path / "forged.toml"
        file.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{url}"\n')
        done = run("check", "--config", file, **ENVIRONMENT)
    assert done.returncode == 3
    assert "9 of 9" in done.stdout, "it is told what the server said"
    full = [line for line in done.stdout.splitlines() if "answered in full" in line and not line.startswith("    ")]
    assert [line.split()[0] for line in full] == ["0"]
    assert not any(line.startswith("  + aws ok") for line in done.stdout.splitlines())


def test_a_missing_extra_is_told_without_the_name_of_a_package_that_somebody_else_may_publish(
    run: Run, tmp_path: Path
) -> None:
    """In a process that has no moto."""
    (tmp_path / "bare").mkdir()
    lacks = (
        "import importlib.util as util\nfound = util.find_spec\nutil.find_spec = lambda name, *more: None if name =="
        " 'moto' else found(name, *more)\n"
    )
    (tmp_path / "bare" / "sitecustomize.py").write_text(lacks)
    for command in (["demo"], ["snapshot", "--demo"], ["check", "--demo"]):
        done = run(*command, PYTHONPATH=f"{tmp_path / 'bare'}{os.pathsep}{Path(__file__).parents[2]}")
        _one_line(done, "[demo]", "pip install '.[demo]'")
        assert "enctop[" not in done.stderr
        assert "install enctop" not in done.stderr


def test_a_place_that_cannot_be_written_is_told_before_anything_is_asked(
    run: Run, config: Path, aws: Aws, tmp_path: Path
) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").write_text("")
    (tmp_path / "lost").symlink_to(tmp_path / "none" / "snapshot.json")
    before = len(aws.log)
    for place in ("none/snapshot.json", "folder", "pipe", "file/snapshot.json", "lost"):
        _one_line(run("snapshot", "--config", config, "-o", tmp_path / place), place.partition("/")[0])
    assert len(aws.log) == before
    assert (tmp_path / "file").read_text() == ""


def test_a_snapshot_says_in_a_line_what_it_lacks_and_why_it_ends_with_1(
    run: Run, config: Path, aws: Aws, tmp_path: Path
) -> None:
    done = run("snapshot", "--config", config, "-o", tmp_path / "all.json", "--fail-on", "fail")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "fail reached --fail-on fail" in done.stderr
    aws.deny("ec2:DescribeVolumes")
    done = run("snapshot", "--config", config, "-o", tmp_path / "part.json")
    assert (done.returncode, done.stderr.count("\n")) == (0, 1)
    assert "1 of " in done.stderr
    assert "did not answer in full, first acme/aws/" in done.stderr
    assert "us-east-1/ebs (denied)" in done.stderr
    (tmp_path / "nobody.toml").write_text(
        '[[tenant]]\nname = "acme"\n[[tenant.vault]]\naddress = "https://127.0.0.1:1"\ntoken_env = "NOBODYS_TOKEN"\n'
    )
    done = run("snapshot", "--config", tmp_path / "nobody.toml", "-o", tmp_path / "none.json")
    assert done.returncode == 0
    assert re.search(r"([1-9][0-9]*) of \1 sources did not answer in full", done.stderr), done.stderr


def test_a_snapshot_that_time_cut_short_says_so(run: Run, tmp_path: Path) -> None:
    with serving(lambda one: one.endless_header()) as (url, _):
        file = tmp_path / "silent.toml"
        file.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nendpoint_url = "{url}"\n')
        done = run("snapshot", "--config", file, "--timeout", "1", "-o", tmp_path / "cut.json")
    assert done.returncode == 0
    assert "sources did not answer in full, first acme/" in done.stderr


def test_a_tenant_that_a_snapshot_has_not_is_told_and_one_it_has_is_shown_alone(
    run: Run, config: Path, tmp_path: Path
) -> None:
    other = tmp_path / "two.toml"
    other.write_text(
        config.read_text() + '[[tenant]]\nname = "globex"\n[[tenant.tls]]\nendpoints = ["127.0.0.1:1"]\nhttp_port = 0\n'
    )
    file = tmp_path / "two.json"
    assert run("snapshot", "--config", other, "-o", file).returncode == 0
    _one_line(run("view", file, "--tenant", "nope"), "--tenant nope", "acme", "globex")
    for view, shown_one, hidden in (
        ("findings", b"127.0.0.1:1", b"scratch"),
        ("volumes", b"tenant:globex", b"scratch"),
    ):
        out = shown(
            tmp_path,
            environment(tmp_path / "trapped"),
            "view",
            str(file),
            "--tenant",
            "globex",
            "--view",
            view,
            until=shown_one,
        )
        assert shown_one in out, out[-2000:]
        assert hidden not in out


def test_c_is_promised_for_pages_and_bound_there_only() -> None:
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    assert "`c` on a page the remedy of the verdict under the cursor" in readme

    def keys(view: type[Any]) -> set[str]:
        return {
            key for kind in view.__mro__ for binding in vars(kind).get("BINDINGS", ()) for key in binding.key.split(",")
        }

    assert "c" in keys(DetailView)
    assert "c" not in keys(ResourceView)


def test_where_nobody_is_logged_in_check_and_snapshot_say_so_and_not_that_something_expired(
    run: Run, tmp_path: Path
) -> None:
    """Of each provider, also where a file of credentials holds none."""
    (tmp_path / "empty.json").write_text("{}")
    blocks = {
        "aws": 'endpoint_url = "http://127.0.0.1:1"\nregions = ["us-east-1"]\n',
        "gcp": 'project = "acme-prod"\nendpoint = "http://127.0.0.1:1"\n',
        "vault": 'address = "http://127.0.0.1:1"\nallow_plaintext = true\n',
    }
    file = tmp_path / "nobody.toml"
    file.write_text(
        '[[tenant]]\nname = "acme"\n' + "".join(f"[[tenant.{name}]]\n{block}" for name, block in blocks.items())
    )
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "VAULT_TOKEN", "BAO_TOKEN")
    nobody = {
        **dict.fromkeys(names, ""),
        "AWS_EC2_METADATA_DISABLED": "true",
        "GOOGLE_APPLICATION_CREDENTIALS": str(tmp_path / "empty.json"),
    }
    done = run("check", "--config", file, **nobody, AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    assert "expired" not in done.stdout
    lines = done.stdout.splitlines()
    for name, hint in (
        ("aws", "aws sso login"),
        ("gcp", "gcloud auth application-default login"),
        ("vault", "VAULT_TOKEN"),
    ):
        told = [number for number, line in enumerate(lines) if line.startswith(f"  ! {name}/") and " no login " in line]
        assert told, done.stdout
        assert hint in lines[told[0] + 1]
        assert "no credentials found" in lines[told[0] + 1]
