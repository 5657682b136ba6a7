"""Who asks, as kubectl would: tokens, files of tokens, certificates and plugins, over a real TLS server. Every way in
that does not work has one clear line, and nothing secret is anywhere.
"""

import asyncio
import base64
import json
import logging
import os
import stat
import sys
import textwrap
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posture.fault import NO_CREDENTIALS, Fault
from providers.demo.kubernetes.server import Server
from providers.kubernetes import identity
from providers.kubernetes.client import Limits
from tests.providers.kubernetes.room import QUICK, Room, block, faults, opened
from tests.world.kubernetes import TOKEN, USER, Secured, authority, client_certificate, serving, server_context

CANARY = "canary-5d41e8f09ab37c"
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
GOOD = f"print(json.dumps(dict(apiVersion=info['apiVersion'], kind='ExecCredential', status=dict(token='{TOKEN}'))))"


class Plugin:
    """A credential plugin: a program in Python that counts its runs, and knows `info`, what it was told."""

    def __init__(self, folder: Path, does: str) -> None:
        self.path, self._runs = folder / "plugin", folder / "runs"
        self.path.write_text(
            f"#!{sys.executable} -SE\nimport json, os, sys, time\n"
            f"open({str(self._runs)!r}, 'a').write('run\\n')\n"
            f"info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n{textwrap.dedent(does)}\n"
        )
        self.path.chmod(0o700)

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self._runs.read_text().splitlines()) if self._runs.exists() else 0

    def user(self, **more: Any) -> dict[str, Any]:
        """A user of the kubeconfig that is this plugin."""
        return {"exec": {"apiVersion": V1, "interactiveMode": "Never", "command": str(self.path), **more}}


@pytest.fixture
def silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """No log has the canary, or the token."""
    caplog.set_level(logging.DEBUG)
    yield
    assert CANARY not in caplog.text
    assert TOKEN not in caplog.text


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No file is left in a temporary folder, and no descriptor open."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    before = {os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if _link(fd)}
    yield
    assert list(folder.iterdir()) == []
    assert not [link for fd in os.listdir("/proc/self/fd") if "memfd" in (link := _link(fd)) and link not in before]


def _link(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""


async def _told(room: Room, service: str = "storageclasses") -> tuple[Fault | None, str]:
    """What a poll came to: its fault, and all that is shown of it."""
    made = await room.poll(service) if not (begun := await room.begin()).refused else begun
    assert made.error is None
    shown = " | ".join(faults(made))
    assert CANARY not in shown
    assert TOKEN not in shown
    assert "\n" not in shown
    return made.refused, shown


async def login(
    kubernetes: Secured, folder: Path, user: Mapping[str, Any] | None, **more: Any
) -> tuple[Fault | None, str]:
    """A poll of the classes as this user."""
    limits = more.pop("limits", QUICK)
    lines = more.pop("lines", ())
    async with opened(block(kubernetes.kubeconfig(folder, user, **more), *lines), limits=limits) as room:
        return await _told(room)


def pair(user: str = USER) -> tuple[bytes, bytes]:
    """Certificate and key of a client."""
    made = client_certificate(user)
    return made.pem, made.key_pem


def encoded(pem: bytes) -> str:
    """As a kubeconfig has it."""
    return base64.b64encode(pem).decode()


# ------------------------------------------------------------ what works


async def test_a_token_of_the_kubeconfig_is_sent(secured_kubernetes: Secured, tmp_path: Path, silent: None) -> None:
    assert await login(secured_kubernetes, tmp_path, None) == (None, "")


async def test_a_file_of_a_token_goes_before_the_token_and_is_read_again_after_a_401(
    secured_kubernetes: Secured, tmp_path: Path, silent: None
) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    kubeconfig = secured_kubernetes.kubeconfig(tmp_path, {"token": CANARY, "tokenFile": "token"})
    async with opened(block(kubeconfig)) as room:
        assert await _told(room) == (None, "")
        secured_kubernetes.server.tokens = {"renewed": USER}
        file.write_text("renewed")
        assert await _told(room) == (None, "")
        file.write_text("")
        secured_kubernetes.server.tokens = {}
        fault, shown = await _told(room)
        assert fault is not None
        assert shown == f"token file {file}: is empty token file {file}: is empty"


@pytest.mark.parametrize("memory", [True, False], ids=["memfd", "no memfd"])
async def test_a_client_certificate_signs_in_and_leaves_no_file(
    secured_kubernetes: Secured, tmp_path: Path, silent: None, memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
        monkeypatch.setattr(identity.tempfile, "tempdir", str(tmp_path / "tmp"))
    certificate, key = pair()
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)}
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")
    assert {asked.user for asked in secured_kubernetes.server.log} == {USER}


async def test_certificate_and_key_may_stand_in_files_beside_the_kubeconfig(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    for name, pem in zip(("c.pem", "k.pem"), pair(), strict=True):
        (tmp_path / name).write_bytes(pem)
    user = {"client-certificate": "c.pem", "client-key": "k.pem"}
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")


async def test_a_certificate_that_was_renewed_in_its_file_is_used_from_the_next_look_on(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    files = [tmp_path / name for name in ("c.pem", "k.pem")]
    user = {"client-certificate": "c.pem", "client-key": "k.pem"}
    seen = []
    async with opened(block(secured_kubernetes.kubeconfig(tmp_path, user))) as room:
        for name in (USER, "another"):
            for file, pem in zip(files, pair(name), strict=True):
                file.write_bytes(pem)
            assert await _told(room) == (None, "")
            seen.append([asked.user for asked in secured_kubernetes.server.log][-1])
    assert seen == [USER, "another"]


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
    secured_kubernetes: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "HOLDS", 0.0)
    ends = "time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(time.time() + 840))"
    status = f"dict(token='{TOKEN}', expirationTimestamp={ends})"
    plugin = Plugin(tmp_path, f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status={status})))")
    ahead = 0.0
    async with opened(
        block(secured_kubernetes.kubeconfig(tmp_path, plugin.user())), now=lambda: time.time() + ahead
    ) as room:
        for ahead, runs in ((0.0, 1), (700.0, 1), (800.0, 2)):
            assert await _told(room) == (None, "")
            assert plugin.runs == runs


async def test_a_token_that_is_not_taken_any_more_is_got_anew_once(
    secured_kubernetes: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "HOLDS", 0.0)
    token = "print(json.dumps(dict(apiVersion=info['apiVersion'], kind='ExecCredential', status=dict(token='t'+str(len(open(sys.argv[1]).read()))))))"
    plugin = Plugin(tmp_path, token)
    server, user = secured_kubernetes.server, plugin.user(args=[str(tmp_path / "runs")])
    server.tokens = {"t4": USER}
    async with opened(block(secured_kubernetes.kubeconfig(tmp_path, user))) as room:
        assert await _told(room) == (None, "")
        server.tokens = {"t8": USER}
        assert await _told(room) == (None, "")
        assert plugin.runs == 2
        server.tokens = {}
        fault, shown = await _told(room)
        assert fault is not None
        assert fault.kind == "expired"
        assert "does not take these credentials any more; log in again" in shown


async def test_who_is_impersonated_is_sent(secured_kubernetes: Secured, tmp_path: Path) -> None:
    user = {"token": TOKEN, "as": "bob", "as-groups": ["g", "h"], "as-user-extra": {"Scope": ["x"]}}
    made = identity._impersonation(msgspec.convert(user, identity.User))
    assert made == {"Impersonate-User": "bob", "Impersonate-Group": ["g", "h"], "Impersonate-Extra-scope": ["x"]}
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")


async def test_over_plain_http_no_credentials_are_sent_and_no_plugin_is_run(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, GOOD)
    with serving() as server:
        kubernetes = Secured(server)
        assert await login(kubernetes, tmp_path, plugin.user()) == (None, "")
    assert plugin.runs == 0


# ------------------------------------------------------------ what does not


def no_login(fault: Fault | None) -> bool:
    """Whether nobody is logged in."""
    return fault is not None and fault.code == NO_CREDENTIALS


PLUGINS: dict[str, tuple[str, str]] = {
    "fails": (f"print('{CANARY}')\nsys.exit('Unable to locate credentials: {CANARY}')", "ended with 1: Unable to locate credentials"),
    "dies": ("os.kill(os.getpid(), 9)", "was killed by signal 9"),
    "says nothing": ("pass", "wrote no ExecCredential to its output"),
    "says something": (f"print('{CANARY}')", "wrote no ExecCredential to its output"),
    "another kind": (f"print(json.dumps(dict(apiVersion='{V1}', kind='Pod', status=dict(token='{CANARY}'))))", f"wrote no ExecCredential of {V1}"),
    "another version": (f"print(json.dumps(dict(apiVersion='{V1BETA1}', kind='ExecCredential', status=dict(token='{CANARY}'))))", f"wrote no ExecCredential of {V1}"),
    "neither": (f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status=dict())))", "gave neither a token nor a client certificate"),
    "no key": (f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status=dict(clientCertificateData='{CANARY}'))))", "gave a client certificate without its key"),
    "a bad time": (f"print(json.dumps(dict(apiVersion='{V1}', kind='ExecCredential', status=dict(token='{CANARY}', expirationTimestamp='x'))))", "gave an expirationTimestamp that is no time"),
    "a traceback": (f"raise KeyError('AWS_PROFILE')", "ended with 1: KeyError: 'AWS_PROFILE'"),
    "a flood": ("sys.stdout.write('x' * (3 << 20))", "wrote no ExecCredential to its output"),
}  # fmt: skip


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
    does = f"import subprocess\nchild = subprocess.Popen(['sleep', '600'])\nopen({str(mark)!r}, 'w').write(str(child.pid))\ntime.sleep(600)"
    limits = Limits(plugin=0.5)
    fault, shown = await login(secured_kubernetes, tmp_path, Plugin(tmp_path, does).user(), limits=limits)
    assert no_login(fault)
    assert "did not answer within 0.5 s; it may be waiting for somebody" in shown
    pid = int(mark.read_text())
    for _ in range(100):
        if not Path(f"/proc/{pid}").exists() or " Z " in Path(f"/proc/{pid}/stat").read_text():
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


USERS: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}, "v1alpha1; client"),
    "no mode": ({"exec": {"apiVersion": V1, "command": "x"}}, "exec.interactiveMode is not there"),
    "odd mode": ({"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "Maybe"}}, "exec.interactiveMode is Maybe"),
    "no command": ({"exec": {"apiVersion": V1, "interactiveMode": "Never"}}, "exec.command is not there"),
    "gcp": ({"auth-provider": {"name": "gcp"}}, "auth-provider 'gcp' is no more; install gke-gcloud-auth-plugin"),
    "azure": ({"auth-provider": {"name": "azure"}}, "install kubelogin"),
    "token and password": ({"token": CANARY, "username": "u", "password": CANARY}, "has a token and a password"),
    "no token file": ({"tokenFile": "nowhere"}, "nowhere: No such file or directory"),
    "not base64": ({"client-certificate-data": f"{CANARY}!", "client-key-data": "YQ=="}, "client-certificate-data: is not base64"),
    "no key": ({"client-certificate-data": "YWJj"}, "client-key: is not there"),
    "no certificate file": ({"client-certificate": "nowhere", "client-key": "nowhere"}, "client-certificate: "),
    "no pair": ({"client-certificate-data": encoded(CANARY.encode()), "client-key-data": encoded(CANARY.encode())}, "are not a pair that can be read"),
    "wrong token": ({"token": CANARY}, "does not take these credentials any more"),
    "nobody": ({}, "the API server was given no credentials that it knows"),
}  # fmt: skip


@pytest.mark.parametrize("name", USERS)
async def test_a_user_that_cannot_sign_in_is_told_in_a_line(
    name: str, secured_kubernetes: Secured, tmp_path: Path, silent: None
) -> None:
    user, says = USERS[name]
    fault, shown = await login(secured_kubernetes, tmp_path, user)
    assert fault is not None
    assert says in shown


async def test_a_key_under_a_passphrase_asks_nobody(secured_kubernetes: Secured, tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization as form

    certificate, key = pair()
    loaded = form.load_pem_private_key(key, None)
    sealed = loaded.private_bytes(
        form.Encoding.PEM, form.PrivateFormat.TraditionalOpenSSL, form.BestAvailableEncryption(CANARY.encode())
    )
    user = {"client-certificate-data": encoded(certificate), "client-key-data": encoded(sealed)}
    _, shown = await login(secured_kubernetes, tmp_path, user)
    assert "no passphrase" in shown


CLUSTERS: dict[str, tuple[dict[str, Any], bytes | None, str]] = {
    "wrong authority": ({}, authority().issue("x", issuer_url=False).pem, "CERTIFICATE_VERIFY_FAILED"),
    "no authority": ({}, None, "CERTIFICATE_VERIFY_FAILED"),
    "authority that is none": ({}, CANARY.encode(), "certificate-authority: holds no certificate (PEM)"),
    "insecure": ({"insecure-skip-tls-verify": True}, None, "insecure-skip-tls-verify would give the credentials"),
    "insecure with authority": ({"insecure-skip-tls-verify": True}, authority().root.pem, "goes without insecure"),
    "another name": ({"tls-server-name": "other.example"}, authority().root.pem, "CERTIFICATE_VERIFY_FAILED"),
    "socks": ({"proxy-url": f"socks5://u:{CANARY}@127.0.0.1:1"}, authority().root.pem, "a SOCKS proxy cannot be used"),
    "odd proxy": ({"proxy-url": f"{CANARY}"}, authority().root.pem, "proxy-url: is not an http or https URL"),
    "dead proxy": ({"proxy-url": f"http://u:{CANARY}@127.0.0.1:9"}, authority().root.pem, "127.0.0.1:9"),
    "password": ({"server": f"https://u:{CANARY}@127.0.0.1"}, None, "server: carries a name or password"),
    "no server": ({"server": ""}, None, "server: is not there"),
    "odd server": ({"server": "ftp://x"}, None, "is not an http or https URL"),
    "plain": ({"server": "http://api.example"}, None, "plain http to api.example is refused"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLUSTERS)
async def test_a_server_that_cannot_be_trusted_is_told_in_a_line(
    name: str, secured_kubernetes: Secured, tmp_path: Path, silent: None
) -> None:
    cluster, ca, says = CLUSTERS[name]
    _, shown = await login(secured_kubernetes, tmp_path, {"token": TOKEN}, cluster=cluster, ca=ca)
    assert says in shown
    assert not len(secured_kubernetes.server.log)


async def test_an_insecure_server_is_asked_where_the_configuration_says_so(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    more = {"cluster": {"insecure-skip-tls-verify": True}, "ca": None, "lines": ["allow_insecure = true"]}
    assert await login(secured_kubernetes, tmp_path, None, **more) == (None, "")


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Server]:
    """A server whose certificate is for a name, and not for its address."""
    (tmp_path / "named").mkdir()
    with serving(server_context(tmp_path / "named", "api.internal")) as server:
        server.tokens[TOKEN] = USER
        yield server


async def test_the_name_in_a_servers_certificate_may_be_another_than_its_address(named: Server, tmp_path: Path) -> None:
    cluster = {"tls-server-name": "api.internal"}
    assert await login(Secured(named), tmp_path, None, cluster=cluster) == (None, "")
    fault, _ = await login(Secured(named), tmp_path, None)
    assert fault is not None


async def test_a_proxy_of_the_kubeconfig_is_asked_to_connect(secured_kubernetes: Secured, tmp_path: Path) -> None:
    said = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(proxy, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    async with listening:
        fault, shown = await login(
            secured_kubernetes, tmp_path, None, cluster={"proxy-url": f"http://127.0.0.1:{port}"}
        )
    assert fault is not None
    assert fault.kind == "unreachable"
    assert "403" in shown
    assert said[0].startswith(f"CONNECT 127.0.0.1:{secured_kubernetes.server.port} ".encode())
    assert TOKEN.encode() not in b"".join(said)


def test_the_file_that_stands_in_for_memory_is_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    path, fd = identity._hidden(b"x")
    try:
        assert stat.S_IMODE(Path(path).stat().st_mode) == 0o600
    finally:
        os.close(fd)
        Path(path).unlink()
