"""Credential plugins, run as kubectl runs them. One that does not work has one clear line, in which nothing is that it
wrote to its output.
"""

import asyncio
import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest

from providers.kubernetes.client import KubeLimits
from tests.providers.kubernetes.room import block, opened
from tests.providers.kubernetes.signing_in import (
    CANARY,
    GOOD,
    V1,
    V1BETA1,
    Plugin,
    login,
    no_login,
    pair,
    told,
)
from tests.world.kubernetes import TOKEN, USER, Secured, authority

AGAIN = KubeLimits(plugin_holds=0.0)


@pytest.mark.parametrize("version", [V1, V1BETA1])
async def test_a_plugin_gives_the_token_in_the_version_that_the_kubeconfig_names(
    secured_kubernetes: Secured, tmp_path: Path, silent: None, version: str
) -> None:
    plugin = Plugin(tmp_path, GOOD)
    user = plugin.user(apiVersion=version, **({} if version == V1 else {"interactiveMode": None}))
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")
    assert plugin.runs == 1


async def test_a_plugin_gives_a_certificate(secured_kubernetes: Secured, tmp_path: Path, silent: None) -> None:
    certificate, key = (pem.decode() for pem in pair())
    status = {"clientCertificateData": certificate, "clientKeyData": key}
    plugin = Plugin(tmp_path, f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status={status!r})))")
    assert await login(secured_kubernetes, tmp_path, plugin.user()) == (None, "")
    assert {asked.user for asked in secured_kubernetes.server.log} == {USER}


async def test_a_plugin_is_run_as_kubectl_runs_it(secured_kubernetes: Secured, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    does = f"json.dump([sys.argv[1:], sys.stdin.read(), info, os.environ['MINE']], open({str(seen)!r}, 'w'))\n{GOOD}"
    plugin = Plugin(tmp_path, does)
    user = plugin.user(
        command="./plugin", args=["get-token"], env=[{"name": "MINE", "value": "x"}], provideClusterInfo=True
    )
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")
    arguments, read, info, mine = json.loads(seen.read_text())
    told = info["spec"].pop("cluster")
    assert (arguments, read, mine) == (["get-token"], "", "x")
    assert info == {"apiVersion": V1, "kind": "ExecCredential", "spec": {"interactive": False}}
    assert told["server"] == secured_kubernetes.server.url
    assert base64.b64decode(told["certificate-authority-data"]) == authority().root.pem


async def test_one_run_of_a_plugin_is_for_all_sources_that_ask_at_the_same_time(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path, f"time.sleep(0.1)\n{GOOD}")
    async with opened(block(secured_kubernetes.kubeconfig(tmp_path, plugin.user()))) as room:
        await room.begin()
        await asyncio.gather(*(room.poll(service) for service in room.sources))
    assert plugin.runs == 1


async def test_a_plugin_is_run_again_before_its_token_ends_and_not_sooner(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    ends = "time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 840))"
    status = f"dict(token='{TOKEN}', expirationTimestamp={ends})"
    plugin = Plugin(tmp_path, f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status={status})))")
    ahead = 0.0
    async with opened(
        block(secured_kubernetes.kubeconfig(tmp_path, plugin.user())), now=lambda: time.time() + ahead, limits=AGAIN
    ) as room:
        for later, runs in ((0.0, 1), (700.0, 1), (800.0, 2)):
            ahead = later
            assert await told(room) == (None, "")
            assert plugin.runs == runs


async def test_a_token_that_is_not_taken_any_more_is_got_anew_once(secured_kubernetes: Secured, tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, GOOD.replace(f"'{TOKEN}'", "'t' + str(len(open(sys.argv[1]).read()))"))
    server, user = secured_kubernetes.server, plugin.user(args=[str(tmp_path / "runs")])
    server.tokens = {"t4": USER}
    async with opened(block(secured_kubernetes.kubeconfig(tmp_path, user)), limits=AGAIN) as room:
        assert await told(room) == (None, "")
        server.tokens = {"t8": USER}
        assert await told(room) == (None, "")
        assert plugin.runs == 2
        server.tokens = {}
        fault, shown = await told(room)
        assert fault is not None
        assert fault.kind == "expired"
        assert "does not take these credentials any more; log in again" in shown


def lives(pid: int) -> bool:
    """Whether a process is there, and not only its remains."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def answer(version: str = V1, kind: str = "ExecCredential", **status: str) -> str:
    """A line that writes this ExecCredential."""
    return f"print(json.dumps(dict(apiVersion={version!r}, kind={kind!r}, status={status!r})))"


PLUGINS: dict[str, tuple[str, str]] = {
    "fails": (
        f"print('{CANARY}')\nsys.exit('Unable to locate credentials: {CANARY}')",
        "ended with 1: Unable to locate credentials",
    ),
    "dies": ("os.kill(os.getpid(), 9)", "was killed by signal 9"),
    "says nothing": ("pass", "wrote no ExecCredential to its output"),
    "says something": (f"print('{CANARY}')", "wrote no ExecCredential to its output"),
    "another kind": (answer(kind="Pod", token=CANARY), f"wrote no ExecCredential of {V1}"),
    "another version": (answer(V1BETA1, token=CANARY), f"wrote no ExecCredential of {V1}"),
    "neither": (answer(), "gave neither a token nor a client certificate"),
    "no key": (answer(clientCertificateData=CANARY), "gave a client certificate without its key"),
    "a bad time": (answer(token=CANARY, expirationTimestamp="x"), "gave an expirationTimestamp that is no time"),
    "a traceback": ("raise KeyError('AWS_PROFILE')", "ended with 1: KeyError: 'AWS_PROFILE'"),
    "a flood": ("sys.stdout.write('x' * (3 << 20))", "wrote no ExecCredential to its output"),
}


@pytest.mark.parametrize("name", PLUGINS)
async def test_a_plugin_that_fails_is_told_in_its_own_words_but_never_in_its_output(
    name: str, secured_kubernetes: Secured, tmp_path: Path, silent: None
) -> None:
    does, says = PLUGINS[name]
    fault, shown = await login(secured_kubernetes, tmp_path, Plugin(tmp_path, does).user())
    assert no_login(fault)
    assert says in shown


async def test_a_plugin_that_hangs_is_ended_with_all_that_it_started(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    mark = tmp_path / "child"
    does = (
        f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(mark)!r}, 'w').write(str(child.pid))\ntime.sleep(600)"
    )
    limits = KubeLimits(plugin=0.5)
    fault, shown = await login(secured_kubernetes, tmp_path, Plugin(tmp_path, does).user(), limits=limits)
    assert no_login(fault)
    assert "did not answer within 0.5 s; it may be waiting for somebody" in shown
    pid = int(mark.read_text())
    for _ in range(500):
        if not lives(pid):
            return
        await asyncio.sleep(0.01)
    pytest.fail("the plugin's child lives on")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"command": "enctop-no-such-plugin", "installHint": "brew install it"}, "not found. brew install it"),
        ({"command": "./nowhere"}, "nowhere not found"),
        ({"interactiveMode": "Always"}, "wants to ask somebody (interactiveMode: Always)"),
    ],
)
async def test_a_plugin_that_cannot_be_run_is_no_login(
    more: dict[str, Any], says: str, secured_kubernetes: Secured, tmp_path: Path
) -> None:
    plugin = Plugin(tmp_path, GOOD)
    fault, shown = await login(secured_kubernetes, tmp_path, plugin.user(**more))
    assert no_login(fault)
    assert says in shown
    assert plugin.runs == 0
