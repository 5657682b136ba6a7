"""Vault's resources as its room makes them, whole; a test takes away or changes what it is about."""

from typing import Any

from posture.clock import Utc, rfc3339
from posture.fault import Fault
from posture.resource import Encryption, KeyClass, Resource
from tests.posture.controls.world import DAY, NOW, made

ROOT = "vault://vault.acme.example:8200"
LOOKUP = "POST sys/leases/lookup"


def hung(
    id: str,
    kind: str,
    of: str,
    /,
    *,
    faults: dict[str, Fault] | None = None,
    links: dict[str, str | None] | None = None,
    **fields: Any,
) -> Resource:
    """A resource of the cluster."""
    hanging = {"vault": ROOT, **(links or {})}
    return made(
        f"{ROOT}/{id}" if id else ROOT,
        kind,
        of,
        provider="vault",
        scope="vault.acme.example:8200",
        fields=fields,
        faults=faults or {},
        links=hanging,
    )


def cluster(
    *, faults: dict[str, Fault] | None = None, links: dict[str, str | None] | None = None, **fields: Any
) -> Resource:
    seen = {
        "initialized": True,
        "sealed": False,
        "type": "shamir",
        "t": 3,
        "n": 5,
        "progress": 0,
        "storage_type": "raft",
        "migration": False,
    }
    seen |= {"ha_enabled": True, "leader_address": "https://n1:8200", "health": 200}
    return made(
        ROOT,
        "vault",
        "vault.cluster",
        provider="vault",
        name="vault.acme.example:8200",
        fields=seen | fields,
        faults=faults or {},
        links=links,
    )


def node(**fields: Any) -> Resource:
    seen: dict[str, Any] = {"initialized": True, "sealed": False, "type": "shamir", "t": 3, "n": 5}
    seen |= {"progress": 0, "health": 429}
    return hung("nodes/n2:8200", "vault", "vault.node", **(seen | fields))


def backend(status: dict[str, Any] | None = None, **more: Any) -> Resource:
    fields: dict[str, Any] = {"seal-backend-status": status}
    fields |= more
    return hung("sys/seal-backend-status", "vault", "vault.seal-backend", **fields)


def keyring(installed: Utc = NOW - 30 * DAY, used: int = 1024, **config: Any) -> Resource:
    fields: dict[str, Any] = {
        "key-status": {"term": 3, "install_time": rfc3339(installed), "encryptions": used},
        "rotate-config": {"enabled": True, "interval": 0, "max_operations": 3_865_470_566} | config,
    }
    return hung("sys/keyring", "vault", "vault.keyring", **fields)


def raft(**state: Any) -> Resource:
    servers = {name: {"healthy": True, "node_status": "alive"} for name in ("n1", "n2", "n3")}
    whole = {"healthy": True, "failure_tolerance": 1, "voters": ["n1", "n2", "n3"], "servers": servers}
    return hung("sys/storage/raft", "vault", "vault.raft", autopilot=whole | state)


def audit(*devices: str, **fields: Any) -> Resource:
    listed = {f"{name}/": {"type": "file", "local": False, "log_raw": False} for name in devices}
    seen: dict[str, Any] = {"devices": listed, "failures": 0}
    return hung("sys/audit", "vault", "vault.audit", **(seen | fields))


def listener(
    asked: str = "https://vault.acme.example:8200",
    door: str | None = None,
    faults: dict[str, Fault] | None = None,
    **config: Any,
) -> Resource:
    """`door` is the id of the endpoint that is probed there."""
    fields: dict[str, Any] = {
        "address": asked,
        "config": {"listeners": [{"type": "tcp", "config": {"address": "0.0.0.0:8200"} | config}]},
    }
    return hung("sys/listeners", "vault", "vault.listener", faults=faults, links={"endpoint": door}, **fields)


def licence(ends: Utc | None) -> Resource:
    answer = (
        None
        if ends is None
        else {"autoloaded": {"expiration_time": rfc3339(ends), "termination_time": rfc3339(ends + 30 * DAY)}}
    )
    return hung("sys/license", "vault", "vault.license", license=answer, replication=None)


def namespace(**types: str) -> Resource:
    mounts = {f"{path}/": type_ for path, type_ in types.items()}
    return hung("sys/mounts", "vault", "vault.mounts", mounts=sorted(mounts), types=mounts)


def engine(type: str = "database", *, default: int = 3600, longest: int = 86400, **fields: Any) -> Resource:
    seen: dict[str, Any] = {"type": type, "path": f"{type}/", "version": None, "deprecation_status": "supported"}
    seen["tune"] = {"default_lease_ttl": default, "max_lease_ttl": longest}
    return hung(type, "secret-engine", "vault.secrets.mount", **(seen | fields))


def method(
    type: str = "userpass", *covering: dict[str, Any], faults: dict[str, Fault] | None = None, **fields: Any
) -> Resource:
    seen: dict[str, Any] = {
        "type": type,
        "path": f"auth/{type}/",
        "covering": list(covering),
        "tune": {"default_lease_ttl": 3600, "max_lease_ttl": 86400},
    }
    if type == "userpass":
        seen |= {"users": 2, "users_read": 2, "user_fields": ["token_policies", "token_ttl"]}
    return hung(f"auth/{type}", "auth-method", "vault.auth.mount", faults=faults, **(seen | fields))


def own_token(ends: Utc | None = NOW + DAY, **fields: Any) -> Resource:
    seen = {
        "policies": ["enctop"],
        "expire_time": None if ends is None else rfc3339(ends),
        "creation_ttl": 86400,
        "period": 86400,
        "renewable": True,
    }
    return hung("auth/token/own", "token", "vault.token.own", **(seen | {"logs_in": False, "orphan": True} | fields))


def transit_key(made_at: Utc = NOW - DAY, **fields: Any) -> Resource:
    flags = dict.fromkeys(("exportable", "allow_plaintext_backup", "deletion_allowed", "imported_key"), False)
    seen: dict[str, Any] = {
        "type": "aes256-gcm96",
        "latest_version": 1,
        "min_decryption_version": 1,
        "auto_rotate_period": 0,
        "versions": {"1": rfc3339(made_at)},
    }
    resource = hung("transit/keys/app", "key", "vault.transit.key", **(flags | seen | fields))
    return made(
        resource.id,
        "key",
        resource.type,
        links={"vault": ROOT},
        fields=resource.fields,
        encryption=Encryption(key_class=KeyClass.CUSTOMER),
    )


def transit_mount(keys: int = 2) -> Resource:
    return hung("transit/keys", "vault", "vault.transit.mount", keys=keys)


def certificate(ends: Utc, life: float = 365 * DAY, *, issuer: bool = False, **fields: Any) -> Resource:
    seen: dict[str, Any] = {
        "subject": "app",
        "not_before": rfc3339(ends - life),
        "not_after": rfc3339(ends),
        "serial_number": "0a:0b",
    }
    seen |= {"revoked": False} if issuer else {"revocation_time": 0}
    return hung(
        "pki/cert/0a:0b", "certificate", f"vault.pki.{'issuer' if issuer else 'certificate'}", **(seen | fields)
    )


def pki_mount(certificates: int = 2) -> Resource:
    return hung("pki/certs", "vault", "vault.pki.mount", certificates=certificates)


def lease(
    issued: Utc | None = NOW - 3600, ends: Utc | None = NOW + 86400 - 3600, renewed: Utc | None = None, **fields: Any
) -> Resource:
    times = {"issue_time": issued, "expire_time": ends, "last_renewal": renewed}
    seen: dict[str, Any] = {name: None if at is None else rfc3339(at) for name, at in times.items()}
    more = {"path": "database/creds/app", "renewable": True, "capped": False, "overdue": False}
    return hung("leases/database/creds/app#0a1b", "lease", "vault.lease", **(seen | more | fields))


def token(ends: Utc | None = NOW + DAY, **fields: Any) -> Resource:
    seen: dict[str, Any] = {
        "issue_time": rfc3339(NOW - 3600),
        "expire_time": None if ends is None else rfc3339(ends),
        "last_renewal_time": None,
        "renewable": True,
    }
    return hung("auth/token#0a1b", "token", "vault.token", **(seen | {"policies": ["app"]} | fields))


def leases(total: int | None = 1000, *, irrevocable: int = 0, polls: int = 0, **fields: Any) -> Resource:
    counted = {"expire_num_leases": total} if total is not None else {}
    seen: dict[str, Any] = {
        "metrics": counted | {"expire_job_manager_total_jobs": 0},
        "irrevocable": {
            "count": irrevocable,
            "by_mount": {"database/": irrevocable} if irrevocable else {},
            "polls": polls,
        },
        "quotas": [],
        "growth": {"minutes": 30.0, "from": total, "a_minute": 0.0},
        "backlog_polls": 0,
    }
    return hung("sys/leases", "vault", "vault.leases", **(seen | fields))


WHOLE: dict[str, Resource] = {
    resource.type: resource
    for resource in (
        *(
            cluster(),
            node(),
            backend({"healthy": True}),
            keyring(),
            raft(),
            audit("a", "b"),
            listener(),
            licence(NOW + 400 * DAY),
        ),
        *(
            namespace(kv="kv"),
            engine(),
            method("userpass", {"name": "humans", "by": "type", "methods": ["totp"]}),
            own_token(),
        ),
        *(
            transit_key(),
            transit_mount(),
            certificate(NOW + 200 * DAY),
            certificate(NOW + 900 * DAY, 3650 * DAY, issuer=True),
            pki_mount(),
        ),
        *(lease(), token(), leases()),
    )
}
"""One of each type, healthy."""
