"""Every way of getting a token, on a real server; and its renewal, where that was asked for."""

import base64
import json
import time
from functools import partial
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

from posture.clock import Utc
from posture.verdict import Status
from providers.demo.vault.server import Bao
from tests.world.vault import TOKEN_ENV, Watched, configured, everything, polled, reader, watched


async def test_approle_logs_in_and_logs_in_again_when_its_token_ends(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    reader(bao)  # writes the policy
    bao.call("POST", "sys/auth/machines", {"type": "approle"})
    bao.call(
        "POST",
        "auth/machines/role/enctop",
        {"token_policies": ["enctop-sudo"], "token_ttl": "2s", "token_max_ttl": "2s"},
    )
    role = bao.call("GET", "auth/machines/role/enctop/role-id")["role_id"]
    secret = bao.call("POST", "auth/machines/role/enctop/secret-id", {})["secret_id"]
    monkeypatch.setenv("SECRET_ID", secret)
    login = f'auth = "approle"\nmount = "machines"\nrole_id = "{role}"\nsecret_id_env = "SECRET_ID"'
    text = configured(bao.url, login, warm="1s").replace(f'token_env = "{TOKEN_ENV}"', "")
    async with watched(text) as it:
        assert it.statuses("vault.token.own") == [Status.PASS]
        issued = it.find("auth/token/own").resource.fields["issue_time"]
        await it.until(
            lambda: it.find("auth/token/own").resource.fields.get("issue_time", issued) != issued, "a new token"
        )
        assert not [finding for finding in it.findings() if finding.fault and finding.fault.kind.value == "expired"]
        assert secret not in everything(it.collector)
    monkeypatch.setenv("SECRET_ID", "wrong-secret-canary")
    collector = await polled(text)
    assert {source.state.value for source in collector.model.sources.values()} >= {"expired"}
    assert "wrong-secret-canary" not in everything(collector)


def signed(claims: dict[str, object], key: ec.EllipticCurvePrivateKey) -> str:
    """A JWT (RFC 7515, ES256)."""

    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    body = f"{part(json.dumps({'alg': 'ES256', 'typ': 'JWT'}).encode())}.{part(json.dumps(claims).encode())}"
    r, s = utils.decode_dss_signature(key.sign(body.encode(), ec.ECDSA(hashes.SHA256())))
    return f"{body}.{part(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


async def test_jwt_logs_in_with_a_file(bao: Bao, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )
    reader(bao)
    bao.call("POST", "sys/auth/jwt", {"type": "jwt"})
    bao.call("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [public]})
    role = {
        "role_type": "jwt",
        "user_claim": "sub",
        "bound_audiences": ["enctop"],
        "token_policies": ["enctop-sudo"],
        "token_ttl": "1h",
    }
    bao.call("POST", "auth/jwt/role/enctop", role)
    file = tmp_path / "jwt"
    file.write_text(
        signed({"sub": "enctop", "aud": "enctop", "iat": int(time.time()), "exp": int(time.time()) + 600}, key)
    )
    text = configured(bao.url, f'auth = "jwt"\nrole = "enctop"\njwt_file = "{file}"').replace(
        f'token_env = "{TOKEN_ENV}"', ""
    )
    collector = await polled(text)
    (own,) = [entry for entry in collector.model.all() if entry.resource.type == "vault.token.own"]
    assert own.findings["vault.token.own"].status is Status.PASS


def _ends_after(it: Watched, at: Utc) -> bool:
    return (it.find("auth/token/own").resource.expires or 0) > at


async def test_its_own_token_is_renewed_only_when_asked_for(bao: Bao, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked_for in (False, True):
        token = reader(bao, ttl="6s", period="6s")
        bao.call(
            "PUT", "sys/policies/acl/renew", {"policy": 'path "auth/token/renew-self" { capabilities = ["update"] }'}
        )
        body = {"policies": ["enctop-sudo", "renew"], "no_default_policy": True, "period": "6s"}
        token = bao.call("POST", "auth/token/create-orphan", body)["auth"]["client_token"]
        monkeypatch.setenv(TOKEN_ENV, token)
        async with watched(configured(bao.url, f"renew_token = {str(asked_for).lower()}")) as it:
            first = it.find("auth/token/own").resource.expires
            assert first is not None
            if asked_for:
                await it.until(partial(_ends_after, it, first + 1), "the renewal")
            else:
                await it.until(lambda: it.statuses("vault.token.own") == [Status.UNKNOWN], "its end")
