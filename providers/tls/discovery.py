"""Where TLS begins: one source for each configured block; roots, certificates and budgets shared by all of them."""

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from posture.clock import Utc
from providers.cadence import Cadence
from providers.source import Source
from providers.tls.certificates import Library
from providers.tls.observation import Target
from providers.tls.owners import Owners
from providers.tls.probe import Prober, Slots
from providers.tls.protocol.strict import Contexts
from providers.tls.revocation import Revocations
from providers.tls.settings import TlsSettings, is_address
from providers.tls.source import Endpoints, Wanted


def open_tls(
    ways: Sequence[tuple[str, TlsSettings, str]], cadence: Cadence, version: str, now: Callable[[], Utc] = time.time
) -> list[Source]:
    """The sources of these blocks, each (tenant, settings, who named it)."""
    library, owners, revocations, slots = Library(), Owners(), Revocations(now), Slots()
    contexts: dict[str | None, Contexts] = {}
    sources: list[Source] = []
    for tenant, settings, by in ways:
        ca_file = _ca_file(settings)
        if ca_file not in contexts:
            contexts[ca_file] = Contexts(ca_file)
        prober = Prober(contexts[ca_file], library, revocations, slots, version, now)
        wanted = tuple(wanted_of(settings, by))
        named = partial(tuple[Wanted, ...], wanted)
        sources.append(Endpoints(tenant, _label(wanted), cadence, prober, named, owners, library, now))
    return sources


def wanted_of(settings: TlsSettings, by: str = "configuration") -> list[Wanted]:
    """The endpoints of a block."""
    found, addresses = [], settings.addresses
    roots = _ca_file(settings) or os.environ.get("SSL_CERT_FILE", "")
    for host, port in settings.targets:
        target = Target(host, port, "" if is_address(host) else host, settings.http_port, roots)
        found.append(Wanted(target, addresses.get(host, ()), by))
    return found


def _ca_file(settings: TlsSettings) -> str | None:
    return None if settings.ca_file is None else str(Path(settings.ca_file).expanduser())


def _label(wanted: Sequence[Wanted]) -> str:
    first = wanted[0].target
    return f"{first.host}:{first.port}"
