"""acme while one watches: every few seconds somebody does something, and some of it is put right again."""

import heapq
import itertools
import threading
import time
from collections.abc import Callable

from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.aws.world import World

Undo = Callable[[], object]
PAUSE = (2.0, 6.0)
"""Seconds between two things that happen."""


def live(world: World, stopped: threading.Event, *, speed: float = 1.0) -> None:
    """Change the world until `stopped`; `speed` 60 makes a minute of it a second. Runs in a thread of its own."""
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
    made = getattr(region, "forgotten", None)
    if made is not None:
        region.delete_volume(made)
    vars(region)["forgotten"] = arn
    return 60.0, lambda: region.encrypt(arn)


def _bucket_loses_its_policy(world: World) -> tuple[float, Undo]:
    """A deployment takes the TLS-only policy away, the next one brings it back."""
    own, name = world.buckets[ACCOUNT], world.guarded_bucket
    own.policy(name, None)
    return 45.0, lambda: own.policy(name, bucketpolicy.tls_12(name))


def _key_is_scheduled_for_deletion(world: World) -> tuple[float, Undo]:
    """Somebody tidies up keys, somebody else notices."""
    region = next(r for r in world.regions.values() if world.calm_key.startswith(f"arn:aws:kms:{r.name}:{r.account}:"))
    region.schedule_deletion(world.calm_key)
    return 40.0, lambda: region.cancel_deletion(world.calm_key)


ROUND: tuple[Callable[[World], tuple[float, Undo]], ...] = (
    *(_volume_comes, _somebody_forgets_to_encrypt, _volume_comes, _bucket_loses_its_policy),
    *(_volume_comes,) * 4,
    _key_is_scheduled_for_deletion,
    *(_volume_comes,) * 9,
)
"""What happens, over and over; each does its deed and says after how many seconds it is undone, and how.

A round takes longer than the longest wait in it, so that nothing is done twice before it is undone.
"""
