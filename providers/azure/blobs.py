"""Stored blobs, where the operator asks for it: how the first ones of each container are encrypted, by listing them. No
content is read, no name is kept.

List Blobs of Blob Storage's REST reference: `Properties/ServerEncrypted`, `/EncryptionScope`,
`/CustomerProvidedKeySha256`, `/ResourceType`, and `NextMarker`.
"""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any
from xml.etree import ElementTree

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, Link, Resource
from providers.asking import each
from providers.azure.calls import LIST_BLOBS, LIST_CONTAINERS
from providers.azure.faults import GONE, unreadable
from providers.azure.ids import last, normal
from providers.azure.source import AccountSeen, AzureSource
from providers.lane import lost
from providers.limits import Pages
from providers.source import Yield

SAMPLE = "azure.storage.object-sample"
AT_ONCE = 16
"""Containers that are sampled at the same time."""
MOST_PAGES = 5
"""A page may hold fewer than were asked for, even none, and name a next one; after these the sample is as small as
it is.
"""


class Blobs(AzureSource):
    """The first `wanted` blobs of every container of one subscription."""

    service = "blobs"
    calls = (LIST_BLOBS,)
    wanted = 0

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One resource a container; what was sampled of one that does not answer now stays as it was seen last."""
        containers = self.seen.containers.get(self.subscription)
        if containers is None:
            raise Refused(
                Fault(
                    FaultKind.ERROR, "NotListed", LIST_CONTAINERS.operation, "the containers have not been listed yet"
                )
            )
        questions, whole = [], True
        for account, about in sorted(self.seen.accounts.get(self.subscription, {}).items(), key=lambda item: item[0]):
            named = containers.get(normal(account), ())
            if isinstance(named, Fault):
                yield ReadRefused(named)
                whole = False
            else:
                questions += [(account, about, container) for container in named]
        async with aclosing(each((self._sample(*question) for question in questions), AT_ONCE)) as answers:
            async for sample, refused in answers:
                if refused is not None:
                    yield ReadRefused(refused.fault)
                if sample is not None:
                    yield NotRead((sample,)) if refused is not None and lost(refused) else Batch((sample,))
        if whole:
            yield Complete((SAMPLE,))

    async def _sample(self, account: str, about: AccountSeen, container: str) -> tuple[Resource | None, Refused | None]:
        """The counts of one container and what was refused of it; nothing where it has gone meanwhile."""
        fields: dict[str, Any] = {"AccountName": last(account), "ContainerName": last(container)}
        try:
            fields |= await self._counts(last(account), about.blobs, last(container))
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise  # nothing else will be answered either
            if refused.fault.code in GONE:
                return None, None
            return self._made(account, about, container, fields, {LIST_BLOBS.operation: refused.fault}), refused
        return self._made(account, about, container, fields, {}), None

    async def _counts(self, account: str, endpoint: str, container: str) -> dict[str, Any]:
        """How the sampled blobs are encrypted; `SampleOf` is `[read, wanted]`, alike where the container holds no
        more. Raises `Refused`.
        """
        said, scopes = Counter({"true": 0, "false": 0, "absent": 0}), Counter[str]()
        supplied, marker, followed = 0, "", Pages(LIST_BLOBS.operation, self.arm.limits.most_pages)
        for _ in range(MOST_PAGES):
            blobs, marker = _page(
                await self.arm.list_blobs(account, endpoint, container, self.wanted - said.total(), marker)
            )
            for blob in blobs:
                encrypted = blob.findtext("ServerEncrypted", "").strip().lower()
                said[encrypted if encrypted in said else "absent"] += 1
                supplied += bool(blob.findtext("CustomerProvidedKeySha256"))
                if scope := blob.findtext("EncryptionScope"):
                    scopes[scope] += 1
            if not marker or said.total() >= self.wanted:
                break
            followed.follow(marker)
        read = said.total()
        wanted = max(read, self.wanted) if marker else read
        return {
            "SampleOf": [read, wanted],
            "ServerEncrypted": dict(said),
            "CustomerProvidedKeys": supplied,
            "EncryptionScopes": dict(sorted(scopes.items())),
        }

    def _made(
        self, account: str, about: AccountSeen, container: str, fields: dict[str, Any], faults: dict[str, Fault]
    ) -> Resource:
        return self.resource(
            id=f"{container}#blobs",
            kind="object-sample",
            type=SAMPLE,
            name=f"{last(account)}/{last(container)}",
            fields=fields,
            region=about.region,
            encryption=Encryption(),
            links=(Link("bucket", normal(container)), Link("account", normal(account))),
            faults=faults,
            tenant=about.tenant,
        )


def _page(body: bytes) -> tuple[list[ElementTree.Element], str]:
    """The `Properties` of each blob of a page, and the next page's marker. A directory of a hierarchical namespace
    is no blob. Raises `Refused`.
    """
    try:
        page = ElementTree.fromstring(body)
    except ElementTree.ParseError as error:
        raise Refused(unreadable(LIST_BLOBS, error), transient=True) from None
    blobs = page.find("Blobs")
    if page.tag != "EnumerationResults" or blobs is None:
        raise Refused(unreadable(LIST_BLOBS, ValueError("not a listing of blobs")), transient=True)
    some = [blob.find("Properties") for blob in blobs.iterfind("Blob")]
    properties = [ElementTree.Element("Properties") if one is None else one for one in some]
    return [one for one in properties if one.findtext("ResourceType") != "directory"], page.findtext("NextMarker") or ""
