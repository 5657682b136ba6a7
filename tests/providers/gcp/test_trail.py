"""Who changed it, asked of the simulated Admin Activity log over its socket."""

import time
from collections.abc import Callable

import pytest

from posture.resource import Resource
from posture.who import Outcome, Who, words
from providers.collector.config import parse
from providers.gcp.trail import MOST_PAGES
from tests.providers.asking import asked_once
from tests.world.gcp import Google

ENCRYPTION, LIST = "gcp.gcs.bucket-encryption", "logging.entries.list"
DAY = 86400.0
BUCKET = "//storage.googleapis.com/projects/_/buckets/b"


def bucket(resource: Resource) -> bool:
    return resource.type == "gcp.storage.bucket"


async def ask(
    google: Google,
    control: str = ENCRYPTION,
    of: Callable[[Resource], bool] = bucket,
    *,
    who: bool = True,
    seen_otherwise: float | None = None,
) -> Who:
    text = google.configuration().replace(
        'credentials = "anonymous"', f'credentials = "anonymous"\n{"who = true" * who}'
    )
    return await asked_once(parse(text, "test"), control, of, seen_otherwise=seen_otherwise)


@pytest.fixture
def logged(google: Google) -> Google:
    """A bucket that a pipeline has changed a minute ago, on behalf of alice; bob was refused since."""
    project = google.project
    project.bucket("b")
    project.logged("storage.buckets.create", BUCKET, by="carol@acme.example", at=time.time() - 9 * DAY)
    project.logged(
        "storage.buckets.update",
        BUCKET,
        by="ci@acme-prod.iam.gserviceaccount.com",
        through="alice@acme.example",
        at=time.time() - 60,
        request={"encryption": "canary-request"},
    )
    project.logged("storage.buckets.update", BUCKET, by="bob@acme.example", at=time.time() - 30, code=7)
    project.logged("storage.setIamPermissions", BUCKET, by="dave@acme.example", at=time.time() - 20)
    project.logged("storage.buckets.update", f"{BUCKET}-2", by="erin@acme.example", at=time.time() - 10)
    return google


async def test_the_newest_entry_of_what_can_have_caused_it_is_named(logged: Google) -> None:
    who = await ask(logged)
    assert who.event is not None
    assert who.event.actor == "ci@acme-prod.iam.gserviceaccount.com"
    assert who.event.issuer == "alice@acme.example"
    assert (who.event.name, who.event.address) == ("storage.buckets.update", "198.51.100.7")
    assert "canary" not in repr(who)
    assert sum(one.operation == LIST for one in logged.server.log) == 1


async def test_what_is_late_is_not_there_yet_and_nobody_else_is_named(logged: Google) -> None:
    logged.server.cloud.log_late = 600.0
    who = await ask(logged, seen_otherwise=120.0)
    assert (who.outcome, who.event) == (Outcome.NOT_YET, None)


async def test_what_is_older_than_the_log_is_older_than_it_keeps(google: Google) -> None:
    google.project.disk("d", days=900)
    who = await ask(google, "gcp.disk.encryption", lambda one: one.type == "gcp.compute.disk")
    assert who.outcome is Outcome.TOO_OLD
    assert "keeps 400d" in who.reason


@pytest.mark.parametrize(("kind", "mend"), [("deny", "logging.logEntries.list"), ("disable", "logging")])
async def test_who_may_not_ask_is_told_what_mends_it(logged: Google, kind: str, mend: str) -> None:
    logged.server.faults.add(kind, LIST)  # type: ignore[arg-type]
    who = await ask(logged)
    assert who.outcome is Outcome.NOT_PERMITTED
    assert mend in who.mend


async def test_without_the_setting_it_is_not_asked_and_the_setting_is_named(logged: Google) -> None:
    who = await ask(logged, who=False)
    assert who.outcome is Outcome.NOT_PERMITTED
    assert "who = true" in who.mend
    assert all(one.operation != LIST for one in logged.server.log)


async def test_objects_are_in_no_log_that_is_always_on(google: Google) -> None:
    google.project.bucket("b")
    google.project.object("b", "o")
    text = google.configuration(object_pages=1)
    who = await asked_once(parse(text, "test"), "gcp.gcs.object-key", lambda one: one.type == "gcp.storage.objects")
    assert who.outcome is Outcome.NOT_RECORDED
    assert "Data Access" in who.reason


@pytest.mark.parametrize("kind", ["throttle", "rate", "fail"])
async def test_a_log_that_does_not_answer_is_asked_again(logged: Google, kind: str) -> None:
    logged.server.faults.add(kind, LIST)  # type: ignore[arg-type]
    assert (await ask(logged)).outcome is Outcome.NOT_YET


async def test_a_version_of_a_key_is_filed_below_its_key(google: Google) -> None:
    key = google.project.key("k", versions={1: "DISABLED"})
    google.project.disk("d", key=f"{key}/cryptoKeyVersions/1")
    google.project.logged("UpdateCryptoKeyVersion", f"{key}/cryptoKeyVersions/1", by="alice@acme.example")
    google.project.logged("UpdateCryptoKeyVersion", f"{key}-2/cryptoKeyVersions/1", by="bob@acme.example")
    who = await ask(google, "gcp.kms.key-state", lambda one: one.type == "gcp.compute.disk")
    assert who.event is not None
    assert who.event.actor == "alice@acme.example"


async def test_a_hostile_entry_is_short_and_clean_or_not_believed(logged: Google) -> None:
    project = logged.project
    bad = project.logged("storage.buckets.update", BUCKET, by="\x1b]0;owned\x07" * 90_000, at=time.time() - 15)
    bad["protoPayload"]["requestMetadata"] = {"callerIp": "\u202e" * 500, "callerSuppliedUserAgent": "x" * 2_000_000}
    logged.server.strict = False
    try:
        who = await ask(logged)
        assert who.event is not None
        for _, text in words(who, time.time()):
            assert text.isprintable()
            assert len(text) < 1000
        for odd in ({"authenticationInfo": 7}, {"methodName": None}, {"status": "x"}):
            entry = project.logged("storage.buckets.update", BUCKET, by="odd", at=time.time() - 9)
            entry["protoPayload"] |= {**odd, "methodName": "storage.buckets.update"} if "methodName" not in odd else {}
        who = await ask(logged)
    finally:
        logged.server.strict = True
    assert (who.outcome, who.event) == (Outcome.NOT_YET, None), "the newest cannot be read, and nobody else did it"


async def test_it_is_found_behind_what_was_refused_page_by_page_and_no_further_than_that(logged: Google) -> None:
    for number in range(120):
        logged.project.logged(
            "storage.buckets.update", BUCKET, by="bob@acme.example", at=time.time() - 20 - number / 10, code=7
        )
    who = await ask(logged)
    assert who.event is not None
    assert who.event.issuer == "alice@acme.example"
    assert sum(one.operation == LIST for one in logged.server.log) == 3
    for _ in range(50 * MOST_PAGES):
        logged.project.logged("storage.buckets.update", BUCKET, by="bob@acme.example", at=time.time() - 10, code=7)
    who = await ask(logged)
    assert (who.outcome, who.event) == (Outcome.TOO_OLD, None)
    assert sum(one.operation == LIST for one in logged.server.log) == 3 + MOST_PAGES
