"""Snapshots: what the contract says of their shape, what a filter leaves of them, and how they are read and written."""

import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from posture.clock import age, parse_rfc3339, rfc3339
from posture.fault import Fault, SnapshotError
from posture.resource import Resource
from posture.snapshot import Snapshot, schema, take, to_json, to_jsonl
from posture.verdict import Status
from providers.collector.files import read_snapshot, write
from tests.posture.controls.world import NOW, denied, key, key_arn, refused, volume
from tests.posture.models import BUCKETS, FAULTS, KEYS, MORE, VOLUMES, Feed, fed, of, worlds

VALIDATOR = Draft202012Validator(schema(), format_checker=Draft202012Validator.FORMAT_CHECKER)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


def decoded(snapshot: Snapshot) -> Any:
    return json.loads(to_json(snapshot))


# ---------------------------------------------------------------- laws


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@settings(max_examples=25, deadline=None)
@given(world=worlds(), faults=FAULTS, extra=st.dictionaries(st.text(max_size=5), JSON, max_size=3))
def test_a_snapshot_written_and_read_back_is_equal_and_as_the_schema_says(
    world: dict[str, list[Resource]], faults: dict[str, Fault], extra: Any
) -> None:
    feed = fed(world, faults)
    feed.poll(VOLUMES, volume("vol-x", **extra))
    taken = take(feed.model, feed.now, "1")
    VALIDATOR.validate(decoded(taken))
    for pretty in (True, False):
        body = to_json(taken, pretty=pretty)
        assert msgspec.json.decode(body, type=Snapshot) == taken
        assert body.endswith(b"\n")


@settings(max_examples=25, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_keys_and_arrays_stand_in_a_fixed_order(world: dict[str, list[Resource]], faults: dict[str, Fault]) -> None:
    snapshot = decoded(take(fed(world, faults).model, NOW, "1"))
    _sorted_keys(snapshot)
    for name in ("sources", "resources"):
        assert [entry["id"] for entry in snapshot[name]] == sorted(entry["id"] for entry in snapshot[name])
    ids = [(entry["resource"], entry["control"]) for entry in snapshot["findings"]]
    assert ids == sorted(ids)
    assert snapshot["scope"]["tenants"] == sorted(snapshot["scope"]["tenants"])
    for entry in snapshot["resources"]:
        links = [(link["rel"], link["to"]) for link in entry["links"]]
        assert links == sorted(links)


def _sorted_keys(value: Any) -> None:
    if isinstance(value, dict):
        assert list(value) == sorted(value)
        for inner in value.values():
            _sorted_keys(inner)
    elif isinstance(value, list):
        for inner in value:
            _sorted_keys(inner)


@given(st.integers(0, 253402300799))
def test_a_time_written_is_the_time_read(at: int) -> None:
    assert parse_rfc3339(rfc3339(at)) == at
    assert rfc3339(at + 0.999) == rfc3339(at)


@pytest.mark.parametrize("text", ["", "yesterday", "2026-11-23", "2026-11-23T14:00:00", "2026-13-23T14:00:00Z"])
def test_a_time_without_a_zone_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_rfc3339(text)


@given(st.floats(-1e3, 3e10))
def test_an_age_has_at_most_four_characters(seconds: float) -> None:
    assert 2 <= len(age(seconds)) <= 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (3.9, "3s"),
        (119, "119s"),
        (120, "2m"),
        (7200, "2h"),
        (86399, "23h"),
        (86400, "1d"),
        (3650 * 86400, "10y"),
    ],
)
def test_ages_as_on_call_engineers_read_them(seconds: float, text: str) -> None:
    assert age(seconds) == text


# ---------------------------------------------------------------- the contract


def test_a_snapshot_says_what_the_contract_promises() -> None:
    feed = Feed(VOLUMES, KEYS, BUCKETS).poll(KEYS, key()).poll(VOLUMES, volume("vol-1"), volume("vol-2", key=key_arn()))
    feed.poll(BUCKETS, fault=denied("s3:ListAllMyBuckets"))
    snapshot = decoded(take(feed.model, feed.now, "0.1.0", simulated=True))
    assert snapshot["schema"] == "enctop.snapshot/1"
    assert snapshot["generated_at"] == "2026-11-23T14:00:00Z"
    assert snapshot["tool"] == {"name": "enctop", "version": "0.1.0"}
    assert snapshot["scope"] == {"tenants": ["acme", "beta"], "filter": None, "simulated": True}
    assert snapshot["complete"] is False
    source = next(entry for entry in snapshot["sources"] if entry["id"] == BUCKETS)
    assert (source["state"], source["last_success"], source["error"]["permission"]) == (
        "denied",
        None,
        "s3:ListAllMyBuckets",
    )
    entry = next(entry for entry in snapshot["resources"] if entry["id"] == volume("vol-2").id)
    assert entry["encryption"] == {"at_rest": True, "algorithm": None, "key_class": "customer", "key": key_arn()}
    assert entry["attributes"]["Encrypted"] is True
    assert {"rel": "key", "to": key_arn()} in entry["links"]
    excepted = next(
        f
        for f in snapshot["findings"]
        if f["control"] == "aws.ebs.volume-encrypted" and f["resource"] == volume("vol-1").id
    )
    assert (excepted["status"], excepted["exception"]) == (
        "warn",
        {"until": "2026-11-23", "reason": "scratch", "approved_by": "j.doe"},
    )
    findings = snapshot["summary"]["findings"]
    assert findings["excepted"] == sum(finding["exception"] is not None for finding in snapshot["findings"]) > 0
    for word in ("pass", "warn", "fail", "unknown", "not_applicable"):
        assert findings[word] == sum(finding["status"] == word for finding in snapshot["findings"])
        assert snapshot["summary"]["resources"][word] == sum(entry["status"] == word for entry in snapshot["resources"])
    assert snapshot["summary"]["tenants"]["acme"]["status"] == feed.model.rollups["acme"].status.word
    assert set(snapshot["controls"]) == {finding["control"] for finding in snapshot["findings"]}


@settings(max_examples=25, deadline=None)
@given(world=worlds(), faults=FAULTS)
def test_the_summary_says_of_each_tenant_what_the_roll_up_does(
    world: dict[str, list[Resource]], faults: dict[str, Fault]
) -> None:
    model = fed(world, faults).model
    for tenant, summary in take(model, NOW, "1").summary.tenants.items():
        rollup = model.rollups[tenant]
        counts = [summary.fail, summary.unknown, summary.warn, summary.pass_]
        assert (summary.status, counts) == (rollup.status.word, rollup.findings[:4])


def test_an_export_through_a_filter_says_so_and_counts_what_it_holds() -> None:
    feed = Feed(VOLUMES, KEYS).poll(KEYS, key()).poll(VOLUMES, volume("vol-3"), volume("vol-2", key=key_arn()))
    taken = take(feed.model, feed.now, "1", query=" status:fail id:*vol-3 ")
    assert taken.scope.filter == "status:fail id:*vol-3"
    assert [entry.id for entry in taken.resources] == [volume("vol-3").id]
    assert taken.summary.resources["fail"] == sum(taken.summary.resources.values()) == 1
    assert {finding.resource for finding in taken.findings} == {volume("vol-3").id}
    assert taken.complete
    assert len(taken.sources) == 2
    assert take(feed.model, feed.now, "1", query="  ").scope.filter is None


def test_an_export_of_one_control_holds_its_findings_and_no_others() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-3"), volume("vol-2", key=key_arn()))
    taken = take(feed.model, feed.now, "1", query="control:aws.ebs.volume-encrypted")
    assert [(finding.control, finding.status) for finding in taken.findings] == [
        ("aws.ebs.volume-encrypted", "pass"),
        ("aws.ebs.volume-encrypted", "fail"),
    ]


def test_a_tenant_with_a_silent_source_is_not_green_in_a_filtered_export_either() -> None:
    good = of("beta", volume("vol-2", key=key_arn()))
    shared_key: Resource = key(KeyRotationEnabled=True)
    feed = Feed(VOLUMES, KEYS, MORE).poll(KEYS, shared_key).poll(VOLUMES, good)
    taken = take(feed.model, feed.now, "1", query="control:aws.ebs.volume-encrypted tenant:beta")
    assert {finding.status for finding in taken.findings} == {"pass"}
    assert not taken.complete
    assert taken.summary.tenants["beta"].status == "unknown"
    feed.poll(MORE)
    assert (
        take(feed.model, feed.now, "1", query="control:aws.ebs.volume-encrypted tenant:beta")
        .summary.tenants["beta"]
        .status
        == "pass"
    )


def test_taking_a_snapshot_tells_the_time_first() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-2", key=key_arn()))
    taken = take(feed.model, feed.now + 3600, "1")
    assert {entry.status for entry in taken.resources} == {Status.UNKNOWN.word}


def test_a_refusal_is_written_with_its_finding() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, refused(volume("vol-2"), "ec2:DescribeVolumes"))
    finding = next(f for f in take(feed.model, feed.now, "1").findings if f.control == "aws.ebs.volume-encrypted")
    assert finding.fault == denied("ec2:DescribeVolumes")


def test_lines_are_findings_each_with_its_time() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-3"))
    taken = take(feed.model, feed.now, "1")
    lines = [json.loads(line) for line in to_jsonl(taken).splitlines()]
    assert [line.pop("generated_at") for line in lines] == [taken.generated_at] * len(taken.findings)
    assert lines == decoded(taken)["findings"]


def test_a_filter_for_a_status_or_a_severity_holds_for_each_line() -> None:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-3"), volume("vol-2", key=key_arn()))
    for query, field, holds in (
        ("status:fail", "status", "fail".__eq__),
        ("-status:pass", "status", "pass".__ne__),
        ("severity:high", "severity", "high".__eq__),
    ):
        lines = [json.loads(line) for line in to_jsonl(take(feed.model, feed.now, "1", query=query)).splitlines()]
        assert lines
        field = query.partition(":")[0].removeprefix("-")
        assert all(holds(line[field]) for line in lines)
    assert len(take(feed.model, feed.now, "1", query="status:fail").findings) > 1, (
        "the object holds all that is said of its resources"
    )


# ---------------------------------------------------------------- reading


def whole() -> dict[str, Any]:
    feed = Feed(VOLUMES).poll(VOLUMES, volume("vol-3"))
    found: dict[str, Any] = decoded(take(feed.model, feed.now, "1"))
    return found


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda snapshot: "not JSON", "JSON is malformed"),
        (lambda snapshot: "", "Input data was truncated"),
        (lambda snapshot: {}, "missing required field `schema`"),
        (
            lambda snapshot: snapshot | {"schema": "enctop.snapshot/0"},
            "Invalid enum value 'enctop.snapshot/0' - at `$.schema`",
        ),
        (
            lambda snapshot: snapshot["resources"][0].update(expires="2026-02-31T00:00:00Z") or snapshot,
            "day is out of range for month",
        ),
        (lambda snapshot: snapshot | {"generated_at": "yesterday"}, "$.generated_at"),
        (lambda snapshot: snapshot | {"generated_at": "2026-02-31T00:00:00Z"}, "day is out of range for month"),
        (lambda snapshot: snapshot | {"resources": [{"id": 1}]}, "$.resources[0].id"),
        (
            lambda snapshot: snapshot["findings"][0].update(status="green") or snapshot,
            "Invalid enum value 'green' - at `$.findings[0].status`",
        ),
        (
            lambda snapshot: json.dumps(snapshot).replace(
                '"attributes": {', '"attributes": {"deep": ' + "[" * 100_000, 1
            ),
            "recursion",
        ),
    ],
)
def test_a_file_that_is_no_snapshot_is_refused_in_one_line(tmp_path: Path, change: Any, says: str) -> None:
    changed = change(whole())
    file = tmp_path / "x.json"
    file.write_text(changed if isinstance(changed, str) else json.dumps(changed))
    with pytest.raises(SnapshotError) as caught:
        read_snapshot(file)
    assert str(caught.value).startswith(f"{file}: not an enctop.snapshot/1 file: ")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_utf_8_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="No such file or directory"):
        read_snapshot(tmp_path / "none.json")
    with pytest.raises(SnapshotError, match="Is a directory"):
        read_snapshot(tmp_path)
    (tmp_path / "latin.json").write_bytes(b'{"schema": "\xff"}')
    with pytest.raises(SnapshotError, match=r"not an enctop\.snapshot/1 file"):
        read_snapshot(tmp_path / "latin.json")


# ---------------------------------------------------------------- writing


def test_a_snapshot_is_written_for_its_owner_only_even_over_another_file(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_bytes(b"old")
    file.chmod(0o644)
    write(file, b"new")
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("none/x.json", "No such file or directory"),
        ("file/x.json", "Not a directory"),
        ("folder", "Is a directory"),
        ("n" * 300, "File name too long"),
    ],
)
def test_where_nothing_can_be_written_there_is_one_clear_line_and_nothing_is_left(
    tmp_path: Path, name: str, says: str
) -> None:
    (tmp_path / "file").write_bytes(b"here")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(SnapshotError) as caught:
        write(tmp_path / name, b"new")
    assert str(caught.value) == f"{tmp_path / name}: {says}"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_directory_that_cannot_be_written_to_is_told_in_one_line(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        with pytest.raises(SnapshotError, match="Permission denied"):
            write(tmp_path / "x.json", b"new")
        tmp_path.chmod(0o700)
    else:  # root may write anywhere but where the kernel says no
        with pytest.raises(SnapshotError, match=r"/proc/self/x\.json: "):
            write(Path("/proc/self/x.json"), b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    write(file, b"old")
    limited = f"""
import resource, signal
from pathlib import Path
from posture.fault import SnapshotError
from providers.collector.files import write
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write(Path({str(file)!r}), b"x" * 100_000)
except SnapshotError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=True)
    assert ended.stdout == f"{file}: File too large\n"
    assert file.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_snapshot_of_a_newer_enctop_is_told_as_such(tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text(json.dumps(whole() | {"schema": "enctop.snapshot/2", "news": 1}))
    with pytest.raises(SnapshotError) as caught:
        read_snapshot(file)
    assert str(caught.value) == f"{file}: written by a newer enctop (enctop.snapshot/2)"


def test_a_link_of_ours_is_followed(tmp_path: Path) -> None:
    (tmp_path / "link.json").symlink_to("real.json")
    write(tmp_path / "link.json", b"new")
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "real.json").read_bytes() == b"new"


def test_links_in_a_circle_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(SnapshotError, match="a: "):
        read_snapshot(tmp_path / "a")


WRITER = """
import os, sys
from pathlib import Path
from providers.collector.files import write
bodies = [bytes([letter]) * size for letter, size in ((97, 300_000), (98, 500_000))]
for line in sys.stdin:  # a writer for each line, as a process of its own, which ends only when it is killed
    child = os.fork()
    if child == 0:
        turn = 0
        while True:
            write(Path(line.strip()), bodies[turn % 2])
            turn += 1
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


def test_a_writer_killed_at_any_moment_leaves_the_old_file_whole_or_the_new_one(tmp_path: Path) -> None:
    file, chance, seen = tmp_path / "x.json", Random(7), set[bytes]()
    wanted = {b"a" * 300_000, b"b" * 500_000}
    write(file, b"a" * 300_000)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as writers:
        assert writers.stdin is not None
        assert writers.stdout is not None
        for _ in range(200):
            print(file, file=writers.stdin, flush=True)
            child = int(writers.stdout.readline())
            time.sleep(chance.uniform(0.0, 0.03))
            os.kill(child, signal.SIGKILL)
            assert writers.stdout.readline() == "ended\n"
            body = file.read_bytes()
            assert body in wanted
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            seen.add(body)
    assert seen == wanted
