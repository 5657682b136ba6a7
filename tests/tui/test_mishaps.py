"""What the world can do to the dashboard, and what it must bear: odd names, fast fingers, half-written filters."""

from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace
from textual.events import Key
from textual.keys import _character_to_key

from posture.source import Source, State
from posture.verdict import EvidenceClass, Finding, Severity, Status
from providers.collector.frames import Judged, Notice, TenantRollup
from tests.tui.support import Opened, dashboard
from tui.data.replica import Replica
from tui.pages.lines import remedy_of, to_know
from tui.widgets.bars import Bar
from tui.widgets.columns import TENANT_AGES

EVIL = ("[/red]x", "[@click=app.end]evil[/]", "[bold red]x", "a\x1b]0;x\x07b[/]")


@pytest.mark.parametrize("name", EVIL)
async def test_a_name_is_never_read_as_markup(name: str) -> None:
    async with dashboard(view="volumes") as it:
        row = it.view.items[0]
        it.replica.table("volume").put(row.id, replace(row, name=name))
        it.view.moved({"volume"})
        await it.press("enter")
        await it.shows("FIELDS")
        shown = name.replace("\x1b", "·").replace("\x07", "·")
        title = next(line for line in it.screen.splitlines() if "Volumes › " in line)
        assert f"Volumes › {shown}" in title


async def test_errors_and_notices_are_never_read_as_markup() -> None:
    async with dashboard(view="volumes", notifications=True) as it:
        await it.press("colon")
        await it.type("[/x]")
        await it.press("enter")
        await it.shows("no command '[/x]'")
        await it.press("colon")
        await it.type("filter status:[/x]")
        await it.press("enter")
        await it.shows("status:[/x]")
        it.app._notice(Notice("warning", "a [/red] bucket"))
        await it.shows("a [/red] bucket")
        it.app.copy("[/red]", "the [/id]")
        await it.shows("[/red]")


def burst(it: Opened, text: str) -> None:
    """Keys that come all at once, as from a paste or over a slow line."""
    names = {"\r": "enter", "\x1b": "escape"}
    for char in text:
        it.app.post_message(Key(names.get(char) or _character_to_key(char), char))


@pytest.mark.parametrize("view", ["overview", "volumes"])
async def test_keys_right_behind_a_slash_are_text(view: str) -> None:
    async with dashboard(view=view) as it:
        burst(it, "/status:fail\r")
        await it.until(lambda: it.app.filter.text == "status:fail" and it.app._prompt is None, "the filter")
        assert it.view.id == view
        burst(it, "\x1b/tenant:acme\r3/")
        await it.until(lambda: it.view.id == "snapshots" and it.app._prompt is not None, "the view behind the filter")
        assert it.app.filter.text == "tenant:acme"
        burst(it, "\x1b5")
        await it.until(lambda: it.view.id == "keys" and not it.app.filter.terms, "the keys")


async def test_keys_right_behind_a_colon_are_text_and_escape_closes() -> None:
    async with dashboard(view="volumes", notifications=True) as it:
        burst(it, ":quitx\r")
        await it.until(lambda: any("no command 'quitx'" in toast for toast in it.toasts()), "the error")
        burst(it, ":5\x1b")
        await it.until(lambda: it.app._line.value == "5" and it.app._prompt is None, "closed")
        assert it.view.id == "volumes"
        burst(it, "5:")
        await it.until(lambda: it.view.id == "keys" and it.app._prompt is not None, "both")
        await it.press("escape")
        assert it.app._prompt is None
        burst(it, ":vol\rj")
        await it.until(lambda: it.view.id == "volumes" and it.app._prompt is None, "the command")


async def test_escape_closes_the_prompt_after_a_click_elsewhere() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("slash", "a")
        await it.pilot.click("#volumes", offset=(12, 5))
        await it.press("escape")
        assert it.app._prompt is None
        assert not it.app.filter.terms


async def test_a_wrong_filter_is_not_accepted_and_stays_to_be_mended() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("slash")
        await it.type("regin:eu-west-1")
        await it.press("enter")
        assert "did you mean region:?" in it.screen
        assert "regin:eu-west-1" in it.screen
        assert it.app._prompt is not None
        await it.press("home", "right", "right", "right", "right", "o", "enter")
        assert it.app._prompt is None
        assert it.app.filter.text == "region:eu-west-1"
        assert "did you mean" not in it.screen


async def test_an_unknown_offers_the_way_to_an_answer_and_no_remedy() -> None:
    async with dashboard(view="keys", query="status:unknown", size=(160, 40)) as it:
        await it.press("enter")
        await it.shows("allow kms:DescribeKey, then r asks again")
        assert "copy-snapshot" not in it.screen
        assert "c copies the remedy" not in it.screen.replace(it.view.border_subtitle, "")
        await it.press("c")
        assert any("there is no remedy to copy" in toast for toast in it.toasts())


def test_an_unknown_without_a_refusal_says_to_ask_again() -> None:
    finding = Finding(
        control="c",
        resource="r",
        tenant="t",
        status=Status.UNKNOWN,
        severity=Severity.HIGH,
        evidence_class=EvidenceClass.OBSERVED,
        reason="not seen",
        evidence={},
        since=0.0,
    )
    judged = Judged(finding, "title", (), "aws kms cancel-key-deletion", {})
    assert remedy_of(judged) == ""
    assert remedy_of(replace(judged, finding=replace(finding, status=Status.FAIL))) == judged.remedy
    assert "r asks again; `enctop check`" in to_know(finding)


def test_the_ages_of_a_shared_account_count_for_each_of_its_tenants() -> None:
    replica = Replica()
    replica.sources = {"s": Source("s", "acme+globex", "aws", "1/eu", "ebs", 60.0, State.OK, last_success=100.0)}
    for tenant, text in (("acme", "10s … 10s"), ("globex", "10s … 10s"), ("unassigned", "10s … 10s"), ("acm", "never")):
        rollup = TenantRollup(tenant, 3, (0,) * 5, (0,) * 5)
        assert TENANT_AGES.cell(rollup, replica, 110.0)[0] == text


def _banner(it: Opened) -> bool:
    it.app._bars()
    return "SNAPSHOT of" in it.screen


async def test_a_snapshot_cannot_be_paused_and_keeps_its_banner(tmp_path: Path) -> None:
    asks = tmp_path / "asks"
    async with dashboard("--asks", str(asks), view="volumes") as it:
        assert it.replica.hello is not None
        it.replica.hello = replace(it.replica.hello, frozen_at=1.7e9)
        await it.press("p", "r")
        await it.until(partial(_banner, it), "the banner")
        assert "PAUSED" not in it.screen
        assert sum("nothing is polled" in toast for toast in it.toasts()) == 1, "what is said already is not said twice"
    assert not asks.exists()


async def test_asking_again_while_paused_says_that_it_is_paused() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("p", "r")
        assert any("polling is paused" in toast for toast in it.toasts())


async def test_enter_on_a_source_shows_its_fault_in_full_and_escape_goes_back() -> None:
    async with dashboard(size=(80, 40), view="sources") as it:
        await it.shows("✗ denied")
        source = it.view.current
        message = (
            "User: arn:aws:sts::444455556666:assumed-role/enctop/i-0abc is not authorized to perform kms:DescribeKey on"
            " resource [/red] key/1"
        )
        fault = replace(source.fault, message=message, retry_after=90.0)
        now = it.replica.now()
        it.replica.sources[source.id] = replace(source, fault=fault, last_attempt=now - 30, next_due=now + 330)
        await it.press("enter")
        await it.shows("FAULT")
        assert it.view.id == "source"
        words = " ".join(it.screen.replace("│", " ").split())
        for text in (
            message,
            "AccessDeniedException",
            "last full answer never",
            "retry at",
            "in 5m",
            "every 60s",
            "asked to wait 90s",
            "MISSING PERMISSION kms:Descr",
        ):
            assert text in words
        await it.press("J")
        await it.shows('"fault"')
        await it.press("G", "r", "escape")
        assert it.view.id == "sources"
        assert it.view.current.id == source.id
        await it.press("enter", "slash", "a", "escape", "3")
        assert it.view.id == "snapshots"


@pytest.mark.parametrize(("view", "title"), [("others", "Others"), ("kind-account", "Accounts")])
async def test_the_dashboard_opens_on_any_view(view: str, title: str) -> None:
    async with dashboard(view=view) as it:
        await it.shows(title)
        assert it.view.id == view


async def test_what_the_collector_sends_while_the_screen_is_taken_down_is_let_go_of() -> None:
    """As at an end under load: the bars are gone, the app is not."""
    async with dashboard(view="volumes") as it:
        await it.app.query(Bar).remove()
        feed = it.app.feed
        feed.on_moved({"hello", "sources", "volume"})
        feed.on_down("it ended", 3.0)
        feed.on_notice(Notice("warning", "late"))
        await it.pilot.pause()
        assert it.app.is_running
        assert it.toasts() == []
