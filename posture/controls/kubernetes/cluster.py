"""What is asked of a cluster as a whole: secrets that are kept elsewhere, and volumes that it has left behind."""

from posture.context import Context
from posture.controls.registry import control
from posture.fields import part
from posture.reading import natural
from posture.resource import Resource
from posture.verdict import Verdict, unanswered, unknown

NAMESPACES = "k8s:namespaces"
MANAGERS = ("externalsecrets", "vaultstaticsecrets", "sealedsecrets")
"""Plurals of what stands for a Secret that is kept elsewhere."""


@control("k8s.secrets.outside-vault", on="k8s.cluster")
def secrets_outside_vault(cluster: Resource, context: Context) -> Verdict:
    """Secrets are never asked for: who may list them may read them. What is counted is what stands for a Secret that
    is kept elsewhere; of the others nothing is known.
    """
    refusal = next(iter(cluster.faults.values()), None)
    if refusal is not None:
        return unanswered(refusal)
    counted = part(cluster.fields, NAMESPACES, "secretManagers")
    facts = {name: natural(counted[name], NAMESPACES, f"secretManagers.{name}") for name in sorted(counted)}
    many = sum(facts.values())
    return unknown(
        f"{many} Secrets are known to be kept elsewhere; the others are not asked for"
        if many
        else "Secrets are not asked for: whoever may list them may read them",
        evidence=facts,
    )
