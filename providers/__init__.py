"""One room per outside system, the collector that asks them, and what they share."""

SYSTEMS: tuple[str, ...] = (
    "providers.aws",
    "providers.azure",
    "providers.gcp",
    "providers.kubernetes",
    "providers.vault",
    "providers.keycloak",
    "providers.tls",
)
"""The rooms, each of which declares its `SYSTEM` (`providers.system`)."""
