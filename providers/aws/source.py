"""What the AWS sources share: the account they ask, whose it is, and how their resources are named."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Complete, ReadRefused, Report
from posture.who import Change, Trail, Who, not_permitted
from providers.aws import trail
from providers.aws.calls import Call
from providers.aws.client import AwsClient
from providers.source import Source
from providers.tenancy import Tenancy

T = TypeVar("T")

OPT_IN = "set who = true in its [[tenant.aws]], and attach what enctop policy aws --with who prints"

_KEY_ARN = re.compile(r"arn:[a-z0-9-]+:kms:[a-z0-9-]+:\d{12}:(?:key|alias)/.+")


class Rows:
    """The rows of one listing. One that has no id, or cannot be read, does not take the others with it: `fault` tells
    of it.

    What a listing named so is not to be believed about what is gone. `odd` tells of a field that is not of its type in
    `types`; its row stands.
    """

    def __init__(
        self, call: Call, field: str, shape: str = r"[!-~]{1,2048}", types: Mapping[str, type] | None = None
    ) -> None:
        self._call = call
        self._field = field
        self._shape = re.compile(shape)
        self._types = types or {}
        self.fault: Fault | None = None
        self.odd: Fault | None = None

    def of(self, page: Iterable[Any], read: Callable[[dict[str, Any]], T]) -> list[T]:
        """What `read` makes of each row of a page that has an id."""
        made: list[T] = []
        for row in page:
            named = row.get(self._field) if isinstance(row, dict) else None
            if not isinstance(named, str) or self._shape.fullmatch(named) is None:
                self._lost(f"a row without {self._field}")
                continue
            try:
                made.append(read(row))
                self.odd = self.odd or ill_typed(self._call, row, self._types)
            except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
                self._lost(f"{named[:80]} cannot be read: {type(error).__name__}")
        return made

    def ended(self, *types: str, unless: frozenset[str] = frozenset()) -> Iterator[Report]:
        """What is told when the listing has ended: it has named all of these types, unless a row was not named."""
        if self.fault is not None:
            yield ReadRefused(self.fault)
            return
        if self.odd is not None:
            yield ReadRefused(self.odd)
        yield Complete(types, unless)

    def _lost(self, why: str) -> None:
        self.fault = self.fault or Fault(FaultKind.ERROR, "UnreadableRow", self._call.operation, why)


def ill_typed(call: Call, fields: Mapping[str, Any], types: Mapping[str, type]) -> Fault | None:
    """Why a source was not told all: the first of these fields that is there and not of its type."""
    for name, wanted in types.items():
        value = fields.get(name)
        if value is not None and type(value) is not wanted:
            return Fault(
                FaultKind.ERROR,
                "UnreadableField",
                call.operation,
                f"{name} is {type(value).__name__}, not {wanted.__name__}",
            )
    return None


def with_times(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Fields of a JSON API with these times, which it gives in seconds, as RFC 3339 text."""
    plain = dict(fields)
    for name in names:
        at = plain.get(name)
        if isinstance(at, int | float) and not isinstance(at, bool):
            # no time that there is: who reads the field says so
            with contextlib.suppress(ValueError, OverflowError, OSError):
                plain[name] = datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return plain


class AwsSource(Source):
    """A question asked of one region of one account, or of the account as a whole (`region` empty)."""

    calls: tuple[Call, ...] = ()
    region_label: str | None = None

    def __init__(self, account: AwsClient, tenancy: Tenancy, region: str, cadence: Seconds, seen: Shared) -> None:
        self.account = account
        self.tenancy = tenancy
        self.region = region
        self.seen = seen
        self.tells_who = account.settings.who
        self.permissions = tuple(sorted({call.permission for call in self.calls}))
        super().__init__(tenancy.name, "aws", "/".join(filter(None, (account.number, region))), cadence)
        self.within = account.number

    async def who(self, change: Change) -> Trail | Who:
        """What CloudTrail holds of it, where `who` allows to ask."""
        if not self.tells_who:
            return not_permitted("who is off for this account", OPT_IN, change)
        return await trail.asked(self.account, change)

    def owner(self, fields: Mapping[str, Any]) -> str:
        """The tenant of a resource; its tags tell where tenants share the account."""
        return self.tenancy.of((str(tag.get("Key")), str(tag.get("Value", ""))) for tag in tags(fields))


class TaggedSource(AwsSource):
    """A source whose listing leaves out the tags, which are asked for where tenants share the account."""

    tag_call: Call

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._owners: dict[str, str] = {}
        if self.tenancy.shared:
            self.permissions = tuple(sorted({*self.permissions, self.tag_call.permission}))

    async def tags_of(self, region: str, **named: Any) -> dict[str, Any]:
        """What is answered about the tags of the named resources. Raises `Refused`."""
        try:
            return await self.account.ask(self.tag_call, region, **named)
        except Refused as refused:
            await self.account.confirm(refused)
            raise

    def tenant_of(self, id: str, fields: Mapping[str, Any]) -> str:
        """The tenant of a resource; a refusal to tell its tags does not take it from the one it was seen with."""
        if not self.tenancy.shared:
            return self.owner(fields)
        if "Tags" in fields:
            self._owners[id] = self.owner(fields)
        return self._owners.get(id) or self.owner(fields)


class Place(msgspec.Struct, frozen=True):
    """Where a bucket is, and whose."""

    region: str
    tenant: str


class Claims:
    """What all accounts of a configuration know together, so that each thing is asked about in one place only."""

    def __init__(self, now: Callable[[], Utc] = time.time) -> None:
        self.now = now
        self.accounts: dict[tuple[str | None, str], str] = {}
        """Endpoint and number -> the id of the source through which it is polled."""
        self.listed: dict[tuple[str, str], frozenset[str] | None] = {}
        """(account, region) pairs whose keys a source lists, and the ids and aliases of its last whole listing; None
        before that.
        """
        self.seen: list[Shared] = []
        """In the order of the configuration."""
        self.naming: list[str] = []
        """Ids of the sources before whose first poll it is not known which keys are named: those of the accounts,
        and then what these find.
        """


class Shared:
    """What some sources of an account learn and others need: the keys that volumes and buckets name, and where the
    buckets are.
    """

    def __init__(self, claims: Claims) -> None:
        self._named: dict[str, set[str]] = {}
        self._before: dict[str, set[str]] = {}
        self.buckets: dict[str, Place] | None = None
        """By name; None before they were listed for the first time."""
        self.certificates: dict[str, dict[str, str]] = {}
        """When each certificate ends (RFC 3339), by the source that listed it and its ARN."""
        self.claims = claims
        claims.seen.append(self)

    @property
    def arns(self) -> set[str]:
        """Every key that is named, in a listing that has ended or in the one under way."""
        return set().union(*self._named.values(), *self._before.values())

    def certificate_ends(self, arn: str) -> str:
        """The day on which a certificate ends, `2027-01-31`; empty where that was not told."""
        return next((ends[arn][:10] for ends in self.certificates.values() if arn in ends), "")

    def begin(self, source: str) -> None:
        """A source starts to name keys anew; what it named before holds until it has `listed`."""
        self._before[source] = self._before.get(source, set()) | self._named.pop(source, set())

    def name(self, source: str, arn: str) -> None:
        """A source came upon this key."""
        self._named.setdefault(source, set()).add(arn)

    def listed(self, source: str) -> None:
        """A source has named all it can: what it did not name again is let go."""
        self._before.pop(source, None)

    def foreign(self) -> list[str]:
        """Key ARNs that no source lists and no account before this one names: two sources that report one key would
        take it from each other forever.
        """
        before = set().union(*(other.arns for other in self.claims.seen[: self.claims.seen.index(self)]))
        return sorted(arn for arn in self.arns - before if ":key/" in arn and _owner(arn) not in self.claims.listed)

    def of(self, account: str, region: str) -> set[str]:
        """Key ARNs of this account and region that anything names, in whatever account."""
        return {
            arn
            for other in self.claims.seen
            for arn in other.arns
            if ":key/" in arn and _owner(arn) == (account, region)
        }

    def missing(self, account: str) -> list[str]:
        """Keys and aliases of this account that anything names, in whatever account, and that a whole listing of their
        region does not hold.

        AWS makes the aliases that it reserves when they are first used: before that they are missed by nobody.
        """
        found = {
            arn
            for other in self.claims.seen
            for arn in other.arns
            if _owner(arn)[0] == account and ":alias/aws/" not in arn
        }
        return sorted(
            arn for arn in found if (listed := self.claims.listed.get(_owner(arn))) is not None and arn not in listed
        )


def is_key_arn(text: str) -> bool:
    """Whether this names a key, or an alias, with its region and account."""
    return _KEY_ARN.fullmatch(text) is not None


def _owner(arn: str) -> tuple[str, str]:
    parts = arn.split(":")
    return parts[4], parts[3]


def region_id(account: str, region: str) -> str:
    """The id of what belongs to a region of an account."""
    return f"aws://{account}/{region}"


def tag(fields: Mapping[str, Any], key: str) -> str:
    """The value of a tag, or an empty text."""
    for pair in tags(fields):
        if pair.get("Key") == key:
            return str(pair.get("Value", ""))
    return ""


def tags(fields: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The tags of a resource; none where they are no list."""
    told = fields.get("Tags")
    return [pair for pair in told if isinstance(pair, dict)] if isinstance(told, list) else []
