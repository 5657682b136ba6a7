"""What enctop says of a seeded AWS is what was seeded: every golden case, and a big tenant, resource by resource."""

import json
from collections.abc import Mapping

import msgspec
import pytest
from jsonschema import Draft202012Validator

from posture.snapshot import Snapshot, schema, take, to_json
from providers.collector import Collector
from providers.config import parse
from providers.demo.accounts import REGIONS, ROLE
from tests.world.aws import Aws
from tests.world.big import BUCKETS, KEYS, SNAPSHOTS, VOLUMES, big

NOW = 1_800_000_000.0


def _configuration(aws: Aws) -> str:
    regions = json.dumps(list(REGIONS))
    return f"""
        [[tenant]]
        name = "acme"
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {regions}
        [[tenant.aws]]
        endpoint_url = "{aws.url}"
        regions = {regions}
        role_arn = "{ROLE}"
        """


async def _snapshot(aws: Aws) -> Snapshot:
    collector = Collector(parse(_configuration(aws), "test"))
    await collector.once(timeout=120)
    return take(collector.model, collector.model.now, "test")


def _verdicts(snapshot: Snapshot) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for finding in snapshot.findings:
        found.setdefault(finding.resource, {})[finding.control] = finding.status
    return found


def _differences(truth: Mapping[str, Mapping[str, object]], snapshot: Snapshot) -> list[str]:
    found = _verdicts(snapshot)
    seen = {entry.id for entry in snapshot.resources}
    lines = [f"{resource}: not seen" for resource in truth.keys() - seen]
    for resource, expected in truth.items():
        for control, status in expected.items():
            said = found.get(resource, {}).get(control, "no finding")
            if said != status.word:  # type: ignore[attr-defined]
                lines.append(f"{resource} {control}: {said}, truth {status.word}")  # type: ignore[attr-defined]
    return sorted(lines)
