"""The seal is one finding, whatever hangs on it; and whatever goes wrong with the server, the token or the way there
is said, and passes.
"""

import subprocess
from pathlib import Path

import pytest

from posture.verdict import Finding, Status
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao, BaoError
from tests.providers.vault.test_truth import provision
from tests.world.raft import Raft
from tests.world.vault import TOKEN_ENV, Watched, broker, configured, counted, everything, polled, reader, watched

LIVE = 1.0


async def test_a_sealed_vault_is_one_finding_and_everything_else_is_unknown_because_of_it(
    bao: Bao, rabbit: Rabbit
) -> None:
    provision(bao, rabbit)
    await counted(bao)
    async with watched(configured(bao.url, live=f"{LIVE:g}s", warm="30s")) as it:
        before = _settled(it)
        assert len(before) > 60
        bao.seal()
        polls = it.polls("vault")
        await it.until(lambda: it.statuses("vault.seal.status") == [Status.FAIL], "the seal")
        assert it.polls("vault") - polls <= 2, "one may have been under way"
        others = [finding for finding in it.findings() if finding.control != "vault.seal.status"]
        assert {finding.status for finding in others} == {Status.UNKNOWN}
        assert {(finding.fault.code if finding.fault else "") for finding in others} == {"Sealed"}
        assert "sealed: 0 of 2 keys given" in it.find("").findings["vault.seal.status"].reason
        bao.call("PUT", "sys/unseal", {"key": bao.keys[0]}, token="")
        await it.until(lambda: "1 of 2 keys" in it.find("").findings["vault.seal.status"].reason, "the progress")
        bao.unseal()
        await it.until(lambda: _settled(it) == before, "recovery")


def _settled(it: Watched) -> dict[tuple[str, str], Status]:
    """Every verdict but those that count polls."""
    counting = {"vault.lease.growth", "vault.lease.revocation-failing"}
    return {
        (finding.control, finding.resource): finding.status
        for finding in it.findings()
        if finding.control not in counting
    }


async def test_a_vault_without_keys_is_not_initialised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, "s.none")
    bare = Bao(start=False)
    bare.start()
    try:
        collector = await polled(configured(bare.url))
    finally:
        bare.stop()
    (cluster,) = [entry for entry in collector.model.all() if entry.resource.type == "vault.cluster"]
    assert {finding.control: finding.status for finding in cluster.findings.values()} == {
        "vault.seal.status": Status.FAIL,
        "vault.storage.volume": Status.UNKNOWN,
    }


async def test_a_server_that_stops_is_unknown_and_one_that_comes_back_empty_has_nothing(
    bao: Bao, rabbit: Rabbit
) -> None:
    broker(bao, rabbit)
    for _ in range(5):
        bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    async with watched(configured(bao.url)) as it:
        assert sum(entry.resource.type == "vault.lease" for entry in it.model.all()) == 5
        bao.kill()
        await it.until(lambda: {finding.status for finding in it.findings()} == {Status.UNKNOWN}, "silence is unknown")
        assert {(finding.fault.kind.value if finding.fault else "") for finding in it.findings()} == {"unreachable"}
        bao.start()
        bao.initialise()
        bao.unseal()
        it.collector.poller.refresh()
        await it.until(lambda: it.statuses("vault.seal.status") == [Status.PASS], "the new server")
        stale = bao.token
        assert it.statuses("vault.token.own") == [Status.UNKNOWN], "the old server's token is not the new one's"
        assert stale not in everything(it.collector)


async def test_with_a_token_file_that_is_written_anew_a_new_server_takes_the_place_of_the_old(
    bao: Bao, rabbit: Rabbit, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(bao.token + "\n")
    broker(bao, rabbit)
    for _ in range(3):
        bao.call("GET", "rabbitmq/creds/app")
    await counted(bao)
    text = configured(bao.url).replace(f'token_env = "{TOKEN_ENV}"', f'token_file = "{file}"')
    async with watched(text) as it:
        assert sum(entry.resource.type == "vault.lease" for entry in it.model.all()) == 3
        bao.kill()
        bao.start()
        bao.initialise()
        bao.unseal()
        file.write_text(bao.token)
        await it.until(
            lambda: not any(entry.resource.type == "vault.lease" for entry in it.model.all()), "no lease is left", 30
        )
        await it.until(
            lambda: not any("rabbitmq" in entry.resource.id for entry in it.model.all()), "no mount is left", 30
        )
        await it.until(lambda: it.statuses("vault.token.own") == [Status.WARN], "the new token")


async def test_a_token_that_ends_is_the_reason_for_everything_and_nothing_is_a_fail(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, reader(bao, ttl="3s", explicit_max_ttl="3s"))
    async with watched(configured(bao.url)) as it:
        assert it.statuses("vault.token.own") == [Status.WARN]

        def rest() -> list[Finding]:
            return [finding for finding in it.findings() if finding.control != "vault.seal.status"]

        await it.until(lambda: {finding.status for finding in rest()} == {Status.UNKNOWN}, "the end of the token")
        assert {finding.fault.kind.value for finding in rest() if finding.fault} == {"expired"}
        assert it.statuses("vault.seal.status") == [Status.PASS], "the seal needs no token"


async def test_a_token_revoked_mid_run_is_told_from_a_missing_policy(
    bao: Bao, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "token"
    file.write_text(reader(bao))
    text = configured(bao.url).replace(f'token_env = "{TOKEN_ENV}"', f'token_file = "{file}"')
    async with watched(text) as it:
        assert it.statuses("vault.token.own") == [Status.PASS]
        bao.call("POST", "auth/token/revoke", {"token": file.read_text()})
        await it.until(lambda: it.statuses("vault.token.own") == [Status.UNKNOWN], "the revocation")
        assert "expired or was revoked" in everything(it.collector)
        file.write_text(reader(bao))
        await it.until(lambda: it.statuses("vault.token.own") == [Status.PASS], "recovery by the file alone")
        await it.until(lambda: Status.UNKNOWN not in {finding.status for finding in it.findings()}, "all of it", 20)


async def test_a_missing_line_of_the_policy_blinds_its_control_and_names_the_line(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN_ENV, reader(bao, sudo=False))
    await counted(bao)
    async with watched(configured(bao.url)) as it:
        (audit,) = [finding for finding in it.findings() if finding.control == "vault.audit.enabled"]
        assert audit.status is Status.UNKNOWN
        assert audit.fault is not None
        assert audit.fault.kind.value == "denied"
        assert audit.fault.permission == 'path "sys/audit" { capabilities = ["read", "sudo"] }'
        assert it.state("vault-system") == "partial"
        assert it.statuses("vault.lease.count") == [Status.PASS], "the counts need no sudo"


async def test_a_denied_namespace_is_named_and_the_others_are_read(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("seen", "hidden"):
        bao.call("POST", f"sys/namespaces/{name}", {})
    monkeypatch.setenv(TOKEN_ENV, reader(bao, namespaces=("", "seen")))
    async with watched(configured(bao.url)) as it:
        assert it.find("seen/sys/mounts").findings["vault.secrets.engines"].status is Status.PASS
        hidden = it.find("hidden/sys/mounts").findings["vault.secrets.engines"]
        assert hidden.status is Status.UNKNOWN
        assert hidden.fault is not None
        assert hidden.fault.permission == 'path "hidden/sys/mounts" { capabilities = ["read"] }'


def another_authority(tmp_path: Path) -> Path:
    wrong = tmp_path / "wrong.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "1",
        "-subj",
        "/CN=other",
    ]
    subprocess.run(
        [*command, "-keyout", str(tmp_path / "key.pem"), "-out", str(wrong)], check=True, capture_output=True
    )
    return wrong


async def test_a_certificate_ofanother_authority_is_unreachable_with_its_reason(tls_bao: Raft, tmp_path: Path) -> None:
    collector = await polled(configured(tls_bao.url, f'ca_file = "{another_authority(tmp_path)}"'))
    (cluster,) = [entry for entry in collector.model.all() if entry.resource.type == "vault.cluster"]
    assert {finding.status for finding in cluster.findings.values()} == {Status.UNKNOWN}
    fault = cluster.findings["vault.seal.status"].fault
    assert fault is not None
    assert (fault.kind.value, fault.code) == ("unreachable", "SSLError")
    assert "certificate verify failed" in fault.message


def test_the_server_refuses_what_the_printed_policy_does_not_name(bao: Bao, rabbit: Rabbit) -> None:
    provision(bao, rabbit)
    bao.call("POST", "kv/data/app", {"data": {"secret": "canary"}})
    bao.call("POST", "old/app", {"secret": "canary"})
    bao.call("POST", "old/keys/app", {"secret": "canary"})
    token = reader(bao)
    forbidden = [
        *(
            ("GET", path, None)
            for path in (
                "kv/data/app",
                "old/app",
                "old/keys/app",
                "rabbitmq/creds/app",
                "transit/export/encryption-key/loose",
            )
        ),
        *(("PUT", path, {}) for path in ("sys/seal", "sys/leases/tidy", "sys/rotate")),
        ("PUT", "sys/leases/revoke-prefix/rabbitmq", {}),
        ("PUT", "sys/leases/revoke-force/rabbitmq", {}),
        ("POST", "transit/encrypt/good", {"plaintext": "AAAA"}),
        ("POST", "transit/decrypt/good", {"ciphertext": "vault:v1:AAAA"}),
        ("POST", "pki/issue/host", {"common_name": "x"}),
        ("POST", "auth/token/create", {}),
        ("POST", "auth/token/revoke-accessor", {"accessor": "x"}),
    ]
    for method, path, body in forbidden:
        with pytest.raises(BaoError) as refused:
            raise AssertionError(f"{method} {path} was allowed: {bao.call(method, path, body, token=token)}")
        assert refused.value.status == 403, path
