"""S3 buckets: default encryption, policy, public access; each asked in its own region."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Any

from posture.batch import Batch, Listed, Partly
from posture.fault import Fault, FaultKind, Refused
from posture.resource import Encryption, KeyClass, Link, Resource
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
from providers.aws.place import AwsSource
from providers.source import Yield

TOKEN = ("ContinuationToken", "ContinuationToken")
PAGE = 1000
AT_ONCE = 400
"""Buckets whose tasks exist at the same time; the lane lets fewer ask."""
GIVE_UP_AFTER = 3
"""Unreachable answers from one region after which the rest of its buckets is not asked in this poll."""
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")

# What the service says when there is no such setting: an answer, not an error (CONTROLS.md 2.3).
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
        if self.tenancy.shared:
            self.permissions = tuple(sorted({*self.permissions, GET_BUCKET_TAGGING.permission}))

    async def poll(self) -> AsyncIterator[Yield]:
        """The account's own block first, then the listing, and three or four short reads of each bucket."""
        account = await self._account()
        for fault in account.faults.values():
            yield Partly(fault)
        yield Batch((account,))
        down: Counter[str] = Counter()
        here: dict[str, Resource] = {}
        async for page in self.account.pages(LIST_BUCKETS, self.account.home, "Buckets", TOKEN, MaxBuckets=PAGE):
            for first in range(0, len(page), AT_ONCE):
                tasks = [asyncio.create_task(self._bucket(entry, down)) for entry in page[first : first + AT_ONCE]]
                try:
                    for answer in asyncio.as_completed(tasks):
                        bucket = await answer
                        if bucket is None:
                            continue
                        here[bucket.name] = bucket
                        for fault in bucket.faults.values():
                            yield Partly(fault)
                        yield Batch((bucket,))
                finally:
                    for task in tasks:
                        task.cancel()
        self.seen.buckets = {name: bucket.region for name, bucket in here.items()}
        self.seen.owners = {name: bucket.tenant for name, bucket in here.items()}
        yield Listed(("aws.s3.bucket", "aws.account"))

    async def _account(self) -> Resource:
        fields: dict[str, Any] = {}
        faults: dict[str, Fault] = {}
        try:
            answer = await self.account.ask(GET_ACCOUNT_PUBLIC_ACCESS_BLOCK, self.account.home, AccountId=self.account.number)
            fields["PublicAccessBlockConfiguration"] = answer["PublicAccessBlockConfiguration"]
        except Refused as refused:
            if refused.fault.code in _NONE_SET:
                fields["PublicAccessBlockConfiguration"] = None
            else:
                faults[GET_ACCOUNT_PUBLIC_ACCESS_BLOCK.operation.replace("s3:Get", "s3:GetAccount")] = refused.fault
        return self.resource(
            f"aws://{self.account.number}",
            "account",
            "aws.account",
            self.account.number,
            fields,
            region="",
            faults=faults,
            cells=("",),
            tenant=self.tenancy.name,
        )

    async def _bucket(self, entry: Mapping[str, Any], down: Counter[str]) -> Resource | None:
        """One bucket, or None where it has gone meanwhile."""
        name = entry["Name"]
        read = _Read(self, name, down)
        read.region = str(entry.get("BucketRegion") or "")
        read.fields.update(Name=name, CreationDate=entry.get("CreationDate"))
        if not read.region:
            await read.locate()
        for call, field in (
            (GET_BUCKET_ENCRYPTION, "ServerSideEncryptionConfiguration"),
            (GET_BUCKET_POLICY, "Policy"),
            (GET_PUBLIC_ACCESS_BLOCK, "PublicAccessBlockConfiguration"),
        ):
            await read.ask(call, field)
        block = read.fields.get("PublicAccessBlockConfiguration") or {}
        if read.fields.get("Policy") and not all(block.get(name) for name in BLOCKS):
            await read.ask(GET_BUCKET_POLICY_STATUS, "PolicyStatus")
        if self.tenancy.shared:
            await read.ask(GET_BUCKET_TAGGING, "Tags")
            read.fields["Tags"] = (read.fields.get("Tags") or {}).get("TagSet", [])
        return None if read.gone else self._resource(read)

    def _resource(self, read: "_Read") -> Resource:
        fields = read.fields
        encryption, links = self._at_rest(fields, read.region)
        rules = (fields.get("ServerSideEncryptionConfiguration") or {}).get("Rules")
        default = "none" if rules == [] or fields.get("ServerSideEncryptionConfiguration", "") is None else (encryption.algorithm or "?")
        return self.resource(
            self.account.arn("s3", "", fields["Name"], account=""),
            "bucket",
            "aws.s3.bucket",
            fields["Name"],
            fields,
            region=read.region,
            encryption=encryption,
            links=(*links, Link("account", f"aws://{self.account.number}")),
            faults=read.faults,
            cells=(default, _tls_only(fields), _public(fields)),
        )

    def _at_rest(self, fields: dict[str, Any], region: str) -> tuple[Encryption, tuple[Link, ...]]:
        fields["BucketRegion"] = region
        if "ServerSideEncryptionConfiguration" not in fields:
            return Encryption(), ()
        rules = (fields["ServerSideEncryptionConfiguration"] or {}).get("Rules") or [{}]
        default = rules[0].get("ApplyServerSideEncryptionByDefault") or {}
        algorithm, key = default.get("SSEAlgorithm"), default.get("KMSMasterKeyID")
        if algorithm is None:
            return Encryption(False, None, KeyClass.NONE), ()
        if algorithm == "AES256":
            return Encryption(True, algorithm, KeyClass.PROVIDER), ()
        if not algorithm.startswith("aws:kms"):
            return Encryption(True, algorithm), ()
        arn = key_arn(self, key or "alias/aws/s3", region)
        self.seen.arns.add(arn)
        double = algorithm == "aws:kms:dsse"
        key_class = KeyClass.DOUBLE if double else KeyClass.UNKNOWN if key else KeyClass.PROVIDER_VISIBLE
        return Encryption(True, algorithm, key_class, arn), (Link("key", arn),)


class _Read:
    """The reads of one bucket: what was answered, and what was refused."""

    def __init__(self, source: AwsSource, bucket: str, down: Counter[str]) -> None:
        self._source = source
        self._bucket = bucket
        self._down = down
        self.region = ""
        self.fields: dict[str, Any] = {}
        self.faults: dict[str, Fault] = {}
        self.gone = False

    async def locate(self) -> None:
        """Ask where the bucket is; a listing with page size says it already."""
        try:
            answer = await self._source.account.ask(GET_BUCKET_LOCATION, self._source.account.home, Bucket=self._bucket)
        except Refused as refused:
            self._refused(GET_BUCKET_LOCATION, refused)
            self.region = self._source.account.home
            return
        self.region = {"": "us-east-1", "EU": "eu-west-1"}.get(answer.get("LocationConstraint") or "", answer.get("LocationConstraint") or "")

    async def ask(self, call: Call, field: str) -> None:
        """Read one setting into the fields; None where the service says there is none."""
        if self.gone:
            return
        if self._down[self.region] >= GIVE_UP_AFTER:
            self.faults[call.operation] = Fault(FaultKind.UNREACHABLE, "NotAsked", call.operation, f"S3 in {self.region} did not answer for other buckets")
            return
        try:
            self.fields[field] = await self._source.account.read_bucket(call, self._bucket, self.region)
        except Refused as refused:
            if refused.fault.code in _NONE_SET:
                self.fields[field] = None
            else:
                self._refused(call, refused)

    def _refused(self, call: Call, refused: Refused) -> None:
        if refused.fault.kind is FaultKind.EXPIRED:
            raise refused  # nothing else will be answered either
        if refused.fault.kind is FaultKind.UNREACHABLE:
            self._down[self.region] += 1
        self.gone = self.gone or refused.fault.code in _GONE
        self.faults[call.operation] = refused.fault


def _tls_only(fields: Mapping[str, Any]) -> str:
    """A hint for the table; the control reads the policy in full."""
    if "Policy" not in fields:
        return "?"
    return "policy" if "aws:SecureTransport" in (fields["Policy"] or "") else "no"


def _public(fields: Mapping[str, Any]) -> str:
    if (fields.get("PolicyStatus") or {}).get("IsPublic"):
        return "PUBLIC"
    block = fields.get("PublicAccessBlockConfiguration", "")
    if block == "":
        return "?"
    return "blocked" if block and all(block.get(name) for name in BLOCKS) else "open"
