"""Laws of the viewer's copy: however frames arrive the copy is the same, and what is kept up to date equals what is
made from scratch.
"""

from collections.abc import Callable
from operator import attrgetter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from posture.fault import FilterError
from posture.filter import parse
from posture.rows import KEY_CLASSES, FindingRow, Place, Row
from posture.source import Source, State
from posture.verdict import Severity, Status
from providers.collector.frames import Decoder, Encoder, Findings, Frame, Gone, Hello, Places, Rows, Settled, Sources
from tui.data.ordered_rows import Selection
from tui.data.replica import Replica
from tui.data.row_filter import sieve
from tui.widgets.columns import AGE, KEY_CLASS, NAME, REASON, REGION, STATUS, TENANT, Column, fit

PLACES = tuple(
    Place(kind, f"aws.{kind}", tenant, "aws", "1111", region, f"{tenant}/{kind}")
    for kind in ("volume", "bucket")
    for tenant in ("acme", "globex")
    for region in ("eu-west-1", "us-east-1")
)


def rows(ids: int = 40) -> st.SearchStrategy[Row]:
    return st.builds(
        Row,
        id=st.integers(0, ids).map(lambda n: f"arn:{n}"),
        place=st.just(0),
        name=st.sampled_from(["pg-data", "redis", "Kafka", "etcd"]),
        status=st.integers(0, 4),
        severity=st.integers(0, 4),
        key_class=st.integers(-1, len(KEY_CLASSES) - 1),
        key=st.just("alias/x"),
        reason=st.sampled_from(["as promised", "Encrypted is false", "no answer"]),
        since=st.just(1000.0),
        users=st.integers(0, 9),
        cells=st.just(()),
    ).map(lambda row: replace(row, place=int(row.id[4:]) % len(PLACES)))


CHANGES = st.lists(
    st.one_of(rows().map(lambda row: Rows((row,))), st.integers(0, 40).map(lambda n: Gone((f"arn:{n}",)))), max_size=60
)


def replica_of(*frames: Frame) -> Replica:
    replica = Replica(lambda: 1060.0)
    for frame in (Hello("1", ("acme",), False, 0.0), Places(0, PLACES), *frames):
        replica.apply(frame)
    return replica


def all_rows(replica: Replica) -> dict[str, Row]:
    return {key: row for table in replica.tables.values() for key, row in table.rows.items()}


@given(CHANGES)
def test_the_copy_is_what_the_frames_say(changes: list[Rows | Gone]) -> None:
    expected: dict[str, Row] = {}
    for change in changes:
        if isinstance(change, Gone):
            expected.pop(change.ids[0], None)
        else:
            expected[change.rows[0].id] = change.rows[0]
    assert all_rows(replica_of(*changes)) == expected


@given(CHANGES, st.integers(1, 50))
def test_bytes_may_arrive_in_pieces_of_any_size(changes: list[Rows | Gone], size: int) -> None:
    encoder, decoder = Encoder(), Decoder(Frame)
    data = b"".join(map(encoder.encode, changes))
    frames = [frame for start in range(0, len(data), size) for frame in decoder.feed(data[start : start + size])]
    assert frames == changes


@given(
    CHANGES,
    CHANGES,
    st.sampled_from([STATUS, NAME, TENANT, KEY_CLASS]),
    st.booleans(),
    st.sampled_from(["", "status:fail,warn", "tenant:acme -redis", "encrypted"]),
)
@settings(max_examples=150)
def test_an_order_kept_up_to_date_equals_one_made_anew(
    first: list[Rows | Gone], then: list[Rows | Gone], column: Column, reverse: bool, query: str
) -> None:
    replica = replica_of(*first)
    table = replica.table("volume")

    def selection() -> Selection[Row]:
        made: Selection[Row] = Selection(column.order(replica), attrgetter("name"))
        made.sieve, made.reverse = sieve(parse(query), replica), reverse
        return made

    kept, anew = selection(), selection()
    table.take()
    kept.rebuild(table.rows)
    for change in then:
        replica.apply(change)
    moved = table.take()
    assert moved is not None
    kept.update(table.rows, moved, attrgetter("id"))
    anew.rebuild(table.rows)
    order = column.order(replica)
    assert sorted(row.id for row in kept.items) == sorted(row.id for row in anew.items)
    assert [(order(table.rows[row.id]), table.rows[row.id].name) for row in kept.items] == [
        (order(row), row.name) for row in anew.items
    ]


@given(
    st.lists(rows(), max_size=40),
    st.sampled_from(
        [
            "status:fail",
            "tenant:acme",
            "region:eu*",
            "key:customer",
            "severity:high,low",
            "name:pg-*",
            "id:arn:3",
            "redis",
            "PROMISED",
            "control:aws.*",
            "control",
        ]
    ),
)
def test_a_filter_and_its_negation_part_the_rows(many: list[Row], word: str) -> None:
    replica = replica_of(
        Rows(tuple(many)),
        Findings(
            (
                FindingRow(
                    control="aws.control",
                    resource="arn:3",
                    place=0,
                    name="x",
                    status=0,
                    severity=0,
                    reason="",
                    since=0.0,
                    excepted_until="",
                ),
            )
        ),
    )
    every = list(all_rows(replica).values())
    yes, no = sieve(parse(word), replica), sieve(parse(f"-{word}"), replica)
    assert yes is not None
    assert no is not None
    assert sorted(row.id for row in yes(every) + no(every)) == sorted(row.id for row in every)


@given(
    st.lists(rows(), max_size=40),
    st.lists(
        st.sampled_from(
            [
                "status:fail,warn",
                "-tenant:acme",
                "region:eu*",
                "key:customer,none",
                "severity:high",
                "name:pg-*",
                "kind:volume",
                "redis",
                "-false",
            ]
        ),
        max_size=3,
    ),
)
def test_the_fast_filter_agrees_with_the_languages_own(many: list[Row], words: list[str]) -> None:
    replica = replica_of(Rows(tuple(many)))
    query = parse(" ".join(words))
    matches = query.matcher()

    def read(row: Row) -> Callable[[str], str]:
        place = replica.place(row)
        texts = {
            "status": Status(row.status).word,
            "severity": Severity(row.severity).word,
            "key": KEY_CLASSES[row.key_class].value if row.key_class >= 0 else "",
            "name": row.name,
            "id": row.id,
            "": f"{row.id} {row.name} {row.reason}",
        }
        return lambda field: texts[field] if field in texts else getattr(place, field)

    every = list(all_rows(replica).values())
    through = sieve(query, replica)
    assert (every if through is None else through(every)) == [row for row in every if matches(read(row))]


def test_a_new_collector_numbers_its_places_anew_and_the_old_rows_stay_until_all_has_settled() -> None:
    volume = Row(
        id="arn:0",
        place=0,
        name="pg",
        status=0,
        severity=0,
        key_class=0,
        key="",
        reason="",
        since=0.0,
        users=0,
        cells=(),
    )
    bucket = replace(volume, id="arn:4", place=4, name="logs", status=3)
    replica = replica_of(
        Rows((volume, bucket)),
        Sources((Source("acme/volume", "acme", "aws", "1111", "volume", 60.0, State.OK, 1000.0),)),
        Settled(),
    )
    replica.apply(Hello("1", ("acme",), False, 5.0))
    replica.apply(Places(0, PLACES[4:]))
    assert replica.place(replica.table("volume").rows["arn:0"]) == PLACES[0]
    assert replica.place(replica.table("bucket").rows["arn:4"]) == PLACES[4]
    assert replica.freshness(replica.source(replica.table("volume").rows["arn:0"]), 1060.0) == ("60s", False)
    replica.apply(Rows((replace(bucket, place=0),)))
    replica.apply(Hello("1", ("acme",), False, 6.0))
    replica.apply(Places(0, PLACES[4:]))
    assert set(all_rows(replica)) == {"arn:0", "arn:4"}
    replica.apply(Rows((replace(bucket, place=0),)))
    replica.apply(Settled())
    assert set(all_rows(replica)) == {"arn:4"}
    assert not replica.sources
    assert replica.place(replica.table("bucket").rows["arn:4"]) == PLACES[4]


def test_a_snapshot_stands_still_at_its_time() -> None:
    replica = replica_of()
    replica.apply(Hello("1", ("acme",), False, 0.0, frozen_at=500.0))
    assert replica.now() == 500.0


@given(st.integers(1, 300))
def test_columns_never_ask_for_more_room_than_there_is(room: int) -> None:
    fitted = fit((STATUS, NAME, TENANT, REGION, KEY_CLASS, REASON, AGE), room)
    assert sum(wide + 1 for _, wide in fitted) - 1 <= max(room, STATUS.width)
    assert fitted[0][0] is STATUS


@pytest.mark.parametrize("query", ["foo:bar", "status:sideways", "'open"])
def test_a_filter_that_cannot_be_read_raises(query: str) -> None:
    with pytest.raises(FilterError):
        parse(query)


def test_a_row_that_its_source_left_behind_shows_its_own_age_and_sorts_by_it() -> None:
    fresh, old = (
        Row(
            id=f"arn:{name}",
            place=0,
            name=name,
            status=3,
            severity=0,
            key_class=0,
            key="",
            reason="",
            since=0.0,
            users=0,
            cells=(),
            expires=0.0,
            seen=seen,
        )
        for name, seen in (("fresh", 0.0), ("old", 940.0))
    )
    replica = replica_of(
        Rows((old, fresh)),
        Sources((Source("acme/volume", "acme", "aws", "1111", "volume", 60.0, State.PARTIAL, 1000.0),)),
        Settled(),
    )
    assert [AGE.cell(row, replica, 1030.0) for row in (fresh, old)] == [("30s", "faint"), ("90s", "unknown")]
    assert sorted((old, fresh), key=AGE.order(replica)) == [fresh, old]
