"""What a tenant is meant to have: who may hold its keys, what is excepted, and how a key class compares with that."""

import datetime
import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Literal

import msgspec

from posture.clock import Utc
from posture.policy.tls import TlsPolicy
from posture.policy.vault import VaultPolicy
from posture.resource import KeyClass
from posture.verdict import Excepted, Severity, Status, Verdict
from posture.wildcard import matches

DAY = 86400.0
_PREFIX = re.compile(r"[a-z0-9]+(\.[a-z0-9-]+)*")


class KeyMode(StrEnum):
    """Who is meant to hold the keys."""

    PROVIDER_MANAGED = "provider-managed"
    CUSTOMER_MANAGED = "customer-managed"
    EITHER = "either"
    DOUBLE = "double"


_COLUMNS = {KeyMode.PROVIDER_MANAGED: 1, KeyMode.EITHER: 2, KeyMode.CUSTOMER_MANAGED: 3, KeyMode.DOUBLE: 4}


class Attestation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's word where nothing can be read: that what `control` asks for is so, in a `statement`, by whom, and
    until which day in UTC it holds.
    """

    control: str
    statement: str
    attested_by: str
    until: datetime.date

    def __post_init__(self) -> None:
        for key in ("statement", "attested_by"):
            if not getattr(self, key).strip():
                raise ValueError(f"{key}: is empty; say {'what is so' if key == 'statement' else 'who says so'}")

    @property
    def ends(self) -> Utc:
        """The first instant at which it no longer holds: midnight UTC after `until`."""
        return _after(self.until)


class ExceptionRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One agreed exception: `control` is an id or the beginning of one up to a dot, `resource` an id or a glob of `*`
    and `?`.

    `until` is the last day, in UTC, on which it holds. Without an approver it does not hold at all.
    """

    control: str
    resource: str
    until: datetime.date
    reason: str
    approved_by: str = ""

    def __post_init__(self) -> None:
        _check_prefix("control", self.control)
        if not self.resource:
            raise ValueError("resource: is empty; write a resource's id, or a glob such as arn:aws:s3:::scratch-*")

    @property
    def ends(self) -> Utc:
        """The first instant at which it no longer holds: midnight UTC after `until`."""
        return _after(self.until)

    @property
    def approved(self) -> bool:
        """Somebody is named who approved it."""
        return bool(self.approved_by.strip())

    def covers(self, control: str, resource_id: str) -> bool:
        """Whether it speaks of this control on this resource, in force or not. Only `*` and `?` are wild: ids may
        hold brackets.
        """
        if not _begins(control, self.control):
            return False
        return self.resource == resource_id or matches(self.resource, resource_id)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tenant.policy]`. The defaults are the public document: keys that the provider manages, by the mechanism it
    names.

    `required_keys` are key ids, in full; `key_accounts` the accounts, beside the resource's own, that may hold a
    customer's key. `overrides` give a control, or all that begin alike, another mode: the longest matching prefix wins.
    """

    keys: KeyMode = KeyMode.PROVIDER_MANAGED
    strict: bool = True
    mfa: Literal["supported", "required"] = "supported"
    regulated: bool = False
    required_keys: tuple[str, ...] = ()
    key_accounts: tuple[str, ...] = ()
    rotation_max_days: Annotated[int, msgspec.Meta(ge=1)] = 365
    overrides: Mapping[str, KeyMode] = {}
    exception: tuple[ExceptionRule, ...] = ()
    attestation: tuple[Attestation, ...] = ()
    tls: TlsPolicy = TlsPolicy()
    vault: VaultPolicy = VaultPolicy()

    def __post_init__(self) -> None:
        for prefix in self.overrides:
            _check_prefix("overrides", prefix)

    def mode(self, control: str) -> KeyMode:
        """The mode that holds for this control."""
        prefixes = [prefix for prefix in self.overrides if _begins(control, prefix)]
        return self.overrides[max(prefixes, key=len)] if prefixes else self.keys

    def column(self, control: str) -> int:
        """The column of a decision table that holds for this control: strict, provider, either, customer, double."""
        mode = self.mode(control)
        return 0 if mode is KeyMode.PROVIDER_MANAGED and self.strict else _COLUMNS[mode]

    def excepting(self, control: str, resource_id: str, now: Utc) -> ExceptionRule | None:
        """The exception in force for this control on this resource; the one that holds longest where there are
        several.
        """
        rules = [
            rule for rule in self.exception if rule.approved and now < rule.ends and rule.covers(control, resource_id)
        ]
        return max(rules, key=lambda rule: rule.until, default=None)

    def excused(self, control: str, resource_id: str, verdict: Verdict, now: Utc) -> tuple[Verdict, Excepted | None]:
        """The verdict under the exceptions: a FAIL that is excepted is a WARN until the exception's end; nothing
        else is touched.
        """
        rule = self.excepting(control, resource_id, now) if verdict.status is Status.FAIL else None
        if rule is None:
            return verdict, None
        until = rule.ends if verdict.valid_until is None else min(rule.ends, verdict.valid_until)
        reason = f"excepted until {rule.until}: {verdict.reason}"
        return msgspec.structs.replace(verdict, status=Status.WARN, reason=reason, valid_until=until), Excepted(
            str(rule.until), rule.reason, rule.approved_by
        )

    def effective_severity(self, severity: Severity, *, excepted: bool = False) -> Severity:
        """One step up for a regulated tenant, one step down under an exception in force."""
        return Severity(min(max(severity - self.regulated + excepted, Severity.CRITICAL), Severity.INFO))


def shared(policies: Sequence[Policy]) -> Policy:
    """What holds for something that several tenants share, whose findings count for each: the strictest of what they
    ask, excepted only by all of them.

    Where they differ on whose keys to use, the public document decides.
    """
    first = policies[0]
    if all(policy == first for policy in policies):
        return first
    lists = [policy.required_keys for policy in policies if policy.required_keys]
    listed = tuple(key for key in lists[0] if all(key in keys for keys in lists)) if lists else ()
    agreed = {
        name: getattr(first, name)
        for name in ("keys", "strict", "overrides")
        if all(getattr(p, name) == getattr(first, name) for p in policies)
    }
    return Policy(
        **agreed,
        mfa="required" if any(policy.mfa == "required" for policy in policies) else "supported",
        regulated=any(policy.regulated for policy in policies),
        required_keys=listed if listed or not lists else ("no key that all of them list",),
        key_accounts=tuple(
            account for account in first.key_accounts if all(account in policy.key_accounts for policy in policies)
        ),
        rotation_max_days=min(policy.rotation_max_days for policy in policies),
        exception=tuple(rule for rule in first.exception if all(rule in policy.exception for policy in policies)),
        attestation=tuple(one for one in first.attestation if all(one in policy.attestation for policy in policies)),
    )


class Cell(StrEnum):
    """What the decision table says where a status alone would not do."""

    LISTED = "pass if there is no list of required keys or the key is in it, else fail"
    ONLY_LISTED = "pass only if the key is in the list of required keys, else fail"


PASS, WARN, FAIL, UNKNOWN = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN
LISTED, ONLY_LISTED = Cell.LISTED, Cell.ONLY_LISTED
Cells = tuple[Status | Cell, Status | Cell, Status | Cell, Status | Cell, Status | Cell]

# Explained in posture/controls/README.md. A row is asked for as "family class": the longest family of the control that
# has one wins, "" is every family.
# fmt: off
DECISIONS: Mapping[tuple[str, KeyClass], Cells] = {
    #                                     strict   provider  either   customer     double
    ("", KeyClass.PROVIDER):             (PASS,    PASS,    PASS,    FAIL,        FAIL),
    ("", KeyClass.PROVIDER_VISIBLE):     (PASS,    PASS,    PASS,    FAIL,        FAIL),
    ("aws.s3", KeyClass.PROVIDER_VISIBLE): (WARN,  WARN,    PASS,    FAIL,        FAIL),
    ("", KeyClass.CUSTOMER):             (FAIL,    FAIL,    LISTED,  LISTED,      FAIL),
    ("", KeyClass.CUSTOMER_FOREIGN):     (FAIL,    FAIL,    WARN,    ONLY_LISTED, FAIL),
    ("", KeyClass.SUPPLIED):             (FAIL,    FAIL,    WARN,    FAIL,        FAIL),
    ("", KeyClass.DOUBLE):               (FAIL,    FAIL,    LISTED,  LISTED,      LISTED),
    ("", KeyClass.NONE):                 (FAIL,    FAIL,    FAIL,    FAIL,        FAIL),
    ("", KeyClass.UNKNOWN):              (UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN,     UNKNOWN),
    # Plaintext cannot exist there, so `either` holds on the provider's word: the control says so (attested).
    ("azure", KeyClass.UNKNOWN):         (UNKNOWN, UNKNOWN, PASS,    UNKNOWN,     UNKNOWN),
    ("gcp", KeyClass.UNKNOWN):           (UNKNOWN, UNKNOWN, PASS,    UNKNOWN,     UNKNOWN),
}
# S3's aws:kms:dsse is two layers under one key: whose key that is decides, so the row is that of the class beneath.
S3_DOUBLE: Mapping[KeyClass, Cells] = {
    KeyClass.PROVIDER_VISIBLE:           (WARN,    WARN,    PASS,    FAIL,        PASS),
    KeyClass.CUSTOMER:                   (FAIL,    FAIL,    LISTED,  LISTED,      LISTED),
    KeyClass.CUSTOMER_FOREIGN:           (FAIL,    FAIL,    WARN,    ONLY_LISTED, ONLY_LISTED),
}
# fmt: on
_NOT_SEEN: Cells = DECISIONS["", KeyClass.UNKNOWN]


def decide(
    observed: KeyClass, policy: Policy, control_id: str, *, key: str | None = None, beneath: KeyClass = KeyClass.UNKNOWN
) -> Status:
    """How the key class that was seen compares with the policy, for this control.

    `key` is the id of the key, for the list of required keys; `beneath` is, for S3's double encryption, the class of
    the one key under it.
    """
    cell = _row(observed, control_id, beneath)[policy.column(control_id)]
    if isinstance(cell, Status):
        return cell
    listed = key in policy.required_keys or (cell is LISTED and not policy.required_keys)
    return PASS if listed else FAIL


def _row(observed: KeyClass, control_id: str, beneath: KeyClass) -> Cells:
    provider, service = control_id.split(".", 2)[:2]
    family = f"{provider}.{service}"
    if observed is KeyClass.DOUBLE and family == "aws.s3":
        return S3_DOUBLE.get(beneath, _NOT_SEEN)
    return DECISIONS.get((family, observed)) or DECISIONS.get((provider, observed)) or DECISIONS["", observed]


def _after(day: datetime.date) -> Utc:
    return datetime.datetime(day.year, day.month, day.day, tzinfo=datetime.UTC).timestamp() + DAY


def _begins(control: str, prefix: str) -> bool:
    return control == prefix or control.startswith(f"{prefix}.")


def _check_prefix(key: str, prefix: str) -> None:
    if not _PREFIX.fullmatch(prefix):
        raise ValueError(
            f"{key}: {prefix!r} is not a control; write its id, or the beginning of ids up to a dot, as in aws.s3"
        )
