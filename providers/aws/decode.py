"""AWS's XML answers straight to plain values, by tables made from the SDK's own service model.

botocore's parser costs 165 µs a volume and holds the interpreter meanwhile; this one costs about 20 (tests/bench).
Names, types and fields are those of the model, so the result is what botocore would give, with times left as the RFC
3339 text they arrive as.
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
        self._wrapper: str = shape.serialization.get("resultWrapper", "")
        """The element inside the outermost one that holds the answer, in IAM, RDS and STS."""
        self.empty = f"<read><{self._wrapper}/></read>".encode() if self._wrapper else b"<read/>"
        """What botocore takes for an answer without fields."""
        self._for_namespace = lru_cache(maxsize=4)(lambda namespace: _compile(shape, namespace))

    def decode(self, body: bytes, root: str | None = None) -> Any:
        """The value in `body`, whose outermost element must be named `root` where one is given. Raises
        `UnreadablePage`.

        A field that is not of its type stays the text it is: who reads the field tells it, and the rest of the page
        stands.
        """
        try:
            element = ET.fromstring(body)
        except ET.ParseError as error:
            raise UnreadablePage(f"not XML: {error}") from None
        namespace, brace, name = element.tag.rpartition("}")
        if root is not None and name != root:
            raise UnreadablePage(f"<{name[:40]}> where <{root}> was expected")
        within = element.find(namespace + brace + self._wrapper) if self._wrapper else element
        if within is None:
            raise UnreadablePage(f"an answer without <{self._wrapper}>")
        return self._for_namespace(namespace + brace)(within)


def _compile(shape: Any, namespace: str) -> Decode:
    match shape.type_name:
        case "structure":
            return _structure(shape, namespace)
        case "list":
            item = _compile(shape.member, namespace)
            return lambda element: [item(child) for child in element]
        case "map":
            return _map(shape, namespace)
        case "boolean":
            return _boolean
        case "integer" | "long":
            return _integer
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


def _map(shape: Any, namespace: str) -> Decode:
    key, value = namespace + "key", namespace + "value"
    read = _compile(shape.value, namespace)

    def decode(element: ET.Element) -> dict[str, Any]:
        return {entry.findtext(key) or "": read(held) for entry in element if (held := entry.find(value)) is not None}

    return decode


_WORDS = {"true": True, "false": False}
_DIGITS = re.compile(r"-?[0-9]{1,18}")


def _boolean(element: ET.Element) -> bool | str:
    text = element.text or ""
    return _WORDS.get(text, text)


def _integer(element: ET.Element) -> int | str:
    text = element.text or ""
    return int(text) if _DIGITS.fullmatch(text) else text


def read_answers(client: Any) -> None:
    """Make a boto3 client decode successes by a `Wire`, or as the JSON they are, through botocore's `before-parse`
    event.

    Raises `UnreadablePage` there for a body that is not what was asked for: botocore takes any well-formed XML for an
    answer without fields, and JSON that ends early for one with a message: a proxy's page for people, or half a page of
    keys, would read as an empty account. It also makes False of every word that is not `true`, and gives up the whole
    page where one field is not as its model says. Errors are still parsed by botocore. The event fires after transport
    and before parsing; what a handler leaves in `customized_response_dict` is the answer.
    """
    model = client.meta.service_model
    roots = {call.name: call.root for call in CALLS.values() if call.service == model.service_name}
    wires: dict[str, Wire] = {}

    def before_parse(
        operation_model: Any, response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any
    ) -> None:
        if (
            response_dict["status_code"] != 200
            or operation_model.has_streaming_output
            or operation_model.http.get("method") == "HEAD"
        ):
            return
        name, shape = operation_model.name, operation_model.output_shape
        if model.resolved_protocol in {"json", "rest-json"}:
            customized_response_dict.update(_object(response_dict["body"]))
            response_dict["body"] = b"{}"
        elif not (root := roots.get(name)):
            return
        elif name == "GetBucketLocation":  # a text of its own
            _must_begin(response_dict["body"], root)
        else:
            payload = shape.serialization.get("payload")
            wire = wires.get(name) or wires.setdefault(name, Wire(shape.members[payload] if payload else shape))
            decoded = wire.decode(response_dict["body"], root)
            customized_response_dict.update({payload: decoded} if payload else decoded)
            response_dict["body"] = wire.empty

    client.meta.events.register("before-parse", before_parse)


def _object(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadablePage(f"not a JSON object: {error}") from None


def no_json(body: bytes) -> str:
    """Why this is not a JSON object; empty where it is one."""
    try:
        msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return f"not a JSON object: {error}"
    return ""


_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]*>\s*)*<(?:[\w.-]+:)?([\w.-]+)")


def _must_begin(body: bytes, root: str) -> None:
    first = _FIRST.match(body)
    if first is None:
        raise UnreadablePage("not XML" if body else "an empty answer")
    if first[1] != root.encode():
        raise UnreadablePage(f"<{first[1][:40].decode(errors='replace')}> where <{root}> was expected")
