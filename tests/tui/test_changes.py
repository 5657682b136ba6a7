"""The page of what changed since a snapshot, as a person opens it with `=`."""

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from posture.snapshot import to_json
from tests.posture.snapshots import EBS, LATER, finding, resource, snapshot, source
from tests.tui.payloads import FAMILIES
from tests.tui.support import on
from tests.tui.test_chain import LIVE, narrow
from tui.pages.changes import wrapped


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A snapshot of volumes, in the working directory."""
    monkeypatch.chdir(tmp_path)
    volumes = [resource(), resource("vol-2"), *(resource(f"vol-x{number}") for number in range(40))]
    findings = [finding("pass"), finding("fail", "vol-2", reason="Encrypted is false\x1b[2J")]
    (path := tmp_path / "o").write_bytes(to_json(snapshot(volumes, findings)))
    return path


async def test_a_view_is_compared_with_a_file_and_escape_goes_back(old: Path) -> None:
    new = old.with_name("n")
    volumes = [resource(), resource("vol-2"), resource("vol-3")]
    findings = [finding("fail", reason="\x1b[2J" * 40), finding("unknown", "vol-2")]
    new.write_bytes(to_json(snapshot(volumes, findings, [source(EBS, "denied")], at=LATER)))
    async with on([sys.executable, "-P", "-m", "providers.collector", "--file", str(new)], size=(80, 24)) as it:
        await it.press("2", "equals_sign")
        await it.press("x", "enter")
        await it.shows("› what changed since x")
        await it.until(lambda: it.replica.compared and "no such file" in it.replica.compared.problem)
        await it.press("equals_sign")
        await it.press("o", "enter")
        await it.shows("what changed since o")
        await it.shows("+1 fail")
        narrow(it)
        await it.press("G")
        await it.shows("acme/aws/1/ebs is denied in NEW: ")
        await it.press("g", "J", "x")
        assert it.view.id == "changes"
        await it.press("escape")
        assert it.view.id == "volumes"
        it.app.set_filter("status:fail")
        await it.press("equals_sign")
        await it.press("n", "enter")
        await it.shows("since n · status:fail")
        await it.shows("nothing changed")


async def test_a_live_collector_compares_too(old: Path) -> None:
    async with on(LIVE, size=(100, 40)) as it:
        await it.press("equals_sign")
        await it.press("o", "enter")
        await it.shows("NEW is of simulated tenants, the other is not")
        await it.shows("resources: ")


# ---------------------------------------------------------------- lines


@settings(max_examples=100, deadline=None)
@given(
    parts=st.lists(
        st.tuples(st.text("a 語\u0301b", max_size=60) | st.sampled_from([*FAMILIES.values()]), st.just("text"))
    ),
    width=st.integers(20, 60),
)
def test_no_line_is_wider_than_the_page_and_no_word_is_lost(parts: list[tuple[str, str]], width: int) -> None:
    whole = "".join(text for text, _ in parts)
    made = list(wrapped(parts, width))
    assert all(cell_len(line.text) <= width for line in made)
    assert "".join("".join(line.text for line in made).split()) == "".join(whole.split())
    assert {line.copies for line in made} == {whole.strip()}
