"""IAM: have those who may log in to an account with a password a second factor."""

import datetime

from posture.clock import Utc, rfc3339
from posture.context import Context
from posture.controls.registry import control
from posture.policy import DAY
from posture.reading import NoAnswer, expected, field_of, time_of, word
from posture.resource import Resource
from posture.verdict import EvidenceClass, Status, Verdict, failed, passed, unknown, warned

_SUMMARY, _REPORT, _DEVICES = "iam:GetAccountSummary", "iam:GetCredentialReport", "iam:ListVirtualMFADevices"
KEY_AGE = 90 * DAY
"""An active access key that was made longer ago is a WARN."""
ATTESTED_FOR = 90 * DAY
"""A person's word on Identity Center holds so long."""
_YES_OR_NO = frozenset({"true", "false"})
_MFA = frozenset({"required", "optional", "external", "unused"})


@control("aws.iam.root-mfa", on="aws.iam.account")
def root_mfa(account: Resource, context: Context) -> Verdict:
    """Where Organizations has removed root's credentials there is no second factor, and none is needed."""
    mfa, password, keys = (
        _flag(account, f"Account{what}") for what in ("MFAEnabled", "PasswordPresent", "AccessKeysPresent")
    )
    evidence = {
        f"{_SUMMARY}.AccountMFAEnabled": int(mfa),
        f"{_SUMMARY}.AccountPasswordPresent": int(password),
        f"{_SUMMARY}.AccountAccessKeysPresent": int(keys),
    }
    if not password and not keys:
        return passed("root has no credentials", evidence)
    if not mfa:
        return failed(f"root has {'a password' if password else 'access keys'} and no second factor", evidence)
    if keys:
        return warned("root has a second factor, and access keys that need none", evidence)
    return passed("root has a second factor", evidence)


@control("aws.iam.user-console-mfa", on="aws.iam.user")
def user_console_mfa(user: Resource, context: Context) -> Verdict:
    """As the credential report says, whose age is its own; a virtual device that is there now counts before it does."""
    made = time_of(field_of(user, _REPORT, "GeneratedTime"), _REPORT, "GeneratedTime")
    password, mfa = _told(user, "password_enabled"), _told(user, "mfa_active")
    evidence = {
        f"{_REPORT}.password_enabled": password,
        f"{_REPORT}.mfa_active": mfa,
        f"{_REPORT}.GeneratedTime": rfc3339(made),
    }
    if not password:
        return _keys_only(user, context.now, evidence)
    if mfa:
        return passed(f"password and second factor, by the report of {rfc3339(made)}", evidence)
    if _DEVICES not in user.faults and user.fields.get("EnableDate") is not None:
        since = rfc3339(time_of(user.fields["EnableDate"], _DEVICES, "EnableDate"))
        evidence[f"{_DEVICES}.EnableDate"] = since
        return passed(f"virtual device since {since}, which the report of {rfc3339(made)} does not know", evidence)
    return failed(f"password without a second factor, by the report of {rfc3339(made)}", evidence)


@control("aws.iam.sso-mfa", on="aws.iam.account")
def sso_mfa(account: Resource, context: Context) -> Verdict:
    """Nothing but a person's word tells."""
    said = account.fields.get("identity_center")
    if not isinstance(said, dict):
        return unknown("no API tells it; [tenant.aws.identity_center] attests it")
    mfa = word(said.get("mfa"), _MFA, "identity_center", "mfa")
    by = expected(said.get("attested_by"), str, "identity_center", "attested_by")
    on = _day(said.get("on"))
    words = f"on the word of {by}, {str(said['on'])[:10]}"
    evidence = {"identity_center.mfa": mfa, "identity_center.attested_by": by, "identity_center.on": said["on"]}
    if not by.strip() or on > context.now + DAY:
        return unknown(f"attested {words}: that is nobody's, or not yet", evidence=evidence)
    until = on + ATTESTED_FOR
    if context.now >= until:
        return warned(f"attested {words}: more than 90 days ago", evidence)
    match mfa:
        case "required":
            return passed(f"a second factor is required, {words}", evidence, until=until, by=EvidenceClass.ATTESTED)
        case "optional":
            return warned(f"a second factor is not required at every sign-in, {words}", evidence, until=until)
        case _:
            what = "no Identity Center is used" if mfa == "unused" else "people sign in at another identity provider"
            return Verdict(Status.NOT_APPLICABLE, f"{what}, {words}", evidence, until, None, EvidenceClass.ATTESTED)


def _keys_only(user: Resource, now: Utc, evidence: dict[str, object]) -> Verdict:
    """Of a user without a password: are its access keys young."""
    due = None
    for number in (1, 2):
        if not _told(user, f"access_key_{number}_active"):
            continue
        field = f"access_key_{number}_last_rotated"
        old = time_of(field_of(user, _REPORT, field), _REPORT, field) + KEY_AGE
        if now >= old:
            evidence[f"{_REPORT}.{field}"] = user.fields[field]
            return warned(f"no password, but an access key of {str(user.fields[field])[:10]}", evidence)
        due = old if due is None else min(due, old)
    return Verdict(Status.NOT_APPLICABLE, "no password: no sign-in to the console", evidence, due)


def _flag(account: Resource, field: str) -> bool:
    """A 0 or 1 of the summary. Raises `NoAnswer` for all else."""
    value = expected(field_of(account, _SUMMARY, field), int, _SUMMARY, field)
    if value not in (0, 1):
        raise NoAnswer(unknown(f"{_SUMMARY}: {field} is {value}"))
    return value == 1


def _told(user: Resource, field: str) -> bool:
    """A yes or no of the report; `no_information`, `not_supported` and `N/A` are neither. Raises `NoAnswer`."""
    said = expected(field_of(user, _REPORT, field), str, _REPORT, field)
    return word(said.lower(), _YES_OR_NO, _REPORT, field) == "true"


def _day(text: object) -> Utc:
    try:
        day = datetime.date.fromisoformat(str(text))
    except ValueError:
        raise NoAnswer(unknown(f"identity_center: on is not a day: {text!r}")) from None
    return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp()
