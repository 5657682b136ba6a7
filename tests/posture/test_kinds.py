"""What a kind's entry says, and what its columns say of a verdict."""

from collections import Counter

import msgspec
import pytest

from posture.controls.registry import registry
from posture.kinds import KINDS, Kind, cells_of, kind_of
from posture.resource import Resource
from posture.verdict import EvidenceClass, Excepted, Finding, Severity, Status

BUCKET = Resource(
    id="b",
    kind="bucket",
    type="aws.s3.bucket",
    name="b",
    tenant="acme",
    provider="aws",
    scope="1",
    region="eu",
    source="s",
    cells=("AES256",),
)


def finding(control: str, status: Status, exception: Excepted | None = None) -> Finding:
    """A finding on the bucket."""
    return Finding(
        control=control,
        resource="b",
        tenant="acme",
        status=status,
        severity=Severity.HIGH,
        evidence_class=EvidenceClass.OBSERVED,
        reason="",
        evidence={},
        since=0.0,
        fault=None,
        exception=exception,
    )


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.name)
def test_the_controls_that_an_entry_names_are_there_and_answer_alone(kind: Kind) -> None:
    known = registry()
    for control in (*kind.ends, *kind.usable, *(name for column in kind.columns for name in column.verdict)):
        assert known.get(control) is not None, control
    for column in kind.columns:
        types = Counter(type_ for name in column.verdict for type_ in known.get(name).applies)  # type: ignore[union-attr]
        assert all(many == 1 for many in types.values()), f"{column.title}: two controls judge one type: {types}"
    systems = [control.partition(".")[0] for control in kind.ends]
    assert len(systems) == len(set(systems)), "one control a system judges an end"
    assert not kind.ends_with or kind.ends_with in KINDS


@pytest.mark.parametrize(
    ("status", "tls", "public"),
    [
        (Status.FAIL, "no", "PUBLIC"),
        (Status.UNKNOWN, "?", "?"),
        (Status.WARN, "in part", "could be"),
        (Status.PASS, "yes", "no"),
        (Status.NOT_APPLICABLE, "", ""),
    ],
)
def test_a_column_that_is_a_verdict_says_how_the_control_judged(status: Status, tls: str, public: str) -> None:
    names = ("aws.s3.tls-only-policy", "aws.s3.public-access")
    assert cells_of(BUCKET, {name: finding(name, status) for name in names}) == ("AES256", tls, public)


def test_an_exception_does_not_change_what_was_seen() -> None:
    name = "aws.s3.public-access"
    excepted = finding(name, Status.WARN, Excepted("2027-01-31", "a website", "j.doe"))
    assert cells_of(BUCKET, {name: excepted})[2] == "PUBLIC"


def test_where_no_control_of_a_column_judges_it_says_what_the_source_wrote() -> None:
    account = msgspec.structs.replace(BUCKET, type="azure.storage.container", cells=("", "", "Blob"))
    assert cells_of(account, {"aws.other": finding("aws.other", Status.FAIL)}) == ("", "", "Blob")
    assert cells_of(BUCKET, {}) == ("AES256",)


@pytest.mark.parametrize(
    ("kind", "type_", "control"),
    [
        ("certificate", "tls.certificate", "tls.cert-expiry"),
        ("certificate", "vault.pki.certificate", "vault.pki.certificate-expiry"),
        ("key", "azure.keyvault.key", ""),
        ("token", "vault.token", ""),
        ("machine", "x.machine", ""),
    ],
)
def test_a_countdown_is_judged_by_the_control_of_its_own_system(kind: str, type_: str, control: str) -> None:
    assert kind_of(kind).judge_of(type_) == control


def test_a_kind_of_another_version_has_a_title_and_no_columns() -> None:
    assert kind_of("time-lock") == Kind("time-lock", "Time locks")
