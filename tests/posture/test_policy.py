"""The policy: what it says of each key class, whom it excepts and for how long."""

import msgspec
import pytest

from posture.clock import parse_rfc3339
from posture.policy import ExceptionRule, KeyMode, Policy, decide
from posture.resource import KeyClass
from posture.verdict import Severity, Status, failed, unknown

POLICIES = {
    "strict": Policy(),
    "provider": Policy(strict=False),
    "either": Policy(keys=KeyMode.EITHER),
    "customer": Policy(keys=KeyMode.CUSTOMER_MANAGED),
    "double": Policy(keys=KeyMode.DOUBLE),
}

# The decision table of posture/controls/README.md as words: one line for each class and family of controls.
TABLE = """
family      class             strict   provider  either   customer  double
aws.ebs     provider          pass     pass      pass     fail      fail
aws.s3      provider          pass     pass      pass     fail      fail
aws.ebs     provider-visible  pass     pass      pass     fail      fail
aws.s3      provider-visible  warn     warn      pass     fail      fail
aws.ebs     customer          fail     fail      pass     pass      fail
aws.s3      customer          fail     fail      pass     pass      fail
aws.ebs     customer-foreign  fail     fail      warn     fail      fail
aws.s3      customer-foreign  fail     fail      warn     fail      fail
aws.ebs     supplied          fail     fail      warn     fail      fail
aws.s3      supplied          fail     fail      warn     fail      fail
aws.ebs     double            fail     fail      pass     pass      pass
azure.disk  double            fail     fail      pass     pass      pass
aws.s3      double            unknown  unknown   unknown  unknown   unknown
aws.ebs     none              fail     fail      fail     fail      fail
aws.s3      none              fail     fail      fail     fail      fail
aws.ebs     unknown           unknown  unknown   unknown  unknown   unknown
aws.s3      unknown           unknown  unknown   unknown  unknown   unknown
azure.disk  unknown           unknown  unknown   pass     unknown   unknown
gcp.gcs     unknown           unknown  unknown   pass     unknown   unknown
k8s.pv      unknown           unknown  unknown   unknown  unknown   unknown
"""

# S3's aws:kms:dsse: two layers under one key, so whose key that is decides.
DSSE = """
beneath           strict   provider  either   customer  double
provider-visible  warn     warn      pass     fail      pass
customer          fail     fail      pass     pass      pass
customer-foreign  fail     fail      warn     fail      fail
unknown           unknown  unknown   unknown  unknown   unknown
"""


def cells(table: str, fixed: int) -> list[tuple[str, ...]]:
    head, *lines = [line.split() for line in table.strip().splitlines()]
    return [
        (*line[:fixed], column, cell) for line in lines for column, cell in zip(head[fixed:], line[fixed:], strict=True)
    ]


@pytest.mark.parametrize(("family", "observed", "policy", "status"), cells(TABLE, 2))
def test_the_decision_table_cell_by_cell(family: str, observed: str, policy: str, status: str) -> None:
    assert decide(KeyClass(observed), POLICIES[policy], f"{family}.anything").word == status


@pytest.mark.parametrize(("beneath", "policy", "status"), cells(DSSE, 1))
def test_double_encryption_in_s3_is_judged_by_the_one_key_beneath(beneath: str, policy: str, status: str) -> None:
    assert (
        decide(KeyClass.DOUBLE, POLICIES[policy], "aws.s3.default-key-policy", beneath=KeyClass(beneath)).word == status
    )


@pytest.mark.parametrize("family", ["aws.s3", "aws.ebs"])
@pytest.mark.parametrize("observed", list(KeyClass))
@pytest.mark.parametrize("policy", POLICIES)
def test_every_cell_has_an_answer(family: str, observed: KeyClass, policy: str) -> None:
    assert decide(observed, POLICIES[policy], f"{family}.x") in set(Status)


@pytest.mark.parametrize(
    ("observed", "mode", "key", "status"),
    [
        (KeyClass.CUSTOMER, KeyMode.CUSTOMER_MANAGED, "agreed", Status.PASS),
        (KeyClass.CUSTOMER, KeyMode.CUSTOMER_MANAGED, "another", Status.FAIL),
        (KeyClass.CUSTOMER, KeyMode.CUSTOMER_MANAGED, None, Status.FAIL),
        (KeyClass.CUSTOMER, KeyMode.EITHER, "another", Status.FAIL),
        (KeyClass.CUSTOMER_FOREIGN, KeyMode.CUSTOMER_MANAGED, "agreed", Status.PASS),
        (KeyClass.CUSTOMER_FOREIGN, KeyMode.CUSTOMER_MANAGED, "another", Status.FAIL),
        (KeyClass.DOUBLE, KeyMode.DOUBLE, "agreed", Status.PASS),
        (KeyClass.DOUBLE, KeyMode.DOUBLE, "another", Status.FAIL),
        (KeyClass.PROVIDER, KeyMode.EITHER, None, Status.PASS),
    ],
)
def test_a_list_of_required_keys_binds_every_customer_key(
    observed: KeyClass, mode: KeyMode, key: str | None, status: Status
) -> None:
    assert (
        decide(observed, Policy(keys=mode, required_keys=("agreed",)), "aws.ebs.volume-key-policy", key=key) is status
    )


def test_the_longest_matching_prefix_overrides_the_mode() -> None:
    policy = Policy(
        overrides={
            "aws": KeyMode.EITHER,
            "aws.s3": KeyMode.DOUBLE,
            "aws.s3.default-key-policy": KeyMode.CUSTOMER_MANAGED,
        }
    )
    assert policy.mode("aws.s3.default-key-policy") is KeyMode.CUSTOMER_MANAGED
    assert policy.mode("aws.s3.ssec-blocked") is KeyMode.DOUBLE
    assert policy.mode("aws.ebs.volume-key-policy") is KeyMode.EITHER
    assert policy.mode("awsome.s3.x") is KeyMode.PROVIDER_MANAGED


TOML = """
keys = "customer-managed"
strict = false
mfa = "required"
regulated = true
required_keys = ["arn:aws:kms:us-east-1:999988887777:key/a"]
key_accounts = ["999988887777"]
rotation_max_days = 90
overrides = { "aws.s3" = "provider-managed" }
[[exception]]
control = "aws.ebs.volume-encrypted"
resource = "arn:aws:ec2:us-east-1:111122223333:volume/vol-0abc"
until = 2027-01-31
reason = "scratch volume, no tenant data"
approved_by = "j.doe"
"""


def test_a_policy_is_read_straight_from_toml() -> None:
    policy = msgspec.toml.decode(TOML, type=Policy)
    assert policy.mode("aws.s3.default-key-policy") is KeyMode.PROVIDER_MANAGED
    assert policy.exception[0].approved_by == "j.doe"
    assert msgspec.toml.decode("", type=Policy) == Policy()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('keyz = "either"', "keyz"),
        ('keys = "mine"', "mine"),
        ("rotation_max_days = 0", ">= 1"),
        ('mfa = "maybe"', "maybe"),
        ('overrides = { "aws.s3.*" = "either" }', "beginning of ids up to a dot"),
        ('[[exception]]\ncontrol = "aws.s3"\nresource = "*"\nreason = "x"', "until"),
        ('[[exception]]\ncontrol = "*"\nresource = "*"\nuntil = 2027-01-31\nreason = "x"', "is not a control"),
        ('[[exception]]\ncontrol = "aws.s3"\nresource = ""\nuntil = 2027-01-31\nreason = "x"', "resource: is empty"),
    ],
)
def test_a_mistake_in_a_policy_is_named(text: str, says: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=says.replace("*", r"\*")):
        msgspec.toml.decode(text, type=Policy)


VOLUME = "arn:aws:ec2:us-east-1:111122223333:volume/vol-0abc"


def excepting(
    control: str = "aws.ebs.volume-encrypted",
    resource: str = VOLUME,
    until: str = "2027-01-31",
    approved_by: str = "j.doe",
) -> Policy:
    rule = {"control": control, "resource": resource, "until": until, "reason": "scratch", "approved_by": approved_by}
    return Policy(exception=(msgspec.convert(rule, ExceptionRule),))


@pytest.mark.parametrize(
    ("policy", "now", "holds"),
    [
        (excepting(), "2026-11-23T14:00:00Z", True),
        (excepting(), "2027-01-31T23:59:59Z", True),  # the last day, to its last second in UTC
        (excepting(), "2027-02-01T00:00:00Z", False),
        (excepting(approved_by=""), "2026-11-23T14:00:00Z", False),
        (excepting(approved_by="  "), "2026-11-23T14:00:00Z", False),
        (excepting(resource="arn:aws:ec2:*:volume/vol-0*"), "2026-11-23T14:00:00Z", True),
        (excepting(resource="arn:aws:ec2:*:volume/vol-1*"), "2026-11-23T14:00:00Z", False),
        (excepting(resource="vol-0abc"), "2026-11-23T14:00:00Z", False),
        (excepting(control="aws.ebs"), "2026-11-23T14:00:00Z", True),
        (excepting(control="aws.ebs.volume"), "2026-11-23T14:00:00Z", False),  # a prefix ends at a dot
        (excepting(control="aws.s3"), "2026-11-23T14:00:00Z", False),
    ],
)
def test_an_exception_holds_for_its_control_its_resource_and_its_time(policy: Policy, now: str, holds: bool) -> None:
    assert (policy.excepting("aws.ebs.volume-encrypted", VOLUME, parse_rfc3339(now)) is not None) is holds


def test_brackets_in_an_id_are_not_wild() -> None:
    policy = excepting(control="tls.cipher-weak", resource="tls://[::1]:443")
    assert policy.excepting("tls.cipher-weak", "tls://[::1]:443", 0)
    assert not policy.excepting("tls.cipher-weak", "tls://:443", 0)
    assert excepting(resource="tls://[::1]:*").excepting("aws.ebs.volume-encrypted", "tls://[::1]:443", 0)


def test_of_two_exceptions_the_longer_one_holds() -> None:
    both = Policy(exception=excepting(until="2026-12-01").exception + excepting(until="2026-12-31").exception)
    rule = both.excepting("aws.ebs.volume-encrypted", VOLUME, parse_rfc3339("2026-11-23T14:00:00Z"))
    assert rule is not None
    assert str(rule.until) == "2026-12-31"


def test_an_exception_turns_fail_into_warn_until_it_ends_and_touches_nothing_else() -> None:
    now = parse_rfc3339("2026-11-23T14:00:00Z")
    verdict, excepted = excepting().excused("aws.ebs.volume-encrypted", VOLUME, failed("Encrypted is false"), now)
    assert verdict.status is Status.WARN
    assert verdict.reason == "excepted until 2027-01-31: Encrypted is false"
    assert verdict.valid_until == parse_rfc3339("2027-02-01T00:00:00Z")
    assert excepted is not None
    assert (excepted.until, excepted.approved_by) == ("2027-01-31", "j.doe")
    sooner, _ = excepting().excused("aws.ebs.volume-encrypted", VOLUME, failed("x", until=now + 5), now)
    assert sooner.valid_until == now + 5
    blind = unknown("denied")
    assert excepting().excused("aws.ebs.volume-encrypted", VOLUME, blind, now) == (blind, None)


@pytest.mark.parametrize(
    ("regulated", "excepted", "severity", "effective"),
    [
        (False, False, Severity.HIGH, Severity.HIGH),
        (True, False, Severity.HIGH, Severity.CRITICAL),
        (True, False, Severity.CRITICAL, Severity.CRITICAL),
        (False, True, Severity.HIGH, Severity.MEDIUM),
        (False, True, Severity.INFO, Severity.INFO),
        (True, True, Severity.MEDIUM, Severity.MEDIUM),
    ],
)
def test_severity_rises_when_regulated_and_falls_under_an_exception(
    regulated: bool, excepted: bool, severity: Severity, effective: Severity
) -> None:
    assert Policy(regulated=regulated).effective_severity(severity, excepted=excepted) is effective
