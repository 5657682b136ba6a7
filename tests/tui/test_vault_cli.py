"""`policy vault` and `check` on a real server."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from providers.demo.vault.server import Bao
from tests.world.vault import TOKEN_ENV, configured, reader


def run(tmp_path: Path, text: str, *words: str) -> tuple[int, str]:
    """enctop on a configuration of its own; exit code and what it printed."""
    file = tmp_path / "enctop.toml"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", *words, "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_the_policy_names_each_mount_and_nothing_of_kv(bao: Bao, tmp_path: Path) -> None:
    for path, type_ in (("transit", "transit"), ("deep/keys", "transit"), ("pki", "pki"), ("old", "kv")):
        bao.call("POST", f"sys/mounts/{path}", {"type": type_})
    code, text = run(tmp_path, configured(bao.url), "policy", "vault")
    paths = re.findall(r'^path "([^"]+)"', text, re.M)
    assert code == 0
    assert {"transit/keys/+", "deep/keys/keys/+", "pki/cert/+", "sys/mounts/old/tune"} <= set(paths)
    assert not [path for path in paths if path.startswith(("+", "old/", "transit/export"))]
    assert "sys/audit" in paths
    assert "auth/token/renew-self" not in paths, "only where renew_token is on"
    bao.call("PUT", "sys/policies/acl/printed", {"policy": text})
    _, plain = run(tmp_path, configured(bao.url, "renew_token = true"), "policy", "vault", "--without", "sudo")
    assert '"sudo"' not in plain
    assert "vault.audit.enabled is UNKNOWN" in plain
    assert "auth/token/renew-self" in plain


def test_without_a_server_the_policy_says_that_it_takes_any_mount(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, "s.none")
    code, text = run(tmp_path, configured("http://127.0.0.1:9"), "policy", "vault")
    assert code == 0
    assert "takes any mount" in " ".join(text.replace("these lines take any mount", "takes any mount").split())
    assert 'path "+/keys/+"' in text


def test_check_says_what_the_tier_without_sudo_loses(bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, reader(bao, sudo=False))
    accessors = 'path "auth/token/accessors" { capabilities = ["list", "sudo"] }'
    # a new server tells how many leases it has only some seconds later, and tokens are listed only where that is known
    for _ in range(10):
        code, text = run(tmp_path, configured(bao.url), "check")
        if accessors in text:
            break
        time.sleep(2)
    assert code == 3
    assert 'needs path "sys/audit" { capabilities = ["read", "sudo"] }' in text
    assert "vault.audit.enabled" in text
    assert accessors in text


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('token = "s.x"', "no secret ever stands in this file"),
        ('auth = "approle"', '"approle" needs role_id'),
        ('role = "x"', 'goes with auth = "kubernetes"'),
        ('lease_prefixes = ["database"]', "ends with one"),
        ("lease_cap = 99999", "is not between 0 and 10000"),
        ('adress = "x"', "did you mean address?"),
    ],
)
def test_a_mistake_in_the_block_is_one_clear_line(tmp_path: Path, line: str, says: str) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text(f'[[tenant]]\nname = "acme"\n[[tenant.vault]]\naddress = "https://v.example:8200"\n{line}\n')
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", "check", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert says in done.stderr


def test_plain_http_off_loopback_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text('[[tenant]]\nname = "acme"\n[[tenant.vault]]\naddress = "http://vault.example:8200"\n')
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", "check", "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert "plain http to vault.example is refused" in done.stderr
