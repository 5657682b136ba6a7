"""What Azure and Google Cloud may send, how long they may take, and where what they are asked with may go: bounded,
and never beyond their own host.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from providers.azure.calls import LIST_DISKS
from providers.azure.faults import retry_after
from providers.demo import server as http
from providers.demo.answer import Answer, Environ
from providers.demo.azure.accounts import SUBSCRIPTION, TOKEN_ENV
from providers.demo.gcp import answers
from providers.demo.gcp import server as gcp
from providers.limits import USUAL, Limits
from tests.world.azure import Azure
from tests.world.azure import Seen as AzureSeen
from tests.world.gcp import Google

DISKS = "compute.disks.aggregatedList"
JSON = {"content-type": "application/json"}


ONCE = Limits(attempts=1, transient_attempts=1, most_bytes=1 << 20)
"""No second tries: what is tested is what the first ends in."""


def _azure_answers(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, dict[str, str]], Answer | None]
) -> None:
    rest = azure.server._answer

    def instead(asked: Any, path: str, query: dict[str, str], body: bytes, environ: Environ) -> Answer:
        return answer(path, query) or rest(asked, path, query, body, environ)

    monkeypatch.setattr(azure.server, "_answer", instead)


def _google_answers(
    google: Google, monkeypatch: pytest.MonkeyPatch, answer: Callable[[str, Any], Answer | None]
) -> None:
    rest = google.server._checked
    monkeypatch.setattr(
        google.server, "_checked", lambda asked, body: answer(asked.operation, asked.query) or rest(asked, body)
    )


# ---------------------------------------------------------------- how much, how long, how often

BOMB = Answer(200, gzip.compress(b'{"value":["' + b"a" * (3 << 20) + b'"]}'), {**JSON, "content-encoding": "gzip"})


async def test_an_answer_that_unpacks_to_more_than_any_may_be_is_refused_by_azure(
    azure: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    _azure_answers(azure, monkeypatch, lambda path, query: BOMB if path.endswith("/disks") else None)
    seen = await azure.poll(limits=ONCE)
    assert (seen.source("disks").state, seen.fault("disks").message) == ("error", "longer than 1048576 bytes")
    assert seen.source("snapshots").state == "ok"


@pytest.mark.parametrize("client", ["rest", "google-cloud-compute"])
async def test_an_answer_that_unpacks_to_more_than_any_may_be_is_refused_by_google(
    google: Google, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    _google_answers(google, monkeypatch, lambda operation, query: BOMB if operation == DISKS else None)
    seen = await google.poll(client=client, limits=ONCE)
    assert (seen.source("disks").state, seen.fault("disks").message) == ("error", "longer than 1048576 bytes")
    assert seen.source("storage").state == "ok"


@pytest.mark.parametrize("cloud", ["azure", "gcp"])
async def test_an_answer_that_never_ends_is_given_up_after_its_time_and_asked_once(
    azure: Azure, google: Google, cloud: str
) -> None:
    limits = msgspec.structs.replace(ONCE, whole=0.4)
    if cloud == "azure":
        rule = azure.faults.hang(operation=LIST_DISKS.permission, seconds=5)
        seen: Any = await azure.poll(limits=limits)
        azure.faults.remove(rule)
    else:
        slow = google.server.faults.add("hang", DISKS, seconds=5)
        seen = await google.poll(limits=limits)
        google.server.faults.remove(slow)
    assert seen.source("disks").state == "unreachable"
    assert seen.fault("disks").message == "the answer was not whole after 0.4 s"
    assert USUAL.whole == 60


async def test_links_that_lead_in_a_circle_are_ended_by_azure(azure: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    def circle(path: str, query: dict[str, str]) -> Answer | None:
        if not path.endswith("/disks"):
            return None
        there = {"1": "2", "2": "1"}.get(query.get("$skiptoken", ""), "1")
        return Answer(
            200,
            json.dumps(
                {"value": [], "nextLink": f"{azure.server.url}{path}?api-version=x&$skiptoken={there}"}
            ).encode(),
            JSON,
        )

    _azure_answers(azure, monkeypatch, circle)
    seen = await azure.poll()
    assert (seen.source("disks").state, seen.fault("disks").code) == ("error", "LoopingListing")


@pytest.mark.parametrize("fresh", [False, True])
async def test_tokens_that_lead_to_each_other_or_are_always_fresh_are_ended_by_google(
    google: Google, monkeypatch: pytest.MonkeyPatch, fresh: bool
) -> None:
    def circle(operation: str, query: Any) -> Answer | None:
        if operation != DISKS:
            return None
        token = query.get("pageToken", "")
        following = f"{token}x" if fresh else {"a": "b", "b": "a"}.get(token, "a")
        return Answer(
            200,
            json.dumps({"kind": "compute#diskAggregatedList", "items": {}, "nextPageToken": following}).encode(),
            JSON,
        )

    rest = answers.answered
    monkeypatch.setattr(
        gcp, "answered", lambda cloud, asked, *more: circle(asked.operation, asked.query) or rest(cloud, asked, *more)
    )
    seen = await google.poll(limits=Limits(most_pages=20) if fresh else USUAL)
    assert (seen.source("disks").state, seen.fault("disks").code) == (
        "error",
        "EndlessListing" if fresh else "LoopingListing",
    )


# ---------------------------------------------------------------- links


@pytest.mark.parametrize(
    ("link", "code"),
    [
        ("http://127.0.0.1:{port}{rest}", None),
        ("HTTP://127.0.0.1:{port}{rest}", None),
        ("{rest}", None),
        (" http://127.0.0.1:{port}{rest}\n", None),
        ("//127.0.0.1:{port}{rest}", None),
        ("https://127.0.0.1:{port}{rest}", "ForeignLink"),
        ("http://127.0.0.2:{port}{rest}", "ForeignLink"),
        ("http://127.0.0.1:1{rest}", "ForeignLink"),
        ("http://127.0.0.1:{port}@evil.example{rest}", "ForeignLink"),
        ("http://x:y@127.0.0.1:{port}{rest}", "ForeignLink"),
        ("//evil.example{rest}", "ForeignLink"),
        ("http://[", "ForeignLink"),
        ("http://127.0.0.1:nine{rest}", "ForeignLink"),
    ],
)
async def test_the_next_page_is_asked_at_the_same_origin_however_it_is_written(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, link: str, code: str | None
) -> None:
    for name in ("a", "b", "c"):
        azure.estate.disk(name)
    azure.server.page_size = 1
    listing = azure.server._listing

    def written(path: str, query: dict[str, str], host: str) -> Answer:
        answer = listing(path, query, host)
        body = json.loads(answer.body)
        if following := body.get("nextLink"):
            rest = following.removeprefix(f"http://{host}")
            body["nextLink"] = link.replace("{port}", str(azure.server.port)).replace("{rest}", rest)
        return Answer(answer.status, json.dumps(body).encode(), answer.headers)

    monkeypatch.setattr(azure.server, "_listing", written)
    seen = await azure.poll()
    if code is None:
        assert set(seen.resources("azure.compute.disk")) == {"a", "b", "c"}
        assert seen.source("disks").state == "ok"
    else:
        assert seen.fault("disks").code == code


@pytest.mark.parametrize(
    ("base", "link", "ours"),
    [
        ("https://management.azure.com", "https://management.azure.com:443/x", True),
        ("https://management.azure.com:443", "https://MANAGEMENT.azure.com/x", True),
        ("https://management.azure.com", "http://management.azure.com:443/x", False),
        ("https://management.azure.com", "https://management.azure.com.evil.example/x", False),
        ("http://localhost", "http://localhost:80/x", True),
    ],
)
def test_a_port_that_is_the_schemes_own_is_no_other_origin(base: str, link: str, ours: bool) -> None:
    from providers.azure.client import _origin

    assert (_origin(base) == _origin(link)) is ours


# ---------------------------------------------------------------- answers that are none


@pytest.mark.parametrize(
    "body",
    [{"value": None}, {"value": [], "error": {"code": "X", "message": "no"}}, {}, {"status": "healthy"}, {"value": {}}],
)
async def test_a_listing_without_a_list_or_with_an_error_beside_it_is_no_empty_one(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]
) -> None:
    _azure_answers(azure, monkeypatch, lambda path, query: Answer(200, json.dumps(body).encode(), JSON))
    seen = await azure.poll()
    assert {
        source.state.value
        for source in seen.model.sources.values()
        if source.service in {"disks", "snapshots", "storage", "encryption-sets", "aks"}
    } == {"error"}


async def test_rows_that_resource_graph_leaves_out_are_asked_of_resource_manager(azure: Azure) -> None:
    from providers.demo.azure import more

    machines = [more.machine(azure.estate, name, at_host=name != "c") for name in ("a", "b", "c")]
    azure.server.hidden_ids.add(machines[2].lower())
    seen = await azure.poll()
    assert seen.statuses(machines[2])["azure.vm.encryption-at-host"] == "warn"
    assert azure.server.count("Microsoft.Compute/virtualMachines/read") == 1
    assert azure.server.count("Microsoft.Resources/subscriptions/resources/read") == 1


async def test_where_the_ids_are_refused_resource_manager_is_asked_for_each_kind(azure: Azure) -> None:
    from providers.demo.azure import more

    machine = more.machine(azure.estate, "a")
    azure.faults.deny("Microsoft.Resources/subscriptions/resources/read")
    seen = await azure.poll()
    assert seen.statuses(machine)["azure.vm.encryption-at-host"] == "pass"
    assert seen.source("machines").state == "ok"


@pytest.mark.parametrize(
    "said",
    ["Mon, 01 Jan 99999 00:00:00 GMT", "nan", "inf", "-inf", "9" * 400, "1e400", "", "Thu, 99 Foo 2026 99:99:99 GMT"],
)
async def test_a_time_to_come_back_that_is_none_does_not_hide_the_throttling(
    azure: Azure, google: Google, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    refusal = Answer(429, b'{"error":{"code":"TooManyRequests","message":"slow"}}', {**JSON, "retry-after": said})
    _azure_answers(azure, monkeypatch, lambda path, query: refusal if path.endswith("/disks") else None)
    assert (await azure.poll(limits=ONCE)).source("disks").state == "throttled"
    assert (retry_after({"Retry-After": said}) or 0.0) <= 86400


# ---------------------------------------------------------------- where a token goes


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A proxy that the environment names, and who came to it."""
    came: list[str] = []

    def serve(environ: Environ) -> Answer:
        came.append(str(environ.get("HTTP_AUTHORIZATION", environ["PATH_INFO"])))
        return Answer(502, b"", {})

    server = http.Server(0, serve)
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{server.port}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    yield came
    server.stop()


async def test_no_proxy_sees_what_is_asked_of_this_machine(azure: Azure, google: Google, proxy: list[str]) -> None:
    azure.estate.disk("a")
    google.project.disk("d")
    assert (await azure.poll()).source("disks").state == "ok"
    assert (await google.poll()).source("disks").state == "ok"
    assert (await google.poll(client="google-cloud-compute")).source("disks").state == "ok"
    assert proxy == []


async def test_a_netrc_is_neither_read_nor_in_the_way(
    azure: Azure, google: Google, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("default login somebody password hunter2hunter2\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    google.server.tokens = None
    assert (await azure.poll()).source("disks").state == "ok"
    assert (await google.poll()).source("disks").state == "ok"
    assert (await google.poll(client="google-cloud-compute")).source("disks").state == "ok"


@pytest.mark.parametrize("status", [400, 403, 500])
@pytest.mark.parametrize(
    "token", ["eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.canary-5f1d.2c3b", "an-opaque-token-of-this-machine"]
)
async def test_a_server_that_repeats_the_request_does_not_make_us_tell_the_token(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, status: int, token: str
) -> None:
    azure.server.token = token
    monkeypatch.setenv(TOKEN_ENV, token)
    escaped = json.dumps(token).replace("e", "\\u0065")
    body = b'{"error":{"code":"Echo %s","message":"you sent Authorization: Bearer %s and %s"}}' % (
        token.encode(),
        token.encode(),
        escaped[1:-1].encode(),
    )
    _azure_answers(azure, monkeypatch, lambda path, query: Answer(status, body, JSON))
    seen = await azure.poll(limits=ONCE)
    written = msgspec.json.encode([source.fault for source in seen.model.sources.values()]).decode()
    assert "[secret]" in written
    assert token not in written
    assert "canary" not in written


async def test_a_poll_that_is_dropped_leaves_no_task_behind(azure: Azure) -> None:
    import asyncio

    from providers.collector.collector import Collector

    for number in range(20):
        account = azure.estate.account(f"acme{number:03}", allow_blob_public_access=True)
        azure.estate.container(account, "c")
    rule = azure.faults.hang(operation="Microsoft.Storage/storageAccounts/encryptionScopes/read", seconds=20)
    collector = Collector(azure.config(SUBSCRIPTION))
    before = asyncio.all_tasks()
    collector.poller.add(collector.sources())
    async with asyncio.timeout(15):
        while azure.server.count("Microsoft.Storage/storageAccounts/encryptionScopes/read") < 4:  # noqa: ASYNC110 - the server runs in threads
            await asyncio.sleep(0.02)
    await collector.poller.stop()
    azure.faults.remove(rule)
    assert {task.get_name() for task in asyncio.all_tasks() - before} == set()
    assert AzureSeen(collector.model).source("disks").state == "ok"
