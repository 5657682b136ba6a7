"""The StatefulSets of the simulated tenant globex, and the disks that stand under them; without the models that their
bodies are made of, which take a second to load.
"""

from providers.demo.azure.accounts import SECOND, SUBSCRIPTION

WORKLOADS = (  # StatefulSet, namespace, replicas, GiB
    ("postgres-ledger", "finance", 6, 512),
    ("kafka", "platform", 9, 1024),
    ("elasticsearch", "search", 6, 512),
    ("redis-carts", "shop", 3, 64),
    ("mongodb-catalog", "shop", 5, 256),
    ("rabbitmq", "platform", 3, 64),
    ("prometheus", "observability", 4, 256),
    ("vault", "platform", 5, 32),
    ("minio", "build", 8, 512),
)
CLUSTERS = (("aks-prod-weu", SUBSCRIPTION, 48), ("aks-stage-weu", SECOND, 18))
AUDIT = ("audit-log", "legal", 64)
"""One more StatefulSet of the first cluster: name, namespace, GiB. Its class asks for globex' own key."""
GROUP = "MC_{}_westeurope"
"""The resource group of a cluster's nodes and disks."""


def disk_id(subscription: str, group: str, name: str) -> str:
    """A managed disk's id, as Resource Manager returns it."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/disks/{name}"


def set_id(name: str) -> str:
    """A disk encryption set's id."""
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.Compute/diskEncryptionSets/{name}"
