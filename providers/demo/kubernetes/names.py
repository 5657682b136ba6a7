"""How Kubernetes and its CSI drivers call what they make."""

import json
import uuid

_SPACE = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def claim_uid(cluster: str, namespace: str, claim: str) -> str:
    """A claim's uid, the same in every run."""
    return str(uuid.uuid5(_SPACE, f"{cluster}/{namespace}/{claim}"))


def pv_name(cluster: str, namespace: str, claim: str) -> str:
    """The volume that a provisioner makes for a claim."""
    return f"pvc-{claim_uid(cluster, namespace, claim)}"


def ebs_tags(cluster: str, namespace: str, claim: str, pv: str) -> dict[str, str]:
    """As the EBS driver tags a volume, with --extra-create-metadata and --k8s-tag-cluster-id."""
    return {
        "CSIVolumeName": pv,
        "ebs.csi.aws.com/cluster": "true",
        "ebs.csi.aws.com/cluster-name": cluster,
        "KubernetesCluster": cluster,
        f"kubernetes.io/cluster/{cluster}": "owned",
        **_created_for(namespace, claim, pv),
    }


def disk_tags(namespace: str, claim: str, pv: str) -> dict[str, str]:
    """As the Azure disk driver tags a disk."""
    return {
        "k8s-azure-created-by": "kubernetes-azure-dd",
        "kubernetes.io-created-for-pv-name": pv,
        "kubernetes.io-created-for-pvc-name": claim,
        "kubernetes.io-created-for-pvc-namespace": namespace,
    }


def pd_description(namespace: str, claim: str, pv: str) -> str:
    """As the PD driver describes a disk."""
    return json.dumps({**_created_for(namespace, claim, pv), "storage.gke.io/created-by": "pd.csi.storage.gke.io"})


def _created_for(namespace: str, claim: str, pv: str) -> dict[str, str]:
    begin = "kubernetes.io/created-for"
    return {
        f"{begin}/pv/name": pv,
        f"{begin}/pvc/name": claim,
        f"{begin}/pvc/namespace": namespace,
    }
