"""Vault's controls, state by state; and the gate they stand behind."""

from typing import Any

import pytest

from posture.fault import Fault, FaultKind
from posture.lease import LeaseState, Life
from posture.policy import Policy
from posture.policy.vault import VaultPolicy
from posture.resource import Encryption, Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.tls import world as tls
from tests.posture.controls.vault import world as v
from tests.posture.controls.world import DAY, NOW, World, denied, made

HOUR = 3600.0
DOWN = Fault(FaultKind.UNREACHABLE, "ConnectionError", "GET sys/seal-status", "connection refused")
BY_TYPE = {"name": "humans", "by": "type", "methods": ["totp"]}
SOME = {"name": "admins", "by": "people", "methods": ["totp"]}


def said(control: str, resource: Resource, world: World | None = None, **policy: Any) -> str:
    world = world or World([v.cluster()], policy=Policy(vault=VaultPolicy(**policy)))
    return world.ask(f"vault.{control}", resource).status.word


@pytest.mark.parametrize(
    ("cluster", "status"),
    [
        (v.cluster(), "pass"),
        (v.cluster(sealed=True), "fail"),
        (v.cluster(initialized=False, sealed=True), "fail"),
        (v.cluster(migration=True), "warn"),
        (v.cluster(leader_address=""), "warn"),
        (v.cluster(ha_enabled=False, leader_address=""), "pass"),
        (v.cluster(nodes={"known": 3, "sealed": 1, "unsealed": 2, "silent": 0}), "warn"),
        (v.cluster(nodes={"known": 3, "sealed": 2, "unsealed": 1, "silent": 0}), "fail"),
        (v.cluster(nodes={"known": 3, "sealed": 0, "unsealed": 2, "silent": 1}), "warn"),
        (v.cluster(faults={"GET sys/seal-status": DOWN}), "unknown"),
        (v.node(), "pass"),
        (v.node(sealed=True, health=503), "warn"),
        (v.node(initialized=False, sealed=True), "warn"),
    ],
)
def test_seal_status(cluster: Resource, status: str) -> None:
    assert said("seal.status", cluster) == status


@pytest.mark.parametrize(
    ("control", "resource", "policy", "status"),
    [
        ("seal.backend", v.backend(None), {}, "pass"),
        ("seal.backend", v.backend(None), {"seal": "awskms"}, "fail"),
        ("seal.backend", v.backend({"healthy": False, "unhealthy_since": "2026-11-23T00:00:00Z"}), {}, "fail"),
        ("barrier.rotation", v.keyring(), {}, "pass"),
        ("barrier.rotation", v.keyring(NOW - 366 * DAY), {}, "warn"),
        ("barrier.rotation", v.keyring(enabled=False), {}, "warn"),
        ("barrier.rotation", v.keyring(used=1 << 33, enabled=False), {}, "fail"),
        ("barrier.rotation", v.keyring(used=1 << 32), {}, "warn"),
        ("barrier.rotation", v.keyring(used=1 << 40, max_operations=0), {}, "fail"),
        ("barrier.rotation", v.keyring(NOW + 400 * DAY), {}, "unknown"),
        ("barrier.rotation", v.keyring(), {"barrier_timed": True}, "warn"),
        ("barrier.rotation", v.keyring(interval=86400), {"barrier_timed": True}, "pass"),
        ("ha.quorum", v.raft(), {}, "pass"),
        ("ha.quorum", v.raft(failure_tolerance=0), {}, "warn"),
        (
            "ha.quorum",
            v.raft(healthy=False, servers={"n1": {"healthy": True}, "n2": {"healthy": False, "node_status": "alive"}}),
            {},
            "fail",
        ),
        ("ha.quorum", v.hung("sys/storage/raft", "vault", "vault.raft", autopilot=None), {}, "not_applicable"),
        ("audit.enabled", v.audit("a", "b"), {}, "pass"),
        ("audit.enabled", v.audit("a"), {}, "warn"),
        ("audit.enabled", v.audit(), {}, "fail"),
        ("audit.enabled", v.audit("a", "b", failures=3), {}, "warn"),
        ("audit.enabled", v.audit("a", "b", devices={"a/": {"log_raw": True}, "b/": {"log_raw": False}}), {}, "warn"),
        ("listener.tls", v.listener(), {}, "pass"),
        ("listener.tls", v.listener(tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="127.0.0.1:8200", tls_disable=True), {}, "pass"),
        ("listener.tls", v.listener(address="[::1]:8200", tls_disable=True), {}, "pass"),
        ("listener.tls", v.listener(address="localhost.acme.example:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="127.acme.example:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="127.0.0.1.evil.example:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="localhost.evil.example:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="[::1234]:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="[::]:8200", tls_disable=True), {}, "fail"),
        ("listener.tls", v.listener(address="LOCALHOST:8200", tls_disable=True), {}, "pass"),
        ("listener.tls", v.listener(address="/run/vault.sock", tls_disable="true"), {}, "pass"),
        ("listener.tls", v.listener("http://127.evil.example:8200"), {}, "fail"),
        ("listener.tls", v.listener("http://localhost.evil.example:8200"), {}, "fail"),
        ("listener.tls", v.listener("http://127.9.9.9:8200"), {}, "pass"),
        ("listener.tls", v.listener(tls_min_version="tls11"), {}, "warn"),
        ("license.expiry", v.licence(None), {}, "not_applicable"),
        ("license.expiry", v.licence(NOW + 400 * DAY), {}, "pass"),
        ("license.expiry", v.licence(NOW + 10 * DAY), {}, "warn"),
        ("license.expiry", v.licence(NOW - DAY), {}, "fail"),
        ("secrets.engines", v.namespace(kv="kv"), {}, "pass"),
        ("secrets.engines", v.namespace(kv="kv"), {"mounts": {"kv/": "kv-2"}}, "pass"),
        ("secrets.engines", v.namespace(kv="kv"), {"mounts": {"transit/": "transit"}}, "fail"),
        ("secrets.engines", v.namespace(kv="ssh"), {"mounts": {"kv/": "kv-2"}}, "fail"),
        ("secrets.engines", v.engine("kv", version="2"), {}, "pass"),
        ("secrets.engines", v.engine("kv", version="1"), {}, "warn"),
        ("secrets.engines", v.engine("kv", version="1"), {"mounts": {"kv/": "kv-1"}}, "pass"),
        ("secrets.engines", v.engine(deprecation_status="pending-removal"), {}, "warn"),
        ("lease.default-ttl", v.engine(), {}, "pass"),
        ("lease.default-ttl", v.engine(default=2_764_800), {}, "warn"),
        ("lease.default-ttl", v.engine(longest=90 * 86400), {}, "warn"),
        ("lease.default-ttl", v.engine("kv", default=2_764_800), {}, "not_applicable"),
        ("auth.password-hashing", v.method(), {}, "pass"),
        ("auth.password-hashing", v.method(), {"sso_only": True}, "warn"),
        ("auth.password-hashing", v.method(user_fields=["password_hash", "token_ttl"]), {}, "fail"),
        ("auth.password-hashing", v.method("approle"), {}, "not_applicable"),
        ("auth.mfa-enforced", v.method("userpass", BY_TYPE), {}, "pass"),
        ("auth.mfa-enforced", v.method("userpass"), {}, "fail"),
        ("auth.mfa-enforced", v.method("userpass", SOME), {}, "warn"),
        ("auth.mfa-enforced", v.method("userpass", BY_TYPE, {**BY_TYPE, "name": "again"}), {}, "warn"),
        ("auth.mfa-enforced", v.method("oidc"), {}, "pass"),
        ("auth.mfa-enforced", v.method("kubernetes"), {}, "not_applicable"),
        ("token.own", v.own_token(), {}, "pass"),
        ("token.own", v.own_token(NOW + HOUR), {}, "fail"),
        ("token.own", v.own_token(NOW - 1), {}, "unknown"),
        ("token.own", v.own_token(NOW + HOUR, logs_in=True), {}, "pass"),
        ("token.own", v.own_token(None, policies=["root"]), {}, "warn"),
        ("token.own", v.own_token(None), {}, "warn"),
        ("token.own", v.own_token(renewable=False), {}, "warn"),
        ("token.own", v.own_token(NOW + 60, period=0, creation_ttl=300), {}, "warn"),
        ("transit.key-posture", v.transit_key(), {}, "pass"),
        ("transit.key-posture", v.transit_key(exportable=True), {}, "fail"),
        ("transit.key-posture", v.transit_key(allow_plaintext_backup=True), {}, "fail"),
        ("transit.key-posture", v.transit_key(type="rsa-2048"), {}, "fail"),
        ("transit.key-posture", v.transit_key(deletion_allowed=True), {}, "warn"),
        ("transit.key-posture", v.transit_key(imported_key=True), {}, "warn"),
        ("transit.key-posture", v.transit_mount(0), {}, "not_applicable"),
        ("transit.rotation", v.transit_key(), {}, "pass"),
        ("transit.rotation", v.transit_key(NOW - 20 * DAY, auto_rotate_period=30 * 86400), {}, "pass"),
        ("transit.rotation", v.transit_key(NOW - 45 * DAY, auto_rotate_period=30 * 86400), {}, "warn"),
        ("transit.rotation", v.transit_key(NOW - 900 * DAY, auto_rotate_period=30 * 86400), {}, "fail"),
        ("transit.rotation", v.transit_key(NOW + 900 * DAY), {}, "unknown"),
        ("transit.rotation", v.transit_key(NOW - 91 * DAY), {}, "warn"),
        ("transit.rotation", v.transit_key(NOW - 181 * DAY), {}, "fail"),
        ("transit.rotation", v.transit_key(NOW - 91 * DAY), {"transit_days": 365}, "pass"),
        (
            "transit.rotation",
            v.transit_key(auto_rotate_period=2_592_000, latest_version=40, versions={"40": "2026-11-20T00:00:00Z"}),
            {},
            "warn",
        ),
        ("pki.certificate-expiry", v.certificate(NOW + 200 * DAY), {}, "pass"),
        ("pki.certificate-expiry", v.certificate(NOW + 20 * DAY), {}, "warn"),
        ("pki.certificate-expiry", v.certificate(NOW + 3 * DAY), {}, "fail"),
        ("pki.certificate-expiry", v.certificate(NOW + HOUR, DAY), {}, "pass"),
        ("pki.certificate-expiry", v.certificate(NOW - DAY), {}, "not_applicable"),
        ("pki.certificate-expiry", v.certificate(NOW + 3 * DAY, revocation_time=1), {}, "not_applicable"),
        ("pki.certificate-expiry", v.certificate(NOW + 60 * DAY, 3650 * DAY, issuer=True), {}, "warn"),
        ("pki.certificate-expiry", v.certificate(NOW - DAY, 3650 * DAY, issuer=True), {}, "fail"),
        ("lease.irrevocable", v.lease(revoke_error="gone"), {}, "fail"),
        ("lease.irrevocable", v.leases(irrevocable=2), {}, "fail"),
        ("lease.health", v.leases(irrevocable=2, polls=1), {}, "warn"),
        ("lease.health", v.leases(irrevocable=2, polls=2), {}, "fail"),
        ("lease.revocation-failing", v.lease(NOW - HOUR, NOW - 60, overdue=True, renewable=False), {}, "warn"),
        ("lease.revocation-failing", v.lease(NOW - HOUR, NOW - 700, overdue=True, renewable=False), {}, "fail"),
        ("lease.revocation-failing", v.lease(NOW - HOUR, NOW - 5, overdue=True, renewable=False), {}, "pass"),
        ("lease.revocation-failing", v.lease(NOW - HOUR, NOW - 60), {}, "pass"),
        ("lease.revocation-failing", v.leases(backlog_polls=3), {}, "warn"),
        ("lease.expiring", v.lease(NOW - 23 * HOUR, NOW + HOUR), {}, "warn"),
        ("lease.expiring", v.lease(NOW - 55, NOW + 5), {}, "pass"),
        ("lease.expiring", v.token(None, policies=["root"]), {}, "warn"),
        ("lease.expiring", v.lease(ends=None, renewable=False), {}, "unknown"),
        ("lease.not-renewed", v.lease(NOW - 8 * HOUR, NOW + 2 * HOUR), {}, "warn"),
        ("lease.not-renewed", v.lease(NOW - 8 * HOUR, NOW + 2 * HOUR, NOW - HOUR), {}, "pass"),
        ("lease.not-renewed", v.lease(NOW - 50, NOW + 5), {}, "pass"),
        ("lease.not-renewed", v.lease(renewable=False), {}, "not_applicable"),
        ("lease.count", v.leases(1000), {}, "pass"),
        ("lease.count", v.leases(210_000), {}, "warn"),
        ("lease.count", v.leases(256_000), {}, "fail"),
        ("lease.count", v.leases(900, quotas=[{"max_leases": 1000, "path": ""}]), {}, "warn"),
        ("lease.count", v.leases(None), {}, "unknown"),
        ("lease.growth", v.leases(10_000, growth={"minutes": 50, "from": 2_000, "a_minute": 160.0}), {}, "warn"),
        ("lease.growth", v.leases(100, growth={"minutes": 50, "from": 10, "a_minute": 2.0}), {}, "pass"),
        ("lease.growth", v.leases(10_000, growth=None), {}, "not_applicable"),
    ],
)
def test_states(control: str, resource: Resource, policy: dict[str, Any], status: str) -> None:
    assert said(control, resource, **policy) == status


DOOR = tls.endpoint().id
OLD = tls.endpoint(
    tls.address(
        Full=tls.full(Legacy={"TLSv1.0": "accepted", "TLSv1.1": "accepted", "SSLv3": "refused (protocol_version)"})
    )
)


@pytest.mark.parametrize(
    ("door", "listener", "status", "reason"),
    [
        (tls.endpoint(), v.listener(door=DOOR), "pass", "the handshake is as promised"),
        (OLD, v.listener(door=DOOR), "fail", "tls.protocol-legacy: accepts"),
        (tls.endpoint(), v.listener(door=DOOR, tls_disable=True), "fail", "tls_disable on"),
        (
            OLD,
            v.listener(door=DOOR, faults={"GET sys/config/state/sanitized": denied("GET sys/config/state/sanitized")}),
            "fail",
            "tls.protocol-legacy",
        ),
        (
            tls.endpoint(),
            v.listener(door=DOOR, faults={"GET sys/config/state/sanitized": denied("x")}),
            "pass",
            "may not be read",
        ),
        (tls.silent(), v.listener(door=DOOR), "unknown", "tls."),
        (tls.silent(), v.listener(door=DOOR, tls_disable=True), "fail", "tls_disable on"),
        (None, v.listener(door=DOOR), "unknown", "has not been probed yet"),
    ],
)
def test_a_listener_is_the_worse_of_its_configuration_and_its_door(
    door: Resource | None, listener: Resource, status: str, reason: str
) -> None:
    verdict = World([v.cluster(), *([door] if door else [])]).ask("vault.listener.tls", listener)
    assert verdict.status.word == status
    assert reason in verdict.reason


def test_auto_unseal_whose_key_is_not_told_is_fragile() -> None:
    world = World([v.cluster(type="awskms")])
    assert world.ask("vault.seal.backend", v.backend(None)).status is Status.WARN
    assert world.ask("vault.seal.backend", v.backend({"healthy": True})).status is Status.PASS


@pytest.mark.parametrize(("at_rest", "status"), [(True, Status.PASS), (False, Status.FAIL), (None, Status.UNKNOWN)])
def test_storage_is_as_its_volumes_are(at_rest: bool | None, status: Status) -> None:
    disk = made("arn:disk", "volume", "aws.ebs.volume", encryption=Encryption(at_rest=at_rest))
    assert World([disk]).ask("vault.storage.volume", v.cluster(links={"storage-0": "arn:disk"})).status is status
    assert World().ask("vault.storage.volume", v.cluster()).status is Status.UNKNOWN
    assert World().ask("vault.storage.volume", v.cluster(storage_type="inmem")).status is Status.WARN


@pytest.mark.parametrize(
    "resource",
    [one for kind, one in v.WHOLE.items() if kind not in {"vault.cluster", "vault.node"}],
    ids=lambda one: one.type,
)
@pytest.mark.parametrize(
    ("cluster", "code"),
    [
        (v.cluster(sealed=True), "Sealed"),
        (v.cluster(initialized=False, sealed=True), "NotInitialized"),
        (v.cluster(faults={"GET sys/seal-status": DOWN}), "ConnectionError"),
        (
            v.cluster(
                faults={
                    "GET auth/token/lookup-self": Fault(FaultKind.EXPIRED, "InvalidToken", "GET auth/token/lookup-self")
                }
            ),
            "InvalidToken",
        ),
    ],
)
def test_whatever_is_in_a_closed_vault_is_unknown_because_of_it(
    resource: Resource, cluster: Resource, code: str
) -> None:
    from posture.controls.registry import registry

    for control in registry().for_type(resource.type):
        verdict = control.judge(resource, World([cluster]))
        assert (verdict.status, verdict.fault.code if verdict.fault else "") == (Status.UNKNOWN, code), control.id
        assert verdict.cause == cluster.id, "one problem, whatever is in it"


def test_a_denied_lookup_of_the_token_closes_nothing() -> None:
    cluster = v.cluster(faults={"GET auth/token/lookup-self": denied("GET auth/token/lookup-self")})
    assert World([cluster]).ask("vault.ha.quorum", v.raft()).status is Status.PASS


def test_what_cannot_be_seen_of_passwords_and_storage_is_attested() -> None:
    world = World([v.cluster()])
    assert world.ask("vault.auth.password-hashing", v.method()).evidence_class is EvidenceClass.ATTESTED
    assert world.ask("vault.secrets.engines", v.engine()).evidence_class is EvidenceClass.ATTESTED


@pytest.mark.parametrize(
    ("life", "at", "state"),
    [
        (Life(0, 100), 10, LeaseState.HEALTHY),
        (Life(0, 100), 95, LeaseState.EXPIRING),
        (Life(0, 100), 100, LeaseState.ENDED),
        (Life(0, 100, renewable=True), 75, LeaseState.NOT_RENEWED),
        (Life(0, 100, 50, renewable=True), 75, LeaseState.HEALTHY),
        (Life(0, 100, 50, renewable=True, capped=True), 75, LeaseState.CAPPED),
        (Life(0, 100, overdue=True), 105, LeaseState.ENDED),
        (Life(0, 100, overdue=True), 120, LeaseState.REVOKING),
        (Life(0, 100, irrevocable=True), 50, LeaseState.IRREVOCABLE),
        (Life(0, None), 1e9, LeaseState.NEVER),
    ],
)
def test_the_words_of_a_lease(life: Life, at: float, state: LeaseState) -> None:
    assert life.state(at) is state
