"""CloudFront distributions: what they ask of viewers, and how they reach their origins."""

import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from posture.fault import Fault, Refused
from posture.reports import Batch, NotRead, ReadRefused
from posture.resource import Link, Resource
from providers.asking import each_again
from providers.aws.calls import GET_VPC_ORIGIN, LIST_DISTRIBUTION_TAGS, LIST_DISTRIBUTIONS
from providers.aws.source import Rows, TaggedSource
from providers.reading import Reading
from providers.source import Yield

TOKEN = ("NextMarker", "Marker")
PAGE = "100"
HOMES = {"aws": "us-east-1", "aws-cn": "cn-northwest-1"}
"""Partition -> the region where its one CloudFront is asked; other partitions have none (AWS General Reference)."""
_TYPE = "aws.cloudfront.distribution"
_KEPT = (
    *("Id", "ARN", "Status", "LastModifiedTime", "DomainName", "Aliases", "Comment", "Enabled", "Staging"),
    *("ViewerCertificate", "HttpVersion", "IsIPV6Enabled", "ConnectionMode", "WebACLId", "OriginGroups"),
)
_PLAIN = {"allow-all": "SERVES", "redirect-to-https": "redirects", "https-only": "refuses"}
"""What each ViewerProtocolPolicy makes of plain HTTP, the most open first."""
_OF_BEHAVIOR = ("PathPattern", "TargetOriginId", "ViewerProtocolPolicy")
_OF_ORIGIN = ("Id", "DomainName", "S3OriginConfig", "CustomOriginConfig", "VpcOriginConfig", "OriginAccessControlId")


class Distributions(TaggedSource):
    """Every distribution of an account, which belongs to no region."""

    service = "cloudfront"
    calls = (LIST_DISTRIBUTIONS, GET_VPC_ORIGIN)
    tag_call = LIST_DISTRIBUTION_TAGS

    @property
    def home(self) -> str:
        """The region that is asked."""
        return HOMES[self.account.partition]

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The listing tells all but how a VPC origin is reached."""
        started = time.monotonic()
        rows, unread = (
            Rows(LIST_DISTRIBUTIONS, "ARN", r"arn:[a-z0-9-]+:cloudfront::[!-~]{1,200}"),
            list[Reading](),
        )
        async for page in self.account.pages(
            LIST_DISTRIBUTIONS, self.home, "DistributionList.Items", TOKEN, MaxItems=PAGE
        ):
            listed = rows.of(page, _plain)
            more, whole = list[dict[str, Any]](), list[dict[str, Any]]()
            for row in listed:
                (more if self.tenancy.shared or any(_vpc_origins(row)) else whole).append(row)
            yield Batch.of(self._resource(row, {}) for row in whole)
            async with contextlib.aclosing(each_again(more, self._read, lambda read: read.lost)) as reads:
                async for read in reads:
                    if read.lost:
                        unread.append(read)
                        continue
                    for fault in read.faults.values():
                        yield ReadRefused(fault)
                    yield Batch((self._resource(read.fields, read.faults),))
        silence = self.account.lane(GET_VPC_ORIGIN, self.home).silent_since(started)
        for read in unread:
            for fault in read.faults.values():
                yield ReadRefused(fault)
            distribution = self._resource(read.fields, read.faults)
            yield Batch((distribution,)) if silence is None else NotRead((distribution,))
        if silence is not None:
            raise silence
        for report in rows.ended(_TYPE):
            yield report

    async def _read(self, row: dict[str, Any]) -> Reading:
        read = Reading()
        read.fields.update(row)
        for origin in dict.fromkeys(_vpc_origins(row)):
            try:
                answer = await self.account.ask(GET_VPC_ORIGIN, self.home, Id=origin)
            except Refused as refused:
                await self.account.confirm(refused)
                read.refused(refused, GET_VPC_ORIGIN.operation)
                continue
            told = (answer.get("VpcOrigin") or {}).get("VpcOriginEndpointConfig")
            read.fields.setdefault("VpcOrigins", {})[origin] = told
        if self.tenancy.shared:
            try:
                answer = await self.tags_of(self.home, Resource=row["ARN"])
                read.fields["Tags"] = (answer.get("Tags") or {}).get("Items", [])
            except Refused as refused:
                read.refused(refused, LIST_DISTRIBUTION_TAGS.operation)
        return read

    def _resource(self, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        arn, domain, aliases = str(fields["ARN"]), str(fields.get("DomainName") or ""), _items(fields, "Aliases")
        viewer = fields.get("ViewerCertificate") or {}
        certificate = viewer.get("ACMCertificateArn")
        behaviors = [fields.get("DefaultCacheBehavior") or {}, *_items(fields, "CacheBehaviors")]
        policies = {str(one.get("ViewerProtocolPolicy")) for one in behaviors}
        default = viewer.get("CloudFrontDefaultCertificate") is True
        return self.resource(
            id=arn,
            kind="distribution",
            type=_TYPE,
            name=str((aliases or [domain or fields.get("Id")])[0]),
            fields=fields,
            tenant=self.tenant_of(arn, fields),
            links=(Link("certificate", certificate),) if isinstance(certificate, str) and certificate else (),
            faults=faults,
            aliases=(domain,) if domain else (),
            cells=(
                "internet",
                "HTTPS" if policies == {"https-only"} else "HTTP, HTTPS",
                "TLSv1" if default else str(viewer.get("MinimumProtocolVersion") or "?"),
                self.seen.certificate_ends(certificate) if isinstance(certificate, str) else "",
                next((word for policy, word in _PLAIN.items() if policy in policies), "?"),
                ", ".join(str(one.get("DomainName")) for one in _items(fields, "Origins")),
            ),
        )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A distribution without the headers that it adds for its origins: by them these know it, and they are secrets."""
    fields = {name: row[name] for name in _KEPT if name in row}
    if "DefaultCacheBehavior" in row:
        fields["DefaultCacheBehavior"] = _only(row["DefaultCacheBehavior"], _OF_BEHAVIOR)
    for name, kept in (("CacheBehaviors", _OF_BEHAVIOR), ("Origins", _OF_ORIGIN)):
        if isinstance(told := row.get(name), dict):
            fields[name] = {
                **told,
                **({"Items": [_only(one, kept) for one in told["Items"]]} if "Items" in told else {}),
            }
    return fields


def _only(told: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: told[name] for name in names if name in told}


def _items(fields: Mapping[str, Any], name: str) -> list[Any]:
    told = fields.get(name)
    return list(told.get("Items") or ()) if isinstance(told, dict) else []


def _vpc_origins(fields: Mapping[str, Any]) -> Iterator[str]:
    for origin in _items(fields, "Origins"):
        if isinstance(id := (origin.get("VpcOriginConfig") or {}).get("VpcOriginId"), str) and id:
            yield id
