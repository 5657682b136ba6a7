"""Endpoints, certificates and what ends next, on real servers: the simulated company's street, seen through a real
collector process.
"""

import itertools
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from posture.clock import rfc3339
from posture.kinds import kind_of
from posture.rows import FindingRow, Place, Row
from posture.verdict import Severity, Status
from providers.collector.frames import Findings, Places, Rows
from providers.demo.tls import live
from providers.demo.tls.live import TlsFleet
from tests.tui.support import Opened
from tui.app import Dashboard
from tui.data.link import Feed
from tui.data.process import Collector
from tui.data.replica import Replica, Table
from tui.views import endpoints
from tui.widgets.columns import fit
from tui.widgets.countdown import countdown, paint

CHANGED = kind_of("endpoint").titles.index("CHANGED")


@pytest.fixture(scope="module")
def street() -> Iterator[TlsFleet]:
    """Doors on loopback, a dozen of them not as promised; their root counts as a public one."""
    made = live.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(made.roots))
        yield made
    made.stop()


@asynccontextmanager
async def opened(
    street: TlsFleet, folder: Path, *, view: str = "endpoints", query: str = "", size: tuple[int, int] = (200, 60)
) -> AsyncIterator[Opened]:
    """The dashboard on these doors; asked again only when a test says so."""
    file = folder / "enctop.toml"
    exception = (
        '[[tenant.policy.exception]]\ncontrol = "tls.http-redirect"\nresource = "*"\nuntil = 2027-01-31\nreason = "soon'
        ' gone"\napproved_by = "j.doe"\n'
    )
    exception = exception.replace(
        '"*"', f'"tls://{next(f"{door.name}:{door.port}" for door in street.doors if door.name.startswith("press"))}"'
    )
    file.write_text(
        '[poll]\nlive = "6h"\nwarm = "6h"\n[[tenant]]\nname ='
        f' "acme"\n{live.configuration(street)}{live.policy()}{exception}'
    )
    child = Collector([sys.executable, "-m", "providers.collector", "--config", str(file)])
    child.start()
    app = Dashboard(Feed(child, Replica()), view=view, query=query, export_dir=folder, on_terminal=False)
    try:
        async with app.run_test(size=size) as pilot:
            it = Opened(app, pilot)
            await it.until(lambda: it.replica.settled and not it.replica.touched, "all has answered", 20)
            yield it
    finally:
        child.stop()


def line(it: Opened, start: str) -> str:
    """The line of the screen that holds this."""
    return next((one for one in it.screen.splitlines() if start in one), "")


async def page(it: Opened, name: str) -> str:
    """The whole page of an endpoint, however long."""
    await it.until(lambda: any(row.name.startswith(name) for row in it.view.items), name, 60)
    row = next(row for row in it.view.items if row.name.startswith(name))
    it.view.move_to(it.view.items.index(row))
    await it.press("enter")
    await it.until(lambda: it.view.id == "detail" and it.view.count() > 20, "its page", 60)
    return "\n".join(one.text for one in it.view._lines)


async def test_a_row_says_how_a_door_stands_how_long_and_how_fresh_that_is(street: TlsFleet, tmp_path: Path) -> None:
    async with opened(street, tmp_path) as it:
        await it.shows("payments.", 60)
        for title in ("STATUS", "ENDS IN", "PROTOCOL", "SUITE", "ISSUER", "HSTS", "HTTP", "CHANGED", "REASON", "AGE"):
            assert title in it.screen
        good = line(it, "api.acme")
        for words in ("✓ pass", "TLSv1.3", "GCM-SHA", "Acme Trust", "730d", "301 https"):
            assert words in good
        assert good.rstrip("│▁▂▃▄▅▆▇█ ").endswith("s"), "a pass shows the age of what it rests on"
        assert "? UNKN" in line(it, "retired.")
        assert "refused" in line(it, "retired.")
        assert "not-tls" in line(it, "intranet.")
        statuses = {row.name.partition(".")[0]: row.status for row in it.view.items}
        assert statuses["shop"] > statuses["checkout"] > statuses["partners"], (
            "14 of 47 days pass, 17 of 90 warn, 13 of 200 fail"
        )


async def test_at_80_columns_a_row_keeps_status_name_countdown_and_age(street: TlsFleet, tmp_path: Path) -> None:
    async with opened(street, tmp_path, size=(80, 24)) as it:
        await it.shows("careers.", 60)
        assert all(title in it.screen for title in ("STATUS", "NAME", "ENDS IN", "PROTOCOL", "REASON", "AGE"))
        assert all(len(one) <= 80 for one in it.screen.splitlines())


async def test_the_page_shows_handshakes_the_chain_and_who_says_what(street: TlsFleet, tmp_path: Path) -> None:
    async with opened(street, tmp_path) as it:
        text = await page(it, "jobs.")
        for words in (
            "strict client       TLSv1.3",
            "SSL 3               refused",
            "broken suites",
            "static RSA",
            "X25519MLKEM768",
            "OCSP staple",
            "HSTS max-age",
        ):
            assert words in text, words
        assert "browser             connects, having fetched what was not sent" in text
        assert "API client          refuses: an intermediate is missing" in text
        assert "neither sent nor trusted" in text
        assert "full pass " in text
        await it.press("escape")
        text = await page(it, "api.")
        root, above, leaf = (
            text.index(words)
            for words in ("trusted root, not sent", "└─ Acme Trust Services Issuing CA 1", "└─ api.acme.example")
        )
        assert root < above < leaf
        for words in ("key     EC P-256", "signed  SHA256", "names   api.acme.example", "left"):
            assert words in text[leaf:]
        assert "at = 20" in text, "what the full pass saw says when it was seen"


def run(command: str) -> subprocess.CompletedProcess[str]:
    """As a person does who pasted it."""
    return subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False, timeout=20)


SAYS = {
    "api.": "Verify return code: 0 (ok)",
    "careers.": "hostname mismatch",
    "reports.": "certificate has expired",
    "wiki.": "self-signed certificate",
    "jobs.": "unable to get local issuer certificate",
}


async def test_the_line_that_repeats_it_does_repeat_it(
    street: TlsFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    commands: dict[str, list[str]] = {}
    async with opened(street, tmp_path) as it:
        for name in (*SAYS, "gateway."):
            if any(row.name.startswith(name) for row in it.view.items):
                await page(it, name)
                start = (
                    next(number for number, one in enumerate(it.view._lines) if one.text.startswith("TO REPEAT IT")) + 1
                )
                commands[name] = list(
                    dict.fromkeys(
                        one.copies for one in itertools.takewhile(lambda one: one.text, it.view._lines[start:])
                    )
                )
                await it.press("escape")
    monkeypatch.delenv("SSL_CERT_FILE")  # a person's own shell has none
    for name, says in SAYS.items():
        (command,) = commands[name]
        done = run(command)
        assert says in done.stdout + done.stderr, command
        assert (done.returncode == 0) is (name == "api.")
    if "gateway." in commands:  # IPv6 on loopback: a line for each address, since it is the second that is stale
        assert [command.split()[3].rpartition(":")[0] for command in commands["gateway."]] == ["127.0.0.1", "[::1]"]


async def test_a_renewal_is_seen_while_one_watches(street: TlsFleet, tmp_path: Path) -> None:
    async with opened(street, tmp_path, query="payments") as it:
        await it.shows("payments.", 60)
        before = next(row for row in it.view.items if row.name.startswith("payments"))
        assert not before.cells[CHANGED]
        street.renew()
        await it.press("r")
        await it.until(lambda: (row := it.replica.row(before.id)) is not None and row.cells[CHANGED], "the change", 60)
        after = it.replica.row(before.id)
        assert after is not None
        await it.until(lambda: after.cells[CHANGED] in line(it, "payments."), "the change on the screen", 60)
        assert after.expires > before.expires
        text = await page(it, "payments.")
        change = text[text.index("LAST CHANGE") :]
        was, now = (
            next(one.split()[-1] for one in change.splitlines() if one.split()[:1] == [label])
            for label in ("was", "is")
        )
        assert len(was) == len(now) == 64
        assert was != now
        assert change.count("Acme Trust Services Issuing CA 1") >= 2
        assert f"renewed by Acme Trust Services Issuing CA 1: {was[:12]}… became {now[:12]}… at 20" in text


async def test_what_ends_next_stands_first_whatever_it_is(street: TlsFleet, tmp_path: Path) -> None:
    async with opened(street, tmp_path, view="expiring") as it:
        await it.shows("ENDS IN", 60)
        ends = [row.expires for row in it.view.items]
        assert ends == sorted(ends)
        assert "2d ago" in line(it, "reports.acme")
        assert any(
            row.name.startswith("exception: press") and rfc3339(row.expires) == "2027-02-01T00:00:00Z"
            for row in it.view.items
        )
        for later, kind in enumerate(("lease", "token", "key"), 1):
            row = Row(
                id=f"{kind}://x",
                place=it.view.items[0].place,
                name=f"a {kind}",
                status=3,
                severity=4,
                key_class=-1,
                key="",
                reason="",
                since=0.0,
                users=0,
                cells=(),
                expires=ends[0] + later,
            )
            table = it.replica.tables.setdefault(kind, Table())
            table.rows[row.id] = row
            table.version += 1
        it.view.rebuild()
        assert [row.name for row in it.view.items[1:4]] == ["a lease", "a token", "a key"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(59.9, "0m 59s"), (3600, "1h 00m"), (47 * 86400, "47d 00h"), (398 * 86400, "398d"), (-3 * 86400, "3d ago")],
)
def test_a_countdown_counts_down(seconds: float, text: str) -> None:
    assert countdown(seconds) == text


@pytest.mark.parametrize(
    ("type_", "control", "colour"),
    [
        ("aws.kms.key", "aws.kms.key-state", "fail"),
        ("gcp.kms.key", "gcp.kms.key-state", "fail"),
        ("gcp.kms.key", "aws.kms.key-state", "text"),
        ("azure.keyvault.key", "azure.disk.des-health", "warn"),
    ],
)
def test_what_is_left_of_a_key_has_the_colour_of_its_own_clouds_control_or_of_its_row(
    type_: str, control: str, colour: str
) -> None:
    replica = Replica()
    replica.apply(Places(0, (Place("key", type_, "acme", "cloud", "here", "", "source"),)))
    row = Row(
        id="k",
        place=0,
        name="k",
        status=Status.WARN,
        severity=Severity.LOW,
        key_class=-1,
        key="",
        reason="",
        since=0.0,
        users=0,
        cells=("", "", ""),
        expires=1.0,
    )
    replica.apply(Rows((row,)))
    replica.apply(
        Findings(
            (
                FindingRow(
                    control=control,
                    resource="k",
                    place=0,
                    name="k",
                    status=Status.FAIL,
                    severity=Severity.HIGH,
                    reason="",
                    since=0.0,
                    excepted_until="",
                ),
            )
        )
    )
    assert paint(row, replica) == colour


def test_where_an_endpoint_was_found_is_the_first_column_to_yield() -> None:
    columns = endpoints.VIEW.columns
    titles = [[column.title for column, _ in fit(columns, room)] for room in range(40, 300)]
    whole = next(number for number, shown in enumerate(titles) if len(shown) == len(columns))
    assert set(titles[-1]) - set(titles[whole - 1]) == {"FOUND IN"}
