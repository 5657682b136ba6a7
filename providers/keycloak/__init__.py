"""Keycloak: the realms that the users of the product log in to, through the Admin REST API, by reads only."""

from providers.keycloak.settings import KeycloakSettings, listeners, shared_badly
from providers.system import System

SYSTEM = System(
    name="keycloak",
    settings=KeycloakSettings,
    open="providers.keycloak.discovery:open_keycloak",
    policy="providers.keycloak.calls:printed",
    opt_ins=("server_info",),
    instead="secret_file",
    check=shared_badly,
    shared_by=lambda settings: settings.place,
    listeners=listeners,
)
"""`[[tenant.keycloak]]`: which realm, and by which client's secret."""
