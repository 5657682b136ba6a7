"""Load balancers: their listeners, where those send plain HTTP, and the TLS they speak. Classic ones are in
`elb_classic`.
"""

import contextlib
import time
from abc import abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from posture.aws.edge import HOSTS, TLS_PROTOCOLS, last_action
from posture.clock import Seconds
from posture.fault import Fault, Refused
from posture.reports import Batch, NotRead, ReadRefused
from posture.resource import Link, Resource
from posture.source import COLD
from providers.asking import each_again
from providers.aws.calls import (
    DESCRIBE_LISTENERS,
    DESCRIBE_LOAD_BALANCERS,
    DESCRIBE_RULES,
    DESCRIBE_SSL_POLICIES,
    DESCRIBE_TAGS,
    Call,
)
from providers.aws.source import Rows, TaggedSource
from providers.lane import lost
from providers.reading import Reading
from providers.source import Yield

TOKEN = ("NextMarker", "Marker")
PAGE = 400
BALANCER, LISTENER = "aws.elb.load-balancer", "aws.elb.listener"
_SCHEMES = {"internet-facing": "internet", "internal": "internal"}
_ARN = r"arn:[a-z0-9-]+:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:%s/[!-~]{1,512}"
_GONE = "LoadBalancerNotFound"
TAGS_AT_ONCE = 20
_OF_LISTENER = ("ListenerArn", "Protocol", "Port")
_OF_ACTION = ("Type", "Order", "TargetGroupArn", "ForwardConfig", "RedirectConfig")
"""What is kept of an action; others may carry a client's secret."""


class Balancer(Reading):
    """What was read of one load balancer: `row` is how it is listed, `listeners` the fields of each and the faults of
    what was refused of it.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__()
        self.row = row
        self.listeners: list[tuple[dict[str, Any], dict[str, Fault]]] = []
        self.gone = False
        self.part = False
        """Whether there are listeners that were not told."""

    def all_faults(self) -> Iterator[Fault]:
        """What was refused of it and of its listeners."""
        yield from self.faults.values()
        for _, faults in self.listeners:
            yield from faults.values()


class Balancers(TaggedSource):
    """Load balancers of one account and region, of one of the two APIs."""

    rows: ClassVar[tuple[Call, str, str, str]]
    """How they are listed: by which call, under which field, what names a row, and how that is spelled."""
    each_call: ClassVar[Call]
    """What is asked of each."""
    tagged_by: ClassVar[tuple[str, str]]
    """What the call for tags is given the names as, and what each of its answers is named by."""

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing; then of each balancer what it does not tell."""
        started, (call, answers, name, shape) = time.monotonic(), self.rows
        rows = Rows(call, name, shape)
        unread: list[Balancer] = []
        part: set[str] = set()
        async for page in self.account.pages(call, self.region, answers, TOKEN, PageSize=PAGE):
            listed = rows.of(page, dict)
            for fault in await self.prepare(listed):
                yield ReadRefused(fault)
            async with contextlib.aclosing(each_again(listed, self.read, lambda read: read.lost)) as reads:
                async for read in reads:
                    if read.lost:
                        unread.append(read)
                        continue
                    for fault in read.all_faults():
                        yield ReadRefused(fault)
                    if not read.gone:
                        part.update([self.arn(read.row)] if read.part else ())
                        yield Batch.of(self.resources(read))
        silence = self.account.lane(self.each_call, self.region).silent_since(started)
        for read in unread:
            part.add(self.arn(read.row))
            for fault in read.all_faults():
                yield ReadRefused(fault)
            yield Batch.of(self.resources(read)) if silence is None else NotRead(tuple(self.resources(read)))
        if silence is not None:
            raise silence
        for report in rows.ended(BALANCER, LISTENER, unless=frozenset(part)):
            yield report

    async def tagged(self, listed: Sequence[dict[str, Any]]) -> list[Fault]:
        """Put the tags into the rows, where they tell the tenant; answers with what was refused of them. Raises
        `Refused` where nobody answered.
        """
        faults, (_, _, own, _), (asked, answered) = list[Fault](), self.rows, self.tagged_by
        for begin in range(0, len(listed), TAGS_AT_ONCE) if self.tenancy.shared else ():
            named = {row[own]: row for row in listed[begin : begin + TAGS_AT_ONCE]}
            try:
                answer = await self.tags_of(self.region, **{asked: list(named)})
            except Refused as refused:
                if lost(refused):
                    raise
                faults.append(refused.fault)
                continue
            for told in answer.get("TagDescriptions", []):
                if told.get(answered) in named:
                    named[told[answered]]["Tags"] = told.get("Tags", [])
        return faults

    @abstractmethod
    async def prepare(self, listed: Sequence[dict[str, Any]]) -> list[Fault]:
        """Ask what several balancers need together; answers with what was refused of it."""

    @abstractmethod
    async def read(self, row: dict[str, Any]) -> Balancer:
        """Ask what is asked of one."""

    @abstractmethod
    def arn(self, row: Mapping[str, Any]) -> str:
        """The ARN of a balancer."""

    @abstractmethod
    def resources(self, read: Balancer) -> Iterator[Resource]:
        """A balancer and its listeners."""

    async def refused(self, read: Balancer, refused: Refused, call: Call, faults: dict[str, Fault]) -> None:
        """Note in `faults` that a read was refused, unless it was because the balancer is gone."""
        if refused.fault.code == _GONE:
            read.gone = True
            return
        await self.account.confirm(refused)
        read.lost = read.lost or lost(refused)
        faults[call.operation] = refused.fault

    def balancer(self, read: Balancer, speaks: Iterable[str]) -> Resource:
        """A balancer as a resource; `speaks` are the protocol and port of each of its listeners."""
        arn = self.arn(read.row)
        return self.resource(
            id=arn,
            kind="load-balancer",
            type=BALANCER,
            name=str(read.row["LoadBalancerName"]),
            fields=read.row,
            tenant=self.tenant_of(arn, read.row),
            faults=read.faults,
            aliases=(str(dns),) if (dns := read.row.get("DNSName")) else (),
            cells=(
                self._scheme(read),
                ", ".join(sorted(speaks)) or ("?" if read.part or read.lost else "none"),
                "",
                "",
                "",
            ),
        )

    def listener(
        self,
        read: Balancer,
        *,
        id: str,
        speaks: str,
        policy: str,
        certificates: Sequence[str],
        fields: Mapping[str, Any],
        faults: Mapping[str, Fault],
    ) -> Resource:
        """One of its listeners as a resource."""
        arn = self.arn(read.row)
        ends = min(filter(None, map(self.seen.certificate_ends, certificates)), default="")
        return self.resource(
            id=id,
            kind="load-balancer",
            type=LISTENER,
            name=":".join(filter(None, (str(read.row["LoadBalancerName"]), speaks.partition(":")[2]))),
            fields=fields,
            tenant=self.tenant_of(arn, read.row),
            links=(Link("load-balancer", arn), *(Link("certificate", found) for found in certificates)),
            faults=faults,
            cells=(self._scheme(read), speaks, policy.removeprefix("ELBSecurityPolicy-"), ends, ""),
        )

    @staticmethod
    def _scheme(read: Balancer) -> str:
        return _SCHEMES.get(str(read.row.get("Scheme")), "?" if read.row.get("Type") != "gateway" else "")


class LoadBalancers(Balancers):
    """Application, network and gateway load balancers. Where plain HTTP leads is read with them; by which hosts a
    public HTTPS listener tells requests apart, on the cold cadence.
    """

    service = "elbv2"
    calls = (DESCRIBE_LOAD_BALANCERS, DESCRIBE_LISTENERS, DESCRIBE_RULES, DESCRIBE_SSL_POLICIES)
    tag_call = DESCRIBE_TAGS
    rows = (DESCRIBE_LOAD_BALANCERS, "LoadBalancers", "LoadBalancerArn", _ARN % "loadbalancer")
    each_call = DESCRIBE_LISTENERS
    tagged_by = ("ResourceArns", "ResourceArn")
    cold: Seconds = COLD

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._hosts: dict[str, tuple[Seconds, list[dict[str, Any]]]] = {}
        """Listener -> when its rules were read (monotonic seconds), and they."""
        self._policies: dict[str, dict[str, Any]] = {}
        self._unread_policies: Fault | None = None

    async def prepare(self, listed: Sequence[dict[str, Any]]) -> list[Fault]:
        """The region's TLS policies, whose names say nothing, and the tags where they tell the tenant."""
        faults = [fault] if listed and (fault := await self._read_policies()) is not None else []
        return faults + await self.tagged(listed)

    async def _read_policies(self) -> Fault | None:
        """What each TLS policy of the region allows, once a poll. Raises `Refused` where nobody answers."""
        named: dict[str, dict[str, Any]] = {}
        rows = Rows(DESCRIBE_SSL_POLICIES, "Name")
        try:
            async for page in self.account.pages(
                DESCRIBE_SSL_POLICIES, self.region, "SslPolicies", TOKEN, PageSize=PAGE
            ):
                named.update((str(row["Name"]), row) for row in rows.of(page, dict))
        except Refused as refused:
            if lost(refused):
                raise
            await self.account.confirm(refused)
            self._policies, self._unread_policies = {}, refused.fault
            return refused.fault
        self._policies, self._unread_policies = named, None
        return rows.fault

    async def read(self, row: dict[str, Any]) -> Balancer:
        """Its listeners, for no call lists those of all; and the rules of those whose rules matter."""
        read, rows = Balancer(row), Rows(DESCRIBE_LISTENERS, "ListenerArn", _ARN % "listener")
        try:
            async for page in self.account.pages(
                DESCRIBE_LISTENERS,
                self.region,
                "Listeners",
                TOKEN,
                LoadBalancerArn=row["LoadBalancerArn"],
                PageSize=PAGE,
            ):
                read.listeners += [(fields, {}) for fields in rows.of(page, _listener)]
        except Refused as refused:
            read.part = True
            await self.refused(read, refused, DESCRIBE_LISTENERS, read.faults)
            return read
        if rows.fault is not None:
            read.part, read.faults[DESCRIBE_LISTENERS.operation] = True, rows.fault
        read.listeners = [pair for pair in read.listeners if await self._add_rules(read, *pair)]
        return read

    async def _add_rules(self, read: Balancer, fields: dict[str, Any], faults: dict[str, Fault]) -> bool:
        """Read the rules of a listener for HTTP, unless its default forwards: then they change nothing. Those of a
        public one for HTTPS tell the hosts behind it, which change seldom. False where the listener is gone.
        """
        protocol, now, arn = fields.get("Protocol"), time.monotonic(), str(fields["ListenerArn"])
        if protocol == "HTTPS" and read.row.get("Scheme") == "internet-facing":
            kept = self._hosts.get(arn)
            if kept is not None and now - kept[0] < self.cold:
                fields["Rules"] = kept[1]
                return True
        elif protocol != "HTTP" or last_action(fields.get("DefaultActions")).get("Type") == "forward":
            return True
        rows, rules = Rows(DESCRIBE_RULES, "RuleArn"), list[dict[str, Any]]()
        try:
            async for page in self.account.pages(
                DESCRIBE_RULES, self.region, "Rules", TOKEN, ListenerArn=arn, PageSize=PAGE
            ):
                rules += rows.of(page, _rule)
            if rows.fault is not None:
                raise Refused(rows.fault)
        except Refused as refused:
            self._hosts.pop(arn, None)
            if refused.fault.code == "ListenerNotFound":
                return False
            await self.refused(read, refused, DESCRIBE_RULES, faults)
            return True
        fields["Rules"] = rules
        if protocol == "HTTPS":
            self._hosts[arn] = now, rules
        return True

    def arn(self, row: Mapping[str, Any]) -> str:
        """As it is listed."""
        return str(row["LoadBalancerArn"])

    def resources(self, read: Balancer) -> Iterator[Resource]:
        """The balancer, and its listeners with what their TLS policy allows."""
        read.row.setdefault("LoadBalancerName", self.arn(read.row).split("/")[-2])
        if not read.part and not read.lost:
            read.row["Listeners"] = [
                {name: fields[name] for name in _OF_LISTENER if name in fields} for fields, _ in read.listeners
            ]
        yield self.balancer(read, (_speaks(fields) for fields, _ in read.listeners))
        for fields, faults in read.listeners:
            policy = fields.get("SslPolicy")
            if isinstance(policy, str) and fields.get("Protocol") in TLS_PROTOCOLS:
                if self._unread_policies is not None:
                    faults[DESCRIBE_SSL_POLICIES.operation] = self._unread_policies
                told = self._policies.get(policy, {})
                fields.update((name, told[name]) for name in ("SslProtocols", "Ciphers") if name in told)
            yield self.listener(
                read,
                id=str(fields["ListenerArn"]),
                speaks=_speaks(fields),
                policy=str(policy or ""),
                certificates=_certificates(fields),
                fields=fields,
                faults=faults,
            )


def _listener(row: dict[str, Any]) -> dict[str, Any]:
    """A listener without what may hold a secret."""
    return {**row, "DefaultActions": _actions(row["DefaultActions"])} if "DefaultActions" in row else dict(row)


def _rule(row: dict[str, Any]) -> dict[str, Any]:
    """What a rule does, and for which hosts. A header that it asks for may be a secret that only a CDN knows, so that
    of other conditions only the field is kept.
    """
    conditions = [
        condition if condition.get("Field") == HOSTS else {"Field": condition.get("Field")}
        for condition in row.get("Conditions", [])
    ]
    kept: dict[str, Any] = {name: row[name] for name in ("RuleArn", "Priority", "IsDefault") if name in row}
    if "Actions" in row:
        kept["Actions"] = _actions(row["Actions"])
    return {**kept, "Conditions": conditions}


def _actions(actions: Any) -> Any:
    if not isinstance(actions, list):
        return actions
    return [{name: action[name] for name in _OF_ACTION if name in action} for action in actions]


def _speaks(fields: Mapping[str, Any]) -> str:
    """`HTTPS:443`; a gateway's listener has neither."""
    protocol, port = fields.get("Protocol"), fields.get("Port")
    return f"{protocol}:{port}" if protocol else "all"


def _certificates(fields: Mapping[str, Any]) -> list[str]:
    told = fields.get("Certificates")
    return [
        arn
        for found in (told if isinstance(told, list) else ())
        if isinstance(arn := found.get("CertificateArn"), str) and arn
    ]
