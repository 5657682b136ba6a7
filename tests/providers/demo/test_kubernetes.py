"""The simulated API server says what a real one says: lists, watches and refusals, word for word."""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from providers.demo.kubernetes.cluster import CLAIM, ebs
from tests.world.kubernetes import TOKEN, USER, Kubernetes, Secured, authority, client_certificate, defects

Json = dict[str, Any]
CLAIMS = "/api/v1/persistentvolumeclaims"


def call(
    server: Kubernetes, path: str, headers: Json | None = None, tls: ssl.SSLContext | None = None, **query: object
) -> tuple[int, bytes, Any]:
    """Status, body and headers of one answer."""
    request = urllib.request.Request(f"{server.server.url}{path}?{urlencode(query)}", headers=headers or {})
    try:
        with urllib.request.urlopen(request, timeout=10, context=tls) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def ask(server: Kubernetes, path: str, **query: Any) -> Json:
    """The decoded body."""
    decoded: Json = json.loads(call(server, path, **query)[1])
    return decoded


@contextmanager
def watching(server: Kubernetes, path: str = CLAIMS, **query: object) -> Iterator[Iterator[Json]]:
    """The events of a watch, as they come."""
    connection = http.client.HTTPConnection("127.0.0.1", server.server.port, timeout=10)
    connection.request("GET", f"{path}?{urlencode({'watch': '1', **query})}")
    answer = connection.getresponse()
    assert answer.status == 200
    try:
        yield (json.loads(line) for line in iter(answer.readline, b""))
    finally:
        connection.close()


def fill(kubernetes: Kubernetes, many: int = 9) -> None:
    """Claims in one namespace."""
    for number in range(many):
        kubernetes.cluster.claim("shop", f"data-pg-{number}", labels={"app": "pg", "n": str(number % 2)})


def names(body: Json) -> list[str]:
    """Of a list's items."""
    return [item["metadata"]["name"] for item in body["items"]]


def test_a_list_comes_in_pages_of_one_revision(kubernetes: Kubernetes) -> None:
    fill(kubernetes)
    first = ask(kubernetes, CLAIMS, limit=4)
    kubernetes.cluster.delete(CLAIM, "data-pg-8", "shop")
    kubernetes.cluster.claim("shop", "data-pg-80")
    second = ask(kubernetes, CLAIMS, limit=4, **{"continue": first["metadata"]["continue"]})
    third = ask(kubernetes, CLAIMS, limit=4, **{"continue": second["metadata"]["continue"]})
    assert [names(page) for page in (first, second, third)] == [
        [f"data-pg-{number}" for number in numbers] for numbers in (range(4), range(4, 8), range(8, 9))
    ]
    assert [page["metadata"].get("remainingItemCount") for page in (first, second, third)] == [5, 1, None]
    assert len({page["metadata"]["resourceVersion"] for page in (first, second, third)}) == 1
    assert first["kind"] == "PersistentVolumeClaimList"
    assert "kind" not in first["items"][0]


def test_a_compaction_ends_a_list_and_offers_an_inconsistent_rest(kubernetes: Kubernetes) -> None:
    fill(kubernetes)
    first = ask(kubernetes, CLAIMS, limit=4)
    kubernetes.server.store.compact()
    status, body, _ = call(kubernetes, CLAIMS, limit=4, **{"continue": first["metadata"]["continue"]})
    said = json.loads(body)
    assert (status, said["reason"]) == (410, "Expired")
    assert said["message"].startswith("The provided continue parameter is too old to display a consistent list result.")
    rest = ask(kubernetes, CLAIMS, **{"continue": said["metadata"]["continue"]})
    assert names(rest) == [f"data-pg-{number}" for number in range(4, 9)]


def test_version_zero_ignores_the_limit(kubernetes: Kubernetes) -> None:
    fill(kubernetes)
    assert len(ask(kubernetes, CLAIMS, limit=4, resourceVersion=0)["items"]) == 9


@pytest.mark.parametrize(
    ("query", "chosen"),
    [
        ({"labelSelector": "app=pg,n!=1"}, "02468"),
        ({"labelSelector": "n in (1)"}, "1357"),
        ({"labelSelector": "n notin (1),app"}, "02468"),
        ({"labelSelector": "!app"}, ""),
        ({"fieldSelector": "metadata.name=data-pg-3"}, "3"),
        ({"fieldSelector": "metadata.namespace!=shop"}, ""),
        ({"fieldSelector": "status.phase=Pending,metadata.name!=data-pg-0"}, "12345678"),
    ],
)
def test_selectors_choose(kubernetes: Kubernetes, query: Json, chosen: str) -> None:
    fill(kubernetes)
    listed = ask(kubernetes, CLAIMS, **query, limit=1)
    assert [name[-1:] for name in names(listed)] == list(chosen[:1])
    assert "remainingItemCount" not in listed["metadata"]
    assert [name[-1] for name in names(ask(kubernetes, CLAIMS, **query))] == list(chosen)


def test_a_watch_tells_what_happens_after_a_version(kubernetes: Kubernetes) -> None:
    fill(kubernetes, 1)
    version = ask(kubernetes, CLAIMS)["metadata"]["resourceVersion"]
    kubernetes.cluster.claim("shop", "before", labels={"app": "pg"})
    with watching(kubernetes, resourceVersion=version, labelSelector="app=pg") as events:
        assert (event := next(events))["type"] == "ADDED"
        assert event["object"]["kind"] == "PersistentVolumeClaim"
        kubernetes.cluster.storage_class("gp3")  # of another kind
        kubernetes.cluster.change(CLAIM, "before", "shop", status={"phase": "Lost"})
        kubernetes.cluster.change(CLAIM, "before", "shop", status={"phase": "Lost"})  # nothing changes
        assert (event := next(events))["type"] == "MODIFIED"
        assert event["object"]["status"]["phase"] == "Lost"
        kubernetes.cluster.change(CLAIM, "before", "shop", metadata={"labels": None})
        assert next(events)["type"] == "DELETED"  # the selector does not match any more
        kubernetes.cluster.delete(CLAIM, "data-pg-0", "shop")
        assert (event := next(events))["type"] == "DELETED"
        assert event["object"]["metadata"]["name"] == "data-pg-0"


def test_a_version_from_before_the_compaction_is_an_event_not_a_status(kubernetes: Kubernetes) -> None:
    fill(kubernetes)
    kubernetes.server.store.compact()
    with watching(kubernetes, resourceVersion=1001) as events:
        event = next(events)
        assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
        assert event["object"]["message"] == f"too old resource version: 1001 ({kubernetes.server.store.revision})"
        assert list(events) == []


def test_bookmarks_carry_the_version(kubernetes: Kubernetes) -> None:
    kubernetes.server.settings.bookmark = 0.0
    fill(kubernetes)
    version = str(kubernetes.server.store.advance(5))
    with watching(kubernetes, resourceVersion=1001, allowWatchBookmarks="true") as events:
        event = next(event for event in events if event["type"] == "BOOKMARK")
    assert event["object"] == {
        "kind": "PersistentVolumeClaim",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": version},
    }


def test_initial_events_end_with_an_annotated_bookmark(kubernetes: Kubernetes) -> None:
    fill(kubernetes, 2)
    initial: Json = {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan", "allowWatchBookmarks": "true"}
    with watching(kubernetes, **initial) as events:
        assert [next(events)["type"] for _ in range(2)] == ["ADDED", "ADDED"]
        assert next(events)["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    kubernetes.server.settings.watch_list = False
    status, body, _ = call(kubernetes, CLAIMS, watch="1", **initial)
    assert (status, json.loads(body)["reason"]) == (422, "Invalid")


def test_a_watch_ends_at_its_time(kubernetes: Kubernetes) -> None:
    kubernetes.server.settings.second = 0.0001
    kubernetes.server.settings.last_bookmark = 0.01
    with watching(kubernetes, timeoutSeconds=300, allowWatchBookmarks="true") as events:
        assert [event["type"] for event in events] == ["BOOKMARK"]


def test_a_stream_is_cut_or_expires_or_falls_silent_when_told(kubernetes: Kubernetes) -> None:
    fill(kubernetes, 1)
    with watching(kubernetes) as events:
        next(events)
        kubernetes.server.cut_streams("k8s:persistentvolumeclaims")
        with pytest.raises((http.client.IncompleteRead, ValueError)):
            next(events)
    with watching(kubernetes) as events:
        next(events)
        kubernetes.server.expire_streams()
        assert next(events)["object"]["code"] == 410
    kubernetes.server.faults.add("silent", "k8s:persistentvolumeclaims")
    kubernetes.server.settings.bookmark = 0.0
    connection = http.client.HTTPConnection("127.0.0.1", kubernetes.server.port, timeout=0.1)
    connection.request("GET", f"{CLAIMS}?watch=1&allowWatchBookmarks=true&timeoutSeconds=1")
    with pytest.raises(TimeoutError):
        connection.getresponse().readline()
    connection.close()


def test_big_answers_are_compressed(kubernetes: Kubernetes) -> None:
    fill(kubernetes, 300)
    _, plain, headers = call(kubernetes, CLAIMS)
    assert headers["Content-Encoding"] is None
    _, packed, headers = call(kubernetes, CLAIMS, {"Accept-Encoding": "gzip"})
    assert headers["Content-Encoding"] == "gzip"
    assert len(packed) < len(plain) / 5
    assert call(kubernetes, CLAIMS, {"Accept-Encoding": "gzip"}, limit=10)[2]["Content-Encoding"] is None


def status(code: int, reason: str, message: str, **more: object) -> Json:
    """A Status as apimachinery makes it."""
    head = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return {**head, "message": message, "reason": reason, **more, "code": code}


REFUSALS: list[tuple[str, str, Json]] = [
    ("unauthorized", CLAIMS, status(401, "Unauthorized", "Unauthorized")),
    (
        "forbid",
        "/apis/storage.k8s.io/v1/storageclasses",
        status(
            403,
            "Forbidden",
            'storageclasses.storage.k8s.io is forbidden: User "system:admin" cannot list resource "storageclasses" '
            'in API group "storage.k8s.io" at the cluster scope',
            details={"group": "storage.k8s.io", "kind": "storageclasses"},
        ),
    ),
    (
        "forbid",
        "/api/v1/namespaces/shop/persistentvolumeclaims",
        status(
            403,
            "Forbidden",
            'persistentvolumeclaims is forbidden: User "system:admin" cannot list resource "persistentvolumeclaims" '
            'in API group "" in the namespace "shop"',
            details={"kind": "persistentvolumeclaims"},
        ),
    ),
    ("gone", CLAIMS, status(410, "Expired", "The resourceVersion for the provided list is too old.")),
    (
        "warm",
        CLAIMS,
        status(429, "TooManyRequests", "storage is (re)initializing", details={"retryAfterSeconds": 1}),
    ),
]


@pytest.mark.parametrize(("kind", "path", "said"), REFUSALS)
def test_refusals_are_word_for_word(kubernetes: Kubernetes, kind: Any, path: str, said: Json) -> None:
    kubernetes.server.faults.add(kind)
    code, body, headers = call(kubernetes, path)
    assert (code, json.loads(body)) == (said["code"], said)
    assert headers["Content-Type"] == "application/json"


def test_refusals_in_text_and_html(kubernetes: Kubernetes) -> None:
    kubernetes.server.faults.add("throttle", times=1)
    code, body, headers = call(kubernetes, CLAIMS)
    assert (code, body, headers["Retry-After"]) == (429, b"Too many requests, please try again later.\n", "1")
    assert headers["Content-Type"].startswith("text/plain")
    kubernetes.server.faults.add("proxy", times=1)
    code, body, headers = call(kubernetes, CLAIMS)
    assert (code, headers["Content-Type"]) == (503, "text/html")
    assert body.startswith(b"<html>")
    for path in ("/apis/nobody.example/v1/things", "/api/v1/namespaces/shop/persistentvolumes", "/nothing"):
        assert call(kubernetes, path)[:2] == (404, b"404 page not found\n")
    kubernetes.server.unserved.add("gateway.networking.k8s.io")
    assert call(kubernetes, "/apis/gateway.networking.k8s.io/v1/gateways")[0] == 404
    assert "gateway.networking.k8s.io" not in json.dumps(ask(kubernetes, "/apis"))


@pytest.mark.parametrize(
    ("query", "accepted"),
    [
        ({}, "application/json, application/yaml, application/vnd.kubernetes.protobuf"),
        ({"watch": "1"}, "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"),
    ],
)
def test_a_representation_nobody_knows_is_406(kubernetes: Kubernetes, query: Json, accepted: str) -> None:
    code, body, _ = call(kubernetes, CLAIMS, {"Accept": "application/cbor"}, **query)
    text = f"only the following media types are accepted: {accepted}"
    assert (code, json.loads(body)) == (406, status(406, "NotAcceptable", text))


def test_metadata_alone_and_tables(kubernetes: Kubernetes) -> None:
    kubernetes.cluster.bound("shop", "data-pg-0", ebs("vol-0abc"))
    accept = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json"}
    body = json.loads(call(kubernetes, CLAIMS, accept)[1])
    assert body["kind"] == "PartialObjectMetadataList"
    assert "spec" not in body["items"][0]
    accept = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    body = json.loads(call(kubernetes, CLAIMS, accept)[1])
    assert [column["name"] for column in body["columnDefinitions"]][:3] == ["Name", "Status", "Volume"]
    assert body["rows"][0]["cells"][:2] == ["data-pg-0", "Bound"]


def test_secrets_and_pods_are_a_violation(kubernetes: Kubernetes) -> None:
    for plural in ("secrets", "pods"):
        assert call(kubernetes, f"/api/v1/{plural}")[0] == 500
    assert [asked.permission for asked in kubernetes.server.violations] == ["list secrets", "list pods"]
    kubernetes.server.violations.clear()


def trusting(certificate: Path | None = None) -> ssl.SSLContext:
    """A client's TLS."""
    context = ssl.create_default_context(cadata=authority().root.pem.decode())
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


def test_a_secured_server_knows_tokens_and_certificates(secured_kubernetes: Secured, tmp_path: Path) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert call(secured_kubernetes, CLAIMS, bearer, trusting())[0] == 200
    assert call(secured_kubernetes, CLAIMS, {"Authorization": "Bearer old"}, trusting())[0] == 401
    code, body, _ = call(secured_kubernetes, CLAIMS, {}, trusting())
    assert code == 403
    assert 'User "system:anonymous" cannot list resource' in json.loads(body)["message"]
    assert call(secured_kubernetes, "/version", {}, trusting())[0] == 200
    made, file = client_certificate("jane"), tmp_path / "jane.pem"
    file.write_bytes(made.pem + made.key_pem)
    assert call(secured_kubernetes, CLAIMS, {}, trusting(file))[0] == 200
    assert [asked.user for asked in secured_kubernetes.server.log][-1] == "jane"
    secured_kubernetes.server.tokens.clear()
    assert call(secured_kubernetes, CLAIMS, bearer, trusting())[0] == 401


def review(server: Secured, kind: str, spec: Json) -> Json:
    """What a self review answers."""
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    request = urllib.request.Request(
        f"{server.server.url}/apis/authorization.k8s.io/v1/{kind.lower()}s",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10, context=trusting()) as answer:
        assert answer.status == 201
        said: Json = json.load(answer)
    assert defects(said) == []
    return said


def test_self_reviews_say_what_requests_would_get(secured_kubernetes: Secured) -> None:
    rules = [{"apiGroups": [""], "resources": ["persistentvolumes", "nodes"], "verbs": ["list", "watch"]}]
    secured_kubernetes.server.access.bind({"rules": rules}, USER)
    secured_kubernetes.server.faults.add("forbid", "k8s:nodes", verb="watch")

    def may(verb: str, resource: str, group: str = "") -> bool:
        spec = {"resourceAttributes": {"verb": verb, "group": group, "resource": resource}}
        return bool(review(secured_kubernetes, "SelfSubjectAccessReview", spec)["status"]["allowed"])

    assert [may("list", "nodes"), may("watch", "nodes"), may("get", "nodes"), may("list", "jobs", "batch")] == [
        True,
        False,
        False,
        False,
    ]
    secured_kubernetes.server.access.incomplete = True
    said = review(secured_kubernetes, "SelfSubjectRulesReview", {"namespace": "shop"})["status"]
    assert said["incomplete"] is True
    assert rules[0] in said["resourceRules"]
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    assert call(secured_kubernetes, "/api/v1/persistentvolumes", bearer, trusting())[0] == 200
    assert call(secured_kubernetes, CLAIMS, bearer, trusting())[0] == 403


def test_a_server_comes_back_with_what_it_had(kubernetes: Kubernetes) -> None:
    fill(kubernetes, 2)
    with watching(kubernetes) as events:
        next(events)
        kubernetes.server.faults.add("hang", "k8s:nodes", seconds=3600.0)
        waiting = http.client.HTTPConnection("127.0.0.1", kubernetes.server.port, timeout=10)
        waiting.request("GET", "/api/v1/nodes")
        kubernetes.server.stop()  # does not wait for them
        assert kubernetes.server.streams == []
        waiting.close()
    with pytest.raises(urllib.error.URLError):
        call(kubernetes, CLAIMS)
    kubernetes.server.restart()
    assert len(ask(kubernetes, CLAIMS)["items"]) == 2
