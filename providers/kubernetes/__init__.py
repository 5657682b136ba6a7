"""Kubernetes: from a workload to the volume of a cloud that it stands on, by lists and watches only."""

from providers.kubernetes.settings import KubernetesSettings, ambient, files, shared_badly
from providers.system import System

SYSTEM = System(
    name="kubernetes",
    settings=KubernetesSettings,
    open="providers.kubernetes.discovery:open_kubernetes",
    policy="providers.kubernetes.calls:printed",
    instead="a kubeconfig, a credential plugin or a token file",
    ambient=ambient,
    environment=("KUBECONFIG", "KUBERNETES_SERVICE_HOST"),
    files=files,
    check=shared_badly,
    shared_by=lambda settings: settings.connection,
)
