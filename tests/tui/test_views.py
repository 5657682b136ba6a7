"""The views as a person uses them, on a real collector process."""

import os
from functools import partial
from pathlib import Path

import pytest

from posture.filter import parse
from posture.kinds import KINDS
from posture.verdict import Status
from tests.tui.support import Opened, dashboard
from tui.widgets.bars import NUMBERS


async def test_the_overview_shows_every_tenant_and_says_that_it_is_simulated() -> None:
    async with dashboard() as it:
        await it.shows("initech")
        for words in ("acme", "globex", "simulated", "3 tenants", "Volumes 432", "kms denied", "nothing configured"):
            assert words in it.screen


async def test_each_number_opens_its_view_and_tab_goes_round() -> None:
    async with dashboard() as it:
        for number, view in zip(NUMBERS, it.app.VIEWS, strict=False):
            await it.press(str(number))
            assert it.view.id == view.name
            assert view.title in it.screen
        tenth = [view.name for view in it.app.VIEWS].index(it.view.id)
        await it.press("tab")
        assert it.view.id == it.app.VIEWS[(tenth + 1) % len(it.app.VIEWS)].name, "what has no number is a tab away"
        await it.press("1", "shift+tab")
        assert it.view.id == "others"
        await it.press("tab")
        assert it.view.id == "overview"


async def test_a_view_shows_its_kinds_own_columns_and_the_worst_first() -> None:
    async with dashboard(size=(200, 40), view="volumes") as it:
        await it.shows("USED BY")
        assert all(title in it.screen for title in KINDS["volume"].titles)
        ranks = [(row.status, row.severity) for row in it.view.items]
        assert ranks == sorted(ranks)


async def test_status_is_told_by_glyph_and_word_not_by_colour_alone() -> None:
    async with dashboard("--rows", "5000", view="volumes") as it:
        await it.shows("✗ FAIL")
        for words in ("? UNKN", "! WARN"):
            assert words in it.screen


async def test_columns_are_dropped_not_broken_at_80_columns() -> None:
    async with dashboard(size=(80, 24), view="volumes") as it:
        await it.shows("STATUS")
        assert all(len(line) <= 80 for line in it.screen.splitlines())
        assert "NAME" in it.screen
        assert "AGE" in it.screen
        assert "KEY CLASS" in it.screen or "REASON" in it.screen


async def test_a_filter_works_while_it_is_typed_and_stays_visible() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("slash")
        await it.type("tenant:acme")
        acme = [row for row in it.replica.table("volume").rows.values() if it.replica.place(row).tenant == "acme"]
        await it.until(lambda: len(it.view.items) == len(acme))
        await it.press("enter")
        assert f"{len(acme)}/432" in it.screen
        await it.press("3")
        assert "tenant:acme" in it.screen
        assert {it.replica.place(row).tenant for row in it.view.items} == {"acme"}
        await it.press("escape")
        assert "tenant:acme" not in it.screen
        assert len(it.view.items) == 120


async def test_a_filter_that_cannot_be_read_says_why_and_leaves_the_rows() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("slash")
        await it.type("regin:eu")
        assert "did you mean region:?" in it.screen
        assert len(it.view.items) == 432
        await it.press("escape")
        assert "did you mean" not in it.screen


async def test_sorting_keeps_the_cursor_on_its_resource() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("down", "down", "down", "down", "down")
        before = it.view.current.id
        await it.press("s")
        assert it.view.current.id == before
        names = [row.name for row in it.view.items]
        assert names == sorted(names)
        await it.press("S")
        assert it.view.current.id == before
        assert [row.name for row in it.view.items] == names[::-1]
        assert "NAME" in it.screen
        assert "▲" in it.screen


async def test_a_click_on_a_title_sorts_and_a_click_on_a_line_selects() -> None:
    async with dashboard(view="volumes") as it:
        await it.pilot.click("#volumes", offset=(12, 1))
        assert it.view.order[0].title == "NAME"
        await it.pilot.click("#volumes", offset=(12, 5))
        assert it.view.cursor == 3


async def test_vim_keys_pages_and_ends_move_the_cursor() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("j", "j", "k")
        assert it.view.cursor == 1
        await it.press("G")
        assert it.view.cursor == 431
        await it.press("g", "pagedown")
        assert it.view.cursor == it.view.page
        await it.press("home")
        assert it.view.cursor == 0


async def test_enter_drills_down_follows_a_link_and_escape_goes_back() -> None:
    async with dashboard("--rows", "5000", view="volumes") as it:
        failing = it.view.current
        assert failing.status == Status.FAIL
        await it.press("enter")
        await it.shows("promise")
        for words in (
            "Encrypted is false",
            "S04",
            "ec2:DescribeVolumes.Encrypted = false",
            "aws ec2 copy-snapshot",
            "LEADS TO",
            f"Volumes › {failing.name}",
        ):
            assert words in it.screen
        await it.press("n", "n", "enter")
        await it.shows("USED BY")
        shown = it.replica.row(it.view.id_shown)
        assert shown is not None
        assert it.replica.place(shown).kind == "key"
        await it.press("escape")
        await it.shows("promise")
        assert it.view.id_shown == failing.id
        await it.press("escape")
        assert it.view.id == "volumes"
        assert it.view.current.id == failing.id


async def test_the_detail_shows_raw_json_on_demand() -> None:
    async with dashboard(view="volumes") as it:
        await it.press("enter")
        await it.shows("FIELDS")
        await it.press("J")
        assert '"VolumeId"' in it.screen
        await it.press("J")
        assert '"VolumeId"' not in it.screen


async def test_the_detail_follows_its_row() -> None:
    async with dashboard("--rows", "5000", "--mend", view="volumes") as it:
        await it.press("enter")
        await it.shows("Encrypted is false")
        await it.press("r")
        await it.shows("Encrypted is true")


async def test_an_unknown_names_the_missing_permission() -> None:
    async with dashboard(view="keys", query="status:unknown") as it:
        await it.press("enter")
        await it.shows("refused")
        assert "kms:DescribeKey: denied" in it.screen
        assert "needs     kms:DescribeKey" in it.screen


async def test_a_mended_resource_leaves_the_failing_ones_and_a_deleted_one_is_gone() -> None:
    async with dashboard("--rows", "5000", "--mend", view="volumes", query="status:fail") as it:
        before = [row.id for row in it.view.items]
        await it.press("r")
        await it.until(lambda: len(it.view.items) == len(before) - 2)
        assert len(set(before) - {row.id for row in it.view.items}) == 2


async def test_what_changed_is_marked_for_a_moment() -> None:
    async with dashboard("--mend", "--rows", "5000", view="volumes", query="status:fail") as it:
        mended = min(it.view.items, key=lambda row: row.name)
        it.view.narrow(parse(mended.id))
        it.view.look()
        await it.until(lambda: [row.id for row in it.view.items] == [mended.id])
        await it.press("r")
        await it.shows("▎")


async def test_sources_say_state_age_error_and_permission() -> None:
    async with dashboard(size=(160, 40), view="sources") as it:
        await it.shows("✗ denied")
        for words in ("! throttled", "✓ ok", "kms:DescribeKey", "MISSING PERMISSION"):
            assert words in it.screen
        assert it.view.current.state == "denied"


async def test_refresh_asks_the_source_under_the_cursor_and_elsewhere_all(tmp_path: Path) -> None:
    asks = tmp_path / "asks"
    async with dashboard("--asks", str(asks), view="sources") as it:
        source = it.view.current.id
        await it.press("r")
        await it.until(lambda: asks.exists() and f"Refresh(source='{source}')" in asks.read_text())
        await it.press("2", "r")
        await it.until(lambda: "Refresh(source=None)" in asks.read_text())


async def test_pause_is_asked_for_and_cannot_be_overlooked(tmp_path: Path) -> None:
    asks = tmp_path / "asks"
    async with dashboard("--asks", str(asks)) as it:
        await it.press("p")
        assert "PAUSED" in it.screen
        assert "nothing is polled" in it.screen
        await it.press("p")
        assert "PAUSED" not in it.screen
        await it.until(lambda: asks.exists() and asks.read_text().splitlines() == ["Pause(on=True)", "Pause(on=False)"])


async def test_export_asks_for_what_is_shown_and_says_where_it_is(tmp_path: Path) -> None:
    async with dashboard(view="volumes", query="tenant:acme", export_dir=tmp_path) as it:
        await it.press("e")
        await it.until(lambda: list(tmp_path.glob("enctop-volumes-*.json")))
        await it.until(lambda: any("wrote" in toast and "tenant:acme kind:volume" in toast for toast in it.toasts()))


async def test_copying_says_what_was_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    async with dashboard("--rows", "5000", view="volumes") as it:
        await it.press("y")
        assert any("the id was sent to the terminal" in toast and it.view.current.id in toast for toast in it.toasts())
        await it.press("enter")
        await it.shows("remedy")
        await it.press("c")
        assert any("the remedy was sent to the terminal" in toast and "aws ec2" in toast for toast in it.toasts()), (
            it.toasts()
        )


def _in_front(it: Opened, view: str) -> bool:
    return bool(it.view.id == view)


async def test_commands_open_views_kinds_themes_and_filters() -> None:
    async with dashboard() as it:
        for command, view in (("vol", "volumes"), ("account", "kind-account"), ("overview", "overview")):
            await it.press("colon")
            await it.type(command)
            await it.press("enter")
            await it.until(partial(_in_front, it, view))
        await it.press("colon")
        await it.type("theme nord")
        await it.press("enter")
        assert it.app.theme == "nord"
        await it.press("colon")
        await it.type("filter tenant:acme")
        await it.press("enter")
        assert it.app.filter.text == "tenant:acme"
        await it.press("colon")
        await it.type("volums")
        await it.press("enter")
        assert any("did you mean volume" in toast for toast in it.toasts())


async def test_help_lists_the_keys_that_are_bound() -> None:
    async with dashboard(size=(120, 70)) as it:
        await it.press("question_mark")
        await it.shows("Everywhere")
        for words in ("export what is shown", "sort by the next column", "copy the remedy", "turns round"):
            assert words in it.screen
        await it.press("escape")
        assert "Everywhere" not in it.screen


async def test_enter_on_a_tenant_narrows_everything_to_it() -> None:
    async with dashboard() as it:
        await it.shows("initech")
        tenant = it.view.tenants.current.tenant
        await it.press("enter")
        assert it.app.filter.text == f"tenant:{tenant}"
        assert "Tenants 1/3" in it.screen


async def test_panes_are_reached_with_the_arrows_and_open_what_is_worst() -> None:
    async with dashboard("--rows", "5000") as it:
        await it.press("right", "enter")
        await it.shows("promise")
        await it.press("escape", "right", "right", "enter")
        await it.until(lambda: it.view.id == "endpoints")


async def test_a_terminal_that_shrinks_says_so_and_comes_back() -> None:
    async with dashboard(size=(80, 24)) as it:
        await it.pilot.resize_terminal(40, 10)
        await it.shows("too small")
        assert "Tenants" not in it.screen
        await it.pilot.resize_terminal(120, 40)
        await it.shows("Tenants 3")
        assert "too small" not in it.screen


async def test_one_can_quit_while_the_terminal_is_too_small() -> None:
    async with dashboard(size=(40, 10)) as it:
        await it.press("q")
    assert it.app.return_code == 0


async def test_ctrl_c_quits_even_while_typing() -> None:
    async with dashboard() as it:
        await it.press("slash", "a", "ctrl+c")
    assert it.app.return_code == 130


async def test_without_colour_everything_is_still_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with dashboard("--rows", "5000") as it:
        await it.shows("✗ FAIL")
        assert it.app.no_color
    assert os.environ["NO_COLOR"]


async def test_control_characters_in_a_name_do_not_reach_the_terminal() -> None:
    async with dashboard(view="volumes") as it:
        from msgspec.structs import replace

        row = it.view.items[0]
        it.replica.table("volume").put(row.id, replace(row, name="evil\x1b]0;x\x07name"))
        it.view.moved({"volume"})
        await it.shows("evil·]0;x·name")


async def test_rows_of_a_place_that_is_new_are_found_by_a_filter_that_was_there_before() -> None:
    async with dashboard(view="volumes", query="region:mars-*") as it:
        from msgspec.structs import replace

        from providers.collector.frames import Places, Rows

        assert not it.view.items
        row = next(iter(it.replica.table("volume").rows.values()))
        number = len(it.replica.places)
        it.app.feed._frame(Places(number, (replace(it.replica.place(row), region="mars-1"),)))
        it.app.feed._frame(Rows((replace(row, id="arn:new", place=number),)))
        await it.until(lambda: [row.id for row in it.view.items] == ["arn:new"])
        await it.press("s", "s", "s", "s")


async def test_the_mouse_selects_text_of_the_detail_and_y_copies_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    async with dashboard(view="volumes") as it:
        await it.press("enter")
        await it.shows("FIELDS")
        await it.pilot.mouse_down("#detail", offset=(3, 2))
        await it.pilot.hover("#detail", offset=(30, 2))
        await it.pilot.mouse_up("#detail", offset=(30, 2))
        await it.press("y")
        selected = [toast for toast in it.toasts() if "the selection was sent to the terminal" in toast]
        assert selected
        assert "rn:aws:ec2" in selected[0]


async def test_rows_of_a_source_that_is_late_are_drawn_dim_with_their_age() -> None:
    async with dashboard("--rows", "5000", view="snapshots", query="tenant:initech") as it:
        await it.shows("15m")
        assert it.view.dim(it.view.items[0], it.replica.now())
        faint = it.app.paint["faint"].color
        strips = it.app.screen._compositor.render_strips()
        line = next(strip for strip in strips if it.view.items[0].name in strip.text)
        segment = next(segment for segment in line if it.view.items[0].name in segment.text)
        assert segment.style is not None
        assert segment.style.color == faint


async def test_a_finding_opens_at_its_verdict_and_c_copies_that_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("TMUX", raising=False)
    async with dashboard("--rows", "2000", view="findings", size=(120, 30)) as it:
        await it.until(lambda: it.view.current is not None, "a finding")
        control = it.view.current.control
        await it.press("enter")
        await it.shows("◂ opened here", 15)
        assert control in next(line for line in it.screen.splitlines() if "◂ opened here" in line)
        assert it.view.line.control == control
        assert len(it.view.trail) == 1


async def test_the_json_of_a_page_has_the_words_and_times_of_a_snapshot() -> None:
    import json

    from posture.snapshot import FindingEntry, ResourceEntry
    from tui.pages.lines import raw

    async with dashboard(view="volumes") as it:
        await it.press("enter")
        await it.shows("FIELDS", 15)
        text = "\n".join(line.text for line in raw(it.view.detail, 100))
        resource, _, findings = text.removeprefix("RESOURCE\n").partition("\n\nFINDINGS\n")
        assert set(json.loads(resource)) | {"not_in_last_poll"} == set(ResourceEntry.__struct_fields__)
        for finding in json.loads(findings):
            assert set(finding) == set(FindingEntry.__struct_fields__)
            assert finding["status"] in {"fail", "unknown", "warn", "pass", "not_applicable"}
            assert finding["severity"] in {"critical", "high", "medium", "low", "info"}
            assert finding["since"].endswith("Z")
