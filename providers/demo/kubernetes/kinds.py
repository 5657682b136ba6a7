"""The kinds the simulated API server knows, as discovery tells them."""

import msgspec

ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Kind(msgspec.Struct, frozen=True):
    """One kind of object. `short` are kubectl's short names; `verbs` those that discovery tells."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL

    @property
    def api_version(self) -> str:
        """`v1` or `GROUP/VERSION`, as an object's `apiVersion`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def resource(self) -> str:
        """As kubectl and error texts name it: `persistentvolumes`, `storageclasses.storage.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def path(self) -> str:
        """Where the API server serves it: `/api/v1/persistentvolumes`."""
        return f"/{'apis' if self.group else 'api'}/{self.api_version}/{self.plural}"


KINDS = (
    Kind("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Kind("", "v1", "events", "Event", True, ("ev",)),
    Kind("", "v1", "namespaces", "Namespace", False, ("ns",)),
    Kind("", "v1", "nodes", "Node", False, ("no",)),
    Kind("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", True, ("pvc",)),
    Kind("", "v1", "persistentvolumes", "PersistentVolume", False, ("pv",)),
    Kind("", "v1", "pods", "Pod", True, ("po",)),
    Kind("", "v1", "secrets", "Secret", True),
    Kind("", "v1", "services", "Service", True, ("svc",)),
    Kind("apps", "v1", "daemonsets", "DaemonSet", True, ("ds",)),
    Kind("apps", "v1", "deployments", "Deployment", True, ("deploy",)),
    Kind("apps", "v1", "statefulsets", "StatefulSet", True, ("sts",)),
    Kind("batch", "v1", "cronjobs", "CronJob", True, ("cj",)),
    Kind("networking.k8s.io", "v1", "ingresses", "Ingress", True, ("ing",)),
    Kind("storage.k8s.io", "v1", "storageclasses", "StorageClass", False, ("sc",)),
    Kind("storage.k8s.io", "v1", "volumeattributesclasses", "VolumeAttributesClass", False, ("vac",)),
    Kind("snapshot.storage.k8s.io", "v1", "volumesnapshotclasses", "VolumeSnapshotClass", False, ("vsclass",)),
    Kind("snapshot.storage.k8s.io", "v1", "volumesnapshotcontents", "VolumeSnapshotContent", False, ("vsc",)),
    Kind("snapshot.storage.k8s.io", "v1", "volumesnapshots", "VolumeSnapshot", True, ("vs",)),
    Kind("gateway.networking.k8s.io", "v1", "gatewayclasses", "GatewayClass", False, ("gc",)),
    Kind("gateway.networking.k8s.io", "v1", "gateways", "Gateway", True, ("gtw",)),
    Kind("gateway.networking.k8s.io", "v1", "httproutes", "HTTPRoute", True),
    Kind("external-secrets.io", "v1", "externalsecrets", "ExternalSecret", True, ("es",)),
    Kind("secrets.hashicorp.com", "v1beta1", "vaultstaticsecrets", "VaultStaticSecret", True),
    Kind("bitnami.com", "v1alpha1", "sealedsecrets", "SealedSecret", True),
    Kind("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False, (), ("create",)),
    Kind("authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview", False, (), ("create",)),
)
PRIVATE = frozenset({"secrets", "pods", "configmaps", "events"})
"""Plurals that enctop must never ask for: to ask is a violation."""
BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
BY_OBJECT = {(kind.api_version, kind.kind): kind for kind in KINDS}


def kind_of(body: dict[str, object]) -> Kind:
    """The kind of an object by its `apiVersion` and `kind`. Raises KeyError for one that is not served."""
    return BY_OBJECT[str(body["apiVersion"]), str(body["kind"])]
