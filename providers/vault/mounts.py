"""Namespaces, and in each: secret engines and auth methods with the TTLs that hold, and which logins want a second
factor.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from providers.source import Yield
from providers.vault.calls import AUTH, MFA_ENFORCEMENTS, MFA_METHODS, MOUNTS, NAMESPACES, TUNE, USER, USERS
from providers.vault.source import Mount, VaultReading, VaultSource, table, whole

DEEPEST = 200
"""Namespaces that are walked, at the most."""
SAMPLED_USERS = 3
"""Users of a userpass mount that are read, for the names of what a user has."""
PLUMBING = frozenset({"system", "cubbyhole", "identity", "ns_system", "ns_cubbyhole", "ns_identity", "ns_token"})
"""Mounts that every server has and nobody can take away."""
MOUNT_FIELDS = ("type", "description", "local", "seal_wrap", "deprecation_status", "running_plugin_version")
ENFORCEMENT_FIELDS = (
    "name",
    "auth_method_accessors",
    "auth_method_types",
    "identity_group_ids",
    "identity_entity_ids",
    "mfa_method_ids",
)


class Mounts(VaultSource):
    """Every mount of every namespace that may be read; what other sources ask for hangs on it."""

    service = "vault-mounts"
    calls = (NAMESPACES, MOUNTS, AUTH, TUNE, MFA_METHODS, MFA_ENFORCEMENTS, USERS, USER)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._below: dict[str, list[str]] = {}
        """Namespace -> those in it, as they were listed last."""
        self._there: dict[tuple[str, str], list[tuple[Mount, Resource]]] = {}
        """Namespace and `auth/` or nothing -> what was mounted there when that was answered last."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Namespace by namespace, outermost first. Where a listing is refused, what it named before is not gone: it
        ages.
        """
        try:
            names, faults = await self._namespaces()
        except Refused as ended:
            self.seen.unlisted = ended.fault
            raise
        self._there = {place: there for place, there in self._there.items() if place[0] in names}
        for namespace in names:
            resources, kept, refusals = await self._namespace(namespace)
            faults += refusals
            yield Batch(tuple(resources))
            yield NotRead(tuple(kept))
        self.seen.namespaces, self.seen.mounts = (
            tuple(names),
            tuple(mount for there in self._there.values() for mount, _ in there),
        )
        self.seen.unlisted = next(
            (fault for fault in faults if fault.operation in {NAMESPACES.operation, MOUNTS.operation}), None
        )
        for fault in faults:
            yield ReadRefused(fault)
        yield Complete(("vault.namespace", "vault.mounts", "vault.secrets.mount", "vault.auth.mount"))

    async def _namespaces(self) -> tuple[list[str], list[Fault]]:
        names, faults = [""], list[Fault]()
        for name in names:  # grows while it is walked
            if len(names) > DEEPEST:
                faults.append(
                    Fault(
                        FaultKind.ERROR,
                        "TooMany",
                        NAMESPACES.operation,
                        f"more than {DEEPEST} namespaces: what is in the others is not read",
                    )
                )
                break
            reading = VaultReading(self.client, name)
            below = ["/".join(filter(None, (name, key.strip("/")))) for key in await reading.names(NAMESPACES)]
            faults += reading.faults.values()
            if not reading.faults:
                self._below[name] = below
            names += [below for below in self._below.get(name, ()) if below not in names]
        self._below = {name: below for name, below in self._below.items() if name in names}
        return names, faults

    async def _namespace(self, namespace: str) -> tuple[list[Resource], list[Resource], list[Fault]]:
        """What is there now, what was there before and could not be read now, and why."""
        reading = VaultReading(self.client, namespace)
        engines = await self._map(reading, MOUNTS, "mounts")
        methods = await self._map(reading, AUTH, "auth")
        reading.fields = {
            "mounts": sorted(engines) if engines is not None else None,
            "types": {path: one.get("type") for path, one in (engines or {}).items()},
        }
        factors = await self._factors(namespace, methods)
        resources, kept, faults = [self._whole(namespace, reading)], list[Resource](), list(reading.faults.values())
        for prefix, entries in (("", engines), ("auth/", methods)):
            if entries is None:
                kept += (resource for _, resource in self._there.get((namespace, prefix), ()))
                continue
            there = [
                await self._mount(namespace, prefix + path, entry, factors)
                for path, entry in entries.items()
                if str(entry.get("type")) not in PLUMBING
            ]
            self._there[namespace, prefix] = there
            resources += (resource for _, resource in there)
            faults += (fault for _, resource in there for fault in resource.faults.values())
        return resources, kept, faults

    async def _map(self, reading: VaultReading, call: Any, field: str) -> dict[str, Any] | None:
        answer = await reading.ask(call, field)
        if answer is None:
            return None
        found = {path: entry for path, entry in table(answer).items() if path.endswith("/")}
        if not found:  # every server has `sys/` and `token/`
            reading.faults[call.operation] = Fault(
                FaultKind.ERROR, "Malformed", call.operation, "answered without a mount"
            )
            return None
        return found

    async def _factors(self, namespace: str, methods: Mapping[str, Any] | None) -> VaultReading:
        """Login enforcements; asked only where there is a method they could be for, and the methods they name only
        by type.
        """
        reading = VaultReading(self.client, namespace)
        if methods is None:
            return reading
        answer = await reading.ask(MFA_ENFORCEMENTS, "enforcements")
        told = (answer or {}).get("key_info") or ({} if not (answer or {}).get("keys") else None)
        if MFA_ENFORCEMENTS.operation not in reading.faults and not isinstance(told, dict):
            reading.faults[MFA_ENFORCEMENTS.operation] = Fault(
                FaultKind.ERROR, "Malformed", MFA_ENFORCEMENTS.operation, "answered without key_info"
            )
        reading.fields.pop("enforcements", None)  # the answer as it came
        if MFA_ENFORCEMENTS.operation not in reading.faults:
            entries = table(told)
            reading.fields["enforcements"] = [
                {name: one[name] for name in ENFORCEMENT_FIELDS if name in one} for one in entries.values()
            ]
            if entries:
                kinds = table((await reading.ask(MFA_METHODS, "methods") or {}).get("key_info"))
                reading.fields["methods"] = {name: one.get("type") for name, one in kinds.items()}
        return reading

    def _engine(
        self, mount: Mount, fields: dict[str, Any], faults: dict[str, Fault], cells: tuple[str, ...]
    ) -> Resource:
        """A secret engine: the barrier's encryption lies under everything Vault stores."""
        return self.resource(
            id=self.id_of(mount.namespace, mount.path),
            kind="secret-engine",
            type="vault.secrets.mount",
            name=mount.shown,
            fields=fields,
            region=mount.namespace,
            encryption=Encryption(True, "AES-256-GCM", KeyClass.PROVIDER),
            faults=faults,
            cells=cells,
        )

    async def _mount(
        self, namespace: str, path: str, entry: Mapping[str, Any], factors: VaultReading
    ) -> tuple[Mount, Resource]:
        reading = VaultReading(self.client, namespace)
        tune = await reading.ask(TUNE, "tune", ("default_lease_ttl", "max_lease_ttl"), mount=path) or {}
        type_ = entry["type"] if isinstance(entry.get("type"), str) else ""
        mount = Mount(
            namespace,
            path,
            type_,
            str(entry.get("accessor") or ""),
            whole(tune.get("default_lease_ttl")),
            whole(tune.get("max_lease_ttl")),
        )
        fields = {name: entry[name] for name in MOUNT_FIELDS if name in entry} | {
            "path": path,
            "config": _ttls(entry),
            "tune": reading.fields.get("tune"),
        }
        options = entry.get("options")
        fields["version"] = options.get("version") if isinstance(options, dict) else options
        cells: tuple[str, ...] = (type_, _span(mount.default_ttl), _span(mount.max_ttl))
        if not path.startswith("auth/"):
            return mount, self._engine(mount, fields, reading.faults, cells)
        if (covering := _covering(entry, factors)) is not None:
            fields["covering"] = covering
        if type_ == "userpass":
            await self._users(mount, reading, fields)
        return mount, self._auth_method(mount, fields, {**reading.faults, **factors.faults}, (*cells, ""))

    def _auth_method(
        self, mount: Mount, fields: dict[str, Any], faults: dict[str, Fault], cells: tuple[str, ...]
    ) -> Resource:
        return self.resource(
            id=self.id_of(mount.namespace, mount.path),
            kind="auth-method",
            type="vault.auth.mount",
            name=mount.shown,
            fields=fields,
            region=mount.namespace,
            faults=faults,
            cells=cells,
        )

    async def _users(self, mount: Mount, reading: VaultReading, fields: dict[str, Any]) -> None:
        """How many users there are, and the names of the fields that a user is answered with; never a value."""
        below = mount.path.removeprefix("auth/")
        names = await reading.names(USERS, mount=below)
        if USERS.operation in reading.faults:
            return
        told: set[str] = set()
        for name in names[:SAMPLED_USERS]:
            try:
                told |= set(await self.client.ask(USER, mount.namespace, mount=below, name=name) or ())
            except Refused as refused:
                if refused.fault.kind is not FaultKind.DENIED:
                    raise
                reading.refused(refused, USER.operation)
        fields.update(users=len(names), users_read=min(len(names), SAMPLED_USERS), user_fields=sorted(told))

    def _whole(self, namespace: str, reading: VaultReading) -> Resource:
        id = self.id_of(namespace, "sys/mounts")
        name = f"{namespace or self.client.settings.namespace or 'root'} namespace"
        cells = (f"{len(reading.fields['mounts'])} engines" if reading.fields["mounts"] is not None else "", "")
        return self.resource(
            id=id,
            kind="vault",
            type="vault.mounts",
            name=name,
            fields=reading.fields,
            region=namespace,
            faults=reading.faults,
            cells=cells,
        )


def _ttls(entry: Mapping[str, Any]) -> dict[str, Any]:
    config = entry.get("config")
    config = config if isinstance(config, dict) else {}
    return {name: config[name] for name in ("default_lease_ttl", "max_lease_ttl") if name in config}


def _covering(entry: Mapping[str, Any], factors: VaultReading) -> list[dict[str, Any]] | None:
    """The enforcements that hold for logins by this method; None where they could not be read."""
    found: list[dict[str, Any]] | None = factors.fields.get("enforcements")
    if found is None:
        return None
    covering = []
    for one in found:
        by_accessor, by_type = (
            bool(entry.get(name)) and isinstance(one.get(listed), list) and entry[name] in one[listed]
            for name, listed in (("accessor", "auth_method_accessors"), ("type", "auth_method_types"))
        )
        people = bool(one.get("identity_group_ids") or one.get("identity_entity_ids"))
        if by_accessor or by_type or people:
            kinds = factors.fields.get("methods") or {}
            asked = one.get("mfa_method_ids")
            methods = sorted({str(kinds.get(str(method), "?")) for method in asked}) if isinstance(asked, list) else []
            covering.append(
                {
                    "name": one.get("name"),
                    "by": "accessor" if by_accessor else "type" if by_type else "people",
                    "methods": methods,
                }
            )
    return sorted(covering, key=lambda one: str(one["name"]))


def _span(seconds: int) -> str:
    """A TTL as people write it: `768h`, `15m`; empty where it was not told."""
    if not seconds:
        return ""
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
