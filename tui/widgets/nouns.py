"""What one resource, or several, of a kind and type are called."""

from posture.kinds import kind_of

_TYPES = {
    "aws.ec2.launch-template": "launch template",
    "aws.iam.account": "root user",
    "aws.iam.user": "IAM user",
    "azure.aks.cluster": "AKS cluster",
    "azure.compute.disk-encryption-set": "encryption set",
    "azure.compute.vm": "virtual machine",
    "azure.compute.vmss": "scale set",
    "azure.entra.tenant": "directory",
    "enctop.identity": "application",
    "gcp.workspace": "workspace",
    "k8s.cronjob": "CronJob",
    "k8s.daemonset": "DaemonSet",
    "k8s.deployment": "Deployment",
    "k8s.gateway": "Gateway",
    "k8s.ingress": "Ingress",
    "k8s.service": "Service",
    "k8s.statefulset": "StatefulSet",
    "keycloak.realm": "realm",
    "vault.auth.mount": "login method",
}
"""The provider's own word, where a kind has several."""


def noun(kind: str, type_: str = "", many: int = 1) -> str:
    """`StatefulSet`, `volumes`."""
    if (word := _TYPES.get(type_)) is not None:
        plural = f"{word[:-1]}ies" if word.endswith("ry") else f"{word}es" if word.endswith("s") else f"{word}s"
        return word if many == 1 else plural
    return kind.replace("-", " ") if many == 1 else kind_of(kind).title.lower()
