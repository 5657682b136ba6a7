"""Kubernetes: the stand-in, with a class that encrypts and a route that does not."""

import json
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from posture.fault import FaultKind
from providers.demo.answer import Answer
from providers.demo.kubernetes import answers
from providers.demo.kubernetes.answers import Asked, refused
from providers.demo.kubernetes.cluster import Cluster, azure_disk
from providers.demo.kubernetes.kinds import BY_PATH, Kind
from providers.demo.kubernetes.kubeconfig import kubeconfig
from providers.demo.kubernetes.server import start
from tests.matrix.cell import Place
from tests.matrix.front import Request
from tests.matrix.system import System

DISK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/disks/d"


class KubernetesSystem(System):
    """A class that encrypts, a claim of it, and a host without TLS."""

    name, provider = "Kubernetes", "kubernetes"
    good, bad = "k8s.storageclass.encrypted", "k8s.ingress.tls"
    may_change: ClassVar[dict[str, frozenset[str]]] = {
        "back empty": frozenset({"k8s.storageclass.default"}),  # a cluster without a class has no default
    }
    kinds: ClassVar[dict[str, frozenset[FaultKind]]] = {
        "5xx": frozenset({FaultKind.UNREACHABLE}),
    }

    def __init__(self, folder: Path) -> None:
        self._server, self._empty = start(), start()
        self._folder, self._count = folder, 0
        cluster = Cluster(self._server.store)
        cluster.storage_class("managed", "disk.csi.azure.com", default=True)
        cluster.bound("acme", "data", azure_disk(DISK), storage_class="managed")
        ingress = cluster.ingress("acme", "web", "acme.example", tls=False)
        self._server.store.put({**ingress, "status": {"loadBalancer": {"ingress": [{"hostname": "lb.example"}]}}})

    def stop(self) -> None:
        """End both."""
        self._server.stop()
        self._empty.stop()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._server.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """A kubeconfig of its own for each cell; over https a token, which the front does not look at."""
        self._count += 1
        file = self._folder / f"kubeconfig-{self._count}"
        ca = ca_file.read_bytes() if url.startswith("https") else None
        file.write_text(kubeconfig({"prod": url}, user={"token": "matrix-token"} if ca else None, ca=ca))
        return f'[[tenant.kubernetes]]\nkubeconfig = "{file}"\nallow_plaintext = true\n'

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """In the API server's words."""
        match kind:
            case "deny":
                said = refused(answers.forbidden(_asked(request)))
            case "expire":
                said = refused(answers.unauthorized())
            case "throttle":
                said = answers.throttled("1")
            case _:
                said = refused(answers.internal("etcdserver: request timed out"))
        return Answer(said.status, said.body, said.headers)

    def paged(self, request: Request) -> tuple[Request, str]:
        """The token stands in the query."""
        pairs = parse_qsl(request.query, keep_blank_values=True)
        token = next((value for name, value in pairs if name == "continue"), "")
        rest = urlencode([pair for pair in pairs if pair[0] != "continue"])
        return msgspec.structs.replace(request, target=f"{request.path}?{rest}" if rest else request.path), token

    def continued(self, request: Request, answer: Answer, token: str) -> Answer:
        """`metadata.continue` of a list; a watch and a review have none."""
        try:
            body = json.loads(answer.body)
        except ValueError:
            return answer
        if not str(body.get("kind", "")).endswith("List"):
            return answer
        metadata = {**body["metadata"], "continue": token}
        return msgspec.structs.replace(answer, body=json.dumps({**body, "metadata": metadata}).encode())

    def empty(self, place: Place) -> None:
        """Another cluster, in which nothing exists."""
        place.front.upstream = "127.0.0.1", self._empty.port


def _asked(request: Request) -> Asked:
    """What a request asks, as far as a refusal names it."""
    match request.path.strip("/").split("/"):
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            group, version, rest = "", "v1", ["nodes"]
    plural = rest[-1] if rest else "nodes"
    kind = BY_PATH.get((group, version, plural)) or next(iter(BY_PATH.values()))
    assert isinstance(kind, Kind)
    return Asked("watch" if "watch=" in request.query else "list", request.path, kind, user="enctop")
