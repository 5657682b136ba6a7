"""How a query API is asked without the SDK's client: by botocore's own model of each operation, at a third of the
CPU that boto3 spends on a short answer (tests/bench).
"""

import re
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import botocore.session
from botocore.awsrequest import AWSRequest

from providers.aws.calls import Call
from providers.aws.decode import Wire
from providers.aws.s3_answers import LOADER

SERVICES = frozenset({"elb", "elbv2"})
"""Those of which each of very many things takes a request."""
_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_SAID = re.compile(rb"<(Code|Message)>([^<]{0,2000})</")


class Query:
    """One operation: how it is asked, and how its answer is read."""

    def __init__(self, call: Call) -> None:
        model = _model(call.service)
        shape = model.operation_model(call.name).output_shape
        self.signing_name = str(model.signing_name)
        self._asks = (("Action", call.name), ("Version", str(model.api_version)))
        self._wire, self._root = Wire(shape), call.root

    def request(self, base: str, parameters: dict[str, Any]) -> AWSRequest:
        """The request, to be signed. Parameters are texts, numbers, and lists of texts."""
        pairs = list(self._asks)
        for name, value in parameters.items():
            if isinstance(value, list):
                pairs += ((f"{name}.member.{number}", one) for number, one in enumerate(value, 1))
            else:
                pairs.append((name, str(value)))
        return AWSRequest("POST", f"{base.rstrip('/')}/", headers=_FORM, data=urlencode(pairs))

    def read(self, body: bytes) -> Any:
        """The answer. Raises `UnreadablePage`."""
        return self._wire.decode(body, self._root)


@lru_cache(maxsize=32)
def query_of(call: Call) -> Query:
    """The one of this call."""
    return Query(call)


@lru_cache(maxsize=4)
def _model(service: str) -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", LOADER)
    return session.get_service_model(service)


def error_of(body: bytes) -> tuple[str, str]:
    """Code and message of an error; empty where it is not in AWS's words."""
    said = {name: text.decode(errors="replace") for name, text in _SAID.findall(body)}
    return (said.get(b"Code", ""), said.get(b"Message", "")) if b"<Error" in body[:1000] else ("", "")
