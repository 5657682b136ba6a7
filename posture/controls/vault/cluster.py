"""The Vault cluster itself: is it open, by which seal, does its barrier key rotate, does it keep quorum, does it
record and speak TLS.
"""

import re
from typing import Any
from urllib.parse import urlsplit

import msgspec

from posture.clock import rfc3339
from posture.context import Context
from posture.controls.registry import control, registry
from posture.controls.vault.gate import SEAL_STATUS, behind_the_seal, closed, flag
from posture.loopback import is_loopback
from posture.policy import DAY
from posture.reading import NoAnswer, expected, field_of, natural, nested, objects, optional, time_of, word
from posture.resource import Resource
from posture.verdict import Status, Verdict, failed, not_applicable, passed, unknown, warned, worst

GCM_BOUND = 1 << 32
"""Encryptions under one AES-GCM key with random nonces (NIST SP 800-38D 8.3); Vault rotates at 3,865,470,566."""
LEADER = "GET sys/leader"
ROLES = {200: "active", 429: "standby", 472: "DR secondary", 473: "performance standby"}
"""What the status of `sys/health` says."""
SEALS = frozenset(
    {
        *(
            "shamir",
            "awskms",
            "azurekeyvault",
            "gcpckms",
            "ocikms",
            "alicloudkms",
            "transit",
            "pkcs11",
            "kmip",
            "static",
        ),
        *("huaweicloudkms", "tencentcloudkms", "yandexcloudkms", "multiseal", "hsm-auto"),
    }
)
STORAGES = frozenset(
    {
        *(
            "raft",
            "file",
            "inmem",
            "inmem_ha",
            "consul",
            "postgresql",
            "mysql",
            "etcd",
            "zookeeper",
            "cassandra",
            "cockroachdb",
            "couchdb",
            "dynamodb",
        ),
        *(
            "foundationdb",
            "aerospike",
            "alicloudoss",
            "azure",
            "gcs",
            "s3",
            "swift",
            "spanner",
            "mssql",
            "oci",
            "manta",
            "triton",
        ),
    }
)
_GO_DURATION = re.compile(r"(?=[1-9]|0h?0?m?[1-9])(\d+h)?(\d+m)?(\d+s)?")
_TLS_VERSIONS = ("tls10", "tls11", "tls12", "tls13")
SANITIZED = "GET sys/config/state/sanitized"
FOR_OTHERS = frozenset(
    f"tls.{name}"
    for name in (
        "hsts",
        "http-redirect",
        "modern-client",
        "pq-group",
        "must-staple",
        "cert-change",
        "cert-lifetime",
        "revocation",
    )
)
"""TLS controls for browsers and public authorities: a Vault client's connection is no worse for them. They stand on
the endpoint itself.
"""


@control("vault.seal.status", on=("vault.cluster", "vault.node"))
def seal_status(seen: Resource, context: Context) -> Verdict:
    """The cluster is what its nodes leave of it; a node alone is never worse than WARN."""
    sealed, initialized = (
        flag(field_of(seen, SEAL_STATUS, name), SEAL_STATUS, name) for name in ("sealed", "initialized")
    )
    facts: dict[str, Any] = {
        f"sys/seal-status.{name}": seen.fields[name]
        for name in ("initialized", "sealed", "type", "t", "progress")
        if name in seen.fields
    }
    if seen.type == "vault.node":
        return _node(seen, facts)
    if not initialized:
        return failed("not initialised", facts)
    nodes = seen.fields.get("nodes") or {}
    if sealed:
        return failed(f"sealed: {seen.fields.get('progress') or 0} of {seen.fields.get('t') or '?'} keys given", facts)
    facts |= {f"nodes.{name}": many for name, many in nodes.items()}
    shut = nodes.get("sealed") or 0
    if shut and shut * 2 >= (nodes.get("known") or 0):
        return failed(f"{shut} of {nodes['known']} nodes are sealed", facts)
    migrating = flag(field_of(seen, SEAL_STATUS, "migration"), SEAL_STATUS, "migration")
    if flag(field_of(seen, LEADER, "ha_enabled"), LEADER, "ha_enabled") and not expected(
        field_of(seen, LEADER, "leader_address"), str, LEADER, "leader_address"
    ):
        return warned("no active node: the nodes are electing one", facts)
    if migrating:
        return warned("the seal is being migrated", facts | {"sys/seal-status.migration": True})
    if shut or nodes.get("silent"):
        return warned(
            f"of {nodes.get('known')} nodes {shut} sealed, {nodes.get('silent') or 0} without an answer", facts
        )
    return passed("initialised and unsealed", facts)


def _node(node: Resource, facts: dict[str, Any]) -> Verdict:
    if not node.fields["initialized"]:
        return warned("this node is not initialised", facts)
    if node.fields["sealed"]:
        return warned(
            f"this node is sealed: {node.fields.get('progress') or 0} of {node.fields.get('t') or '?'} keys given",
            facts,
        )
    health = node.fields.get("health")
    return passed(f"unsealed, {ROLES.get(health, 'not active')}" if isinstance(health, int) else "unsealed", facts)


@behind_the_seal("vault.seal.backend", on="vault.seal-backend")
def seal_backend(backend: Resource, context: Context) -> Verdict:
    """The type as the policy wants it, and whether Vault says that the mechanism works."""
    status = field_of(backend, "GET sys/seal-backend-status", "seal-backend-status")
    cluster = context.linked(backend, "vault")
    type_ = field_of(cluster, SEAL_STATUS, "type") if cluster is not None else None
    if cluster is None:
        return unknown("the seal's type has not been seen")
    type_ = word(type_, SEALS, SEAL_STATUS, "type")
    facts: dict[str, Any] = {"sys/seal-status.type": type_}
    if context.policy.vault.seal and type_ != context.policy.vault.seal:
        return failed(f"seal is {type_}, policy asks for {context.policy.vault.seal}", facts)
    if status is not None:
        status = expected(status, dict, "GET sys/seal-backend-status", "data")
        facts |= {
            f"sys/seal-backend-status.{name}": status[name] for name in ("healthy", "unhealthy_since") if name in status
        }
        if not flag(nested(status, "GET sys/seal-backend-status", "healthy"), "GET sys/seal-backend-status", "healthy"):
            return failed(f"seal {type_} is unhealthy since {status.get('unhealthy_since') or 'a time unknown'}", facts)
        return passed(f"seal {type_} is healthy", facts)
    if type_ == "shamir":
        return passed("sealed by Shamir's shares: nothing outside can break", facts)
    return warned(f"seal is {type_}; this server does not tell whether its key still works", facts)


@behind_the_seal("vault.barrier.rotation", on="vault.keyring")
def barrier_rotation(keyring: Resource, context: Context) -> Verdict:
    """How old the key under everything is, and what limits its use."""
    status, config = (
        field_of(keyring, "GET sys/key-status", "key-status"),
        field_of(keyring, "GET sys/rotate/config", "rotate-config"),
    )
    installed = time_of(nested(status, "GET sys/key-status", "install_time"), "GET sys/key-status", "install_time")
    used, term = (
        natural(nested(status, "GET sys/key-status", name), "GET sys/key-status", name)
        for name in ("encryptions", "term")
    )
    enabled = flag(nested(config, "GET sys/rotate/config", "enabled"), "GET sys/rotate/config", "enabled")
    limit = natural(
        nested(config, "GET sys/rotate/config", "max_operations"), "GET sys/rotate/config", "max_operations"
    )
    timed = _interval(nested(config, "GET sys/rotate/config", "interval"))
    facts = {
        "sys/key-status.term": term,
        "sys/key-status.install_time": rfc3339(installed),
        "sys/key-status.encryptions": f"under {used}",
        "sys/rotate/config.enabled": enabled,
        "sys/rotate/config.interval": timed,
        "sys/rotate/config.max_operations": limit,
    }
    if used > GCM_BOUND:  # it is rounded up to a power of two: the next one above the bound is past it
        why = "automatic rotation has not come" if enabled else "automatic rotation is off"
        return failed(f"{why}, and over {GCM_BOUND:,} encryptions were made with this key", facts)
    if installed > context.now + DAY:
        return unknown(f"GET sys/key-status: install_time is in the future, {rfc3339(installed)}", evidence=facts)
    old = installed + context.policy.vault.barrier_days * DAY
    if context.now >= old:
        return warned(f"key of term {term} is older than {context.policy.vault.barrier_days} d", facts)
    if context.policy.vault.barrier_timed and not timed:
        return warned("rotates by use only, policy asks for rotation by time", facts, until=old)
    if not enabled:
        return warned("automatic rotation is off", facts, until=old)
    if limit and used > limit:  # rounded up to a power of two
        return warned(f"up to {used:,} of {limit:,} encryptions made with this key", facts, until=old)
    return passed(f"term {term}, installed on {rfc3339(installed)[:10]}, rotates by itself", facts, until=old)


def _interval(value: Any) -> int | str:
    """0 for none; Vault tells one as Go writes durations (`768h0m0s`), OpenBao in seconds."""
    if isinstance(value, str) and value and _GO_DURATION.fullmatch(value):
        return value
    return natural(value, "GET sys/rotate/config", "interval")


@behind_the_seal("vault.ha.quorum", on="vault.raft")
def ha_quorum(raft: Resource, context: Context) -> Verdict:
    """By autopilot's `healthy`: its `node_status` says `alive` of a node that is dead."""
    operation = "GET sys/storage/raft/autopilot/state"
    state = field_of(raft, operation, "autopilot")
    if state is None:
        return not_applicable("storage is not raft: quorum is that of another system")
    healthy = flag(nested(state, operation, "healthy"), operation, "healthy")
    spare = natural(nested(state, operation, "failure_tolerance"), operation, "failure_tolerance")
    servers = expected(nested(state, operation, "servers"), dict, operation, "servers")
    ill = sorted(
        str(name)
        for name, server in servers.items()
        if not flag(nested(server, operation, "healthy"), operation, "healthy")
    )
    facts = {
        "autopilot.healthy": healthy,
        "autopilot.failure_tolerance": spare,
        "autopilot.servers": len(servers),
        "unhealthy": ill,
    }
    if not healthy or not servers:
        return failed(f"raft is unhealthy: {', '.join(ill) or 'no server'} of {len(servers)} not in contact", facts)
    if not spare:
        return warned(
            "healthy, but one more failure stops it" if len(servers) > 1 else "one server alone: its failure stops it",
            facts,
        )
    if ill:
        return warned(f"healthy, but {', '.join(ill)} is not in contact", facts)
    return passed(f"healthy, {spare} may fail", facts)


@behind_the_seal("vault.audit.enabled", on="vault.audit")
def audit_enabled(audit: Resource, context: Context) -> Verdict:
    """None is the end of every trail; one alone stops Vault when it blocks."""
    devices = field_of(audit, "GET sys/audit", "devices")
    devices = expected(devices, dict, "GET sys/audit", "devices")
    failures = optional(audit.fields.get("failures"), int, "GET sys/metrics", "audit_log_request_failure")
    facts: dict[str, Any] = {"sys/audit": sorted(devices), "failures": failures}
    if not devices:
        return failed("no audit device: nothing is recorded", facts)
    if failures:
        return warned(
            f"{natural(failures, 'GET sys/metrics', 'audit failures')} requests could not be written to an audit"
            " device",
            facts,
        )
    raw = sorted(
        path
        for path, device in devices.items()
        if flag(nested(device, "GET sys/audit", "log_raw"), "GET sys/audit", "log_raw")
    )
    if raw:
        return warned(f"{raw[0]} records secrets in the clear (log_raw)", facts)
    if len(devices) == 1:
        return warned("one audit device: if it blocks, Vault stops answering", facts)
    return passed(f"{len(devices)} audit devices", facts)


@behind_the_seal("vault.listener.tls", on="vault.listener")
def listener_tls(listener: Resource, context: Context) -> Verdict:
    """The worse of two: the listeners as the server configures them, and the address as the TLS prober finds it;
    where one is refused, the other decides.
    """
    try:
        configured = _configured(listener)
    except NoAnswer as ended:
        configured = ended.verdict
    if not listener.link("endpoint"):
        return configured
    probed = _probed(listener, context)
    if SANITIZED in listener.faults:
        return probed
    found = min(configured, probed, key=lambda verdict: verdict.status)
    return msgspec.structs.replace(
        found, evidence={**configured.evidence, **probed.evidence}, valid_until=probed.valid_until
    )


def _configured(listener: Resource) -> Verdict:
    said = listener.fields.get("address")
    address = said if isinstance(said, str) else ""
    if not listener.faults and not address.startswith(("http:", "https:")):
        return unknown("the address that is asked is not known")
    if address.startswith("http:") and not _loopback(urlsplit(address).netloc) and not listener.faults:
        return failed(f"{address} is asked in the clear", {"address": address})
    listeners = objects(nested(field_of(listener, SANITIZED, "config"), SANITIZED, "listeners"), SANITIZED, "listeners")
    if not listeners:
        return unknown(f"{SANITIZED} answered without listeners")
    configs = [expected(nested(one, SANITIZED, "config"), dict, SANITIZED, "config") for one in listeners]
    facts = {f"listeners[{number}]": config for number, config in enumerate(configs)}
    plain = [
        where
        for config in configs
        if (where := _where(config)) and _truth(config.get("tls_disable")) and not _loopback(where)
    ]
    if plain:
        return failed(f"tls_disable on {plain[0]}", facts)
    least = [
        word(config.get("tls_min_version") or "tls12", _TLS_VERSIONS, SANITIZED, "tls_min_version")
        for config in configs
    ]
    if {"tls10", "tls11"} & set(least):
        return warned("a listener allows TLS below 1.2", facts)
    if address.startswith("http:"):
        return passed("in the clear on loopback only", facts)
    return passed("the handshake is as promised, and no listener speaks in the clear off loopback", facts)


def _probed(listener: Resource, context: Context) -> Verdict:
    """What the TLS controls say of the address: the worst of those about the handshake and the certificate."""
    endpoint = context.linked(listener, "endpoint")
    if endpoint is None:
        return unknown(f"{listener.link('endpoint')} has not been probed yet")
    verdicts = {
        control.id: control.judge(endpoint, context)
        for control in registry().for_type(endpoint.type)
        if control.id not in FOR_OTHERS
    }
    named, found = min(verdicts.items(), key=lambda one: one[1].status)
    facts = {control: verdict.status.word for control, verdict in verdicts.items()}
    until = min((verdict.valid_until for verdict in verdicts.values() if verdict.valid_until is not None), default=None)
    if found.status < Status.PASS:
        return msgspec.structs.replace(found, reason=f"{named}: {found.reason}", evidence=facts, valid_until=until)
    return passed("the handshake is as promised; what the server configures may not be read", facts, until=until)


def _loopback(address: str) -> bool:
    """Whether `HOST:PORT`, or the path of a socket, is reached from this machine alone."""
    try:
        return address.startswith("/") or is_loopback(urlsplit(f"//{address}").hostname or "")
    except ValueError:
        return False


def _where(config: dict[str, Any]) -> str:
    """`HOST:PORT`, or the path of a socket. Raises `NoAnswer` where it is neither."""
    address = expected(nested(config, SANITIZED, "address"), str, SANITIZED, "address")
    if ":" not in address and not address.startswith("/"):
        raise NoAnswer(unknown(f"{SANITIZED}: address is {address[:60]!r}, which is none"))
    return address


def _truth(value: Any) -> bool:
    """Of the server's configuration, where true is also written "true" and 1; false where it is left out."""
    text = "false" if value is None else str(value).lower()
    return word(text, ("true", "1", "false", "0"), SANITIZED, "tls_disable") in {"true", "1"}


@control("vault.storage.volume", on="vault.cluster")
def storage_volume(cluster: Resource, context: Context) -> Verdict:
    """The disks under Vault's storage, where the configuration or another room names them."""
    shut = closed(cluster)
    if shut is not None:
        return shut
    type_ = word(field_of(cluster, SEAL_STATUS, "storage_type"), STORAGES, SEAL_STATUS, "storage_type")
    facts: dict[str, Any] = {"sys/seal-status.storage_type": type_}
    if type_ in {"inmem", "inmem_ha"}:
        return warned(f"storage is {type_}: everything is lost with the process", facts)
    rels = [link.rel for link in cluster.links if link.rel.startswith("storage-")]
    if not rels:
        return unknown(
            f"storage is {type_}: which volumes it lies on is not told (tenant.vault.storage_volumes)", evidence=facts
        )
    states = []
    for rel in rels:
        volume = context.linked(cluster, rel)
        at_rest = volume.encryption.at_rest if volume is not None and volume.encryption is not None else None
        states.append({True: Status.PASS, False: Status.FAIL, None: Status.UNKNOWN}[at_rest])
        facts[str(cluster.link(rel))] = {True: "encrypted", False: "not encrypted", None: "not seen"}[at_rest]
    match worst(states):
        case Status.PASS:
            return passed(f"storage is {type_} on {len(rels)} encrypted volumes", facts)
        case Status.FAIL:
            return failed(f"{states.count(Status.FAIL)} of {len(rels)} volumes under it are not encrypted", facts)
        case _:
            return unknown(
                f"{states.count(Status.UNKNOWN)} of {len(rels)} volumes under it have not been seen", evidence=facts
            )


@behind_the_seal("vault.license.expiry", on="vault.license")
def license_expiry(license: Resource, context: Context) -> Verdict:
    """Vault Enterprise stops at its licence's termination; OpenBao and the community's Vault have none."""
    operation = "GET sys/license/status"
    answer = field_of(license, operation, "license")
    if answer is None:
        return not_applicable("this server needs no licence")
    loaded = expected(nested(answer, operation, "autoloaded"), dict, operation, "autoloaded")
    ends = time_of(nested(loaded, operation, "expiration_time"), operation, "expiration_time")
    facts = {"license.expiration_time": rfc3339(ends), "license.termination_time": loaded.get("termination_time")}
    if context.now >= ends:
        return failed(f"licence expired on {rfc3339(ends)[:10]}", facts)
    if context.now >= ends - 30 * DAY:
        return warned(f"licence expires on {rfc3339(ends)[:10]}", facts, until=ends)
    return passed(f"licensed until {rfc3339(ends)[:10]}", facts, until=ends - 30 * DAY)
