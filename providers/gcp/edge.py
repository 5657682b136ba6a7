"""Load balancers: what the target proxies speak, and where plain HTTP leads."""

from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from typing import Any

from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.asking import each
from providers.gcp.calls import (
    HOSTS,
    LIST_HTTP_PROXIES,
    LIST_HTTPS_PROXIES,
    LIST_SSL_POLICIES,
    LIST_SSL_PROXIES,
    LIST_URL_MAPS,
    Call,
)
from providers.gcp.decode import HttpProxyPage, HttpsProxyPage, ProxyPage, SslPolicyPage, Unread, UrlMapPage
from providers.gcp.scopes import Unanswered, scope_path
from providers.gcp.source import GcpSource, Remembered, last
from providers.source import Yield

KINDS: Mapping[str, tuple[Call, Any]] = {
    "targetHttpsProxies": (LIST_HTTPS_PROXIES, HttpsProxyPage),
    "targetHttpProxies": (LIST_HTTP_PROXIES, HttpProxyPage),
    "targetSslProxies": (LIST_SSL_PROXIES, ProxyPage),
    "sslPolicies": (LIST_SSL_POLICIES, SslPolicyPage),
    "urlMaps": (LIST_URL_MAPS, UrlMapPage),
}
TYPES = {
    "targetHttpsProxies": "gcp.compute.https-proxy",
    "targetSslProxies": "gcp.compute.ssl-proxy",
    "targetHttpProxies": "gcp.compute.http-proxy",
}


class Proxies(GcpSource):
    """Target proxies for HTTPS, SSL and HTTP, global and of every region, each with its SSL policy or URL map."""

    service = "load-balancers"
    calls = tuple(call for call, _ in KINDS.values())

    def __init__(self, *arguments: object, **named: object) -> None:
        super().__init__(*arguments, **named)  # type: ignore[arg-type]
        self._kept = Remembered()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """All listings at once: where nobody answers, each takes its whole time limit. Policies and maps are told
        first, then the proxies that name them.
        """
        answers = {}
        async with aclosing(each(self._all(kind) for kind in KINDS)) as all_of_them:
            async for kind, things, fault, unread in all_of_them:
                answers[kind] = things, fault, unread
        read: dict[str, dict[str, dict[str, Any]]] = {}
        faults: dict[str, Fault] = {}
        for kind in ("sslPolicies", "urlMaps"):
            things, fault, unread = answers[kind]
            read[kind] = {f"{scope}/{thing['name']}": thing for scope, thing in things}
            fault = fault or next((bad.fault for bad in unread), None)
            if fault is not None:
                faults[KINDS[kind][0].operation] = fault
                yield ReadRefused(fault)
        silent: list[Fault] = []
        for kind in TYPES:
            proxies, fault, unread = answers[kind]
            rows = [self._proxy(kind, scope, fields, read, faults) for scope, fields in proxies]
            rows += [self._unread(kind, bad) for bad in unread if bad.name]
            for bad in unread:
                yield ReadRefused(bad.fault)
                fault = fault if bad.name else bad.fault
            yield Batch(tuple(rows))
            if fault is None:
                self._kept.seen(kind, rows)
                continue
            silent.append(fault)
            yield ReadRefused(fault)
            if len(silent) == len(TYPES) and not rows:
                raise Refused(silent[0])
            yield self._kept.unseen(kind, KINDS[kind][0].operation, fault, rows)
        yield Complete(tuple(TYPES.values()))

    async def _all(self, kind: str) -> tuple[str, list[tuple[str, dict[str, Any]]], Fault | None, list[Unread]]:
        """A kind, everything of it with its scope, why it may not be everything, and the rows that could not be
        read.
        """
        call, shape = KINDS[kind]
        silent, found, unread = Unanswered(call), [], list[Unread]()
        try:
            async for page in self.project.pages(call, shape, unread=unread):
                silent.read(page)
                for scope, within in _scoped(page.items, kind):
                    if within is None:
                        continue
                    silent.scope(scope, getattr(within, "warning", None))
                    found += [(scope_path(scope), thing) for thing in getattr(within, kind, None) or ()]
        except Refused as refused:
            if refused.fault.kind is FaultKind.EXPIRED:
                raise
            return kind, found, refused.fault, unread
        return kind, found, silent.whole or next(iter(silent.scopes.values()), None), unread

    def _unread(self, kind: str, bad: Unread) -> Resource:
        """A proxy of which no more is known than that it is there, and why."""
        where = scope_path(bad.scope) if bad.scope else "global"
        id = f"//{HOSTS['compute']}/projects/{self.project.name}/{where}/{kind}/{bad.name}"
        faults = {KINDS[kind][0].operation: bad.fault}
        return self.resource(
            id=id,
            kind="endpoint",
            type=TYPES[kind],
            name=bad.name,
            region=last(where),
            fields={"name": bad.name},
            faults=faults,
            cells=("?", "", "", "", "?", ""),
        )

    def _proxy(
        self,
        kind: str,
        scope: str,
        answer: dict[str, Any],
        read: dict[str, dict[str, Any]],
        faults: Mapping[str, Fault],
    ) -> Resource:
        fields = {**answer}
        if kind == "targetHttpProxies":
            needed, field = LIST_URL_MAPS.operation, "map"
            found = read["urlMaps"].get(_named(fields.setdefault("urlMap", None)))
            plain = "?" if found is None else "redirects" if _redirects(found) else "SERVES"
            cells = ("HTTP", "", "", "", plain, "")
        else:
            needed, field = LIST_SSL_POLICIES.operation, "policy"
            found = read["sslPolicies"].get(_named(fields.setdefault("sslPolicy", None)))
            least = str((found or {}).get("minTlsVersion") or ("?" if fields["sslPolicy"] else "TLS_1_0"))
            version = f"{least.replace('TLS_', 'TLS ').replace('_', '.')}+"
            cells = (version, str((found or {}).get("profile") or ""), "", "", "", "")
        if found is not None:
            fields[field] = found
        if domains := self._domains(fields.get("sslCertificates") or ()):
            fields["managedDomains"] = domains
        missing = found is None and needed in faults
        links = tuple(Link("certificate", _certificate(url)) for url in fields.get("sslCertificates") or ())
        return self.resource(
            id=f"//{HOSTS['compute']}/projects/{self.project.name}/{scope}/{kind}/{fields['name']}",
            kind="endpoint",
            type=TYPES[kind],
            name=fields["name"],
            region=last(scope),
            fields=fields,
            links=links,
            faults={needed: faults[needed]} if missing else {},
            cells=cells,
        )

    def _domains(self, urls: Iterable[str]) -> dict[str, Any]:
        """The domains of the certificates that Google manages for a proxy, and the state of each."""
        return {host: state for url in urls for host, state in self.seen.domains.get(_certificate(url), {}).items()}


def _certificate(url: str) -> str:
    """The id of a certificate, off its URL."""
    return f"//{HOSTS['compute']}/projects/{url.partition('/projects/')[2]}"


def _scoped(items: Any, kind: str) -> Iterable[tuple[str, Any]]:
    """The scopes of an aggregated list; a list of one scope is of the global one."""
    if isinstance(items, list):
        return [("global", _Global(kind, items))]
    return (items or {}).items()


class _Global:
    def __init__(self, kind: str, items: list[Any]) -> None:
        setattr(self, kind, items)


def _named(url: str | None) -> str:
    """`regions/R/name` or `global/name`, off a URL."""
    parts = (url or "").split("/")
    return f"{scope_path('/'.join(parts[:-2]))}/{parts[-1]}" if len(parts) > 2 else ""


def _redirects(url_map: Mapping[str, Any]) -> bool:
    return (url_map.get("defaultUrlRedirect") or {}).get("httpsRedirect") is True
