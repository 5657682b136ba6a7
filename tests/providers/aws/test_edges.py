"""What AWS's answers mean at the edges: keys that are not there, buckets known by name only, tags that name two
tenants, a policy full of stars.
"""

import json
import time
from collections.abc import Callable

import pytest

from posture.model import Model
from posture.resource import Resource
from posture.rollup import UNASSIGNED
from posture.snapshot import take
from posture.source import State
from posture.verdict import Status
from providers.aws.client import AwsClient
from providers.aws.kms import ForeignKeys
from providers.aws.source import Claims, Shared
from providers.demo.aws import bucketpolicy
from providers.tenancy import Tenancy
from tests.providers.conftest import Watch, World, configuration
from tests.world.aws import ACCOUNT, SECOND, Aws
from tests.world.awsserver import Handler, serving

FAIL, UNKNOWN, PASS = Status.FAIL, Status.UNKNOWN, Status.PASS
MakeWatch = Callable[..., Watch]


# ------------------------------------------------------------ what Kubernetes calls them


async def test_volumes_and_snapshots_are_found_by_the_bare_ids_that_a_cluster_knows(aws: Aws, watch: MakeWatch) -> None:
    home = aws.region()
    made_for = {"CSIVolumeName": "pvc-1", "ebs.csi.aws.com/cluster-name": "prod"}
    owned = {"kubernetes.io/cluster/prod": "owned"}
    ours, in_tree = home.volume(made_for), home.volume({**owned, "kubernetes.io/created-for/pv/name": "pvc-2"})
    root = home.volume(owned, instance="i-0123456789abcdef0", device="/dev/xvda")
    data = home.volume(instance="i-0123456789abcdef1")
    snapshot = home.snapshot(ours)
    model = (await watch().poll()).model
    for arn in (ours, in_tree, root, data, snapshot):
        assert entry_of(model, arn.rpartition("/")[2]).id == arn
    assert entry_of(model, "i-0123456789abcdef0").id == root, "the disk that a node starts from"
    assert model.entry("i-0123456789abcdef1") is None
    cluster = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/prod"
    assert [entry_of(model, arn).link("cluster") for arn in (ours, in_tree, root)] == [cluster, cluster, None]


def entry_of(model: Model, name: str) -> Resource:
    entry = model.entry(name)
    assert entry is not None
    return entry.resource


# ------------------------------------------------------------ keys that are not there


@pytest.mark.parametrize("named", ["key", "arn", "alias"])
async def test_a_key_that_kms_says_does_not_exist_is_a_fail_in_the_first_poll_already(
    aws: Aws, watch: MakeWatch, named: str
) -> None:
    home, gone = aws.region(), "11111111-2222-3333-4444-555555555555"
    arn = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/{gone}"
    lost = home.volume(key=home.key("lost"))
    home.ec2.volumes[lost.rpartition("/")[2]].kms_key_id = arn
    aws.buckets().make("b-1", algorithm="AES256")
    aws.buckets().encryption("b-1", "aws:kms", {"key": gone, "arn": arn, "alias": "alias/nobody"}[named])
    seen = await watch().poll()
    for control, resource in (("aws.ebs.kms-key-usable", lost), ("aws.s3.kms-key-usable", "arn:aws:s3:::b-1")):
        finding = seen.finding(control, resource)
        assert (finding.status, finding.reason) == (FAIL, "key does not exist")
    await seen.poll()
    assert seen.finding("aws.s3.kms-key-usable", "arn:aws:s3:::b-1").status is FAIL, "and stays one"


async def test_awss_own_key_that_was_never_used_is_missed_by_nobody(aws: Aws, watch: MakeWatch) -> None:
    aws.buckets().make("b-1", algorithm="AES256")
    aws.buckets().encryption("b-1", "aws:kms", None)
    seen = await watch().poll()
    assert seen.finding("aws.s3.kms-key-usable", "arn:aws:s3:::b-1").status is PASS


@pytest.mark.parametrize(("owner", "told"), [(ACCOUNT, True), (SECOND, False)])
async def test_only_of_our_own_accounts_keys_does_not_found_say_that_there_is_none(
    account: Callable[[str], AwsClient], owner: str, told: bool
) -> None:
    """KMS asks another account's policy before it says anything of its keys: what it does not show may be there."""

    def answer(one: Handler) -> None:
        one.send_response(400)
        body = json.dumps({"__type": "NotFoundException", "message": "Key does not exist"}).encode()
        one.send_header("Content-Length", str(len(body)))
        one.end_headers()
        one.wfile.write(body)

    with serving(answer) as (url, _):
        here = account(url)
        here.number = ACCOUNT
        keys = ForeignKeys(here, Tenancy({"acme": None}), "", 60.0, Shared(Claims()))
        key, fault = await keys._read(f"arn:aws:kms:eu-west-1:{owner}:key/11111111-2222-3333-4444-555555555555")
        assert key is not None
        assert key.fields.get("NotFound", False) is told
        assert told is (fault is None)
        assert told is ("kms:DescribeKey" not in key.faults)
        await here.close()


# ------------------------------------------------------------ throttled


async def test_buckets_known_by_name_stand_there_unknown_when_throttling_outlasts_the_timeout(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.throttle("s3:GetBucket*", None, retry_after=30)
    aws.throttle("s3:GetPublicAccessBlock", None, retry_after=30)
    seen = watch()
    await seen.poller.once(seen.collector.sources(), 4.0)
    snapshot = take(seen.model, seen.collector._now(), "test")
    rows = {row.id for row in snapshot.resources}
    assert set(world.buckets) <= rows
    seen.model.tick(seen.collector._now())
    for bucket in world.buckets:
        assert seen.finding("aws.s3.default-encryption", bucket).status is UNKNOWN
    assert seen.source("s3").state is not State.OK


# ------------------------------------------------------------ tags


@pytest.mark.parametrize(
    ("tags", "tenant"),
    [
        ([("tenant", "acme")], "acme"),
        ([("tenant", "acme"), ("customer", "globex")], UNASSIGNED),
        ([("customer", "globex"), ("tenant", "acme")], UNASSIGNED),
        ([("customer", "globex"), ("tenant", "other")], "globex"),
        ([("customer", "globex"), ("customer", "globex")], "globex"),
        ([("tenant", "other")], UNASSIGNED),
        ([], UNASSIGNED),
    ],
)
def test_tags_that_name_two_tenants_make_a_resource_neithers(tags: list[tuple[str, str]], tenant: str) -> None:
    shared = Tenancy({"acme": "tenant=acme", "globex": "customer=globex"})
    assert shared.of(tags) == tenant


async def test_a_volume_of_two_tenants_is_unassigned_and_both_are_told(aws: Aws, watch: MakeWatch) -> None:
    both = aws.region().volume({"tenant": "acme", "customer": "globex"}, encrypted=False)
    one = configuration(aws, also='tag = "tenant=acme"')
    two = configuration(aws, tenant="globex", also='tag = "customer=globex"').partition("[[tenant]]")[2]
    seen = await watch(text=f"{one}\n[[tenant]]{two}").poll()
    assert seen.row(both).resource.tenant == UNASSIGNED
    for tenant in ("acme", "globex"):
        coverage = next(
            found for name, found in seen.row(f"enctop://{tenant}").findings.items() if "unassigned" in found.evidence
        )
        assert (coverage.status, coverage.reason) == (
            Status.WARN,
            "1 resources carry no tenant's tag, or several tenants'",
        ), coverage


# ------------------------------------------------------------ stars


async def test_a_bucket_policy_of_hundreds_of_stars_costs_no_more_than_another(aws: Aws, watch: MakeWatch) -> None:
    own = aws.buckets()
    own.make("b-1", policy=bucketpolicy.tls_only("b-1"))

    async def cost() -> tuple[float, Watch]:
        seen = watch()
        began = time.process_time()
        await seen.poll()
        return time.process_time() - began, seen

    plain = min([(await cost())[0] for _ in range(2)])
    policy = json.loads(bucketpolicy.tls_only("b-1"))
    policy["Statement"][0]["Resource"] = [
        f"arn:aws:s3:::{'a*' * 400}b",
        f"arn:aws:s3:::{'*?' * 400}x",
        "arn:aws:s3:::" + "*" * 800 + "-",
    ]
    own.policy("b-1", json.dumps(policy))
    starred, seen = await cost()
    assert starred < 3 * plain + 0.2
    assert seen.finding("aws.s3.tls-only-policy", "arn:aws:s3:::b-1").status is not PASS
