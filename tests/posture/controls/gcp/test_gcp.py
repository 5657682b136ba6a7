"""Google Cloud: the decision table cell by cell, and every state of every control."""

from typing import Any

import msgspec
import pytest

from posture.fault import FaultKind
from posture.policy import KeyMode, Policy
from posture.resource import Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.gcp.world import (
    OTHER,
    bucket,
    cluster,
    disk,
    http_proxy,
    image,
    key,
    key_name,
    location,
    objects,
    proxy,
    refusal,
    snapshot,
    workspace,
)
from tests.posture.controls.world import NOW, World

STRICT, PROVIDER, EITHER = Policy(), Policy(strict=False), Policy(keys=KeyMode.EITHER)
CUSTOMER, DOUBLE = Policy(keys=KeyMode.CUSTOMER_MANAGED), Policy(keys=KeyMode.DOUBLE)
POLICIES = (STRICT, PROVIDER, EITHER, CUSTOMER, DOUBLE)
MINE, THEIRS = key_name(), key_name(project=OTHER)

# the block on a disk; the default key of a bucket, "-" where a bucket cannot have that class; strict, provider, either,
# customer, double
TABLE = [
    (None, None, "pass pass pass fail fail"),
    ({"kmsKeyName": f"{MINE}/cryptoKeyVersions/3"}, MINE, "fail fail pass pass fail"),
    ({"kmsKeyName": THEIRS}, THEIRS, "fail fail warn fail fail"),
    ({"kmsKeyName": "projects/acme-prod"}, "projects/acme-prod", "unknown unknown pass unknown unknown"),
    (
        {"kmsKeyName": "projects/acme-prod/locations/eu/keyRings/r/cryptoKeys/"},
        "projects/acme-prod",
        "unknown unknown pass unknown unknown",
    ),
    ({"sha256": "u0Wh="}, "-", "fail fail warn fail fail"),
    (
        {"kmsKeyServiceAccount": "x@y"},
        "projects/12345/locations/us/keyRings/r/cryptoKeys/k",
        "unknown unknown pass unknown unknown",
    ),
]


@pytest.mark.parametrize(("block", "key", "cells"), TABLE)
def test_the_decision_table_cell_by_cell(block: dict[str, str] | None, key: str | None, cells: str) -> None:
    for policy, status in zip(POLICIES, cells.split(), strict=True):
        world = World(policy=policy)
        assert world.ask("gcp.disk.encryption", disk(block)).status.word == status, policy.keys
        for stored in (snapshot(block), image(block)):
            assert world.ask("gcp.disk.snapshot-encryption", stored).status.word == status, policy.keys
        if key != "-":
            assert world.ask("gcp.gcs.bucket-encryption", bucket(key)).status.word == status, policy.keys


def test_where_either_will_do_plaintext_cannot_exist_and_google_s_word_is_marked_as_such() -> None:
    verdict = World(policy=EITHER).ask("gcp.disk.encryption", disk({"kmsKeyServiceAccount": "x@y"}))
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.ATTESTED)
    refused = msgspec.structs.replace(
        disk(), faults={"compute.disks.aggregatedList": refusal("compute.disks.aggregatedList")}
    )
    assert World(policy=EITHER).ask("gcp.disk.encryption", refused).status is Status.UNKNOWN, (
        "a refused read is no word of anybody's"
    )


@pytest.mark.parametrize(
    "listed",
    [
        MINE,
        f"{MINE}/cryptoKeyVersions/7",
        f"//cloudkms.googleapis.com/{MINE}",
        f"//cloudkms.googleapis.com/{MINE}/cryptoKeyVersions/1",
    ],
)
@pytest.mark.parametrize("carried", [MINE, f"{MINE}/cryptoKeyVersions/3"])
def test_a_key_equals_the_policy_s_with_a_version_and_without(listed: str, carried: str) -> None:
    policy = Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(listed,))
    assert World(policy=policy).ask("gcp.disk.encryption", disk({"kmsKeyName": carried})).status is Status.PASS
    assert World(policy=policy).ask("gcp.gcs.bucket-encryption", bucket(carried)).status is Status.PASS
    unlisted = World(policy=policy).ask("gcp.disk.encryption", disk({"kmsKeyName": key_name("other")}))
    assert (unlisted.status, unlisted.reason) == (Status.FAIL, "customer's key: not one of the policy's required keys")


def test_a_key_of_a_listed_project_is_a_customer_s_and_a_foreign_one_may_be_listed_by_name() -> None:
    accounts = Policy(keys=KeyMode.CUSTOMER_MANAGED, key_accounts=(OTHER,))
    assert World(policy=accounts).ask("gcp.disk.encryption", disk({"kmsKeyName": THEIRS})).status is Status.PASS
    named = Policy(keys=KeyMode.CUSTOMER_MANAGED, required_keys=(THEIRS,))
    assert (
        World(policy=named).ask("gcp.disk.encryption", disk({"kmsKeyName": f"{THEIRS}/cryptoKeyVersions/2"})).status
        is Status.PASS
    )


def test_a_zone_that_did_not_answer_is_unknown_and_says_so() -> None:
    fault = refusal("compute.disks.aggregatedList", FaultKind.UNREACHABLE, "UNREACHABLE")
    verdict = World().ask("gcp.disk.encryption", location(fault))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, fault)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "pass"),
        ({"diskEncryptionKey": {"sha256": "u0Wh="}}, "fail"),
        ({"diskEncryptionKey": {"sha256": "u0Wh=", "kmsKeyName": MINE}}, "pass"),
        ({"diskEncryptionKey": {"sha256": ""}}, "pass"),
        ({"sourceSnapshotEncryptionKey": {"sha256": "u0Wh="}}, "fail"),
        ({"sourceImageEncryptionKey": {"sha256": "u0Wh="}}, "fail"),
        ({"sourceSnapshotEncryptionKey": {"kmsKeyName": MINE, "sha256": "u0Wh="}}, "pass"),
    ],
)
def test_csek_on_the_disk_and_its_remnants(fields: dict[str, Any], status: str) -> None:
    assert (
        World().ask("gcp.disk.csek", disk(**{"block": fields.pop("diskEncryptionKey", None), **fields})).status.word
        == status
    )


ALL_LOOSE = "warn warn warn warn not_applicable"


@pytest.mark.parametrize(
    ("modes", "cells"),
    [
        ({}, ALL_LOOSE),
        (
            {"customerManaged": "FullyRestricted", "customerSupplied": "FullyRestricted"},
            "pass pass pass fail not_applicable",
        ),
        (
            {"googleManaged": "FullyRestricted", "customerSupplied": "FullyRestricted"},
            "fail fail pass pass not_applicable",
        ),
        (
            {"googleManaged": "FullyRestricted", "customerManaged": "FullyRestricted"},
            "fail fail fail fail not_applicable",
        ),
        ({"customerSupplied": "FullyRestricted"}, "warn warn pass warn not_applicable"),
        ({"customerSupplied": "SomethingNew"}, "unknown unknown unknown unknown not_applicable"),
    ],
)
def test_enforcement_by_policy(modes: dict[str, str], cells: str) -> None:
    for policy, status in zip(POLICIES, cells.split(), strict=True):
        assert World(policy=policy).ask("gcp.gcs.encryption-enforcement", bucket(modes=modes)).status.word == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"iamConfiguration": {"publicAccessPrevention": "enforced"}}, "pass"),
        ({}, "pass"),
        ({"publicMembers": ["allUsers roles/storage.objectViewer"]}, "fail"),
        ({"publicMembers": ["allAuthenticatedUsers roles/storage.admin"]}, "fail"),
        (
            {
                "iamConfiguration": {
                    "publicAccessPrevention": "inherited",
                    "uniformBucketLevelAccess": {"enabled": False},
                }
            },
            "warn",
        ),
        ({"iamConfiguration": None}, "warn"),
        ({"publicMembers": None}, "unknown"),
    ],
)
def test_public_access(fields: dict[str, Any], status: str) -> None:
    assert World().ask("gcp.gcs.public-access", bucket(**fields)).status.word == status


@pytest.mark.parametrize(
    ("sweep", "cells"),
    [
        (objects({"Google": 9}), "pass pass pass fail fail"),
        (objects({"Google": 9, MINE: 1}), "fail fail pass fail fail"),
        (objects({MINE: 4}), "fail fail pass pass fail"),
        (objects({"Google": 9, "supplied": 1}), "fail fail warn fail fail"),
        (objects({"Google": 9}, complete=False), "warn warn warn fail fail"),
        (objects({}), "not_applicable not_applicable not_applicable not_applicable not_applicable"),
    ],
)
def test_the_keys_of_objects(sweep: Resource, cells: str) -> None:
    for policy, status in zip(POLICIES, cells.split(), strict=True):
        assert World(policy=policy).ask("gcp.gcs.object-key", sweep).status.word == status


USED = disk({"kmsKeyName": key_name(version=3)})
OLD = disk({"kmsKeyName": key_name(version=1)}, "old")


@pytest.mark.parametrize(
    ("key", "users", "status"),
    [
        (key(), [USED], "pass"),
        (key(), [], "pass"),
        (key(state="DISABLED"), [USED], "fail"),
        (key(state="DISABLED"), [], "not_applicable"),
        (key(state="DESTROY_SCHEDULED"), [USED], "fail"),
        (key(state="DESTROYED"), [bucket(MINE)], "fail"),
        (key(state="GENERATION_FAILED"), [USED], "fail"),
        (key(versions={1: "DISABLED"}), [USED], "pass"),
        (key(versions={1: "DISABLED"}), [USED, OLD], "fail"),
        (key(versions={1: "NOT_FOUND"}), [OLD], "fail"),
        (key(), [OLD], "unknown"),
        (key(rotationPeriod="34560000s"), [USED], "warn"),
        (key(rotationPeriod=None), [USED], "warn"),
        (key(purpose="ASYMMETRIC_SIGN", primary=None), [], "not_applicable"),
        (key(primary=None), [USED], "fail"),
        (
            key(primary={"name": key_name(version=3), "state": "ENABLED", "protectionLevel": "EXTERNAL_VPC"}),
            [USED],
            "warn",
        ),
        (key(NotFound=True), [USED], "fail"),
        (key(NotFound=True), [], "not_applicable"),
    ],
)
def test_the_state_of_a_key_by_the_versions_that_are_named(key: Resource, users: list[Resource], status: str) -> None:
    assert World([*users, key]).ask("gcp.kms.key-state", key).status.word == status


def test_a_healthy_primary_does_not_save_what_is_under_an_old_disabled_version() -> None:
    world = World([USED, OLD, key(versions={1: "DISABLED"})])
    assert world.ask("gcp.kms.key-state", USED).status is Status.PASS
    verdict = world.ask("gcp.kms.key-state", OLD)
    assert (verdict.status, verdict.reason) == (Status.FAIL, "key version 1 is DISABLED")
    assert world.ask("gcp.kms.key-state", disk()).status is Status.NOT_APPLICABLE
    assert World().ask("gcp.kms.key-state", USED).status is Status.UNKNOWN


def test_a_version_that_may_not_be_read_is_unknown_and_names_the_permission() -> None:
    read = "cloudkms.cryptoKeyVersions.get"
    refused = msgspec.structs.replace(key(), faults={f"{read}(1)": refusal(read)})
    for asked in (OLD, refused):
        verdict = World([OLD, USED, refused]).ask("gcp.kms.key-state", asked)
        assert verdict.status is Status.UNKNOWN
        assert verdict.fault is not None
        assert verdict.fault.permission == read
    assert World([OLD, USED, refused]).ask("gcp.kms.key-state", USED).status is Status.PASS, "the primary was read"


@pytest.mark.parametrize(
    ("cluster", "cells"),
    [
        (cluster(), "pass pass pass fail fail"),
        (cluster("ENCRYPTED", "ENCRYPTED", MINE), "pass pass pass pass pass"),
        (cluster("ALL_OBJECTS_ENCRYPTION_ENABLED", "ALL_OBJECTS_ENCRYPTION_ENABLED", MINE), "pass pass pass pass pass"),
        (cluster("ENCRYPTED", "ENCRYPTED", THEIRS), "pass pass pass fail pass"),
        (cluster("ENCRYPTED", "ENCRYPTION_ERROR", MINE), "fail fail fail fail fail"),
        (cluster("DECRYPTED", "DECRYPTION_ERROR", MINE), "fail fail fail fail fail"),
        (
            cluster("ENCRYPTED", "ENCRYPTION_PENDING", MINE, pendingSince="2026-11-23T12:00:00Z"),
            "warn warn warn warn warn",
        ),
        (
            cluster("ENCRYPTED", "ENCRYPTION_PENDING", MINE, pendingSince="2026-11-23T13:30:00Z"),
            "pass pass pass pass pass",
        ),
        (cluster("ENCRYPTED", "CURRENT_STATE_DECRYPTED", MINE), "unknown unknown unknown unknown unknown"),
        (
            cluster("ALL_OBJECTS_ENCRYPTION_ENABLED", "DECRYPTION_PENDING", MINE),
            "unknown unknown unknown unknown unknown",
        ),
        (cluster("UNKNOWN", ""), "unknown unknown unknown unknown unknown"),
    ],
)
def test_secrets_of_a_cluster(cluster: Resource, cells: str) -> None:
    for policy, status in zip(POLICIES, cells.split(), strict=True):
        assert World(policy=policy).ask("gcp.gke.secrets-encryption", cluster).status.word == status, policy.keys


def test_a_change_under_way_is_looked_at_again_when_its_hour_is_over() -> None:
    under_way = cluster("ENCRYPTED", "ENCRYPTION_PENDING", MINE, pendingSince="2026-11-23T13:30:00Z")
    assert World().ask("gcp.gke.secrets-encryption", under_way).valid_until == NOW + 1800


TLS12 = {"minTlsVersion": "TLS_1_2"}


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        (None, "fail"),
        ({"minTlsVersion": "TLS_1_0", "profile": "COMPATIBLE"}, "fail"),
        ({"minTlsVersion": "TLS_1_1", "profile": "RESTRICTED"}, "fail"),
        ({**TLS12, "profile": "COMPATIBLE", "enabledFeatures": ["TLS_RSA_WITH_AES_128_CBC_SHA"]}, "warn"),
        ({**TLS12, "profile": "MODERN"}, "pass"),
        ({**TLS12, "profile": "RESTRICTED"}, "pass"),
        ({**TLS12, "profile": "FIPS_202205"}, "pass"),
        ({"minTlsVersion": "TLS_1_3", "profile": "RESTRICTED"}, "pass"),
        ({**TLS12, "profile": "CUSTOM", "enabledFeatures": ["TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"]}, "pass"),
        ({**TLS12, "profile": "CUSTOM", "enabledFeatures": ["TLS_RSA_WITH_3DES_EDE_CBC_SHA"]}, "warn"),
    ],
)
def test_what_a_proxy_demands(policy: dict[str, Any] | None, status: str) -> None:
    for kind in ("https", "ssl"):
        assert World().ask("gcp.lb.ssl-policy", proxy(policy, kind)).status.word == status


TO_HTTPS = {"httpsRedirect": True}


@pytest.mark.parametrize(
    ("url_map", "status"),
    [
        ({"defaultUrlRedirect": TO_HTTPS}, "pass"),
        ({"defaultUrlRedirect": {"httpsRedirect": False}}, "fail"),
        ({"defaultService": "https://x/web"}, "fail"),
        ({"defaultUrlRedirect": TO_HTTPS, "pathMatchers": [{"name": "p", "defaultUrlRedirect": TO_HTTPS}]}, "pass"),
        ({"defaultUrlRedirect": TO_HTTPS, "pathMatchers": [{"name": "p", "defaultService": "https://x/api"}]}, "fail"),
        (
            {
                "defaultUrlRedirect": TO_HTTPS,
                "pathMatchers": [{"name": "p", "defaultUrlRedirect": TO_HTTPS, "pathRules": [{"service": "x"}]}],
            },
            "fail",
        ),
        (
            {
                "defaultUrlRedirect": TO_HTTPS,
                "pathMatchers": [
                    {"name": "p", "defaultUrlRedirect": TO_HTTPS, "routeRules": [{"urlRedirect": TO_HTTPS}]}
                ],
            },
            "pass",
        ),
    ],
)
def test_where_plain_http_leads(url_map: dict[str, Any], status: str) -> None:
    assert World().ask("gcp.lb.ssl-policy", http_proxy(url_map)).status.word == status


WORD = {"enforced": True, "by": "p.gibbons", "on": "2026-10-01"}


@pytest.mark.parametrize(
    ("workspace", "status"),
    [
        (workspace(), "pass"),
        (workspace(adminsNotEnrolled=["a@acme.example"], notEnrolled=1), "fail"),
        (workspace(notEnrolled=2), "warn"),
        (workspace(notEnforced=4), "warn"),
        (workspace(untold=1), "unknown"),
        (workspace(active=0), "unknown"),
        (workspace(WORD), "pass"),
        (workspace({**WORD, "enforced": False}), "warn"),
        (workspace(WORD, notEnforced=1), "warn"),
    ],
)
def test_the_second_step(workspace: Resource, status: str) -> None:
    assert World().ask("gcp.identity.2sv", workspace).status.word == status


def test_a_person_s_word_stands_in_for_a_directory_that_refuses_and_is_marked() -> None:
    refused = msgspec.structs.replace(workspace(WORD), faults={"directory.users.list": refusal("directory.users.list")})
    verdict = World().ask("gcp.identity.2sv", refused)
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.ATTESTED)
    assert "p.gibbons" in verdict.reason
    without = msgspec.structs.replace(workspace(), fields={}, faults=refused.faults)
    assert World().ask("gcp.identity.2sv", without).status is Status.UNKNOWN
