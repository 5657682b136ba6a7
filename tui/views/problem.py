"""A problem: findings that one root explains, as one line."""

from collections import Counter
from collections.abc import Collection, Sequence

import msgspec

from posture.clock import Utc
from posture.kinds import kind_of
from posture.rows import FindingRow
from posture.verdict import Status
from tui.data.replica import Replica


class Problem(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What `many` findings have in common, in the words of a finding, so that the same columns show it. `resource` is
    the root: the id of a resource or a source, or a fault in a place; `since` is when the first of them began (UTC
    seconds).
    """

    resource: str
    name: str
    place: int
    control: str
    status: int
    severity: int
    reason: str
    since: Utc
    seen: Utc
    many: int
    tenants: int
    opened: bool
    excepted_until: str = ""

    @property
    def id(self) -> str:
        """Unique among problems and findings."""
        return f"! {self.resource}"


def problem_of(found: Sequence[FindingRow], replica: Replica, opened: Collection[str]) -> Problem:
    """The problem of these findings, the first of which is the worst in the order of the view."""
    first = found[0]
    cause = next((row.cause for row in found if row.cause), first.resource)
    row, places = replica.row(cause), replica.places
    resources = {each.resource: each.place for each in found}
    where = [place for number in resources.values() if (place := places.get(number)) is not None]
    kinds = Counter(place.kind for place in where)
    why = row.reason if row is not None and row.status < Status.PASS else first.reason
    problem = Problem(
        resource=cause,
        name=row.name if row is not None else first.name if len(resources) == 1 else _called(cause),
        place=first.place if row is None else row.place,
        control=f"{len(found):,} findings",
        status=min(each.status for each in found),
        severity=min(each.severity for each in found),
        reason=f"{why}: {_counted(kinds)}",
        since=min(each.since for each in found),
        seen=first.seen if row is None else row.seen,
        many=len(found),
        tenants=len({tenant for place in set(where) for tenant in place.tenant.split("+")}),
        opened=False,
    )
    return msgspec.structs.replace(problem, opened=True) if problem.id in opened else problem


def _called(cause: str) -> str:
    """A root that is no resource: a source by its id, a fault by what was refused (`posture.problems.cause_of`)."""
    words = cause.split(" ")
    return words[1] if len(words) > 1 else cause


def _counted(kinds: "Counter[str]") -> str:
    """`12 volumes, 1 key`, the most first."""
    return ", ".join(
        f"{many:,} {title if many != 1 else title.removesuffix('s')}"
        for kind, many in kinds.most_common()
        for title in [kind_of(kind).title.lower()]
    )
