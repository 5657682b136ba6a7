"""What the simulated Google Cloud answers: each method as a page of the world, with Google's paging, warnings and
partial responses.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from providers.demo import paging
from providers.demo.answer import Answer
from providers.demo.gcp.faults import Asked, error
from providers.demo.gcp.world import API, KEY_PLACES, Cloud, Json, Project


class Missing(Exception):
    """What was asked about is not there."""


Method = Callable[[Cloud, Asked, tuple[str, ...]], Json]

_ZONAL = {"disks", "instantSnapshots"}
_AGGREGATED = (*sorted(_ZONAL), "targetHttpsProxies", "targetHttpProxies", "sslPolicies", "sslCertificates", "urlMaps")
_GLOBAL = ("snapshots", "images", "machineImages", "targetSslProxies")
_KINDS = {
    "disks": "disk",
    "targetHttpsProxies": "targetHttpsProxy",
    "targetHttpProxies": "targetHttpProxy",
    "sslPolicies": "sslPolicy",
    "urlMaps": "urlMap",
    "instantSnapshots": "instantSnapshot",
    "sslCertificates": "sslCertificate",
}


def read(path: str, query: Mapping[str, str]) -> tuple[Asked, Method, tuple[str, ...]] | None:
    """Which method a path is, what it names, and its blanks; None where it is none of ours."""
    for pattern, operation, method in _ROUTES:
        found = pattern.fullmatch(path)
        if found is not None:
            blanks = tuple(unquote(blank) for blank in found.groups())
            if "{kind}" in operation:
                operation = operation.replace("{kind}", blanks[-1])
            project = query.get("project", "") if operation.startswith("storage.") else blanks[0] if blanks else ""
            resource = blanks[0] if operation.startswith("storage.") and blanks else "/".join(blanks[1:])
            return Asked(operation, project, resource, query), method, blanks
    return None


def answered(cloud: Cloud, asked: Asked, method: Method, blanks: tuple[str, ...]) -> Json | Answer:
    """The whole answer, before a mask; or the error."""
    try:
        with cloud.lock:
            return method(cloud, asked, blanks)
    except Missing as missing:
        return error(404, f"{missing} was not found", "notFound", "NOT_FOUND")
    except (paging.BadToken, ValueError) as wrong:
        return error(400, f"Invalid value: {wrong}", "invalid", "INVALID_ARGUMENT")


def _project(cloud: Cloud, name: str) -> Project:
    if name not in cloud.projects:
        raise Missing(f"The resource 'projects/{name}'")
    return cloud.projects[name]


def _aggregated_list(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project, kind = _project(cloud, blanks[0]), blanks[1]
    zonal = kind in _ZONAL
    scopes = (
        [f"zones/{zone}" for zone in project.zones] * zonal
        + [f"regions/{region}" for region in project.regions]
        + ["global"] * (not zonal)
    )
    lists = project.compute.get(kind, {})
    silent = {*project.unreachable, *project.unnamed}
    rows = [(scope, thing) for scope in scopes if scope not in silent for thing in lists.get(scope, {}).values()]
    here, following = paging.page(
        rows, lambda row: f"{row[0]} {row[1]['name']}", _size(asked, 500), asked.query.get("pageToken")
    )
    items: Json = {}
    for scope, thing in here:
        items.setdefault(scope, {kind: []})[kind].append(thing)
    for scope in scopes:
        if scope in project.unreachable:
            items[scope] = {
                "warning": _warning(project.unreachable[scope], f"The scope '{scope}' could not be reached.", scope)
            }
        elif scope not in items and scope not in project.unnamed:
            items[scope] = {
                "warning": _warning(
                    "NO_RESULTS_ON_PAGE", f"There are no results for scope '{scope}' on this page.", scope
                )
            }
    body: Json = {
        "kind": f"compute#{_KINDS[kind]}AggregatedList",
        "id": f"projects/{project.name}/aggregated/{kind}",
        "items": items,
    }
    body["selfLink"] = f"{API}/projects/{project.name}/aggregated/{kind}"
    unreachable = [
        scope for scope in scopes if scope in project.unnamed or project.unreachable.get(scope) == "UNREACHABLE"
    ]
    if unreachable:
        body["unreachables"] = [f"projects/{project.name}/{scope}" for scope in unreachable]
    return body | ({"nextPageToken": following} if following else {})


def _warning(code: str, message: str, scope: str) -> Json:
    return {"code": code, "message": message, "data": [{"key": "scope", "value": scope}]}


def _global_list(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project, kind = _project(cloud, blanks[0]), blanks[-1]
    return _list(project, kind, "global", asked)


def _region_list(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project, region, kind = _project(cloud, blanks[0]), blanks[1], blanks[2]
    if region not in project.regions:
        raise Missing(f"The resource 'projects/{project.name}/regions/{region}'")
    return _list(project, kind, f"regions/{region}", asked)


def _list(project: Project, kind: str, scope: str, asked: Asked) -> Json:
    things = project.compute.get(kind, {}).get(scope, {}).values()
    here, following = paging.page(
        things, lambda thing: str(thing["name"]), _size(asked, 500), asked.query.get("pageToken")
    )
    body: Json = {"kind": f"compute#{kind.removesuffix('s')}List", "id": f"projects/{project.name}/{scope}/{kind}"}
    if here:
        body["items"] = list(here)
    if scope in project.unreachable:
        body["warning"] = _warning(project.unreachable[scope], "A part could not be reached.", scope)
    return body | ({"nextPageToken": following} if following else {})


def _regions(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project = _project(cloud, blanks[0])
    return {
        "kind": "compute#regionList",
        "items": [{"kind": "compute#region", "name": region, "status": "UP"} for region in project.regions],
    }


def _buckets(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project = _project(cloud, asked.query.get("project", ""))
    if asked.query.get("softDeleted") == "true":
        return {"kind": "storage#buckets", **({"items": list(project.deleted)} if project.deleted else {})}
    reachable = [bucket for name, bucket in project.buckets.items() if name not in project.unreachable_buckets]
    here, following = paging.page(
        reachable, lambda bucket: str(bucket["name"]), _size(asked, 1000), asked.query.get("pageToken")
    )
    body: Json = {"kind": "storage#buckets"}
    if here:
        body["items"] = list(here)
    if project.unreachable_buckets:
        if asked.query.get("returnPartialSuccess") != "true":
            raise ValueError("buckets could not be reached")
        body["unreachable"] = [f"projects/_/buckets/{name}" for name in sorted(project.unreachable_buckets)]
    return body | ({"nextPageToken": following} if following else {})


def _bucket_iam(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    return _owner(cloud, blanks[0]).policies[blanks[0]]


def _objects(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    things = _owner(cloud, blanks[0]).objects.get(blanks[0], [])
    if asked.query.get("versions") != "true":
        things = list({thing["name"]: thing for thing in things}.values())
    here, following = paging.page(
        things, lambda thing: f"{thing['name']}#{thing['generation']}", _size(asked, 1000), asked.query.get("pageToken")
    )
    return (
        {"kind": "storage#objects"}
        | ({"items": list(here)} if here else {})
        | ({"nextPageToken": following} if following else {})
    )


def _owner(cloud: Cloud, bucket: str) -> Project:
    for project in cloud.projects.values():
        if bucket in project.buckets:
            return project
    raise Missing("The specified bucket")


def _get_project(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project = _project(cloud, blanks[0])
    return {
        "name": f"projects/{project.number}",
        "projectId": project.name,
        "state": "ACTIVE",
        "displayName": project.name,
    }


def _key_places(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    _project(cloud, blanks[0])
    here, following = paging.page(KEY_PLACES, str, _size(asked, 500, "pageSize"), asked.query.get("pageToken"))
    body: Json = {
        "locations": [{"name": f"projects/{blanks[0]}/locations/{place}", "locationId": place} for place in here]
    }
    return body | ({"nextPageToken": following} if following else {})


def _rings(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    parent = f"projects/{blanks[0]}/locations/{blanks[1]}/keyRings/"
    rings = sorted({name.partition("/cryptoKeys/")[0] for name in cloud.keys if name.startswith(parent)})
    here, following = paging.page(rings, str, _size(asked, 1000, "pageSize"), asked.query.get("pageToken"))
    return ({"keyRings": [{"name": ring} for ring in here], "totalSize": len(rings)} if rings else {}) | (
        {"nextPageToken": following} if following else {}
    )


def _keys(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    parent = f"projects/{blanks[0]}/locations/{blanks[1]}/keyRings/{blanks[2]}/cryptoKeys/"
    keys = [key for name, key in cloud.keys.items() if name.startswith(parent)]
    here, following = paging.page(
        keys, lambda key: str(key["name"]), _size(asked, 1000, "pageSize"), asked.query.get("pageToken")
    )
    return ({"cryptoKeys": list(here), "totalSize": len(keys)} if keys else {}) | (
        {"nextPageToken": following} if following else {}
    )


def _key(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    name = "projects/{}/locations/{}/keyRings/{}/cryptoKeys/{}".format(*blanks)
    by_number = {project.number: project.name for project in cloud.projects.values()}
    found = cloud.keys.get(
        name.replace(f"projects/{blanks[0]}/", f"projects/{by_number.get(blanks[0], blanks[0])}/", 1)
    )
    if found is None:
        raise Missing(f"CryptoKey {name}")
    return found


def _version(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    name = "projects/{}/locations/{}/keyRings/{}/cryptoKeys/{}/cryptoKeyVersions/{}".format(*blanks)
    if name not in cloud.versions:
        raise Missing(f"CryptoKeyVersion {name}")
    return cloud.versions[name]


def _clusters(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project = _project(cloud, blanks[0])
    here = [cluster for cluster in project.clusters.values() if cluster["location"] not in project.missing_zones]
    return ({"clusters": here} if here else {}) | (
        {"missingZones": sorted(project.missing_zones)} if project.missing_zones else {}
    )


def _filestore(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    project = _project(cloud, blanks[0])
    silent = {scope.rpartition("/")[2] for scope in project.unreachable}
    here = [each for each in project.filestore.values() if each["name"].split("/")[3] not in silent]
    some, following = paging.page(
        here, lambda each: str(each["name"]), _size(asked, 500, "pageSize"), asked.query.get("pageToken")
    )
    lost = sorted({each["name"].split("/")[3] for each in project.filestore.values()} & silent)
    body: Json = {"instances": list(some)} if some else {}
    if lost:
        body["unreachable"] = [f"projects/{project.name}/locations/{location}" for location in lost]
    return body | ({"nextPageToken": following} if following else {})


def _users(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    users = cloud.users.get(asked.query.get("customer", ""), [])
    here, following = paging.page(
        users, lambda user: str(user["primaryEmail"]), _size(asked, 100), asked.query.get("pageToken")
    )
    return {"kind": "admin#directory#users", "users": list(here)} | ({"nextPageToken": following} if following else {})


_FILTER = re.compile(
    r'logName="projects/(?P<project>[^/"]+)/logs/cloudaudit\.googleapis\.com%2Factivity"'
    r' AND timestamp>="(?P<begins>[^"]+)" AND timestamp<="(?P<ends>[^"]+)"'
    r' AND \((?P<named>.+)\) AND protoPayload\.methodName=~"(?P<methods>(?:[^"\\]|\\.)*)"'
)
"""The one filter that is understood."""


def _entries(cloud: Cloud, asked: Asked, blanks: tuple[str, ...]) -> Json:
    query: Mapping[str, Any] = asked.query
    parsed = _FILTER.fullmatch(str(query.get("filter")))
    if parsed is None or query.get("resourceNames") != [f"projects/{parsed['project']}"]:
        raise ValueError("filter")
    named = [re.sub(r"\\(.)", r"\1", name) for name in re.findall(r'resourceName="((?:[^"\\]|\\.)*)"', parsed["named"])]
    methods = re.compile(re.sub(r"\\(.)", r"\1", parsed["methods"]))
    here = min(time.time() - cloud.log_late, datetime.fromisoformat(parsed["ends"]).timestamp())
    begins = datetime.fromisoformat(parsed["begins"]).timestamp()
    rows = [
        entry
        for at, entry in sorted(_project(cloud, parsed["project"]).log, key=lambda kept: -kept[0])
        if begins <= at <= here
        and methods.search(entry["protoPayload"]["methodName"])
        and any(f"{entry['protoPayload']['resourceName']}/".startswith(f"{name}/") for name in named)
    ]
    first, size = int(query.get("pageToken") or 0), int(query["pageSize"])
    page: Json = {"entries": rows[first : first + size]}
    return page | ({"nextPageToken": str(first + size)} if first + size < len(rows) else {})


def _size(asked: Asked, default: int, name: str = "maxResults") -> int:
    size = int(asked.query.get(name, default))
    if not 0 < size <= 1000:
        raise ValueError(f"{name} {size}")
    return size


_P, _K = "compute/v1/projects/([^/]+)", "v1/projects/([^/]+)/locations/([^/]+)/keyRings"
_ROUTES: list[tuple[re.Pattern[str], str, Method]] = [
    (re.compile(pattern), operation, method)
    for pattern, operation, method in (
        (f"/{_P}/aggregated/({'|'.join(_AGGREGATED)})", "compute.{kind}.aggregatedList", _aggregated_list),
        (f"/{_P}/global/({'|'.join(_GLOBAL)})", "compute.{kind}.list", _global_list),
        (f"/{_P}/regions/([^/]+)/(snapshots)", "compute.regionSnapshots.list", _region_list),
        (f"/{_P}/regions", "compute.regions.list", _regions),
        ("/storage/v1/b", "storage.buckets.list", _buckets),
        ("/storage/v1/b/([^/]+)/iam", "storage.buckets.getIamPolicy", _bucket_iam),
        ("/storage/v1/b/([^/]+)/o", "storage.objects.list", _objects),
        ("/v3/projects/([^/]+)", "cloudresourcemanager.projects.get", _get_project),
        ("/v1/projects/([^/]+)/locations", "cloudkms.locations.list", _key_places),
        (f"/{_K}", "cloudkms.keyRings.list", _rings),
        (f"/{_K}/([^/]+)/cryptoKeys", "cloudkms.cryptoKeys.list", _keys),
        (f"/{_K}/([^/]+)/cryptoKeys/([^/]+)", "cloudkms.cryptoKeys.get", _key),
        (f"/{_K}/([^/]+)/cryptoKeys/([^/]+)/cryptoKeyVersions/([^/]+)", "cloudkms.cryptoKeyVersions.get", _version),
        ("/v1/projects/([^/]+)/locations/-/clusters", "container.clusters.list", _clusters),
        ("/v1/projects/([^/]+)/locations/-/instances", "file.instances.list", _filestore),
        ("/admin/directory/v1/users", "directory.users.list", _users),
        ("/v2/entries:list", "logging.entries.list", _entries),
    )
]
