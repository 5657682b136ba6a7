"""Filestore instances: file systems that machines mount over NFS."""

from collections.abc import AsyncGenerator
from typing import Any, ClassVar, Required, TypedDict

import msgspec

from posture.fault import FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.gcp.calls import HOSTS, LIST_FILESTORE
from providers.gcp.decode import Page, Unread
from providers.gcp.faults import scope_fault
from providers.gcp.source import GOOGLE, UNTOLD, GcpSource, Remembered, last
from providers.source import Yield

INSTANCE = "gcp.file.instance"
_OFF = {"SERVICE_DISABLED", "accessNotConfigured"}


class FileInstance(TypedDict, total=False):
    """file v1 `Instance`; its name has project and location in it."""

    name: Required[str]
    state: str | None
    tier: str | None
    labels: dict[str, str] | None
    createTime: str | None
    kmsKeyName: str | None
    protocol: str | None
    fileShares: list[dict[str, Any]] | None


class FileInstancePage(Page, frozen=True, forbid_unknown_fields=True):
    """`file.instances.list`; `unreachable` are locations."""

    rows: ClassVar[tuple[str, ...]] = ("instances",)
    row: ClassVar[Any] = FileInstance
    begins: ClassVar[str] = ""
    instances: list[FileInstance] | None = None
    unreachable: list[str] | None = None


class Filestore(GcpSource):
    """Every instance of the project, of every location, in one listing."""

    service = "filestore"
    calls = (LIST_FILESTORE,)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """`unreachable` locations are what the listing may leave out. Most projects have the API switched off: then
        they have no instance.
        """
        keys: set[str] = set()
        here: list[Resource] = []
        unread: list[Unread] = []
        silent: list[str] = []
        whole: bool = True
        try:
            async for page in self.project.pages(LIST_FILESTORE, FileInstancePage, unread=unread):
                silent += page.unreachable or ()
                rows = [self._instance(fields, keys) for fields in page.instances or ()]
                rows += [self._odd(bad) for bad in unread if bad.name]
                for bad in unread:
                    yield ReadRefused(bad.fault)
                    whole = whole and bool(bad.name)
                unread.clear()
                here += rows
                yield Batch(tuple(rows))
        except Refused as refused:
            if refused.fault.code in _OFF:
                raise Refused(msgspec.structs.replace(refused.fault, kind=FaultKind.DISABLED)) from None
            raise
        self.seen.named[self.id] = keys if whole and not silent else keys | self.seen.named.get(self.id, set())
        for location in silent:
            fault = scope_fault(LIST_FILESTORE, last(location), "UNREACHABLE")
            yield ReadRefused(fault)
            yield self._kept.unseen("instances", LIST_FILESTORE.operation, fault, here)
        if whole:
            if not silent:
                self._kept.seen("instances", here)
            yield Complete((INSTANCE,))

    def _instance(self, fields: FileInstance, keys: set[str]) -> Resource:
        encryption, links = GOOGLE, ()
        fields.setdefault("kmsKeyName", None)  # the mask asks for it: what is not there is Google's key
        if name := fields["kmsKeyName"]:
            keys.add(name)
            encryption, links = self.under_kms(name)  # type: ignore[assignment]
        sizes = [share.get("capacityGb") for share in fields.get("fileShares") or ()]
        size = sum(int(str(each)) for each in sizes if str(each).isdecimal()) if sizes else "?"
        return self.resource(
            id=self._id(fields["name"]),
            kind="file-system",
            type=INSTANCE,
            name=last(fields["name"]),
            region=_location(fields["name"]),
            fields=fields,
            encryption=encryption,
            links=links,
            cells=(str(fields.get("state") or "").lower(), f"{size} GiB"),
        )

    def _odd(self, bad: Unread) -> Resource:
        """An instance of which no more is known than that it is there, and why."""
        return self.resource(
            id=self._id(bad.name),
            kind="file-system",
            type=INSTANCE,
            name=last(bad.name),
            region=_location(bad.name),
            fields={"name": bad.name},
            encryption=UNTOLD,
            faults={LIST_FILESTORE.operation: bad.fault},
            cells=("?", "?"),
        )

    def _id(self, name: str) -> str:
        """As volumes of Kubernetes name it."""
        return f"//{HOSTS['file']}/projects/{self.project.name}/locations/{_location(name)}/instances/{last(name)}"


def _location(name: str) -> str:
    parts = name.split("/")
    return parts[3] if len(parts) > 4 else ""
