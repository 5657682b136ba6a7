"""Objects of a cluster as the Kubernetes room makes them, for the controls to look at."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from posture.resource import Link, Resource
from posture.source import Source, State
from tests.posture.controls import world as aws
from tests.posture.controls.world import NOW, made

CONTEXT = "prod"
BORN, LATER = "2026-10-01T00:00:00Z", "2026-10-02T00:00:00Z"
EBS, AZURE, PD = "ebs.csi.aws.com", "disk.csi.azure.com", "pd.csi.storage.gke.io"
PLURALS = {
    "storageclass": "storageclasses",
    "persistentvolume": "persistentvolumes",
    "persistentvolumeclaim": "persistentvolumeclaims",
    "statefulset": "statefulsets",
    "deployment": "deployments",
    "daemonset": "daemonsets",
    "cronjob": "cronjobs",
    "volumesnapshotcontent": "volumesnapshotcontents",
    "ingress": "ingresses",
    "gateway": "gateways",
    "service": "services",
    "node": "nodes",
}
KINDS = {
    "storageclass": "storage-class",
    "persistentvolume": "persistent-volume",
    "persistentvolumeclaim": "claim",
    **dict.fromkeys(("statefulset", "deployment", "daemonset", "cronjob"), "workload"),
    "volumesnapshotcontent": "snapshot",
    **dict.fromkeys(("ingress", "gateway", "service"), "ingress"),
    "node": "node",
}


def kid(kind: str, name: str, namespace: str = "", context: str = CONTEXT) -> str:
    """The id of an object; the cluster's own has no namespace."""
    return f"k8s://{context}/{namespace}/{kind}/{name}"


def thing(
    kind: str,
    name: str,
    fields: Mapping[str, Any],
    *,
    namespace: str = "",
    context: str = CONTEXT,
    links: Iterable[tuple[str, str | None]] = (),
    created: str | None = BORN,
    annotations: Mapping[str, str] | None = None,
    uid: str = "u-1",
    **more: Any,
) -> Resource:
    """An object of a kind, with the metadata that all have."""
    metadata = {
        "name": name,
        "uid": uid,
        **({"creationTimestamp": created} if created else {}),
        **({"annotations": dict(annotations)} if annotations else {}),
    }
    usual: dict[str, Any] = {
        "name": f"{namespace}/{name}" if namespace else name,
        "provider": "kubernetes",
        "scope": context,
        "region": "",
        "source": f"acme/kubernetes/{context}/{PLURALS[kind]}",
        "fields": {"metadata": metadata, **fields},
    }
    return _linked(made(kid(kind, name, namespace, context), KINDS[kind], f"k8s.{kind}", **{**usual, **more}), links)


def _linked(resource: Resource, links: Iterable[tuple[str, str | None]]) -> Resource:
    return msgspec.structs.replace(resource, links=tuple(Link(rel, to) for rel, to in links if to))


def storage_class(
    provisioner: str = EBS,
    parameters: Mapping[str, Any] | None = None,
    *,
    name: str = "gp3",
    key: str | None = None,
    default: str | None = None,
    **more: Any,
) -> Resource:
    """A storage class; without parameters it has none."""
    fields = {"provisioner": provisioner, **({} if parameters is None else {"parameters": dict(parameters)})}
    annotations = {} if default is None else {"storageclass.kubernetes.io/is-default-class": default}
    links = [("cluster", f"k8s://{more.get('context', CONTEXT)}"), ("key", key)]
    return thing("storageclass", name, fields, links=links, annotations=annotations, **more)


def pv(
    target: str | tuple[str, ...] | None = None,
    *,
    name: str = "pv-1",
    driver: str = EBS,
    handle: str | None = None,
    of: str | None = "gp3",
    phase: str = "Bound",
    claim_uid: str | None = "u-1",
    made_by: str | None = "",
    spec: Mapping[str, Any] | None = None,
    attributes: Mapping[str, str] | None = None,
    rel: str = "volume",
    **more: Any,
) -> Resource:
    """A persistent volume on `target`; made by its driver, unless `made_by` is None."""
    targets = (target,) if isinstance(target, str) else target or ()
    shown = handle if handle is not None else (targets[0] if targets else "vol-0a")
    csi = {"driver": driver, "volumeHandle": shown, **({"volumeAttributes": dict(attributes)} if attributes else {})}
    held = {"claimRef": {"name": "data-db-0", "namespace": "acme", **({"uid": claim_uid} if claim_uid else {})}}
    fields = {"spec": {**(spec if spec is not None else {"csi": csi}), **held}, "status": {"phase": phase}}
    annotations = {} if made_by is None else {"pv.kubernetes.io/provisioned-by": made_by or driver}
    own = {"created": LATER, "region": "us-east-1", **more}
    context = own.get("context", CONTEXT)
    links = [*((rel, each) for each in targets), ("class", of and kid("storageclass", of, context=context))]
    return thing("persistentvolume", name, fields, links=links, annotations=annotations, **own)


def claim(
    volume: str | None = "pv-1", *, name: str = "data-db-0", phase: str = "Bound", uid: str = "u-1", **more: Any
) -> Resource:
    """A claim bound to a volume."""
    spec = {**({"volumeName": volume} if volume else {}), **more.pop("spec", {})}
    context = more.get("context", CONTEXT)
    links = [("volume", volume and kid("persistentvolume", volume, context=context))]
    fields = {"spec": spec, "status": {"phase": phase}}
    return thing("persistentvolumeclaim", name, fields, namespace="acme", links=links, uid=uid, **more)


def workload(
    claims: Mapping[str, str] | None = None, kind: str = "statefulset", *, name: str = "db", **more: Any
) -> Resource:
    """A workload that has these claims: name -> where it has them from."""
    whence = {"data-db-0": "template"} if claims is None else dict(claims)
    context = more.get("context", CONTEXT)
    links = [("claim", kid("persistentvolumeclaim", claim, "acme", context)) for claim in whence]
    fields = {"spec": {"replicas": 1}, "claims": whence, "templateVolumes": more.pop("volumes", [])}
    return thing(kind, name, fields, namespace="acme", links=links, **more)


def content(target: str | None = None, *, handle: str | None = None, given: bool = False, **more: Any) -> Resource:
    """A VolumeSnapshotContent; `given` ones name their handle in the spec."""
    shown = handle if handle is not None else target
    source = {"snapshotHandle": shown} if given else {"volumeHandle": "vol-0a"}
    fields = {
        "spec": {"deletionPolicy": "Delete", "source": source},
        "status": {} if given or shown is None else {"snapshotHandle": shown},
    }
    return thing("volumesnapshotcontent", "snapcontent-1", fields, links=[("snapshot", target)], **more)


def ingress(
    hosts: Iterable[str | None] = ("shop.acme.example",),
    tls: Iterable[Mapping[str, Any]] = (),
    *,
    address: Mapping[str, str] | None = None,
    **more: Any,
) -> Resource:
    """An Ingress that a public balancer serves."""
    rules = [{} if host is None else {"host": host} for host in hosts]
    spec = {"ingressClassName": "x", "rules": rules, "tls": [dict(entry) for entry in tls], **more.pop("spec", {})}
    served = [dict(address or {"hostname": "lb.example"})]
    return thing(
        "ingress", "shop", {"spec": spec, "status": {"loadBalancer": {"ingress": served}}}, namespace="acme", **more
    )


def gateway(*listeners: Mapping[str, Any], routes: list[dict[str, Any]] | None = None, **more: Any) -> Resource:
    """A Gateway with these listeners, and what was read of the routes on it."""
    fields = {
        "spec": {"listeners": [dict(listener) for listener in listeners]},
        "status": {"addresses": [{"value": "8.8.8.8"}]},
        **({} if routes is None else {"httpRoutes": routes}),
    }
    return thing("gateway", "edge", fields, namespace="acme", **more)


def service(*ports: Mapping[str, Any], kind: str = "LoadBalancer", **more: Any) -> Resource:
    """A Service with these ports."""
    spec = {"type": kind, "ports": [dict(port) for port in ports]}
    return thing("service", "shop", {"spec": spec, "status": {"loadBalancer": {}}}, namespace="acme", **more)


def node(provider: str | None = "aws:///us-east-1a/i-1", machine: str | None = "i-1", **more: Any) -> Resource:
    """A node on a machine."""
    return thing(
        "node", "node-1", {"spec": {"providerID": provider} if provider else {}}, links=[("machine", machine)], **more
    )


def cluster(*defaults: str, known_as: str | None = None, region: str | None = None, **fields: Any) -> Resource:
    """The cluster, with its default classes, the newest first; what its cloud calls it, and its region there."""
    resource = made(
        f"k8s://{CONTEXT}",
        "cluster",
        "k8s.cluster",
        name=CONTEXT,
        provider="kubernetes",
        scope=CONTEXT,
        region="",
        source=f"acme/kubernetes/{CONTEXT}/storageclasses",
        aliases=(known_as,) if known_as else (),
        fields={"defaultClasses": list(defaults), **fields},
    )
    return _linked(resource, [*(("default-class", kid("storageclass", name)) for name in defaults), ("region", region)])


def listed(service: str, provider: str = "kubernetes", scope: str = CONTEXT, **more: Any) -> Source:
    """A source that has answered in full, ten seconds ago."""
    usual = {"tenant": "acme", "cadence": 60.0, "state": State.OK, "last_success": NOW - 10.0}
    return Source(
        **{
            "id": f"acme/{provider}/{scope}/{service}",
            "provider": provider,
            "scope": scope,
            "service": service,
            **usual,
            **more,
        }
    )


EKS = f"arn:aws:eks:us-east-1:{aws.HOME}:cluster/prod"
VOLUME = aws.volume("vol-1", key=aws.key_arn())
SNAPSHOT = aws.snapshot("snap-1", key=aws.key_arn())
ENCRYPTED = storage_class(EBS, {"kmsKeyId": aws.key_arn()}, key=aws.key_arn(), default="true")
TLS_LISTENER = {
    "name": "https",
    "protocol": "HTTPS",
    "port": 443,
    "tls": {"mode": "Terminate", "certificateRefs": [{"name": "c"}]},
}
TYPES: dict[str, Resource] = {
    "k8s.storageclass": ENCRYPTED,
    "k8s.persistentvolume": pv(VOLUME.id),
    "k8s.persistentvolumeclaim": claim(),
    "k8s.statefulset": workload(),
    "k8s.deployment": workload(kind="deployment"),
    "k8s.daemonset": workload(kind="daemonset"),
    "k8s.cronjob": workload(kind="cronjob"),
    "k8s.volumesnapshotcontent": content(SNAPSHOT.id),
    "k8s.ingress": ingress(
        tls=[{"hosts": ["shop.acme.example"], "secretName": "c"}],
        annotations={"nginx.ingress.kubernetes.io/ssl-redirect": "true"},
    ),
    "k8s.gateway": gateway(
        TLS_LISTENER,
        {"name": "http", "protocol": "HTTP", "port": 80},
        routes=[{"sectionName": "http", "redirects": True}],
    ),
    "k8s.service": service({"name": "https", "port": 443, "protocol": "TCP"}),
    "k8s.node": node(machine=VOLUME.id),
    "k8s.cluster": cluster("gp3", known_as=EKS, secretManagers={"externalsecrets": 3}),
}
"""Type -> one in order, of which the laws take parts away."""
TAGGED = _linked(aws.volume("vol-tagged", key=aws.key_arn()), [("key", aws.key_arn()), ("cluster", EKS)])
BESIDE = (pv(VOLUME.id), claim(), ENCRYPTED, SNAPSHOT, TAGGED, pv(TAGGED.id, name="pv-tagged"))
"""What those point at, beside the clouds' own."""
