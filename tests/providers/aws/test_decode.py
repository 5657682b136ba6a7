"""The lean decoder gives what botocore's own parser gives, for less."""

import sys
import time
import urllib.parse
import urllib.request
from typing import Any

import botocore.session
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.parsers import create_parser

from providers.aws.calls import DESCRIBE_VOLUMES
from providers.aws.decode import UnreadablePage, Wire
from providers.aws.source import Rows
from tests.world.aws import Aws

EC2 = botocore.session.Session().get_service_model("ec2")


def _body(aws: Aws, operation: str) -> bytes:
    """The bytes EC2 answers with."""
    data = urllib.parse.urlencode({"Action": operation, "Version": EC2.api_version, "MaxResults": 500})
    request = AWSRequest(
        "POST", aws.url + "/", data=data, headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    SigV4Auth(Credentials("AKIASIMULATEDACME000", "simulated"), "ec2", "us-east-1").add_auth(request)
    prepared = request.prepare()
    with urllib.request.urlopen(
        urllib.request.Request(prepared.url, data=data.encode(), headers=dict(prepared.headers))
    ) as answer:
        return bytes(answer.read())


def _botocore(body: bytes, operation: str) -> Any:
    parser = create_parser("ec2")
    parser._timestamp_parser = lambda text: text
    parsed = parser.parse(
        {"status_code": 200, "headers": {}, "body": body}, EC2.operation_model(operation).output_shape
    )
    return {name: value for name, value in parsed.items() if name != "ResponseMetadata"}


@pytest.fixture
def page(aws: Aws) -> bytes:
    """A page of 500 volumes of every sort."""
    region = aws.region()
    key = region.key("app")
    for number in range(500):
        tags = {"Name": f"pg-{number} <&> ü", "team": "payments"}
        region.volume(
            tags,
            encrypted=bool(number % 7),
            key=key if number % 3 else None,
            instance=f"i-{number:017x}" if number % 2 else None,
        )
    return _body(aws, "DescribeVolumes")


def test_a_page_of_volumes_is_what_botocore_reads_in_it(page: bytes) -> None:
    lean = Wire(EC2.operation_model("DescribeVolumes").output_shape).decode(page, "DescribeVolumesResponse")
    assert len(lean["Volumes"]) == 500
    assert lean == _botocore(page, "DescribeVolumes")


def test_decoding_costs_a_fraction_of_botocores(page: bytes) -> None:
    wire = Wire(EC2.operation_model("DescribeVolumes").output_shape)
    wire.decode(page, "DescribeVolumesResponse")

    def cost(decode: Any) -> float:
        taken = []
        for _ in range(3):
            start = time.process_time()
            decode()
            taken.append(time.process_time() - start)
        return min(taken)

    lean, whole = (
        cost(lambda: wire.decode(page, "DescribeVolumesResponse")),
        cost(lambda: _botocore(page, "DescribeVolumes")),
    )
    sys.stderr.write(
        f"\na volume costs {lean / 500 * 1e6:.0f} us lean, {whole / 500 * 1e6:.0f} us in botocore without its"
        " timestamps\n"
    )
    assert lean <= 0.6 * whole


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>proxy</body></html>",
        b"<DescribeVolumesResponse><volumeSet><item><volumeId>vol-1</volumeId>",
    ],
)
def test_what_is_no_page_is_unreadable_and_never_an_empty_one(body: bytes) -> None:
    with pytest.raises(UnreadablePage):
        Wire(EC2.operation_model("DescribeVolumes").output_shape).decode(body, "DescribeVolumesResponse")


@pytest.mark.parametrize("word", ["maybe", "TRUE", "1", "", "null"])
def test_a_field_that_is_not_of_its_type_stays_a_text_and_the_rest_stands(word: str) -> None:
    row = f"<item><volumeId>vol-1</volumeId><encrypted>{word}</encrypted><size>{word or 'ten'}x</size></item>"
    body = f"<volumeSet>{row}<item><encrypted>true</encrypted></item></volumeSet>"
    body = f"<DescribeVolumesResponse>{body}</DescribeVolumesResponse>"
    page = Wire(EC2.operation_model("DescribeVolumes").output_shape).decode(body.encode(), "DescribeVolumesResponse")
    assert page["Volumes"] == [
        {"VolumeId": "vol-1", "Encrypted": word, "Size": f"{word or 'ten'}x"},
        {"Encrypted": True},
    ]


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"VolumeId": "vol-1", "Encrypted": True}, None),
        ({"VolumeId": "vol-1"}, None),
        ({"VolumeId": "vol-1", "Encrypted": "banana"}, "Encrypted is str, not bool"),
        ({"VolumeId": "vol-1", "Encrypted": 1}, "Encrypted is int, not bool"),
    ],
)
def test_a_field_of_another_type_is_told_by_the_source_and_its_row_stands(
    row: dict[str, object], says: str | None
) -> None:
    rows = Rows(DESCRIBE_VOLUMES, "VolumeId", types={"Encrypted": bool})
    assert rows.of([row, {"VolumeId": "vol-2", "Encrypted": False}], dict) == [
        row,
        {"VolumeId": "vol-2", "Encrypted": False},
    ]
    assert (None if rows.odd is None else rows.odd.message, rows.fault) == (says, None)
