"""The simulated tenants: believable, repeatable, and moving."""

import threading
import time
import tomllib
from collections import Counter

from posture.verdict import Status
from providers.demo.aws import world
from providers.demo.aws.accounts import ACCOUNT, REGIONS, SECOND
from providers.demo.aws.answers.cloudfront import backend_of
from providers.demo.aws.edge import Edge
from providers.demo.aws.live import live
from tests.world.aws import Aws

STORES = tuple(f"arn:aws:{service}:" for service in ("rds", "elasticfilesystem", "eks", "iam"))


def census(acme: world.World) -> dict[str, list[str]]:
    """Everything acme has, by its ids."""
    return {r.id: [*r.ec2.volumes, *r.ec2.snapshots, *r.kms.keys] for r in acme.regions.values()} | {
        a: list(b.s3.buckets) for a, b in acme.buckets.items()
    }


def test_acme_is_the_same_in_every_run(aws: Aws) -> None:
    first = census(world.seed(aws.faults))
    aws.reset()
    assert census(world.seed(aws.faults)) == first


def test_acme_has_a_believable_size_and_a_handful_of_defects(aws: Aws) -> None:
    started = time.process_time()
    acme = world.seed(aws.faults)
    assert time.process_time() - started < 10
    volumes = [v for r in acme.regions.values() for v in r.ec2.volumes.values()]
    assert 600 <= len(volumes) <= 900
    assert sum(not v.encrypted for v in volumes) == 4
    assert sum(len(r.ec2.snapshots) for r in acme.regions.values()) == 150
    buckets = [b for own in acme.buckets.values() for b in own.s3.buckets.values()]
    assert (len(buckets), len({b.region_name for b in buckets})) == (120, 3)
    dying = next(k for r in acme.regions.values() for k in r.kms.keys.values() if k.key_state == "PendingDeletion")
    assert sum(v.kms_key_id == dying.arn for v in volumes) == 12


def test_the_configuration_is_toml_with_two_accounts_and_one_exception() -> None:
    (tenant,) = tomllib.loads(world.configuration("http://127.0.0.1:1"))["tenant"]
    assert [sorted(block) for block in tenant["aws"]] == [
        ["endpoint_url", "identity_center", "regions", "who"],
        ["endpoint_url", "regions", "role_arn", "who"],
    ]
    assert len(tenant["policy"]["exception"]) == 1


def test_acme_changes_while_one_watches_and_is_put_right(aws: Aws) -> None:
    acme, stopped = world.seed(aws.faults), threading.Event()
    bare = acme.regions[SECOND, "eu-west-1"]
    guarded, key = acme.buckets[ACCOUNT].s3.buckets[acme.guarded_bucket], acme.calm_key
    seen: Counter[str] = Counter()
    thread = threading.Thread(target=live, args=(acme, stopped), kwargs={"speed": 400.0})
    thread.start()
    end = time.monotonic() + 1.5
    while time.monotonic() < end:
        seen["plaintext"] += any(
            not v.encrypted and v.size == 100 and v.ec2_backend.tags[v.id]["Name"].startswith("load")
            for v in list(bare.ec2.volumes.values())
        )
        seen["policy"] += guarded.policy is None
        seen["encrypted"] += guarded.policy is not None
        seen["dying"] += any(
            k.arn == key and k.key_state == "PendingDeletion"
            for r in acme.regions.values()
            for k in r.kms.keys.values()
        )
        time.sleep(0.002)
    stopped.set()
    thread.join(5)
    assert all(seen[what] for what in ("plaintext", "policy", "encrypted", "dying")), seen


def test_the_big_tenant_is_whole_and_its_truth_names_every_thing(aws: Aws) -> None:
    known = aws.big()
    places = [aws.region(name, account) for account in (ACCOUNT, SECOND) for name in REGIONS]
    volumes = {f"arn:aws:ec2:{r.name}:{r.account}:volume/{v}" for r in places for v in r.ec2.volumes}
    snapshots = {f"arn:aws:ec2:{r.name}::snapshot/{s}" for r in places for s in r.ec2.snapshots}
    templates = {
        f"arn:aws:ec2:{r.name}:{r.account}:launch-template/{t}" for r in places for t in r.ec2.launch_templates
    }
    keys = {k.arn for r in places for k in r.kms.keys.values()}
    buckets = {b.arn for account in (ACCOUNT, SECOND) for b in aws.buckets(account).s3.buckets.values()}
    assert (len(volumes), len(snapshots), len(keys), len(buckets)) == (10_000, 3_000, 50, 2_000)
    others = {arn for arn in known if arn.startswith(STORES)}
    assert len(others) == 4 * 19 + 2 * 6
    edges = [Edge(place.name, place.account) for place in places]
    balancers = [one for edge in edges for one in edge.elbv2.load_balancers.values()]
    doors = {door for one in balancers for door in (one.arn, *one.listeners)}
    doors |= {arn for edge in edges for arn in edge.acm._certificates}
    doors |= {one.arn for account in (ACCOUNT, SECOND) for one in backend_of(account).distributions.values()}
    classic = {id for id in known if ":loadbalancer/classic" in id}
    assert len(classic) == 4 * len(places)
    made = volumes | snapshots | templates | keys | buckets | doors | classic
    assert set(known) - others == made | {r.id for r in places}
    assert {status for statuses in known.values() for status in statuses.values()} == set(Status)


def test_the_golden_cases_are_all_there(aws: Aws) -> None:
    made = aws.golden()
    assert set(made.cases) == {*range(1, 12), 34, 36}
    assert set(made.cases.values()) <= set(made.truth)
