"""Objects as a client asks for them: whole, as their metadata only, or as rows of a table (meta.k8s.io/v1)."""

import datetime
from collections.abc import Callable, Sequence
from typing import Any, Literal

import msgspec

from providers.demo.kubernetes.kinds import Kind
from providers.demo.kubernetes.store import Object

Json = dict[str, Any]
Form = Literal["whole", "metadata", "table"]
META = "meta.k8s.io/v1"
UNITS = ((86400 * 365, "y"), (86400, "d"), (3600, "h"), (60, "m"), (1, "s"))
MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}
DEFAULT = "storageclass.kubernetes.io/is-default-class"


def form(accept: str) -> Form | None:
    """The form that an Accept header asks for first; None where it names nothing that can be given."""
    for media in accept.split(",") if accept else ["*/*"]:
        name, *parameters = [part.strip() for part in media.split(";")]
        if name not in ("application/json", "*/*", "application/*"):
            continue
        asked = dict(each.partition("=")[::2] for each in parameters)
        match asked.get("as", ""):
            case "Table":
                return "table"
            case "PartialObjectMetadata" | "PartialObjectMetadataList":
                return "metadata"
            case "":
                return "whole"
    return None


def whole(each: Object) -> bytes:
    """The object with its kind, as a watch or a get sends it."""
    return b'{"kind":"%b","apiVersion":"%b",' % (each.kind.kind.encode(), each.kind.api_version.encode()) + each.raw[1:]


def metadata(each: Object) -> Json:
    """PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": META, "metadata": each.body["metadata"]}


def collection(kind: Kind, objects: Sequence[Object], about: Json, asked: Form, include: str = "Metadata") -> bytes:
    """A list in a form; `about` is its metadata."""
    if asked == "table":
        return msgspec.json.encode(table(kind, objects, about, include=include))
    if asked == "metadata":
        head = {"kind": "PartialObjectMetadataList", "apiVersion": META, "metadata": about}
        return msgspec.json.encode({**head, "items": [metadata(each) for each in objects]})
    head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": about}
    return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(each.raw for each in objects) + b"]}\n"


def single(each: Object, asked: Form, include: str = "Metadata", *, columns: bool = True) -> bytes:
    """One object in a form; a watch tells the columns of a table once."""
    if asked == "table":
        about = {"resourceVersion": str(each.revision)}
        return msgspec.json.encode(table(each.kind, [each], about, include=include, columns=columns))
    return msgspec.json.encode(metadata(each)) if asked == "metadata" else whole(each)


def table(
    kind: Kind, objects: Sequence[Object], about: Json, *, include: str = "Metadata", columns: bool = True
) -> Json:
    """A Table of objects with the columns kubectl prints."""
    cells = (*COLUMNS.get(kind.plural, ()), ("Age", _age))
    told = [_column("Name", "name")] + [_column(title, "") for title, _ in cells]
    rows = [
        {
            "cells": [_title(kind, each.body), *(cell(each.body) for _, cell in cells)],
            "object": _included(each, include),
        }
        for each in objects
    ]
    head = {"kind": "Table", "apiVersion": META, "metadata": about}
    return {**head, "columnDefinitions": told if columns else [], "rows": rows}


def _included(each: Object, include: str) -> Json | None:
    match include:
        case "None":
            return None
        case "Object":
            return {**each.body}
        case _:
            return metadata(each)


def _column(title: str, form: str) -> Json:
    return {"name": title, "type": "string", "format": form, "description": "", "priority": 0}


def _age(body: Json) -> str:
    made = datetime.datetime.fromisoformat(body["metadata"]["creationTimestamp"])
    seconds = max(0, int((datetime.datetime.now(datetime.UTC) - made).total_seconds()))
    unit = next((unit for unit in UNITS if seconds >= 2 * unit[0]), UNITS[-1])
    return f"{seconds // unit[0]}{unit[1]}"


def _at(*path: str, missing: str = "") -> Callable[[Json], str]:
    def cell(body: Any) -> str:
        for part in path:
            body = body.get(part) if isinstance(body, dict) else None
        return missing if body is None else str(body)

    return cell


def _class_name(body: Json) -> str:
    annotated = body["metadata"].get("annotations", {}).get("volume.beta.kubernetes.io/storage-class")
    return annotated or body["spec"].get("storageClassName") or ""


def _modes(body: Json) -> str:
    return ",".join(MODES.get(mode, mode) for mode in body["spec"].get("accessModes", ()))


def _claim(body: Json) -> str:
    claim = body["spec"].get("claimRef")
    return f"{claim['namespace']}/{claim['name']}" if claim else ""


def _ready(body: Json) -> str:
    return f"{body.get('status', {}).get('readyReplicas', 0)}/{body['spec'].get('replicas', 1)}"


def _hosts(body: Json) -> str:
    hosts = [rule["host"] for rule in body["spec"].get("rules", ()) if rule.get("host")]
    return ",".join(hosts) or "*"


def _ports(body: Json) -> str:
    return "80, 443" if body["spec"].get("tls") else "80"


COLUMNS: dict[str, tuple[tuple[str, Callable[[Json], str]], ...]] = {
    "storageclasses": (
        ("Provisioner", _at("provisioner")),
        ("ReclaimPolicy", _at("reclaimPolicy", missing="Delete")),
        ("VolumeBindingMode", _at("volumeBindingMode", missing="Immediate")),
        ("AllowVolumeExpansion", lambda body: str(body.get("allowVolumeExpansion", False)).lower()),
    ),
    "persistentvolumes": (
        ("Capacity", _at("spec", "capacity", "storage")),
        ("Access Modes", _modes),
        ("Reclaim Policy", _at("spec", "persistentVolumeReclaimPolicy")),
        ("Status", _at("status", "phase")),
        ("Claim", _claim),
        ("StorageClass", _class_name),
        ("VolumeAttributesClass", _at("spec", "volumeAttributesClassName", missing="<unset>")),
        ("Reason", _at("status", "reason")),
    ),
    "persistentvolumeclaims": (
        ("Status", _at("status", "phase")),
        ("Volume", _at("spec", "volumeName")),
        ("Capacity", _at("status", "capacity", "storage")),
        ("Access Modes", _modes),
        ("StorageClass", _class_name),
        ("VolumeAttributesClass", _at("spec", "volumeAttributesClassName", missing="<unset>")),
    ),
    "statefulsets": (("Ready", _ready),),
    "deployments": (("Ready", _ready),),
    "namespaces": (("Status", _at("status", "phase")),),
    "cronjobs": (("Schedule", _at("spec", "schedule")),),
    "ingresses": (
        ("Class", _at("spec", "ingressClassName", missing="<none>")),
        ("Hosts", _hosts),
        ("Ports", _ports),
    ),
    "services": (("Type", _at("spec", "type")), ("Cluster-IP", _at("spec", "clusterIP", missing="<none>"))),
}


def _title(kind: Kind, body: Json) -> str:
    """A storage class that is the default says so in its name."""
    annotations = body["metadata"].get("annotations", {})
    default = kind.plural == "storageclasses" and annotations.get(DEFAULT) == "true"
    return f"{body['metadata']['name']} (default)" if default else str(body["metadata"]["name"])
