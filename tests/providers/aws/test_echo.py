"""A server that gives us our own request back as rows, as a broken gateway or a thief does: nothing of our
credentials is in what we read.
"""

import json
import time
from collections.abc import Callable
from html import escape
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from providers.aws.calls import (
    DESCRIBE_VOLUMES,
    GET_BUCKET_POLICY,
    GET_CALLER_IDENTITY,
    GET_INVENTORY_REPORT,
    LIST_BUCKETS,
    LIST_KEYS,
)
from providers.aws.client import AwsClient
from providers.aws.decode import Wire
from providers.aws.transport import secrets_of
from providers.refusals import without
from tests.world.awsserver import Handler, serving

ID, TOKEN = "AKIACANARYCANARY0042", "IQoJb3JpZ2luX2VjE/canary+session/token=="


def _said(one: Handler, written: Callable[[str], str]) -> str:
    return " ".join(written(f"{name}: {value}") for name, value in one.headers.items())


def _xml(root: str, before: str, after: str, written: Callable[[str], str]) -> Callable[[Handler], None]:
    return lambda one: one.whole(f"<{root}>{before}{escape(_said(one, written))}{after}</{root}>".encode())


def _json(name: str, written: Callable[[str], str]) -> Callable[[Handler], None]:
    return lambda one: one.whole(json.dumps({name: [{"KeyArn": _said(one, str)}]}).replace("/", written("/")).encode())


async def _rows(here: AwsClient, call: Any, name: str) -> Any:
    return [page async for page in here.pages(call, "us-east-1", name, ("NextToken", "NextToken"))]


VOLUME = (
    "DescribeVolumesResponse",
    "<volumeSet><item><tagSet><item><key>Name</key><value>",
    "</value></item></tagSet></item></volumeSet>",
)
IDENTITY = ("GetCallerIdentityResponse", "<GetCallerIdentityResult><UserId>", "</UserId></GetCallerIdentityResult>")
CASES: dict[str, tuple[Callable[[Handler], None], Callable[[AwsClient], Any]]] = {
    "a volume's tag": (_xml(*VOLUME, str), lambda here: _rows(here, DESCRIBE_VOLUMES, "Volumes")),
    "a volume's tag, as in a URL": (_xml(*VOLUME, quote), lambda here: _rows(here, DESCRIBE_VOLUMES, "Volumes")),
    "a volume's tag, as in a form": (
        _xml(*VOLUME, lambda text: quote(text, safe="")),
        lambda here: _rows(here, DESCRIBE_VOLUMES, "Volumes"),
    ),
    "a bucket's name": (
        _xml("ListAllMyBucketsResult", "<Buckets><Bucket><Name>", "</Name></Bucket></Buckets>", str),
        lambda here: _rows(here, LIST_BUCKETS, "Buckets"),
    ),
    "a key's name": (_json("Keys", str), lambda here: _rows(here, LIST_KEYS, "Keys")),
    "a key's name with slashes escaped": (
        _json("Keys", lambda text: text.replace("/", "\\/")),
        lambda here: _rows(here, LIST_KEYS, "Keys"),
    ),
    "a bucket's policy": (
        lambda one: one.whole(json.dumps({"Id": _said(one, str)}).encode()),
        lambda here: here.read_bucket(GET_BUCKET_POLICY, "b", "us-east-1"),
    ),
    "who we are": (_xml(*IDENTITY, str), lambda here: here.ask(GET_CALLER_IDENTITY, "us-east-1")),
    "an object": (
        lambda one: one.whole(_said(one, str).encode()),
        lambda here: here.ask(GET_INVENTORY_REPORT, "us-east-1", Bucket="b", Key="k"),
    ),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_server_that_repeats_our_request_as_rows_does_not_have_our_credentials_shown(
    name: str, account: Callable[[str], AwsClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", ID)
    monkeypatch.setenv("AWS_SESSION_TOKEN", TOKEN)
    answer, ask = CASES[name]
    sent: list[str] = []

    def answering(one: Handler) -> None:
        sent.append(one.headers["Authorization"].rpartition("Signature=")[2])
        answer(one)

    with serving(answering) as (url, _):
        here = account(url)
        told = str(await ask(here))
        await here.close()
    assert "[secret]" in told
    assert sent
    for secret in (TOKEN, ID, *sent):
        assert secret not in told
        assert quote(secret) not in told
        assert quote(secret, safe="") not in told


def test_looking_for_our_credentials_costs_next_to_nothing_beside_reading_a_page() -> None:
    """A thousand volumes, in CPU time of the same run."""
    item = "<item><volumeId>vol-{0:017x}</volumeId><size>8</size><encrypted>true</encrypted>"
    item += "<kmsKeyId>arn:aws:kms:eu-west-1:111122223333:key/{0:036x}</kmsKeyId>"
    item += (
        "<tagSet>"
        + "".join(f"<item><key>k{tag}</key><value>value/{tag}</value></item>" for tag in range(6))
        + "</tagSet></item>"
    )
    volumes = "".join(map(item.format, range(1000)))
    body = f"<DescribeVolumesResponse><volumeSet>{volumes}</volumeSet></DescribeVolumesResponse>".encode()
    shape = (
        boto3.client("ec2", region_name="us-east-1").meta.service_model.operation_model("DescribeVolumes").output_shape
    )
    secrets = secrets_of(
        {"X-Amz-Security-Token": TOKEN * 25, "Authorization": f"Credential={ID}/20261128/a/b, Signature={'0f' * 32}"}
    )
    wire = Wire(shape)

    def cost(work: Callable[[], object]) -> float:
        began = time.process_time()
        for _ in range(5):
            work()
        return time.process_time() - began

    cost(lambda: wire.decode(body))
    reading, looking = (
        min(cost(work) for _ in range(3)) for work in (lambda: wire.decode(body), lambda: without(body, *secrets))
    )
    assert looking < reading / 10, f"{looking / reading:.3f} of {reading / 5 * 1000:.1f} ms"
