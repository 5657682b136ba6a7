"""IAM: the root user of an account, and the users that its credential report names."""

import base64
import csv
import io
from collections.abc import AsyncGenerator, Coroutine, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from posture.clock import Seconds, parse_rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Resource
from providers.aws.calls import (
    GENERATE_CREDENTIAL_REPORT,
    GET_ACCOUNT_SUMMARY,
    GET_CREDENTIAL_REPORT,
    LIST_VIRTUAL_MFA_DEVICES,
    Call,
)
from providers.aws.source import AwsSource, Rows
from providers.lane import lost
from providers.reading import Reading
from providers.source import Yield

T = TypeVar("T")
TOKEN = ("Marker", "Marker")
PAGE = 1000
_SUMMARY = ("AccountMFAEnabled", "AccountPasswordPresent", "AccountAccessKeysPresent", "Users")
_KEYS = tuple(f"access_key_{number}_{what}" for number in (1, 2) for what in ("active", "last_rotated"))
_COLUMNS = ("user", "arn", "user_creation_time", "password_enabled", "mfa_active", *_KEYS)
"""Of the credential report; who used what, when and from where is not kept."""
ASKED = 3
"""Questions that each stand on their own."""
REPORT_AGE: Seconds = 86400.0
"""IAM gives no report of more than four hours: one of more than a day is none of IAM's. By the server's own clock, so
that a wrong one here takes no verdict away.
"""
_NO_REPORT = frozenset({"ReportNotPresent", "ReportExpired"})
_ON: Mapping[object, bool] = {1: True, 0: False}


class _Answers(Reading):
    """What was answered of an account, and which questions got no answer at all, by operation."""

    def __init__(self) -> None:
        super().__init__()
        self.silences: dict[str, Refused] = {}


class Identities(AwsSource):
    """Who may log in to an account with a password: its root user, and its IAM users."""

    service = "iam"
    calls = (GET_ACCOUNT_SUMMARY, LIST_VIRTUAL_MFA_DEVICES, GET_CREDENTIAL_REPORT, GENERATE_CREDENTIAL_REPORT)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._known = False
        """Whether a report was ever read."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The account's summary and virtual devices, which are of now, and the report, which may be four hours old.

        One that is refused or lost leaves the others as they are. Users of a report that may not be read are told by
        one row for all of them, which says why.
        """
        answers = _Answers()
        devices = await self._answer(answers, LIST_VIRTUAL_MFA_DEVICES, self._devices())
        summary = await self._answer(answers, GET_ACCOUNT_SUMMARY, self._summary())
        report = await self._answer(answers, GET_CREDENTIAL_REPORT, self._report())
        if len(answers.silences) == ASKED:
            raise next(iter(answers.silences.values()))
        for fault in answers.faults.values():
            yield ReadRefused(fault)
        account = (self._account(summary or {}, devices, answers.faults),)
        yield NotRead(account) if GET_ACCOUNT_SUMMARY.operation in answers.silences else Batch(account)
        yield Complete(("aws.iam.account",))
        if report is not None:
            users, short = self._users(report, devices, (summary or {}).get("Users"), answers.faults)
            self._known = True
            yield users
            yield Complete(("aws.iam.user",)) if short is None else ReadRefused(short)
        elif GET_CREDENTIAL_REPORT.operation not in answers.silences or not self._known:
            yield Batch((self._all_users(answers.faults[GET_CREDENTIAL_REPORT.operation]),))

    async def _answer(self, answers: "_Answers", call: Call, question: Coroutine[Any, Any, T]) -> T | None:
        """What is answered, None where that is a refusal or nothing, which is noted."""
        try:
            return await question
        except Refused as refused:
            if lost(refused):
                answers.silences[call.operation] = refused
            else:
                await self.account.confirm(refused)
            answers.refused(refused, call.operation)
            return None

    def _users(
        self, report: "Report", devices: Mapping[str, Any] | None, counted: object, faults: Mapping[str, Fault]
    ) -> tuple[Batch, Fault | None]:
        """The users that a report names, and why these are not all: a row that cannot be read, or fewer than the
        account counts now.
        """
        rows = Rows(GET_CREDENTIAL_REPORT, "arn", rf"arn:[a-z-]+:iam::{self.account.number}:(?:root|user/[!-~]+)")
        users = rows.of(report.rows, lambda row: self._user(row, report, devices, faults))
        short, named = rows.fault, len(report.rows) - 1
        if short is None and isinstance(counted, int) and named < counted:
            why = f"the report of {report.generated} names {named} of {counted} users"
            short = Fault(FaultKind.ERROR, "UsersNotReported", GET_CREDENTIAL_REPORT.operation, why)
        return Batch.of(user for user in users if user is not None), short

    async def _summary(self) -> dict[str, Any]:
        answer = await self.account.ask(GET_ACCOUNT_SUMMARY, self.account.home)
        told = answer.get("SummaryMap")
        if not isinstance(told, dict):
            raise _unreadable(GET_ACCOUNT_SUMMARY, "an answer without SummaryMap")
        return {name: told[name] for name in _SUMMARY if name in told}

    async def _devices(self) -> dict[str, Any]:
        """ARN of a user, or of root -> when its virtual device was enabled. Their seeds are not looked at."""
        found: dict[str, Any] = {}
        rows = Rows(LIST_VIRTUAL_MFA_DEVICES, "SerialNumber")
        async for page in self.account.pages(
            LIST_VIRTUAL_MFA_DEVICES,
            self.account.home,
            "VirtualMFADevices",
            TOKEN,
            AssignmentStatus="Assigned",
            MaxItems=PAGE,
        ):
            found |= rows.of(page, lambda row: (str(row["User"]["Arn"]), row.get("EnableDate")))
        if rows.fault is not None:
            raise Refused(rows.fault)
        return found

    async def _report(self) -> "Report":
        """The credential report; IAM is asked to make one where there is none of the last four hours."""
        home = self.account.home
        try:
            answer = await self.account.ask(GET_CREDENTIAL_REPORT, home)
        except Refused as refused:
            if refused.fault.code not in _NO_REPORT:
                raise
            await self.account.ask(GENERATE_CREDENTIAL_REPORT, home)
            answer = await self.account.ask(GET_CREDENTIAL_REPORT, home)
        return read_report(answer)

    def _account(
        self, summary: Mapping[str, Any], devices: Mapping[str, Any] | None, faults: Mapping[str, Fault]
    ) -> Resource:
        """The account, by its root user."""
        arn = self.account.arn("iam", "", "root")
        fields: dict[str, Any] = {**summary, **_virtual(arn, devices)}
        said = self.account.settings.identity_center
        if said is not None:
            fields["identity_center"] = {"mfa": said.mfa, "attested_by": said.attested_by, "on": str(said.on)}
        on = _ON.get(summary.get("AccountMFAEnabled"))
        return self.resource(
            id=arn,
            kind="identity",
            type="aws.iam.account",
            name=f"root of {self.account.number}",
            fields=fields,
            faults=dict(faults),
            cells=("", *_factor(on, arn, devices), ""),
            tenant=self.tenancy.name,
        )

    def _user(
        self,
        row: Mapping[str, Any],
        report: "Report",
        devices: Mapping[str, Any] | None,
        faults: Mapping[str, Fault],
    ) -> Resource | None:
        """A user as the report tells; None for root, of which the summary tells."""
        arn = row["arn"]
        if arn.endswith(":root"):
            return None
        fields = {name: row[name] for name in _COLUMNS} | {"GeneratedTime": report.generated}
        on = {"true": True, "false": False}.get(str(row["mfa_active"]).lower())
        return self.resource(
            id=arn,
            kind="identity",
            type="aws.iam.user",
            name=row["user"],
            fields={**fields, **_virtual(arn, devices)},
            faults={name: fault for name, fault in faults.items() if name == LIST_VIRTUAL_MFA_DEVICES.operation},
            cells=("", *_factor(on, arn, devices), str(report.generated)[:16] + "Z"),
            tenant=self.tenancy.name,
        )

    def _all_users(self, fault: Fault) -> Resource:
        return self.resource(
            id=self.account.arn("iam", "", "user/*"),
            kind="identity",
            type="aws.iam.user",
            name=f"users of {self.account.number}",
            fields={},
            faults={GET_CREDENTIAL_REPORT.operation: fault},
            cells=("", "?", "", "?"),
            tenant=self.tenancy.name,
        )


class Report(msgspec.Struct, frozen=True):
    """A credential report: its rows by column, and when IAM made it (RFC 3339)."""

    rows: list[dict[str, Any]]
    generated: str


def read_report(answer: Mapping[str, Any]) -> Report:
    """The report in an answer of GetCredentialReport. Raises `Refused` where it is none, is old, or names no root
    user: then it is not whole.

    Source: IAM API reference, GetCredentialReport; IAM User Guide, "Getting credential reports".
    """
    generated, content = answer.get("GeneratedTime"), answer.get("Content")
    if not isinstance(generated, str) or not isinstance(content, str):
        raise _unreadable(GET_CREDENTIAL_REPORT, "an answer without Content and GeneratedTime")
    try:
        text = base64.b64decode("".join(content.split()), validate=True).decode()
        rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except (ValueError, csv.Error) as error:
        raise _unreadable(GET_CREDENTIAL_REPORT, f"not base64 of CSV: {type(error).__name__}") from None
    if not rows or any(row.get(name) is None for row in rows for name in _COLUMNS):
        raise _unreadable(GET_CREDENTIAL_REPORT, "a report in which columns are missing")
    if all(row["user"] != "<root_account>" for row in rows):
        raise _unreadable(GET_CREDENTIAL_REPORT, "a report without the root user")
    if (age := _age(answer, generated)) is not None and not -REPORT_AGE < age < REPORT_AGE:
        raise _unreadable(GET_CREDENTIAL_REPORT, f"a report of {generated}")
    return Report(rows, generated)


def _age(answer: Mapping[str, Any], generated: str) -> Seconds | None:
    """How old the report was when it was given; None where the answer has no date. Raises `Refused` where it is of no
    time.
    """
    try:
        made = parse_rfc3339(generated)
    except ValueError:
        raise _unreadable(GET_CREDENTIAL_REPORT, "GeneratedTime is not a time") from None
    said = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
    try:
        return parsedate_to_datetime(str(said)).timestamp() - made
    except ValueError:
        return None


def _virtual(arn: str, devices: Mapping[str, Any] | None) -> dict[str, Any]:
    """When the virtual device of a user was enabled, None where it has none; nothing where that was not told."""
    return {} if devices is None else {"EnableDate": devices.get(arn)}


def _factor(on: bool | None, arn: str, devices: Mapping[str, Any] | None) -> tuple[str, str]:
    """What kind the second factor is, and since when it is there. Only virtual devices are listed."""
    if devices is not None and arn in devices:
        return "virtual", str(devices[arn] or "")[:10]
    if on is None:
        return "?", ""
    return ("none" if not on else "?" if devices is None else "hardware or passkey"), ""


def _unreadable(call: Call, why: str) -> Refused:
    return Refused(Fault(FaultKind.ERROR, "UnreadableAnswer", call.operation, why))
