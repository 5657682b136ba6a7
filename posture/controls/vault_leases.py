"""Leases: do they end and get revoked as they should, do their clients renew them, do they become too many too fast."""

from typing import Any

from posture.clock import Utc, age, rfc3339
from posture.controls.reading import inside, instant, told
from posture.controls.registry import Context
from posture.controls.vault_gate import behind_the_seal
from posture.lease import LONG, OVERDUE, Life
from posture.resource import Resource
from posture.verdict import Verdict, failed, not_applicable, passed, warned

_LOOKUP = "POST sys/leases/lookup"
_COUNT = "GET sys/leases/count"
_METRICS = "GET sys/metrics"
GIVEN_UP = 600.0
"""Seconds of failing revocation after which Vault is about to give up (six attempts: 10 to 13 minutes, reference/vault.md 1)."""
CROWDED = 0.8
"""Of a quota, or of the number that is too many."""
DOUBLES = 1.5
"""In an hour: more is a lease explosion (CONTROLS.md vault.lease.health)."""
SMALL = 1000
"""Below this many leases growth is no danger."""


def life_of(lease: Resource) -> Life:
    """A lease's or token's times, as its room read them. Raises `NoAnswer` where they were not told."""
    token = lease.type == "vault.token"
    operation = "POST auth/token/lookup-accessor" if token else _LOOKUP
    ends = told(lease, operation, "expire_time")
    issued = lease.fields.get("issue_time") if token else told(lease, operation, "issue_time")  # a root token has none
    renewed: Any = lease.fields.get("last_renewal_time" if token else "last_renewal")
    return Life(
        instant(issued, operation, "issue_time") if issued is not None else None,
        instant(ends, operation, "expire_time") if ends is not None else None,
        None if renewed is None else float(renewed) if isinstance(renewed, int | float) else instant(renewed, operation, "last_renewal"),
        bool(lease.fields.get("renewable")),
        bool(lease.fields.get("capped")),
        bool(lease.fields.get("overdue")),
        bool(lease.fields.get("revoke_error")),
    )


def _facts(life: Life, lease: Resource) -> dict[str, Any]:
    named = ("issue_time", "expire_time", "last_renewal", "last_renewal_time", "renewable", "revoke_error")
    return {name: lease.fields[name] for name in named if name in lease.fields}


@behind_the_seal("vault.lease.irrevocable", on=("vault.lease", "vault.leases"))
def irrevocable(lease: Resource, see: Context) -> Verdict:
    """Vault has given up: the credential may live on in the backend, and only a person can end it."""
    if lease.type == "vault.leases":
        count = told(lease, _COUNT, "irrevocable")
        many, by_mount = inside(count, _COUNT, "count"), count.get("by_mount") or {}
        facts = {"sys/leases/count?type=irrevocable": many, **{f"irrevocable.{mount}": number for mount, number in by_mount.items()}}
        if many:
            worst = max(by_mount, key=lambda mount: (by_mount[mount], mount), default="?")
            return failed(f"{many} irrevocable, most of {worst}", facts)
        return passed("none is irrevocable", facts)
    life = life_of(lease)
    if life.irrevocable:
        return failed(f"Vault gave up revoking it: {str(lease.fields['revoke_error'])[:160]}", _facts(life, lease))
    return passed("can be revoked", _facts(life, lease))


@behind_the_seal("vault.lease.revocation-failing", on=("vault.lease", "vault.leases"))
def revocation_failing(lease: Resource, see: Context) -> Verdict:
    """A negative TTL: its time is over, and the backend does not let it go."""
    if lease.type == "vault.leases":
        told(lease, _METRICS, "metrics")
        polls, jobs = lease.fields.get("backlog_polls") or 0, (lease.fields.get("metrics") or {}).get("expire_job_manager_total_jobs")
        facts = {"vault_expire_job_manager_total_jobs": jobs, "polls": polls}
        if jobs is None:
            return not_applicable("this server does not tell its revocation backlog", facts)
        return warned(f"{jobs} revocations wait, for {polls} polls now", facts) if polls >= 3 else passed(f"{jobs} revocations wait", facts)
    life = life_of(lease)
    if life.irrevocable or life.expires is None:
        return not_applicable("irrevocable: told by vault.lease.irrevocable" if life.irrevocable else "never expires")
    late = see.now - life.expires
    if not life.overdue or late <= OVERDUE:
        until = life.expires + OVERDUE
        return passed("not due" if late < 0 else "just ended", _facts(life, lease), until=until if life.overdue and until > see.now else None)
    reason = f"ended {age(late)} ago and is still there: its revocation fails and is tried again"
    if late >= GIVEN_UP:
        return failed(reason, _facts(life, lease))
    return warned(reason, _facts(life, lease), until=life.expires + GIVEN_UP)


@behind_the_seal("vault.lease.expiring", on=("vault.lease", "vault.token"))
def expiring(lease: Resource, see: Context) -> Verdict:
    """The end of a long lease is news; the end of a short one is what it is for."""
    life = life_of(lease)
    facts = _facts(life, lease)
    if life.irrevocable or life.overdue:
        return not_applicable("its time is over", facts)
    if life.expires is None:
        if lease.type == "vault.token" and "root" in (lease.fields.get("policies") or ()):
            return warned("a root token that never expires", facts)
        return passed("never expires", facts)
    if see.now >= life.expires or life.span < LONG:
        return passed("ended" if see.now >= life.expires else "short-lived: runs down as it should", facts)
    soon = life.expiring_at
    if soon is not None and see.now >= soon:
        how = "its max TTL is reached" if life.capped else "unless it is renewed" if life.renewable else "it cannot be renewed"
        return warned(f"ends at {rfc3339(life.expires)}, {how}", facts, until=life.expires)
    return passed(f"ends at {rfc3339(life.expires)}", facts, until=soon)


@behind_the_seal("vault.lease.not-renewed", on=("vault.lease", "vault.token"))
def not_renewed(lease: Resource, see: Context) -> Verdict:
    """Renewable, most of its life gone, never renewed: its client will lose it without warning."""
    life = life_of(lease)
    facts = _facts(life, lease)
    if life.irrevocable or life.overdue or life.expires is None or see.now >= life.expires:
        return not_applicable("never expires" if life.expires is None else "its time is over", facts)
    if not life.renewable:
        return not_applicable("not renewable", facts)
    if life.span < LONG:
        return passed("short-lived: a new one is taken instead", facts, until=life.expires)
    at: Utc | None = life.neglected_at
    if at is not None and see.now >= at and life.issued is not None:
        return warned(f"{(see.now - life.issued) / (life.expires - life.issued):.0%} of its life gone, never renewed", facts, until=life.expires)
    return passed("renewed" if life.renewed is not None else "not yet to be renewed", facts, until=at)


@behind_the_seal("vault.lease.health", on="vault.leases")
def health(leases: Resource, see: Context) -> Verdict:
    """Irrevocable in two polls together is no accident."""
    count = told(leases, _COUNT, "irrevocable")
    many, polls = inside(count, _COUNT, "count"), count.get("polls") or 0
    facts = {
        "sys/leases/count?type=irrevocable": many,
        "polls": polls,
        "vault_expire_num_leases": (leases.fields.get("metrics") or {}).get("expire_num_leases"),
    }
    if many:
        return failed(f"{many} irrevocable leases, for {polls} polls now", facts) if polls >= 2 else warned(f"{many} irrevocable leases, seen just now", facts)
    return passed("leases end and are revoked", facts)


@behind_the_seal("vault.lease.count", on="vault.leases")
def count(leases: Resource, see: Context) -> Verdict:
    """Against the quota, where there is one, else against the number that Vault itself warns of."""
    total = inside(told(leases, _METRICS, "metrics"), _METRICS, "expire_num_leases")
    quotas = [quota["max_leases"] for quota in leases.fields.get("quotas") or () if quota.get("max_leases") and not quota.get("path")]
    limit = min([see.policy.vault.most_leases, *quotas])
    facts = {"vault_expire_num_leases": total, "limit": limit}
    if total >= limit:
        return failed(f"{total:,} leases, limit {limit:,}", facts)
    if total >= CROWDED * limit:
        return warned(f"{total:,} leases, {total / limit:.0%} of the limit of {limit:,}", facts)
    return passed(f"{total:,} leases of {limit:,}", facts)


@behind_the_seal("vault.lease.growth", on="vault.leases")
def growth(leases: Resource, see: Context) -> Verdict:
    """A slope needs two points; the first poll has one."""
    total = inside(told(leases, _METRICS, "metrics"), _METRICS, "expire_num_leases")
    seen = leases.fields.get("growth")
    if not isinstance(seen, dict):
        return not_applicable("measured from the second poll on", {"vault_expire_num_leases": total})
    before, minute = seen.get("from") or 0, seen.get("a_minute") or 0.0
    facts = {"vault_expire_num_leases": total, **{f"growth.{name}": value for name, value in seen.items()}}
    if minute > 0 and total >= SMALL:
        doubling = total / minute
        if total > DOUBLES * before or doubling < 60:
            return warned(f"grows by {minute:,.0f} a minute: doubles in {age(doubling * 60)}", facts)
    return passed(f"{minute:+,.0f} a minute", facts)
