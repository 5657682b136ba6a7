"""The rooms of the house: which configured systems are asked, each imported only when one is."""

from posture.fault import ConfigError
from providers.config import Config
from providers.source import Source


def open_rooms(config: Config, version: str) -> list[Source]:
    """The first sources of everything that is configured."""
    cadence = config.poll.cadence()
    sources: list[Source] = []
    if config.aws:
        from providers.aws.root import open_aws

        sources += open_aws(config.aws, cadence, version)
    if config.vault:
        from providers.vault.root import open_vault

        sources += open_vault(config.vault, cadence, version)
    return sources


def policy_text(provider: str, needs: frozenset[str], config: Config | None = None) -> str:
    """The least-privilege policy of a provider, ready to be attached. Raises `ConfigError` for one that enctop does not ask."""
    if provider == "vault":
        from providers.vault.policy import printed
        from providers.version import enctop_version

        return printed(config.vault if config else (), enctop_version(), sudo="no-sudo" not in needs, renew="renew_token" in needs)
    if provider != "aws":
        raise ConfigError(f"policy {provider}: enctop does not ask {provider} yet; there are aws and vault")
    import json

    from providers.aws.calls import policy

    return json.dumps(policy(needs), indent=2) + "\n"
