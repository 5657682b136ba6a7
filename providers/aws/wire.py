"""AWS's XML answers straight to plain values, by tables made from the SDK's own service model.

botocore's parser costs 165 µs a volume and holds the interpreter meanwhile; this one costs about 20 (tests/bench). Names, types and fields are
those of the model, so the result is what botocore would give, with times left as the RFC 3339 text they arrive as.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import msgspec

from providers.aws.calls import CALLS

Decode = Callable[[ET.Element], Any]


class UnreadablePage(Exception):
    """The body is not the XML that was asked for."""


class Wire:
    """Decodes one output shape of botocore's model (`botocore.model.Shape`)."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape
        self._for_namespace = lru_cache(maxsize=4)(lambda namespace: _compile(shape, namespace))

    def decode(self, body: bytes, root: str | None = None) -> Any:
        """The value in `body`, whose outermost element must be named `root` where one is given. Raises `UnreadablePage`."""
        try:
            element = ET.fromstring(body)
        except ET.ParseError as error:
            raise UnreadablePage(f"not XML: {error}") from None
        namespace, brace, name = element.tag.rpartition("}")
        if root is not None and name != root:
            raise UnreadablePage(f"<{name[:40]}> where <{root}> was expected")
        try:
            return self._for_namespace(namespace + brace)(element)
        except (ValueError, AttributeError) as error:
            raise UnreadablePage(f"a field is not of its type: {error}") from None


def _compile(shape: Any, namespace: str) -> Decode:
    match shape.type_name:
        case "structure":
            return _structure(shape, namespace)
        case "list":
            item = _compile(shape.member, namespace)
            return lambda element: [item(child) for child in element]
        case "boolean":
            return _boolean
        case "integer" | "long":
            return lambda element: int(element.text or "")
        case "float" | "double":
            return lambda element: float(element.text or "")
        case _:
            return lambda element: element.text or ""


def _structure(shape: Any, namespace: str) -> Decode:
    single: dict[str, tuple[str, Decode]] = {}
    many: dict[str, tuple[str, Decode]] = {}
    for name, member in shape.members.items():
        if member.type_name == "list" and member.serialization.get("flattened"):
            wire = member.serialization.get("name") or member.member.serialization.get("name") or name
            many[namespace + wire] = (name, _compile(member.member, namespace))
        else:
            single[namespace + member.serialization.get("name", name)] = (name, _compile(member, namespace))

    def decode(element: ET.Element) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        for child in element:
            known = single.get(child.tag)
            if known is not None:
                fields[known[0]] = known[1](child)
            elif (several := many.get(child.tag)) is not None:
                fields.setdefault(several[0], []).append(several[1](child))
        return fields

    return decode


def _boolean(element: ET.Element) -> bool:
    text = element.text
    if text == "true":
        return True
    if text == "false":
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def read_pages_lean(client: Any, operation: str) -> None:
    """Make a boto3 client decode the answers of one EC2 operation by a `Wire`, through botocore's `before-parse` event.

    Errors are still parsed by botocore. The event fires after transport and before parsing; what a handler leaves in `customized_response_dict` is the answer.
    """
    wire = Wire(client.meta.service_model.operation_model(operation).output_shape)
    root = f"{operation}Response"

    def before_parse(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] == 200:
            customized_response_dict.update(wire.decode(response_dict["body"], root))
            response_dict["body"] = b"<lean/>"

    client.meta.events.register(f"before-parse.ec2.{operation}", before_parse)


def refuse_what_is_no_answer(client: Any) -> None:
    """Make a boto3 client raise `UnreadablePage` for a success whose body is not what was asked for, through botocore's `before-parse` event.

    botocore takes any well-formed XML for an answer without fields, and JSON that ends early for one with a message: a proxy's page for people, or half a
    page of keys, would read as an empty account.
    """
    roots = {call.name: call.root for call in CALLS.values() if call.service == client.meta.service_model.service_name}

    def before_parse(operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
        if response_dict["status_code"] != 200 or operation_model.has_streaming_output or operation_model.http.get("method") == "HEAD":
            return
        if customized_response_dict:  # read already, by `read_pages_lean`
            return
        if operation_model.service_model.resolved_protocol == "json":
            _must_be_json(response_dict["body"])
        elif root := roots.get(operation_model.name):
            _must_begin(response_dict["body"], root)

    client.meta.events.register_last("before-parse", before_parse)


def no_json(body: bytes) -> str:
    """Why this is no JSON object; empty where it is one."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not a JSON object: {error}"
    return ""


def _must_be_json(body: bytes) -> None:
    if why := no_json(body):
        raise UnreadablePage(why)


_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]*>\s*)*<(?:[\w.-]+:)?([\w.-]+)")


def _must_begin(body: bytes, root: str) -> None:
    first = _FIRST.match(body)
    if first is None:
        raise UnreadablePage("not XML" if body else "an empty answer")
    if first[1] != root.encode():
        raise UnreadablePage(f"<{first[1][:40].decode(errors='replace')}> where <{root}> was expected")
