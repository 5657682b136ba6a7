"""A realm as its room makes it, whole; a test takes away or changes what it is about."""

from typing import Any

from posture.fault import Fault
from posture.resource import Resource
from providers.demo.keycloak.world import Realm
from providers.demo.keycloak.world import realm as made_realm
from tests.posture.controls.world import made, users

KEPT_OF_REALM = ("enabled", "sslRequired", "passwordPolicy", "browserFlow")
KEPT_OF_STEP = ("requirement", "providerId", "displayName", "authenticationFlow", "level")
KEPT_OF_ACTION = ("alias", "providerId", "enabled", "defaultAction")


def realm(
    policy: str | None = "hashAlgorithm(argon2)",
    *,
    of: Realm | None = None,
    faults: dict[str, Fault] | None = None,
    **fields: Any,
) -> Resource:
    """What the room keeps of a realm; `fields` take the place of what is there."""
    body = of or made_realm("acme", policy)
    kept = {
        **{name: body.settings.get(name) for name in KEPT_OF_REALM},
        "requiredActions": [{name: row[name] for name in KEPT_OF_ACTION} for row in body.actions],
        "executions": [{name: row[name] for name in KEPT_OF_STEP if name in row} for row in body.flows["browser"]],
        "federation": [],
    }
    return made(
        "keycloak://sso.acme.example:443/acme",
        "identity",
        "keycloak.realm",
        provider="keycloak",
        scope="sso.acme.example:443",
        region="",
        fields=kept | fields,
        faults=faults or {},
    )


TYPES: dict[str, Resource] = {"keycloak.realm": realm(), "enctop.identity": users()}
