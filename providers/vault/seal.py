"""The cluster as it stands now: sealed or not, who leads, every node of it, and the token we ask with."""

import time
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339, rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.asking import together
from providers.source import Yield
from providers.vault.calls import HA_STATUS, HEALTH, LEADER, LOOKUP_SELF, RENEW_SELF, SEAL_STATUS
from providers.vault.client import data_of
from providers.vault.faults import not_json
from providers.vault.settings import host_of
from providers.vault.source import VaultReading, VaultSource, digest, objects, whole

SEAL_FIELDS = (
    "type",
    "initialized",
    "sealed",
    "t",
    "n",
    "progress",
    "recovery_seal",
    "migration",
    "version",
    "storage_type",
    "cluster_name",
    "cluster_id",
)
HEALTH_FIELDS = ("standby", "performance_standby", "replication_performance_mode", "replication_dr_mode", "license")
LEADER_FIELDS = ("ha_enabled", "is_self", "leader_address")
TOKEN_FIELDS: tuple[str, ...] = (
    *(
        "creation_ttl",
        "display_name",
        "expire_time",
        "issue_time",
        "explicit_max_ttl",
        "last_renewal_time",
        "namespace_path",
        "num_uses",
        "orphan",
    ),
    *("path", "period", "policies", "renewable", "type"),
)
FORGOTTEN: Seconds = 3600.0
"""A dead node is not told of for long, nor is any by a new leader at first: it is remembered this long."""
LAST: Utc = 253_402_300_800.0
"""The end of the year 9999."""
RENEW_AT = 0.5
"""With `renew_token`, renewed when this share of its life is left."""


class Cluster(VaultSource):
    """Seal, leader and nodes need no token and are asked even while everything else is refused; then our own token."""

    service = "vault"
    calls = (SEAL_STATUS, HEALTH, LEADER, HA_STATUS, LOOKUP_SELF, RENEW_SELF)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._nodes: dict[str, str] = {}
        """`HOST:PORT` -> address of each node that is known."""
        self._leader = ""
        """The address of the active node, also where it is none to send a token to."""
        self._told: dict[str, tuple[Seconds, str]] = {}
        """The same, with when `sys/ha-status` told of it last (monotonic)."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """First the nodes, all at once; then who leads them; then the token."""
        settings = self.client.settings
        asked = {
            settings.host: settings.address,
            **({host_of(node): node for node in settings.nodes} if settings.nodes is not None else self._nodes),
        }
        readings = dict(zip(asked, await together(self._node(base) for base in asked.values()), strict=True))
        self._choose(asked, readings)
        modes = [
            reading.fields.get(f"replication_{kind}_mode")
            for reading in readings.values()
            for kind in ("performance", "dr")
        ]
        self.seen.replicated = any(mode not in (None, "disabled", "unknown") for mode in modes)
        sealed = readings[host_of(self.client.base)].fields.get("sealed") is not False
        own = VaultReading(self.client)
        token: Resource | None = None
        ended: Fault | None = None
        if not sealed:
            try:
                token = await self._token()
            except Refused as refused:
                self.client.unnamed = ended = refused.fault
                own.faults[LOOKUP_SELF.operation] = ended
            if ended is None and readings[host_of(self.client.base)].fields.get("ha_enabled", True) is not False:
                own.faults.update(await self._discover())
        yield Batch((self._cluster(asked, readings, own),))
        yield Batch.of(self._node_resource(host, reading) for host, reading in readings.items() if len(readings) > 1)
        if token is not None:
            yield Batch((token,))
        elif ended is not None:
            yield Batch((self._token_resource({}, {LOOKUP_SELF.operation: ended}),))
        yield Complete(("vault.node",))
        trouble = readings[host_of(self.client.base)].faults.get(SEAL_STATUS.operation) or ended
        if trouble is not None:
            raise Refused(trouble)
        for fault in own.faults.values():
            yield ReadRefused(fault)

    async def close(self) -> None:
        """The way in is this source's to close."""
        await self.client.close()

    # ------------------------------------------------------------ nodes

    async def _node(self, base: str) -> VaultReading:
        reading = VaultReading(self.client)
        try:
            status = await self.client.ask(SEAL_STATUS, base=base) or {}
            reading.fields.update({name: status[name] for name in SEAL_FIELDS if name in status})
            health = await self.client.reply(HEALTH, HEALTH.path, base=base)
            said = data_of(HEALTH, health)
            reading.fields.update(health=health.status, **{name: said[name] for name in HEALTH_FIELDS if name in said})
            if reading.fields.get("sealed") is False:
                leader = await self.client.ask(LEADER, base=base) or {}
                reading.fields.update({name: leader[name] for name in LEADER_FIELDS if name in leader})
        except Refused as refused:
            reading.refused(refused)
        return reading

    def _choose(self, asked: dict[str, str], readings: dict[str, VaultReading]) -> None:
        """Ask the configured address while it can answer, else a node that can; and know the active one, which alone
        has metrics.
        """
        settings = self.client.settings
        first = readings[settings.host]
        able = [
            host for host, reading in readings.items() if not reading.faults and reading.fields.get("sealed") is False
        ]
        self.client.base = settings.address if settings.host in able or not able else asked[able[0]]
        leaders = [
            leader
            for reading in readings.values()
            if (leader := reading.fields.get("leader_address")) and isinstance(leader, str)
        ]
        self.client.leader = next(
            (leader for leader in leaders if settings.follows(leader) and self._leads(leader, readings)), None
        )
        self._leader = self.client.leader or next((leader for leader in leaders if not settings.follows(leader)), "")
        known = {
            str(reading.fields["cluster_id"])
            for reading in (readings[host_of(self.client.base)], first)
            if reading.fields.get("cluster_id")
        }
        if known:
            self.client.generation = sorted(known)[0]

    def _leads(self, leader: str, readings: dict[str, VaultReading]) -> bool:
        """A standby goes on naming the old leader after it stepped down: what that node says of itself counts more."""
        own = readings.get(host_of(leader))
        return own is None or own.fields.get("is_self") is True

    async def _discover(self) -> dict[str, Fault]:
        """The other nodes, as the cluster tells them; a refusal takes nothing from what is known."""
        reading = VaultReading(self.client)
        answer = await reading.ask(HA_STATUS, "nodes") or {}
        named = [node.get("api_address") for node in objects(answer.get("nodes") or answer.get("Nodes"))]
        found = {host_of(base): base for base in named if base and self.client.settings.follows(base)}
        if self.client.settings.nodes is None:
            now = time.monotonic()
            self._told.update({host: (now, base) for host, base in found.items()})
            self._told = {host: told for host, told in self._told.items() if now - told[0] < FORGOTTEN}
            self._nodes = {host: base for host, (_, base) in self._told.items()} if len(self._told) > 1 else {}
        return reading.faults

    # ------------------------------------------------------------ resources

    def _cluster(self, asked: dict[str, str], readings: dict[str, VaultReading], own: VaultReading) -> Resource:
        first = readings[host_of(self.client.base)]
        others = {
            host: reading
            for host, reading in readings.items()
            if host in self._nodes or self.client.settings.nodes is not None
        } or {"": first}
        fields = dict(first.fields)
        if others and len(others) > 1:
            fields["nodes"] = {
                "known": len(others),
                "sealed": sum(reading.fields.get("sealed") is True for reading in others.values()),
                "unsealed": sum(reading.fields.get("sealed") is False for reading in others.values()),
                "silent": sum(bool(reading.faults) for reading in others.values()),
            }
        if "leader_address" in fields:
            fields["leader_address"] = self._leader
        faults = {**first.faults, **own.faults}
        links = tuple(Link(f"storage-{number}", to) for number, to in enumerate(self.client.settings.storage_volumes))
        return self.resource(
            id=self.root,
            kind="vault",
            type="vault.cluster",
            name=self.client.settings.place,
            fields=fields,
            faults=faults,
            links=links,
            cells=self._cells(fields, faults),
        )

    def _node_resource(self, host: str, reading: VaultReading) -> Resource:
        id = f"{self.root}/nodes/{host}"
        return self.resource(
            id=id,
            kind="vault",
            type="vault.node",
            name=host,
            fields=reading.fields,
            faults=reading.faults,
            cells=self._cells(reading.fields, reading.faults),
        )

    def _cells(self, fields: dict[str, Any], faults: dict[str, Fault]) -> tuple[str, ...]:
        if SEAL_STATUS.operation in faults or "sealed" not in fields:
            return "no answer", ""
        if not fields.get("initialized"):
            return "not initialised", ""
        progress = f" {fields.get('progress', 0)}/{fields['t']} keys" if fields.get("t") else ""
        state = (
            f"SEALED{progress}"
            if fields["sealed"]
            else {200: "active", 429: "standby"}.get(fields.get("health", 0), f"health {fields.get('health')}")
        )
        return state, f"{fields.get('type', '?')} · {fields.get('storage_type', '?')} · {fields.get('version', '?')}"

    # ------------------------------------------------------------ our token

    async def _token(self) -> Resource:
        """Look ourselves up; renew where that was asked for. Raises `Refused` where the token is no more."""
        try:
            found = await self._look_up()
            if self.client.settings.renew_token and self._wants_renewal(found):
                await self.client.ask(RENEW_SELF, body={})
                found = await self._look_up()
        except Refused as refused:
            if refused.fault.kind is FaultKind.DENIED:
                refused.fault = msgspec.structs.replace(
                    refused.fault, kind=FaultKind.EXPIRED, code="InvalidToken", permission=None
                )
            raise
        accessor = self.client.accessor = str(found.get("accessor") or "")
        fields = {name: found[name] for name in TOKEN_FIELDS if name in found}
        fields["accessor"] = digest(accessor) if accessor else ""
        fields["logs_in"] = self.client.settings.auth != "token"
        return self._token_resource(fields, {})

    async def _look_up(self) -> dict[str, Any]:
        found: dict[str, Any] | None = await self.client.ask(LOOKUP_SELF)
        if not found:
            raise not_json(LOOKUP_SELF, 404)
        return found

    def _wants_renewal(self, found: dict[str, Any]) -> bool:
        span = whole(found.get("period")) or whole(found.get("creation_ttl"))
        return found.get("renewable") is True and 0 < whole(found.get("ttl")) < RENEW_AT * span

    def _token_resource(self, fields: dict[str, Any], faults: dict[str, Fault]) -> Resource:
        expires = moment(fields.get("expire_time"))
        cells = token_cells(fields) if fields else ("", "", "", "", "")
        return self.resource(
            id=self.id_of("", "auth/token/own"),
            kind="token",
            type="vault.token.own",
            name="enctop's own token",
            fields=fields,
            faults=faults,
            cells=cells,
            expires=expires,
        )


def token_cells(fields: dict[str, Any]) -> tuple[str, ...]:
    """ISSUED, RENEWED, RENEWABLE, KIND, POLICIES."""
    kind = " ".join(
        word
        for word in (
            "periodic" if fields.get("period") else "",
            "orphan" if fields.get("orphan") else "",
            str(fields.get("type", "")),
        )
        if word
    )
    renewed = fields.get("last_renewal_time")
    named = fields.get("policies")
    policies = ",".join(map(str, named)) if isinstance(named, list) else ""
    return short(fields.get("issue_time")), short(renewed), "yes" if fields.get("renewable") else "no", kind, policies


def moment(at: Any) -> Utc | None:
    """A time of Vault's, as RFC 3339 or in UTC seconds; None where there is none, or none of this calendar."""
    if isinstance(at, int | float):
        return float(at) if 0 < at < LAST and not isinstance(at, bool) else None
    try:
        return parse_rfc3339(at) if at else None
    except (TypeError, ValueError, OverflowError):
        return None


def short(at: Any) -> str:
    """A time of Vault's to the second, `2026-11-23T14:00:00Z`; empty where there is none."""
    found = moment(at)
    return "" if found is None else rfc3339(found)
