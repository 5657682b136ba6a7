"""No secret is on any screen: every view and every drill-down of a provisioned Vault, and whatever was written on
the way.
"""

import os
import sys
from functools import partial
from pathlib import Path

import pytest

from providers.collector.files import append_lines
from providers.demo.vault.live import listed
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from tests.providers.collector.history.kept import readable
from tests.providers.vault.test_leases import give_up
from tests.providers.vault.test_truth import provision
from tests.tui.support import Opened
from tests.world.vault import TOKEN_ENV, configured, counted, reader
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica

OPENED = ("vault", "leases", "keys")
VIEWS = (*OPENED, "others", "findings", "sources")
"""Those of `OPENED` with each of their rows."""
PLANTED = ("canary-of-kv", "canary-password", "canary-of-the-broker")
TALL = (180, 110)
"""A screen on which a view and a page stand whole."""


def _plant(bao: Bao, rabbit: Rabbit) -> None:
    provision(bao, rabbit)
    bao.call("POST", "kv/data/app", {"data": {"secret": PLANTED[0]}})
    bao.call("POST", "old/app", {"secret": PLANTED[0]})
    stuck = listed(bao, "rabbitmq/creds/")[0]
    give_up(bao, stuck, f"out of retries: failed to revoke {stuck}: 503 the broker is away")


def _leaks(texts: dict[str, str], secrets: set[str], folder: Path) -> list[tuple[str, str]]:
    """Which secrets stand where: in a text or in a file that was written."""
    roots = (folder, Path(os.environ["XDG_STATE_HOME"]))
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    (history,) = (path for path in files if path.suffix == ".sqlite")
    kept = readable(history)
    assert "rabbitmq/creds/app" in kept, "what is kept for the next start"
    assert any(path.suffix == ".json" for path in files), "what was exported"
    texts = texts | {"the history": kept} | {str(path): path.read_bytes().decode("utf-8", "replace") for path in files}
    return [(where, secret) for where, text in texts.items() for secret in secrets if secret in text]


async def _every_view(it: Opened, seen: list[str]) -> int:
    """Look at every view, and at the pages of those that have some; returns how many pages."""
    pages = 0
    for view in VIEWS:
        await it.app.action_view(view)
        await it.pilot.pause(0.1)
        seen.append(it.screen)
        pages += await drill(it, seen) if view in OPENED else 0
    return pages


async def test_no_secret_is_on_any_screen_nor_in_any_file(
    bao: Bao, rabbit: Rabbit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _plant(bao, rabbit)
    token = reader(bao, namespaces=("", "team-a", "team-a/inner"))
    monkeypatch.setenv(TOKEN_ENV, token)
    await counted(bao)
    leases = (*listed(bao, "ssh/"), *listed(bao, "rabbitmq/"), *listed(bao, "auth/"))
    tails = [lease.rpartition("/")[2] for lease in leases]
    accessors = bao.call("LIST", "auth/token/accessors")["keys"]
    secrets = {*PLANTED, token, bao.token, *bao.keys, *tails, *accessors}
    assert len(secrets) > 12

    file, log, errors = tmp_path / "enctop.toml", tmp_path / "log", tmp_path / "stderr"
    file.write_text(configured(bao.url))
    child = Collector(
        [sys.executable, "-m", "providers.collector", "--config", str(file), "--log-file", str(log)],
        partial(append_lines, errors),
    )
    child.start()
    app = Dashboard(Feed(child, Replica()), view="overview", query="", export_dir=tmp_path, on_terminal=False)
    pages = 0
    try:
        async with app.run_test(size=TALL) as pilot:
            it = Opened(app, pilot)
            await it.until(lambda: it.replica.settled, "all has answered", 20)
            seen = [it.screen]
            pages = await _every_view(it, seen)
            await it.press("e")
            await pilot.pause(0.5)
            assert "irrevocable" in "".join(seen)
            assert "rabbitmq/creds/app" in "".join(seen)
            bao.call("POST", "auth/token/revoke", {"token": token})
            await it.press("6")
            await it.shows("lookup-self: expired", 15)
            seen.append(it.screen)
    finally:
        child.stop()
    assert pages > 20
    assert _leaks({"screen": "\n".join(seen)}, secrets, tmp_path) == []


async def drill(it: Opened, seen: list[str]) -> int:
    """Open rows of the view in front, as a page and as JSON: one of each type, and every lease and token; how many
    there were.
    """
    types: set[str] = set()
    pages = 0
    await it.press("home")
    for row in list(it.view.items):
        type_ = it.replica.place(row).type
        if type_ not in types or type_ in {"vault.lease", "vault.token", "vault.auth.mount"}:
            types.add(type_)
            await it.press("enter")
            await it.until(lambda: it.screen != seen[-1], "the page")
            seen.append(it.screen)
            await it.press("J")
            seen.append(it.screen)
            await it.press("escape")
            pages += 1
        await it.press("down")
    return pages
