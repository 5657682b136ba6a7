"""Laws of the simulated API server: what is watched adds up to what is listed, and no question is its own fault."""

import http.client
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.demo.kubernetes import selectors
from providers.demo.kubernetes.cluster import CLAIM
from tests.providers.demo.test_kubernetes import CLAIMS, ask, call, names, watching
from tests.world.kubernetes import Kubernetes

Json = dict[str, Any]
SHARED = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
"""The server is one for all examples, and emptied for each."""
writes = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["shop", "bank"]), st.sampled_from(["x", "y", None])), max_size=8
)
"""Name, namespace, and the label it gets; None deletes it."""


def write(kubernetes: Kubernetes, changes: Sequence[tuple[str, str, str | None]]) -> None:
    """Do it."""
    for name, namespace, label in changes:
        if label is None:
            kubernetes.cluster.delete(CLAIM, name, namespace)
        else:
            kubernetes.cluster.claim(namespace, name, labels={"l": label})


def by_uid(objects: Sequence[Json]) -> dict[str, Json]:
    """Objects, without what an item of a list leaves out."""
    return {
        each["metadata"]["uid"]: {field: value for field, value in each.items() if field not in ("kind", "apiVersion")}
        for each in objects
    }


@pytest.mark.parametrize(
    ("path", "chosen"),
    [
        (CLAIMS, {}),
        ("/api/v1/namespaces/shop/persistentvolumeclaims", {}),
        (CLAIMS, {"labelSelector": "l=x"}),
        (CLAIMS, {"fieldSelector": "metadata.name!=a"}),
    ],
)
@SHARED
@given(before=writes, between=writes, after=writes)
def test_a_list_and_what_is_watched_after_it_are_the_next_list(
    kubernetes: Kubernetes, path: str, chosen: Json, before: Any, between: Any, after: Any
) -> None:
    kubernetes.server.reset()
    write(kubernetes, before)
    first = ask(kubernetes, path, **chosen)
    write(kubernetes, between)
    held = by_uid(first["items"])
    with watching(kubernetes, path, resourceVersion=first["metadata"]["resourceVersion"], **chosen) as events:
        write(kubernetes, after)
        kubernetes.server.end_streams()
        for event in events:
            own = by_uid([event["object"]])
            (uid,) = own
            assert (event["type"] == "ADDED") is (uid not in held)
            held.update(own)
            if event["type"] == "DELETED":
                del held[uid]
    assert held == by_uid(ask(kubernetes, path, **chosen)["items"])


@SHARED
@given(before=writes, between=writes, limit=st.integers(1, 4))
def test_pages_add_up_to_the_list_of_the_first_ones_version(
    kubernetes: Kubernetes, before: Any, between: Any, limit: int
) -> None:
    kubernetes.server.reset()
    write(kubernetes, before)
    everything = names(ask(kubernetes, CLAIMS))
    page = ask(kubernetes, CLAIMS, limit=limit)
    seen = names(page)
    write(kubernetes, between)
    while token := page["metadata"].get("continue"):
        assert len(page["items"]) == limit
        page = ask(kubernetes, CLAIMS, limit=limit, **{"continue": token})
        seen += names(page)
    assert seen == everything


TEXT = st.text("aé/%&=\0 漢.", max_size=8)
WORDS = st.one_of(
    TEXT,
    st.sampled_from(
        ["-1", "0", "9" * 30, "1.5", "true", "a=b", "a in (b", "!", "((", "a=b,,", "eyJ2IjoxfQ", "=", "NaN"]
    ),
)
QUERIES = st.dictionaries(
    st.sampled_from(
        [
            "limit",
            "continue",
            "resourceVersion",
            "resourceVersionMatch",
            "labelSelector",
            "fieldSelector",
            "timeoutSeconds",
        ]
    ),
    WORDS,
)
PATHS = st.one_of(
    st.sampled_from([CLAIMS, "/apis/apps/v1/statefulsets", "/api/v1/namespaces/a", "/api", "/apis", "/version"]),
    st.lists(st.one_of(st.sampled_from(["api", "apis", "v1", "namespaces", "nodes", ".."]), TEXT)).map(
        lambda parts: "/" + "/".join(quote(part, safe="") for part in parts)
    ),
)


@SHARED
@given(path=PATHS, query=QUERIES, method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "OPTIONS"]))
def test_whatever_is_asked_the_answer_is_no_fault_of_the_server(
    kubernetes: Kubernetes, path: str, query: dict[str, str], method: str
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", kubernetes.server.port, timeout=10)
    connection.request(method, f"{path}?{urlencode(query)}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status >= 500 and not kubernetes.server.violations:
        assert (answer.status, json.loads(body)["reason"]) == (504, "Timeout")  # a version of the future
    connection.close()
    kubernetes.server.violations.clear()


@SHARED
@given(
    body=st.one_of(
        st.binary(max_size=40),
        st.binary(max_size=20).map(b"k8s\0\n\x00\x12".__add__),
        st.sampled_from([b"{}", b"[]", b'{"spec":[]}']),
    )
)
@pytest.mark.parametrize("media", ["application/json", "application/vnd.kubernetes.protobuf", "text/plain"])
def test_a_review_is_read_or_refused(kubernetes: Kubernetes, media: str, body: bytes) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", kubernetes.server.port, timeout=10)
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    connection.request("POST", path, body, {"Content-Type": media})
    assert connection.getresponse().status in (201, 400, 415)
    connection.close()


@given(st.text(alphabet="ab=!,() innot", max_size=14))
def test_a_selector_is_read_or_refused(text: str) -> None:
    for read in (selectors.labels, selectors.fields):
        try:
            matches = read(text)
        except selectors.BadSelector:
            continue
        assert matches({"metadata": {"labels": {"a": "b"}}}) in (True, False)


FAULTS: list[tuple[str, Json, int]] = [
    ("unauthorized", {}, 401),
    ("forbid", {}, 403),
    ("throttle", {}, 429),
    ("warm", {}, 429),
    ("fail", {}, 500),
    ("fail", {"echo": "etcdserver: no leader"}, 500),
    ("proxy", {}, 503),
    ("proxy", {"status": 502}, 502),
    ("html", {}, 200),
    ("missing", {}, 404),
    ("gone", {}, 410),
    ("too_large", {}, 504),
]


@pytest.mark.parametrize(("kind", "more", "code"), FAULTS)
def test_a_rule_hits_what_it_names_and_counts(kubernetes: Kubernetes, kind: Any, more: Json, code: int) -> None:
    kubernetes.server.faults.add(kind, "k8s:persistentvolumeclaims", verb="list", namespace="shop", times=1, **more)
    shop = "/api/v1/namespaces/shop/persistentvolumeclaims"
    assert call(kubernetes, CLAIMS)[0] == call(kubernetes, "/api/v1/nodes")[0] == 200
    status, body, headers = call(kubernetes, shop)
    assert status == code
    assert more.get("echo", "").encode() in body
    assert (headers["Retry-After"] is not None) is (code in (429, 504))
    assert call(kubernetes, shop)[0] == (403 if kind == "forbid" else 200)


def test_broken_answers_are_broken(kubernetes: Kubernetes) -> None:
    faults, shop = kubernetes.server.faults, "/api/v1/namespaces/shop/persistentvolumeclaims"
    write(kubernetes, [("a", "shop", "x")])
    faults.add("cut", times=1)
    with pytest.raises(http.client.IncompleteRead):
        call(kubernetes, shop)
    faults.add("truncate", times=1)
    with pytest.raises(json.JSONDecodeError):
        ask(kubernetes, shop)
    faults.add("refuse", times=1)
    with pytest.raises(ConnectionResetError):
        call(kubernetes, shop)
    faults.add("hang", times=1, seconds=0.01)
    with pytest.raises(ConnectionResetError):
        call(kubernetes, shop)
    assert call(kubernetes, shop)[0] == 200


def test_a_watch_ends_or_is_gone_by_rule(kubernetes: Kubernetes) -> None:
    kubernetes.server.faults.add("end", verb="watch", times=1)
    with watching(kubernetes) as events:
        assert list(events) == []
    kubernetes.server.faults.add("gone", verb="watch", times=1)
    with watching(kubernetes) as events:
        assert [event["object"]["code"] for event in events] == [410]
    kubernetes.server.faults.add("no_bookmarks")
    kubernetes.server.settings.bookmark = 0.0
    kubernetes.server.settings.second = 0.0001
    with watching(kubernetes, allowWatchBookmarks="true", timeoutSeconds=100) as events:
        assert list(events) == []
