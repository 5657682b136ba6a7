"""What the PKI engines have issued: issuers and certificates, and when each ends."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from posture.clock import Utc, rfc3339
from posture.fault import Fault
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Resource
from providers.asking import each
from providers.source import Yield
from providers.vault.calls import PKI_CERT, PKI_CERTS, PKI_ISSUER, PKI_ISSUERS
from providers.vault.source import Mount, VaultReading, VaultSource, table

MOST = 200
"""Certificates of one mount that are shown, and read in one poll at the most: the list has no end, and a certificate
never changes.
"""


class Pki(VaultSource):
    """Issuers and certificates of every pki mount; each is read once and remembered, but for whether it was revoked."""

    service = "vault-pki"
    calls = (PKI_ISSUERS, PKI_ISSUER, PKI_CERTS, PKI_CERT)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._read: dict[str, dict[str, Any]] = {}
        self._there: dict[tuple[str, str], list[Resource]] = {}
        """Mount and type -> issuers or certificates, as they were when they were listed last."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Mount by mount: the issuers, then the certificates. Where a listing is refused, what it named before stays
        and ages.
        """
        wanted: set[str] = set()
        mounts = self.seen.of_type("pki")
        if self.seen.unlisted is not None:
            yield ReadRefused(self.seen.unlisted)
        shown = {mount.shown for mount in mounts}
        self._there = {place: there for place, there in self._there.items() if place[0] in shown}
        for mount in mounts:
            reading = VaultReading(self.client, mount.namespace)
            names = await reading.names(PKI_ISSUERS, mount=mount.path)
            known = table(reading.answer.get("key_info"))
            issuers = {name: known.get(name, {}) for name in {*names, *known}}
            serials = await reading.names(PKI_CERTS, mount=mount.path)
            for type_, call in (("vault.pki.issuer", PKI_ISSUERS), ("vault.pki.certificate", PKI_CERTS)):
                before = self._there.setdefault((mount.shown, type_), [])
                if call.operation in reading.faults:
                    yield NotRead(tuple(before))
                    wanted |= {one.id for one in before}
                else:
                    before.clear()
            chosen = serials[:: max(1, -(-len(serials) // MOST))]
            wanted |= {self.id_of(mount.namespace, mount.path, "cert", serial) for serial in chosen}
            own = {str(entry.get("serial_number")) for entry in issuers.values()}
            jobs = [
                *(self._issuer(mount, name, entry) for name, entry in issuers.items()),
                *(self._cert(mount, serial) for serial in chosen if serial not in own),
            ]
            async with aclosing(each(jobs)) as answers:
                async for made in answers:
                    if made is None:
                        continue
                    self._there[mount.shown, made.type].append(made)
                    for fault in made.faults.values():
                        yield ReadRefused(fault)
                    yield Batch((made,))
            for fault in reading.faults.values():
                yield ReadRefused(fault)
            yield Batch((self._mount(mount, reading.faults, len(serials), len(chosen)),))
        self._read = {id: fields for id, fields in self._read.items() if id in wanted}
        yield Complete(("vault.pki.issuer", "vault.pki.certificate", "vault.pki.mount"))

    async def _issuer(self, mount: Mount, name: str, entry: dict[str, Any]) -> Resource | None:
        reading = VaultReading(self.client, mount.namespace)
        answer = await reading.ask(PKI_ISSUER, "issuer", mount=mount.path, name=name)
        fields: dict[str, Any] = {}
        if isinstance(answer, dict):
            fields = {
                **_parsed(answer.get("certificate")),
                **{part: answer[part] for part in ("issuer_name", "revoked", "usage") if part in answer},
            }
            fields["is_default"] = entry.get("is_default") is True
        shown = str(fields.get("issuer_name") or fields.get("subject") or name)
        id = self.id_of(mount.namespace, mount.path, "issuer", name)
        return self._made(id, "vault.pki.issuer", f"{mount.shown}{shown}", mount, fields, reading.faults)

    async def _cert(self, mount: Mount, serial: str) -> Resource | None:
        id = self.id_of(mount.namespace, mount.path, "cert", serial)
        faults: dict[str, Fault] = {}
        if id not in self._read:
            reading = VaultReading(self.client, mount.namespace)
            answer = await reading.ask(PKI_CERT, "cert", mount=mount.path, name=serial)
            faults = reading.faults
            if isinstance(answer, dict):
                told = {**_parsed(answer.get("certificate")), "serial_number": serial}
                if "revocation_time" in answer:
                    told["revocation_time"] = answer["revocation_time"]
                # asked again: it may be well next time
                if "unreadable" in told or not isinstance(told.get("revocation_time"), int):
                    return self._made(id, "vault.pki.certificate", serial, mount, told, {})
                self._read[id] = told
            elif not faults:
                return None  # tidied up between the list and now
        fields = self._read.get(id, {})
        return self._made(id, "vault.pki.certificate", str(fields.get("subject") or serial), mount, fields, faults)

    def _made(
        self, id: str, type: str, name: str, mount: Mount, fields: dict[str, Any], faults: dict[str, Fault]
    ) -> Resource:
        expires: Utc | None = fields.get("expires")
        told = {field: value for field, value in fields.items() if field != "expires"}
        return self.resource(
            id=id,
            kind="certificate",
            type=type,
            name=name,
            fields=told,
            region=mount.namespace,
            faults=faults,
            expires=expires,
        )

    def _mount(self, mount: Mount, faults: dict[str, Fault], many: int, shown: int) -> Resource:
        fields = {} if faults else {"certificates": many, "shown": shown}
        id = self.id_of(mount.namespace, mount.path, "certs")
        cells = ("" if faults else f"{many} certificates", "pki")
        return self.resource(
            id=id,
            kind="vault",
            type="vault.pki.mount",
            name=f"{mount.shown}certs",
            fields=fields,
            region=mount.namespace,
            faults=faults,
            cells=cells,
        )


def _parsed(pem: Any) -> dict[str, Any]:
    """What a certificate says of itself; `expires` in UTC seconds beside the text."""
    try:
        cert = x509.load_pem_x509_certificate(str(pem).encode())
        issued_to = cert.subject.rfc4514_string().removeprefix("CN=") or "(no subject)"
    except Exception:  # noqa: BLE001 - a hostile certificate makes the parser raise whatever it likes
        return {"unreadable": True}
    ends = cert.not_valid_after_utc.timestamp()
    return {
        "subject": issued_to,
        "not_before": rfc3339(cert.not_valid_before_utc.timestamp()),
        "not_after": rfc3339(ends),
        "sha256": cert.fingerprint(hashes.SHA256()).hex(),
        "expires": ends,
    }
