"""The rooms of the house: which configured systems are asked, each imported only when one is."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from posture.clock import Utc
from posture.fault import ConfigError
from providers.collector.config import Config
from providers.source import Source
from providers.tls.settings import TlsSettings


def open_rooms(config: Config, version: str, now: Callable[[], Utc] = time.time) -> list[Source]:
    """The first sources of everything that is configured. `now` gives UTC seconds."""
    cadence = config.poll.cadence()
    sources: list[Source] = []
    if config.aws:
        from providers.aws.discovery import open_aws

        sources += open_aws(config.aws, cadence, version)
    tls = [(tenant, settings, "configuration") for tenant, settings in config.tls] + listeners(config)
    if tls:
        from providers.tls.discovery import open_tls

        sources += open_tls(tls, cadence, version, now)
    if config.vault:
        from providers.vault.discovery import open_vault

        sources += open_vault(config.vault, cadence, version, now)
    if config.azure:
        from providers.azure.discovery import open_azure

        sources += open_azure(config.azure, cadence, version)
    if config.gcp:
        from providers.gcp.discovery import open_gcp

        sources += open_gcp(config.gcp, cadence, version, now)
    return sources


def listeners(config: Config) -> list[tuple[str, TlsSettings, str]]:
    """TLS endpoints that other rooms' settings name: Vault's own listener. Each as (tenant, settings, who named it),
    unless the configuration names it too.
    """
    named = {target for _, settings in config.tls for target in settings.targets}
    found = []
    for tenant in config.tenant:
        for vault in tenant.vault:
            address = urlsplit(vault.address)
            if address.scheme != "https" or not address.hostname:
                continue
            target = (address.hostname.lower(), address.port or 443)
            if target not in named:
                named.add(target)
                host = f"[{target[0]}]" if ":" in target[0] else target[0]
                found.append((tenant.name, TlsSettings((f"{host}:{target[1]}",), vault.ca_file, http_port=0), "vault"))
    return found


def policy_text(provider: str, needs: frozenset[str], config: Config | None = None) -> str:
    """The least-privilege policy of a provider, ready to be attached. Raises `ConfigError` for one that enctop does
    not ask.
    """
    if provider == "vault":
        from providers.collector.version import enctop_version
        from providers.vault.policy import printed

        return printed(
            config.vault if config else (), enctop_version(), sudo="no-sudo" not in needs, renew="renew_token" in needs
        )
    if provider == "gcp":
        from providers.gcp.calls import policy as gcp_policy

        return gcp_policy(needs)
    if provider not in {"aws", "azure"}:
        raise ConfigError(f"policy {provider}: enctop does not ask {provider} yet; there are aws, azure, gcp and vault")
    import json

    if provider == "azure":
        from providers.azure.calls import role

        return json.dumps(role(needs), indent=2) + "\n"
    from providers.aws.calls import policy

    return json.dumps(policy(needs), indent=2) + "\n"
