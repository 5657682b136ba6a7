"""Stored objects, where the operator asks for it: headers of a sample, and S3 Inventory reports. Never the content
of a tenant's object.
"""

import csv
import gzip
import io
import json
import time
import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import each
from providers.aws.calls import (
    GET_INVENTORY_REPORT,
    HEAD_OBJECT,
    LIST_BUCKET_INVENTORY_CONFIGURATIONS,
    LIST_BUCKETS,
    LIST_INVENTORY_REPORTS,
    LIST_OBJECTS_V2,
)
from providers.aws.ebs import key_arn
from providers.aws.source import AwsSource, Place, Rows
from providers.aws.transport import in_thread
from providers.lane import lost
from providers.source import Yield

FIELDS = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "LastModified")
# of all others the key decides
_CLASSES = {None: KeyClass.NONE, "AES256": KeyClass.PROVIDER, "aws:kms:dsse": KeyClass.DOUBLE}
LONGEST_ROW = 1 << 16
MOST_UNPACKED = 2 << 30
"""Characters of one file of a report, unpacked."""
MOST_WORDS = 64
"""Different words in the column; S3 has five."""
TOKEN = ("NextContinuationToken", "ContinuationToken")


class OfBuckets(AwsSource):
    """A question asked of every bucket that the account is known to have."""

    def buckets(self) -> Mapping[str, Place]:
        """By name. Raises `Refused` where they were never listed: no answer about none of them would look like one
        about all.
        """
        if self.seen.buckets is None:
            raise Refused(
                Fault(
                    FaultKind.UNREACHABLE,
                    "NotAsked",
                    LIST_BUCKETS.operation,
                    "the account's buckets were not listed yet",
                )
            )
        return self.seen.buckets

    def still_answers(self, place: Place, started: Seconds) -> None:
        """Raise `Refused` where nobody answers in a bucket's region since this poll `started`: the next bucket is
        not waited for in vain.
        """
        silence = self.account.lane(LIST_BUCKETS, place.region).silent_since(started)
        if silence is not None:
            raise silence


class ObjectSample(OfBuckets):
    """The encryption headers of a few objects a bucket: the oldest, the newest, and some between, of the first
    thousand listed.
    """

    service = "s3-objects"
    calls = (LIST_OBJECTS_V2, HEAD_OBJECT)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known: dict[str, tuple[Resource, ...]] = {}

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Bucket by bucket; what was sampled of a bucket that does not answer now stays as it was seen last."""
        started, buckets, whole = time.monotonic(), self.buckets(), True
        self.seen.begin(self.id)
        self._known = {bucket: samples for bucket, samples in self._known.items() if bucket in buckets}
        for bucket, place in sorted(buckets.items()):
            try:
                samples = await self._samples(bucket, place, started)
            except Refused as refused:
                await self.account.confirm(refused)
                yield ReadRefused(refused.fault)
                whole = False
                yield NotRead(self._known.get(bucket, ()))
                continue
            for sample in samples:
                for fault in sample.faults.values():
                    yield ReadRefused(fault)
            self._known[bucket] = tuple(samples)
            yield Batch.of(samples)
        if whole:  # what stays as it was seen last still names its keys
            self.seen.listed(self.id)
        yield Complete(("aws.s3.object-sample",))

    async def _samples(self, bucket: str, place: Place, started: Seconds) -> list[Resource]:
        """Those of one bucket. Raises `Refused` where it cannot be listed, or its region stopped answering."""
        self.still_answers(place, started)
        page = await self.account.ask(LIST_OBJECTS_V2, place.region, Bucket=bucket, MaxKeys=1000)
        rows = Rows(LIST_OBJECTS_V2, "Key", r"(?s).+")
        listed = sorted(
            rows.of(page.get("Contents", []), dict), key=lambda entry: (str(entry.get("LastModified")), entry["Key"])
        )
        if rows.fault is not None:
            raise Refused(rows.fault)
        wanted = min(self.account.settings.object_sample, len(listed))
        heads = [
            answer
            async for answer in each(
                self._head(bucket, place.region, entry["Key"]) for entry in _spread(listed, wanted)
            )
        ]
        self.still_answers(place, started)
        read = sum(fields.get("StatusCode") in {200, 400} for fields, _ in heads)
        return [
            self._sample(bucket, place, {**fields, "SampleOf": [read, wanted]}, faults)
            for fields, faults in heads
            if fields.get("StatusCode") != 404
        ]

    async def _head(self, bucket: str, region: str, key: str) -> tuple[dict[str, Any], dict[str, Fault]]:
        """A HEAD has no body: of an error only the status is left. 400 on a listed key is what SSE-C answers, and
        what bad credentials answer too.
        """
        try:
            answer = await self.account.ask(HEAD_OBJECT, region, Bucket=bucket, Key=key)
        except Refused as refused:
            await self.account.confirm(refused)
            if refused.fault.code == "400":
                # refused, in words, if it was not about the object
                await self.account.ask(LIST_OBJECTS_V2, region, Bucket=bucket, MaxKeys=1)
            if refused.fault.code in {"400", "404"}:
                return {"Key": key, "StatusCode": int(refused.fault.code)}, {}
            return {"Key": key}, {HEAD_OBJECT.operation: refused.fault}
        return {"Key": key, "StatusCode": 200, **{name: answer[name] for name in FIELDS if name in answer}}, {}

    def _sample(self, bucket: str, place: Place, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        algorithm, key = fields.get("ServerSideEncryption"), fields.get("SSEKMSKeyId")
        links: tuple[Link, ...] = (Link("bucket", self.account.arn("s3", "", bucket, account="")),)
        encryption = Encryption()
        if fields.get("StatusCode") == 200:
            arn = key_arn(self, str(key), place.region) if key else None
            key_class = _CLASSES.get(algorithm, KeyClass.UNKNOWN)
            encryption = Encryption(algorithm is not None, algorithm, key_class, arn)
            if arn:
                self.seen.name(self.id, arn)
                links = (*links, Link("key", arn))
        elif fields.get("StatusCode") == 400:
            encryption = Encryption(True, None, KeyClass.SUPPLIED)
        name = f"{bucket}/{fields['Key']}"
        return self.resource(
            id=self.account.arn("s3", "", name, account=""),
            kind="object-sample",
            type="aws.s3.object-sample",
            name=name,
            fields=fields,
            region=place.region,
            encryption=encryption,
            links=links,
            faults=faults,
            tenant=place.tenant,
        )


class Inventory(OfBuckets):
    """What S3 Inventory says of every object: the newest report of each bucket that has one, counted by encryption."""

    service = "s3-inventory"
    calls = (LIST_BUCKET_INVENTORY_CONFIGURATIONS, LIST_INVENTORY_REPORTS, GET_INVENTORY_REPORT)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Bucket by bucket; reports are read in their destination, never objects of the bucket itself."""
        started = time.monotonic()
        unread: list[tuple[Resource, Place]] = []
        for bucket, place in sorted(self.buckets().items()):
            inventory, refused = await self._inventory(bucket, place, started)
            if refused is not None:
                await self.account.confirm(refused)
                yield ReadRefused(refused.fault)
            if refused is not None and lost(refused):
                unread.append((inventory, place))
            else:
                yield Batch((inventory,))
        for inventory, place in unread:
            silence = self.account.lane(LIST_BUCKETS, place.region).silent_since(started)
            yield Batch((inventory,)) if silence is None else NotRead((inventory,))
        yield Complete(("aws.s3.inventory",))

    async def _inventory(self, bucket: str, place: Place, started: Seconds) -> tuple[Resource, Refused | None]:
        """What a bucket's inventory says, and which read of it was refused."""
        fields: dict[str, Any] = {}
        faults: dict[str, Fault] = {}
        unread: Refused | None = None
        try:
            self.still_answers(place, started)
            answer = await self.account.ask(LIST_BUCKET_INVENTORY_CONFIGURATIONS, place.region, Bucket=bucket)
            fields["InventoryConfigurations"] = answer.get("InventoryConfigurationList", [])
            reporting = [
                one
                for one in fields["InventoryConfigurations"]
                if one.get("IsEnabled") and "EncryptionStatus" in one.get("OptionalFields", [])
            ]
            if reporting:
                widest = max(
                    reporting, key=lambda one: (not one.get("Filter"), one.get("IncludedObjectVersions") == "All")
                )
                fields["Reporting"] = widest.get("Id")
                fields["Report"] = await self._report(bucket, place.region, widest)
        except Refused as refused:
            unread, faults[refused.fault.operation] = refused, refused.fault
        # a configuration that leaves out what it must have
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            unread = _unreadable(
                f"the inventory's configuration or report cannot be read: {type(error).__name__} {error}"
            )
            faults[unread.fault.operation] = unread.fault
        return self._resource(bucket, place, fields, faults), unread

    async def _report(self, bucket: str, region: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The newest report, counted. Raises `Refused` where there is none that can be read."""
        target = configuration["Destination"]["S3BucketDestination"]
        home = target["Bucket"].rpartition(":")[2]
        known = self.buckets().get(home)
        at = known.region if known else region
        folder = "/".join(filter(None, (target.get("Prefix", "").strip("/"), bucket, configuration["Id"]))) + "/"
        newest = ""
        async for page in self.account.pages(
            LIST_INVENTORY_REPORTS, at, "CommonPrefixes", TOKEN, Bucket=home, Prefix=folder, Delimiter="/"
        ):
            newest = max(
                [newest, *(entry["Prefix"] for entry in page if entry["Prefix"].removeprefix(folder)[:1].isdigit())]
            )
        if not newest:
            raise _unreadable(f"no report in {home}/{folder} yet")
        manifest = _manifest(await self._read(home, at, f"{newest}manifest.json"))
        if manifest["fileFormat"] != "CSV":
            raise _unreadable(f"the report is {manifest['fileFormat']}; enctop reads CSV")
        columns = [name.strip() for name in manifest["fileSchema"].split(",")]
        if "EncryptionStatus" not in columns:
            raise _unreadable("the report has no column EncryptionStatus")
        counts: Counter[str] = Counter()
        for key in manifest["files"]:
            packed = await self._read(home, at, key)
            counts += await in_thread(self.account.limits.whole, _count, packed, columns.index("EncryptionStatus"))
        made = _made(newest.removeprefix(folder).rstrip("/"))
        schedule = configuration.get("Schedule", {}).get("Frequency", "Daily")
        return {
            "At": f"{made.isoformat()}Z",
            "Schedule": schedule,
            "Counts": dict(sorted(counts.items())),
            "Rows": counts.total(),
        }

    async def _read(self, bucket: str, region: str, key: str) -> bytes:
        return bytes((await self.account.ask(GET_INVENTORY_REPORT, region, Bucket=bucket, Key=key))["Body"])

    def _resource(self, bucket: str, place: Place, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        arn = self.account.arn("s3", "", bucket, account="")
        links = (Link("bucket", arn),)
        return self.resource(
            id=f"{arn}#inventory",
            kind="inventory",
            type="aws.s3.inventory",
            name=bucket,
            fields=fields,
            region=place.region,
            links=links,
            faults=faults,
            tenant=place.tenant,
        )


def _spread(listed: Sequence[Mapping[str, Any]], wanted: int) -> list[Mapping[str, Any]]:
    """The first, the last, and what lies evenly between; the same each time, so that two snapshots can be compared."""
    if wanted <= 1:
        return list(listed[:wanted])
    return [listed[index * (len(listed) - 1) // (wanted - 1)] for index in range(wanted)]


def _manifest(body: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(body)
        files = [str(file["key"]) for file in manifest["files"]]
        return {"fileFormat": str(manifest["fileFormat"]), "fileSchema": str(manifest["fileSchema"]), "files": files}
    except (ValueError, KeyError, TypeError):
        raise _unreadable("manifest.json is not an inventory manifest") from None


def _made(folder: str) -> datetime:
    try:
        return datetime.strptime(folder, "%Y-%m-%dT%H-%MZ")
    except ValueError:
        raise _unreadable(f"{folder!r} is not the time of a report") from None


def _count(body: bytes, column: int) -> Counter[str]:
    """Rows of a gzipped CSV report by the value of a column. Raises `Refused` where it is not one, or unpacks to
    more than `MOST_UNPACKED`.
    """
    counts: Counter[str] = Counter()
    try:
        with gzip.open(io.BytesIO(body), "rt", encoding="utf-8", newline="") as lines:
            for row in csv.reader(_lines(lines)):
                counts[row[column]] += 1
                if len(counts) > MOST_WORDS:
                    raise _unreadable("its column EncryptionStatus holds anything")
    except (OSError, EOFError, zlib.error, IndexError, UnicodeDecodeError, csv.Error):
        raise _unreadable("a file of the report is not gzipped CSV") from None
    return counts


def _lines(text: Any) -> Iterator[str]:
    """Line by line, none of them longer than a row can be: a file of zeros is one line of gigabytes."""
    left = MOST_UNPACKED
    while line := text.readline(LONGEST_ROW):
        left -= len(line)
        if len(line) == LONGEST_ROW or left < 0:
            raise _unreadable("a file of the report unpacks to more than a report")
        yield line


def _unreadable(why: str) -> Refused:
    return Refused(Fault(FaultKind.ERROR, "UnreadableReport", GET_INVENTORY_REPORT.operation, why))
