"""What enctop did not see, it says that it did not see: no PASS out of a region, a page or a key that nobody asked about."""

from collections.abc import Callable

import pytest

from posture.fault import FaultKind
from posture.source import State
from posture.verdict import Status
from providers.aws.calls import DESCRIBE_VOLUMES
from providers.aws.faults import answered
from providers.demo.accounts import ACCOUNT
from tests.providers.conftest import Watch, configuration
from tests.world.aws import Aws

FAIL, UNKNOWN, WARN, PASS, NA = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.NOT_APPLICABLE
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
