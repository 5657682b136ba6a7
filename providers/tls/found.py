"""Endpoints that nobody configured: those that a tenant's other resources name, asked as the configured ones are."""

import logging
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from posture.door_index import DISCOVERY, FoundDoor
from posture.hosts import host_name
from posture.reports import Report
from providers.system import Discover, Setup
from providers.tls.certificates import Library
from providers.tls.observation import Target
from providers.tls.owners import Owners
from providers.tls.probe import Prober
from providers.tls.resources import Finders
from providers.tls.settings import PORT, addresses_of
from providers.tls.source import Endpoints, Wanted

log = logging.getLogger(__name__)

MOST = 1000
"""Endpoints of a tenant that are asked because they were found, the first by name."""


class FoundEndpoints(Endpoints):
    """Every endpoint that a tenant's resources name and may be asked by itself, but those that are `named` (ids) in
    the configuration. One that several tenants' resources name is asked once, for all of them: `claims` knows by whom.
    """

    last = True

    def __init__(
        self,
        tenant: str,
        setup: Setup,
        prober: Prober,
        named: frozenset[str],
        claims: Owners,
        owners: Owners,
        library: Library,
    ) -> None:
        super().__init__(tenant, "discovered", setup, prober, (), owners, library)
        self._settings: Discover = setup.discover[tenant]
        self._resolve = {host_name(name) or name: addresses_of(told) for name, told in self._settings.resolve.items()}
        self._roots = root_file(self._settings.ca_file) or os.environ.get("SSL_CERT_FILE", "")
        self._named = named
        self._claims = claims
        self._left = 0
        self._beside: dict[str, Mapping[str, FoundDoor]] = {}
        """What the resources of other tenants name, who share an endpoint."""

    def wanted(self, found: Mapping[str, FoundDoor]) -> Mapping[str, Wanted]:
        """What may be asked of what is found now."""
        self._beside.clear()
        names = [name for name, door in found.items() if door.unasked is None and name not in self._named]
        left = max(0, len(names) - MOST)
        if left != self._left:
            log.warning("%s: %d endpoints were found, the first %d by name are asked", self.id, len(names), MOST)
            self._left = left
        self._claims.serve(self.id, self.tenant, names[:MOST])
        self._claims.forget_unserved(self.id, set(names[:MOST]))
        return {name: self._one(found[name]) for name in names[:MOST] if self._claims.reports(self.id, name)}

    def whose(self, name: str) -> str:
        """All tenants whose resources name it."""
        return self._claims.tenant(name)

    def afterwards(self) -> Iterable[Report]:
        """As of others; with what other tenants' resources name by now."""
        self._beside.clear()
        return super().afterwards()

    def finders(self, name: str) -> Finders:
        """Those of all tenants whose resources name it."""
        found = dict(super().finders(name))
        for tenant in self.whose(name).split("+"):
            if tenant not in {"", self.tenant}:
                if tenant not in self._beside:
                    self._beside[tenant] = self.doors(tenant)
                door = self._beside[tenant].get(name)
                found.update(door.finders if door is not None else ())
        return tuple(sorted(found.items()))

    def _one(self, door: FoundDoor) -> Wanted:
        http_port = self._settings.http_port if door.port == PORT else 0
        target = Target(door.host, door.port, door.host, http_port, self._roots)
        return Wanted(target, self._resolve.get(door.host, ()), DISCOVERY, outside=True)


def root_file(named: str | None) -> str | None:
    """The file of roots that a setting names."""
    return None if named is None else str(Path(named).expanduser())
