"""S3 buckets: default encryption, policy, public access; each asked in its own region."""

import contextlib
import re
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import msgspec

from posture.clock import Seconds
from posture.fault import Fault, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused, Report
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import each_again
from providers.aws.calls import (
    GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
    GET_BUCKET_ENCRYPTION,
    GET_BUCKET_LOCATION,
    GET_BUCKET_POLICY,
    GET_BUCKET_POLICY_STATUS,
    GET_BUCKET_TAGGING,
    GET_PUBLIC_ACCESS_BLOCK,
    LIST_BUCKETS,
    Call,
)
from providers.aws.ebs import key_arn
from providers.aws.source import AwsSource, Place, Rows, ill_typed
from providers.lane import lost
from providers.reading import Reading
from providers.source import Yield

TOKEN = ("ContinuationToken", "ContinuationToken")
PAGE = 1000
NAME = r"[A-Za-z0-9._-]{3,255}"
"""What a bucket may be called, before 2018 too; nothing else may stand in a URL or before a host."""
_REGION = re.compile(r"[a-z0-9-]{1,40}")
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

# What the service says when there is no such setting: an answer, not an error.
_NONE_SET = {
    "ServerSideEncryptionConfigurationNotFoundError",
    "NoSuchBucketPolicy",
    "NoSuchPublicAccessBlockConfiguration",
    "NoSuchTagSet",
}
_GONE = {"NoSuchBucket"}


class Buckets(AwsSource):
    """Every bucket of an account."""

    service = "s3"
    calls = (
        LIST_BUCKETS,
        GET_BUCKET_LOCATION,
        GET_BUCKET_ENCRYPTION,
        GET_BUCKET_POLICY,
        GET_PUBLIC_ACCESS_BLOCK,
        GET_BUCKET_POLICY_STATUS,
        GET_ACCOUNT_PUBLIC_ACCESS_BLOCK,
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._waiting: dict[str, Mapping[str, Any]] = {}
        """Buckets that the listing has named and this poll has not read yet."""
        if self.tenancy.shared:
            self.permissions = tuple(sorted({*self.permissions, GET_BUCKET_TAGGING.permission}))

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The account's own block, the listing, and three or four short reads of each bucket."""
        started, (account, unseen) = time.monotonic(), await self._account()
        told = False
        self.seen.begin(self.id)
        self._waiting.clear()
        here: dict[str, Place] = {}
        unread: list[_Read] = []
        rows = Rows(LIST_BUCKETS, "Name", NAME)
        async for page in self.account.pages(LIST_BUCKETS, self.account.home, "Buckets", TOKEN, MaxBuckets=PAGE):
            if not told:  # only now: S3 that is not there must not look as if it had answered in part
                told = True
                for fault in account.faults.values():
                    yield ReadRefused(fault)
                yield NotRead((account,)) if unseen else Batch((account,))
            self._waiting.update(_named(page))
            async with contextlib.aclosing(self._page(rows.of(page, dict), started, here, unread)) as reports:
                async for report in reports:
                    yield report
        known, answered, silence = self.seen.buckets or {}, bool(here), None
        self._waiting.clear()
        for read in unread:
            bucket, silence = self._resource(read), self._silence(read, started)
            here[bucket.name] = known.get(bucket.name) or Place(bucket.region, bucket.tenant)
            for fault in bucket.faults.values():
                yield ReadRefused(fault)
            # a fault of its region and not of this bucket
            yield Batch((bucket,)) if silence is None else NotRead((bucket,))
        self.seen.buckets = here
        if silence is not None and not answered:
            raise silence
        if rows.fault is not None:
            yield ReadRefused(rows.fault)
            return
        if not unread:  # what stays as it was seen last still names its key
            self.seen.listed(self.id)
        yield Complete(("aws.s3.bucket", "aws.account"))

    async def _page(
        self, listed: Iterable[dict[str, Any]], started: Seconds, here: dict[str, Place], unread: "list[_Read]"
    ) -> AsyncGenerator[Yield, None]:
        """The buckets of one page of the listing; those that did not answer go to `unread`."""
        ask = partial(self._bucket, started=started)
        async with contextlib.aclosing(each_again(listed, ask, lambda read: read.lost)) as reads:
            async for read in reads:
                if read.lost:
                    unread.append(read)
                    continue
                self._waiting.pop(str(read.fields.get("Name")), None)
                if not read.gone:
                    bucket = self._resource(read)
                    here[bucket.name] = Place(bucket.region, bucket.tenant)
                    for fault in _unread(bucket, read.fields):
                        yield ReadRefused(fault)
                    yield Batch((bucket,))

    def unasked(self, fault: Fault) -> Iterator[Report]:
        """The buckets that are known by name alone: UNKNOWN with the reason why they were not read."""
        for name, entry in self._waiting.items():
            read = _Read(self, name, 0.0)
            read.region = str(entry.get("BucketRegion") or "")
            read.fields.update(Name=name, CreationDate=entry.get("CreationDate"))
            for call in (GET_BUCKET_ENCRYPTION, GET_BUCKET_POLICY, GET_PUBLIC_ACCESS_BLOCK, GET_BUCKET_POLICY_STATUS):
                read.faults[call.operation] = msgspec.structs.replace(fault, operation=call.operation)
            yield NotRead((self._resource(read),))

    def _silence(self, read: "_Read", started: Seconds) -> Refused | None:
        """The refusal, where nobody answers any more in a bucket's region."""
        return self.account.lane(GET_BUCKET_ENCRYPTION, read.region).silent_since(started)

    async def _account(self) -> tuple[Resource, bool]:
        """The account, and whether its setting got no answer at all."""
        unseen = False
        fields: dict[str, Any] = {}
        faults: dict[str, Fault] = {}
        try:
            answer = await self.account.ask(
                GET_ACCOUNT_PUBLIC_ACCESS_BLOCK, self.account.home, AccountId=self.account.number
            )
            if "PublicAccessBlockConfiguration" in answer:
                fields["PublicAccessBlockConfiguration"] = answer["PublicAccessBlockConfiguration"]
        except Refused as refused:
            if refused.fault.code in _NONE_SET:
                fields["PublicAccessBlockConfiguration"] = None
            else:
                await self.account.confirm(refused)
                unseen = lost(refused)
                faults[GET_ACCOUNT_PUBLIC_ACCESS_BLOCK.operation.replace("s3:Get", "s3:GetAccount")] = refused.fault
        number, tenant = self.account.number, self.tenancy.name
        return self.resource(
            id=f"aws://{number}",
            kind="account",
            type="aws.account",
            name=number,
            fields=fields,
            region="",
            faults=faults,
            cells=("",),
            tenant=tenant,
        ), unseen

    async def _bucket(self, entry: Mapping[str, Any], started: Seconds) -> "_Read":
        """All that is asked of one bucket."""
        name = entry["Name"]
        read = _Read(self, name, started)
        read.region = str(entry.get("BucketRegion") or "")
        read.fields.update(Name=name, CreationDate=entry.get("CreationDate"))
        if not _REGION.fullmatch(read.region):
            await read.locate()
        for call, field in (
            (GET_BUCKET_ENCRYPTION, "ServerSideEncryptionConfiguration"),
            (GET_BUCKET_POLICY, "Policy"),
            (GET_PUBLIC_ACCESS_BLOCK, "PublicAccessBlockConfiguration"),
        ):
            await read.ask(call, field)
        block = read.fields.get("PublicAccessBlockConfiguration") or {}
        if read.fields.get("Policy") and not all(block.get(name) is True for name in BLOCKS):
            await read.ask(GET_BUCKET_POLICY_STATUS, "PolicyStatus")
        if self.tenancy.shared:
            await read.ask(GET_BUCKET_TAGGING, "Tags")
            read.fields["Tags"] = (read.fields.get("Tags") or {}).get("TagSet", [])
        return read

    def _resource(self, read: "_Read") -> Resource:
        fields = read.fields
        encryption, links = self._at_rest(fields, read.region)
        rules = (fields.get("ServerSideEncryptionConfiguration") or {}).get("Rules")
        before = (self.seen.buckets or {}).get(fields["Name"]) if GET_BUCKET_TAGGING.operation in read.faults else None
        default = (
            "none"
            if rules == [] or fields.get("ServerSideEncryptionConfiguration", "") is None
            else (encryption.algorithm or "?")
        )
        arn = self.account.arn("s3", "", fields["Name"], account="")
        return self.resource(
            id=arn,
            kind="bucket",
            type="aws.s3.bucket",
            name=fields["Name"],
            fields=fields,
            region=read.region,
            encryption=encryption,
            links=(*links, Link("account", f"aws://{self.account.number}")),
            faults=read.faults,
            cells=(default,),
            # a refusal to tell the tags does not take it from its tenant
            tenant=before.tenant if before else self.owner(fields),
        )

    def _at_rest(self, fields: dict[str, Any], region: str) -> tuple[Encryption, tuple[Link, ...]]:
        fields["BucketRegion"] = region
        configuration = fields.get("ServerSideEncryptionConfiguration", {})
        if configuration is not None and "Rules" not in configuration:
            return Encryption(), ()
        rules = (configuration or {}).get("Rules") or [{}]
        default = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
        algorithm, key = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
        if algorithm is None:
            return Encryption(False, None, KeyClass.NONE), ()
        if algorithm == "AES256":
            return Encryption(True, algorithm, KeyClass.PROVIDER), ()
        if not algorithm.startswith("aws:kms"):
            return Encryption(True, algorithm), ()
        arn = key_arn(self, key or "alias/aws/s3", region)
        double = algorithm == "aws:kms:dsse"
        key_class = KeyClass.DOUBLE if double else KeyClass.UNKNOWN if key else KeyClass.PROVIDER_VISIBLE
        if arn is None:
            return Encryption(True, algorithm, key_class), ()
        self.seen.name(self.id, arn)
        return Encryption(True, algorithm, key_class, arn), (Link("key", arn),)


class _Read(Reading):
    """The reads of one bucket: what was answered, and what was refused."""

    def __init__(self, source: AwsSource, bucket: str, started: Seconds) -> None:
        super().__init__()
        self._source = source
        self._bucket = bucket
        self._started = started
        self.region = ""
        self.gone = False

    async def locate(self) -> None:
        """Ask where the bucket is; a listing with page size says it already."""
        try:
            answer = await self._source.account.ask(GET_BUCKET_LOCATION, self._source.account.home, Bucket=self._bucket)
        except Refused as refused:
            await self._refused(GET_BUCKET_LOCATION, refused)
            self.region = self._source.account.home
            return
        told = str(answer.get("LocationConstraint") or "")
        self.region = {"": "us-east-1", "EU": "eu-west-1"}.get(
            told, told if _REGION.fullmatch(told) else self._source.account.home
        )

    async def ask(self, call: Call, field: str) -> None:
        """Read one setting into the fields; None where the service says there is none."""
        if self.gone:
            return
        silence = self._source.account.lane(call, self.region).silent_since(self._started)
        if silence is not None:
            message = f"not asked: S3 in {self.region} does not answer"
            self.lost, self.faults[call.operation] = (
                True,
                msgspec.structs.replace(silence.fault, operation=call.operation, message=message),
            )
            return
        try:
            self.fields[field] = await self._source.account.read_bucket(call, self._bucket, self.region)
        except Refused as refused:
            if refused.fault.code in _NONE_SET:
                self.fields[field] = None
            else:
                await self._refused(call, refused)

    async def _refused(self, call: Call, refused: Refused) -> None:
        await self._source.account.confirm(refused)
        self.gone = self.gone or refused.fault.code in _GONE
        self.lost = self.lost or lost(refused)
        self.faults[call.operation] = msgspec.structs.replace(refused.fault, operation=call.operation)


def _named(page: Iterable[Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for entry in page:
        if isinstance(entry, dict) and isinstance(entry.get("Name"), str):
            yield entry["Name"], entry


def _unread(bucket: Resource, fields: Mapping[str, Any]) -> Iterator[Fault]:
    """What was refused of a bucket, and what was answered in another shape than S3 documents."""
    yield from bucket.faults.values()
    block = fields.get("PublicAccessBlockConfiguration")
    if isinstance(block, dict) and (odd := ill_typed(GET_PUBLIC_ACCESS_BLOCK, block, dict.fromkeys(BLOCKS, bool))):
        yield odd
