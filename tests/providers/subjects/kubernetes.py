"""Kubernetes: a cluster with some of what is listed, over plain http."""

import pytest

from providers.collector.systems import policy_text
from providers.demo.answer import Answer
from providers.demo.kubernetes.cluster import Cluster, ebs
from providers.demo.kubernetes.kubeconfig import kubeconfig
from providers.kubernetes import SYSTEM
from providers.kubernetes.calls import CALLS
from tests.matrix.front import Request
from tests.matrix.systems.kubernetes import KubernetesSystem
from tests.providers.subjects.subject import Subject
from tests.world.kubernetes import CONTEXT, Kubernetes

REVIEW = "selfsubjectaccessreviews.authorization.k8s.io"


class KubernetesSubject(Subject):
    """Behind the stand-in, over plain http, which lets everybody in."""

    system = SYSTEM
    free = frozenset({REVIEW})
    """What every authenticated user may."""
    spare = frozenset({"namespaces"})
    """Only where the whole cluster may not be listed."""

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._kubernetes: Kubernetes = request.getfixturevalue("kubernetes")
        self._folder = request.getfixturevalue("tmp_path")
        seed(self._kubernetes.cluster)

    @property
    def port(self) -> int:
        """Of the stand-in."""
        return self._kubernetes.server.port

    def settings(self, port: int, *, everything: bool) -> str:
        """One context; there are no opt-ins."""
        file = self._folder / f"kubeconfig-{port}"
        file.write_text(kubeconfig({CONTEXT: f"http://127.0.0.1:{port}"}))
        return f'[[tenant.kubernetes]]\nkubeconfig = "{file}"\n'

    def asked(self) -> set[str]:
        """Resources: what is listed may be watched too."""
        return {asked.permission.partition(" ")[2] for asked in self._kubernetes.server.log}

    def forget(self) -> None:
        """The log."""
        self._kubernetes.server.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """Resources of the role."""
        text = policy_text("kubernetes", frozenset())
        return {call.resource for call in CALLS.values() if call.plural in text}

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        return KubernetesSystem.__new__(KubernetesSystem).refusal(kind, request)


def seed(cluster: Cluster) -> None:
    """A world in which every call has something to ask."""
    cluster.storage_class("gp3", parameters={"encrypted": "true"}, default=True)
    cluster.stateful_set("acme", "pg", replicas=1)
    cluster.bound("acme", "data-pg-0", ebs("vol-0123456789abcdef0"))
    cluster.deployment("acme", "web")
    cluster.node("n1", "aws:///us-east-1a/i-0123456789abcdef0")
