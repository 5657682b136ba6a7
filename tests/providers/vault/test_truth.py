"""What enctop says of a provisioned OpenBao is what was provisioned."""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from posture.snapshot import schema, to_json
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from tests.world.vault import broker, configured, counted, polled, reader, taken, verdicts

NONE_HERE = {"vault.transit.key-posture": "not_applicable", "vault.transit.rotation": "not_applicable"}


def engine(engines: str = "pass", ttl: str = "not_applicable") -> dict[str, str]:
    return {"vault.secrets.engines": engines, "vault.lease.default-ttl": ttl}


def method(mfa: str = "not_applicable", hashing: str = "not_applicable", ttl: str = "pass") -> dict[str, str]:
    return {"vault.auth.mfa-enforced": mfa, "vault.auth.password-hashing": hashing, "vault.lease.default-ttl": ttl}


def key(posture: str = "pass", rotation: str = "pass") -> dict[str, str]:
    return {"vault.transit.key-posture": posture, "vault.transit.rotation": rotation}


LEASE = {f"vault.lease.{name}": "pass" for name in ("irrevocable", "revocation-failing", "expiring", "not-renewed")}


LEASES = {
    **{f"vault.lease.{name}": "pass" for name in ("health", "irrevocable", "count")},
    "vault.lease.growth": "not_applicable",
    "vault.lease.revocation-failing": "not_applicable",
}


def _secrets(bao: Bao) -> tuple[str, str, str]:
    """Keys, certificates, namespaces and leases. Returns the issuer, a long certificate and a revoked one."""
    call = bao.call
    keys: dict[str, dict[str, Any]] = {
        "good": {},
        "loose": {"exportable": True},
        "short": {"type": "aes128-gcm96"},
        "rsa": {"type": "rsa-4096"},
    }
    for name, settings in keys.items():
        call("POST", f"transit/keys/{name}", settings)
    call("POST", "transit/keys/mortal", {"auto_rotate_period": "720h"})
    call("POST", "transit/keys/mortal/config", {"deletion_allowed": True})
    issuer = call("POST", "pki/root/generate/internal", {"common_name": "root", "ttl": "87600h"})["issuer_id"]
    call("POST", "pki/roles/host", {"allow_any_name": True, "max_ttl": "9000h"})
    long = call("POST", "pki/issue/host", {"common_name": "a.acme.example", "ttl": "8760h"})["serial_number"]
    gone = call("POST", "pki/issue/host", {"common_name": "b.acme.example", "ttl": "8760h"})["serial_number"]
    call("POST", "pki/revoke", {"serial_number": gone})
    call("POST", "sys/namespaces/team-a", {})
    call("POST", "sys/namespaces/inner", {}, namespace="team-a")
    for namespace in ("team-a", "team-a/inner"):
        call("POST", "sys/mounts/transit", {"type": "transit"}, namespace=namespace)
    call("POST", "transit/keys/deep", {}, namespace="team-a/inner")
    call("POST", "ssh/roles/otp", {"key_type": "otp", "default_user": "u", "cidr_list": "0.0.0.0/0"})
    call("POST", "ssh/creds/otp", {"ip": "10.0.0.1"})
    call("GET", "rabbitmq/creds/app")
    return issuer, long, gone


def _truth(issuer: str, long: str, gone: str) -> dict[str, dict[str, str]]:
    long_ttl = {"vault.lease.default-ttl": "warn"}
    return {
        "": {"vault.seal.status": "pass", "vault.storage.volume": "warn"},
        "auth/token/own": {"vault.token.own": "warn"},
        "auth/token/accessors": {},
        "sys/keyring": {"vault.barrier.rotation": "pass"},
        "sys/storage/raft": {"vault.ha.quorum": "not_applicable"},
        "sys/audit": {"vault.audit.enabled": "warn"},
        "sys/listeners": {"vault.listener.tls": "pass"},
        "sys/seal-backend-status": {"vault.seal.backend": "pass"},
        "sys/license": {"vault.license.expiry": "not_applicable"},
        "sys/mounts": {"vault.secrets.engines": "fail"},
        "team-a/sys/mounts": {"vault.secrets.engines": "pass"},
        "team-a/inner/sys/mounts": {"vault.secrets.engines": "pass"},
        **{path: engine() for path in ("transit", "empty", "kv", "team-a/transit", "team-a/inner/transit")},
        **{path: engine(ttl="pass") for path in ("ssh", "pki", "rabbitmq")},
        "old": engine("warn"),
        "database": engine() | long_ttl,
        "auth/token": method(),
        "auth/approle": method(),
        "auth/userpass": method("pass", "pass"),
        "auth/nobody": method("fail", "pass"),
        **{f"{path}/keys": NONE_HERE for path in ("transit", "empty", "team-a/transit", "team-a/inner/transit")},
        "transit/keys/good": key(),
        "transit/keys/loose": key("fail"),
        "transit/keys/short": key("fail"),
        "transit/keys/rsa": key(),
        "transit/keys/mortal": key("warn"),
        "team-a/inner/transit/keys/deep": key(),
        "pki/certs": {"vault.pki.certificate-expiry": "not_applicable"},
        f"pki/issuer/{issuer}": {"vault.pki.certificate-expiry": "pass"},
        f"pki/cert/{long}": {"vault.pki.certificate-expiry": "pass"},
        f"pki/cert/{gone}": {"vault.pki.certificate-expiry": "not_applicable"},
        "sys/leases": LEASES,
        "leases/ssh/creds/otp": LEASE | {"vault.lease.not-renewed": "not_applicable"},
        "leases/rabbitmq/creds/app": LEASE,
    }


def provision(bao: Bao, rabbit: Rabbit) -> dict[str, dict[str, str]]:
    """Everything the room knows of, and the truth of it."""
    call = bao.call
    short = {"default_lease_ttl": "1h", "max_lease_ttl": "24h"}
    for path, type_, options in (
        ("transit", "transit", {}),
        ("empty", "transit", {}),
        ("ssh", "ssh", {}),
        ("kv", "kv", {"version": "2"}),
    ):
        call(
            "POST", f"sys/mounts/{path}", {"type": type_, "options": options, "config": short if type_ == "ssh" else {}}
        )
    call("POST", "sys/mounts/old", {"type": "kv", "options": {"version": "1"}})
    call("POST", "sys/mounts/database", {"type": "database"})
    call("POST", "sys/mounts/pki", {"type": "pki", "config": {"max_lease_ttl": "87600h"}})
    broker(bao, rabbit)
    call("POST", "sys/mounts/auth/token/tune", short)
    for path, type_ in (("userpass", "userpass"), ("nobody", "userpass"), ("approle", "approle")):
        call("POST", f"sys/auth/{path}", {"type": type_, "config": short})
    for path in ("userpass", "nobody"):
        call("POST", f"auth/{path}/users/alice", {"password": "canary-password"})
    totp = call("POST", "identity/mfa/method/totp", {"issuer": "acme", "period": 30})["method_id"]
    accessor = call("GET", "sys/auth")["userpass/"]["accessor"]
    call(
        "POST", "identity/mfa/login-enforcement/humans", {"mfa_method_ids": [totp], "auth_method_accessors": [accessor]}
    )
    return _truth(*_secrets(bao))


async def test_every_resource_and_verdict_is_as_provisioned(bao: Bao, rabbit: Rabbit) -> None:
    truth = provision(bao, rabbit)
    await counted(bao)
    policy = '[tenant.policy.vault.mounts]\n"missing/" = "kv-2"\n"transit/" = "transit"'
    collector = await polled(configured(bao.url, tenant=policy))
    found = {resource.partition("#")[0]: statuses for resource, statuses in verdicts(collector).items()}
    assert {resource: statuses for resource, statuses in found.items() if statuses != truth.get(resource)} == {}
    assert truth.keys() - found.keys() == set()
    assert {source.state.value for source in collector.model.sources.values()} == {"ok"}
    Draft202012Validator(schema()).validate(json.loads(to_json(taken(collector))))


async def test_with_exactly_the_printed_policy_everything_is_read_just_so(
    bao: Bao, rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = provision(bao, rabbit)
    monkeypatch.setenv("TEST_VAULT_TOKEN", reader(bao, namespaces=("", "team-a", "team-a/inner")))
    await counted(bao)
    collector = await polled(configured(bao.url))
    found = {resource.partition("#")[0]: statuses for resource, statuses in verdicts(collector).items()}
    truth |= {"sys/mounts": {"vault.secrets.engines": "pass"}, "auth/token/own": {"vault.token.own": "pass"}}
    found.pop("auth/token", None)  # the root token's row and the method have the same id but for the digest
    truth.pop("auth/token")
    assert {resource: statuses for resource, statuses in found.items() if statuses != truth.get(resource)} == {}
    assert {source.state.value for source in collector.model.sources.values()} == {"ok"}
