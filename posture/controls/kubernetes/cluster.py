"""What is asked of a cluster as a whole: secrets that are kept elsewhere, and volumes that it has left behind."""

from collections.abc import Mapping

from posture.clock import Utc, parse_rfc3339
from posture.context import Context
from posture.controls.kubernetes.provisioners import STORAGE_CLASSES
from posture.controls.registry import control
from posture.fields import part
from posture.reading import natural
from posture.resource import Resource
from posture.verdict import Verdict, not_applicable, passed, unanswered, unknown, warned

_BORN: Mapping[str, str] = {"aws.ebs.volume": "CreateTime", "gcp.compute.disk": "creationTimestamp"}
"""Type of a volume -> the field that says since when it is there."""
_LISTS = {"aws": "ebs", "gcp": "disks"}
"""Provider -> the service of the source that lists volumes."""
_YOUNG = 300.0
"""Seconds after which a volume has to have its PersistentVolume: it is made before that."""
_SHOWN = 5


@control("k8s.cluster.orphans", on="k8s.cluster")
def orphans(cluster: Resource, context: Context) -> Verdict:
    """Volumes whose tags name this cluster, and which no PersistentVolume of it stands on: data that is still there. A
    volume whose tags name none may be anybody's.
    """
    refusal = next(iter(cluster.faults.values()), None)
    if refusal is not None:
        return unanswered(refusal)
    if not cluster.aliases:
        return _NO_NAME if "defaultClasses" in cluster.fields else unknown("the cluster has not been read")
    if not context.listed("kubernetes", cluster.scope, "persistentvolumes"):
        return unknown("its persistent volumes were not listed in full")
    volumes = [user for user in context.users(cluster) if user.kind == "volume"]
    left = sorted(volume.name for volume in volumes if _is_left(volume, context))
    facts = {"volumes of its tags": len(volumes), "orphans": left[:_SHOWN]}
    again = context.now + _YOUNG
    if left:
        rest = f" and {len(left) - _SHOWN} more" if len(left) > _SHOWN else ""
        return warned(f"no PersistentVolume stands on {', '.join(left[:_SHOWN])}{rest}", facts, until=again)
    provider = "aws" if cluster.aliases[0].startswith("arn:") else "gcp"
    if not context.listed(provider, None, _LISTS[provider]):
        return unknown("the volumes of its cloud were not listed in full", evidence=facts)
    if not volumes:
        return not_applicable("no volume has tags that name it", facts)
    return passed("a PersistentVolume stands on each volume of its tags", facts, until=again)


_NO_NAME = not_applicable("nothing says what its cloud calls it: no tag can name it")


def _is_left(volume: Resource, context: Context) -> bool:
    if context.count_kinds(volume).get("persistent-volume", 0):
        return False
    born = _time(volume.fields.get(_BORN.get(volume.type, "")))
    return born is None or born + _YOUNG < context.now


def _time(said: object) -> Utc | None:
    try:
        return parse_rfc3339(said) if isinstance(said, str) else None
    except ValueError:
        return None


@control("k8s.secrets.outside-vault", on="k8s.cluster")
def secrets_outside_vault(cluster: Resource, context: Context) -> Verdict:
    """Secrets are never asked for: who may list them may read them. What is counted is what stands for a Secret that
    is kept elsewhere; of the others nothing is known.
    """
    refusal = next(iter(cluster.faults.values()), None)
    if refusal is not None:
        return unanswered(refusal)
    counted = part(cluster.fields, STORAGE_CLASSES, "secretManagers")
    facts = {name: natural(counted[name], STORAGE_CLASSES, f"secretManagers.{name}") for name in sorted(counted)}
    many = sum(facts.values())
    return unknown(
        f"{many} Secrets are known to be kept elsewhere; the others are not asked for"
        if many
        else "Secrets are not asked for: whoever may list them may read them",
        evidence=facts,
    )
