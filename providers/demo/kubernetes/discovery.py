"""What the API server tells of itself: versions, groups, resources (k8s.io/apiserver/pkg/endpoints/discovery)."""

from collections.abc import Iterable
from typing import Any

from providers.demo.kubernetes.kinds import KINDS, Kind

Json = dict[str, Any]
VERSION = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.1",
    "gitCommit": "5b2b1e2f0c2f4d6a8e9d7c1b3a5f8e0d4c6b2a19",
    "gitTreeState": "clean",
    "buildDate": "2026-07-15T09:12:44Z",
    "goVersion": "go1.26.2",
    "compiler": "gc",
    "platform": "linux/amd64",
}
HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
PUBLIC = HEALTH | {"/version", "/version/"}
"""What the API server tells to anybody."""


def document(path: str, unserved: Iterable[str] = ()) -> Json | None:
    """The document at a path, or None where there is none; `unserved` are groups that this cluster has not."""
    kinds = [kind for kind in KINDS if kind.group not in unserved]
    groups = sorted({kind.group for kind in kinds} - {""})
    parts = path.strip("/").split("/")
    match parts:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, kinds) for name in groups]}
        case ["apis", name] if name in groups:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, kinds)}
        case ["api", version]:
            return _resources([kind for kind in kinds if kind.group == "" and kind.version == version])
        case ["apis", name, version]:
            return _resources([kind for kind in kinds if kind.group == name and kind.version == version])
    return None


def _group(name: str, kinds: Iterable[Kind]) -> Json:
    versions = sorted({kind.version for kind in kinds if kind.group == name})
    told = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": told, "preferredVersion": told[0]}


def _resources(kinds: list[Kind]) -> Json | None:
    if not kinds:
        return None
    told = [
        {
            "name": kind.plural,
            "singularName": kind.kind.lower(),
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": list(kind.verbs),
            **({"shortNames": list(kind.short)} if kind.short else {}),
        }
        for kind in kinds
    ]
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": kinds[0].api_version, "resources": told}
