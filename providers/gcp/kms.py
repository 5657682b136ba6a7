"""Cloud KMS keys: the project's own, by listing; and whatever else its resources name, one by one."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterable, Mapping
from typing import Any

from posture.clock import Seconds, Utc, parse_rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from posture.source import COLD
from providers.asking import together
from providers.gcp.calls import GET_KEY, GET_KEY_VERSION, LIST_KEY_LOCATIONS, LIST_KEY_RINGS, LIST_KEYS
from providers.gcp.decode import CryptoKey, KeyPage, LocationPage, RingPage, Unread, Version
from providers.gcp.faults import unreadable
from providers.gcp.source import GcpSource, Remembered, key_id, last, owner_of
from providers.source import Yield

KEY = "gcp.kms.key"
_GONE = {"notFound", "NOT_FOUND", "404"}


class KeySource(GcpSource):
    """What both sources of keys do with one: read the versions that something names, beside the primary."""

    async def _with_versions(self, key: CryptoKey, wanted: Iterable[str]) -> Resource:
        fields: dict[str, Any] = {"primary": None, **key}
        faults: dict[str, Fault] = {}
        primary = last((key.get("primary") or {}).get("name"))
        read: dict[str, Any] = {}
        for version in sorted(set(wanted) - {primary}):
            try:
                read[version] = await self.project.ask(
                    GET_KEY_VERSION, Version, name=f"{key['name']}/cryptoKeyVersions/{version}"
                )
            except Refused as refused:
                if refused.fault.code in _GONE:
                    read[version] = {"state": "NOT_FOUND"}
                else:
                    faults[f"{GET_KEY_VERSION.operation}({version})"] = refused.fault
        if primary:
            read[primary] = key["primary"]
        fields["versions"] = read
        return self.key(key["name"], fields, faults)

    def key(self, name: str, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        """A key as a resource. Whatever stands in Cloud KMS is a customer's key; its project says whose."""
        owner = self.own_id(owner_of(name))
        id = key_id(name.replace(f"projects/{owner_of(name)}/", f"projects/{owner}/", 1))
        primary = fields.get("primary") or {}
        level = primary.get("protectionLevel") or (fields.get("versionTemplate") or {}).get("protectionLevel") or ""
        state = primary.get("state") or (
            "not found" if fields.get("NotFound") else "no primary" if "name" in fields else "?"
        )
        parts = name.split("/")
        return self.resource(
            id=id,
            kind="key",
            type=KEY,
            name="/".join(parts[5::2]),
            region=parts[3] if len(parts) > 3 else "",
            fields=fields,
            encryption=Encryption(None, primary.get("algorithm"), KeyClass.CUSTOMER),
            faults=faults,
            cells=(f"CUSTOMER {level}".strip(), state, _rotation(fields)),
            tenant=self.tenancy.name,
            scope=owner,
            expires=_ends(fields.get("versions")),
        )


class Keys(KeySource):
    """Every key of the project. Locations and key rings are listed on the cold cadence, their keys on the live one."""

    service = "kms"
    calls = (LIST_KEY_LOCATIONS, LIST_KEY_RINGS, LIST_KEYS, GET_KEY_VERSION)
    cold: Seconds = COLD

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()
        self._rings: list[str] = []
        self._read_at: Seconds | None = None

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Ring by ring; one that is refused leaves the others to be read."""
        try:
            for fault in await self._find_rings():
                yield ReadRefused(fault)
        except Refused as refused:
            if refused.fault.kind is FaultKind.DENIED:
                self.seen.listed = set()  # so that those in use are asked for one by one
            raise
        versions, listed = self.seen.versions(), set[str]()
        refusals: list[Refused] = []
        for ring in self._rings:
            here: list[Resource] = []
            try:
                unread: list[Unread] = []
                async for page in self.project.pages(LIST_KEYS, KeyPage, unread=unread, parent=ring):
                    for bad in unread:
                        if not bad.name.startswith(f"{ring}/cryptoKeys/"):
                            raise Refused(bad.fault)
                        here.append(self.key(bad.name, {}, {GET_KEY.operation: bad.fault}))
                        listed.add(bad.name)
                        yield ReadRefused(bad.fault)
                        yield Batch((here[-1],))
                    unread.clear()
                    for key in page.cryptoKeys or ():
                        listed.add(key["name"])
                        made = await self._with_versions(key, versions.get(key["name"], ()))
                        here.append(made)
                        for fault in made.faults.values():
                            yield ReadRefused(fault)
                        yield Batch((made,))
                self._kept.seen(ring, here)
            except Refused as refused:
                refusals.append(refused)
                if refused.fault.kind is FaultKind.EXPIRED or len(refusals) == len(self._rings):
                    raise
                yield ReadRefused(refused.fault)
                yield self._kept.unseen(ring, GET_KEY.operation, refused.fault, here)
        self.seen.listed = listed
        yield Complete((KEY,))

    async def _find_rings(self) -> list[Fault]:
        """Why some locations could not be listed; of those the rings known before are kept. Raises `Refused` where
        none could.
        """
        now = asyncio.get_running_loop().time()
        if self._read_at is not None and now - self._read_at < self.cold:
            return []
        places = [
            place.locationId
            async for page in self.project.pages(LIST_KEY_LOCATIONS, LocationPage)
            for place in page.locations or ()
        ]
        if not places:
            raise Refused(
                unreadable(
                    LIST_KEY_LOCATIONS, "the answer names no location, and Cloud KMS has some in every project"
                ).fault
            )
        answers = await together(self._rings_in(place) for place in places)
        faults = [answer for answer in answers if isinstance(answer, Fault)]
        if faults and len(faults) == len(places):
            raise Refused(faults[0])
        rings: list[str] = []
        for place, answer in zip(places, answers, strict=True):
            rings += (
                [ring for ring in self._rings if f"/locations/{place}/" in ring]
                if isinstance(answer, Fault)
                else answer
            )
        self._rings, self._read_at = rings, None if faults else now
        return faults

    async def _rings_in(self, place: str) -> list[str] | Fault:
        try:
            parent = f"projects/{self.project.name}/locations/{place}"
            return [
                ring["name"]
                async for page in self.project.pages(LIST_KEY_RINGS, RingPage, parent=parent)
                for ring in page.keyRings or ()
            ]
        except Refused as refused:
            return refused.fault


class NamedKeys(KeySource):
    """Keys that disks, buckets and clusters name, and that the project's own listing did not give: other projects'
    keys, and all where listing is refused.
    """

    service = "kms-named"
    calls = (GET_KEY, GET_KEY_VERSION)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Ask for each; nothing is asked where there are none."""
        for name, wanted in sorted(self.seen.versions().items()):
            if (
                name.replace(f"projects/{owner_of(name)}/", f"projects/{self.own_id(owner_of(name))}/", 1)
                in self.seen.listed
            ):
                continue
            try:
                made = await self._with_versions(await self.project.ask(GET_KEY, CryptoKey, name=name), wanted)
            except Refused as refused:
                if refused.fault.kind is FaultKind.EXPIRED:
                    raise
                gone = refused.fault.code in _GONE
                made = self.key(
                    name, {"NotFound": True} if gone else {}, {} if gone else {GET_KEY.operation: refused.fault}
                )
            for fault in made.faults.values():
                yield ReadRefused(fault)
            yield Batch((made,))
        yield Complete((KEY,))


def _ends(versions: Mapping[str, Any] | None) -> Utc | None:
    """When the first of the versions that are in use is destroyed; None where none is to be."""
    ends: list[Utc] = []
    for version in (versions or {}).values():
        if isinstance(version, dict) and version.get("state") == "DESTROY_SCHEDULED":
            with contextlib.suppress(ValueError):
                ends.append(parse_rfc3339(str(version.get("destroyTime"))))
    return min(ends, default=None)


def _rotation(fields: Mapping[str, Any]) -> str:
    period = str(fields.get("rotationPeriod") or "")
    if not period:
        return "off" if "name" in fields else ""
    return (
        f"{float(period.removesuffix('s')) / 86400:.0f}d"
        if period.removesuffix("s").replace(".", "", 1).isdecimal()
        else period
    )
