"""What the whole server shares: the barrier's key, raft, audit devices, listeners, and the licence where there is
one.
"""

from collections.abc import AsyncGenerator
from typing import Any

from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.source import Yield
from providers.vault import metrics
from providers.vault.calls import (
    AUDIT,
    AUTOPILOT,
    KEY_STATUS,
    LICENSE,
    METRICS,
    REPLICATION,
    ROTATE_CONFIG,
    SANITIZED,
    SEAL_BACKENDS,
)
from providers.vault.source import VaultReading, VaultSource, objects, table, whole

AUTOPILOT_FIELDS = ("healthy", "failure_tolerance", "leader", "voters", "servers")
SERVER_FIELDS = ("healthy", "status", "node_status", "version", "address", "stable_since")
LISTENER_FIELDS = (
    "address",
    "tls_disable",
    "tls_min_version",
    "tls_max_version",
    "tls_cipher_suites",
    "tls_require_and_verify_client_cert",
)


class System(VaultSource):
    """A resource for each of the server's own promises, so that a refused read blinds one of them and not all."""

    service = "vault-system"
    calls = (SEAL_BACKENDS, KEY_STATUS, ROTATE_CONFIG, AUTOPILOT, AUDIT, METRICS, SANITIZED, LICENSE, REPLICATION)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One after another; each is a request or two."""
        for made in (
            await self._keyring(),
            await self._raft(),
            await self._audit(),
            await self._listener(),
            await self._seal(),
            await self._license(),
        ):
            for fault in made.faults.values():
                yield ReadRefused(fault)
            yield Batch((made,))
        yield Complete(
            ("vault.keyring", "vault.raft", "vault.audit", "vault.listener", "vault.seal-backend", "vault.license")
        )

    async def _keyring(self) -> Resource:
        reading = VaultReading(self.client)
        status = await reading.ask(
            KEY_STATUS, "key-status", ("term", "install_time", "encryptions"), base=self.client.leader or ""
        )
        await reading.ask(ROTATE_CONFIG, "rotate-config", ("enabled", "interval", "max_operations"))
        cells = (
            f"term {status.get('term', '?')}" if status else "",
            f"installed {str(status.get('install_time', ''))[:10]}" if status else "",
        )
        # counted up by every write: a power of two says enough, and stays as it was on the screen
        if status and (many := whole(status.get("encryptions"))):
            reading.fields["key-status"] = {**status, "encryptions": 1 << many.bit_length()}
        return self._made("sys/keyring", "vault.keyring", "barrier key", reading, cells)

    async def _raft(self) -> Resource:
        reading = VaultReading(self.client)
        state = await reading.ask(AUTOPILOT, "autopilot", AUTOPILOT_FIELDS)
        if state and isinstance(state.get("servers"), dict):
            state["servers"] = {
                name: {field: server[field] for field in SERVER_FIELDS if field in server}
                for name, server in table(state["servers"]).items()
            }
        cells = (
            ("", "no raft")
            if state is None
            else (f"tolerates {state.get('failure_tolerance', '?')}", f"{_many(state.get('voters'))} voters")
        )
        return self._made("sys/storage/raft", "vault.raft", "raft", reading, cells)

    async def _audit(self) -> Resource:
        reading = VaultReading(self.client)
        devices = await reading.ask(AUDIT, "devices")
        if isinstance(devices, dict):
            reading.fields["devices"] = {
                path: _device(one) for path, one in table(devices).items() if path.endswith("/")
            }
        found = self.seen.metrics
        if found is None:
            text = await reading.ask_text(METRICS, base=self.client.leader or "", params={"format": "prometheus"})
            found = None if text is None else metrics.read(text)
        if found is not None:
            reading.fields["failures"] = found.get("audit_log_request_failure", 0) + found.get(
                "audit_log_response_failure", 0
            )
        many = _many(reading.fields.get("devices"))
        return self._made(
            "sys/audit",
            "vault.audit",
            "audit devices",
            reading,
            (f"{many} devices" if "devices" in reading.fields else "", ""),
        )

    async def _listener(self) -> Resource:
        reading = VaultReading(self.client)
        await reading.ask(
            SANITIZED, "config", ("listeners", "seals", "raw_storage_endpoint", "default_lease_ttl", "max_lease_ttl")
        )
        config = reading.fields.get("config") or {}
        listeners = objects(config.get("listeners"))
        for listener in listeners:
            if isinstance(listener.get("config"), dict):
                listener["config"] = {
                    name: value for name, value in listener["config"].items() if name in LISTENER_FIELDS
                }
        reading.fields["address"] = self.client.base
        cells = (
            "TLS" if self.client.base.startswith("https:") else "plaintext",
            ", ".join(str(one["config"].get("address")) for one in listeners if isinstance(one.get("config"), dict)),
        )
        address = self.client.settings.address
        links = (Link("endpoint", f"tls://{self.client.settings.host}"),) if address.startswith("https:") else ()
        return self._made("sys/listeners", "vault.listener", "listeners", reading, cells, links)

    async def _seal(self) -> Resource:
        reading = VaultReading(self.client)
        await reading.ask(SEAL_BACKENDS, "seal-backend-status", ("healthy", "unhealthy_since", "backends"))
        return self._made("sys/seal-backend-status", "vault.seal-backend", "seal mechanism", reading, ("", ""))

    async def _license(self) -> Resource:
        """Licence and replication: Vault Enterprise's; elsewhere there is nothing to judge."""
        reading = VaultReading(self.client)
        await reading.ask(LICENSE, "license", ("autoloaded",))
        if self.seen.replicated:
            await reading.ask(REPLICATION, "replication", ("dr", "performance"))
        return self._made(
            "sys/license",
            "vault.license",
            "licence and replication",
            reading,
            ("", "none" if not reading.fields.get("license") else "licensed"),
        )

    def _made(
        self,
        path: str,
        type: str,
        name: str,
        reading: VaultReading,
        cells: tuple[str, str],
        links: tuple[Link, ...] = (),
    ) -> Resource:
        return self.resource(
            id=self.id_of("", path),
            kind="vault",
            type=type,
            name=name,
            fields=reading.fields,
            faults=reading.faults,
            cells=cells,
            links=links,
        )


def _device(one: dict[str, Any]) -> dict[str, Any]:
    """An audit device as it is judged; `log_raw` is None where the server writes something else than true or false."""
    options = one.get("options")
    raw = "false" if options is None else options.get("log_raw", "false") if isinstance(options, dict) else None
    return {
        "type": one.get("type"),
        "local": one.get("local"),
        "log_raw": {"true": True, "false": False}.get(str(raw).lower()) if one else None,
    }


def _many(listed: Any) -> int:
    return len(listed) if isinstance(listed, list | dict) else 0
