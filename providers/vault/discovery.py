"""Where a Vault begins: its way in, and the sources that share it."""

from providers.source import Source
from providers.system import Blocks, Setup
from providers.vault.client import VaultClient
from providers.vault.leases import Leases
from providers.vault.mounts import Mounts
from providers.vault.pki import Pki
from providers.vault.seal import Cluster
from providers.vault.settings import VaultSettings
from providers.vault.source import Shared
from providers.vault.system import System
from providers.vault.tokens import Tokens
from providers.vault.transit import Transit


def open_vault(setup: Setup, blocks: Blocks) -> list[Source]:
    """The sources of every Vault. The seal is asked first, since it says which node can be asked for the rest;
    mounts come before what is in them.
    """
    cadence = setup.cadence
    made: list[Source] = []
    for tenant, settings, _ in blocks:
        cluster = cluster_of(tenant, settings, setup)
        client, seen = cluster.client, cluster.seen
        system, mounts = System(tenant, client, seen, cadence.warm), Mounts(tenant, client, seen, cadence.warm)
        transit, pki = Transit(tenant, client, seen, cadence.warm), Pki(tenant, client, seen, cadence.warm)
        leases, tokens = Leases(tenant, client, seen, cadence.live), Tokens(tenant, client, seen, cadence.live)
        mounts.after = (cluster.id,)
        transit.after = pki.after = leases.after = (mounts.id,)
        system.after = tokens.after = (leases.id,)
        made += [cluster, system, mounts, transit, pki, leases, tokens]
    return made


def cluster_of(tenant: str, settings: VaultSettings, setup: Setup) -> Cluster:
    """The first source of one Vault, with a way in of its own."""
    return Cluster(tenant, VaultClient(settings, setup.version, setup.limits), Shared(setup.now), setup.cadence.live)
