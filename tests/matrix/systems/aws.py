"""AWS: moto, with a small account in it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from providers.demo.answer import Answer
from providers.demo.aws import bucketpolicy, server
from providers.demo.aws import request as asked
from providers.demo.aws.accounts import ENVIRONMENT
from providers.demo.aws.faults import AwsFaults
from providers.demo.aws.seed import Buckets, Region
from providers.demo.aws.stores import People, Stores
from tests.matrix.cell import Place
from tests.matrix.front import Line, Request
from tests.matrix.system import System

T = TypeVar("T", Request, Answer)


class AwsSystem(System):
    """Two volumes, a snapshot, a bucket and a key; a database, a file system, a cluster and a user."""

    name, provider = "AWS", "aws"
    good, bad = "aws.kms.key-state", "aws.ebs.volume-encrypted"
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {
        # KMS says that the key does not exist
        "back empty": frozenset({"aws.ebs.default-encryption-region", "aws.kms.key-state", "aws.ebs.kms-key-usable"})
    }
    environment: ClassVar[Mapping[str, str]] = ENVIRONMENT

    def __init__(self, folder: Path) -> None:
        self._server = server.start()
        self._server.reset()
        home = Region()
        key = home.key("payments")
        home.snapshot(home.volume(key=key))
        home.volume(encrypted=False)
        Buckets().make("ledger", policy=bucketpolicy.tls_12("ledger"))
        stores = Stores()
        stores.database_snapshot("ledger", stores.database("ledger", key=key).rpartition(":")[2])
        stores.file_system("share", key=key)
        stores.cluster("prod", key=key)
        People().user("alice")

    def stop(self) -> None:
        """End moto, and forget what was in it."""
        self._server.reset()
        self._server.stop()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._server.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """One account, one region; what vouches for https stands in the environment."""
        return f'[[tenant.aws]]\nendpoint_url = "{url}"\nregions = ["us-east-1"]\nallow_plaintext = true\n'

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """In the words of the service that was asked."""
        faults = AwsFaults()
        kinds: dict[str, Callable[[], object]] = {
            "deny": faults.deny,
            "expire": faults.expire,
            "throttle": faults.throttle,
            "fail": faults.fail,
        }
        kinds[kind]()
        return faults.before(asked.read(request.environ())) or request

    def paged(self, request: Request) -> tuple[Request, str]:
        """EC2 takes the token in a form, KMS in JSON, S3 in the query."""
        form = "x-www-form-urlencoded" in request.headers.get("content-type", "")
        if form or request.method == "GET":
            pairs = parse_qsl(request.body.decode() if form else request.query, keep_blank_values=True)
            token = next((value for name, value in pairs if name in {"NextToken", "continuation-token"}), "")
            if not token:
                return request, ""
            rest = urlencode([pair for pair in pairs if pair[0] not in {"NextToken", "continuation-token"}])
            return (
                _body(request, rest.encode())
                if form
                else msgspec.structs.replace(request, target=f"{request.path}?{rest}")
            ), token
        named = json.loads(request.body or b"{}")
        token = named.pop("Marker", "")
        return (_body(request, json.dumps(named).encode()) if token else request), token

    def continued(self, request: Request, answer: Answer, token: str) -> Answer:
        """Listings of EC2, KMS and S3."""
        body = answer.body
        if b"<Response" in body[:200] or not token:
            return answer
        if body[:1] == b"{":
            named = json.loads(body)
            return (
                answer
                if not {"Keys", "Aliases"} & set(named)
                else _body(answer, json.dumps({**named, "Truncated": True, "NextMarker": token}).encode())
            )
        for end, field in ((b"</ListAllMyBucketsResult>", b"ContinuationToken"), (b"Response>", b"nextToken")):
            if body.rstrip().endswith(end):
                at = body.rindex(b"</")
                field_ = b"<%b>%b</%b>" % (field, token.encode(), field)
                return _body(answer, body[:at] + field_ + body[at:])
        return answer

    def empty(self, place: Place) -> None:
        """The same account; every listing in it is of another one, in which there is nothing."""

        async def wrong(line: Line) -> bool:
            assert line.request is not None
            one = asked.read(line.request.environ())
            if one.operation == "s3:ListBuckets":
                answer = await line.truth()
                begin, end = answer.body.index(b"<Buckets>"), answer.body.index(b"</Buckets>")
                await line.answer(_body(answer, answer.body[:begin] + b"<Buckets>" + answer.body[end:]))
            else:
                moved = line.request.headers.get("authorization", "").replace("/us-east-1/", "/eu-west-1/")
                away = (
                    one.service in {"ec2", "eks", "elasticfilesystem", "kms", "rds"}
                    and one.operation != "ec2:DescribeRegions"
                )
                await line.answer(
                    await line.truth(
                        msgspec.structs.replace(line.request, headers={**line.request.headers, "authorization": moved})
                        if away
                        else None
                    )
                )
            return True

        place.front.wrong = wrong


def _body(whole: T, body: bytes) -> T:
    return msgspec.structs.replace(whole, body=body)
