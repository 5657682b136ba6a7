"""Who asks, as kubectl would: tokens, files of tokens and certificates, over a real TLS server. Every way in that does
not work has one clear line, and nothing secret is anywhere.
"""

import asyncio
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.demo.kubernetes.server import Server
from providers.kubernetes import identity
from providers.kubernetes.kubeconfig import User
from tests.providers.kubernetes.room import block, opened
from tests.providers.kubernetes.signing_in import (
    CANARY,
    GOOD,
    V1,
    Plugin,
    encoded,
    login,
    pair,
    told,
)
from tests.world.kubernetes import TOKEN, USER, Secured, authority, server_context, serving

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
        assert await told(room) == (None, "")
        secured_kubernetes.server.tokens = {"renewed": USER}
        file.write_text("renewed")
        assert await told(room) == (None, "")
        file.write_text("")
        secured_kubernetes.server.tokens = {}
        fault, shown = await told(room)
        assert fault is not None
        assert shown == f"token file {file}: is empty token file {file}: is empty"


@pytest.mark.parametrize("memory", [True, False], ids=["memfd", "no memfd"])
async def test_a_client_certificate_signs_in_and_leaves_no_file(
    secured_kubernetes: Secured, tmp_path: Path, silent: None, memory: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not memory:
        monkeypatch.delattr(os, "memfd_create")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
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
            assert await told(room) == (None, "")
            seen.append([asked.user for asked in secured_kubernetes.server.log][-1])
    assert seen == [USER, "another"]


async def test_who_is_impersonated_is_sent(secured_kubernetes: Secured, tmp_path: Path) -> None:
    user = {"token": TOKEN, "as": "bob", "as-groups": ["g", "h"], "as-user-extra": {"Scope": ["x"]}}
    made = identity._impersonation(msgspec.convert(user, User))
    assert made == {"Impersonate-User": "bob", "Impersonate-Group": ["g", "h"], "Impersonate-Extra-scope": ["x"]}
    assert await login(secured_kubernetes, tmp_path, user) == (None, "")


async def test_over_plain_http_no_credentials_are_sent_and_no_plugin_is_run(tmp_path: Path) -> None:
    plugin = Plugin(tmp_path, GOOD)
    with serving() as server:
        kubernetes = Secured(server)
        assert await login(kubernetes, tmp_path, plugin.user()) == (None, "")
    assert plugin.runs == 0


# ------------------------------------------------------------ what does not


USERS: dict[str, tuple[dict[str, Any], str]] = {
    "alpha": ({"exec": {"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}}, "v1alpha1; client"),
    "no mode": ({"exec": {"apiVersion": V1, "command": "x"}}, "exec.interactiveMode is not there"),
    "odd mode": (
        {"exec": {"apiVersion": V1, "command": "x", "interactiveMode": "Maybe"}},
        "exec.interactiveMode is Maybe",
    ),
    "no command": ({"exec": {"apiVersion": V1, "interactiveMode": "Never"}}, "exec.command is not there"),
    "gcp": ({"auth-provider": {"name": "gcp"}}, "auth-provider 'gcp' is no more; install gke-gcloud-auth-plugin"),
    "azure": ({"auth-provider": {"name": "azure"}}, "install kubelogin"),
    "token and password": ({"token": CANARY, "username": "u", "password": CANARY}, "has a token and a password"),
    "no token file": ({"tokenFile": "nowhere"}, "nowhere: No such file or directory"),
    "not base64": (
        {"client-certificate-data": f"{CANARY}!", "client-key-data": "YQ=="},
        "client-certificate-data: is not base64",
    ),
    "no key": ({"client-certificate-data": "YWJj"}, "client-key: is not there"),
    "no certificate file": ({"client-certificate": "nowhere", "client-key": "nowhere"}, "client-certificate: "),
    "no pair": (
        {"client-certificate-data": encoded(CANARY.encode()), "client-key-data": encoded(CANARY.encode())},
        "are not a pair that can be read",
    ),
    "wrong token": ({"token": CANARY}, "does not take these credentials any more"),
    "a token of two lines": ({"token": f"a\n{CANARY}"}, "with a line end in it is none"),
    "nobody": ({}, "the API server was given no credentials that it knows"),
}


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
}


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
