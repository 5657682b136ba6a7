"""Where Keycloak begins: a source a realm, for all tenants that share it."""

from providers.keycloak.client import KeycloakClient
from providers.keycloak.realms import Realms
from providers.source import Source
from providers.system import Block, Blocks, Setup


def open_keycloak(setup: Setup, blocks: Blocks) -> list[Source]:
    """The sources of every realm."""
    by_place: dict[str, list[Block]] = {}
    for block in blocks:
        by_place.setdefault(block.settings.place, []).append(block)
    return [
        Realms(
            "+".join(sorted(block.tenant for block in members)),
            KeycloakClient(members[0].settings, setup.version, setup.limits),
            setup.cadence.cold,
        )
        for members in by_place.values()
    ]
