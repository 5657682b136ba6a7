"""`[[tenant.kubernetes]]`: which cluster, by whose hand, and whose namespaces."""

import os
import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import msgspec

from providers.kubernetes.kubeconfig import paths
from providers.system import Block, Blocks

IN_CLUSTER, CURRENT = "in-cluster", "current-context"
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
"""Where a pod finds its service account's token and the authority of the API server."""
_NAMESPACE = re.compile(r"[a-z0-9*?]([-a-z0-9*?]{0,61}[a-z0-9*?])?")
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{1,61}[a-z0-9]")


class KubernetesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One context of a kubeconfig, or the cluster in whose pod enctop runs (`kubeconfig = "in-cluster"`). No secret
    ever stands here.

    Without `kubeconfig` those of KUBECONFIG, else ~/.kube/config; without `context` the current one. `namespaces` are
    those of this tenant (`*` and `?` as in a shell); what is in another is not its own, and where the whole cluster may
    not be listed these are listed one by one. `name` is what the cluster is called in ids, where two contexts are
    called the same. `gcp_project` is for disks whose handle does not say it.
    """

    kubeconfig: Annotated[str, msgspec.Meta(extra={"file": True, "words": (IN_CLUSTER,)})] | None = None
    context: str | None = None
    namespaces: tuple[str, ...] = ()
    name: str | None = None
    gcp_project: str | None = None
    allow_plaintext: bool = False
    allow_insecure: bool = False

    def __post_init__(self) -> None:
        if self.context is not None and not self.context:
            raise ValueError("context: is empty; leave it out for the current one")
        if self.kubeconfig == IN_CLUSTER and self.context is not None:
            raise ValueError(f"context: goes without kubeconfig = {IN_CLUSTER!r}")
        for namespace in self.namespaces:
            if not _NAMESPACE.fullmatch(namespace):
                raise ValueError(f'namespaces: {namespace!r} is not a namespace, or a pattern of some, as in "acme-*"')
        if self.name is not None and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:@-]*", self.name):
            raise ValueError(f"name: {self.name!r} is not letters, digits and . _ : @ -")
        if self.gcp_project is not None and not _PROJECT.fullmatch(self.gcp_project):
            raise ValueError(f"gcp_project: {self.gcp_project!r} is not a project's id (acme-prod)")

    @property
    def connection(self) -> tuple[object, ...]:
        """What makes two blocks the same way to the same cluster."""
        return (self.kubeconfig, self.context)

    @property
    def label(self) -> str:
        """How the cluster is called before its context is known."""
        return self.name or called(self.context or (IN_CLUSTER if self.kubeconfig == IN_CLUSTER else CURRENT))


def called(context: str) -> str:
    """A context's name as ids have it, whose parts a slash divides: EKS calls its contexts by ARN."""
    return "".join(char if char.isprintable() and char != " " else "_" for char in context.replace("/", ":"))


def matches(namespace: str, patterns: Iterable[str]) -> bool:
    """Whether a namespace is one of these."""
    return any(fnmatchcase(namespace, pattern) for pattern in patterns)


def is_pattern(namespace: str) -> bool:
    """Whether it stands for several."""
    return "*" in namespace or "?" in namespace


def ambient() -> tuple[KubernetesSettings, ...]:
    """The current context where there is a kubeconfig, else the cluster in whose pod this runs; told without reading
    either.
    """
    if any(path.is_file() for path in paths(None)):
        return (KubernetesSettings(),)
    inside = os.environ.get("KUBERNETES_SERVICE_HOST") and Path(ACCOUNT, "token").is_file()
    return (KubernetesSettings(kubeconfig=IN_CLUSTER),) if inside else ()


def files(settings: KubernetesSettings) -> list[str]:
    """The files that say who asks."""
    if settings.kubeconfig == IN_CLUSTER:
        return [f"{ACCOUNT}/namespace"]
    return [str(path) for path in paths(settings.kubeconfig)]


def shared_badly(blocks: Blocks) -> str | None:
    """What is wrong with how tenants share clusters, in one line; None for nothing."""
    ways: dict[tuple[object, ...], list[Block]] = {}
    names: dict[str, tuple[object, ...]] = {}
    for block in blocks:
        ways.setdefault(block.settings.connection, []).append(block)
        label, connection = block.settings.label, block.settings.connection
        if label != CURRENT and names.setdefault(label, connection) != connection:
            return f"{block.key}.name: two clusters are called {label!r}; give one of them another name"
    for members in ways.values():
        first, last = members[0], members[-1]
        if len(members) > 1 and (len({block.tenant for block in members}) < len(members)):
            return f"{last.key}: the cluster {last.settings.label!r} is there twice; list its namespaces in one block"
        if len(members) > 1 and not all(block.settings.namespaces for block in members):
            return (
                f"{last.key}.namespaces: {first.tenant} and {last.tenant} share the cluster {last.settings.label!r};"
                f' give each its own, as in namespaces = ["{last.tenant}-*"]'
            )
        if len({_beside_namespaces(block.settings) for block in members}) > 1:
            return f"{last.key}: {first.tenant} and {last.tenant} share a cluster, and name it with different settings"
    return None


def _beside_namespaces(settings: KubernetesSettings) -> KubernetesSettings:
    return msgspec.structs.replace(settings, namespaces=())
