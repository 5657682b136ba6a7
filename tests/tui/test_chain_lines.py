"""The boxes of a chain and the lines of a tree, whatever the room and the names."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from posture.verdict import Status
from providers.collector.blast import blast_radius, finished
from providers.collector.frames import BlastRadius, Box, Branch, Linked
from tests.posture.graphs import graphs, model_of
from tui.pages.blast import blast_lines
from tui.pages.chain import chain_lines, chosen_box
from tui.pages.lines import Line
from tui.widgets.nouns import noun

NAMES = st.sampled_from(
    [
        "",
        "pg",
        "pvc-5f9e0c1a-2b3c-4d5e-8f90-123456789abc",
        "a" * 80,
        "сервер-0",
        "日本" * 9,
        "e\u0301",
        "\x1b[31m",
        "\u202ex",
        "\U0001f3f3\ufe0f",
    ]
)
KINDS = ("workload", "claim", "persistent-volume", "volume", "bucket", "key", "time-lock")


@st.composite
def boxes(draw: st.DrawFn) -> list[Box]:
    """Up to six of them; one is the resource's own."""
    many = draw(st.integers(2, 6))
    own, made = draw(st.integers(0, many - 1)), []
    for number in range(many):
        kinds = tuple(sorted(draw(st.sets(st.sampled_from(KINDS), min_size=1, max_size=2))))
        total = draw(st.sampled_from([1, 1, 2, 12, 100_000]))
        status = draw(st.sampled_from(Status))
        names = draw(st.lists(NAMES, min_size=1, max_size=min(20, total)))
        members = tuple(Linked("", f"id{name}", name, kinds[0], status) for name in names)
        made.append(Box(kinds, total, draw(st.booleans()), status, 1, number == own, members))
    return made


@settings(max_examples=80, deadline=None)
@given(boxes(), st.integers(52, 220), st.none() | st.integers(-2, 8))
def test_boxes_stand_in_one_line_that_is_never_wider_than_the_page(
    chain: list[Box], width: int, chosen: int | None
) -> None:
    lines = ["".join(text for text, _ in parts) for parts, _, _ in chain_lines(chain, width, chosen)]
    top, middle, low = rows = lines[2:5]
    assert len({cell_len(row) for row in rows}) == 1
    assert cell_len(top) <= width
    assert (top.count("┏"), top.count("╭")) == (1, len(chain) - 1)
    assert middle.count("┃") + middle.count("│") >= 2 * len(chain)
    assert low.index("┗") == top.index("┏")
    assert all(line.isprintable() for line in lines)
    walked = [walked for _, _, walked in chain_lines(chain, width, chosen)]
    assert walked.index(True) == 3
    assert sum(walked) == 1
    box = chain[chosen_box(chain, chosen)]
    assert len(lines) - 5 == (
        0 if box.total == 1 else min(10, len(box.members)) + (box.total > min(10, len(box.members)))
    )


def text_of(lines: list[Line]) -> list[str]:
    """As a person reads them."""
    return [line.text.rstrip() for line in lines]


@settings(max_examples=40, deadline=None)
@given(graphs(), st.integers(0, 3), st.sets(st.sampled_from([f"r{number}" for number in range(9)])))
def test_what_a_tree_does_not_show_of_a_resource_is_counted(seen: list, most: int, folded: set[str]) -> None:  # type: ignore[type-arg]
    model = model_of(seen)
    for resource in seen:
        radius = finished(blast_radius(model, resource.id, most))
        whole = blast_lines(radius, 100, "")
        shown = Counter(line.opens for line in whole if line.opens)
        assert shown - Counter([resource.id]) == Counter(branch.id for branch in radius.lines)
        rest = {line.more: int(line.text.split("and ")[1].split()[0]) for line in whole if line.more}
        assert rest.get(resource.id, 0) == radius.direct - sum(branch.depth == 1 for branch in radius.lines)
        narrowed = blast_lines(radius, 100, "", folded)
        assert len(narrowed) <= len(whole)
        below = [at for at, branch in enumerate(radius.lines) if branch.id in folded and not branch.again]
        for at in below:
            following = radius.lines[at + 1 : at + 2]
            if following and following[0].depth > radius.lines[at].depth:
                assert len(narrowed) < len(whole)


RADIUS = BlastRadius(
    "k",
    "alias/prod",
    "key",
    "aws.kms.key",
    Status.WARN,
    Status.FAIL,
    3,
    4,
    True,
    ("acme",),
    (("volume", "aws.ebs.volume", (1, 0, 0, 2, 0)), ("workload", "k8s.statefulset", (1, 0, 0, 0, 0))),
    (
        Branch(1, "v1", "vol\x1b[31m-1", "volume", "aws.ebs.volume", "acme", Status.PASS, Status.FAIL, 1, False),
        Branch(2, "w", "acme/pg", "workload", "k8s.statefulset", "acme", Status.FAIL, Status.FAIL, 0, False),
        Branch(1, "v2", "vol-2", "volume", "aws.ebs.volume", "acme", Status.PASS, Status.FAIL, 1, True),
    ),
)


def test_a_tree_says_what_is_itself_well_and_what_stands_above_already() -> None:
    assert text_of(blast_lines(RADIUS, 90, "1 of 3 sources did not answer")) == [
        "BLAST RADIUS  what depends on it, directly and through others",
        "! WARN  alias/prod   key",
        "4 resources of 1 tenant: acme   worst ✗ FAIL",
        "1 of 3 sources did not answer",
        "        3 volumes               ✗ 1  ✓ 2",
        "        1 StatefulSet           ✗ 1",
        "",
        "✗ FAIL  ├─ vol·[31m-1   volume · acme   itself ✓ pass",
        "✗ FAIL  │  └─ acme/pg   StatefulSet · acme",
        "✗ FAIL  ├─ vol-2   volume · acme   itself ✓ pass   1, listed above",
        "        └─ … and 1 more",
    ]


@pytest.mark.parametrize(
    ("kind", "type_", "many", "word"),
    [
        ("workload", "k8s.statefulset", 4, "StatefulSets"),
        ("workload", "k8s.statefulset", 1, "StatefulSet"),
        ("ingress", "k8s.ingress", 2, "Ingresses"),
        ("persistent-volume", "k8s.persistentvolume", 1, "persistent volume"),
        ("persistent-volume", "", 2, "persistent volumes"),
        ("key", "aws.kms.key", 2, "keys"),
        ("time-lock", "x.y", 2, "time locks"),
    ],
)
def test_things_are_called_by_the_word_of_their_provider(kind: str, type_: str, many: int, word: str) -> None:
    assert noun(kind, type_, many) == word
