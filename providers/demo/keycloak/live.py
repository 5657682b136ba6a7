"""The realms of the simulated tenants, and how the collector finds them."""

from providers.demo.keycloak.server import Server
from providers.demo.keycloak.world import ATTESTED, tenants


def start() -> Server:
    """A server with acme's realm and globex's."""
    server = Server()
    server.add(*tenants())
    return server


def configuration(server: Server, tenant: str) -> str:
    """The collector's blocks for a tenant, as TOML; of one without a realm, a person's word."""
    return server.configuration(tenant) if tenant in server.realms else ATTESTED
