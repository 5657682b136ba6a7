"""Google's discovery documents: what an answer may hold, and what a partial response leaves of it.

They come with google-api-python-client, which only developers have: tests check every answer of the stand-in; the demo
serves them unchecked.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENTS = {
    "compute": "compute.v1",
    "storage": "storage.v1",
    "cloudkms": "cloudkms.v1",
    "container": "container.v1",
    "file": "file.v1",
    "cloudresourcemanager": "cloudresourcemanager.v3",
    "directory": "admin.directory_v1",
    "logging": "logging.v2",
}
METHODS = {
    "cloudkms.locations.list": "projects.locations.list",
    "cloudkms.keyRings.list": "projects.locations.keyRings.list",
    "cloudkms.cryptoKeys.list": "projects.locations.keyRings.cryptoKeys.list",
    "cloudkms.cryptoKeys.get": "projects.locations.keyRings.cryptoKeys.get",
    "cloudkms.cryptoKeyVersions.get": "projects.locations.keyRings.cryptoKeys.cryptoKeyVersions.get",
    "container.clusters.list": "projects.locations.clusters.list",
    "file.instances.list": "projects.locations.instances.list",
}
"""Operation -> its method in the document, where that is longer than the operation without its service."""


@cache
def document(service: str) -> Any:
    """The discovery document of a service."""
    import googleapiclient

    path = Path(googleapiclient.__file__).parent / "discovery_cache" / "documents" / f"{DOCUMENTS[service]}.json"
    return json.loads(path.read_bytes())


def method(operation: str) -> Any:
    """A method of a document: `compute.disks.aggregatedList`. Raises KeyError where there is none."""
    service, _, name = operation.partition(".")
    *collections, last = METHODS.get(operation, name).split(".")
    at = document(service)
    for collection in collections:
        at = at["resources"][collection]
    return at["methods"][last]


def defects(operation: str, body: Any) -> list[str]:
    """What of an answer its document does not allow: unknown fields, wrong types, values outside an enumeration."""
    service = operation.partition(".")[0]
    return list(
        _defects(document(service)["schemas"], {"$ref": method(operation)["response"]["$ref"]}, body, operation)
    )


def _defects(schemas: Any, schema: Any, value: Any, where: str) -> Any:
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kind = schema.get("type", "any")
    if kind == "object":
        if not isinstance(value, dict):
            yield f"{where}: {value!r} is not an object"
            return
        properties, others = schema.get("properties", {}), schema.get("additionalProperties")
        for name, inner in value.items():
            found = properties.get(name) or others
            if found is None:
                yield f"{where}.{name}: no such field"
            else:
                yield from _defects(schemas, found, inner, f"{where}.{name}")
    elif kind == "array":
        if not isinstance(value, list):
            yield f"{where}: {value!r} is not an array"
            return
        for number, inner in enumerate(value):
            yield from _defects(schemas, schema["items"], inner, f"{where}[{number}]")
    elif kind != "any":
        wanted: Any = {"string": str, "integer": int, "boolean": bool, "number": (int, float)}[kind]
        if not isinstance(value, wanted) or (kind == "integer" and isinstance(value, bool)):
            yield f"{where}: {value!r} is no {kind}"
        elif "enum" in schema and value not in schema["enum"]:
            yield f"{where}: {value!r} is none of {schema['enum']}"


Mask = dict[str, Any]
"""Field -> what is wanted below it; empty: everything."""


def mask(text: str) -> Mask:
    """`items/*/disks(name,zone),nextPageToken` as a tree. Raises ValueError where it cannot be read."""
    tree, rest = _mask(text)
    if rest:
        raise ValueError(f"fields: {rest!r} is left over")
    return tree


def _mask(text: str) -> tuple[Mask, str]:
    tree: Mask = {}
    while text:
        end = next((index for index, letter in enumerate(text) if letter in ",()"), len(text))
        path, text = text[:end], text[end:]
        if not path:
            raise ValueError("fields: a name is missing")
        at = tree
        for part in path.split("/"):
            at = at.setdefault(part, {})
        if text.startswith("("):
            inner, text = _mask(text[1:])
            at.update(inner)
            if not text.startswith(")"):
                raise ValueError("fields: a bracket is not closed")
            text = text[1:]
        if not text.startswith(","):
            break
        text = text[1:]
    return tree, text


def masked(value: Any, wanted: Mask) -> Any:
    """What a partial response keeps of a value."""
    if not wanted:
        return value
    if isinstance(value, list):
        return [masked(inner, wanted) for inner in value]
    if not isinstance(value, dict):
        return value
    if "*" in wanted:
        kept = {name: masked(inner, wanted["*"]) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner != {}}
    return {name: masked(inner, wanted[name]) for name, inner in value.items() if name in wanted}


def mask_defects(operation: str, text: str) -> list[str]:
    """Names in a mask that the answer of an operation does not have."""
    schemas = document(operation.partition(".")[0])["schemas"]
    return list(_mask_defects(schemas, {"$ref": method(operation)["response"]["$ref"]}, mask(text), operation))


def _mask_defects(schemas: Any, schema: Any, wanted: Mask, where: str) -> Any:
    while "$ref" in schema or schema.get("type") == "array":
        schema = schemas[schema["$ref"]] if "$ref" in schema else schema["items"]
    for name, below in wanted.items():
        found = (
            schema.get("additionalProperties")
            if name == "*"
            else schema.get("properties", {}).get(name) or schema.get("additionalProperties")
        )
        if found is None:
            yield f"{where}/{name}: no such field"
        else:
            yield from _mask_defects(schemas, found, below, f"{where}/{name}")
