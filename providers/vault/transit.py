"""Transit keys: can they leave, can they vanish, do they rotate. Never a key: only what is told about it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from posture.clock import rfc3339
from posture.fault import Fault
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from providers.asking import each
from providers.source import Yield
from providers.vault.calls import TRANSIT_KEY, TRANSIT_KEYS
from providers.vault.seal import moment
from providers.vault.source import Mount, VaultReading, VaultSource

KEY_FIELDS: tuple[str, ...] = (
    *(
        "type",
        "exportable",
        "allow_plaintext_backup",
        "deletion_allowed",
        "derived",
        "imported_key",
        "soft_deleted",
        "auto_rotate_period",
    ),
    *(
        "latest_version",
        "min_available_version",
        "min_decryption_version",
        "min_encryption_version",
        "supports_encryption",
        "supports_signing",
    ),
)


class Transit(VaultSource):
    """Every key of every transit mount, one read each."""

    service = "transit"
    calls = (TRANSIT_KEYS, TRANSIT_KEY)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._there: dict[str, list[Resource]] = {}
        """Mount -> its keys, as they were when they were listed last."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Mount by mount; of a mount that may not be listed, the keys that were seen before stay and age."""
        mounts = self.seen.of_type("transit")
        if self.seen.unlisted is not None:
            yield ReadRefused(self.seen.unlisted)
        self._there = {mount.shown: self._there.get(mount.shown, []) for mount in mounts}
        for mount in mounts:
            listing = VaultReading(self.client, mount.namespace)
            names = await listing.names(TRANSIT_KEYS, mount=mount.path)
            yield NotRead(tuple(self._there[mount.shown]) if listing.faults else ())
            if not listing.faults:
                self._there[mount.shown] = []
            async with aclosing(each(self._key(mount, name) for name in names)) as keys:
                async for key in keys:
                    self._there[mount.shown].append(key)
                    for fault in key.faults.values():
                        yield ReadRefused(fault)
                    yield Batch((key,))
            for fault in listing.faults.values():
                yield ReadRefused(fault)
            yield Batch((self._mount(mount, listing.faults, len(names)),))
        yield Complete(("vault.transit.key", "vault.transit.mount"))

    async def _key(self, mount: Mount, name: str) -> Resource:
        reading = VaultReading(self.client, mount.namespace)
        answer = await reading.ask(TRANSIT_KEY, "key", mount=mount.path, name=name)
        fields = {field: answer[field] for field in KEY_FIELDS if field in answer} if isinstance(answer, dict) else {}
        if fields:
            fields["versions"] = _versions(answer.get("keys"))
        cells = ("transit", str(fields.get("type", "")), _rotation(fields))
        encryption = Encryption(None, str(fields["type"]) if "type" in fields else None, KeyClass.CUSTOMER)
        id = self.id_of(mount.namespace, mount.path, "keys", name)
        return self.resource(
            id=id,
            kind="key",
            type="vault.transit.key",
            name=name,
            fields=fields,
            region=mount.namespace,
            encryption=encryption,
            faults=reading.faults,
            cells=cells,
        )

    def _mount(self, mount: Mount, faults: Mapping[str, Fault], many: int) -> Resource:
        fields = {} if faults else {"keys": many}
        cells = ("" if faults else f"{many} keys", "transit")
        id = self.id_of(mount.namespace, mount.path, "keys")
        return self.resource(
            id=id,
            kind="vault",
            type="vault.transit.mount",
            name=f"{mount.shown}keys",
            fields=fields,
            region=mount.namespace,
            faults=faults,
            cells=cells,
        )


def _versions(keys: Any) -> dict[str, str]:
    """Version -> when it was made: symmetric keys tell seconds, asymmetric ones an object with a time in it."""
    if not isinstance(keys, dict):
        return {}
    found = {
        number: moment(made.get("creation_time") if isinstance(made, dict) else made)
        for number, made in keys.items()
        if number.isdecimal()
    }
    return {number: rfc3339(at) for number, at in sorted(found.items(), key=lambda one: int(one[0])) if at is not None}


def _rotation(fields: Mapping[str, Any]) -> str:
    period = fields.get("auto_rotate_period")
    if not isinstance(period, int):
        return ""
    return f"{period // 86400} d" if period else "off"
