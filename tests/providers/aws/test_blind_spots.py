"""What enctop did not see, it says that it did not see: no PASS out of a region, a page or a key that nobody asked
about.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest

from posture.fault import FaultKind
from posture.resource import KeyClass
from posture.source import State
from posture.verdict import Status
from providers.aws.calls import DESCRIBE_VOLUMES, LIST_BUCKET_INVENTORY_CONFIGURATIONS, LIST_KEYS, Call
from providers.aws.client import AwsClient
from providers.aws.discovery import open_aws
from providers.aws.faults import answered
from providers.aws.settings import AwsSettings
from providers.cadence import Cadence
from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.system import Block, Setup
from tests.providers.conftest import Watch
from tests.world.aws import Aws

FAIL, UNKNOWN, WARN, PASS, NA = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NOT_APPLICABLE
USABLE, STATE, ROTATION, OPEN = "aws.ebs.kms-key-usable", "aws.kms.key-state", "aws.kms.rotation", "aws.kms.key-public"
COVERAGE = "meta.inventory.coverage"
MakeWatch = Callable[..., Watch]


async def test_an_account_that_is_reached_twice_is_not_seen_whole(aws: Aws, watch: MakeWatch) -> None:
    role = f'role_arn = "arn:aws:iam::{ACCOUNT}:role/enctop-read"'
    second = f'[[tenant.aws]]\nendpoint_url = "{aws.url}"\nregions = ["eu-west-1"]\n{role}'
    aws.region("eu-west-1").volume(encrypted=False)
    seen = await watch(also=second).poll()
    faults = [source.fault for source in seen.model.sources.values() if source.fault]
    assert [(fault.kind, fault.code) for fault in faults] == [(FaultKind.ERROR, "AlreadyPolled")]
    assert seen.finding(COVERAGE, "enctop://acme").status is UNKNOWN


@pytest.mark.parametrize("code", ["OptInRequired", "SubscriptionRequiredException", "RegionDisabledException"])
def test_a_call_that_is_refused_for_want_of_a_subscription_is_no_answer(code: str) -> None:
    fault = answered(DESCRIBE_VOLUMES, 403, code, "You are not subscribed to this service", {}).fault
    assert (fault.kind, fault.permission) == (FaultKind.ERROR, None)


async def test_a_configured_region_that_is_off_is_named_and_the_rest_is_whole(aws: Aws, watch: MakeWatch) -> None:
    seen = await watch(("us-east-1", "af-south-1")).poll()
    assert seen.source("region", "af-south-1").state is State.DISABLED
    assert seen.finding(COVERAGE, "enctop://acme").status is PASS


# ------------------------------------------------------------ keys


async def test_a_volume_on_a_key_that_is_gone_is_a_fail(aws: Aws, watch: MakeWatch) -> None:
    home = aws.region()
    volume = home.volume(key=home.key("payments"))
    key = home.ec2.volumes[volume.rpartition("/")[2]].kms_key_id
    seen = await watch().poll()
    assert seen.finding(USABLE, volume).status is PASS
    home.kms.delete_alias("alias/payments")
    home.kms.keys.pop(key.rpartition("/")[2])
    await seen.poll()
    assert seen.finding(USABLE, volume).status is FAIL
    assert seen.finding(STATE, key).reason == "key does not exist"
    assert {seen.finding(ROTATION, key).status, seen.finding(OPEN, key).status} == {NA}
    home.delete_volume(volume)
    await seen.poll()
    await seen.poll()
    assert seen.model.entry(key) is None, "and nobody asks about it any more"


async def test_a_foreign_key_that_nothing_names_any_more_is_let_go(aws: Aws, watch: MakeWatch) -> None:
    home, far = aws.region(), aws.region("us-east-1", SECOND)
    key = far.key("theirs", described_by=[ACCOUNT])
    volume = home.volume(key=key)
    seen = await watch().poll()
    assert seen.finding(STATE, key).status is PASS
    home.delete_volume(volume)
    await seen.poll()
    await seen.poll()
    assert seen.model.entry(key) is None


async def test_policy_and_rotation_of_another_accounts_key_are_its_owners(aws: Aws, watch: MakeWatch) -> None:
    key = aws.region("us-east-1", SECOND).key("theirs", described_by=[ACCOUNT])
    other = aws.region("eu-west-1").key("ours, elsewhere".replace(", ", "-"))
    for named in (key, other):
        aws.region().volume(key=named)
    seen = await watch().poll()
    for control in (ROTATION, OPEN):
        finding = seen.finding(control, key)
        assert (finding.status, finding.reason) == (NA, "another account's key: its owner judges policy and rotation")
        finding = seen.finding(control, other)
        assert (finding.status, finding.reason) == (UNKNOWN, "not asked: its region is not configured")


async def test_what_names_a_key_and_is_none_stops_nobody(aws: Aws, watch: MakeWatch) -> None:
    own = aws.buckets()
    for number, name in enumerate(("arn:oops:key/x", "arn:aws:kms:us-east-1:12:key/x", "arn:aws:s3:::key/x", "arn:")):
        own.make(f"b-{number}")
        own.encryption(f"b-{number}", "aws:kms", name)
    key = aws.region("us-east-1", SECOND).key("theirs", described_by=[ACCOUNT])
    aws.region().volume(key=key)
    seen = await watch().poll()
    assert set(seen.verdicts("aws.s3.kms-key-usable").values()) == {UNKNOWN}
    assert seen.source("kms-foreign").state is State.OK
    assert seen.finding(STATE, key).status is PASS


# ------------------------------------------------------------ pages


@pytest.mark.parametrize(
    ("answer", "code"),
    [({}, "UnreadableAnswer"), ({"Keys": [], "NextMarker": "again", "Truncated": True}, "LoopingListing")],
)
async def test_a_listing_that_does_not_end_or_holds_no_list_is_no_answer(
    aws: Aws, watch: MakeWatch, monkeypatch: pytest.MonkeyPatch, answer: dict[str, object], code: str
) -> None:
    key = aws.region().key("payments")
    seen = await watch().poll()
    asked = AwsClient._blocking
    monkeypatch.setattr(
        AwsClient, "_blocking", lambda self, call, *rest: answer if call is LIST_KEYS else asked(self, call, *rest)
    )
    await seen.poll()
    source = seen.source("kms")
    assert (source.state, source.fault and source.fault.code) == (State.ERROR, code)
    assert seen.finding(STATE, key).status is PASS, "it does not vanish"


def test_each_way_in_has_a_label_of_its_own() -> None:
    blocks = [
        Block("acme", AwsSettings(profile=profile, regions=(region,)))
        for profile, region in (("prod", "us-east-1"), ("prod", "eu-west-1"), ("prod-2", "us-east-1"))
    ]
    assert len({source.id for source in open_aws(Setup(version="test", cadence=Cadence(), now=time.time), blocks)}) == 3


# ------------------------------------------------------------ endpoints


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
async def test_an_endpoint_of_the_environment_is_not_asked_in_the_clear(
    aws: Aws, watch: MakeWatch, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://aws.example")
    seen = await watch(text='[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]').poll()
    fault = seen.source("account").fault
    assert fault is not None
    assert (fault.kind, fault.code) == (FaultKind.ERROR, "PlaintextEndpoint")
    assert "aws.example" in fault.message


async def test_an_endpoint_of_the_environment_is_asked_as_one_of_the_file(
    aws: Aws, watch: MakeWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
    own = aws.buckets()
    own.make("b-1")
    own.put("b-1", "o", b"x")
    text = '[[tenant]]\nname = "acme"\n[[tenant.aws]]\nregions = ["us-east-1"]\nobject_sample = 1'
    seen = await watch(text=text).poll()
    assert {source.state for source in seen.model.sources.values()} == {State.OK}
    assert seen.verdicts("aws.s3.object-encryption-sample") == {"b-1/o": PASS}


# ------------------------------------------------------------ buckets and objects


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
async def test_a_bucket_under_awss_own_key_that_is_not_listed_is_usable(
    aws: Aws, watch: MakeWatch, algorithm: str
) -> None:
    own = aws.buckets()
    own.make("b-1")
    own.encryption("b-1", algorithm)
    seen = await watch().poll()
    assert seen.finding("aws.s3.kms-key-usable", "arn:aws:s3:::b-1").status is PASS


async def test_a_sample_encrypted_twice_is_of_the_class_double(aws: Aws, watch: MakeWatch) -> None:
    own, key = aws.buckets(), aws.region().key("payments")
    own.make("b-1")
    own.put("b-1", "o", b"x")
    found = own.s3.buckets["b-1"].keys["o"]
    found.encryption, found.kms_key_id = "aws:kms:dsse", key
    seen = await watch(also='object_sample = 1\n[tenant.policy]\nkeys = "double"').poll()
    assert seen.row("arn:aws:s3:::b-1/o").key_class is KeyClass.DOUBLE


async def test_the_report_of_the_whole_bucket_is_read_before_that_of_all_versions_of_a_part(
    aws: Aws, watch: MakeWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = aws.buckets()
    own.make("b-1")
    own.make("reports")
    own.inventory("b-1", "reports", {"a": "SSE-S3"}, versions="Current")
    asked = AwsClient._blocking

    def also_a_part(self: AwsClient, call: Call, *rest: Any) -> dict[str, Any]:
        answer = asked(self, call, *rest)
        if call is LIST_BUCKET_INVENTORY_CONFIGURATIONS and answer.get("InventoryConfigurationList"):
            whole = answer["InventoryConfigurationList"][0]
            answer["InventoryConfigurationList"].insert(
                0, {**whole, "Id": "part", "IncludedObjectVersions": "All", "Filter": {"Prefix": "x/"}}
            )
        return answer

    monkeypatch.setattr(AwsClient, "_blocking", also_a_part)
    seen = await watch(also="inventory = true").poll()
    finding = seen.finding("aws.s3.object-encryption-inventory", "arn:aws:s3:::b-1#inventory")
    assert (finding.status, finding.reason) == (WARN, "the inventory covers current versions only; there: 1 SSE-S3")


# ------------------------------------------------------------ what a cell says is what the control says


async def test_the_cell_of_a_bucket_reads_the_policy_as_the_control_does(aws: Aws, watch: MakeWatch) -> None:
    policies = {
        "shut": bucketpolicy.tls_only("shut"),
        "reads": bucketpolicy.tls_only_for_reads("reads"),
        "none": None,
        "unread": bucketpolicy.tls_only("unread"),
    }
    for name, policy in {**policies, "old-tls": bucketpolicy.tls_12("old-tls")}.items():
        aws.buckets().make(name, policy=policy)
    aws.deny("s3:GetBucketPolicy", bucket="unread")
    seen = await watch().poll()
    cells = {name: seen.row(f"arn:aws:s3:::{name}").cells[1] for name in (*policies, "old-tls")}
    statuses = {name: seen.finding("aws.s3.tls-only-policy", f"arn:aws:s3:::{name}").status for name in cells}
    words = {PASS: "yes", WARN: "in part", FAIL: "no", UNKNOWN: "?"}
    assert cells == {name: words[status] for name, status in statuses.items()}
    assert (cells["shut"], cells["reads"], cells["none"], cells["unread"]) == ("yes", "in part", "no", "?")
