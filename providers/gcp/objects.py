"""The keys of the objects that are there, by listing them: no content is asked for, and no right to it is needed."""

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, Link, Resource
from providers.asking import each
from providers.gcp.calls import HOSTS, LIST_OBJECTS
from providers.gcp.decode import ObjectPage
from providers.gcp.source import GcpSource, key_id, split_version
from providers.gcp.storage import Buckets
from providers.source import Yield

OBJECTS = "gcp.storage.objects"
AT_ONCE = 16
"""Buckets that are swept at the same time."""
EXAMPLES = 5
"""Objects that are named for each key class other than Google's."""


class Sweep(GcpSource):
    """Every version of every object of every bucket, counted by key; at most `object_pages` pages a bucket."""

    service = "objects"
    calls = (LIST_OBJECTS,)
    buckets: Buckets

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One resource a bucket."""
        keys: set[str] = set()
        async with aclosing(
            each((self._sweep(name, tenant, keys) for name, tenant in sorted(self.buckets.names.items())), AT_ONCE)
        ) as answers:
            async for swept in answers:
                if swept is None:
                    continue
                for fault in swept.faults.values():
                    yield ReadRefused(fault)
                yield Batch((swept,))
        self.seen.named[self.id] = keys
        yield Complete((OBJECTS,))

    async def _sweep(self, bucket: str, tenant: str, named: set[str]) -> Resource | None:
        """The counts of one bucket; None where it has gone meanwhile."""
        counts: Counter[str] = Counter()
        examples: dict[str, list[str]] = {}
        fields: dict[str, Any] = {"bucket": bucket}
        faults: dict[str, Fault] = {}
        pages = 0
        try:
            async for page in self.project.pages(
                LIST_OBJECTS, ObjectPage, {"versions": "true", "projection": "noAcl"}, bucket=bucket
            ):
                pages += 1
                for item in page.items or ():
                    key = "supplied" if item.customerEncryption is not None else item.kmsKeyName or "Google"
                    counts[key] += 1
                    if key != "Google" and len(examples.setdefault(key, [])) < EXAMPLES:
                        examples[key].append(item.name)
                if pages >= self.project.settings.object_pages:
                    fields["complete"] = not page.nextPageToken
                    break
            else:
                fields["complete"] = True
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            if refused.fault.code in {"notFound", "404"}:
                return None
            faults[LIST_OBJECTS.operation] = refused.fault
        merged: Counter[str] = Counter()
        for key, many in counts.items():
            merged[split_version(key)[0]] += many
        if not faults:
            fields |= {"keys": dict(sorted(merged.items())), "examples": examples}
        named.update(key for key in counts if key not in {"Google", "supplied"})
        return self._made(bucket, tenant, fields, faults)

    def _made(self, bucket: str, tenant: str, fields: dict[str, Any], faults: dict[str, Fault]) -> Resource:
        owner = f"//{HOSTS['storage']}/projects/_/buckets/{bucket}"
        links = [
            Link("bucket", owner),
            *(Link("key", key_id(key)) for key in fields.get("keys", {}) if key not in {"Google", "supplied"}),
        ]
        return self.resource(
            id=f"{owner}#objects",
            kind="object-sample",
            type=OBJECTS,
            name=bucket,
            region="",
            fields=fields,
            encryption=Encryption(),
            links=tuple(links),
            faults=faults,
            tenant=tenant,
        )
