"""Names that strangers chose, on every way that leads to a terminal, a log, a copy: no character that acts on any of
them gets through.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from posture.controls.registry import registry
from posture.kinds import KINDS, kind_of
from tests.tui.payloads import FAMILIES, forbidden
from tests.tui.support import Opened
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica

ROOT = Path(__file__).parents[2]
AT = "2026-11-23T14:00:00Z"
TYPES = {
    "volume": "aws.ebs.volume",
    "endpoint": "tls.endpoint",
    "certificate": "tls.certificate",
    "lease": "vault.lease",
    "lease-totals": "vault.leases",
}


def _resource(name: str, kind: str, p: str) -> dict[str, Any]:
    return {
        "id": name,
        "kind": kind,
        "type": TYPES.get(kind, f"x.{kind}"),
        "name": p,
        "tenant": "acme",
        "provider": "aws",
        "scope": p,
        "region": p,
        "encryption": {"at_rest": True, "algorithm": p, "key_class": "customer", "key": p},
        "status": "fail",
        "observed_at": AT,
        "source": "acme/aws/x/s",
        "attributes": {p: p, "Host": p, "Addresses": {p: {"Outcome": p, "Detail": p}}, "Deep": [{p: [p]}]},
        "columns": dict.fromkeys(kind_of(kind).titles, p),
        "links": [{"rel": p, "to": p}, {"rel": "key", "to": "id-0-" + p}],
        "expires": AT,
    }


def _finding(resource: str, number: int, p: str) -> dict[str, Any]:
    fault = {"kind": "denied", "code": p, "operation": f"x:{p}", "message": p, "permission": p}
    return {
        "control": "aws.ebs.volume-encrypted",
        "resource": resource,
        "tenant": "acme",
        "status": "fail",
        "severity": "critical",
        "evidence_class": "observed",
        "reason": p,
        "evidence": {p: p},
        "since": AT,
        "fault": fault if number % 2 else None,
        "exception": {"until": "2027-01-01", "reason": p, "approved_by": p} if number % 3 == 0 else None,
    }


def snapshot(payload: str) -> dict[str, Any]:
    """One resource of every kind, with the payload in every free text."""
    p = f"n{payload}m"
    resources, findings = [], []
    for number, kind in enumerate(sorted({*KINDS, "volume", "secret", "machine"})):
        resources.append(_resource(f"id-{number}-{p}", kind, p))
        findings.append(_finding(f"id-{number}-{p}", number, p))
    control = {"title": p, "severity": "critical", "verifies": [p], "maps": {p: [p]}, "remedy": f"do {p}"}
    fault = {"kind": "denied", "code": p, "operation": f"s:{p}", "message": p, "permission": p}
    source = {
        "id": "acme/aws/x/s",
        "tenant": "acme",
        "provider": "aws",
        "scope": p,
        "service": p,
        "cadence": 60.0,
        "state": "denied",
        "last_success": AT,
    }
    return {
        "schema": "enctop.snapshot/1",
        "generated_at": AT,
        "tool": {"name": "enctop", "version": "0.1.0"},
        "complete": False,
        "scope": {"tenants": ["acme"], "filter": None, "simulated": False},
        "summary": {
            "findings": {},
            "resources": {},
            "tenants": {"acme": {"status": "fail", "pass": 0, "warn": 0, "fail": 1, "unknown": 0}},
        },
        "sources": [{**source, "calls": 1, "seconds": 0.1, "resources": len(resources), "error": fault}],
        "resources": resources,
        "findings": findings,
        "controls": {"aws.ebs.volume-encrypted": control},
    }


async def every_view(it: Opened, seen: list[str]) -> None:
    """Each view, each detail of each view's first rows, their JSON, the help, the palette, a toast, the prompt."""
    views = [view.name for view in Dashboard.VIEWS]
    kinds = [f"kind-{kind}" for kind in it.replica.tables]
    for name in [*views, *kinds]:
        await it.app.action_view(name)
        await it.pilot.pause()
        seen.append(it.screen)
        if name in views and name != "overview":
            await it.press("enter")
            await it.until(lambda: it.screen.strip() != "…", "the page")
            await it.press("c")
            seen.append(it.screen)
            await it.press("J", "y", "end", "c")
            seen.append(it.screen)
            await it.press("J", "n", "c", "escape")
    for keys in (["question_mark"], ["escape", "ctrl+p"], ["escape", "colon", "n"], ["escape", "slash"]):
        await it.press(*keys)
        await it.pilot.pause(0.05)
        seen.append(it.screen)


OWN = {control.remedy.splitlines()[0] for control in registry() if "\n" in control.remedy}
"""How remedies of several lines begin: of all that is copied, only they have any."""
GROUPS = [list(FAMILIES.values())[start::3] for start in range(3)]


@pytest.mark.parametrize("group", range(3))
async def test_no_view_shows_what_acts_on_a_terminal(
    group: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "posture.json"
    file.write_text(json.dumps(snapshot("~".join(GROUPS[group]))))
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("TMUX", raising=False)
    collector = Collector([sys.executable, "-m", "providers.collector", "--file", str(file)])
    collector.start()
    app = Dashboard(Feed(collector, Replica()), view="overview", query="", export_dir=tmp_path, on_terminal=False)
    copies: list[str] = []
    monkeypatch.setattr("tui.terminal.terminal_app.copy", lambda text, write: copies.append(text) or _copied())  # type: ignore[func-returns-value]
    async with app.run_test(size=(160, 45), notifications=True) as pilot:
        it = Opened(app, pilot)
        await it.until(lambda: app.replica.settled and not app.replica.touched, "settled", 30)
        seen: list[str] = []
        await every_view(it, seen)
        assert app.is_running
    for screen in seen:
        assert not forbidden(screen), (forbidden(screen), screen)
    assert len(copies) > 20
    for text in copies:
        assert text.replace("\n", "").isprintable(), text
        assert "\n" not in text or text.splitlines()[0] in OWN, text


def _copied() -> Any:
    from tui.terminal.clipboard import Copied

    return Copied(True)


EACH_COMMAND = """
import json, sys
from tui.cli.main import main
for command in json.load(sys.stdin):
    try:
        print("code", main(command))
    except SystemExit as ended:
        print("code", ended.code)
"""


@pytest.mark.parametrize("family", [name for name in FAMILIES if "\x00" not in FAMILIES[name]])
def test_no_line_on_standard_error_carries_it(family: str, tmp_path: Path) -> None:
    payload = FAMILIES[family]
    config = tmp_path / "x.toml"
    config.write_text(f"[[tenant]]\nname = {json.dumps('a' + payload, ensure_ascii=True)}\n")
    name = re.sub("[/\x00]", "_", f"no{payload}"[:60])
    commands = [
        ("view", str(tmp_path / name)),
        ("controls", f"x{payload}"),
        ("--config", str(tmp_path / name), "check"),
        ("--config", str(config), "check"),
        ("snapshot", "--filter", f"zz{payload}:x", "--config", str(config)),
        ("check", "--timeout", f"x{payload}"),
        (f"bogus{payload}",),
        ("trust", str(tmp_path / name)),
        ("trust", "--revoke", str(tmp_path / name)),
        ("snapshot", "-o", str(tmp_path / name / "x"), "--config", str(config)),
        ("--log-file", str(tmp_path / name / "x"), "check", "--config", str(config)),
    ]
    home = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"), str(tmp_path))
    env = {**os.environ, **home, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8:backslashreplace"}
    done = subprocess.run(
        [sys.executable, "-P", "-c", EACH_COMMAND],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        env=env,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout == "code 2\n" * len(commands), done.stdout + done.stderr
    assert not forbidden(done.stderr), done.stderr
    assert "\x1b" not in done.stderr
    assert done.stderr.count("\n") == len(commands), done.stderr


@pytest.mark.parametrize("family", FAMILIES)
def test_json_on_a_terminal_is_escaped_and_means_the_same(family: str) -> None:
    from tui.cli.say import escaped

    value = {"x" + FAMILIES[family]: [FAMILIES[family]], "plain": "日本é"}
    body = json.dumps(value, ensure_ascii=False, indent=2).encode()
    made = escaped(body)
    assert json.loads(made) == value
    assert not forbidden(made.decode())
    assert "\x1b" not in made.decode()
    assert b"\\u65e5" not in made, "what can be shown is"


def test_a_log_line_cannot_be_forged(tmp_path: Path) -> None:
    code = """
import logging, sys
from pathlib import Path
from providers.collector.__main__ import keep_log
keep_log(Path(sys.argv[1]))
log = logging.getLogger("providers.x")
for payload in eval(sys.argv[2]):
    log.warning("it said %s", payload)
    try:
        raise ValueError(payload)
    except ValueError:
        log.exception("it failed")
"""
    log = tmp_path / "log"
    payloads = repr([*FAMILIES.values(), "x\n2026-01-01 00:00:00,000 INFO providers all is well"])
    subprocess.run([sys.executable, "-c", code, str(log), payloads], cwd=ROOT, check=True)
    text = log.read_text()
    assert not forbidden(text)
    assert "\x1b" not in text
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    assert all(
        re.match(r"\d{4}-\d\d-\d\d [\d:,]+ (WARNING|ERROR) providers\.x it (said|failed)", line) for line in lines
    ), lines
