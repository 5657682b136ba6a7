"""Every call enctop may make of an API server, and the permission it takes. A call that is not declared here cannot be
made. All of them list or watch, but for the question what we are allowed.

Sources: Kubernetes API reference; RBAC reference ("Default roles": `system:discovery` and `system:basic-user`, which
every authenticated user has, allow `/apis` and self reviews).
"""

from collections.abc import Iterable
from urllib.parse import quote

import msgspec

from providers.system import Blocks


class Call(msgspec.Struct, frozen=True):
    """The reads of one kind of object. `group` is empty for the core group; `kind` is its name in ids, the singular
    in lower case; `named` is what the API calls the kind.
    """

    plural: str
    group: str
    version: str
    named: str
    kind: str
    namespaced: bool = True
    watched: bool = True

    @property
    def operation(self) -> str:
        """As errors and evidence name it."""
        return f"k8s:{self.plural}"

    @property
    def resource(self) -> str:
        """As kubectl spells it: `storageclasses.storage.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def verbs(self) -> tuple[str, ...]:
        """What it takes."""
        return ("list", "watch") if self.watched else ("list",)

    @property
    def permission(self) -> str:
        """`list,watch storageclasses.storage.k8s.io`."""
        return self.needs(*self.verbs)

    def needs(self, *verbs: str) -> str:
        """The permission for some of its verbs."""
        return f"{','.join(verbs)} {self.resource}"

    def path(self, namespace: str = "") -> str:
        """Of the whole cluster, or of a namespace."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        return f"{root}{within}/{self.plural}"


CALLS: dict[str, Call] = {}


def _call(plural: str, api: str, named: str, *, namespaced: bool = True, watched: bool = True) -> Call:
    group, _, version = api.rpartition("/")
    call = CALLS[f"k8s:{plural}"] = Call(plural, group, version, named, named.lower(), namespaced, watched)
    return call


CLAIMS = _call("persistentvolumeclaims", "v1", "PersistentVolumeClaim")
VOLUMES = _call("persistentvolumes", "v1", "PersistentVolume", namespaced=False)
CLASSES = _call("storageclasses", "storage.k8s.io/v1", "StorageClass", namespaced=False)
STATEFUL_SETS = _call("statefulsets", "apps/v1", "StatefulSet")
DEPLOYMENTS = _call("deployments", "apps/v1", "Deployment")
DAEMON_SETS = _call("daemonsets", "apps/v1", "DaemonSet")
CRON_JOBS = _call("cronjobs", "batch/v1", "CronJob")
INGRESSES = _call("ingresses", "networking.k8s.io/v1", "Ingress")
GATEWAYS = _call("gateways", "gateway.networking.k8s.io/v1", "Gateway")
ROUTES = _call("httproutes", "gateway.networking.k8s.io/v1", "HTTPRoute")
SERVICES = _call("services", "v1", "Service")
SNAPSHOTS = _call("volumesnapshotcontents", "snapshot.storage.k8s.io/v1", "VolumeSnapshotContent", namespaced=False)
EXTERNAL_SECRETS = _call("externalsecrets", "external-secrets.io/v1", "ExternalSecret", watched=False)
VAULT_SECRETS = _call("vaultstaticsecrets", "secrets.hashicorp.com/v1beta1", "VaultStaticSecret", watched=False)
SEALED_SECRETS = _call("sealedsecrets", "bitnami.com/v1alpha1", "SealedSecret", watched=False)
"""None has a value that can be read; they are counted."""
NODES = _call("nodes", "v1", "Node", namespaced=False, watched=False)
"""Rewritten every five minutes by each kubelet: listed seldom, not watched."""
NAMESPACES = _call("namespaces", "v1", "Namespace", namespaced=False, watched=False)
"""Only where the whole cluster may not be listed and the configuration names namespaces by a pattern."""

REVIEW = "k8s:selfsubjectaccessreviews"
REVIEW_PERMISSION = "create selfsubjectaccessreviews.authorization.k8s.io"
REVIEW_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
GROUPS, GROUPS_PATH = "k8s:apis", "/apis"
"""Which groups the server has: asked where a kind was not found."""

RATE, PERIOD, AT_ONCE = 40, 1.0, 2
"""Requests a period, the period in seconds, and how many under way, per cluster. A list may take ten seats of the
server's (API Priority and Fairness), so no more than two are asked at a time; a watch takes its turn only until it is
open.
"""


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy kubernetes`: the least ClusterRole as YAML, for `kubectl apply -f FILE`."""
    return (
        "# What enctop asks, and nothing else: no Secret, no Pod, no get. What it may do it asks by\n"
        "# SelfSubjectAccessReview, which every authenticated user may. Bind it:\n"
        "#   kubectl create clusterrolebinding enctop --clusterrole=enctop --user=USER\n"
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRole\n"
        "metadata:\n"
        "  name: enctop\n"
        "rules:\n" + "".join(_rule(group, verbs, plurals) for group, verbs, plurals in rules())
    )


def rules() -> list[tuple[str, tuple[str, ...], list[str]]]:
    """Group, verbs and plurals of each rule."""
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for call in CALLS.values():
        found.setdefault((call.group, call.verbs), []).append(call.plural)
    return [(group, verbs, plurals) for (group, verbs), plurals in found.items()]


def _rule(group: str, verbs: Iterable[str], plurals: Iterable[str]) -> str:
    return f'- apiGroups: ["{group}"]\n  resources: [{", ".join(plurals)}]\n  verbs: [{", ".join(verbs)}]\n'
