"""SSL certificates of load balancers: those that Google manages, with their state, and those that were brought."""

import contextlib
from typing import Any, ClassVar, Required, TypedDict

import msgspec

from posture.clock import Utc, parse_rfc3339
from posture.resource import Resource
from providers.gcp.calls import LIST_CERTIFICATES
from providers.gcp.decode import Page, Unread, Warned
from providers.gcp.scoped import ScopedSource
from providers.gcp.source import last

CERTIFICATE = "gcp.compute.ssl-certificate"


class Certificate(TypedDict, total=False):
    """compute v1 `SslCertificate`; the certificate itself is not asked for."""

    name: Required[str]
    region: str | None
    type: str | None
    creationTimestamp: str | None
    expireTime: str | None
    subjectAlternativeNames: list[str] | None
    managed: dict[str, Any] | None


class _Certificates(msgspec.Struct, frozen=True):
    sslCertificates: list[Certificate] | None = None
    warning: Warned | None = None


class CertificatePage(Page, frozen=True):
    """`compute.sslCertificates.aggregatedList`."""

    rows: ClassVar[tuple[str, ...]] = ("items", "*", "sslCertificates")
    row: ClassVar[Any] = Certificate

    items: dict[str, _Certificates] | None = None


class Certificates(ScopedSource):
    """The global ones and those of every region of a project."""

    service = "certificates"
    calls = (LIST_CERTIFICATES,)
    call, page, collection, type = LIST_CERTIFICATES, CertificatePage, "sslCertificates", CERTIFICATE

    def made(self, where: str, id: str, fields: Certificate) -> Resource:
        """A certificate and when it ends."""
        fields.setdefault("type", None)  # the mask asks for it: without one it was brought
        issuer = "Google" if fields.get("type") == "MANAGED" else "brought"
        managed = fields.get("managed") or {}
        domains, states = managed.get("domains"), managed.get("domainStatus")
        self.seen.domains[id] = states if issuer == "Google" and isinstance(states, dict) else {}
        names = fields.get("subjectAlternativeNames") or (domains if isinstance(domains, list) else ())
        return self.resource(
            id=id,
            kind="certificate",
            type=CERTIFICATE,
            name=fields["name"],
            region=last(where),
            fields=fields,
            cells=(issuer, "", "", "", ", ".join(map(str, names))),
            expires=_ends(fields.get("expireTime")),
        )

    def odd(self, where: str, id: str, bad: Unread) -> Resource:
        """A certificate of which no more is known than that it is there."""
        return self.resource(
            id=id,
            kind="certificate",
            type=CERTIFICATE,
            name=bad.name,
            region=last(where),
            fields={"name": bad.name},
            faults={LIST_CERTIFICATES.operation: bad.fault},
            cells=("?",) * 5,
        )


def _ends(said: str | None) -> Utc | None:
    with contextlib.suppress(ValueError):
        return parse_rfc3339(said or "")
    return None
