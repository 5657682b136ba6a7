"""A diff as people read it: lines that fit, every change told once, and nothing of what strangers wrote that acts."""

import re
from time import process_time

import pytest
from hypothesis import given, settings

from posture.diff import diff
from posture.diff_entries import Diff, Tally
from posture.diff_markdown import markdown
from posture.diff_text import bar, lines, middle, short
from posture.resource import KeyClass
from posture.snapshot import Snapshot
from posture.verdict import Excepted
from tests.posture.snapshots import (
    CONTROL,
    EBS,
    EXCEPTED,
    LATER,
    PAIRS,
    SNAPSHOTS,
    THEN,
    encryption,
    finding,
    resource,
    snapshot,
    source,
)
from tests.posture.test_promise_page import tokens
from tests.tui.payloads import FAMILIES, forbidden

HOSTILE = [
    *FAMILIES.values(),
    "`",
    "``a`",
    "|",
    "a\\|b",
    "</code><img src=x>",
    "[x](http://e.example)",
    "@someone",
    "- ",
]


def text(made: Diff) -> str:
    return "\n".join("".join(text for text, _ in line).rstrip() for line in lines(made))


def a_day() -> Diff:
    """Something of everything."""
    kms = "acme/aws/1/kms"
    old = snapshot(
        [
            resource("vol-1", encryption=encryption(KeyClass.PROVIDER)),
            resource("vol-2", name="logs"),
            resource("vol-3", tenant="beta"),
            resource("key-1", kind="key", source=kms),
        ],
        [
            finding("pass", "vol-1"),
            finding("fail", "vol-2"),
            finding("fail", "vol-2", "aws.ebs.snapshot-public", severity="high"),
            finding("fail", "vol-3", tenant="beta"),
            finding("fail", "key-1", "aws.kms.rotation"),
        ],
        [source(), source(kms)],
    )
    new = snapshot(
        [
            resource("vol-1", encryption=encryption(KeyClass.NONE)),
            resource("vol-2", name="archive"),
            resource("vol-4", tenant="beta", status="warn"),
        ],
        [
            finding("fail", "vol-1", reason="Encrypted is false"),
            finding("pass", "vol-2", reason="Encrypted is true"),
            finding("warn", "vol-2", "aws.ebs.snapshot-public", severity="high", exception=EXCEPTED),
            finding("warn", "vol-4", tenant="beta"),
        ],
        [source(), source(kms, "denied")],
        at=LATER,
    )
    return diff(old, new)


def test_it_reads_like_a_stat_and_then_by_tenant_and_control() -> None:
    assert text(a_day()) == TEXT.strip("\n")


TEXT = """
OLD  2026-11-27T03:10:00Z  4 resources, 5 verdicts
NEW  2026-11-28T03:10:00Z  3 resources, 4 verdicts, incomplete, 1d later

 acme | 4  +1 fail -2 fail +1 warn 1 not seen  ✗✓~?
 beta | 2  +1 warn                             ✗~
 6 verdicts: 2 worse, 1 better, 2 other, 1 not seen
 resources: 1 added, 1 gone, 1 not seen, 1 renamed; encryption: 1 changed; 1 exception; 1 source
 ✗ worse  ✓ better  ~ other  ? not seen

sources
  denied <- ok              acme/aws/1/kms

acme
  aws.ebs.volume-encrypted  critical
    FAIL    <- PASS     vol-1  Encrypted is false
    PASS    <- FAIL     vol-2 (archive)  Encrypted is true
  aws.ebs.snapshot-public  high
    WARN    <- FAIL     vol-2 (archive)  is warn
  resources
    ~ volume vol-2 (archive) was called logs
  encryption
    none <- provider  vol-1
  exceptions
    began   aws.ebs.snapshot-public  vol-2  until 2027-01-31, by j.doe: scratch
  not seen
    acme/aws/1/kms is denied in NEW: 1 none <- FAIL, 1 resource

beta
  aws.ebs.volume-encrypted  critical
    WARN    <- none     vol-4  is warn
  resources
    - volume vol-3  PASS
    + volume vol-4  WARN
"""


def test_markdown_tells_the_same() -> None:
    made = markdown(a_day())
    for told in (
        "# What changed from 2026-11-27T03:10:00Z to 2026-11-28T03:10:00Z",
        "| acme | 4 | 1 | 1 | 1 | 1 | 1 |",
        "- denied ← ok `acme/aws/1/kms`",
        "### `aws.ebs.volume-encrypted` (critical)",
        "- **FAIL** ← PASS `vol-1`: `Encrypted is false`",
        "- `volume` `vol-2` (`archive`): was called `logs`, PASS",
        "- `none` ← `provider` `vol-1`",
        "- began `aws.ebs.snapshot-public` `vol-2`: until 2027-01-31, by j.doe: scratch",
        "- acme/aws/1/kms is denied in NEW: 1 none \\<- FAIL, 1 resource",
    ):
        assert told in made.splitlines(), told


@settings(max_examples=30, deadline=None)
@given(taken=SNAPSHOTS)
def test_where_nothing_changed_it_says_nothing(taken: Snapshot) -> None:
    made = diff(taken, taken)
    assert not text(made)
    assert markdown(made).splitlines()[-1] == "Nothing changed."


@settings(max_examples=100, deadline=None)
@given(pair=PAIRS)
def test_every_new_fail_has_its_line_and_tenants_fit_80_columns(pair: tuple[Snapshot, Snapshot]) -> None:
    made = diff(*pair)
    told, page = text(made), markdown(made)
    stat = [line for line in told.splitlines() if " | " in line]
    assert len(stat) == len(made.summary.tenants)
    assert max(map(len, stat), default=0) <= 80
    for change in made.verdicts:
        if change.after == "fail":
            assert re.search(rf"^    FAIL +<- .*{re.escape(change.resource)}( |$)", told, re.MULTILINE)
            assert re.search(rf"^- \*\*FAIL\*\* ← .*`{re.escape(change.resource)}`", page, re.MULTILINE)


@pytest.mark.parametrize(
    ("old", "new", "remark"),
    [
        ({"at": LATER}, {"at": THEN}, "OLD is the later of the two"),
        ({"simulated": True}, {}, "OLD is of simulated tenants, the other is not"),
        ({}, {"version": "2"}, "OLD was written by enctop 1, NEW by 2"),
        ({}, {"query": "kind:key"}, "OLD was taken through no filter, NEW through kind:key"),
        ({"tenants": ["acme"]}, {"tenants": ["beta"]}, "the tenants differ: OLD alone has acme; NEW alone has beta"),
    ],
)
def test_what_cannot_be_compared_is_told_first(old: dict[str, object], new: dict[str, object], remark: str) -> None:
    made = diff(snapshot(**old), snapshot(**new))  # type: ignore[arg-type]
    assert not made.changes
    assert f"! {remark}" in text(made).splitlines()
    assert remark in markdown(made)


def test_a_fail_that_is_not_seen_any_more_has_a_line_of_its_own() -> None:
    there = [resource(), resource("vol-2")]
    old = snapshot(there, [finding("fail"), finding("pass", "vol-2")])
    new = snapshot(there, [finding("unknown"), finding("unknown", "vol-2")], [source(EBS, "denied")])
    told = text(diff(old, new)).splitlines()
    assert f"    UNKNOWN <- FAIL     vol-1  is unknown  ({EBS} is denied in NEW)" in told
    assert f"    {EBS} is denied in NEW: 1 UNKNOWN <- FAIL, 1 UNKNOWN <- PASS" in told
    assert not [line for line in told if "vol-2" in line]


def test_what_is_left_out_is_counted() -> None:
    old = snapshot([resource(tenant="beta")], [finding("fail", tenant="beta")])
    told = text(diff(old, snapshot(tenants=["acme"])))
    assert "! only in OLD, not compared: tenant beta (1 resource and 1 verdict, 1 FAIL)" in told.splitlines()


# ---------------------------------------------------------------- bars


@pytest.mark.parametrize(
    ("counts", "most", "room", "drawn"),
    [
        ((1, 1, 1, 1), 4, 10, "✗✓~?"),
        ((3, 0, 0, 0), 3, 10, "✗✗✗"),
        ((100, 0, 0, 100), 200, 10, "✗✗✗✗✗?????"),
        ((1, 0, 0, 100_000), 100_001, 10, "✗?????????"),
        ((1, 1, 1, 1), 100_000, 10, "✗✓~?"),
        ((5, 5, 5, 5), 20, 2, "✗✓~?"),
    ],
)
def test_a_bar_has_a_mark_of_each_kind_and_no_more_than_there_is_room_for(
    counts: tuple[int, int, int, int], most: int, room: int, drawn: str
) -> None:
    assert "".join(text for text, _ in bar(Tally(*counts), most, room)) == drawn


def test_long_names_are_cut_in_their_middle() -> None:
    assert middle("tenant-of-a-long-name-7", 10) == "tenan…me-7"
    assert middle("x", 1) == "x"
    assert middle("xyz", 1) == "…"


# ---------------------------------------------------------------- strangers


def hostile() -> Diff:
    """Every text of a snapshot that a stranger can choose."""
    olds, news, before, after = [], [], [], []
    for number, name in enumerate(HOSTILE):
        id, gone = f"{number}{name}", f"{number}gone{name}"
        exception = Excepted(name, name, name)
        more = {"tenant": name, "kind": name, "type": name, "source": name}
        olds += [resource(id, name="x", encryption=encryption(KeyClass.PROVIDER, name), **more), resource(gone, **more)]
        news.append(resource(id, name=name, encryption=encryption(KeyClass.CUSTOMER, id), **more))
        before += [finding("pass", id, name, tenant=name), finding("fail", id, f"{name}x", tenant=name)]
        after += [
            finding("fail", id, name, tenant=name, reason=name),
            finding("warn", id, f"{name}x", tenant=name, exception=exception),
        ]
    sources = [source(f"{name}{number}", "ok", name) for number, name in enumerate(HOSTILE)]
    old = snapshot(olds, before, [*sources, source(EBS)], tenants=HOSTILE, version=HOSTILE[0])
    return diff(old, snapshot(news, after, [], at=LATER, tenants=[*HOSTILE, "x"], version=HOSTILE[3]), query="-zzz*")


def test_what_strangers_wrote_acts_in_no_format() -> None:
    made = hostile()
    assert not forbidden(text(made))
    page = markdown(made)
    assert not forbidden(page)
    kinds = {part.type for part in tokens(page)}
    assert not {kind for kind in kinds if "html" in kind or "link" in kind or "image" in kind}
    rows = [part for part in tokens(page) if part.type == "tr_open"]
    assert len(rows) == 1 + len(made.summary.tenants), "a pipe is no cell"


def test_ten_megabytes_of_a_reason_are_cut_before_they_are_looked_at() -> None:
    long = "\x1b" * 10_000_000
    made = diff(
        snapshot([resource()], [finding("pass")]), snapshot([resource(name=long)], [finding("fail", reason=long)])
    )
    begun = process_time()
    assert max(map(len, text(made).splitlines())) < 2000
    assert max(map(len, markdown(made).splitlines())) < 6000
    assert process_time() - begun < 0.5
    assert short("x" * 400) == "x" * 299 + "…"
    assert CONTROL in text(made)
