"""The promises as a person meets them: `enctop promises` on a snapshot, and the view of them."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from posture.clock import Utc
from posture.policy import Policy
from posture.snapshot import take, to_json
from posture.source import Source
from tests.posture.controls.world import NOW, bucket, denied, key, key_arn, refused, volume
from tests.posture.models import BUCKETS, CADENCES, KEYS, VOLUMES, Feed, of
from tests.tui.support import Opened, on
from tui.cli.main import main

MANY = tuple(f"tenant-{number:03}" for number in range(12))


def world(*tenants: str, silent: bool = False) -> Feed:
    """A plaintext volume and an encrypted one of acme, buckets of which one is refused, and more tenants."""
    policies = {name: Policy() for name in ("acme", *tenants)}
    feed = Feed(VOLUMES, KEYS, BUCKETS, policies=policies)
    feed.poll(KEYS, key(manager="AWS")).poll(VOLUMES, volume("vol-plain"), volume("vol-good", key=key_arn()))
    if silent:
        return feed.poll(BUCKETS, fault=denied("s3:ListBuckets"))
    return feed.poll(BUCKETS, refused(bucket("AES256"), "s3:GetBucketEncryption"))


def written(feed: Feed, path: Path, at: Utc = NOW, query: str = "") -> Path:
    path.write_bytes(to_json(take(feed.model, at, "1", query=query)))
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A snapshot of two tenants."""
    return written(world("beta"), tmp_path / "snapshot.json")


# ---------------------------------------------------------------- the command


def test_a_table_of_sentences_by_tenants_fits_the_terminal(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for columns in (60, 80, 140):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main(["promises", "--from", str(file)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split() == ["acme", "beta"]
        assert max(map(len, lines[:33])) <= columns
        assert [line[:3] for line in lines[1:33]] == [f"S{number:02}" for number in range(1, 33)]
        assert lines[25].split()[-4:] == ["✗", "FAIL", "-", "n/a"]
        assert "does not hold" in lines[-2]


def test_more_tenants_than_fit_stand_below_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    main(["promises", "--from", str(written(world(*MANY), tmp_path / "x.json"))])
    out = capsys.readouterr().out
    heads = [line.split() for line in out.splitlines() if line.startswith("    ")]
    assert [name[-3:] for head in heads for name in head] == ["cme", *(name[-3:] for name in MANY)]
    assert max(map(len, out.splitlines()[:33])) <= 80


def test_one_tenant_stands_with_its_reasons(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["promises", "--from", str(file), "--tenant", "acme"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "acme"
    assert any(line.startswith("S25") and line.endswith("✗ FAIL   1 of 2 checks fails") for line in lines)


def test_json_and_markdown_name_nothing_unless_asked(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for form in ("json", "md"):
        main(["promises", "--from", str(file), "--format", form])
        assert "vol-plain" not in capsys.readouterr().out
        main(["promises", "--from", str(file), "--format", form, "--names"])
        assert "vol-plain" in capsys.readouterr().out


def test_schema_prints_either(capsys: pytest.CaptureFixture[str]) -> None:
    for words, title in ((["schema"], "enctop.snapshot/1"), (["schema", "promises"], "enctop.promises/1")):
        assert main(words) == 0
        assert json.loads(capsys.readouterr().out)["title"] == title


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 0, ""),
        (["--fail-on", "fail"], 1, "reached --fail-on fail"),
        (["--fail-on", "unknown", "--tenant", "beta"], 1, "reached --fail-on unknown"),
        (["--fail-on", "fail", "--tenant", "beta"], 0, "no source was asked"),
        (["--require-complete", "--tenant", "beta"], 3, "no source was asked"),
        (["--require-complete", "--tenant", "acme"], 0, ""),
        (["--require-complete"], 0, ""),
        (["--tenant", "acm"], 2, "no such tenant"),
        (["--filter", "kind:volume"], 2, "takes no --filter"),
        (["--config", "x.toml"], 2, "give one of them"),
    ],
)
def test_exit_codes_and_one_line(
    options: list[str], code: int, said: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["promises", "--from", str(file), *options]) == code
    err = capsys.readouterr().err
    assert said in err
    assert err.count("\n") == bool(said)


def test_a_source_that_did_not_answer_is_said_and_can_be_an_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = written(world(silent=True), tmp_path / "x.json")
    assert main(["promises", "--from", str(file)]) == 0
    assert "not every source answered" in capsys.readouterr().err
    assert main(["promises", "--from", str(file), "--require-complete", "--fail-on", "fail"]) == 3


def test_of_a_part_nothing_passes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = written(world(), tmp_path / "x.json", query="kind:bucket")
    main(["promises", "--from", str(file), "--format", "json"])
    page = json.loads(capsys.readouterr().out)
    assert page["scope"]["filter"] == "kind:bucket"
    assert {one["status"] for one in page["tenants"]["acme"]["promises"]} == {"unknown"}


# ---------------------------------------------------------------- the view


@asynccontextmanager
async def view(file: Path, size: tuple[int, int] = (120, 40), query: str = "") -> AsyncIterator[Opened]:
    command = [sys.executable, "-P", "-m", "providers.collector", "--file", str(file)]
    async with on(command, size=size, view="promises", query=query) as opened:
        await opened.until(lambda: opened.view.items, "the sentences")
        yield opened


async def test_arrows_go_from_cell_to_cell_the_foot_tells_what_stands_behind_and_enter_opens_it(file: Path) -> None:
    async with view(file) as it:
        assert "[✗ FAIL]" in it.screen
        it.view.move_to(23)
        await it.press("down")
        await it.shows("S25 acme does not hold: 1 of 2 checks fails")
        await it.shows("Fails: Every EBS volume is encrypted: 1 of 2")
        await it.shows("Attested: A data key for each volume")
        await it.press("right", "right")
        await it.shows("S25 beta does not apply: no AWS is configured here")
        await it.press("left")
        await it.shows("S25 acme does not hold")
        await it.press("enter")
        await it.until(lambda: it.view.id == "findings")
        assert it.app.filter.text == "sentence:S25 tenant:acme"
        await it.until(lambda: [row.control for row in it.view.items] == ["aws.ebs.volume-encrypted"])
        await it.press("escape")
        await it.type(":promises")
        await it.press("enter")
        await it.shows("S25 acme does not hold")
        assert len(it.view.items) == 32


async def test_a_filter_leaves_the_sentences_of_which_a_cell_passes_at_every_size(file: Path) -> None:
    async with view(file) as it:
        for query, left in (
            ("sentence:S2? status:fail", {"S23", "S24", "S25"}),
            ("tenant:beta status:fail", set()),
            ('"per-volume"', {"S25"}),
            ("kind:volume", set()),
        ):
            it.app.set_filter(query)
            assert {line.id for line in it.view.items} == left, query
        it.app.set_filter("")
        for size in ((60, 15), (80, 24), (140, 40), (200, 50)):
            await it.pilot.resize_terminal(*size)
            await it.until(lambda size=size: it.app.size == size)  # type: ignore[misc]
            await it.press("home")
            await it.shows("S01")
            assert "acme" in it.screen
            await it.until(lambda tall=size[1] > 20: ("S01 beta not known" in it.screen) is tall)  # type: ignore[misc]
            await it.press("end")
            await it.shows("S32")
        await it.press("s", "s", "s")
        statuses = [line.cells["acme"].status for line in it.view.items]
        assert statuses == sorted(statuses)
        assert statuses[0] == 0, "the worst of a tenant first, sorted by that tenant"


async def test_more_tenants_than_fit_follow_the_cursor(tmp_path: Path) -> None:
    async with view(written(world(*MANY), tmp_path / "x.json"), (80, 24)) as it:
        await it.shows("acme")
        assert "011" not in it.screen
        await it.press(*["right"] * 12)
        await it.shows("011")
        assert " of 13 tenants" in it.screen
        assert it.view.chosen == "tenant-011"
        await it.press(*["left"] * 12)
        await it.shows("acme")


async def test_a_tenant_of_any_name_is_a_cell(tmp_path: Path) -> None:
    feed = Feed(VOLUMES, policies={"a [b] \x1b[31m": Policy()})
    feed.model.add_source(Source("other/aws/1/s3", "a [b] \x1b[31m", "aws", "1", "s3", CADENCES[BUCKETS]))
    feed.poll(VOLUMES, of("a [b] \x1b[31m", volume("vol-1")))
    async with view(written(feed, tmp_path / "x.json")) as it:
        it.view.move_to(24)
        await it.shows("does not hold")
        assert "\x1b" not in it.screen
        await it.press("enter")
        await it.until(lambda: it.view.id == "findings")
        await it.until(lambda: len(it.view.items) == 1)


# ---------------------------------------------------------------- the simulated company

AZURE, GOOGLE, AMAZON = (
    {"S18", "S19", "S26", "S27"},
    {"S20", "S21", "S28", "S29"},
    {"S02", "S03", "S04", "S16", "S17", "S24", "S25"},
)
CLOUDS = {"acme": AMAZON, "globex": AZURE, "initech": GOOGLE}
"""The sentences about one cloud that each simulated tenant's page answers."""


def reads_sensibly(page: Any) -> None:
    """What the page of the simulated tenants has to say: of each its own cloud, what is refused, what is excepted."""
    for tenant, own in CLOUDS.items():
        stands = {one["sentence"]: one for one in page["tenants"][tenant]["promises"]}
        assert len(stands) == 32
        others = (AZURE | GOOGLE | AMAZON) - own
        assert {name for name in others if stands[name]["status"] == "not_applicable"} == others
        assert all(stands[name]["status"] != "not_applicable" for name in own)
        assert all(one["verdict"] for one in stands.values())
        assert not [name for name, one in stands.items() if one["status"] == "pass" and one["findings"]["unknown"]]
        assert page["tenants"][tenant]["answered"] < page["tenants"][tenant]["sources"], "each has one that is refused"
        quantified = [name for name, sentence in page["sentences"].items() if sentence["quantifier"]]
        assert not [name for name in quantified if stands[name]["status"] in {"pass", "warn"}]
    acme = {one["sentence"]: one for one in page["tenants"]["acme"]["promises"]}
    assert acme["S25"]["status"] == "fail"
    assert acme["S11"]["exceptions"] == [{"until": "2099-12-31", "findings": 1}]
    assert {"s3:GetBucketEncryption"} <= {one["operation"] for one in acme["S03"]["refusals"]}
    assert acme["S06"]["evidence"]["attested"] > 0
