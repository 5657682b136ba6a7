"""Classic load balancers: listeners that forward all that they are sent, and the TLS that each was set to speak."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from posture.aws.edge import NEGOTIATION, TLS_PROTOCOLS
from posture.fault import Fault, Refused
from posture.resource import Resource
from providers.aws.calls import DESCRIBE_CLASSIC, DESCRIBE_CLASSIC_POLICIES, DESCRIBE_CLASSIC_TAGS
from providers.aws.elb import Balancer, Balancers


class ClassicLoadBalancers(Balancers):
    """Classic load balancers of one account and region, and their listeners."""

    service = "elb"
    calls = (DESCRIBE_CLASSIC, DESCRIBE_CLASSIC_POLICIES)
    tag_call = DESCRIBE_CLASSIC_TAGS
    rows = (DESCRIBE_CLASSIC, "LoadBalancerDescriptions", "LoadBalancerName", r"[A-Za-z0-9-]{1,64}")
    each_call = DESCRIBE_CLASSIC_POLICIES
    tagged_by = ("LoadBalancerNames", "LoadBalancerName")

    async def prepare(self, listed: Sequence[dict[str, Any]]) -> list[Fault]:
        """The tags, where they tell the tenant."""
        return await self.tagged(listed)

    async def read(self, row: dict[str, Any]) -> Balancer:
        """The policies of one that speaks TLS: the listing tells only what they are called."""
        read = Balancer(row)
        read.listeners = [(dict(told), {}) for told in row.get("ListenerDescriptions", [])]
        if not any(_speaks_tls(fields) for fields, _ in read.listeners):
            return read
        try:
            answer = await self.account.ask(
                DESCRIBE_CLASSIC_POLICIES, self.region, LoadBalancerName=row["LoadBalancerName"]
            )
        except Refused as refused:
            found: dict[str, Fault] = {}
            await self.refused(read, refused, DESCRIBE_CLASSIC_POLICIES, found)
            read.listeners = [(fields, found if _speaks_tls(fields) else {}) for fields, _ in read.listeners]
            return read
        policies = [one for one in answer.get("PolicyDescriptions", []) if one.get("PolicyTypeName") == NEGOTIATION]
        for fields, _ in read.listeners:
            if _speaks_tls(fields):
                named = fields.get("PolicyNames") or ()
                fields["PolicyDescriptions"] = [one for one in policies if one.get("PolicyName") in named]
        return read

    def arn(self, row: Mapping[str, Any]) -> str:
        """Made of its name, which no listing spells as an ARN (Service Authorization Reference)."""
        return self.account.arn("elasticloadbalancing", self.region, f"loadbalancer/{row['LoadBalancerName']}")

    def resources(self, read: Balancer) -> Iterator[Resource]:
        """The balancer, and its listeners by their ports."""
        told = [(fields, faults, fields.get("Listener") or {}) for fields, faults in read.listeners]
        yield self.balancer(read, (_speaks(listener) for _, _, listener in told))
        for fields, faults, listener in told:
            certificate = listener.get("SSLCertificateId")
            policies = [str(one.get("PolicyName")) for one in fields.get("PolicyDescriptions", ())]
            yield self.listener(
                read,
                id=f"{self.arn(read.row)}:{listener.get('LoadBalancerPort')}",
                speaks=_speaks(listener),
                policy=", ".join(policies),
                certificates=[certificate] if isinstance(certificate, str) and certificate else [],
                fields=fields,
                faults=faults,
            )


def _speaks(listener: Mapping[str, Any]) -> str:
    return f"{listener.get('Protocol', '?')}:{listener.get('LoadBalancerPort', '?')}"


def _speaks_tls(fields: Mapping[str, Any]) -> bool:
    return (fields.get("Listener") or {}).get("Protocol") in TLS_PROTOCOLS
