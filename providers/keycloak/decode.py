"""Keycloak's answers, as far as they are kept: the fields of its OpenAPI description under their own names."""

from typing import Annotated, Any

import msgspec

Text = Annotated[str, msgspec.Meta(max_length=4096)]
"""Longer than any name or policy that a server lets anybody write."""


class Realm(msgspec.Struct, omit_defaults=True):
    """`RealmRepresentation`. `id` is left out for whoever may not view the realm."""

    id: Text | None = None
    realm: Text | None = None
    enabled: bool | None = None
    sslRequired: Text | None = None
    passwordPolicy: Text | None = None
    browserFlow: Text | None = None
    bruteForceProtected: bool | None = None
    otpPolicyType: Text | None = None
    otpPolicyAlgorithm: Text | None = None
    otpPolicyDigits: int | None = None
    otpPolicyPeriod: int | None = None
    webAuthnPolicyUserVerificationRequirement: Text | None = None
    webAuthnPolicyPasswordlessUserVerificationRequirement: Text | None = None


class Action(msgspec.Struct, omit_defaults=True):
    """`RequiredActionProviderRepresentation`: what a user may be asked to set up."""

    alias: Text | None = None
    providerId: Text | None = None
    enabled: bool | None = None
    defaultAction: bool | None = None


class Execution(msgspec.Struct, omit_defaults=True):
    """`AuthenticationExecutionInfoRepresentation`: a step of a flow, or a flow within it; those within stand behind it,
    one `level` deeper.
    """

    requirement: Text | None = None
    providerId: Text | None = None
    displayName: Text | None = None
    authenticationFlow: bool | None = None
    level: int | None = None


class Component(msgspec.Struct):
    """`ComponentRepresentation` of a user federation; of its configuration, which holds addresses and names, only
    whether it is on.
    """

    name: Text | None = None
    providerId: Text | None = None
    config: "ComponentConfig | None" = None

    def kept(self) -> dict[str, Any]:
        """What is kept of it. It is on unless its configuration says otherwise."""
        said = self.config.enabled if self.config is not None else []
        return {"name": self.name, "providerId": self.providerId, "enabled": said[:1] != ["false"]}


class ComponentConfig(msgspec.Struct):
    """Each setting is a list of texts."""

    enabled: list[Text] = []


class SystemInfo(msgspec.Struct):
    """Of `ServerInfoRepresentation`."""

    version: Text | None = None


class ServerInfo(msgspec.Struct):
    """What `serverinfo` answers; `systemInfo` is left out for whoever may not see it."""

    systemInfo: SystemInfo | None = None
