"""The clusters of the simulated tenants, and how the collector finds them."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

import providers
from providers.demo.aws.world import World
from providers.demo.gcp.world import Project
from providers.demo.kubernetes import acme, globex, initech
from providers.demo.kubernetes.kubeconfig import kubeconfig
from providers.demo.kubernetes.running import Running

if TYPE_CHECKING:
    from providers.demo.azure.resources import Resources


class Clusters(msgspec.Struct, frozen=True):
    """Every tenant's clusters, and the kubeconfig that leads to all of them."""

    by_tenant: dict[str, list[Running]]
    kubeconfig: Path

    @property
    def running(self) -> list[Running]:
        """All of them."""
        return [each for own in self.by_tenant.values() for each in own]

    def configuration(self, tenant: str) -> str:
        """The collector's blocks for a tenant's clusters, as TOML."""
        if "providers.kubernetes" not in providers.SYSTEMS:
            return ""
        return "".join(
            f'\n  [[tenant.kubernetes]]\n  kubeconfig = "{self.kubeconfig}"\n  context = "{each.context}"\n'
            for each in self.by_tenant[tenant]
        )

    def stop(self) -> None:
        """Stop listening, and take the kubeconfig away."""
        for each in self.running:
            each.server.stop()
        shutil.rmtree(self.kubeconfig.parent, ignore_errors=True)


def start(world: World, azure: "Callable[[], Resources | None]", project: Project) -> Clusters:
    """Start them, and write the kubeconfig among our temporary files; `azure` answers None until it is furnished."""
    own = {
        "acme": acme.clusters(world),
        "globex": globex.clusters(azure),
        "initech": initech.clusters(project),
    }
    everything = [each for clusters in own.values() for each in clusters]
    urls = {each.context: each.server.url for each in everything}
    file = Path(tempfile.mkdtemp(prefix="enctop-kubernetes-")) / "kubeconfig"
    file.write_text(kubeconfig(urls, called={each.context: each.called for each in everything}))
    return Clusters(own, file)
