"""acme while one watches: every few seconds somebody does something, and some of it is put right again."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from providers.demo.aws import bucketpolicy, trail
from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.aws.seed import Region
from providers.demo.aws.world import World

TRAIL_LAG = 20.0
"""Seconds after which CloudTrail tells of an event here: nobody watches a demo for five minutes."""
Undo = Callable[[], object]
PAUSE = (2.0, 6.0)
"""Seconds between two things that happen."""


def live(world: World, stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Change the world until `stopped`; `speed` 60 makes a minute of it a second. Runs in a thread of its own."""
    trail.lag.seconds = TRAIL_LAG / speed
    putting_right: list[tuple[float, int, Undo]] = []
    order = itertools.count()
    round_about = itertools.cycle(ROUND)
    while not stopped.wait(world.chance.uniform(*PAUSE) / speed):
        while putting_right and putting_right[0][0] <= time.monotonic():
            heapq.heappop(putting_right)[2]()
        seconds, undo = next(round_about)(world)
        heapq.heappush(putting_right, (time.monotonic() + seconds / speed, next(order), undo))


def _volume_comes(world: World) -> tuple[float, Undo]:
    """A build's scratch volume, encrypted, for a while."""
    region = world.chance.choice(list(world.regions.values()))
    name = f"build-agent-{world.chance.randrange(1000):03}"
    arn = region.volume({"Name": name, "team": "build", "tenant": "acme"}, size=40)
    _wrote(region, "ec2:CreateVolume", _last(arn), by=trail.role("build-agent", name, region.account))
    return world.chance.uniform(20, 90), lambda: region.delete_volume(arn)


def _somebody_forgets_to_encrypt(world: World) -> tuple[float, Undo]:
    """Where encryption by default is off, a volume is made in plaintext; a minute later it is encrypted, and goes
    with the next one.
    """
    region = world.regions[SECOND, "eu-west-1"]
    arn = region.volume(
        {"Name": f"load-test-{world.chance.randrange(100):02}", "team": "orders", "tenant": "acme"},
        encrypted=False,
        size=100,
    )
    by = trail.role("load-test", "dana@acme.example", SECOND)
    _wrote(region, "ec2:CreateVolume", _last(arn), by=by, agent=trail.CLI)
    made = getattr(region, "forgotten", None)
    if made is not None:
        region.delete_volume(made)
    vars(region)["forgotten"] = arn
    return 60.0, lambda: region.encrypt(arn)


def _bucket_loses_its_policy(world: World) -> tuple[float, Undo]:
    """A deployment takes the TLS-only policy away, the next one brings it back."""
    own, name = world.buckets[ACCOUNT], world.guarded_bucket
    place = Region(own.s3.buckets[name].region_name, ACCOUNT)
    deploys = trail.role("deploy", "run-9071")

    def bring_back() -> None:
        own.policy(name, bucketpolicy.tls_12(name))
        _wrote(place, "s3:PutBucketPolicy", name, by=deploys)

    own.policy(name, None)
    _wrote(place, "s3:DeleteBucketPolicy", name, by=deploys)
    return 45.0, bring_back


def _key_is_scheduled_for_deletion(world: World) -> tuple[float, Undo]:
    """Somebody tidies up keys, somebody else notices."""
    region = next(r for r in world.regions.values() if world.calm_key.startswith(f"arn:aws:kms:{r.name}:{r.account}:"))
    region.schedule_deletion(world.calm_key)
    by = trail.role("admin", "alice@acme.example", region.account)
    _wrote(region, "kms:ScheduleKeyDeletion", world.calm_key, by=by, agent=trail.CONSOLE)
    return 40.0, lambda: region.cancel_deletion(world.calm_key)


def _wrote(region: Region, operation: str, name: str, by: Mapping[str, Any], agent: str = trail.TERRAFORM) -> None:
    trail.record(operation, name, by=by, account=region.account, region=region.name, agent=agent)


def _last(arn: str) -> str:
    return arn.rpartition("/")[2]


ROUND: tuple[Callable[[World], tuple[float, Undo]], ...] = (
    *(_volume_comes, _somebody_forgets_to_encrypt, _volume_comes, _bucket_loses_its_policy),
    *(_volume_comes,) * 4,
    _key_is_scheduled_for_deletion,
    *(_volume_comes,) * 9,
)
"""What happens, over and over; each does its deed and says after how many seconds it is undone, and how.

A round takes longer than the longest wait in it, so that nothing is done twice before it is undone.
"""
