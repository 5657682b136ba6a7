"""Snapshots made by hand, and random pairs of them for the laws of a diff."""

from collections.abc import Sequence
from random import Random
from typing import Any, get_args

import msgspec
from hypothesis import strategies as st

from posture.fault import Fault, FaultKind
from posture.resource import KeyClass
from posture.snapshot import (
    EncryptionEntry,
    FindingEntry,
    ResourceEntry,
    Scope,
    Snapshot,
    SourceEntry,
    StateWord,
    Summary,
    Tool,
)
from posture.verdict import Excepted, StatusWord

THEN, LATER = "2026-11-27T03:10:00Z", "2026-11-28T03:10:00Z"
EBS = "acme/aws/1/ebs"
CONTROL = "aws.ebs.volume-encrypted"
EXCEPTED = Excepted("2027-01-31", "scratch", "j.doe")
DENIED = Fault(FaultKind.DENIED, "AccessDenied", "kms:DescribeKey")


def snapshot(
    resources: Sequence[ResourceEntry] = (),
    findings: Sequence[FindingEntry] = (),
    sources: Sequence[SourceEntry] | None = None,
    *,
    at: str = THEN,
    version: str = "1",
    tenants: Sequence[str] = ("acme", "beta"),
    query: str | None = None,
    simulated: bool = False,
) -> Snapshot:
    """One that holds these; of one source that has answered, unless others are named."""
    asked = [source()] if sources is None else list(sources)
    return Snapshot(
        schema="enctop.snapshot/1",
        generated_at=at,
        tool=Tool("enctop", version),
        scope=Scope(list(tenants), query, simulated),
        complete=all(one.state == "ok" for one in asked),
        summary=Summary({}, {}, {}),
        sources=asked,
        resources=list(resources),
        findings=list(findings),
        controls={},
    )


def source(id: str = EBS, state: StateWord = "ok", tenant: str = "acme") -> SourceEntry:
    return SourceEntry(id, tenant, "aws", "1", "ebs", 60.0, state, None, 1, 0.1, 1, None)


def resource(id: str = "vol-1", **more: Any) -> ResourceEntry:
    made = ResourceEntry(
        id=id,
        kind="volume",
        type="aws.ebs.volume",
        name=id,
        tenant="acme",
        provider="aws",
        scope="1",
        region="eu-west-1",
        encryption=None,
        status="pass",
        observed_at=THEN,
        source=EBS,
        attributes={},
        columns={},
        links=[],
    )
    return msgspec.structs.replace(made, **more)


def finding(status: StatusWord, resource: str = "vol-1", control: str = CONTROL, **more: Any) -> FindingEntry:
    made = FindingEntry(control, resource, "acme", status, "critical", "observed", f"is {status}", {}, THEN, None, None)
    return msgspec.structs.replace(made, **more)


def encryption(key_class: KeyClass, key: str | None = None) -> EncryptionEntry:
    return EncryptionEntry(True, "AES-256", key_class, key)


# ---------------------------------------------------------------- random pairs

IDS = ("Vol-1", "vol-1", "vol-2", "b-1", "k-1")
SOURCES = (EBS, "acme+beta/aws/2/kms", "beta/aws/3/s3")
CONTROLS = (CONTROL, "aws.kms.key-state", "toy.x")
TENANTS = ("acme", "beta", "acme+beta", "unassigned")
STATUSES: tuple[StatusWord, ...] = get_args(StatusWord)
STATES: tuple[StateWord | None, ...] = (None, "ok", "ok", "partial", "denied", "disabled", "unreachable")


def _some(chance: Random, names: Sequence[str], most: int | None = None) -> list[str]:
    return sorted(chance.sample(names, chance.randint(0, len(names) if most is None else most)))


def _findings(chance: Random, id: str, tenant: str) -> list[FindingEntry]:
    made = []
    for control in _some(chance, CONTROLS):
        status = chance.choice(STATUSES)
        made.append(
            finding(
                status,
                id,
                control,
                tenant=tenant,
                fault=chance.choice([None, DENIED]) if status == "unknown" else None,
                cause=chance.choice(["", *SOURCES, *IDS]),
                exception=chance.choice([None, EXCEPTED]) if status == "warn" else None,
                severity=chance.choice(["critical", "low"]),
            )
        )
    return made


def _resource(chance: Random, id: str) -> ResourceEntry:
    key_class = chance.choice([None, KeyClass.UNKNOWN, KeyClass.CUSTOMER])
    return resource(
        id,
        kind=chance.choice(["volume", "bucket"]),
        type=chance.choice(["aws.ebs.volume", "aws.s3.bucket"]),
        name=chance.choice(["data", "logs"]),
        tenant=chance.choice(TENANTS),
        source=chance.choice(SOURCES),
        encryption=None if key_class is None else encryption(key_class, "k-1"),
        aliases=[name for name in _some(chance, IDS, 2) if name != id],
    )


def _drawn(chance: Random, at: str) -> Snapshot:
    resources = [_resource(chance, id) for id in _some(chance, IDS)]
    findings = [each for one in resources for each in _findings(chance, one.id, one.tenant)]
    states = {id: chance.choice(STATES) for id in SOURCES}
    sources = [source(id, state, id.partition("/")[0]) for id, state in states.items() if state is not None]
    own = [each for one in sources for each in _findings(chance, one.id, one.tenant)]
    return snapshot(resources, [*findings, *own, *_findings(chance, "enctop://acme", "acme")], sources, at=at)


SEEDS = st.integers(0, 2**32)
SNAPSHOTS = SEEDS.map(lambda seed: _drawn(Random(seed), THEN))
"""Of the same tenants and version, and through no filter; by a seed, since drawing each part takes fifty times as long.
"""
PAIRS = SEEDS.map(lambda seed: (_drawn(chance := Random(seed), THEN), _drawn(chance, LATER)))
