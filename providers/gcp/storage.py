"""Buckets: default key, what they enforce, whether they are public."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, Link, Resource
from providers.asking import each
from providers.gcp.calls import GET_BUCKET_IAM, HOSTS, LIST_BUCKETS
from providers.gcp.decode import Bucket, BucketPage, IamPolicy, Unread
from providers.gcp.faults import scope_fault
from providers.gcp.source import GOOGLE, GcpSource, last
from providers.source import Yield

BUCKET, DELETED = "gcp.storage.bucket", "gcp.storage.deleted-bucket"
AT_ONCE = 1000
"""Buckets whose tasks exist at the same time, a page of them; the lane lets fewer ask."""
GIVE_UP_AFTER = 3
"""Unreachable answers about single buckets after which no more are asked for in this poll."""
PUBLIC = ("allUsers", "allAuthenticatedUsers")


class DeletedBuckets(GcpSource):
    """Buckets that were deleted and can be restored: their objects are still there."""

    service = "deleted-buckets"
    calls = (LIST_BUCKETS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; a bucket that it could not reach leaves those known before as they were."""
        keys: set[str] = set()
        query = {
            "project": self.project.name,
            "projection": "noAcl",
            "softDeleted": "true",
            "returnPartialSuccess": "true",
        }
        unread: list[Unread] = []
        whole = True
        async for page in self.project.pages(LIST_BUCKETS, BucketPage, query, unread):
            faults = [
                scope_fault(LIST_BUCKETS, f"bucket {last(name)}", "UNREACHABLE") for name in page.unreachable or ()
            ]
            for fault in (*faults, *(bad.fault for bad in unread)):
                whole = False
                yield ReadRefused(fault)
            unread.clear()
            yield Batch(tuple(self._bucket(fields, keys) for fields in page.items or ()))
        self.seen.named[self.id] = keys if whole else keys | self.seen.named.get(self.id, set())
        if whole:
            yield Complete((DELETED,))

    def _bucket(self, fields: Bucket, keys: set[str]) -> Resource:
        fields.setdefault("encryption", None)
        encryption, links = GOOGLE, tuple[Link, ...]()
        key = (fields["encryption"] or {}).get("defaultKmsKeyName")
        if key:
            keys.add(key)
            encryption, links = self.under_kms(key)
        name = fields["name"]
        return self.resource(
            id=f"//{HOSTS['storage']}/projects/_/buckets/{name}#{fields.get('generation') or ''}",
            kind="bucket",
            type=DELETED,
            name=f"{name} (deleted)",
            region=str(fields.get("location") or "").lower(),
            fields=fields,
            encryption=encryption,
            links=links,
            cells=("Cloud KMS" if key else "Google",),
        )


class Buckets(GcpSource):
    """Every bucket of a project. The listing carries the encryption; only a bucket that does not prevent public
    access is asked for its IAM policy.
    """

    service = "storage"
    calls = (LIST_BUCKETS, GET_BUCKET_IAM)

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._known: dict[str, Resource] = {}
        self.names: dict[str, str] = {}
        """Bucket -> its tenant, for the sweep of objects."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """A bucket that the listing could not reach is reported as unreachable, with what was known of it."""
        keys: set[str] = set()
        here: dict[str, Resource] = {}
        silent: dict[str, Fault] = {}
        down: list[Fault] = []
        query = {"project": self.project.name, "projection": "noAcl", "returnPartialSuccess": "true"}
        unread: list[Unread] = []
        whole = True
        async for page in self.project.pages(LIST_BUCKETS, BucketPage, query, unread):
            for bad in unread:
                yield ReadRefused(bad.fault)
            whole = whole and all(bad.name for bad in unread)
            odd = [self._unread(bad.name, bad.fault, keys) for bad in unread if bad.name]
            unread.clear()
            for name in page.unreachable or ():
                bucket = name.rpartition("/")[2]
                silent[bucket] = scope_fault(LIST_BUCKETS, f"bucket {bucket}", "UNREACHABLE")
            made: list[Resource] = []
            async with aclosing(each((self._read(fields, down) for fields in page.items or ()), AT_ONCE)) as answers:
                async for read, faults in answers:
                    if read is None:
                        continue
                    for fault in faults.values():
                        yield ReadRefused(fault)
                    made.append(self._bucket(read, faults, keys))
            made += odd
            here.update((bucket.name, bucket) for bucket in made)
            yield Batch(tuple(made))
        for bucket, fault in silent.items():
            if bucket in here:
                continue
            yield ReadRefused(fault)
            here[bucket] = self._unread(bucket, fault, keys, self._known.get(bucket))
            yield Batch((here[bucket],))
        self._known = here
        self.names = {name: bucket.tenant for name, bucket in here.items()}
        self.seen.named[self.id] = keys
        if whole:
            yield Complete((BUCKET,))

    def _unread(self, name: str, fault: Fault, keys: set[str], known: Resource | None = None) -> Resource:
        """A bucket that could not be read, as it was known."""
        fields = known.fields if known is not None else {"name": name}
        return self._bucket(fields, {LIST_BUCKETS.operation: fault}, keys)

    async def _read(self, fields: Bucket, down: list[Fault]) -> tuple[dict[str, Any] | None, dict[str, Fault]]:
        """A bucket with its IAM policy, where that matters; None where it has gone meanwhile."""
        read: dict[str, Any] = {**fields}
        read.setdefault("encryption", None)  # the mask asks for it: what is not there is Google's key
        read.setdefault("iamConfiguration", None)
        if (read["iamConfiguration"] or {}).get("publicAccessPrevention") == "enforced":
            return read, {}
        if len(down) >= GIVE_UP_AFTER:
            fault = Fault(
                FaultKind.UNREACHABLE, "NotAsked", GET_BUCKET_IAM.operation, "storage did not answer for other buckets"
            )
            return read, {GET_BUCKET_IAM.operation: fault}
        try:
            policy = await self.project.ask(
                GET_BUCKET_IAM, IamPolicy, {"optionsRequestedPolicyVersion": 3}, bucket=fields["name"]
            )
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise  # nothing else will be answered either
            if refused.fault.code in {"notFound", "404"}:
                return None, {}
            if refused.fault.kind is FaultKind.UNREACHABLE:
                down.append(refused.fault)
            return read, {GET_BUCKET_IAM.operation: refused.fault}
        # Of the policy only who is public is kept: its members are people, and nobody needs them here.
        read["publicMembers"] = sorted(
            {
                f"{member} {line.get('role', '?')}"
                for line in policy.bindings or ()
                for member in line.get("members") or ()
                if member in PUBLIC
            }
        )
        return read, {}

    def _bucket(self, fields: Mapping[str, Any], faults: Mapping[str, Fault], keys: set[str]) -> Resource:
        name = fields["name"]
        links: tuple[Link, ...] = ()
        encryption = GOOGLE if "encryption" in fields else Encryption()
        key = (fields.get("encryption") or {}).get("defaultKmsKeyName")
        if key:
            keys.add(key)
            encryption, links = self.under_kms(key)
        words = "?" if "encryption" not in fields else "Cloud KMS" if key else "Google"
        return self.resource(
            id=f"//{HOSTS['storage']}/projects/_/buckets/{name}",
            kind="bucket",
            type=BUCKET,
            name=name,
            region=str(fields.get("location") or "").lower(),
            fields=fields,
            encryption=encryption,
            links=links,
            faults=faults,
            cells=(words,),
        )
