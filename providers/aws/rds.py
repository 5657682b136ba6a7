"""RDS: instances, clusters and their snapshots; Aurora, Neptune and DocumentDB answer here too."""

from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import msgspec

from posture.fault import Fault, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Encryption, KeyClass, Link, Resource
from providers.asking import together
from providers.aws.calls import (
    DESCRIBE_DB_CLUSTER_SNAPSHOT_ATTRIBUTES,
    DESCRIBE_DB_CLUSTER_SNAPSHOTS,
    DESCRIBE_DB_CLUSTERS,
    DESCRIBE_DB_INSTANCES,
    DESCRIBE_DB_SNAPSHOT_ATTRIBUTES,
    DESCRIBE_DB_SNAPSHOTS,
    Call,
)
from providers.aws.ebs import under_key
from providers.aws.source import AwsSource, Rows, ill_typed
from providers.lane import lost
from providers.source import Yield

TOKEN = ("Marker", "Marker")
PAGE = 100
"""The most that RDS gives."""
AWS_OWNED = "sse-rds"
"""`StorageEncryptionType` of what is encrypted under a key that AWS owns: the flag beside it is false then."""
_TAGS = "TagList"
_COMMON = ("KmsKeyId", "StorageEncryptionType", "Engine", "EngineVersion", "AllocatedStorage", _TAGS)
_SHARED: Mapping[object, str] = {True: "PUBLIC", False: "no"}


class Listing(msgspec.Struct, frozen=True):
    """One listing of RDS: the call, the list in its answer, what a row is, and how it is shown.

    `flag` is the field that says whether it is encrypted; `shared` the call that tells with whom a snapshot is shared,
    with the parameter that names it.
    """

    call: Call
    answers: str
    type: str
    kind: str
    name: str
    arn: str
    flag: str
    kept: tuple[str, ...]
    cells: Callable[[Mapping[str, Any]], tuple[str, ...]]
    shared: Call | None = None


def _database(fields: Mapping[str, Any]) -> tuple[str, ...]:
    engine = f"{fields.get('Engine', '?')} {fields.get('EngineVersion', '')}".strip()
    return (
        engine,
        str(fields.get("DBClusterIdentifier") or "") if "DBInstanceIdentifier" in fields else "",
        _gib(fields),
    )


def _snapshot(fields: Mapping[str, Any]) -> tuple[str, ...]:
    of = fields.get("DBInstanceIdentifier") or fields.get("DBClusterIdentifier") or ""
    shared = _SHARED.get(fields.get("Public"), "?")
    return str(of), shared, _gib(fields)


def _gib(fields: Mapping[str, Any]) -> str:
    """Aurora and its kin grow by themselves, and say 1 or 0."""
    size = fields.get("AllocatedStorage")
    return f"{size} GiB" if isinstance(size, int) and size > 1 else ""


LISTINGS = (
    Listing(
        DESCRIBE_DB_INSTANCES,
        "DBInstances",
        "aws.rds.instance",
        "database",
        "DBInstanceIdentifier",
        "DBInstanceArn",
        "StorageEncrypted",
        (*_COMMON, "DBInstanceStatus", "DBClusterIdentifier", "PubliclyAccessible"),
        _database,
    ),
    Listing(
        DESCRIBE_DB_CLUSTERS,
        "DBClusters",
        "aws.rds.cluster",
        "database",
        "DBClusterIdentifier",
        "DBClusterArn",
        "StorageEncrypted",
        (*_COMMON, "Status"),
        _database,
    ),
    Listing(
        DESCRIBE_DB_SNAPSHOTS,
        "DBSnapshots",
        "aws.rds.snapshot",
        "snapshot",
        "DBSnapshotIdentifier",
        "DBSnapshotArn",
        "Encrypted",
        (*_COMMON, "SnapshotType", "DBInstanceIdentifier", "SnapshotCreateTime"),
        _snapshot,
        DESCRIBE_DB_SNAPSHOT_ATTRIBUTES,
    ),
    Listing(
        DESCRIBE_DB_CLUSTER_SNAPSHOTS,
        "DBClusterSnapshots",
        "aws.rds.cluster-snapshot",
        "snapshot",
        "DBClusterSnapshotIdentifier",
        "DBClusterSnapshotArn",
        "StorageEncrypted",
        (*_COMMON, "SnapshotType", "DBClusterIdentifier", "SnapshotCreateTime"),
        _snapshot,
        DESCRIBE_DB_CLUSTER_SNAPSHOT_ATTRIBUTES,
    ),
)


class Databases(AwsSource):
    """Databases of one account and region, and the snapshots of them that the account owns."""

    service = "rds"
    calls = tuple(call for each in LISTINGS for call in (each.call, each.shared) if call is not None)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Four listings, each on its own: one that is refused or lost leaves the others as they are."""
        self.seen.begin(self.id)
        refusals: list[Refused] = []
        whole = True
        for listing in LISTINGS:
            rows = Rows(listing.call, listing.arn, r"arn:[a-z-]+:rds:[!-~]+", {listing.flag: bool, "KmsKeyId": str})
            try:
                async for page in self.account.pages(
                    listing.call, self.region, listing.answers, TOKEN, MaxRecords=PAGE
                ):
                    for made in await together(self._made(listing, row) for row in rows.of(page, dict)):
                        for fault in made.faults.values():
                            yield ReadRefused(fault)
                        yield Batch((made,))
            except Refused as refused:
                if not lost(refused):
                    await self.account.confirm(refused)
                refusals.append(refused)
                if len(refusals) == len(LISTINGS):
                    raise
                yield ReadRefused(refused.fault)
                continue
            for bad in (rows.fault, rows.odd):
                if bad is not None:
                    yield ReadRefused(bad)
            if rows.fault is None:
                yield Complete((listing.type,))
            whole = whole and rows.fault is None
        if whole and not refusals:
            self.seen.listed(self.id)

    async def _made(self, listing: Listing, row: Mapping[str, Any]) -> Resource:
        fields = {name: row[name] for name in (listing.name, listing.arn, listing.flag, *listing.kept) if name in row}
        faults: dict[str, Fault] = {}
        if listing.shared is not None and _may_be_public(row, listing.flag):
            try:
                fields["Public"] = await self._public(listing.shared, listing.name, str(row.get(listing.name)))
            except Refused as refused:
                if lost(refused):
                    raise
                await self.account.confirm(refused)
                faults[listing.shared.operation] = refused.fault
        encryption, links = self._at_rest(fields, listing.flag)
        return self.resource(
            id=str(row[listing.arn]),
            kind=listing.kind,
            type=listing.type,
            name=str(row.get(listing.name) or row[listing.arn]),
            fields=fields,
            encryption=encryption,
            links=links,
            faults=faults,
            cells=listing.cells(fields),
            tenant=self.owner({"Tags": fields.get(_TAGS)}),
        )

    async def _public(self, call: Call, parameter: str, name: str) -> bool:
        """Whether anybody may restore a snapshot. Raises `Refused`."""
        answer = (await self.account.ask(call, self.region, **{parameter: name})).get(f"{call.name[8:]}Result")
        attributes = answer.get(f"{call.name[8:]}") if isinstance(answer, dict) else None
        named = {
            each.get("AttributeName"): each.get("AttributeValues", [])
            for each in (attributes if isinstance(attributes, list) else ())
            if isinstance(each, dict)
        }
        odd = ill_typed(call, {"restore": named.get("restore", "")}, {"restore": list})
        if odd is not None:
            raise Refused(odd)
        return "all" in named["restore"]

    def _at_rest(self, fields: Mapping[str, Any], flag: str) -> tuple[Encryption, tuple[Link, ...]]:
        if fields.get("StorageEncryptionType") == AWS_OWNED:
            return Encryption(True, "AES-256", KeyClass.PROVIDER), ()
        return under_key(self, fields.get(flag), fields.get("KmsKeyId"))


def _may_be_public(row: Mapping[str, Any], flag: str) -> bool:
    """An encrypted snapshot can be shared with named accounts only, an automated one with nobody (RDS API reference,
    ModifyDBSnapshotAttribute).
    """
    return row.get(flag) is not True and row.get("SnapshotType") != "automated"
