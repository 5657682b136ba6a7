"""Second factors of root and of IAM users, and a person's word on Identity Center."""

import msgspec
import pytest

from posture.clock import parse_rfc3339
from posture.fault import Fault
from posture.resource import Resource
from posture.verdict import EvidenceClass, Status
from tests.posture.controls.world import DAY, NOW, World, denied, iam_account, iam_user, refused

SUMMARY, REPORT, DEVICES = "iam:GetAccountSummary", "iam:GetCredentialReport", "iam:ListVirtualMFADevices"


@pytest.mark.parametrize(
    ("mfa", "password", "keys", "status", "reason"),
    [
        (1, 1, 0, "pass", "root has a second factor"),
        (0, 1, 0, "fail", "root has a password and no second factor"),
        (0, 0, 1, "fail", "root has access keys and no second factor"),
        (0, 0, 0, "pass", "root has no credentials"),
        (1, 1, 1, "warn", "root has a second factor, and access keys that need none"),
        (1, 0, 0, "pass", "root has no credentials"),
        (None, 1, 0, "unknown", f"{SUMMARY} answered without AccountMFAEnabled"),
        (1, None, 0, "unknown", f"{SUMMARY} answered without AccountPasswordPresent"),
        (0, 0, None, "unknown", f"{SUMMARY} answered without AccountAccessKeysPresent"),
        (2, 1, 0, "unknown", f"{SUMMARY}: AccountMFAEnabled is 2"),
        (True, 1, 0, "unknown", f"{SUMMARY}: AccountMFAEnabled is true or false, not a number"),
    ],
)
def test_root_has_a_second_factor_or_nothing_to_log_in_with(
    mfa: object, password: object, keys: object, status: str, reason: str
) -> None:
    account = iam_account(AccountMFAEnabled=mfa, AccountPasswordPresent=password, AccountAccessKeysPresent=keys)
    verdict = World().ask("aws.iam.root-mfa", account)
    assert (verdict.status.word, verdict.reason) == (status, reason)


def test_a_refused_summary_is_unknown_and_names_the_permission() -> None:
    verdict = World().ask("aws.iam.root-mfa", refused(iam_account(), SUMMARY))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied(SUMMARY))


OLD, YOUNG = "2026-08-01T00:00:00+00:00", "2026-11-01T00:00:00+00:00"
NO_PASSWORD = iam_user(password_enabled="false", mfa_active="false")


def keys(first: str, **more: str) -> Resource:
    return iam_user(
        password_enabled="false",
        mfa_active="false",
        access_key_1_active="true",
        access_key_1_last_rotated=first,
        **more,
    )


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (iam_user(), "pass"),
        (iam_user(password_enabled="TRUE", mfa_active="TRUE"), "pass"),
        (iam_user(mfa_active="false"), "fail"),
        (NO_PASSWORD, "not_applicable"),
        (keys(YOUNG), "not_applicable"),
        (keys(OLD), "warn"),
        (keys(YOUNG, access_key_2_active="true", access_key_2_last_rotated=OLD), "warn"),
        (iam_user(access_key_1_active="true", access_key_1_last_rotated=OLD), "pass"),
        (keys("N/A"), "unknown"),
        (iam_user(password_enabled="no_information"), "unknown"),
        (iam_user(password_enabled="not_supported"), "unknown"),
        (iam_user(mfa_active="N/A"), "unknown"),
        (iam_user(mfa_active="no_information"), "unknown"),
        (iam_user(mfa_active=True), "unknown"),
        (iam_user(GeneratedTime=None), "unknown"),
        (iam_user(GeneratedTime="yesterday"), "unknown"),
        (refused(iam_user(), REPORT), "unknown"),
    ],
)
def test_who_has_a_password_has_a_second_factor(user: Resource, status: str) -> None:
    assert World().ask("aws.iam.user-console-mfa", user).status.word == status


def test_a_verdict_says_how_old_the_report_is_and_a_wrong_clock_here_takes_none_away() -> None:
    user = iam_user(mfa_active="false")
    verdict = World().ask("aws.iam.user-console-mfa", user)
    assert verdict.reason == "password without a second factor, by the report of 2026-11-23T13:00:00Z"
    assert verdict.evidence[f"{REPORT}.GeneratedTime"] == "2026-11-23T13:00:00Z"
    assert World(now=NOW + 400 * DAY).ask("aws.iam.user-console-mfa", user) == verdict


def test_a_virtual_device_that_was_assigned_after_the_report_counts() -> None:
    user = iam_user(mfa_active="false", EnableDate="2026-11-23T13:30:00Z")
    verdict = World().ask("aws.iam.user-console-mfa", user)
    assert verdict.status is Status.PASS
    assert "2026-11-23T13:30:00Z" in verdict.reason
    lingering = {DEVICES: denied(DEVICES)}
    assert World().ask("aws.iam.user-console-mfa", _with(user, lingering)).status is Status.FAIL


def test_the_report_alone_tells_where_devices_may_not_be_listed() -> None:
    lingering = {DEVICES: denied(DEVICES)}
    assert World().ask("aws.iam.user-console-mfa", _with(iam_user(), lingering)).status is Status.PASS


def test_a_key_is_judged_again_on_the_day_on_which_it_is_old() -> None:
    verdict = World().ask("aws.iam.user-console-mfa", keys(YOUNG))
    assert verdict.valid_until == parse_rfc3339("2026-11-01T00:00:00Z") + 90 * DAY


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"mfa": "required"}, "pass"),
        ({"mfa": "optional"}, "warn"),
        ({"mfa": "external"}, "not_applicable"),
        ({"mfa": "unused"}, "not_applicable"),
        ({"mfa": "sometimes"}, "unknown"),
        ({"on": "2026-08-24"}, "warn"),
        ({"mfa": "unused", "on": "2026-08-24"}, "warn"),
        ({"on": "2026-12-24"}, "unknown"),
        ({"on": "soon"}, "unknown"),
        ({"attested_by": " "}, "unknown"),
    ],
)
def test_what_is_said_of_identity_center_holds_for_ninety_days(said: dict[str, str], status: str) -> None:
    whole = {"mfa": "required", "attested_by": "r.okafor", "on": "2026-11-01", **said}
    assert World().ask("aws.iam.sso-mfa", iam_account(identity_center=whole)).status.word == status


def test_what_a_person_says_is_attested_and_ends() -> None:
    verdict = World().ask("aws.iam.sso-mfa", iam_account())
    assert (verdict.status, verdict.evidence_class) == (Status.PASS, EvidenceClass.ATTESTED)
    ends = parse_rfc3339("2026-11-01T00:00:00Z") + 90 * DAY
    assert verdict.valid_until == ends
    assert World(now=ends).ask("aws.iam.sso-mfa", iam_account()).status is Status.WARN
    assert ends > NOW


def test_identity_center_is_unknown_where_nobody_says_anything() -> None:
    assert World().ask("aws.iam.sso-mfa", iam_account(identity_center=None)).status is Status.UNKNOWN


def _with(user: Resource, faults: dict[str, Fault]) -> Resource:
    return msgspec.structs.replace(user, faults=faults)
