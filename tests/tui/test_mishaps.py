"""What the world can do to the dashboard, and what it must bear: odd names, fast fingers, half-written filters."""

import pytest
from msgspec.structs import replace

from tests.tui.support import dashboard

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
EVIL = ("[/red]x", "[@click=app.end]evil[/]", "[bold red]x", "a\x1b]0;x\x07b[/]")


@pytest.mark.parametrize("name", EVIL)
async def test_a_name_is_never_read_as_markup(name: str):
    async with dashboard(view="volumes") as it:
        row = it.view.items[0]
        it.replica.table("volume").put(row.id, replace(row, name=name))
        it.view.moved({"volume"})
        await it.press("enter")
        await it.shows("FIELDS")
        shown = name.replace("\x1b", "·").replace("\x07", "·")
        title = next(line for line in it.screen.splitlines() if "Volumes › " in line)
        assert f"Volumes › {shown}" in title


async def test_errors_and_notices_are_never_read_as_markup():
    from providers.stream import Notice

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
