"""Versions of images in galleries, which are kept in several regions, each under a key of its own."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from posture.azure.gallery import replicas
from posture.fault import FaultKind, Refused
from posture.fields import part, parts
from posture.reading import NoAnswer
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import each
from providers.azure.calls import LIST_GALLERIES, LIST_GALLERY_IMAGES, LIST_GALLERY_VERSIONS, Call
from providers.azure.decode import Row, Thing, Unread
from providers.azure.faults import GONE
from providers.azure.ids import normal
from providers.azure.source import SweptSource, fields_of, text
from providers.source import Yield

VERSION = "azure.compute.gallery-image-version"
ALGORITHM = "AES-256"
AT_ONCE = 50
"""Galleries or images whose tasks exist at the same time; the lane lets fewer ask."""
_OWN = Encryption(True, ALGORITHM, KeyClass.PROVIDER)


class Galleries(SweptSource):
    """Every version of every image in the galleries of one subscription."""

    service = "galleries"
    calls = (LIST_GALLERIES, LIST_GALLERY_IMAGES, LIST_GALLERY_VERSIONS)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One query of Resource Graph; where that does not show them all, gallery by gallery and image by image."""
        unread: list[Unread] = []
        shown = await self.sweep.shown(LIST_GALLERY_VERSIONS, Thing, self.subscription, unread)
        if shown:
            for report in self._made(shown, unread):
                yield report
            yield Complete((VERSION,))
            return
        whole = True
        async with aclosing(self._walk()) as pages:
            async for rows, unread in pages:
                for report in self._made(rows, unread):
                    whole = whole and not isinstance(report, ReadRefused)
                    yield report
        if whole:
            yield Complete((VERSION,))

    async def _walk(self) -> AsyncGenerator[tuple[list[Thing], list[Unread]], None]:
        """The versions of each image with what could not be read. Raises `Refused` where the galleries are refused."""
        unread: list[Unread] = []
        galleries = [
            row.id
            async for page in self.arm.pages(LIST_GALLERIES, Row, subscription=self.subscription, unread=unread)
            for row in page
        ]
        yield [], unread
        images: list[str] = []
        async with aclosing(each((self._below(LIST_GALLERY_IMAGES, one) for one in galleries), AT_ONCE)) as answers:
            async for rows, bad in answers:
                images += [row.id for row in rows]
                yield [], bad
        async with aclosing(each((self._below(LIST_GALLERY_VERSIONS, one) for one in images), AT_ONCE)) as answers:
            async for found in answers:
                yield found

    async def _below(self, call: Call, within: str) -> tuple[list[Thing], list[Unread]]:
        """The rows of a listing below a gallery or image; why there are none goes with what could not be read."""
        rows: list[Thing] = []
        unread: list[Unread] = []
        try:
            async for page in self.arm.pages(call, Thing, subscription=self.subscription, within=within, unread=unread):
                rows += page
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            if refused.fault.code not in GONE:
                unread.append(Unread("", "", refused.fault))
        return rows, unread

    def _made(self, rows: list[Thing], unread: list[Unread]) -> list[Batch | ReadRefused]:
        made = [self.made(LIST_GALLERY_VERSIONS, self._version, row, unread) for row in rows]
        odd = [self.unread(bad, "snapshot", VERSION, _name(bad.id)) for bad in unread if _is_version(bad.id)]
        found = (*(version for version in made if version is not None), *odd)
        return [*(ReadRefused(bad.fault) for bad in unread), *((Batch(found),) if found else ())]

    def _version(self, row: Thing) -> Resource:
        """Replicas under several keys, or under the platform's and a customer's, are of no one class."""
        read, properties = LIST_GALLERY_VERSIONS.operation, row.properties or {}
        wanted = ("publishingProfile", "storageProfile", "provisioningState")
        fields = fields_of(row)
        fields["properties"] = {name: properties[name] for name in wanted if name in properties}
        try:
            sets = list(dict.fromkeys(normal(each) for some in replicas(properties).values() for each in some))
        except NoAnswer:
            sets = []
        storage = part(properties, read, "storageProfile")
        disks = [part(storage, read, "osDiskImage"), *(parts(storage, read, "dataDiskImages") or ())]
        sizes = [disk.get("sizeInGB") for disk in disks]
        size = sum(each for each in sizes if isinstance(each, int)) if all(isinstance(s, int) for s in sizes) else "?"
        one = sets[0] if len(sets) == 1 else None
        return self.resource(
            id=row.id,
            kind="snapshot",
            type=VERSION,
            name=_name(row.id),
            fields=fields,
            region=text(row.location),
            encryption=_OWN if one == "" else Encryption(True, ALGORITHM, KeyClass.UNKNOWN, one),
            links=tuple(Link("key", each) for each in sets if each),
            cells=(_name(row.id).rpartition("/")[0], "", f"{size} GiB"),
        )


def _is_version(id: str) -> bool:
    return "/versions/" in normal(id)


def _name(id: str) -> str:
    """`gallery/image/1.0.0`."""
    return "/".join(id.rstrip("/").split("/")[-5::2])
