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
    if config.gcp:
        from providers.gcp.root import open_gcp

        sources += open_gcp(config.gcp, cadence, version)
    return sources


def policy_text(provider: str, needs: frozenset[str]) -> str:
    """The least-privilege policy of a provider, ready to be attached. Raises `ConfigError` for one that enctop does not ask."""
    if provider == "gcp":
        from providers.gcp.calls import policy as gcp_policy

        return gcp_policy(needs)
    if provider != "aws":
        raise ConfigError(f"policy {provider}: enctop does not ask {provider} yet; there are aws and gcp")
    import json

    from providers.aws.calls import policy

    return json.dumps(policy(needs), indent=2) + "\n"
