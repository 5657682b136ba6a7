"""DescribeCluster with the health of the cluster, and without a key where none is configured: moto has neither."""

from typing import Any

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error, jsonic
from providers.demo.aws.request import Asked


def describe_cluster(asked: Asked, environ: Environ) -> Answer:
    """By name."""
    from moto.eks.models import eks_backends

    cluster = eks_backends[asked.account][asked.region].clusters.get(asked.resource)
    if cluster is None:
        return error("eks", 404, "ResourceNotFoundException", f"No cluster found for name: {asked.resource}.")
    issues = [
        {"code": code, "message": code, "resourceIds": [cluster.name]} for code in getattr(cluster, "key_issues", ())
    ]
    said: dict[str, Any] = {
        "name": cluster.name,
        "arn": cluster.arn,
        "createdAt": cluster.created_at.timestamp(),
        "version": cluster.version,
        "endpoint": cluster.endpoint,
        "roleArn": cluster.role_arn,
        "resourcesVpcConfig": cluster.resources_vpc_config,
        "kubernetesNetworkConfig": cluster.kubernetes_network_config,
        "status": cluster.status,
        "certificateAuthority": cluster.certificate_authority,
        "platformVersion": cluster.platformVersion,
        "tags": cluster.tags,
        "health": {"issues": issues},
    }
    if cluster.encryption_config:
        said["encryptionConfig"] = cluster.encryption_config
    return jsonic({"cluster": said})
