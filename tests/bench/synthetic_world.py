"""A made-up world of rows, findings, sources and roll-ups, for the synthetic collector."""

import random
import time
from collections.abc import Iterator
from functools import partial

import msgspec

from posture.clock import rfc3339
from posture.fault import Fault, FaultKind
from posture.resource import Encryption, KeyClass, Link, Resource
from posture.rows import KEY_CLASSES, FindingRow, Place, Row
from posture.source import COLD, LIVE, Source, State
from posture.verdict import EvidenceClass, Excepted, Finding, Severity, Status
from providers.collector.frames import (
    ROWS_A_FRAME,
    Detail,
    Findings,
    Frame,
    Hello,
    Judged,
    Linked,
    Places,
    Rollups,
    Rows,
    Settled,
    Sources,
    TenantRollup,
)

TENANTS = {"acme": "111122223333", "globex": "444455556666", "initech": "777788889999"}


REGIONS = ("us-east-1", "eu-west-1", "ap-southeast-2")


SERVICES = {
    "volume": "ebs",
    "snapshot": "ebs-snapshots",
    "bucket": "s3",
    "key": "kms",
    "account": "ec2-defaults",
    "workload": "ec2-templates",
}


TYPES = {
    "volume": "aws.ebs.volume",
    "snapshot": "aws.ebs.snapshot",
    "bucket": "aws.s3.bucket",
    "key": "aws.kms.key",
    "account": "aws.region",
}


SHARE = (("volume", 0.72), ("snapshot", 0.2), ("bucket", 0.05), ("key", 0.03))


APPS = ("pg-data", "redis", "kafka-log", "elastic", "etcd", "minio", "argo", "scratch", "clickhouse", "prometheus")


WORDS = {
    "volume": ("aws.ebs.volume-encrypted", "Encrypted is false", Severity.CRITICAL),
    "snapshot": ("aws.ebs.snapshot-encrypted", "Encrypted is false", Severity.HIGH),
    "bucket": ("aws.s3.tls-only", "no statement denies aws:SecureTransport=false", Severity.HIGH),
    "key": ("aws.kms.rotation", "rotation is off", Severity.MEDIUM),
    "account": ("aws.ebs.default-encryption", "EbsEncryptionByDefault is false", Severity.HIGH),
    "lease": ("vault.lease.irrevocable", "Vault gave up revoking it", Severity.HIGH),
    "workload": ("aws.ec2.template-encrypted", "a mapping sets Encrypted to false", Severity.HIGH),
}


DENIED = Fault(
    FaultKind.DENIED, "AccessDeniedException", "kms:DescribeKey", "User is not authorized", "kms:DescribeKey"
)

_quiet = partial(Row, status=Status.PASS, severity=Severity.INFO, key_class=-1, key="", reason="", users=0)
"""A row that passes and that nothing uses."""


class World:
    """Rows, findings, sources and roll-ups of a made-up world; the same for the same `rows` and `seed`."""

    def __init__(self, rows: int, seed: int = 7, denied: bool = True, most: str = "volume") -> None:
        self.most = most
        """The kind of most rows: leases instead of volumes, where those are asked for."""
        self.random = random.Random(seed)
        self.now = time.time()
        self.places: list[Place] = []
        self.numbers: dict[tuple[str, str, str], int] = {}
        self.denied = denied
        for tenant, account in TENANTS.items():
            for region in REGIONS:
                for kind, service in (SERVICES | ({"lease": "leases"} if most == "lease" else {})).items():
                    self.numbers[kind, tenant, region] = len(self.places)
                    kind_type = TYPES.get(kind, "aws.ec2.launch-template")
                    self.places.append(
                        Place(
                            kind,
                            kind_type,
                            tenant,
                            "aws",
                            account,
                            region,
                            f"{tenant}/aws/{account}/{region}/{service}",
                        )
                    )
        self.rows: dict[str, Row] = {row.id: row for row in self._make(rows)}
        self.ids = list(self.rows)

    def _make(self, total: int) -> Iterator[Row]:
        kinds = [(kind, int(total * share)) for kind, share in SHARE]
        kinds[0] = (self.most, total - sum(many for _, many in kinds[1:]))
        for kind, many in kinds:
            for number in range(many):
                tenant = self.random.choice(list(TENANTS))
                region = self.random.choice(REGIONS)
                yield self._row(kind, tenant, region, number)
        for tenant, account in TENANTS.items():
            for region in REGIONS:
                place = self.numbers["account", tenant, region]
                yield self._judge(
                    _quiet(
                        id=f"aws://{account}/{region}",
                        place=place,
                        name=f"{account}/{region}",
                        since=self.now - 9e5,
                        cells=("on",),
                    )
                )
                place = self.numbers["workload", tenant, region]
                arn = f"arn:aws:ec2:{region}:{account}:launch-template/lt-{len(region):08x}"
                yield self._judge(
                    _quiet(id=arn, place=place, name="nodes", since=self.now - 9e5, cells=("2 of 2 encrypted",))
                )

    def _lease(self, tenant: str, region: str, number: int) -> Row:
        issued = self.now - self.random.randrange(1, 7200)
        ends, path = issued + self.random.choice((7300, 14_400, 86_400)), f"database/creds/{self.random.choice(APPS)}"
        name = f"{path}#{self.random.getrandbits(48):012x}"
        cells = ("database/", path.rpartition("/")[2], rfc3339(issued), "", "yes", "")
        return self._judge(
            _quiet(
                id=f"vault://v:8200/leases/{name}",
                place=self.numbers["lease", tenant, region],
                name=name,
                since=issued,
                cells=cells,
                expires=ends,
            )
        )

    def _row(self, kind: str, tenant: str, region: str, number: int) -> Row:
        if kind == "lease":
            return self._lease(tenant, region, number)
        serial = f"{self.random.getrandbits(68):017x}"
        app = f"{self.random.choice(APPS)}-{number % 977}"
        key_class = KEY_CLASSES.index(
            self.random.choice((KeyClass.PROVIDER, KeyClass.PROVIDER_VISIBLE, KeyClass.CUSTOMER))
        )
        key = ("", "aws/ebs", "alias/data", f"alias/{tenant}-data")[key_class] if key_class < 4 else ""
        arn, name, cells = self._named(kind, tenant, region, number, serial, app)
        row = _quiet(
            id=arn,
            place=self.numbers[kind, tenant, region],
            name=name,
            since=self.now - 86400 * 30,
            cells=cells,
            key_class=-1 if kind == "key" else key_class,
            key=key,
        )
        return self._judge(row)

    def _named(
        self, kind: str, tenant: str, region: str, number: int, serial: str, app: str
    ) -> tuple[str, str, tuple[str, ...]]:
        """ARN, name and cells."""
        account = TENANTS[tenant]
        named: dict[str, tuple[str, str, tuple[str, ...]]] = {
            "volume": (
                f"arn:aws:ec2:{region}:{account}:volume/vol-{serial}",
                app,
                (f"i-{serial[:8]}", f"{8 << number % 9} GiB"),
            ),
            "snapshot": (
                f"arn:aws:ec2:{region}::snapshot/snap-{serial}",
                app,
                (f"vol-{serial[:8]}", "private", f"{8 << number % 9} GiB"),
            ),
            "bucket": (
                f"arn:aws:s3:::{tenant}-{app}-{number}",
                f"{tenant}-{app}-{number}",
                ("AES256", "yes", "blocked"),
            ),
            "key": (
                f"arn:aws:kms:{region}:{account}:key/{serial[:8]}-{serial[8:12]}-4000-8000-{serial}",
                f"alias/{app}",
                ("CUSTOMER", "Enabled", "365 d"),
            ),
        }
        return named[kind]

    def _judge(self, row: Row) -> Row:
        place = self.places[row.place]
        draw = self.random.random()
        _, reason, severity = WORDS[place.kind]
        fields: dict[str, object] = {"users": self.random.randrange(4000) if place.kind == "key" else 0}
        if self.denied and place.tenant == "globex" and place.kind == "key":
            fields |= {"status": Status.UNKNOWN, "severity": Severity.MEDIUM, "reason": str(DENIED)}
        elif draw < 0.004:
            fields |= {
                "status": Status.FAIL,
                "severity": severity,
                "reason": reason,
                "since": self.now - self.random.randrange(90_000),
            }
            if place.kind == "volume":
                fields |= {"key_class": KEY_CLASSES.index(KeyClass.NONE), "key": ""}
        elif draw < 0.006:
            fields |= {
                "status": Status.UNKNOWN,
                "severity": severity,
                "reason": "DescribeVolumes answered without Encrypted",
            }
        elif draw < 0.02:
            fields |= {
                "status": Status.WARN,
                "severity": Severity.LOW,
                "reason": "the key is named by an alias, which can be pointed elsewhere",
            }
        else:
            fields |= {"status": Status.PASS, "severity": Severity.INFO, "reason": "as promised"}
        return msgspec.structs.replace(row, **fields)

    def finding(self, row: Row) -> FindingRow | None:
        """The finding row of a resource that is not as promised."""
        if row.status >= Status.PASS:
            return None
        control = WORDS[self.places[row.place].kind][0]
        until = "2027-01-31" if row.status == Status.WARN and row.name.startswith("scratch") else ""
        return FindingRow(
            control=control,
            resource=row.id,
            place=row.place,
            name=row.name,
            status=row.status,
            severity=row.severity,
            reason=row.reason,
            since=row.since,
            excepted_until=until,
        )

    def sources(self) -> list[Source]:
        """One for each place: most answered seconds ago, one tenant's keys are denied, one region is stale."""
        made: list[Source] = []
        for place in self.places:
            rank = len(made)
            ok = Source(
                place.source,
                place.tenant,
                "aws",
                f"{place.scope}/{place.region}",
                place.source.rpartition("/")[2],
                LIVE,
                State.OK,
            )
            ok = msgspec.structs.replace(
                ok,
                last_success=self.now - rank % 40,
                last_attempt=self.now,
                calls=1 + rank % 30,
                seconds=0.2 + rank % 7 / 5,
            )
            if self.denied and place.tenant == "globex" and place.kind == "key":
                ok = msgspec.structs.replace(
                    ok, state=State.DENIED, last_success=None, fault=DENIED, permissions=("kms:DescribeKey",)
                )
            elif self.denied and place.tenant == "initech" and place.kind == "snapshot":
                fault = Fault(
                    FaultKind.THROTTLED, "RequestLimitExceeded", "ec2:DescribeSnapshots", "Request limit exceeded."
                )
                ok = msgspec.structs.replace(ok, state=State.THROTTLED, last_success=self.now - 900, fault=fault)
            elif place.kind == "account":
                ok = msgspec.structs.replace(ok, cadence=COLD)
            made.append(ok)
        return made

    def rollups(self) -> Rollups:
        """Counts by tenant."""
        counts = {tenant: [0] * 5 for tenant in TENANTS}
        for row in self.rows.values():
            counts[self.places[row.place].tenant][row.status] += 1
        made = []
        for tenant, by in counts.items():
            resources = (by[0], by[1], by[2], by[3], by[4])
            status = next((status for status in range(4) if by[status]), 4)
            made.append(TenantRollup(tenant, status, resources, (by[0], by[1], by[2], by[3] * 2, by[4])))
        return Rollups(tuple(made))

    def frames(self) -> Iterator[Frame]:
        """All of it, in the order a collector sends it."""
        yield Hello("0.1.0", tuple(TENANTS), True, self.now)
        yield Places(0, tuple(self.places))
        yield Sources(tuple(self.sources()))
        rows = list(self.rows.values())
        for start in range(0, len(rows), ROWS_A_FRAME):
            yield Rows(tuple(rows[start : start + ROWS_A_FRAME]))
        findings = [finding for row in rows if (finding := self.finding(row))]
        for start in range(0, len(findings), ROWS_A_FRAME):
            yield Findings(tuple(findings[start : start + ROWS_A_FRAME]))
        yield self.rollups()
        yield Settled()

    def changes(self, many: int) -> Iterator[Frame]:
        """Some resources judged anew."""
        ids = [key for key in self.random.choices(self.ids, k=many) if key in self.rows]
        changed = []
        gone: list[tuple[str, str]] = []
        for key in dict.fromkeys(ids):
            row = self._judge(msgspec.structs.replace(self.rows[key], since=time.time()))
            if self.rows[key].status < Status.PASS <= row.status:
                gone.append((WORDS[self.places[row.place].kind][0], key))
            self.rows[key] = row
            changed.append(row)
        yield Rows(tuple(changed))
        yield Findings(tuple(finding for row in changed if (finding := self.finding(row))), tuple(gone))

    def detail(self, key: str) -> Detail:
        """What `Open` is answered with."""
        row = self.rows.get(key)
        if row is None:
            return Detail(key, None, Status.NOT_APPLICABLE, None, (), (), (), 0)
        place = self.places[row.place]
        keys = [
            other
            for other in self.rows.values()
            if self.places[other.place].kind == "key" and self.places[other.place].tenant == place.tenant
        ][:1]
        links = [Link("region", f"aws://{place.scope}/{place.region}")] + [
            Link("key", other.id) for other in keys if place.kind != "key"
        ]
        users = (
            [other for other in list(self.rows.values())[:5000] if self.places[other.place].tenant == place.tenant][
                :100
            ]
            if place.kind == "key"
            else []
        )
        encryption = Encryption(row.status != Status.FAIL, "AES-256", KEY_CLASSES[max(0, row.key_class)], links[-1].to)
        resource = self._resource(row, place, encryption, links)
        return Detail(
            key,
            resource,
            row.status,
            self.now - 12,
            tuple(self._judged(row)),
            tuple(self._linked(link.rel, link.to) for link in links),
            tuple(self._linked("uses", other.id) for other in users),
            row.users or len(users),
        )

    def _resource(self, row: Row, place: Place, encryption: Encryption, links: list[Link]) -> Resource:
        fields = {
            "VolumeId": row.id.rpartition("/")[2],
            "Encrypted": row.status != Status.FAIL,
            "State": "in-use",
            "Size": 100,
            "Tags": [{"Key": "app", "Value": row.name}],
        }
        return Resource(
            id=row.id,
            kind=place.kind,
            type=place.type,
            name=row.name,
            tenant=place.tenant,
            provider="aws",
            scope=place.scope,
            region=place.region,
            source=place.source,
            encryption=encryption,
            fields=fields,
            links=tuple(links),
            cells=row.cells,
        )

    def _judged(self, row: Row) -> Iterator[Judged]:
        place = self.places[row.place]
        control, _, severity = WORDS[place.kind]
        fault = DENIED if row.status == Status.UNKNOWN else None
        excepted = (
            Excepted("2027-01-31", "scratch volume, no tenant data", "j.doe") if row.status == Status.WARN else None
        )
        evidence = {
            "ec2:DescribeVolumes.Encrypted": row.status != Status.FAIL,
            "ec2:DescribeVolumes.KmsKeyId": row.key or None,
        }
        finding = Finding(
            control=control,
            resource=row.id,
            tenant=place.tenant,
            status=Status(row.status),
            severity=severity,
            evidence_class=EvidenceClass.OBSERVED,
            reason=row.reason,
            evidence=evidence,
            since=row.since,
            fault=fault,
            exception=excepted,
        )
        promise = ("S04", "All the EBS (Elastic Block Storage) launched by Atlan is encrypted.")
        remedy = (
            f"aws ec2 copy-snapshot --encrypted --source-region {place.region} --source-snapshot-id"
            f" SNAPSHOT-OF-{row.name}"
        )
        yield Judged(
            finding, "Volume is encrypted at rest", (promise,), remedy, {"nist-800-53r5": "SC-28", "soc2": "CC6.1"}
        )
        yield self._second(row, place)

    def _second(self, row: Row, place: Place) -> Judged:
        other = Finding(
            control="aws.ebs.key-policy",
            resource=row.id,
            tenant=place.tenant,
            status=Status.PASS,
            severity=Severity.HIGH,
            evidence_class=EvidenceClass.OBSERVED,
            reason="key class is provider",
            evidence={},
            since=row.since,
        )
        return Judged(
            other,
            "Key class equals the tenant's policy",
            (("S15", "encrypted at rest by the cloud provider-managed keys"),),
            "",
            {},
        )

    def _linked(self, rel: str, key: str) -> Linked:
        row = self.rows.get(key)
        return Linked(
            rel, key, row.name if row else key, self.places[row.place].kind if row else "", row.status if row else None
        )
