"""KMS keys: who manages them, whether they can be used, whether they rotate, and who may."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, NotRead, ReadRefused
from posture.resource import Encryption, KeyClass, Resource
from posture.source import COLD
from providers.asking import each, each_again
from providers.aws.calls import DESCRIBE_KEY, GET_KEY_POLICY, GET_KEY_ROTATION_STATUS, LIST_ALIASES, LIST_KEYS, Call
from providers.aws.source import AwsSource, Rows, ill_typed, with_times
from providers.lane import lost
from providers.reading import Reading
from providers.source import Yield

MARKER = ("NextMarker", "Marker")
_TIMES = ("CreationDate", "DeletionDate", "ValidTo", "NextRotationDate")
_TYPES: dict[Call, dict[str, type]] = {
    DESCRIBE_KEY: {"KeyManager": str, "KeyState": str, "KeySpec": str, "KeyUsage": str, "Origin": str},
    GET_KEY_ROTATION_STATUS: {"KeyRotationEnabled": bool, "RotationPeriodInDays": int},
    GET_KEY_POLICY: {"Policy": str},
}
_NOT_THERE = "NotFoundException"


class _Cold(Reading):
    """What changes seldom about a key, and when it was read (monotonic seconds)."""

    def __init__(self, read_at: Seconds) -> None:
        super().__init__()
        self.read_at = read_at


class Keys(AwsSource):
    """Every key of one account and region, each once; rotation and policy are read on the cold cadence."""

    service = "kms"
    calls = (LIST_KEYS, LIST_ALIASES, DESCRIBE_KEY, GET_KEY_ROTATION_STATUS, GET_KEY_POLICY)
    cold: Seconds = COLD

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._cold: dict[str, _Cold] = {}
        self.seen.claims.listed[self.account.number, self.region] = None

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List keys and aliases, then describe key by key, several at a time."""
        started, listed = time.monotonic(), list[str]()
        aliases: dict[str, tuple[str, ...]] | None = None
        try:
            aliases = await self._aliases()
        except Refused as refused:
            if lost(refused):
                raise
            await self.account.confirm(refused)
            yield ReadRefused(refused.fault)
        rows = Rows(LIST_KEYS, "KeyArn", r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[!-~]+")
        async for page in self.account.pages(LIST_KEYS, self.region, "Keys", MARKER, Limit=1000):
            listed += rows.of(page, lambda entry: str(entry["KeyArn"]))
        if aliases is not None and rows.fault is None:
            self._claim(listed, aliases)
        # a key that is gone is not listed, and still named
        listed += sorted(self.seen.of(self.account.number, self.region).difference(listed))
        unread: list[Resource] = []
        async with contextlib.aclosing(
            each_again(listed, lambda arn: self._read(arn, (aliases or {}).get(arn, ())), lambda answer: not answer[1])
        ) as keys:
            async for key, answered in keys:
                if not answered:
                    unread.append(key)
                    continue
                for fault in _unread(key):
                    yield ReadRefused(fault)
                yield Batch((key,))
        silence = self.account.lane(DESCRIBE_KEY, self.region).silent_since(started)
        for key in unread:
            for fault in key.faults.values():
                yield ReadRefused(fault)
            yield Batch((key,)) if silence is None else NotRead((key,))
        if silence is not None:
            raise silence  # not a fault of these keys: what was seen of them before stays, and ages
        self._cold = {arn: self._cold[arn] for arn in listed if arn in self._cold}
        if rows.fault is not None:
            yield ReadRefused(rows.fault)
            return
        yield Complete(("aws.kms.key",))

    def _claim(self, listed: Sequence[str], aliases: Mapping[str, Sequence[str]]) -> None:
        """What was listed here is nobody else's to look for."""
        names = (name for each in aliases.values() for name in each)
        self.seen.claims.listed[self.account.number, self.region] = frozenset([*listed, *names])

    async def _aliases(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        rows = Rows(LIST_ALIASES, "AliasArn", r"arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:alias/[!-~]+")
        async for page in self.account.pages(LIST_ALIASES, self.region, "Aliases", MARKER, Limit=100):
            for alias, target in rows.of(page, lambda entry: (str(entry["AliasArn"]), entry.get("TargetKeyId"))):
                if isinstance(target, str):
                    found.setdefault(self.account.arn("kms", self.region, f"key/{target}"), []).append(alias)
        if rows.fault is not None:
            raise Refused(rows.fault)
        return {arn: tuple(sorted(names)) for arn, names in found.items()}

    async def _read(self, arn: str, aliases: tuple[str, ...]) -> tuple[Resource, bool]:
        """A key, and whether all that was asked about it was answered, if only by a refusal."""
        try:
            fields = _described(arn, await self.account.ask(DESCRIBE_KEY, self.region, KeyId=arn))
        except Refused as refused:
            if refused.fault.code == _NOT_THERE:
                return key_resource(self, arn, {"NotFound": True}, {}, aliases), True
            await self.account.confirm(refused)
            return key_resource(self, arn, {}, {DESCRIBE_KEY.operation: refused.fault}, aliases), not lost(refused)
        seldom = await self._seldom(arn, fields)
        return key_resource(self, arn, {**fields, **seldom.fields}, seldom.faults, aliases), not seldom.lost

    async def _seldom(self, arn: str, fields: Mapping[str, Any]) -> _Cold:
        """Rotation and policy. Keys that cannot be set to rotate are not asked (`enctop controls
        aws.kms.rotation` says which), nor AWS's own for their policy.
        """
        now = asyncio.get_running_loop().time()
        known = self._cold.get(arn)
        if known is not None and now - known.read_at < self.cold and not known.faults:
            return known
        cold = _Cold(now)
        if fields.get("KeyManager") == "CUSTOMER":
            if can_rotate(fields):
                await self._ask_into(cold, GET_KEY_ROTATION_STATUS, arn)
            await self._ask_into(cold, GET_KEY_POLICY, arn, PolicyName="default")
        self._cold[arn] = cold
        return cold

    async def _ask_into(self, cold: _Cold, call: Call, arn: str, **parameters: str) -> None:
        try:
            answer = await self.account.ask(call, self.region, KeyId=arn, **parameters)
        except Refused as refused:
            await self.account.confirm(refused)
            cold.refused(refused, call.operation)
            return
        cold.fields.update(
            with_times(
                {
                    name: value
                    for name, value in answer.items()
                    if name not in {"ResponseMetadata", "KeyId", "PolicyName"}
                },
                _TIMES,
            )
        )


class ForeignKeys(AwsSource):
    """Keys that volumes and buckets name but no source lists: of other accounts, of regions that are not configured,
    and those that are not there.
    """

    service = "kms-foreign"
    calls = (DESCRIBE_KEY,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Describe each, in its own region; asks nothing where there are none. Those of a region that does not
        answer stay as they were seen last.
        """
        started = time.monotonic()
        wanted = [*self.seen.foreign(), *self.seen.missing(self.account.number)]
        async with contextlib.aclosing(each(self._read(arn) for arn in wanted)) as keys:
            async for key, fault in keys:
                if fault is not None:
                    yield ReadRefused(fault)
                if key is None:
                    continue
                silence = self.account.lane(DESCRIBE_KEY, key.region).silent_since(started)
                yield Batch((key,)) if silence is None else NotRead((key,))
        yield Complete(("aws.kms.key",))

    async def _read(self, arn: str) -> tuple[Resource | None, Fault | None]:
        """A key; None where an alias has come to be since the region's were listed, whose key is listed there."""
        owner = arn.split(":")[4]
        unasked = {"NotAsked": "region" if owner == self.account.number else "account"}  # policy and rotation: why not
        try:
            fields = _described(arn, await self.account.ask(DESCRIBE_KEY, arn.split(":")[3], KeyId=arn))
        except Refused as refused:
            if refused.fault.code != _NOT_THERE:
                await self.account.confirm(refused)
            elif owner == self.account.number:
                return key_resource(self, arn, {"NotFound": True}, {}, ()), None
            else:
                refused = Refused(
                    msgspec.structs.replace(
                        refused.fault, message=f"account {owner} shows us no such key: it is gone, or not ours to see"
                    )
                )
            return key_resource(self, arn, unasked, {DESCRIBE_KEY.operation: refused.fault}, ()), refused.fault
        if ":alias/" in arn:
            return None, None
        return key_resource(self, arn, {**fields, **unasked}, {}, ()), None


def _described(arn: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """What DescribeKey says of a key. Raises `Refused` where it says nothing, or speaks of another one."""
    told = answer.get("KeyMetadata")
    if not isinstance(told, dict) or (":key/" in arn and told.get("Arn", arn) != arn):
        raise Refused(
            Fault(
                FaultKind.ERROR, "UnreadableAnswer", DESCRIBE_KEY.operation, f"an answer that does not speak of {arn}"
            )
        )
    return with_times(told, _TIMES)


def can_rotate(fields: Mapping[str, Any]) -> bool:
    """Whether KMS can rotate the key at all: symmetric encryption keys with material of its own."""
    return fields.get("KeySpec") == "SYMMETRIC_DEFAULT" and fields.get("Origin") == "AWS_KMS"


def key_resource(
    source: AwsSource, arn: str, fields: Mapping[str, Any], faults: Mapping[str, Fault], aliases: tuple[str, ...]
) -> Resource:
    """A key as a resource; its class is what it makes of whatever it encrypts."""
    manager = fields.get("KeyManager")
    # a manager nobody knows is UNKNOWN
    key_class = {"AWS": KeyClass.PROVIDER_VISIBLE, "CUSTOMER": KeyClass.CUSTOMER}.get(str(manager), KeyClass.UNKNOWN)
    _, _, _, region, owner, name = arn.split(":", 5)
    names = [alias.split(":", 5)[5] for alias in aliases]
    rotation = fields.get("KeyRotationEnabled")
    return source.resource(
        id=arn,
        kind="key",
        type="aws.kms.key",
        name=names[0] if names else name.removeprefix("key/"),
        fields={**fields, "Aliases": names},
        region=region,
        encryption=Encryption(None, spec if isinstance(spec := fields.get("KeySpec"), str) else None, key_class),
        faults=faults,
        aliases=aliases,
        cells=(
            str(manager or "?"),
            str(fields.get("KeyState") or ("not found" if fields.get("NotFound") else "?")),
            "on" if rotation is True else "off" if rotation is False else "",
        ),
        tenant=source.tenancy.name,
        scope=owner,
        expires=_ends(fields),
    )


def _ends(fields: Mapping[str, Any]) -> Utc | None:
    """When the key goes: its deletion, or the end of imported material."""
    for name in ("DeletionDate", "ValidTo"):
        if isinstance(text := fields.get(name), str):
            with contextlib.suppress(ValueError):
                return parse_rfc3339(text)
    return None


def _unread(key: Resource) -> Iterator[Fault]:
    """What was refused of a key, and what was answered in another shape than KMS documents."""
    yield from key.faults.values()
    for call, types in _TYPES.items():
        if odd := ill_typed(call, key.fields, types):
            yield odd
