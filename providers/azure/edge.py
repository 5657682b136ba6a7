"""Application gateways and front doors: what faces the outside with TLS."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from posture.batch import Batch, Listed, Partly
from posture.controls.azure_edge import PREDEFINED, serving_plain
from posture.fault import Fault, FaultKind, Refused
from posture.resource import Resource
from providers.azure.calls import LIST_AFD_DOMAINS, LIST_AFD_ENDPOINTS, LIST_AFD_ROUTES, LIST_GATEWAYS, LIST_PROFILES
from providers.azure.place import SweptSource, fields_of, text
from providers.azure.wire import Thing
from providers.source import Yield

KEPT = ("sslPolicy", "httpListeners", "requestRoutingRules", "redirectConfigurations", "provisioningState", "operationalState")


class Edge(SweptSource):
    """Application gateways, and front doors of the standard and premium tier, of one subscription."""

    service = "edge"
    calls = (LIST_GATEWAYS, LIST_PROFILES, LIST_AFD_DOMAINS, LIST_AFD_ENDPOINTS, LIST_AFD_ROUTES)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Two listings, then for each front door its domains and routes; one that is refused does not keep the other."""
        try:
            async for page in self.sweep.listed(LIST_GATEWAYS, Thing, self.subscription):
                yield Batch.of(map(self._gateway, page))
            yield Listed(("azure.network.application-gateway",))
        except Refused as refused:
            yield _partly(refused)
        try:
            async for page in self.sweep.listed(LIST_PROFILES, Thing, self.subscription):
                doors = [row for row in page if text((row.sku or {}).get("name")).endswith("_AzureFrontDoor")]
                for door in await asyncio.gather(*map(self._front_door, doors)):
                    for fault in door.faults.values():
                        yield Partly(fault)
                    yield Batch((door,))
            yield Listed(("azure.cdn.front-door",))
        except Refused as refused:
            yield _partly(refused)

    def _gateway(self, row: Thing) -> Resource:
        properties = row.properties
        fields: dict[str, Any] = {**fields_of(row), "properties": {name: properties[name] for name in KEPT if name in properties} if properties else properties}
        plain = ("SERVES" if serving_plain(properties) else "redirects") if properties else "?"
        cells = (_least((properties or {}).get("sslPolicy") or {}), "", "", "", plain, "")
        return self.resource(row.id, "endpoint", "azure.network.application-gateway", row.name, fields, region=text(row.location), cells=cells)

    async def _front_door(self, row: Thing) -> Resource:
        fields, faults = fields_of(row), dict[str, Fault]()
        try:
            async for page in self.arm.pages(LIST_AFD_DOMAINS, Thing, subscription=self.subscription, within=row.id):
                found = fields.setdefault("customDomains", {})
                found.update((each.name, ((each.properties or {}).get("tlsSettings") or {}).get("minimumTlsVersion")) for each in page)
        except Refused as refused:
            faults[LIST_AFD_DOMAINS.operation] = _kept(refused)
        call = LIST_AFD_ENDPOINTS
        try:
            routes: dict[str, bool] = {}
            async for page in self.arm.pages(call, Thing, subscription=self.subscription, within=row.id):
                for endpoint in page:
                    call = LIST_AFD_ROUTES
                    async for some in self.arm.pages(call, Thing, subscription=self.subscription, within=endpoint.id):
                        routes.update((f"{endpoint.name}/{each.name}", _redirects(each)) for each in some)
                call = LIST_AFD_ENDPOINTS
            fields["routes"] = routes
        except Refused as refused:
            faults[call.operation] = _kept(refused)
        least = min((str(minimum) for minimum in fields.get("customDomains", {}).values()), default="?")
        plain = "?" if "routes" not in fields else "redirects" if all(fields["routes"].values()) else "SERVES"
        cells = (_shown(least), "", "", "", plain, "")
        return self.resource(row.id, "endpoint", "azure.cdn.front-door", row.name, fields, region=text(row.location), faults=faults, cells=cells)


def _least(policy: dict[str, Any]) -> str:
    """The least protocol of a gateway's policy: of its own, or as the name of a predefined one says."""
    return _shown(text(policy.get("minProtocolVersion")) or PREDEFINED.get(text(policy.get("policyName")), ""))


def _shown(version: str) -> str:
    """`TLSv1_2` and `TLS12` as `TLS 1.2+`."""
    digits = "".join(letter for letter in version if letter.isdigit())
    return f"TLS {digits[0]}.{digits[1]}+" if len(digits) == 2 else "?"


def _redirects(route: Thing) -> bool:
    """Whether a route sends plain HTTP elsewhere, or does not take it at all."""
    properties = route.properties or {}
    return "Http" not in (properties.get("supportedProtocols") or ("Http",)) or properties.get("httpsRedirect") == "Enabled"


def _kept(refused: Refused) -> Fault:
    """The fault, to stand beside the resource; expired credentials end the poll."""
    if refused.fault.kind is FaultKind.EXPIRED:
        raise refused
    return refused.fault


def _partly(refused: Refused) -> Partly:
    return Partly(_kept(refused))
