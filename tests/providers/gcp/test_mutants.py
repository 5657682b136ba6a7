"""Rows of Google Cloud that are not as its discovery documents have them, each beside healthy ones in one listing: none
passes for it, none fails for it, none takes another with it. And answers that are no answers of Google's.
"""

import copy
import json
from typing import Any

import pytest

from providers.demo import paging
from providers.demo.answer import Answer
from tests.world.gcp import Google, Seen
from tests.world.wire_mutants import mutants

CUSTOMERS = 'keys = "customer-managed"'
MATERIAL: dict[str, tuple[str, ...]] = {
    "gcp.disk.encryption": ("diskEncryptionKey.kmsKeyName",),
    "gcp.disk.snapshot-encryption": ("snapshotEncryptionKey.kmsKeyName", "imageEncryptionKey.kmsKeyName"),
    "gcp.gcs.bucket-encryption": ("encryption.defaultKmsKeyName",),
    "gcp.kms.key-state": ("primary.state", "primary.protectionLevel", "purpose"),
    "gcp.gke.secrets-encryption": ("databaseEncryption.state",),
    "gcp.lb.ssl-policy": ("sslPolicy", "urlMap"),
}
"""Control -> the fields without which it passes nothing; of keys, where a customer's are asked for."""
KEYED = {"gcp.disk.encryption", "gcp.disk.snapshot-encryption", "gcp.gcs.bucket-encryption"}
IDENTITY = frozenset({"kind", "id", "name", "selfLink", "zone", "region", "location", "projectNumber", "labels"})


def _world(google: Google) -> dict[str, list[tuple[str, str, str]]]:
    """One healthy thing of each kind, and its mutants: its id -> id, where and what of each."""
    project = google.project
    key = project.key("k")
    strict, away = project.ssl_policy("strict"), project.url_map("away", redirect=True)
    bases = [
        ("disks", "zones/us-central1-a", project.disk("plain")),
        ("disks", "zones/us-central1-a", project.disk("keyed", key=key, labels={"a": "b"})),
        ("snapshots", "global", project.snapshot("s", key=key)),
        ("images", "global", project.image("i", key=key)),
        ("targetHttpsProxies", "global", project.proxy("https", policy=strict)),
        ("targetSslProxies", "global", project.proxy("ssl", "targetSslProxies", policy=strict)),
        ("targetHttpProxies", "global", project.proxy("http", "targetHttpProxies", url_map=away)),
    ]
    made: dict[str, list[tuple[str, str, str]]] = {}
    for kind, scope, base in bases:
        name = base.rpartition("/")[2]
        body = project.compute[kind][scope][name]
        for number, (where, change, mutant) in enumerate(mutants(body, IDENTITY)):
            project.compute[kind][scope][f"{name}-{number}"] = {**mutant, "name": f"{name}-{number}"}
            made.setdefault(base, []).append((f"{base}-{number}", where, change))
    for base in (project.bucket("plainbucket"), project.bucket("keyedbucket", key=key)):
        name = base.rpartition("/")[2]
        for number, (where, change, mutant) in enumerate(mutants(project.buckets[name], IDENTITY)):
            project.buckets[f"{name}-{number}"] = {**mutant, "name": f"{name}-{number}"}
            project.policies[f"{name}-{number}"] = project.policies[name]
            made.setdefault(base, []).append((f"{base}-{number}", where, change))
    encrypted = {"state": "ENCRYPTED", "currentState": "CURRENT_STATE_ENCRYPTED", "keyName": key.partition(".com/")[2]}
    cluster = project.cluster("c", encryption=encrypted)
    for number, (where, change, mutant) in enumerate(mutants(project.clusters["c"], IDENTITY)):
        project.clusters[f"c-{number}"] = {**mutant, "name": f"c-{number}"}
        made.setdefault(cluster, []).append((f"{cluster}-{number}", where, change))
    keys = google.server.cloud.keys
    for number, (where, change, mutant) in enumerate(mutants(copy.deepcopy(keys[key.partition(".com/")[2]]), IDENTITY)):
        own = f"{key}-{number}".partition(".com/")[2]
        keys[own] = {**mutant, "name": own}
        made.setdefault(key, []).append((f"{key}-{number}", where, change))
    return made


def _wrong(seen: Seen, made: dict[str, list[tuple[str, str, str]]], keyed: bool) -> list[str]:
    wrong = []
    for base, some in made.items():
        should = {control: finding.status.word for control, finding in _held(seen, base).findings.items()}
        for own, where, change in some:
            for control, finding in _held(seen, own).findings.items():
                status = finding.status.word
                what = f"{own.rpartition('/')[2]} {where} {change}: {control} is {status} ({finding.reason})"
                material = MATERIAL.get(control, ()) if keyed or control not in KEYED else ()
                if "failed while" in finding.reason:
                    wrong.append(f"raised: {what}")
                elif change == "extra":
                    if status != should.get(control):
                        wrong.append(f"other: {what}, was {should.get(control)}")
                elif status == "fail" != should.get(control) and not _is_another(where, change):
                    wrong.append(f"false FAIL: {what}")
                elif (
                    status == "pass"
                    and change != "case"
                    and should.get(control) == "pass"
                    and any(f"{field}.".startswith(f"{where}.") for field in material)
                ):
                    wrong.append(f"unsupported PASS: {what}")
    return wrong


def _is_another(where: str, change: str) -> bool:
    """What is missing is an answer here: no block is Google's key, no SSL policy Google's default, no primary
    version none.
    """
    keys = ("EncryptionKey", "encryption", "databaseEncryption", "sslPolicy", "primary", "defaultKmsKeyName")
    named = ("EncryptionKey.kmsKeyName", "encryption.defaultKmsKeyName", "databaseEncryption.keyName")
    missing = change in {"absent", "null", "object"} and where.endswith((*keys, *named))
    return missing or (change in {"word", "case"} and where.endswith(named))


def _held(seen: Seen, id: str) -> Any:
    entry = seen.model.entry(id)
    assert entry is not None, f"{id} is not there"
    return entry


@pytest.mark.parametrize("policy", ["", CUSTOMERS])
async def test_a_row_that_is_not_as_it_should_be_neither_passes_nor_fails_for_it_nor_takes_another_with_it(
    google: Google, policy: str
) -> None:
    made = _world(google)
    assert sum(map(len, made.values())) > 700
    google.server.strict = False
    try:
        seen = await google.poll(policy)
    finally:
        google.server.strict = True
    seen.model.settle()
    wrong = _wrong(seen, made, bool(policy))
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("change", ["absent", "null", "number"])
async def test_a_row_that_does_not_say_which_it_is_makes_its_listing_partial_and_nothing_is_taken_to_be_gone(
    google: Google, change: str
) -> None:
    google.project.disk("d")
    google.project.disk("e")
    async with google.collector().running() as seen:
        body = google.project.compute["disks"]["zones/us-central1-a"]["e"]
        if change == "absent":
            google.project.compute["disks"]["zones/us-central1-a"]["e"] = {
                name: value for name, value in body.items() if name != "name"
            }
        else:
            body["name"] = None if change == "null" else 7
        google.server.strict = False
        asked = paging.page
        try:
            paging.page = lambda rows, *rest: (list(rows), None)
            await seen.again("disks")
        finally:
            google.server.strict, paging.page = True, asked
        assert (seen.source("disks").state, seen.fault("disks").code) == ("partial", "UnreadableRow")
        assert seen.there("zones/us-central1-a/disks/d")
        assert seen.there("zones/us-central1-a/disks/e"), "nobody said that it is gone"


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"healthy"}',
        b"{}",
        b'{"kind":"health","items":{}}',
        b'{"items":[]}',
        b'{"name":"x","projectId":"other"}',
        b"[]",
    ],
)
async def test_any_other_json_is_not_an_empty_project(
    google: Google, monkeypatch: pytest.MonkeyPatch, body: bytes
) -> None:
    monkeypatch.setattr(
        google.server, "_checked", lambda asked, answer: Answer(200, body, {"content-type": "application/json"})
    )
    seen = await google.poll()
    states = {source.service: source.state.value for source in seen.model.sources.values()}
    empty = {"gke", "filestore"} if body == b"{}" else set()  # which is what an empty list of theirs is
    assert {service for service, state in states.items() if state == "ok"} <= {"kms-named", *empty}
    assert seen.model.rollups["acme"].status.word == "unknown"


async def test_another_projects_answer_is_not_this_projects(google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    other = json.dumps({"name": "projects/1", "projectId": "somebody-else", "state": "ACTIVE"}).encode()
    monkeypatch.setattr(
        google.server, "_checked", lambda asked, answer: Answer(200, other, {"content-type": "application/json"})
    )
    seen = await google.poll()
    assert (seen.source("project").state, seen.fault("project").code) == ("error", "UnreadableAnswer")
