"""IAM asked over a socket: whose report it is, how old, and what is told where it cannot be had."""

import base64
from collections.abc import Callable

import pytest

from posture.fault import FaultKind, Refused
from posture.source import State
from posture.verdict import Status
from providers.aws.client import AwsClient
from providers.aws.iam import Identities, read_report
from providers.aws.source import Claims, Shared
from providers.demo.aws.accounts import ACCOUNT
from providers.demo.aws.stores import People
from providers.tenancy import Tenancy
from tests.providers.conftest import Watch
from tests.world.aws import Aws
from tests.world.awsserver import Handler, serving

MFA, ROOT = "aws.iam.user-console-mfa", f"arn:aws:iam::{ACCOUNT}:root"
ALL = f"arn:aws:iam::{ACCOUNT}:user/*"
Made = Callable[..., Watch]


def user(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:user/{name}"


def asked(aws: Aws) -> list[str]:
    return [entry.operation.partition(":")[2] for entry in aws.log if entry.operation.startswith("iam:")]


async def test_a_report_is_asked_for_once_and_shown_with_its_own_age(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("alice")
    people.user("bob", mfa=False)
    seen = await watch().poll()
    assert seen.verdicts(MFA) == {"alice": Status.PASS, "bob": Status.FAIL}
    assert asked(aws) == [
        *("ListVirtualMFADevices", "GetAccountSummary", "GetCredentialReport"),
        *("GenerateCredentialReport", "GetCredentialReport"),
    ]
    generated = seen.row(user("bob")).resource.fields["GeneratedTime"]
    assert generated in seen.finding(MFA, user("bob")).reason
    assert seen.row(user("bob")).resource.cells == ("", "none", "", f"{generated[:16]}Z")
    aws.log.clear()
    await seen.poll()
    assert asked(aws) == ["ListVirtualMFADevices", "GetAccountSummary", "GetCredentialReport"]
    assert seen.row(user("bob")).resource.fields["GeneratedTime"] == generated


async def test_an_old_report_is_made_again_and_one_of_three_hours_is_not(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("alice")
    people.report(hours=3)
    seen = await watch().poll()
    assert "GenerateCredentialReport" not in asked(aws)
    people.report(hours=5)
    await seen.poll()
    assert "GenerateCredentialReport" in asked(aws)
    assert seen.source("iam").state is State.OK


async def test_a_second_factor_counts_at_once_although_the_report_is_old(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("bob", mfa=False)
    people.report(hours=3)
    seen = await watch().poll()
    assert seen.verdicts(MFA) == {"bob": Status.FAIL}
    people.enable("bob")
    await seen.poll()
    assert seen.verdicts(MFA) == {"bob": Status.PASS}
    assert seen.row(user("bob")).resource.cells[1] == "virtual"


async def test_a_report_that_is_being_made_is_waited_for(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("alice")
    people.report_takes(1)
    assert (await watch().poll()).verdicts(MFA) == {"alice": Status.PASS}


async def test_a_report_that_is_long_in_the_making_is_unknown_until_it_is_there(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("alice")
    people.report_takes(100)
    seen = await watch().poll()
    finding = seen.finding(MFA, ALL)
    assert (finding.status, finding.fault and finding.fault.code) == (Status.UNKNOWN, "ReportInProgress")
    assert seen.source("iam").state is State.PARTIAL
    assert seen.finding("aws.iam.root-mfa", ROOT).status is Status.PASS, "root is told all the same"
    people.report_takes(0)
    await seen.poll()
    assert seen.verdicts(MFA) == {"alice": Status.PASS}


@pytest.mark.parametrize("operation", ["iam:GetCredentialReport", "iam:GenerateCredentialReport"])
async def test_who_may_not_have_the_report_is_told_the_permission_once_for_all_users(
    aws: Aws, watch: Made, operation: str
) -> None:
    People().user("alice")
    aws.deny(operation)
    seen = await watch().poll()
    finding = seen.finding(MFA, ALL)
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert (finding.fault.kind, finding.fault.permission) == (FaultKind.DENIED, operation)
    aws.faults.clear()
    await seen.poll()
    assert seen.verdicts(MFA) == {"alice": Status.PASS}, "nobody speaks for all any more"


async def test_a_refused_summary_or_listing_of_devices_leaves_the_rest(aws: Aws, watch: Made) -> None:
    People().user("alice")
    aws.deny("iam:GetAccountSummary")
    aws.deny("iam:ListVirtualMFADevices")
    seen = await watch().poll()
    finding = seen.finding("aws.iam.root-mfa", ROOT)
    assert finding.status is Status.UNKNOWN
    assert finding.fault is not None
    assert finding.fault.permission == "iam:GetAccountSummary"
    assert seen.verdicts(MFA) == {"alice": Status.PASS}
    assert seen.row(user("alice")).resource.cells[1] == "?"


async def test_what_was_seen_stays_while_nobody_answers(aws: Aws, watch: Made) -> None:
    People().user("alice")
    seen = await watch().poll()
    for operation in ("iam:GetCredentialReport", "iam:GetAccountSummary"):
        aws.faults.fail(operation)
    await seen.poll()
    assert seen.verdicts(MFA) == {"alice": Status.PASS}
    assert seen.finding("aws.iam.root-mfa", ROOT).status is Status.PASS
    assert seen.source("iam").state is State.PARTIAL


async def test_a_user_that_the_report_does_not_name_yet_makes_the_listing_partial(aws: Aws, watch: Made) -> None:
    people = People()
    people.user("alice")
    people.report(hours=1)
    people.user("mallory", mfa=False)
    seen = await watch().poll()
    source = seen.source("iam")
    assert source.state is State.PARTIAL
    assert source.fault is not None
    assert source.fault.code == "UsersNotReported"
    assert "names 1 of 2 users" in source.fault.message


async def test_a_person_speaks_for_identity_center(aws: Aws, watch: Made) -> None:
    said = '[tenant.aws.identity_center]\nmfa = "required"\nattested_by = "r.okafor"\non = 2026-11-01\n'
    seen = await watch(also=said).poll()
    fields = seen.row(ROOT).resource.fields
    assert fields["identity_center"] == {"mfa": "required", "attested_by": "r.okafor", "on": "2026-11-01"}


HEAD = (
    "user,arn,user_creation_time,password_enabled,mfa_active,access_key_1_active,access_key_1_last_rotated,"
    "access_key_2_active,access_key_2_last_rotated,access_key_1_last_used_service"
)
ROW = "<root_account>,arn:aws:iam::1:root,t,not_supported,true,false,N/A,false,N/A,ec2"
GENERATED = "2026-11-28T09:00:00Z"


def content(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"Content": content(f"{HEAD}\n{ROW}\n")},
        {"Content": "%%%", "GeneratedTime": GENERATED},
        {"Content": base64.b64encode(b"\xff\xfe").decode(), "GeneratedTime": GENERATED},
        {"Content": "", "GeneratedTime": GENERATED},
        {"Content": content(HEAD), "GeneratedTime": GENERATED},
        {"Content": content(f"{HEAD}\n{ROW.replace('<root_account>', 'alice')}\n"), "GeneratedTime": GENERATED},
        {"Content": content(f"{HEAD.replace('mfa_active', 'mfa')}\n{ROW}\n"), "GeneratedTime": GENERATED},
        {"Content": content(f"{HEAD}\n{ROW}\nalice,arn:aws:iam::1:user/alice,t,true"), "GeneratedTime": GENERATED},
        {"Content": content(f'{HEAD}\n{ROW}\n"alice'), "GeneratedTime": GENERATED},
        {"Content": content(f"{HEAD}\n{ROW}\n{'x' * 200_000},"), "GeneratedTime": GENERATED},
        {"Content": content("<html>nobody is here</html>"), "GeneratedTime": GENERATED},
        {"Content": content(f"{HEAD}\n{ROW}\n"), "GeneratedTime": "yesterday"},
        {
            "Content": content(f"{HEAD}\n{ROW}\n"),
            "GeneratedTime": GENERATED,
            "ResponseMetadata": {"HTTPHeaders": {"date": "Mon, 30 Nov 2026 09:00:00 GMT"}},
        },
    ],
    ids=range(14),
)
def test_what_is_no_whole_report_is_no_answer(answer: dict[str, object]) -> None:
    with pytest.raises(Refused) as raised:
        read_report(answer)
    assert raised.value.fault.code == "UnreadableAnswer"
    assert "alice" not in raised.value.fault.message


def test_a_report_is_as_old_as_the_server_says_and_may_be_given_without_a_date() -> None:
    answer = {"Content": content(f"{HEAD}\n{ROW}\n"), "GeneratedTime": GENERATED}
    for headers in ({}, {"date": "Sat, 28 Nov 2026 12:59:00 GMT"}, {"date": "soon"}):
        report = read_report({**answer, "ResponseMetadata": {"HTTPHeaders": headers}})
        assert (len(report.rows), report.generated) == (1, GENERATED)


SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


async def test_seeds_of_devices_and_what_keys_were_used_for_are_not_kept(
    account: Callable[[str], AwsClient],
) -> None:
    """AWS does not answer with seeds when devices are listed; who does shall not find them anywhere."""
    number = "111122223333"
    user = f"alice,arn:aws:iam::{number}:user/alice,t,true,true,true,2026-11-01T00:00:00+00:00,false,N/A,canary-service"
    report = f"{HEAD}\n{ROW.replace('::1:', f'::{number}:')}\n{user}\n"
    arn = user.split(",")[1]
    secret = f"<Base32StringSeed>{SEED}</Base32StringSeed>"
    device = f"<SerialNumber>s</SerialNumber>{secret}<User><Arn>{arn}</Arn></User>"
    bodies = {
        "ListVirtualMFADevices": f"<VirtualMFADevices><member>{device}</member></VirtualMFADevices>",
        "GetAccountSummary": "<SummaryMap><entry><key>Users</key><value>1</value></entry></SummaryMap>",
        "GetCredentialReport": f"<Content>{content(report)}</Content><GeneratedTime>{GENERATED}</GeneratedTime>",
    }

    def answer(handler: Handler) -> None:
        name = next(name for name in bodies if f"Action={name}" in handler.form)
        handler.whole(f"<{name}Response><{name}Result>{bodies[name]}</{name}Result></{name}Response>".encode())

    with serving(answer) as (url, _):
        client = account(url)
        reports = [each async for each in Identities(client, Tenancy({"a": None}), "", 60.0, Shared(Claims())).poll()]
        await client.close()
    told = repr(reports)
    assert arn in told
    assert SEED not in told
    assert "canary-service" not in told
