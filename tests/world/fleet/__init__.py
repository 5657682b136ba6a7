"""Clusters of two tenants on three clouds, as their rooms report them, and a control that says of what is Kubernetes'
own what the resource itself says: for chains and blast radii.
"""

from functools import cache

import msgspec

from posture.context import Context
from posture.controls.registry import Control, Registry, registry
from posture.resource import Encryption, KeyClass, Link, Resource
from posture.verdict import EvidenceClass, Severity, Status, Verdict
from tests.posture.controls import world as aws
from tests.posture.controls.azure import world as azure
from tests.posture.controls.gcp import world as gcp

TYPES = {
    "workload": "k8s.statefulset",
    "claim": "k8s.persistentvolumeclaim",
    "persistent-volume": "k8s.persistentvolume",
    "storage-class": "k8s.storageclass",
    "cluster": "k8s.cluster",
    "ingress": "k8s.ingress",
    "node": "k8s.node",
}
DYING, GOOD = aws.key_arn("dying"), aws.key_arn("good")


@cache
def told() -> Registry:
    """The controls of the clouds, and one for every type of Kubernetes: the status that stands in its fields."""
    toy = Control(
        id="k8s.toy",
        title="What it says of itself",
        severity=Severity.HIGH,
        cadence="live",
        evidence_class=EvidenceClass.OBSERVED,
        subject="",
        verifies=(),
        reads=(),
        evidence="",
        states={},
        maps={},
        remedy="",
        traps="",
        applies=(*TYPES.values(), "toy.thing"),
        judge=_judge,
    )
    clouds = (control for control in registry() if not control.id.startswith("k8s."))
    return Registry((*clouds, toy), registry().sentences)


def _judge(resource: Resource, context: Context) -> Verdict:
    return Verdict(Status[str(resource.fields.get("toy", "pass")).upper()], "as it says")


def thing(kind: str, name: str, *links: tuple[str, str], tenant: str = "acme", **more: object) -> Resource:
    """A resource of Kubernetes; links are (rel, id)."""
    context, _, own = name.partition(":")
    one = TYPES[kind].removeprefix("k8s.")
    namespace = "" if kind in {"persistent-volume", "storage-class", "cluster"} else tenant
    shown = f"{namespace}/{own}" if namespace else own
    made = Resource(
        id=f"k8s://{context}/{namespace}/{one}/{own}",
        kind=kind,
        type=TYPES[kind],
        name=shown,
        tenant=tenant,
        provider="kubernetes",
        scope=context,
        region="",
        source="",
        links=tuple(Link(rel, to) for rel, to in links),
    )
    return msgspec.structs.replace(made, **more)


def chain(
    context: str, claim: str, *handles: str, tenant: str = "acme", status: str = "pass"
) -> tuple[Resource, Resource]:
    """A claim and its persistent volume, on the volumes that these handles name."""
    volume = thing(
        "persistent-volume",
        f"{context}:pvc-{tenant}-{claim}",
        *(("volume", handle) for handle in handles),
        tenant=tenant,
        fields={"toy": status},
        cells=(f"{tenant}/{claim}", "fast", "20 GiB", "Bound", "csi"),
    )
    own = thing(
        "claim",
        f"{context}:{claim}",
        ("volume", volume.id),
        tenant=tenant,
        fields={"toy": status},
        cells=(volume.name, "fast", "20 GiB", "Bound"),
    )
    return own, volume


def workload(context: str, name: str, *claims: Resource, tenant: str = "acme", status: str = "pass") -> Resource:
    """A StatefulSet of these claims."""
    links = (("claim", claim.id) for claim in claims)
    cells = (f"{len(claims)} claim{'' if len(claims) == 1 else 's'}",)
    return thing("workload", f"{context}:{name}", *links, tenant=tenant, fields={"toy": status}, cells=cells)


def ebs(name: str, key: str | None, tenant: str = "acme") -> Resource:
    """An EBS volume, which handles name by its bare id."""
    made = aws.volume(name, key=key)
    return msgspec.structs.replace(made, name=name, aliases=(name,), tenant=tenant, cells=("i-1", "20 GiB"))


def kms(name: str, state: str = "Enabled") -> Resource:
    """A KMS key."""
    made = aws.key(name, KeyRotationEnabled=True, Policy='{"Statement": []}', KeyState=state)
    return msgspec.structs.replace(made, name=f"alias/{name}", tenant="acme+beta", cells=("customer", "", ""))


def on_aws(sets: int = 4, each: int = 3) -> list[Resource]:
    """A dying key with volumes of StatefulSets of two tenants, a good one, and a plaintext volume."""
    made: list[Resource] = [kms("dying", "PendingDeletion"), kms("good")]
    for number in range(sets):
        tenant, claims = ("acme", "beta")[number % 2], []
        for ordinal in range(each):
            name = f"vol-{number:04}{ordinal:02}"
            claim, volume = chain("eks", f"data-db{number}-{ordinal}", name, tenant=tenant, status="fail")
            claims.append(claim)
            made += [ebs(name, DYING, tenant), claim, volume]
        made.append(workload("eks", f"db{number}", *claims, tenant=tenant, status="fail"))
    good, plain = chain("eks", "data-web-0", "vol-good"), chain("eks", "data-web-1", "vol-plain", status="fail")
    made += [ebs("vol-good", GOOD), ebs("vol-plain", None), *good, *plain]
    made.append(workload("eks", "web", good[0], plain[0], status="fail"))
    default = thing(
        "storage-class",
        "eks:fast",
        ("key", GOOD),
        ("cluster", "k8s://eks"),
        cells=("ebs.csi.aws.com", "default", "Delete"),
    )
    made.append(thing("node", "eks:worker-1", cells=("i-1", "us-east-1a")))
    cluster = msgspec.structs.replace(thing("cluster", "eks:eks", ("default-class", default.id)), id="k8s://eks")
    return [*made, default, cluster]


def on_azure() -> list[Resource]:
    """A StatefulSet on a managed disk, under a disk encryption set."""
    disk = azure.disk(KeyClass.CUSTOMER, "EncryptionAtRestWithCustomerKey", set_id=azure.SET)
    disk = msgspec.structs.replace(disk, encryption=Encryption(True, "AES-256", KeyClass.UNKNOWN, azure.SET))
    own = chain("aks", "data-queue-0", azure.DISK.lower())
    return [disk, azure.encryption_set(), azure.key(), *own, workload("aks", "queue", own[0])]


def on_gcp() -> list[Resource]:
    """A StatefulSet on a persistent disk, and one whose handle leads nowhere."""
    disk = gcp.disk({"kmsKeyName": gcp.key_name(version=3)}, name="pd-1")
    own, lost = chain("gke", "data-cache-0", disk.id), chain("gke", "data-lost-0", "//compute/none", status="unknown")
    sets = workload("gke", "cache", own[0]), workload("gke", "lost", lost[0], status="unknown")
    route = thing("ingress", "gke:shop", fields={"toy": "warn"}, cells=("shop.acme.example", "nginx", ""))
    return [disk, gcp.key(), *own, *lost, *sets, route]


def everything() -> list[Resource]:
    """All three clouds."""
    return [*on_aws(), *on_azure(), *on_gcp()]
