"""What lets others in: Ingresses, Gateways with their routes, and Services with a load balancer."""

import asyncio
from typing import Any

from posture.clock import Seconds
from posture.resource import Resource
from providers.kubernetes.calls import GATEWAYS, INGRESSES, ROUTES, SERVICES
from providers.kubernetes.decode import fields_of, text, within
from providers.kubernetes.decode_edge import Gateway, Ingress, Parent, Route, Service
from providers.kubernetes.listing import Key
from providers.kubernetes.source import Shared
from providers.kubernetes.watching import WatchedSource

CLASS_BEFORE = "kubernetes.io/ingress.class"


class Ingresses(WatchedSource):
    """Ingresses."""

    call, row, ours, cells = INGRESSES, Ingress, "ingress", 3

    def made(self, thing: Ingress, namespace: str, name: str) -> Resource:
        """Its hosts, class, and whether it names a certificate."""
        fields = fields_of(thing)
        notes = (fields.get("metadata") or {}).get("annotations") or {}
        hosts = [text(rule.host) or "*" for rule in within(thing, "spec", "rules") or ()]
        class_ = text(within(thing, "spec", "ingressClassName")) or text(notes.get(CLASS_BEFORE))
        tls = "yes" if within(thing, "spec", "tls") else ""
        cells = (", ".join(dict.fromkeys(hosts)), class_, tls)
        return self.seen("ingress", namespace, name, fields, cells=cells)


class Services(WatchedSource):
    """Services with a load balancer; the others let nobody in from outside."""

    call, row, ours, cells = SERVICES, Service, "ingress", 3

    def keeps(self, thing: Service, owner: str) -> bool:
        """Only what has a load balancer."""
        return text(within(thing, "spec", "type")) == "LoadBalancer" and super().keeps(thing, owner)

    def made(self, thing: Service, namespace: str, name: str) -> Resource:
        """Its ports."""
        ports = ", ".join(str(port.port) for port in within(thing, "spec", "ports") or () if isinstance(port.port, int))
        cells = (ports, text(within(thing, "spec", "loadBalancerClass")) or "LoadBalancer", "")
        return self.seen("ingress", namespace, name, fields_of(thing), cells=cells)


class Routes:
    """What the HTTPRoutes of a cluster do, by the Gateway that they belong to."""

    def __init__(self) -> None:
        self.moved = asyncio.Event()
        self.known = False
        """Whether they were listed."""
        self.touched: set[Key] = set()
        self._of: dict[Key, dict[Key, list[dict[str, Any]]]] = {}

    def put(self, key: Key, parents: list[tuple[Key, dict[str, Any]]]) -> None:
        """A route is there; each of its parents, and what it does for it."""
        before = {gateway: routes.get(key) for gateway, routes in self._of.items() if key in routes}
        after: dict[Key, list[dict[str, Any]]] = {}
        for gateway, told in parents:
            after.setdefault(gateway, []).append(told)
        for gateway in before.keys() | after.keys():
            if before.get(gateway) != after.get(gateway):
                self._tell(gateway)
        for gateway in before:
            del self._of[gateway][key]
        for gateway, each in after.items():
            self._of.setdefault(gateway, {})[key] = each

    def drop(self, key: Key) -> None:
        """A route is gone."""
        self.put(key, [])

    def of(self, gateway: Key) -> list[dict[str, Any]] | None:
        """What the routes of a Gateway do; None where nobody has listed them."""
        if not self.known:
            return None
        return [told for _, each in sorted(self._of.get(gateway, {}).items()) for told in each]

    def _tell(self, gateway: Key) -> None:
        self.touched.add(gateway)
        self.moved.set()


class HttpRoutes(WatchedSource):
    """HTTPRoutes: they are told as part of their Gateway."""

    call, row = ROUTES, Route

    def __init__(self, shared: Shared, cadence: Seconds, routes: Routes) -> None:
        super().__init__(shared, cadence)
        self._routes = routes

    def keeps(self, thing: Route, owner: str) -> bool:
        """All of them, whoever's their namespace is: a Gateway may be another's."""
        return True

    def made(self, thing: Route, namespace: str, name: str) -> Resource | None:
        """Nothing of its own."""
        return None

    def note(self, thing: Route, namespace: str, name: str) -> None:
        """For its Gateways."""
        told: dict[str, Any] = {"name": f"{namespace}/{name}", "redirects": _redirects(thing)}
        if hosts := [host for host in within(thing, "spec", "hostnames") or () if isinstance(host, str)]:
            told["hostnames"] = hosts
        self._routes.put(
            (namespace, name),
            [
                (
                    _gateway(parent, namespace),
                    told | ({"sectionName": parent.sectionName} if isinstance(parent.sectionName, str) else {}),
                )
                for parent in within(thing, "spec", "parentRefs") or ()
                if text(parent.kind) in {"", "Gateway"}
            ],
        )

    def forget(self, namespace: str, name: str) -> None:
        """For its Gateways."""
        self._routes.drop((namespace, name))

    def besides(self) -> list[Resource]:
        """They were listed."""
        if not self._routes.known:
            self._routes.known = True
            self._routes.moved.set()
        return []


class Gateways(WatchedSource):
    """Gateways, each with what its routes do."""

    call, row, ours, cells = GATEWAYS, Gateway, "ingress", 3

    def __init__(self, shared: Shared, cadence: Seconds, routes: Routes) -> None:
        super().__init__(shared, cadence)
        self._routes, self.wake = routes, routes.moved
        self._known: dict[Key, tuple[Gateway, list[dict[str, Any]] | None]] = {}

    def note(self, thing: Gateway, namespace: str, name: str) -> None:
        """Keep it: its routes may change while it does not."""
        self._known[namespace, name] = (thing, self._routes.of((namespace, name)))

    def forget(self, namespace: str, name: str) -> None:
        """It is gone."""
        self._known.pop((namespace, name), None)

    def woken(self) -> list[Resource]:
        """The Gateways whose routes do something else."""
        self._routes.touched.clear()
        moved = [(key, thing) for key, (thing, told) in self._known.items() if (self._routes.of(key)) != told]
        for key, thing in moved:
            self._known[key] = (thing, self._routes.of(key))
        return [self.made(thing, *key) for key, thing in moved]

    def besides(self) -> list[Resource]:
        """As routes may have come meanwhile."""
        return self.woken()

    def made(self, thing: Gateway, namespace: str, name: str) -> Resource:
        """Its hosts, class, and whether a listener has TLS."""
        fields, routes = fields_of(thing), self._known[namespace, name][1]
        if routes is not None:
            fields["httpRoutes"] = routes
        listeners = within(thing, "spec", "listeners") or ()
        hosts = dict.fromkeys(text(each.hostname) or "*" for each in listeners)
        tls = "yes" if any(text(each.protocol) in {"HTTPS", "TLS"} for each in listeners) else ""
        cells = (", ".join(hosts), text(within(thing, "spec", "gatewayClassName")), tls)
        return self.seen("ingress", namespace, name, fields, cells=cells)


def _gateway(parent: Parent, namespace: str) -> Key:
    return text(parent.namespace) or namespace, text(parent.name)


def _redirects(route: Route) -> bool:
    """Whether every rule sends who asks to https, and there is one."""
    rules = within(route, "spec", "rules") or ()
    return bool(rules) and all(
        any(
            text(each.type) == "RequestRedirect" and text(within(each, "requestRedirect", "scheme")) == "https"
            for each in rule.filters or ()
        )
        for rule in rules
    )
