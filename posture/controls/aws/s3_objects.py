"""S3 objects: what is stored, by an inventory report or a sample of headers. Both are off unless the operator asks
for them.
"""

from collections.abc import Mapping
from typing import Any

from posture.clock import Utc, rfc3339
from posture.context import Context
from posture.controls.aws.keys import class_verdict
from posture.controls.registry import control
from posture.keyclass import key_class, key_holder
from posture.policy import DAY
from posture.reading import NoAnswer, expected, field_of, optional, refusals, time_of, word
from posture.resource import KeyClass, Resource
from posture.verdict import Status, Verdict, failed, not_applicable, unanswered, unknown, warned, worst

_INVENTORY = "s3:ListBucketInventoryConfigurations"
_HEAD = "s3:HeadObject"
_SCHEDULES = {"Daily": DAY, "Weekly": 7 * DAY}
PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN

# A report tells the algorithm of a row and not its key; the bucket's default says whose key new objects get.
# fmt: off
ROWS: Mapping[str, tuple[Status, Status, Status, Status, Status]] = {
    #            strict  provider  either  customer  double
    "SSE-S3":   (PASS,   PASS,     PASS,   FAIL,     FAIL),
    "SSE-KMS":  (FAIL,   WARN,     PASS,   PASS,     FAIL),
    "DSSE-KMS": (FAIL,   WARN,     PASS,   PASS,     PASS),
    "SSE-C":    (FAIL,   FAIL,     WARN,   FAIL,     FAIL),
    "NOT-SSE":  (FAIL,   FAIL,     FAIL,   FAIL,     FAIL),
}
# fmt: on


@control("aws.s3.object-encryption-inventory", on="aws.s3.inventory")
def object_encryption_inventory(inventory: Resource, context: Context) -> Verdict:
    """The only way to test all objects without reading any; noncurrent versions are data too."""
    listed = expected(
        field_of(inventory, _INVENTORY, "InventoryConfigurations"), list, _INVENTORY, "InventoryConfigurationList"
    )
    configurations = [expected(one, dict, _INVENTORY, "InventoryConfigurationList[]") for one in listed]
    gap = _gap([one for one in configurations if one.get("Id") == inventory.fields.get("Reporting")] or configurations)
    report = inventory.fields.get("Report")
    if gap and not report:
        return warned(gap, {_INVENTORY: gap})
    if fault := refusals(inventory):
        return unanswered(fault)
    if not isinstance(report, Mapping) or not isinstance(report.get("Counts"), Mapping):
        return unknown("no inventory report has been read yet")
    schedule = word(report.get("Schedule"), _SCHEDULES, _INVENTORY, "Schedule.Frequency")
    ends = time_of(report.get("At"), _INVENTORY, "Report.At") + 2 * _SCHEDULES[schedule]
    evidence = {"Report.At": report["At"], "Report.Rows": report.get("Rows"), "Report.Counts": dict(report["Counts"])}
    if context.now >= ends:
        return unknown(f"inventory report older than two schedules, since {rfc3339(ends)[:10]}", evidence=evidence)
    return _counted(report["Counts"], gap, context, evidence, ends)


@control("aws.s3.object-encryption-sample", on="aws.s3.object-sample")
def object_encryption_sample(sample: Resource, context: Context) -> Verdict:
    """A sample proves a defect, never its absence: a PASS says how many of how many."""
    status = field_of(sample, _HEAD, "StatusCode")
    evidence = {f"{_HEAD}.StatusCode": status}
    match status:
        case 200:
            return _header(sample, context, evidence)
        case 400:
            return failed("HTTP 400 on a listed object: probably SSE-C", evidence)
        case 404:
            return unknown("HTTP 404: the object is gone, sample another", evidence=evidence)
        case _:
            return unknown(f"HTTP {status}: the object's header was not read", evidence=evidence)


def _gap(configurations: Any) -> str:
    """Why none of these configurations covers the whole bucket, where a report is read its own; empty where one
    does.
    """
    gaps = [_missing(configuration) for configuration in configurations]
    return min(gaps, key=len, default="no inventory is configured: objects are not looked at")


def _missing(configuration: Mapping[str, Any]) -> str:
    if not optional(configuration.get("IsEnabled"), bool, _INVENTORY, "IsEnabled"):
        return "the inventory is switched off"
    if "EncryptionStatus" not in (
        optional(configuration.get("OptionalFields"), list, _INVENTORY, "OptionalFields") or ()
    ):
        return "the inventory leaves out EncryptionStatus"
    if configuration.get("IncludedObjectVersions") != "All":
        return "the inventory covers current versions only"
    return "the inventory covers one prefix only" if configuration.get("Filter") else ""


def _counted(counts: Mapping[str, int], gap: str, context: Context, evidence: Mapping[str, Any], until: Utc) -> Verdict:
    mode = context.policy.mode("aws.s3.object-encryption-inventory")
    column = context.policy.column("aws.s3.object-encryption-inventory")
    if any(expected(count, int, "inventory report", name) < 0 for name, count in counts.items()):
        return unknown("the report's rows were not counted", evidence=evidence)
    rows = {name: ROWS[name][column] if name in ROWS else UNKNOWN for name, count in counts.items() if count}
    if not rows:
        return warned(gap, evidence, until=until) if gap else not_applicable("the report lists no object", evidence)
    status = worst(rows.values())
    worst_rows = ", ".join(f"{counts[name]} {name}" for name in sorted(rows) if rows[name] is status)
    if status is PASS and gap:
        return warned(f"{gap}; there: {worst_rows}", evidence, until=until)
    return Verdict(status, f"{worst_rows} objects, policy {mode}", evidence, until)


def _header(sample: Resource, context: Context, evidence: dict[str, Any]) -> Verdict:
    algorithm = sample.fields.get("ServerSideEncryption")
    evidence[f"{_HEAD}.ServerSideEncryption"] = algorithm
    if algorithm is None:
        return failed("the object is stored in plain text", evidence)
    evidence[f"{_HEAD}.SSEKMSKeyId"] = sample.fields.get("SSEKMSKeyId")
    observed = KeyClass.PROVIDER if algorithm == "AES256" else key_class(sample, context)
    key = context.linked(sample, "key")
    verdict = class_verdict(
        observed,
        context.policy,
        "aws.s3.object-encryption-sample",
        key=key,
        beneath=key_holder(sample, context),
        evidence=evidence,
    )
    read, wanted = _sample_of(sample)
    if verdict.status is not PASS:
        return verdict
    of = f"sample {read} of {wanted}"
    if read < wanted:
        return warned(f"{of}: fewer could be read than asked for", verdict.evidence)
    return Verdict(PASS, f"{of}: {algorithm}", verdict.evidence)


def _sample_of(sample: Resource) -> tuple[int, int]:
    """`SampleOf` is `[read, wanted]`."""
    match sample.fields.get("SampleOf"):
        case [int(read), int(wanted)] if 0 <= read <= wanted and wanted > 0:
            return read, wanted
        case _:
            raise NoAnswer(unknown("the sample does not say how many of how many it is"))
