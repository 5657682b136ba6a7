"""Application gateways and front doors: what faces the outside with TLS."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from typing import Any

from posture.azure.edge import (
    PREDEFINED,
    SERVES,
    UNSURE,
    classic_domains,
    classic_routes,
    plain_listeners,
    route_redirects,
)
from posture.fault import FaultKind, Refused
from posture.fields import low, part
from posture.reading import NoAnswer
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.asking import each
from providers.azure.calls import (
    LIST_AFD_DOMAINS,
    LIST_AFD_ENDPOINTS,
    LIST_AFD_ROUTES,
    LIST_CLASSIC_DOORS,
    LIST_GATEWAYS,
    LIST_PROFILES,
)
from providers.azure.decode import Thing, Unread
from providers.azure.faults import bad_row
from providers.azure.ids import last
from providers.azure.source import AzureReading, SweptSource, fields_of, text
from providers.source import Yield

KEPT = (
    "sslPolicy",
    "sslProfiles",
    "httpListeners",
    "listeners",
    "requestRoutingRules",
    "urlPathMaps",
    "redirectConfigurations",
    "frontendPorts",
    "frontendIPConfigurations",
    "provisioningState",
    "operationalState",
)
CLASSIC = ("routingRules", "frontendEndpoints", "enabledState", "resourceState", "provisioningState")
DOOR, CLASSIC_DOOR = "azure.cdn.front-door", "azure.network.front-door"


class Edge(SweptSource):
    """Application gateways, and front doors of all tiers and of before there were any, of one subscription."""

    service = "edge"
    calls = (LIST_GATEWAYS, LIST_CLASSIC_DOORS, LIST_PROFILES, LIST_AFD_DOMAINS, LIST_AFD_ENDPOINTS, LIST_AFD_ROUTES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Three listings, then for each front door with a tier its domains and routes; one that is refused does not
        keep the others.
        """
        for call, make, type_ in (
            (LIST_GATEWAYS, self._gateway, "azure.network.application-gateway"),
            (LIST_CLASSIC_DOORS, self._classic, CLASSIC_DOOR),
        ):
            try:
                async for report in self.listing(call, Thing, make, "endpoint", type_):
                    yield report
            except Refused as refused:
                yield _partly(refused)
        try:
            async for report in self._front_doors():
                yield report
        except Refused as refused:
            yield _partly(refused)

    async def _front_doors(self) -> AsyncGenerator[Yield, None]:
        unread: list[Unread] = []
        doors: list[Thing] = []
        async for page in self.rows(LIST_PROFILES, Thing, unread):
            for row in page:
                kind = low((row.sku or {}).get("name")) if isinstance((row.sku or {}).get("name"), str) else None
                if kind is None:
                    unread.append(
                        bad_row(
                            LIST_PROFILES, {"id": row.id, "location": row.location}, "sku.name is missing or not text"
                        )
                    )
                elif kind.endswith("_azurefrontdoor"):
                    row.name = row.name or last(row.id)
                    doors.append(row)
        for bad in unread:
            yield ReadRefused(bad.fault)
        yield Batch(tuple(self.unread(bad, "endpoint", DOOR) for bad in unread if bad.id))
        async with aclosing(each(self._front_door(door) for door in doors)) as answers:
            async for made in answers:
                for fault in made.faults.values():
                    yield ReadRefused(fault)
                yield Batch((made,))
        if all(bad.id for bad in unread):
            yield Complete((DOOR,))

    def _gateway(self, row: Thing) -> Resource:
        fields, properties = fields_of(row), row.properties
        if properties:
            fields["properties"] = {name: properties[name] for name in KEPT if name in properties}
        try:
            ways = set(plain_listeners(properties or {}).values())
            plain = "SERVES" if SERVES in ways else "?" if UNSURE in ways else "redirects"
        except NoAnswer:
            plain = "?"
        cells = (_least(properties or {}), "", "", "", plain, "")
        return self.resource(
            id=row.id,
            kind="endpoint",
            type="azure.network.application-gateway",
            name=row.name,
            fields=fields,
            region=text(row.location),
            cells=cells,
        )

    def _classic(self, row: Thing) -> Resource:
        """A front door of before the tiers: its answer holds its rules and hosts."""
        fields, properties = fields_of(row), row.properties or {}
        fields["properties"] = {name: properties[name] for name in CLASSIC if name in properties}
        try:
            ways = set(classic_routes(properties).values())
            plain = "SERVES" if SERVES in ways else "?" if UNSURE in ways else "redirects"
            least = min((minimum or "?" for minimum in classic_domains(properties).values()), default="?")
        except NoAnswer:
            plain = least = "?"
        return self.resource(
            id=row.id,
            kind="endpoint",
            type=CLASSIC_DOOR,
            name=row.name,
            fields=fields,
            region=text(row.location),
            cells=(_shown(least), "", "", "", plain, ""),
        )

    async def _front_door(self, row: Thing) -> Resource:
        reading = AzureReading()
        reading.fields |= fields_of(row)
        try:
            async for page in self.arm.pages(LIST_AFD_DOMAINS, Thing, subscription=self.subscription, within=row.id):
                found = reading.fields.setdefault("customDomains", {})
                found.update((each.name or last(each.id), _minimum(each)) for each in page)
                self._hosts(reading, page, "domainValidationState")
        except Refused as refused:
            reading.refused(refused, LIST_AFD_DOMAINS.operation)
        await self._routes(row, reading)
        least = min((str(minimum) for minimum in reading.fields.get("customDomains", {}).values()), default="?")
        known = set(reading.fields.get("routes", {"": None}).values())
        plain = "SERVES" if False in known else "?" if None in known else "redirects"
        cells = (_shown(least), "", "", "", plain, "")
        return self.resource(
            id=row.id,
            kind="endpoint",
            type=DOOR,
            name=row.name,
            fields=reading.fields,
            region=text(row.location),
            faults=reading.faults,
            cells=cells,
        )

    @staticmethod
    def _hosts(reading: AzureReading, page: Iterable[Thing], state: str) -> None:
        """The hosts of domains or endpoints, each with this state of it."""
        told = [each.properties or {} for each in page]
        hosts = {str(each["hostName"]): each.get(state) for each in told if isinstance(each.get("hostName"), str)}
        reading.fields.setdefault("hosts", {}).update(hosts)

    async def _routes(self, row: Thing, reading: AzureReading) -> None:
        """Whether each route of a front door sends plain HTTP elsewhere, by `ENDPOINT/ROUTE`."""
        call = LIST_AFD_ENDPOINTS
        routes: dict[str, bool | None] = {}
        try:
            async for page in self.arm.pages(call, Thing, subscription=self.subscription, within=row.id):
                self._hosts(reading, page, "enabledState")
                for endpoint in page:
                    name, call = endpoint.name or last(endpoint.id), LIST_AFD_ROUTES
                    async for some in self.arm.pages(call, Thing, subscription=self.subscription, within=endpoint.id):
                        routes.update(
                            (f"{name}/{each.name or last(each.id)}", _redirects(endpoint, each)) for each in some
                        )
                call = LIST_AFD_ENDPOINTS
            reading.fields["routes"] = routes
        except Refused as refused:
            reading.refused(refused, call.operation)


def _minimum(domain: Thing) -> Any:
    """The least TLS version of a domain as it stands there; what is not an answer is told apart from none by the
    control.
    """
    settings = (domain.properties or {}).get("tlsSettings")
    return settings.get("minimumTlsVersion") if isinstance(settings, dict) else settings


def _redirects(endpoint: Thing, route: Thing) -> bool | None:
    try:
        return route_redirects(fields_of(endpoint), fields_of(route))
    except NoAnswer:
        return None


def _least(properties: dict[str, Any]) -> str:
    """The least protocol of a gateway's policy: of its own, or as the name of a predefined one says."""
    try:
        policy = part(properties, LIST_GATEWAYS.operation, "sslPolicy")
    except NoAnswer:
        return "?"
    return _shown(
        text(policy.get("minProtocolVersion")) or PREDEFINED.get(text(policy.get("policyName")).casefold(), "")
    )


def _shown(version: str) -> str:
    """`TLSv1_2` and `TLS12` as `TLS 1.2+`."""
    digits = "".join(letter for letter in version if letter.isdigit())
    return f"TLS {digits[0]}.{digits[1]}+" if len(digits) == 2 else "?"


def _partly(refused: Refused) -> ReadRefused:
    if refused.fault.kind is FaultKind.EXPIRED:
        raise refused
    return ReadRefused(refused.fault)
