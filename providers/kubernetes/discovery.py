"""Where Kubernetes begins: a context of a kubeconfig, what we may do there, and the sources of its cluster."""

import contextlib
import os
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import ClassVar

import msgspec

from posture.fault import Fault, FaultKind, Refused
from posture.reports import ReadRefused
from providers.asking import each
from providers.kubernetes import kubeconfig
from providers.kubernetes.calls import CALLS, NAMESPACES, REVIEW, Call
from providers.kubernetes.client import KubeClient, KubeLimits
from providers.kubernetes.decode import Review
from providers.kubernetes.edge import Gateways, HttpRoutes, Ingresses, Routes, Services
from providers.kubernetes.faults import unreadable
from providers.kubernetes.handles import GKE, cluster_of
from providers.kubernetes.identity import CONNECT, Identity
from providers.kubernetes.kept_elsewhere import ExternalSecrets, SealedSecrets, VaultStaticSecrets
from providers.kubernetes.kubeconfig import Access, Cluster, User
from providers.kubernetes.nodes import Nodes
from providers.kubernetes.plugins import Plugins
from providers.kubernetes.settings import ACCOUNT, IN_CLUSTER, KubernetesSettings, called, is_pattern
from providers.kubernetes.snapshots import VolumeSnapshotContents
from providers.kubernetes.source import KubeSource, Namespaces, Shared
from providers.kubernetes.storage import PersistentVolumeClaims, PersistentVolumes, StorageClasses
from providers.kubernetes.workloads import CronJobs, DaemonSets, Deployments, StatefulSets
from providers.source import Children, Source, Yield
from providers.system import Block, Blocks, Setup


class ClusterAccess(Source):
    """A cluster: its kubeconfig, which sources it has, and what we may do there, verb by verb."""

    service: ClassVar[str] = "access"
    permissions = ()

    def __init__(
        self, tenant: str, label: str, way: KubeClient, namespaces: Namespaces, setup: Setup, names: dict[str, str]
    ) -> None:
        super().__init__(tenant, "kubernetes", label, setup.cadence.warm)
        self._client, self._namespaces, self._setup, self._names = way, namespaces, setup, names
        self._made: tuple[KubeSource, ...] = ()

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Read the kubeconfig, name the sources, and ask what is allowed."""
        access = await self._client.connect()
        if not self._made:
            self._made = self._sources(access)
        yield Children(self._made)
        questions = (self._allowed(call, verb) for call in self._asked() for verb in call.verbs)
        async with contextlib.aclosing(each(questions)) as answers:
            async for refused in answers:
                if refused is not None:
                    yield ReadRefused(refused)

    async def close(self) -> None:
        """The way in."""
        await self._client.close()

    def _asked(self) -> list[Call]:
        """The calls that may be made with these settings."""
        wanted = any(map(is_pattern, self._namespaces.named))
        return [call for call in CALLS.values() if call is not NAMESPACES or wanted]

    async def _allowed(self, call: Call, verb: str) -> Fault | None:
        """Why this verb is not allowed, in the whole cluster or in the namespaces that are configured; None where it
        is. Raises `Refused`.
        """
        permission = call.needs(verb)
        places = [""]
        if call.namespaced:
            places += [named for named in self._namespaces.named if not is_pattern(named)][:1]
        for place in places:
            body = await self._client.review(_question(call, verb, place))
            review = self._client.read(REVIEW, body, Review)
            if review.kind != "SelfSubjectAccessReview":
                raise unreadable(REVIEW, f"{review.kind or 'nothing'} instead of a SelfSubjectAccessReview")
            if review.status.allowed:
                return None
        return Fault(FaultKind.DENIED, "Forbidden", call.operation, f"may not {permission}", permission)

    def _sources(self, access: Access) -> tuple[KubeSource, ...]:
        settings = self._client.settings
        name = settings.name or called(access.context)
        if self._names.setdefault(name, self.id) != self.id:
            raise Refused(
                Fault(
                    FaultKind.ERROR,
                    "AlreadyPolled",
                    CONNECT,
                    f"a cluster called {name} is polled by {self._names[name]} already; give this one another name",
                )
            )
        found = GKE.fullmatch(access.context) or GKE.fullmatch(access.cluster_name)
        project = settings.gcp_project or (found[1] if found else "")
        known_as = cluster_of(access.context, access.cluster_name)
        return self._kinds(Shared(name, self._client, self._namespaces, project, self._setup.now, known_as))

    def _kinds(self, shared: Shared) -> tuple[KubeSource, ...]:
        cadence, routes = self._setup.cadence, Routes()
        claims = PersistentVolumeClaims(shared, cadence.live)
        workloads = (
            StatefulSets(shared, cadence.live),
            *(kind(shared, cadence.warm) for kind in (Deployments, DaemonSets, CronJobs)),
        )
        for source in workloads:
            source.after = (claims.id,)
        kept_elsewhere = tuple(
            kind(shared, cadence.cold) for kind in (ExternalSecrets, VaultStaticSecrets, SealedSecrets)
        )
        classes = StorageClasses(shared, cadence.live)
        classes.after = tuple(source.id for source in kept_elsewhere)
        http_routes, gateways = HttpRoutes(shared, cadence.warm, routes), Gateways(shared, cadence.warm, routes)
        gateways.after = (http_routes.id,)
        return (
            classes,
            PersistentVolumes(shared, cadence.live),
            claims,
            *workloads,
            Ingresses(shared, cadence.warm),
            http_routes,
            gateways,
            Services(shared, cadence.warm),
            VolumeSnapshotContents(shared, cadence.warm),
            Nodes(shared, cadence.cold),
            *kept_elsewhere,
        )


def _question(call: Call, verb: str, namespace: str) -> bytes:
    attributes = {"verb": verb, "group": call.group, "resource": call.plural, "namespace": namespace}
    return msgspec.json.encode(
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
    )


def open_kubernetes(setup: Setup, blocks: Blocks) -> list[Source]:
    """The first source of every cluster. One that several tenants name is asked once, and shared by namespaces."""
    limits = msgspec.convert(setup.limits, KubeLimits, from_attributes=True)
    ways: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        ways.setdefault(block.settings.connection, []).append(block)
    plugins, names = Plugins(limits.plugin, limits.plugin_holds), dict[str, str]()
    labels: dict[tuple[str, str], int] = {}
    made: list[Source] = []
    for members in ways.values():
        settings: KubernetesSettings = members[0].settings
        namespaces = Namespaces({block.tenant: block.settings.namespaces for block in members})
        way = KubeClient(
            settings,
            _loader(settings),
            lambda access: Identity(access, plugins, setup.now),
            setup.version,
            limits,
        )
        count = labels[namespaces.name, settings.label] = labels.get((namespaces.name, settings.label), 0) + 1
        label = settings.label if count == 1 else f"{settings.label}-{count}"
        made.append(ClusterAccess(namespaces.name, label, way, namespaces, setup, names))
    return made


def _loader(settings: KubernetesSettings) -> Callable[[str | None], Access]:
    if settings.kubeconfig == IN_CLUSTER:
        return lambda _: in_cluster()
    files, named = kubeconfig.paths(settings.kubeconfig), settings.kubeconfig is not None
    return lambda context: kubeconfig.load(files, named=named).access(settings.context or context)


def in_cluster(account: str = ACCOUNT) -> Access:
    """The cluster in whose pod this runs, as its service account. Raises ValueError (`rest.InClusterConfig` of
    client-go).
    """
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST", ""), os.environ.get("KUBERNETES_SERVICE_PORT", "")
    if not host or not port:
        raise ValueError("in-cluster: this is no pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set")
    authority = f"{account}/ca.crt"
    if not Path(authority).is_file():
        raise ValueError(f"in-cluster: this pod has no service account: there is no {authority}")
    server = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
    cluster = Cluster(server=server, certificate_authority=authority)
    return Access(IN_CLUSTER, IN_CLUSTER, IN_CLUSTER, cluster, User(token_file=f"{account}/token"))
