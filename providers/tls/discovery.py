"""Where TLS begins: one source for each configured block, and for what a tenant discovers; roots, certificates and
budgets shared by all of them.
"""

import os
from collections.abc import Iterator, Sequence

from posture.hosts import endpoint_id, is_address
from providers.source import Source
from providers.system import Blocks, Setup
from providers.tls.certificates import Library
from providers.tls.found import FoundEndpoints, root_file
from providers.tls.observation import Target
from providers.tls.owners import Owners
from providers.tls.probe import Prober, Slots
from providers.tls.protocol.strict import Contexts
from providers.tls.revocation import Revocations
from providers.tls.settings import TlsSettings
from providers.tls.source import Endpoints, Wanted


def open_tls(setup: Setup, blocks: Blocks) -> list[Source]:
    """The sources of these blocks, of the listeners that other systems' settings name and no block does, and of what
    is found where it is asked by itself.
    """
    library, owners, slots = Library(), Owners(), Slots()
    revocations = Revocations(setup.now, setup.limits)
    contexts: dict[str | None, Contexts] = {}

    def prober(ca_file: str | None) -> Prober:
        if ca_file not in contexts:
            contexts[ca_file] = Contexts(ca_file)
        return Prober(contexts[ca_file], library, revocations, slots, setup.version, setup.now, setup.limits)

    sources: list[Source] = []
    named: set[str] = set()
    for tenant, settings, by in _named(setup, blocks):
        wanted = wanted_of(settings, by)
        named.update(endpoint_id(one.target.host, one.target.port) for one in wanted)
        asked = prober(root_file(settings.ca_file))
        sources.append(Endpoints(tenant, _label(wanted), setup, asked, wanted, owners, library))
    claims = Owners()
    for tenant, discover in setup.discover.items():
        asked = prober(root_file(discover.ca_file))
        sources.append(FoundEndpoints(tenant, setup, asked, frozenset(named), claims, owners, library))
    return sources


def _named(setup: Setup, blocks: Blocks) -> Iterator[tuple[str, TlsSettings, str]]:
    """(tenant, settings, who named it), each endpoint once."""
    named = {target for block in blocks for target in block.settings.targets}
    for block in blocks:
        yield block.tenant, block.settings, "configuration"
    for tenant, host, port, ca_file, by in setup.listeners:
        if (host, port) not in named:
            named.add((host, port))
            name = f"[{host}]" if ":" in host else host
            yield tenant, TlsSettings((f"{name}:{port}",), ca_file, http_port=0), by


def wanted_of(settings: TlsSettings, by: str = "configuration") -> list[Wanted]:
    """The endpoints of a block."""
    found, addresses = [], settings.addresses
    roots = root_file(settings.ca_file) or os.environ.get("SSL_CERT_FILE", "")
    for host, port in settings.targets:
        target = Target(host, port, "" if is_address(host) else host, settings.http_port, roots)
        found.append(Wanted(target, addresses.get(host, ()), by))
    return found


def _label(wanted: Sequence[Wanted]) -> str:
    """The first endpoint, and how many more: as the scope of each of them it is not to be read as another's name."""
    first = wanted[0].target
    return f"{first.host}:{first.port}" + (f"+{len(wanted) - 1}" if wanted[1:] else "")
