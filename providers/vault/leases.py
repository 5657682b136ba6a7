"""Leases: how many, how fast they grow, which cannot be revoked; and one by one where they are few enough or the
operator asks for it.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, age, parse_rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.lease import SLACK, Life
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.refusals import masked
from providers.source import Yield
from providers.vault import metrics
from providers.vault.calls import IRREVOCABLE, LEASE, LEASE_QUOTA, LEASE_QUOTAS, LEASE_TREE, LEASES_COUNT, METRICS
from providers.vault.seal import moment, short
from providers.vault.source import ENDS, VaultReading, VaultSource, digest, objects, whole

HOUR: Seconds = 3600.0
AGAIN = 50
"""Leases that are looked up again in each poll although they are not near their end, so that a renewal shows soon."""
CHUNK = 50
"""Lookups between two reports, so that the first rows show early."""
FOLDERS = 200
"""Folders of the lease tree that are listed in one poll, at the most."""
ADVISORY = 256_000
"""Leases that Vault itself warns of (HashiCorp, "Vault limits and maximums")."""
COUNT = "expire_num_leases"
NOT_COUNTED = Fault(
    FaultKind.ERROR,
    "NotCounted",
    METRICS.operation,
    f"the server does not tell vault_{COUNT}, or not yet: it does a second after unsealing",
)
WHY = {
    "off": "listing is off",
    "too many": "more than lease_cap: set lease_prefixes",
    "not counted": "not counted: set lease_prefixes",
    "denied": "listing needs sudo",
}
FIELDS = ("path", "issue_time", "expire_time", "last_renewal", "renewable", "revoke_error")


class Known(msgspec.Struct):
    """A lease as it was looked up: its fields, and when (UTC seconds)."""

    fields: dict[str, Any]
    life: Life
    at: Utc

    def due(self) -> Utc:
        """When it is to be looked up again: shortly before its state would change if nothing has happened meanwhile."""
        changes = [at for at in (self.life.neglected_at, self.life.expiring_at) if at is not None and at > self.at]
        return min(changes) - 0.05 * self.life.span if changes else self.at


class Leases(VaultSource):
    """Counts from the active node's metrics, in two or three requests; single leases by prefix, capped and
    remembered.
    """

    service = "leases"
    calls = (METRICS, LEASES_COUNT, IRREVOCABLE, LEASE_QUOTAS, LEASE_QUOTA, LEASE_TREE, LEASE)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._known: dict[tuple[str, str], Known] = {}
        self._counts: deque[tuple[Utc, int]] = deque()
        self._generation = ""
        self._irrevocable_polls = 0
        self._backlog_polls = 0
        self._quotas: list[dict[str, Any]] | None = None
        self._waited = False

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The counts first; then, where it is allowed and sensible, the leases themselves."""
        if self._generation != self.client.generation:
            self._generation = self.client.generation
            self._known, self._quotas, self._irrevocable_polls, self._backlog_polls, self._waited = (
                {},
                None,
                0,
                0,
                False,
            )
            self._counts.clear()
        reading = VaultReading(self.client)
        await self._count(reading)
        stuck = await self._irrevocable(reading)
        named, listed = await self._list(reading)
        if listed in {"denied", "not counted"}:  # nobody said that these are gone: each is looked up by itself
            named = list(dict.fromkeys([*named, *self._known]))
        chosen = self._choose(named, stuck)
        reading.fields.update(listed=listed, shown=len(chosen), of=len(named), cap=self.client.settings.lease_cap)
        yield Batch((self._summary(reading),))
        for fault in reading.faults.values():
            yield ReadRefused(fault)
        async for batch in self._look_up(chosen, stuck):
            yield Batch(batch)
        yield Complete(("vault.lease", "vault.leases"))

    # ------------------------------------------------------------ how many

    async def _count(self, reading: VaultReading) -> None:
        try:
            found = await self._metrics(reading)
            # a server counts its leases a second after it was unsealed
            for _ in range(0 if self._waited else self.client.limits.attempts - 1):
                if found is None or COUNT in found:
                    break
                await asyncio.sleep(self.client.limits.pause)
                found = await self._metrics(reading)
        except Refused as ended:
            self.seen.uncounted = ended.fault
            raise
        self._waited = True
        if found is not None and COUNT not in found:
            reading.faults[METRICS.operation] = NOT_COUNTED
        self.seen.metrics = found
        self.seen.uncounted = reading.faults.get(METRICS.operation)
        found = reading.fields["metrics"] = found or {}
        now, total = self.seen.now(), found.get(COUNT)
        while self._counts and self._counts[-1][0] > now:  # the clock ran ahead
            self._counts.pop()
        self.seen.leases = total
        if total is None:
            return
        self._counts.append((now, total))
        while len(self._counts) > 2 and self._counts[0][0] < now - HOUR:
            self._counts.popleft()
        then, before = self._counts[0]
        if now - then >= 1.0:
            reading.fields["growth"] = {
                "minutes": round((now - then) / 60, 1),
                "from": before,
                "a_minute": round((total - before) * 60 / (now - then), 1),
            }
        self._backlog_polls = self._backlog_polls + 1 if found.get("expire_job_manager_total_jobs") else 0
        reading.fields["backlog_polls"] = self._backlog_polls

    async def _metrics(self, reading: VaultReading) -> dict[str, Any] | None:
        text = await reading.ask_text(METRICS, base=self.client.leader or "", params={"format": "prometheus"})
        return None if text is None else metrics.read(text)

    async def _irrevocable(self, reading: VaultReading) -> dict[str, str]:
        """Lease id -> the backend's error, of those that Vault has given up to revoke; counted by mount path, never
        by accessor.
        """
        count = await reading.ask(
            LEASES_COUNT, "irrevocable", params={"type": "irrevocable", "include_child_namespaces": "true"}
        )
        if self._quotas is None:
            self._quotas = await self._read_quotas(reading)
        if self._quotas is not None:
            reading.fields["quotas"] = self._quotas
        if not isinstance(count, dict):
            return {}
        many, counts = count.get("lease_count"), count.get("counts")
        self._irrevocable_polls = self._irrevocable_polls + 1 if many else 0
        by_mount = (
            {self.seen.by_accessor(accessor): number for accessor, number in counts.items()}
            if isinstance(counts, dict)
            else counts
        )
        reading.fields["irrevocable"] = {
            "count": many,
            "by_mount": by_mount if many or by_mount else {},
            "polls": self._irrevocable_polls,
        }
        if not whole(many):
            return {}
        answer = await reading.ask(
            IRREVOCABLE, "errors", params={"type": "irrevocable", "limit": str(max(1, self.client.settings.lease_cap))}
        )
        reading.fields.pop("errors", None)
        return {
            entry["lease_id"]: str(entry.get("error") or "")
            for entry in objects((answer or {}).get("leases"))
            if isinstance(entry.get("lease_id"), str)
        }

    async def _read_quotas(self, of: VaultReading) -> list[dict[str, Any]] | None:
        """Lease-count quotas, which only Vault Enterprise has; None where they could not be read, and `of` says why."""
        reading = VaultReading(self.client)
        names = await reading.names(LEASE_QUOTAS)
        found = [
            await reading.ask(LEASE_QUOTA, "quota", ("name", "path", "max_leases", "counter"), name=name)
            for name in names[:20]
        ]
        of.faults.update(reading.faults)
        return None if reading.faults else [quota for quota in found if quota]

    # ------------------------------------------------------------ which

    async def _list(self, reading: VaultReading) -> tuple[list[tuple[str, str]], str]:
        """(namespace, lease id) of every lease under the prefixes, and a word on how that came about."""
        settings = self.client.settings
        prefixes: Sequence[str] = settings.lease_prefixes if settings.lease_prefixes is not None else ("",)
        if not prefixes or not settings.lease_cap:
            return [], "off"
        if settings.lease_prefixes is None and (self.seen.leases is None or self.seen.leases > settings.lease_cap):
            return [], "too many" if self.seen.leases is not None else "not counted"
        found: list[tuple[str, str]] = []
        denied = False
        for namespace in self.seen.namespaces:
            try:
                async for lease in self._walk(namespace, prefixes):
                    found.append((namespace, lease))  # noqa: PERF401 - what was named before a refusal is kept
            except Refused as refused:
                if refused.fault.kind in ENDS:
                    raise
                denied = True
                reading.faults.setdefault(LEASE_TREE.operation, refused.fault)
        return found, "denied" if denied else "all" if settings.lease_prefixes is None else "by prefix"

    async def _walk(self, namespace: str, prefixes: Sequence[str]) -> AsyncIterator[str]:
        """Ids of the leases under these prefixes; of the tree's top all but `auth/`, since tokens are rows of their
        own.
        """
        waiting, left = list(prefixes), FOLDERS
        while waiting and left:
            left -= 1
            folder = waiting.pop()
            reading = VaultReading(self.client, namespace)
            for key in await reading.names(LEASE_TREE, prefix=folder):
                if not key.endswith("/"):
                    yield folder + key
                elif folder or key != "auth/":
                    waiting.append(folder + key)
            if reading.faults:
                raise Refused(reading.faults[LEASE_TREE.operation])

    def _choose(self, named: list[tuple[str, str]], stuck: dict[str, str]) -> list[tuple[str, str]]:
        """The leases to show: those that are stuck, those already shown, and an even sample of the others, within
        the cap.
        """
        cap = self.client.settings.lease_cap
        listed = dict.fromkeys(named)
        first = [self._home(lease) for lease in stuck]
        chosen = dict.fromkeys([*first, *(key for key in self._known if key in listed)][:cap])
        rest = [key for key in listed if key not in chosen]
        room = min(cap - len(chosen), len(rest))
        chosen.update(dict.fromkeys(rest[index * len(rest) // room] for index in range(room)))
        self._known = {key: known for key, known in self._known.items() if key in chosen}
        return list(chosen)

    def _home(self, lease: str) -> tuple[str, str]:
        return next(
            ((namespace, lease) for namespace in self.seen.namespaces if self.seen.above(namespace, lease)), ("", lease)
        )

    # ------------------------------------------------------------ one by one

    async def _look_up(
        self, chosen: list[tuple[str, str]], stuck: dict[str, str]
    ) -> AsyncIterator[tuple[Resource, ...]]:
        now = self.seen.now()
        # the clock may have run ahead: what was looked up then would else wait for that time
        for known in self._known.values():
            known.at = min(known.at, now)
        again = sorted(
            (key for key in chosen if key in self._known),
            key=lambda key: (self._known[key].due() > now, self._known[key].at),
        )
        due = sum(self._known[key].due() <= now for key in again)
        fresh = {*again[: max(due, AGAIN)], *(key for key in chosen if key not in self._known)}
        for part in _parts(chosen):
            answers = await asyncio.gather(*(self._one(key) for key in part if key in fresh), return_exceptions=True)
            for answer in answers:
                if isinstance(answer, BaseException):
                    raise answer
            yield tuple(self._resource(key, self._known[key], stuck.get(key[1])) for key in part if key in self._known)

    async def _one(self, key: tuple[str, str]) -> None:
        namespace, lease = key
        try:
            answer = await self.client.ask(LEASE, namespace, body={"lease_id": lease})
        except Refused as refused:
            if "invalid lease" in refused.fault.message:  # revoked between the list and now
                self._known.pop(key, None)
                return
            raise
        if answer is None:
            self._known.pop(key, None)
            return
        before = self._known.get(key)
        fields = {name: answer[name] for name in FIELDS if name in answer}
        issued, expires, renewed = (
            moment(fields.get("issue_time")),
            moment(fields.get("expire_time")),
            moment(fields.get("last_renewal")),
        )
        mount = self.seen.above(namespace, lease)
        life = Life(
            issued,
            expires,
            renewed,
            fields.get("renewable") is True,
            overdue=isinstance(answer.get("ttl"), int) and answer["ttl"] < 0,
            irrevocable=bool(fields.get("revoke_error")),
            capped=fields.get("renewable") is True
            and _capped(issued, expires, renewed, before.life if before else None, mount.max_ttl if mount else 0),
        )
        self._known[key] = Known(fields, life, self.seen.now())

    def _resource(self, key: tuple[str, str], known: Known, error: str | None) -> Resource:
        namespace, lease = key
        told_path = known.fields.get("path")
        path, mark = told_path if isinstance(told_path, str) and told_path else lease.rpartition("/")[0], digest(lease)
        mount = self.seen.above(namespace, lease)
        engine = mount.path if mount else path.partition("/")[0] + "/"
        told = known.fields.get("revoke_error") or error
        fields: dict[str, Any] = {
            **{name: value for name, value in known.fields.items() if name != "revoke_error"},
            "mount": mount.shown if mount else engine,
            "engine": mount.type if mount else "",
            "capped": known.life.capped,
            "overdue": known.life.overdue,
        }
        if told:
            fields["revoke_error"] = masked(_masked(str(told), lease))
        return self.resource(
            id=f"{self.id_of(namespace, 'leases', path)}#{mark}",
            kind="lease",
            type="vault.lease",
            name=f"{path}#{mark}",
            fields=fields,
            region=namespace,
            cells=(
                engine,
                path.removeprefix(engine).rpartition("/")[2] or path,
                short(fields.get("issue_time")),
                short(fields.get("last_renewal")),
                "yes" if fields.get("renewable") else "no",
                _word(known.life, told),
            ),
            expires=known.life.expires,
        )

    def _summary(self, reading: VaultReading) -> Resource:
        id = self.id_of("", "sys/leases")
        name = f"leases of {self.client.settings.place}"
        return self.resource(
            id=id,
            kind="lease-totals",
            type="vault.leases",
            name=name,
            fields=reading.fields,
            faults=reading.faults,
            cells=self._totals(reading.fields),
        )

    def _totals(self, fields: dict[str, Any]) -> tuple[str, ...]:
        """The figures for the screen (`posture.kinds`): TOTAL, LIMIT, GROWTH, DOUBLES, IRREVOCABLE, BACKLOG,
        ROWS, ENDS.
        """
        total, growth, stuck = self.seen.leases, fields.get("growth") or {}, fields.get("irrevocable")
        limits = [
            most
            for quota in fields.get("quotas") or ()
            if (most := whole(quota.get("max_leases"))) and not quota.get("path")
        ]
        minute = growth.get("a_minute", 0.0)
        counts = (stuck or {}).get("by_mount")
        counted = {mount: whole(many) for mount, many in counts.items()} if isinstance(counts, dict) else {}
        by_mount = "".join(f" {mount} {many}" for mount, many in sorted(counted.items(), key=lambda one: -one[1])[:3])
        backlog = fields["metrics"].get("expire_job_manager_total_jobs")
        shown = (
            f"sampled {fields['shown']:,} of {fields['of']:,}"
            if fields["shown"] < fields["of"]
            else f"{fields['shown']:,}"
        )
        return (
            "" if total is None else str(total),
            str(min(limits, default=ADVISORY)),
            f"{minute:+,.0f}" if growth else "",
            age(total / minute * 60) if total and minute > 0 else "",
            "" if stuck is None else f"{stuck['count']}{':' if by_mount else ''}{by_mount}",
            "" if backlog is None else str(backlog),
            shown
            if fields["listed"] in {"all", "by prefix"}
            else f"{shown if fields['shown'] else 'none'}, {WHY[fields['listed']]}",
            " ".join(
                f"{parse_rfc3339(at):.0f}:{many}"
                for at, many in fields["metrics"].get("expire_leases_by_expiration", ())
            ),
        )


def _word(life: Life, told: Any) -> str:
    """What time will not change; the rest of the states the viewer tells from the times."""
    if told or life.irrevocable:
        return "irrevocable"
    return "revoking" if life.overdue else "never expires" if life.expires is None else "capped" if life.capped else ""


def _capped(issued: Utc | None, expires: Utc | None, renewed: Utc | None, before: Life | None, max_ttl: int) -> bool:
    """Whether its end is where max TTL puts it: the mount's, or, since a role's is told by no lookup, one that a
    renewal was seen not to move.
    """
    if issued is None or expires is None:
        return False
    if max_ttl and expires - issued >= max_ttl - SLACK:
        return True
    if before is None or before.expires is None or abs(expires - before.expires) > SLACK:
        return False
    return before.capped or (renewed is not None and renewed > (before.renewed or issued) + SLACK)


def _masked(text: str, lease: str) -> str:
    tail = lease.rpartition("/")[2]
    return text.replace(lease, "<lease>").replace(tail, "<lease>").replace(tail.partition(".")[0], "<lease>")


def _parts(chosen: list[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    for first in range(0, len(chosen), CHUNK):
        yield chosen[first : first + CHUNK]
