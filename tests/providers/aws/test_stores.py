"""RDS, EFS and EKS asked over a socket: how little is asked, what a refusal leaves, which key all of it hangs on."""

from collections import Counter
from collections.abc import Callable

import pytest

from posture.dependents import Dependents
from posture.source import State
from posture.verdict import Status
from providers.demo.aws.accounts import ACCOUNT
from providers.demo.aws.stores import Stores
from tests.providers.conftest import Watch
from tests.world.aws import Aws

Made = Callable[..., Watch]
ENCRYPTED, PUBLIC, SECRETS = "aws.rds.encrypted", "aws.rds.snapshot-public", "aws.eks.secrets-encryption"


def asked(aws: Aws, *services: str) -> Counter[str]:
    named = (entry.operation.partition(":") for entry in aws.log)
    return Counter(operation for service, _, operation in named if service in services)


async def test_only_what_can_be_public_is_asked_about(aws: Aws, watch: Made) -> None:
    stores = Stores()
    stores.database("good")
    stores.database("plain", encrypted=False)
    stores.database_cluster("bare", encrypted=False)
    for number in range(120):
        stores.database_snapshot("good", f"good-{number}")
    stores.database_snapshot("plain", "rds:plain-1", kind="automated")
    stores.database_snapshot("plain", "open", public=True)
    stores.database_snapshot("plain", "shut")
    stores.database_snapshot("bare", "bare-open", public=True)
    seen = await watch().poll()
    assert asked(aws, "rds") == {
        "DescribeDBInstances": 1,
        "DescribeDBClusters": 1,
        "DescribeDBSnapshots": 2,
        "DescribeDBClusterSnapshots": 1,
        "DescribeDBSnapshotAttributes": 2,
        "DescribeDBClusterSnapshotAttributes": 1,
    }
    public = {name for name, status in seen.verdicts(PUBLIC).items() if status is Status.FAIL}
    assert public == {"open", "bare-open"}
    assert len(seen.verdicts(PUBLIC)) == 124
    row = seen.row(f"arn:aws:rds:us-east-1:{ACCOUNT}:snapshot:open").resource
    assert row.cells == ("plain", "PUBLIC", "100 GiB")


@pytest.mark.parametrize("kind", ["deny", "fail"])
async def test_one_listing_that_is_refused_or_lost_leaves_the_others(aws: Aws, watch: Made, kind: str) -> None:
    stores = Stores()
    stores.database("good")
    stores.database_snapshot("good", "good-1")
    seen = await watch().poll()
    stores.database("later", encrypted=False)
    getattr(aws.faults, kind)("rds:DescribeDBClusters")
    await seen.poll()
    assert seen.verdicts(ENCRYPTED) == {"good": Status.PASS, "good-1": Status.PASS, "later": Status.FAIL}
    source = seen.source("rds")
    assert source.state is State.PARTIAL
    assert source.fault is not None
    assert source.fault.operation == "rds:DescribeDBClusters"


async def test_who_may_not_read_databases_at_all_is_denied(aws: Aws, watch: Made) -> None:
    Stores().database("good")
    aws.deny("rds:*")
    seen = await watch().poll()
    assert seen.source("rds").fault is not None
    assert seen.verdicts(ENCRYPTED) == {}


async def test_whether_a_snapshot_is_public_is_unknown_where_that_may_not_be_asked(aws: Aws, watch: Made) -> None:
    stores = Stores()
    stores.database("plain", encrypted=False)
    arn = stores.database_snapshot("plain", "open", public=True)
    aws.deny("rds:DescribeDBSnapshotAttributes")
    finding = (await watch().poll()).finding(PUBLIC, arn)
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "rds:DescribeDBSnapshotAttributes"


async def test_clusters_are_described_one_by_one_and_a_refusal_is_of_one(aws: Aws, watch: Made) -> None:
    stores = Stores()
    fine, shut = stores.cluster("fine"), stores.cluster("shut")
    aws.faults.deny("eks:DescribeCluster", "shut")
    seen = await watch().poll()
    assert asked(aws, "eks") == {"ListClusters": 1, "DescribeCluster": 2}
    assert seen.finding(SECRETS, fine).status is Status.PASS
    finding = seen.finding(SECRETS, shut)
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "eks:DescribeCluster"
    stores.eks.clusters.pop("fine")
    await seen.poll()
    assert seen.model.entry(fine) is None


async def test_all_that_is_under_a_key_hangs_on_it(aws: Aws, watch: Made) -> None:
    """What it reaches, its state as a finding, and a key of another account; a volume of a cluster is not the
    cluster's.
    """
    home, stores = aws.region(), Stores()
    dying = home.key("dying", deleted_in=5)
    volume = home.volume({"CSIVolumeName": "pv", "kubernetes.io/cluster/c": "owned"})
    made = {
        stores.database("d", key=dying),
        stores.database_cluster("c", key=dying),
        stores.database_snapshot("d", "d-1"),
        stores.file_system("f", key=dying),
        stores.cluster("c", key=dying),
    }
    foreign = "arn:aws:kms:us-east-1:999988887777:key/0f0f0f0f-1111-4222-8333-444444444444"
    stores.database("abroad", key=foreign)
    seen = await watch().poll()
    key = seen.row(dying)
    assert key.findings["aws.kms.key-state"].status is Status.FAIL
    users = key.findings["aws.kms.key-state"].evidence["users"]
    assert users == {
        "cluster": 1,
        "database": 2,
        "file-system": 1,
        "snapshot": 1,
    }
    reach = Dependents(seen.model, key)
    list(reach.walk())
    assert set(reach.found) == made
    assert volume not in reach.found
    assert seen.row(foreign).resource.scope == "999988887777"


async def test_a_key_that_nothing_seen_uses_is_not_cleared_while_databases_are_not_read(aws: Aws, watch: Made) -> None:
    dying = aws.region().key("dying", deleted_in=5)
    aws.deny("rds:*")
    assert (await watch().poll()).finding("aws.kms.key-state", dying).status is Status.UNKNOWN
