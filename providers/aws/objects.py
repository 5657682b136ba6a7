"""Stored objects, where the operator asks for it: headers of a sample, and S3 Inventory reports. Never the content of a tenant's object."""

import asyncio
import csv
import gzip
import io
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from posture.batch import Batch, Listed, Partly
from posture.fault import Fault, FaultKind, Refused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.aws.calls import (
    GET_INVENTORY_REPORT,
    HEAD_OBJECT,
    LIST_BUCKET_INVENTORY_CONFIGURATIONS,
    LIST_INVENTORY_REPORTS,
    LIST_OBJECTS_V2,
)
from providers.aws.ebs import key_arn
from providers.aws.place import AwsSource
from providers.source import Yield

FIELDS = ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled", "LastModified")
TOKEN = ("NextContinuationToken", "ContinuationToken")


class ObjectSample(AwsSource):
    """The encryption headers of a few objects a bucket: the oldest, the newest, and some between, of the first thousand listed."""

    service = "s3-objects"
    calls = (LIST_OBJECTS_V2, HEAD_OBJECT)

    async def poll(self) -> AsyncIterator[Yield]:
        """Bucket by bucket; a bucket that cannot be listed is told and left."""
        for bucket, region in sorted(self.seen.buckets.items()):
            try:
                page = await self.account.ask(LIST_OBJECTS_V2, region, Bucket=bucket, MaxKeys=1000)
            except Refused as refused:
                yield Partly(refused.fault)
                continue
            listed = sorted(page.get("Contents", []), key=lambda entry: (str(entry["LastModified"]), entry["Key"]))
            wanted = min(self.account.settings.object_sample, len(listed))
            heads = await asyncio.gather(*[self._head(bucket, region, entry["Key"]) for entry in _spread(listed, wanted)])
            read = sum(fields.get("StatusCode") in {200, 400} for fields, _ in heads)
            for _, faults in heads:
                for fault in faults.values():
                    yield Partly(fault)
            yield Batch.of(
                self._sample(bucket, region, {**fields, "SampleOf": [read, wanted]}, faults) for fields, faults in heads if fields.get("StatusCode") != 404
            )
        yield Listed(("aws.s3.object-sample",))

    async def _head(self, bucket: str, region: str, key: str) -> tuple[dict[str, Any], dict[str, Fault]]:
        """A HEAD has no body: of an error only the status is left, and 400 on a listed key is what SSE-C answers."""
        try:
            answer = await self.account.ask(HEAD_OBJECT, region, Bucket=bucket, Key=key)
        except Refused as refused:
            if refused.fault.code in {"400", "404"}:
                return {"Key": key, "StatusCode": int(refused.fault.code)}, {}
            return {"Key": key}, {HEAD_OBJECT.operation: refused.fault}
        return {"Key": key, "StatusCode": 200, **{name: answer[name] for name in FIELDS if name in answer}}, {}

    def _sample(self, bucket: str, region: str, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        algorithm, key = fields.get("ServerSideEncryption"), fields.get("SSEKMSKeyId")
        links: tuple[Link, ...] = (Link("bucket", self.account.arn("s3", "", bucket, account="")),)
        encryption = Encryption()
        if fields.get("StatusCode") == 200:
            arn = key_arn(self, str(key), region) if key else None
            key_class = KeyClass.NONE if algorithm is None else KeyClass.PROVIDER if algorithm == "AES256" else KeyClass.UNKNOWN
            encryption = Encryption(algorithm is not None, algorithm, key_class, arn)
            if arn:
                self.seen.arns.add(arn)
                links = (*links, Link("key", arn))
        elif fields.get("StatusCode") == 400:
            encryption = Encryption(True, None, KeyClass.SUPPLIED)
        name = f"{bucket}/{fields['Key']}"
        return self.resource(
            self.account.arn("s3", "", name, account=""),
            "object-sample",
            "aws.s3.object-sample",
            name,
            fields,
            region=region,
            encryption=encryption,
            links=links,
            faults=faults,
            tenant=self.seen.owners.get(bucket),
        )


class Inventory(AwsSource):
    """What S3 Inventory says of every object: the newest report of each bucket that has one, counted by encryption."""

    service = "s3-inventory"
    calls = (LIST_BUCKET_INVENTORY_CONFIGURATIONS, LIST_INVENTORY_REPORTS, GET_INVENTORY_REPORT)

    async def poll(self) -> AsyncIterator[Yield]:
        """Bucket by bucket; reports are read in their destination, never objects of the bucket itself."""
        for bucket, region in sorted(self.seen.buckets.items()):
            fields: dict[str, Any] = {}
            faults: dict[str, Fault] = {}
            try:
                answer = await self.account.ask(LIST_BUCKET_INVENTORY_CONFIGURATIONS, region, Bucket=bucket)
                fields["InventoryConfigurations"] = answer.get("InventoryConfigurationList", [])
                reporting = [one for one in fields["InventoryConfigurations"] if one.get("IsEnabled") and "EncryptionStatus" in one.get("OptionalFields", [])]
                if reporting:
                    fields["Report"] = await self._report(bucket, region, max(reporting, key=lambda one: one.get("IncludedObjectVersions") == "All"))
            except Refused as refused:
                faults[refused.fault.operation] = refused.fault
                yield Partly(refused.fault)
            yield Batch((self._inventory(bucket, region, fields, faults),))
        yield Listed(("aws.s3.inventory",))

    async def _report(self, bucket: str, region: str, configuration: Mapping[str, Any]) -> dict[str, Any]:
        """The newest report, counted. Raises `Refused` where there is none that can be read."""
        target = configuration["Destination"]["S3BucketDestination"]
        home = target["Bucket"].rpartition(":")[2]
        at = self.seen.buckets.get(home, region)
        folder = "/".join(filter(None, (target.get("Prefix", "").strip("/"), bucket, configuration["Id"]))) + "/"
        newest = ""
        async for page in self.account.pages(LIST_INVENTORY_REPORTS, at, "CommonPrefixes", TOKEN, Bucket=home, Prefix=folder, Delimiter="/"):
            newest = max([newest, *(entry["Prefix"] for entry in page if entry["Prefix"].removeprefix(folder)[:1].isdigit())])
        if not newest:
            raise _unreadable(f"no report in {home}/{folder} yet")
        manifest = _manifest(await self._read(home, at, f"{newest}manifest.json"))
        if manifest["fileFormat"] != "CSV":
            raise _unreadable(f"the report is {manifest['fileFormat']}; enctop reads CSV")
        column = [name.strip() for name in manifest["fileSchema"].split(",")].index("EncryptionStatus")
        counts: Counter[str] = Counter()
        for file in manifest["files"]:
            counts += await asyncio.to_thread(_count, await self._read(home, at, file["key"]), column)
        made = datetime.strptime(newest.removeprefix(folder).rstrip("/"), "%Y-%m-%dT%H-%MZ")
        schedule = configuration.get("Schedule", {}).get("Frequency", "Daily")
        return {"At": f"{made.isoformat()}Z", "Schedule": schedule, "Counts": dict(sorted(counts.items())), "Rows": counts.total()}

    async def _read(self, bucket: str, region: str, key: str) -> bytes:
        answer = await self.account.ask(GET_INVENTORY_REPORT, region, Bucket=bucket, Key=key)
        return bytes(await asyncio.to_thread(answer["Body"].read))

    def _inventory(self, bucket: str, region: str, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        arn = self.account.arn("s3", "", bucket, account="")
        links = (Link("bucket", arn),)
        return self.resource(
            f"{arn}#inventory", "inventory", "aws.s3.inventory", bucket, fields, region=region, links=links, faults=faults, tenant=self.seen.owners.get(bucket)
        )


def _spread(listed: Sequence[Mapping[str, Any]], wanted: int) -> list[Mapping[str, Any]]:
    """The first, the last, and what lies evenly between; the same each time, so that two snapshots can be compared."""
    if wanted <= 1:
        return list(listed[:wanted])
    return [listed[index * (len(listed) - 1) // (wanted - 1)] for index in range(wanted)]


def _manifest(body: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(body)
        return {"fileFormat": manifest["fileFormat"], "fileSchema": manifest["fileSchema"], "files": manifest["files"]}
    except (ValueError, KeyError, TypeError):
        raise _unreadable("manifest.json is not an inventory manifest") from None


def _count(body: bytes, column: int) -> Counter[str]:
    """Rows of a gzipped CSV report by the value of a column. Raises `Refused` where it is not one."""
    counts: Counter[str] = Counter()
    try:
        with gzip.open(io.BytesIO(body), "rt", encoding="utf-8", newline="") as lines:
            for row in csv.reader(lines):
                counts[row[column]] += 1
    except (OSError, EOFError, IndexError, UnicodeDecodeError, csv.Error):
        raise _unreadable("a file of the report is not gzipped CSV") from None
    return counts


def _unreadable(why: str) -> Refused:
    return Refused(Fault(FaultKind.ERROR, "UnreadableReport", GET_INVENTORY_REPORT.operation, why))
