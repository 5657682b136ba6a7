"""AWS's answers are bounded: listings that lead back or never end, bodies that never end or drip, and which way
requests for this machine travel.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from posture.fault import FaultKind, Refused
from posture.source import State
from posture.verdict import Status
from providers.aws.calls import (
    DESCRIBE_LAUNCH_TEMPLATE_VERSIONS,
    DESCRIBE_SNAPSHOTS,
    DESCRIBE_VOLUMES,
    GET_BUCKET_POLICY,
    GET_CALLER_IDENTITY,
    LIST_ALIASES,
    LIST_BUCKETS,
    LIST_INVENTORY_REPORTS,
    LIST_KEYS,
    Call,
)
from providers.aws.client import AwsClient
from providers.aws.ebs import TOKEN
from providers.aws.kms import MARKER
from providers.aws.objects import TOKEN as OBJECTS
from providers.aws.objects import _count
from providers.aws.s3 import TOKEN as BUCKETS
from providers.aws.settings import AwsSettings
from providers.demo.aws import bucketpolicy
from providers.limits import Limits
from tests.providers.conftest import Watch, World
from tests.world.aws import SECOND, Aws
from tests.world.awsserver import Handler, serving

MakeWatch = Callable[..., Watch]


# Call, what its answer lists, the tokens there and back, and a page with a row and a token.
LISTINGS: list[tuple[Call, str, tuple[str, str], str, dict[str, Any]]] = [
    (
        DESCRIBE_VOLUMES,
        "Volumes",
        TOKEN,
        "<volumeSet><item><volumeId>vol-{row}</volumeId></item></volumeSet><nextToken>{token}</nextToken>",
        {},
    ),
    (
        DESCRIBE_SNAPSHOTS,
        "Snapshots",
        TOKEN,
        "<snapshotSet><item><snapshotId>s-{row}</snapshotId></item></snapshotSet><nextToken>{token}</nextToken>",
        {},
    ),
    (
        DESCRIBE_LAUNCH_TEMPLATE_VERSIONS,
        "LaunchTemplateVersions",
        TOKEN,
        "<launchTemplateVersionSet><item><launchTemplateId>lt-{row}</launchTemplateId></item></launchTemplateVersionSet><nextToken>{token}</nextToken>",
        {},
    ),
    (
        LIST_BUCKETS,
        "Buckets",
        BUCKETS,
        "<Buckets><Bucket><Name>b-{row}</Name></Bucket></Buckets><ContinuationToken>{token}</ContinuationToken>",
        {},
    ),
    (
        LIST_INVENTORY_REPORTS,
        "CommonPrefixes",
        OBJECTS,
        "<CommonPrefixes><Prefix>p-{row}</Prefix></CommonPrefixes><NextContinuationToken>{token}</NextContinuationToken>",
        {"Bucket": "b-1"},
    ),
    (
        LIST_KEYS,
        "Keys",
        MARKER,
        '{{"Keys": [{{"KeyArn": "k-{row}"}}], "NextMarker": "{token}", "Truncated": true}}',
        {},
    ),
    (
        LIST_ALIASES,
        "Aliases",
        MARKER,
        '{{"Aliases": [{{"AliasArn": "a-{row}"}}], "NextMarker": "{token}", "Truncated": true}}',
        {},
    ),
]
NAMED = [call.operation for call, *_ in LISTINGS]


def _page(call: Call, inner: str, row: object, token: object) -> bytes:
    text = inner.format(row=row, token=token)
    return (f"<{call.root}>{text}</{call.root}>" if call.root else text).encode()


@pytest.mark.parametrize("listing", LISTINGS, ids=NAMED)
@pytest.mark.parametrize(
    ("row", "token", "code", "most"),
    [
        (lambda number: number, lambda number: "AB"[number % 2], "LoopingListing", 3),  # A, B, A, B
        (lambda number: number, lambda number: number, "EndlessListing", 5),  # ever new tokens and rows
        (lambda number: 0, lambda number: number, "LoopingListing", 1),  # ever new tokens, the same rows
    ],
    ids=["looping", "endless", "again"],
)
async def test_a_listing_that_does_not_end_is_ended_and_what_it_gave_is_kept(
    account: Callable[..., AwsClient],
    listing: tuple[Call, str, tuple[str, str], str, dict[str, Any]],
    row: Callable[[int], int],
    token: Callable[[int], object],
    code: str,
    most: int,
) -> None:
    call, answers, tokens, inner, parameters = listing
    asked: list[str]
    with serving(lambda one: one.whole(_page(call, inner, row(len(one.asked)), token(len(one.asked))))) as (url, asked):
        here, rows = account(url, Limits(most_pages=5)), list[object]()
        with pytest.raises(Refused) as ended:
            await _read_into(rows, here.pages(call, "us-east-1", answers, tokens, **parameters))
        assert (ended.value.fault.kind, ended.value.fault.code) == (FaultKind.ERROR, code)
        assert len(rows) == most
        assert len(asked) <= 5
        await here.close()


async def _read_into(rows: list[object], pages: AsyncIterator[list[dict[str, Any]]]) -> None:
    async for page in pages:
        rows += page


async def _lost(asking: Any) -> Refused:
    with pytest.raises(Refused) as refused:
        await asyncio.wait_for(asking, 30)
    return refused.value


async def test_a_body_without_end_is_let_go_of(account: Callable[..., AwsClient]) -> None:
    with serving(lambda one: one.endless(b"x" * 65536)) as (url, _):
        here = account(url, Limits(most_bytes=1 << 20))
        assert "longer than" in (await _lost(here.ask(GET_CALLER_IDENTITY, "us-east-1"))).fault.message
        assert "longer than" in (await _lost(here.read_bucket(GET_BUCKET_POLICY, "b-1", "us-east-1"))).fault.message
        await here.close()


@pytest.mark.parametrize("drip", [lambda one: one.endless(b"x", 0.02), Handler.endless_header], ids=["body", "header"])
async def test_an_answer_that_drips_is_ended_when_its_time_is_over_and_frees_its_thread(
    account: Callable[..., AwsClient], drip: Callable[[Handler], None]
) -> None:
    with serving(drip) as (url, _):
        here = account(url, Limits(whole=0.5))
        for asking in (
            here.ask(GET_CALLER_IDENTITY, "us-east-1"),
            here.read_bucket(GET_BUCKET_POLICY, "b-1", "us-east-1"),
        ):
            fault = (await _lost(asking)).fault
            assert fault.kind is FaultKind.UNREACHABLE
            assert "not whole after 0.5 s" in fault.message
        await here.close()


async def test_what_a_server_packs_unasked_is_not_unpacked(account: Callable[..., AwsClient]) -> None:
    with serving(lambda one: one.whole(b"\x1f\x8b" + b"\0" * 100, Content_Encoding="gzip")) as (url, _):
        here = account(url)
        for asking in (
            here.ask(GET_CALLER_IDENTITY, "us-east-1"),
            here.read_bucket(GET_BUCKET_POLICY, "b-1", "us-east-1"),
        ):
            assert (await _lost(asking)).fault.code == "UnreadableAnswer"
        await here.close()


async def test_requests_for_this_machine_take_no_proxy_and_carry_nothing_of_netrc(
    account: Callable[..., AwsClient], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".netrc").write_text("default login me password netrc-secret\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    seen: list[str] = []

    def answer(one: Handler) -> None:
        seen.append(str(one.headers))
        one.whole(b"<x/>")

    with serving(lambda one: one.whole(b"<proxy/>")) as (proxy, proxied), serving(answer) as (url, asked):
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        here = account(url)
        await _lost(here.ask(GET_CALLER_IDENTITY, "us-east-1"))
        await _lost(here.ask(LIST_BUCKETS, "us-east-1"))
        await _lost(here.read_bucket(GET_BUCKET_POLICY, "b-1", "us-east-1"))
        await here.close()
        assert asked
        assert proxied == []
        assert "Basic" not in "".join(seen)


@pytest.mark.parametrize(
    "unpacked",
    [b"\0" * (1 << 22), b"a\n" * 100, b"".join(b"%d,word-%d\n" % (n, n) for n in range(100))],
    ids=["a line", "short", "words"],
)
def test_a_file_of_a_report_that_unpacks_to_anything_is_refused(unpacked: bytes) -> None:
    with pytest.raises(Refused):
        _count(gzip.compress(unpacked), 1)


async def test_one_lost_answer_of_three_leaves_the_two_others_as_they_were_told(
    aws: Aws, watch: MakeWatch, world: World
) -> None:
    aws.faults.fail("ec2:GetSnapshotBlockPublicAccessState")
    seen = await watch().poll()
    assert seen.finding("aws.ebs.default-encryption-region", world.region).status is Status.PASS
    assert seen.finding("aws.ebs.snapshot-public", world.snapshot).status is Status.UNKNOWN
    source = seen.source("ec2")
    assert (source.state, source.fault and source.fault.operation) == (
        State.PARTIAL,
        "ec2:GetSnapshotBlockPublicAccessState",
    )
    aws.faults.clear()
    await seen.poll()
    assert seen.source("ec2").state is State.OK


async def test_a_role_is_assumed_within_the_same_bounds_also_for_a_buckets_setting(
    aws: Aws, account: Callable[..., AwsClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.buckets(SECOND).make("b-1", policy=bucketpolicy.tls_only("b-1"))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    here = AwsClient(
        AwsSettings(endpoint_url=aws.url, regions=("us-east-1",), role_arn=f"arn:aws:iam::{SECOND}:role/enctop-read"),
        "test",
    )
    assert "Statement" in await here.read_bucket(GET_BUCKET_POLICY, "b-1", "us-east-1")
    open_ways = len(here._transports)
    for _ in range(3):  # as when its credentials are renewed
        here._sts("sts").close()
    assert len(here._transports) == open_ways, "a renewal opens no way of its own that stays until the end"
    await here.close()
