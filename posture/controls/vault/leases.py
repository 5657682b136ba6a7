"""Leases: do they end and get revoked as they should, do their clients renew them, do they become too many too fast."""

from typing import Any

from posture.clock import Utc, age, rfc3339
from posture.context import Context
from posture.controls.vault.gate import behind_the_seal, flag
from posture.lease import LONG, OVERDUE, SLACK, Life
from posture.reading import (
    NoAnswer,
    expected,
    field_of,
    natural,
    nested,
    objects,
    optional,
    refusals,
    texts,
    time_of,
)
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, unanswered, unknown, warned

_LOOKUP = "POST sys/leases/lookup"
_COUNT = "GET sys/leases/count"
_METRICS = "GET sys/metrics"
_QUOTAS = "LIST sys/quotas/lease-count"
_QUOTA = "GET sys/quotas/lease-count/<name>"
GIVEN_UP = 600.0
"""Seconds of failing revocation after which Vault is about to give up (six attempts, which
take 10 to 13 minutes).
"""
CROWDED = 0.8
"""Of a quota, or of the number that is too many."""
DOUBLES = 1.5
"""In an hour: more is a lease explosion."""
SMALL = 1000
"""Below this many leases growth is no danger."""


def life_of(lease: Resource) -> Life:
    """A lease's or token's times, as its room read them. Raises `NoAnswer` where they were not told."""
    token = lease.type == "vault.token"
    operation = "POST auth/token/lookup-accessor" if token else _LOOKUP
    ends = field_of(lease, operation, "expire_time")
    # a root token has none
    issued = lease.fields.get("issue_time") if token else field_of(lease, operation, "issue_time")
    if issued is None and ends is not None:
        raise NoAnswer(unknown(f"{operation} answered without issue_time"))
    renewable = optional(lease.fields.get("renewable"), bool, operation, "renewable")
    if renewable is None and ends is not None:
        raise NoAnswer(unknown(f"{operation} answered without renewable"))
    begun = time_of(issued, operation, "issue_time") if issued is not None else None
    renewed = _renewed(lease, operation)
    if renewed is not None and begun is not None and renewed < begun - SLACK:
        raise NoAnswer(unknown(f"{operation}: it was renewed before it was issued"))
    return Life(
        begun,
        time_of(ends, operation, "expire_time") if ends is not None else None,
        renewed,
        bool(renewable),
        not token and flag(field_of(lease, operation, "capped"), operation, "renewable"),
        not token and flag(field_of(lease, operation, "overdue"), operation, "ttl"),
        bool(optional(lease.fields.get("revoke_error"), str, operation, "revoke_error")),
    )


def _renewed(lease: Resource, operation: str) -> Utc | None:
    """Of a lease as RFC 3339, of a token in UTC seconds, and left out where it never was."""
    if lease.type == "vault.token":
        seconds = lease.fields.get("last_renewal_time")
        return None if seconds is None else float(natural(seconds, operation, "last_renewal_time"))
    at = field_of(lease, operation, "last_renewal")
    return None if at is None else time_of(at, operation, "last_renewal")


def _facts(life: Life, lease: Resource) -> dict[str, Any]:
    named = ("issue_time", "expire_time", "last_renewal", "last_renewal_time", "renewable", "revoke_error")
    return {name: lease.fields[name] for name in named if name in lease.fields}


@behind_the_seal("vault.lease.irrevocable", on=("vault.lease", "vault.leases"))
def irrevocable(lease: Resource, context: Context) -> Verdict:
    """Vault has given up: the credential may live on in the backend, and only a person can end it."""
    if lease.type == "vault.leases":
        count = field_of(lease, _COUNT, "irrevocable")
        many, by_mount = (
            natural(nested(count, _COUNT, "count"), _COUNT, "lease_count"),
            expected(nested(count, _COUNT, "by_mount"), dict, _COUNT, "counts"),
        )
        facts = {
            "sys/leases/count?type=irrevocable": many,
            **{f"irrevocable.{mount}": number for mount, number in by_mount.items()},
        }
        if many:
            worst = max(by_mount, key=lambda mount: (natural(by_mount[mount], _COUNT, "counts"), mount), default="?")
            return failed(f"{many} irrevocable, most of {worst}", facts)
        return passed("none is irrevocable", facts)
    life = life_of(lease)
    if life.irrevocable:
        return failed(f"Vault gave up revoking it: {str(lease.fields['revoke_error'])[:160]}", _facts(life, lease))
    return passed("can be revoked", _facts(life, lease))


@behind_the_seal("vault.lease.revocation-failing", on=("vault.lease", "vault.leases"))
def revocation_failing(lease: Resource, context: Context) -> Verdict:
    """A negative TTL: its time is over, and the backend does not let it go."""
    if lease.type == "vault.leases":
        metrics = expected(field_of(lease, _METRICS, "metrics"), dict, _METRICS, "metrics")
        jobs = optional(metrics.get("expire_job_manager_total_jobs"), int, _METRICS, "expire_job_manager_total_jobs")
        polls = natural(field_of(lease, _METRICS, "backlog_polls"), _METRICS, "expire_job_manager_total_jobs")
        facts = {"vault_expire_job_manager_total_jobs": jobs, "polls": polls}
        if jobs is None:
            return not_applicable("this server does not tell its revocation backlog", facts)
        natural(jobs, _METRICS, "expire_job_manager_total_jobs")
        return (
            warned(f"{jobs} revocations wait, for {polls} polls now", facts)
            if polls >= 3
            else passed(f"{jobs} revocations wait", facts)
        )
    life = life_of(lease)
    if life.irrevocable or life.expires is None:
        return not_applicable("irrevocable: told by vault.lease.irrevocable" if life.irrevocable else "never expires")
    late = context.now - life.expires
    if not life.overdue or late <= OVERDUE:
        until = life.expires + OVERDUE
        return passed(
            "not due" if late < 0 else "just ended",
            _facts(life, lease),
            until=until if life.overdue and until > context.now else None,
        )
    reason = f"ended {age(late)} ago and is still there: its revocation fails and is tried again"
    if late >= GIVEN_UP:
        return failed(reason, _facts(life, lease))
    return warned(reason, _facts(life, lease), until=life.expires + GIVEN_UP)


@behind_the_seal("vault.lease.expiring", on=("vault.lease", "vault.token"))
def expiring(lease: Resource, context: Context) -> Verdict:
    """The end of a long lease is news; the end of a short one is what it is for."""
    life = life_of(lease)
    facts = _facts(life, lease)
    if life.irrevocable or life.overdue:
        return not_applicable("its time is over", facts)
    if life.expires is None:
        if lease.type == "vault.token" and "root" in texts(
            lease.fields.get("policies"), "POST auth/token/lookup-accessor", "policies"
        ):
            return warned("a root token that never expires", facts)
        return unknown(
            f"{'POST auth/token/lookup-accessor' if lease.type == 'vault.token' else _LOOKUP} told no end, which only a"
            " root token has",
            None,
            facts,
        )
    if context.now >= life.expires or life.span < LONG:
        return passed("ended" if context.now >= life.expires else "short-lived: runs down as it should", facts)
    soon = life.expiring_at
    if soon is not None and context.now >= soon:
        how = (
            "its max TTL is reached"
            if life.capped
            else "unless it is renewed"
            if life.renewable
            else "it cannot be renewed"
        )
        return warned(f"ends at {rfc3339(life.expires)}, {how}", facts, until=life.expires)
    return passed(f"ends at {rfc3339(life.expires)}", facts, until=soon)


@behind_the_seal("vault.lease.not-renewed", on=("vault.lease", "vault.token"))
def not_renewed(lease: Resource, context: Context) -> Verdict:
    """Renewable, most of its life gone, never renewed: its client will lose it without warning."""
    life = life_of(lease)
    facts = _facts(life, lease)
    if life.irrevocable or life.overdue or life.expires is None or context.now >= life.expires:
        return not_applicable("never expires" if life.expires is None else "its time is over", facts)
    if not life.renewable:
        return not_applicable("not renewable", facts)
    if life.span < LONG:
        return passed("short-lived: a new one is taken instead", facts, until=life.expires)
    at: Utc | None = life.neglected_at
    if at is not None and context.now >= at and life.issued is not None:
        return warned(
            f"{(context.now - life.issued) / (life.expires - life.issued):.0%} of its life gone, never renewed",
            facts,
            until=life.expires,
        )
    return passed("renewed" if life.renewed is not None else "not yet to be renewed", facts, until=at)


@behind_the_seal("vault.lease.health", on="vault.leases")
def health(leases: Resource, context: Context) -> Verdict:
    """Irrevocable in two polls together is no accident."""
    count = field_of(leases, _COUNT, "irrevocable")
    many, polls = (natural(nested(count, _COUNT, name), _COUNT, "lease_count") for name in ("count", "polls"))
    facts = {
        "sys/leases/count?type=irrevocable": many,
        "polls": polls,
    }
    if many:
        return (
            failed(f"{many} irrevocable leases, for {polls} polls now", facts)
            if polls >= 2
            else warned(f"{many} irrevocable leases, seen just now", facts)
        )
    return passed("leases end and are revoked", facts)


@behind_the_seal("vault.lease.count", on="vault.leases")
def count(leases: Resource, context: Context) -> Verdict:
    """Against the quota, where there is one, else against the number that Vault itself warns of."""
    total = natural(
        nested(field_of(leases, _METRICS, "metrics"), _METRICS, "expire_num_leases"), _METRICS, "expire_num_leases"
    )
    refusal = refusals(leases, _QUOTA)
    if refusal is not None:
        return unanswered(refusal)
    quotas = [
        _most(quota) for quota in objects(field_of(leases, _QUOTAS, "quotas"), _QUOTAS, "keys") if not quota.get("path")
    ]
    limit = min([context.policy.vault.most_leases, *(quota for quota in quotas if quota)])
    facts = {"vault_expire_num_leases": total, "limit": limit}
    if total >= limit:
        return failed(f"{total:,} leases, limit {limit:,}", facts)
    if total >= CROWDED * limit:
        return warned(f"{total:,} leases, {total / limit:.0%} of the limit of {limit:,}", facts)
    return passed(f"{total:,} leases of {limit:,}", facts)


def _most(quota: dict[str, Any]) -> int:
    return natural(nested(quota, _QUOTA, "max_leases"), _QUOTA, "max_leases")


@behind_the_seal("vault.lease.growth", on="vault.leases")
def growth(leases: Resource, context: Context) -> Verdict:
    """A slope needs two points; the first poll has one."""
    total = natural(
        nested(field_of(leases, _METRICS, "metrics"), _METRICS, "expire_num_leases"), _METRICS, "expire_num_leases"
    )
    seen = leases.fields.get("growth")
    if not isinstance(seen, dict):
        return not_applicable("measured from the second poll on", {"vault_expire_num_leases": total})
    before, minute = (
        natural(nested(seen, _METRICS, "from"), _METRICS, "expire_num_leases"),
        nested(seen, _METRICS, "a_minute"),
    )
    if not isinstance(minute, int | float) or isinstance(minute, bool):
        return unknown(f"{_METRICS}: how fast they grow is {minute!r}")
    facts = {"vault_expire_num_leases": total, **{f"growth.{name}": value for name, value in seen.items()}}
    if minute > 0 and total >= SMALL:
        doubling = total / minute
        if total > DOUBLES * before or doubling < 60:
            return warned(f"grows by {minute:,.0f} a minute: doubles in {age(doubling * 60)}", facts)
    return passed(f"{minute:+,.0f} a minute", facts)
