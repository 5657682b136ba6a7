"""The declarations of the views, which are read without importing a view."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

from posture.kinds import KINDS
from posture.rows import Place, Row
from providers.collector.frames import Places, Rows
from tests.tui.support import dashboard
from tui.views import View, _declared, views

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("view", views(), ids=lambda view: view.name)
def test_what_is_read_of_a_view_is_what_its_file_declares(view: View) -> None:
    module = import_module(f"tui.views.{view.name}")
    assert msgspec.structs.replace(module.VIEW, columns=()) == view
    assert set(view.kinds) <= KINDS.keys()


def test_every_file_that_declares_a_view_is_one() -> None:
    declaring = {file.stem for file in (ROOT / "tui" / "views").glob("*.py") if "\nVIEW = " in file.read_text()}
    assert declaring == {view.name for view in views()}


def test_views_and_their_keys_stand_as_they_always_did() -> None:
    assert [view.name for view in views()] == [
        *("overview", "volumes", "snapshots", "buckets", "keys", "vault", "leases", "endpoints", "findings", "sources"),
        *(
            "timeline",
            "certificates",
            "expiring",
            "workloads",
            "storageclasses",
            "persistentvolumes",
            "claims",
            "ingresses",
        ),
        *("access", "edge", "promises", "databases", "filesystems", "others"),
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('VIEW = View("b", "B")', "VIEW is named 'b', its file is not"),
        ('VIEW = View("a", TITLE)', "malformed node"),
        ('VIEW = View("a", "A", colums=())', "VIEW: "),
        ("VIEW = View(\n    # )\n)", "VIEW: "),
    ],
)
def test_a_declaration_that_cannot_be_read_is_said_with_its_file(text: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(f'"""A."""\n\n{text}\n')
    with pytest.raises(ValueError, match=why) as raised:
        _declared(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("arguments", [["--help"], ["view", "--help"], ["--view", "nothing"]])
def test_the_command_line_names_the_views_and_imports_no_textual(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom tui.cli.main import main\n"
        f"try: main({arguments!r})\nexcept SystemExit: pass\n"
        "sys.exit(any(name.partition('.')[0] in {'textual', 'rich'} for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, "Textual was imported"
    assert all(view.name in done.stdout + done.stderr for view in views())


async def test_a_kind_may_be_called_anything_in_a_snapshot() -> None:
    kinds = ("a.b", "a_b", "a_2e_b", "zero\0", "../../x", "é", "")
    async with dashboard() as it:
        first = max(it.replica.places) + 1
        for number, kind in enumerate(kinds, first):
            it.app.feed._frame(Places(number, (Place(kind, "x.y", "acme", "x", "", "", "s"),)))
            it.app.feed._frame(
                Rows(
                    (
                        Row(
                            id=f"id{number}",
                            place=number,
                            name=f"name{number}",
                            status=0,
                            severity=0,
                            key_class=-1,
                            key="",
                            reason="",
                            since=0.0,
                            users=0,
                            cells=(),
                        ),
                    )
                )
            )
        for number, kind in enumerate(kinds, first):
            await it.app.action_view(f"kind-{kind}")
            await it.until(lambda number=number: f"name{number}" in it.screen, kind)  # type: ignore[misc]


async def test_sizes_are_sorted_as_numbers_the_greatest_first() -> None:
    async with dashboard(size=(200, 40), view="volumes") as it:
        size = next(column for column in it.view.shown_columns() if column.title == "SIZE")
        it.view.sort(size)
        sizes = [int(row.cells[1].removesuffix(" GiB")) for row in it.view.items]
        assert sizes == sorted(sizes, reverse=True)
        assert max(sizes) >= 1000 > 200 > min(sizes), "more digits than one"
