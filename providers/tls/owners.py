"""Whose a certificate is that several tenants serve, or an endpoint that several name: it is one resource, so one
source reports it, for all of them.
"""

from collections.abc import Iterable


class Owners:
    """For each certificate, which sources serve it (for each endpoint, which name it). The one that came first reports
    it; when it serves it no more, the next one does.
    """

    def __init__(self) -> None:
        self._sources: dict[str, dict[str, str]] = {}
        """SHA-256 -> source id -> tenant, in the order in which they came."""

    def serve(self, source: str, tenant: str, certificates: Iterable[str]) -> None:
        """This source has seen these certificates."""
        for sha256 in certificates:
            self._sources.setdefault(sha256, {})[source] = tenant

    def forget_unserved(self, source: str, served: set[str]) -> None:
        """This source serves no others than these."""
        for sha256 in [
            sha256 for sha256, sources in self._sources.items() if source in sources and sha256 not in served
        ]:
            del self._sources[sha256][source]
            if not self._sources[sha256]:
                del self._sources[sha256]

    def reports(self, source: str, sha256: str) -> bool:
        """Whether this source is the one to report a certificate."""
        return next(iter(self._sources.get(sha256, ())), source) == source

    def tenant(self, sha256: str) -> str:
        """Its tenants, joined as for an account that tenants share."""
        return "+".join(sorted(set(self._sources.get(sha256, {}).values())))
