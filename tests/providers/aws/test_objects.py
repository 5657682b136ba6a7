"""Stored objects, where the operator asks for them: samples, inventory reports, and accounts that tenants share by a
tag.
"""

import gzip
import json
from collections.abc import Callable

import pytest

from posture.fault import FaultKind
from posture.source import State
from posture.verdict import Status
from providers.demo.aws.request import Asked
from providers.demo.faults import Rule
from tests.providers.conftest import Watch, configuration
from tests.world.aws import Aws

FAIL, UNKNOWN, WARN, PASS = Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS
SAMPLE, INVENTORY = "aws.s3.object-encryption-sample", "aws.s3.object-encryption-inventory"
MakeWatch = Callable[..., Watch]


def objects(aws: Aws, *names: str) -> None:
    """A bucket with these objects."""
    aws.buckets().make("b-1")
    for name in names:
        aws.buckets().put("b-1", name, b"x")


# ------------------------------------------------------------ samples


async def test_a_sample_says_how_many_of_how_many(aws: Aws, watch: MakeWatch) -> None:
    objects(aws, *(f"o-{number}" for number in range(9)))
    seen = await watch(also="object_sample = 3").poll()
    assert list(seen.verdicts(SAMPLE).values()) == [PASS, PASS, PASS]
    assert "sample 3 of 3" in seen.finding(SAMPLE, "arn:aws:s3:::b-1/o-0").reason
    assert aws.log.count("s3:HeadObject") == 3
    assert aws.log.count("s3:GetObject") == 0


async def test_nothing_of_objects_is_asked_where_nobody_asked_for_it(aws: Aws, watch: MakeWatch) -> None:
    objects(aws, "o-1")
    await watch().poll()
    assert not aws.log.operations & {
        "s3:ListObjectsV2",
        "s3:HeadObject",
        "s3:GetObject",
        "s3:ListBucketInventoryConfigurations",
        "s3:GetBucketTagging",
    }


async def test_an_object_under_the_customers_own_key_is_a_fail_and_is_asked_with_nothing_undeclared(
    aws: Aws, watch: MakeWatch
) -> None:
    objects(aws, "plain")
    aws.buckets().put("b-1", "theirs", b"x", by_customer=True)
    seen = await watch(also="object_sample = 5").poll()
    assert seen.verdicts(SAMPLE) == {"b-1/plain": PASS, "b-1/theirs": FAIL}
    assert "SSE-C" in seen.finding(SAMPLE, "arn:aws:s3:::b-1/theirs").reason
    assert "s3:HeadBucket" not in aws.log.operations


async def test_a_head_that_is_denied_is_unknown_and_one_that_is_gone_is_dropped(aws: Aws, watch: MakeWatch) -> None:
    objects(aws, "a", "b", "c")
    aws.deny("s3:HeadObject", bucket="b-1/b")
    aws.faults.add(Rule("fail", "s3:HeadObject", "b-1/c", status=404))
    seen = await watch(also="object_sample = 5").poll()
    assert seen.verdicts(SAMPLE) == {"b-1/a": WARN, "b-1/b": UNKNOWN}
    fault = seen.finding(SAMPLE, "arn:aws:s3:::b-1/b").fault
    assert fault is not None
    assert (fault.kind, fault.permission) == (FaultKind.DENIED, "s3:GetObject")
    assert "sample 1 of 3" in seen.finding(SAMPLE, "arn:aws:s3:::b-1/a").reason


async def test_expired_credentials_are_not_taken_for_a_customers_key(aws: Aws, watch: MakeWatch) -> None:
    """S3 answers both with a bare 400 to a HEAD."""
    objects(aws, "a", "b")
    seen = await watch(also="object_sample = 5").poll()
    before = aws.faults.before

    def expire_after_the_listing(asked: Asked) -> object:
        if asked.operation == "s3:HeadObject" and not aws.faults.rules:
            aws.faults.expire()
        return before(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws.faults, "before", expire_after_the_listing)
        await seen.poll()
    assert aws.faults.rules
    assert set(seen.verdicts(SAMPLE).values()) == {PASS}
    assert FaultKind.EXPIRED in {
        source.fault.kind for source in seen.model.sources.values() if source.service == "s3-objects" and source.fault
    }


async def test_samples_of_a_bucket_that_cannot_be_listed_stay_and_are_not_asked_before_it_was_found(
    aws: Aws, watch: MakeWatch
) -> None:
    objects(aws, "a")
    rule = aws.deny("s3:ListBuckets")
    seen = await watch(also="object_sample = 2\ninventory = true").poll()
    for service in ("s3-objects", "s3-inventory"):
        assert seen.source(service).state is State.UNREACHABLE, "none of no buckets is not an answer about all of them"
    aws.faults.remove(rule)
    await seen.poll()
    await seen.poll()
    assert seen.verdicts(SAMPLE) == {"b-1/a": PASS}
    aws.deny("s3:ListObjectsV2")
    await seen.poll()
    assert seen.verdicts(SAMPLE) == {"b-1/a": PASS}
    source = seen.source("s3-objects")
    assert (source.state, source.fault and source.fault.permission) == (State.PARTIAL, "s3:ListBucket")


async def test_a_silent_region_costs_one_wait_and_no_sample_or_report(aws: Aws, watch: MakeWatch) -> None:
    own = aws.buckets()
    for number in range(12):
        own.make(f"far-{number:02}", "eu-west-1")
        own.put(f"far-{number:02}", "o", b"x")
    seen = await watch(also="object_sample = 1\ninventory = true").poll()
    before = seen.verdicts(SAMPLE), seen.verdicts(INVENTORY)
    aws.faults.refuse("eu-west-1")
    aws.log.clear()
    await seen.poll()
    assert (seen.verdicts(SAMPLE), seen.verdicts(INVENTORY)) == before
    for operation in ("s3:ListObjectsV2", "s3:ListBucketInventoryConfigurations"):
        assert len({entry.resource for entry in aws.log if entry.operation == operation}) < 12
    for service in ("s3-objects", "s3-inventory"):
        fault = seen.source(service).fault
        assert fault is not None
        assert fault.kind is FaultKind.UNREACHABLE


# ------------------------------------------------------------ inventory


def inventory(aws: Aws, rows: dict[str, str]) -> None:
    """A bucket with a report in another region's bucket."""
    own = aws.buckets()
    own.make("b-1")
    own.make("reports", "eu-west-1")
    own.inventory("b-1", "reports", rows)


async def told(watch: MakeWatch) -> tuple[Watch, Status, str]:
    """The verdict on b-1's inventory."""
    seen = await watch(also="inventory = true").poll()
    finding = seen.finding(INVENTORY, "arn:aws:s3:::b-1#inventory")
    return seen, finding.status, finding.reason


def replace(aws: Aws, ending: str, body: bytes) -> None:
    """Put other bytes in the place of a file of the report."""
    bucket = aws.buckets().s3.buckets["reports"]
    name = next(name for name in bucket.keys if name.endswith(ending))
    aws.buckets().put("reports", name, body)


async def test_a_report_is_counted_row_by_row(aws: Aws, watch: MakeWatch) -> None:
    inventory(aws, {"a": "SSE-S3", "b": "SSE-S3"})
    assert (await told(watch))[1] is PASS
    assert aws.log.count("s3:GetObject") == 2


async def test_a_row_that_is_not_encrypted_is_a_fail_with_its_number(aws: Aws, watch: MakeWatch) -> None:
    inventory(aws, {"a": "SSE-S3", "b": "NOT-SSE", "c": "NOT-SSE", 'd, with "quotes"': "SSE-KMS"})
    seen, status, reason = await told(watch)
    assert status is FAIL
    assert "2 NOT-SSE" in reason
    assert seen.finding(INVENTORY, "arn:aws:s3:::b-1#inventory").evidence["Report.Rows"] == 4


async def test_a_bucket_without_inventory_is_a_warning(aws: Aws, watch: MakeWatch) -> None:
    aws.buckets().make("b-1")
    seen, status, _ = await told(watch)
    assert status is WARN
    assert seen.source("s3-inventory").state is State.OK


@pytest.mark.parametrize(
    ("ending", "body", "said"),
    [
        ("manifest.json", None, "no report"),
        ("manifest.json", b"{", "not an inventory manifest"),
        ("manifest.json", b"<html></html>", "not an inventory manifest"),
        ("manifest.json", b'{"fileFormat": "CSV", "fileSchema": "Bucket", "files": [{}]}', "not an inventory manifest"),
        ("manifest.json", b'{"fileFormat": "Parquet", "fileSchema": "x", "files": []}', "Parquet; enctop reads CSV"),
        (
            "manifest.json",
            b'{"fileFormat": "CSV", "fileSchema": "Bucket, Key", "files": []}',
            "no column EncryptionStatus",
        ),
        (".csv.gz", b"not gzip", "not gzipped CSV"),
        (".csv.gz", gzip.compress(b'"b-1","a","SSE-S3"\n' * 500)[:-12], "not gzipped CSV"),
        (".csv.gz", gzip.compress(b"x" * 5000)[:20] + b"\xff" * 40, "not gzipped CSV"),
        (".csv.gz", gzip.compress(b'"b-1"\n'), "not gzipped CSV"),
    ],
    # a gzip body holds the time at which it was made: another name in each process
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_a_report_that_cannot_be_read_is_unknown_and_says_why(
    aws: Aws, watch: MakeWatch, ending: str, body: bytes | None, said: str
) -> None:
    inventory(aws, {"a": "SSE-S3"})
    if body is None:
        keys = aws.buckets().s3.buckets["reports"].keys
        for name in list(keys):
            keys.pop(name)
    else:
        replace(aws, ending, body)
    seen, status, reason = await told(watch)
    assert status is UNKNOWN
    fault = seen.finding(INVENTORY, "arn:aws:s3:::b-1#inventory").fault
    assert fault is not None
    assert said in fault.message, reason
    assert seen.source("s3-inventory").state is State.PARTIAL


async def test_a_report_that_is_cut_off_or_denied_is_unknown(aws: Aws, watch: MakeWatch) -> None:
    inventory(aws, {"a": "SSE-S3"})
    rule = aws.faults.cut("s3:GetObject")
    seen, status, _ = await told(watch)
    assert status is UNKNOWN
    aws.faults.remove(rule)
    aws.deny("s3:GetObject")
    await seen.poll()
    fault = seen.finding(INVENTORY, "arn:aws:s3:::b-1#inventory").fault
    assert fault is not None
    assert (fault.kind, fault.permission) == (FaultKind.DENIED, "s3:GetObject")


async def test_a_report_with_a_manifest_in_an_odd_folder_is_not_a_defect(aws: Aws, watch: MakeWatch) -> None:
    inventory(aws, {"a": "SSE-S3"})
    bucket = aws.buckets().s3.buckets["reports"]
    manifest = json.dumps({"fileFormat": "CSV", "fileSchema": "EncryptionStatus", "files": []}).encode()
    assert bucket.keys
    aws.buckets().put("reports", "inventory/b-1/all-objects/9999-not-a-time/manifest.json", manifest)
    assert (await told(watch))[1] is UNKNOWN


# ------------------------------------------------------------ shared accounts


def shared(aws: Aws) -> str:
    """Two tenants in one account."""
    text = configuration(aws, also='tag = "tenant=acme"\nobject_sample = 2')
    other = f'endpoint_url = "{aws.url}"\nregions = ["us-east-1"]\ntag = "tenant=globex"\nobject_sample = 2\n'
    return f'{text}\n[[tenant]]\nname = "globex"\n[[tenant.aws]]\n{other}'


async def test_an_account_that_tenants_share_is_parted_by_their_tags(aws: Aws, watch: MakeWatch) -> None:
    home, own = aws.region(), aws.buckets()
    volumes = {name: home.volume({"tenant": name}) for name in ("acme", "globex", "stranger")} | {"": home.volume()}
    for name in ("acme", "globex", "stranger"):
        own.make(f"b-{name}", tags={"tenant": name})
    own.make("b-none")
    own.put("b-globex", "o", b"x")
    seen = await watch(text=shared(aws)).poll()
    owners = {name: seen.row(volume).resource.tenant for name, volume in volumes.items()}
    assert owners == {"acme": "acme", "globex": "globex", "stranger": "unassigned", "": "unassigned"}
    buckets = {
        held.resource.name: held.resource.tenant
        for held in seen.model.all()
        if held.resource.kind in {"bucket", "object-sample"}
    }
    assert buckets == {
        "b-acme": "acme",
        "b-globex": "globex",
        "b-stranger": "unassigned",
        "b-none": "unassigned",
        "b-globex/o": "globex",
    }
    assert aws.log.count("s3:ListBuckets") == 1, "one account is polled once"
    for tenant in ("acme", "globex"):
        assert seen.finding("meta.inventory.coverage", f"enctop://{tenant}").status is WARN


async def test_a_bucket_whose_tags_are_denied_belongs_to_nobody_and_says_so(aws: Aws, watch: MakeWatch) -> None:
    aws.buckets().make("b-acme", tags={"tenant": "acme"})
    seen = await watch(text=shared(aws)).poll()
    assert seen.row("arn:aws:s3:::b-acme").resource.tenant == "acme"
    for fault in ("deny", "html"):
        aws.faults.clear()
        getattr(aws.faults, fault)("s3:GetBucketTagging")
        await seen.poll()
        assert seen.row("arn:aws:s3:::b-acme").resource.tenant == "acme", (
            "whose it was is not taken back by an answer that is none"
        )
        assert seen.source("s3").state is State.PARTIAL
