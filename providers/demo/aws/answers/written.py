"""Answers written by botocore's own model of an operation: the XML of query APIs and of REST ones."""

from collections.abc import Callable
from functools import cache
from typing import Any
from xml.sax.saxutils import escape

import botocore.session

from providers.demo.answer import Answer
from providers.demo.aws.answer import xml

Write = Callable[[Any], str]


def written(service: str, operation: str, value: dict[str, Any]) -> Answer:
    """A success of an operation, `service` as boto3 names it, that answers with this structure."""
    return xml(service, _operation(service, operation)(value))


@cache
def _operation(service: str, operation: str) -> Write:
    model = _session().get_service_model(service).operation_model(operation)
    shape = model.output_shape
    assert shape is not None
    namespace = f' xmlns="http://{service}.amazonaws.com/doc/{model.service_model.api_version}/"'
    if payload := shape.serialization.get("payload"):
        inner = _shape(shape.members[payload], payload)
        return lambda value: inner(value[payload]).replace(f"<{payload}", f"<{payload}{namespace}", 1)
    write, name = _shape(shape, shape.serialization["resultWrapper"]), f"{operation}Response"
    tail = "<ResponseMetadata><RequestId>00000000-0000-4000-8000-000000000000</RequestId></ResponseMetadata>"
    return lambda value: f"<{name}{namespace}>{write(value)}{tail}</{name}>"


@cache
def _session() -> Any:
    return botocore.session.Session()


def _shape(shape: Any, name: str) -> Write:
    match shape.type_name:
        case "structure":
            members = {
                key: _shape(member, member.serialization.get("name", key)) for key, member in shape.members.items()
            }
            return lambda value: (
                f"<{name}>{''.join(members[key](one) for key, one in value.items() if one is not None)}</{name}>"
            )
        case "list":
            item = _shape(shape.member, shape.member.serialization.get("name", "member"))
            return lambda value: f"<{name}>{''.join(map(item, value))}</{name}>"
        case "boolean":
            return lambda value: f"<{name}>{'true' if value else 'false'}</{name}>"
        case _:
            return lambda value: f"<{name}>{escape(str(value))}</{name}>"
