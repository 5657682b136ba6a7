"""The bodies that AWS answers with, kept by what was asked as they come over the socket."""

import threading
from contextvars import ContextVar
from typing import Any

import pytest

from providers.aws.calls import Call
from providers.aws.client import AwsClient
from providers.aws.query import Query
from providers.aws.s3_answers import AnswerReader
from providers.aws.transport import Transport

Bodies = dict[tuple[str, str], bytes]
"""Operation and what it is about -> the body of its answer."""
_NAMING = (
    *("KeyId", "Bucket", "LoadBalancerArn", "ListenerArn", "LoadBalancerName", "CertificateArn", "Id"),
    *("name", "DBSnapshotIdentifier", "DBClusterSnapshotIdentifier"),
)


def name_of(call: Call) -> str:
    """The operation; the two APIs of load balancers share names."""
    return f"Classic{call.name}" if call.service == "elb" else call.name


def about(parameters: dict[str, Any]) -> str:
    """What a call is about, so that answers of one operation are told apart."""
    named = next((parameters[name] for name in _NAMING if name in parameters), "")
    return str(named or parameters.get("Filters") or parameters.get("RestorableByUserIds") or "")


def record(patched: pytest.MonkeyPatch, bodies: Bodies) -> None:
    """Keep the body of every answer, whichever of the three ways it comes, until the patch is undone."""
    _threads(patched, bodies)
    read_now = ContextVar[tuple[str, str]]("read_now")
    get, read, query, taken_of = AwsClient._get, AnswerReader.read, AwsClient._query, Query.read

    async def got(self: AwsClient, call: Call, bucket: str, region: str, **named: Any) -> Any:
        read_now.set((call.name, bucket))
        return await get(self, call, bucket, region, **named)

    async def asked(self: AwsClient, call: Call, region: str, parameters: dict[str, Any]) -> Any:
        read_now.set((name_of(call), about(parameters)))
        return await query(self, call, region, parameters)

    def told(self: Query, body: bytes) -> Any:
        bodies[read_now.get()] = body
        return taken_of(self, body)

    def taken(self: AnswerReader, body: bytes) -> Any:
        bodies[read_now.get()] = body
        return read(self, body)

    patched.setattr(AwsClient, "_get", got)
    patched.setattr(AnswerReader, "read", taken)
    patched.setattr(AwsClient, "_query", asked)
    patched.setattr(Query, "read", told)


def _threads(patched: pytest.MonkeyPatch, bodies: Bodies) -> None:
    here, blocking, answer = threading.local(), AwsClient._blocking, Transport.answer

    def in_thread(self: AwsClient, call: Call, region: str, parameters: dict[str, Any], *rest: Any) -> Any:
        here.asked = (name_of(call), about(parameters))
        return blocking(self, call, region, parameters, *rest)

    def answered(self: Transport, request: Any, **named: Any) -> Any:
        response = answer(self, request, **named)
        bodies[here.asked] = response.content
        return response

    patched.setattr(AwsClient, "_blocking", in_thread)
    patched.setattr(Transport, "answer", answered)
