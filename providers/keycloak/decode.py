"""Keycloak's answers, as far as they are kept: the fields of its OpenAPI description under their own names."""

from typing import Any

import msgspec


class Realm(msgspec.Struct, omit_defaults=True):
    """`RealmRepresentation`. `id` is left out for whoever may not view the realm."""

    id: str | None = None
    realm: str | None = None
    enabled: bool | None = None
    sslRequired: str | None = None
    passwordPolicy: str | None = None
    browserFlow: str | None = None
    bruteForceProtected: bool | None = None
    otpPolicyType: str | None = None
    otpPolicyAlgorithm: str | None = None
    otpPolicyDigits: int | None = None
    otpPolicyPeriod: int | None = None
    webAuthnPolicyUserVerificationRequirement: str | None = None
    webAuthnPolicyPasswordlessUserVerificationRequirement: str | None = None


class Action(msgspec.Struct, omit_defaults=True):
    """`RequiredActionProviderRepresentation`: what a user may be asked to set up."""

    alias: str | None = None
    providerId: str | None = None
    enabled: bool | None = None
    defaultAction: bool | None = None


class Execution(msgspec.Struct, omit_defaults=True):
    """`AuthenticationExecutionInfoRepresentation`: a step of a flow, or a flow within it; those within stand behind it,
    one `level` deeper.
    """

    requirement: str | None = None
    providerId: str | None = None
    displayName: str | None = None
    authenticationFlow: bool | None = None
    level: int | None = None


class Component(msgspec.Struct):
    """`ComponentRepresentation` of a user federation; of its configuration, which holds addresses and names, only
    whether it is on.
    """

    name: str | None = None
    providerId: str | None = None
    config: "ComponentConfig | None" = None

    def kept(self) -> dict[str, Any]:
        """What is kept of it. It is on unless its configuration says otherwise."""
        said = self.config.enabled if self.config is not None else []
        return {"name": self.name, "providerId": self.providerId, "enabled": said[:1] != ["false"]}


class ComponentConfig(msgspec.Struct):
    """Each setting is a list of texts."""

    enabled: list[str] = []


class SystemInfo(msgspec.Struct):
    """Of `ServerInfoRepresentation`."""

    version: str | None = None


class ServerInfo(msgspec.Struct):
    """What `serverinfo` answers; `systemInfo` is left out for whoever may not see it."""

    systemInfo: SystemInfo | None = None
