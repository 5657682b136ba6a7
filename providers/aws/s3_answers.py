"""How S3 is asked without the SDK's client, and its answers are read: by botocore's own model of each operation."""

import xml.etree.ElementTree as ET
from functools import lru_cache
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import botocore.loaders
import botocore.session

from providers.aws.calls import Call
from providers.aws.decode import UnreadablePage, Wire, no_json

LOADER = botocore.loaders.create_loader()


class AnswerReader:
    """How the answer of one S3 operation is asked for and read, from botocore's model of it."""

    def __init__(self, call: Call) -> None:
        model = botocore.session.Session()
        model.register_component("data_loader", LOADER)
        operation = model.get_service_model("s3").operation_model(call.name)
        shape = operation.output_shape
        self.query = operation.http["requestUri"].partition("?")[2]
        payload = shape.serialization.get("payload")
        self._text = payload is not None and shape.members[payload].type_name == "string"
        self._wire = Wire(shape.members[payload] if payload else shape)
        self._root = None if self._text else payload or call.root

    def read(self, body: bytes) -> Any:
        if not self._text:
            return self._wire.decode(body, self._root)
        if why := no_json(body):  # the one text there is, a bucket's policy, is JSON: S3 takes no other
            raise UnreadablePage(why)
        return body.decode()


@lru_cache(maxsize=32)
def reader_of(call: Call) -> AnswerReader:
    return AnswerReader(call)


def bucket_url(base: str, bucket: str, query: str) -> str:
    parts = urlsplit(base)
    dotted = "." in bucket or not (parts.hostname or "").endswith((".amazonaws.com", ".amazonaws.com.cn"))
    if dotted:  # a dot breaks the wildcard certificate, and other endpoints know paths only
        return urlunsplit((parts.scheme, parts.netloc, f"/{quote(bucket)}", query, ""))
    return urlunsplit((parts.scheme, f"{bucket}.{parts.netloc}", "/", query, ""))


def error_of(body: bytes) -> tuple[str, str]:
    try:
        root = ET.fromstring(body)
    except ET.ParseError:
        return "", ""
    return root.findtext("Code", ""), root.findtext("Message", "")
