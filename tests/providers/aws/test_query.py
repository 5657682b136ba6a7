"""What is asked of a query API without boto3's client is what boto3 asks, signed so that AWS takes it."""

import contextlib
import hashlib
import hmac
import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import pytest
from botocore.exceptions import ClientError

from posture.fault import Refused
from providers.aws.calls import DESCRIBE_CLASSIC, DESCRIBE_LISTENERS, DESCRIBE_LOAD_BALANCERS, DESCRIBE_TAGS, Call
from providers.aws.client import AwsClient
from providers.aws.query import error_of
from providers.aws.settings import AwsSettings
from providers.demo.aws import request, server
from providers.demo.aws.accounts import ENVIRONMENT
from providers.demo.aws.edge import FORWARD, Edge, for_host
from providers.source import TALLY, Tally
from tests.world.aws import Aws

Heard = list[tuple[Mapping[str, Any], bytes]]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    """What arrived: the environment of each request, and its body."""
    kept: Heard = []
    real = request.read

    def listening(environ: dict[str, Any]) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        kept.append((dict(environ), body))
        return real(environ)

    monkeypatch.setattr(server, "read", listening)
    return kept


@pytest.fixture
def client(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> AwsClient:
    for name, value in {**ENVIRONMENT, "AWS_SESSION_TOKEN": "token/of+a=session"}.items():
        monkeypatch.setenv(name, value)
    TALLY.set(Tally())
    return AwsClient(AwsSettings(endpoint_url=aws.url, regions=("us-east-1",)), "test")


def signature(environ: Mapping[str, Any], body: bytes) -> str:
    """Signature Version 4 of what arrived, by the specification (IAM User Guide, "Create a signed AWS API request")."""
    scheme, _, rest = environ["HTTP_AUTHORIZATION"].partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    names = parts["SignedHeaders"].split(";")
    known = {"content-type": environ["CONTENT_TYPE"]}
    lines = [f"{name}:{known.get(name) or environ['HTTP_' + name.upper().replace('-', '_')]}\n" for name in names]
    payload = hashlib.sha256(body).hexdigest()
    canonical = "\n".join(("POST", "/", "", "".join(lines), ";".join(names), payload))
    _, *scope = parts["Credential"].split("/")
    text = "\n".join(
        (scheme, environ["HTTP_X_AMZ_DATE"], "/".join(scope), hashlib.sha256(canonical.encode()).hexdigest())
    )
    key = f"AWS4{ENVIRONMENT['AWS_SECRET_ACCESS_KEY']}".encode()
    for word in scope:
        key = hmac.digest(key, word.encode(), "sha256")
    assert {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    assert parts["Signature"] == hmac.digest(key, text.encode(), "sha256").hex()
    return "/".join(scope[1:])


@pytest.mark.parametrize(
    ("call", "parameters"),
    [
        (DESCRIBE_LOAD_BALANCERS, {"PageSize": 400}),
        (DESCRIBE_LISTENERS, {"LoadBalancerArn": None, "PageSize": 400, "Marker": "page-&=+ /é"}),
        (DESCRIBE_TAGS, {"ResourceArns": None}),
        (DESCRIBE_CLASSIC, {"PageSize": 400}),
    ],
    ids=lambda given: given.operation if isinstance(given, Call) else "",
)
async def test_a_query_is_what_boto3_asks_and_is_signed_as_aws_wants_it(
    aws: Aws, client: AwsClient, heard: Heard, call: Call, parameters: dict[str, Any]
) -> None:
    web = Edge().balancer("web")
    asks = parameters | {name: [web] if name.endswith("s") else web for name, at in parameters.items() if at is None}
    with_boto3 = getattr(aws.client(call.service), call.method)
    with contextlib.suppress(Refused, ClientError):  # the marker is none that this server made
        await client.ask(call, "us-east-1", **asks)
    with contextlib.suppress(ClientError):
        with_boto3(**asks)
    (mine, body), (_, boto3s) = heard
    assert parse_qs(body.decode()) == parse_qs(boto3s.decode())
    assert signature(mine, body) == "us-east-1/elasticloadbalancing/aws4_request"
    await client.close()


async def test_an_answer_is_read_as_boto3_reads_it(aws: Aws, client: AwsClient) -> None:
    edge = Edge()
    web = edge.balancer("web")
    edge.listener(web, "HTTPS", 443, None, ([for_host("a.example.com")], FORWARD), certificate="arn:aws:acm:x")
    ours = await client.ask(DESCRIBE_LISTENERS, "us-east-1", LoadBalancerArn=web)
    theirs = aws.client("elbv2").describe_listeners(LoadBalancerArn=web)
    assert ours["Listeners"] == theirs["Listeners"]
    await client.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate</Message></Error></ErrorResponse>", "Throttling"),
        (b"<html><Code>AccessDenied</Code></html>", ""),
        (b"", ""),
        (b"<ErrorResponse><Error><Code>" + b"x" * 5000, ""),
    ],
)
def test_the_code_of_an_error_is_in_awss_words_or_there_is_none(body: bytes, said: str) -> None:
    assert error_of(body)[0] == said
