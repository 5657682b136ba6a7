"""Persistent volumes and claims: what is really behind them, and which of them nobody can judge."""

from collections.abc import Mapping
from typing import Any

import msgspec

from posture.context import Context
from posture.controls.kubernetes.backing import Behind, absent, behind
from posture.controls.kubernetes.drift import DRIFT
from posture.controls.kubernetes.provisioners import STORAGE_CLASSES, Asked, Intent, class_intent, intent, row_of
from posture.controls.registry import control
from posture.fields import part, text
from posture.reading import NoAnswer, expected, field_of, nested, objects, time_of, word
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Status, Verdict, because, failed, not_applicable, passed, unknown, warned, worst

VOLUMES, CLAIMS = "k8s:persistentvolumes", "k8s:persistentvolumeclaims"
BACKING = "k8s.pv.backing-volume"
TARGETS = ("volume", "bucket", "filesystem")
"""How a volume points at what is behind it."""
_PHASES = frozenset({"Pending", "Available", "Bound", "Released", "Failed"})
_CLAIM_PHASES = frozenset({"Pending", "Bound", "Lost"})
_PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
_IN_TREE = {
    "awsElasticBlockStore": "volumeID",
    "azureDisk": "diskURI",
    "azureFile": "shareName",
    "gcePersistentDisk": "pdName",
}
"""Field of `spec` -> the field in it that names the volume."""
_UNMAPPED = frozenset(
    {
        *("hostPath", "local", "nfs", "iscsi", "fc", "cephfs", "glusterfs", "rbd", "flexVolume", "flocker"),
        *("cinder", "photonPersistentDisk", "portworxVolume", "quobyte", "scaleIO", "storageos", "vsphereVolume"),
    }
)
"""Fields of `spec` that name storage of which no cloud room knows."""
WORKLOADS = {
    "k8s.statefulset": "k8s:statefulsets",
    "k8s.deployment": "k8s:deployments",
    "k8s.daemonset": "k8s:daemonsets",
    "k8s.cronjob": "k8s:cronjobs",
}
"""Type -> the operation that lists it."""
_SYSTEM = (
    *("/proc", "/sys", "/dev", "/run", "/var/run", "/etc", "/lib", "/usr", "/bin", "/sbin", "/boot", "/opt/cni"),
    *("/var/log", "/var/lib/kubelet", "/var/lib/cni", "/var/lib/docker", "/var/lib/containerd"),
)
"""Directories of the node's own system, on the node's disk or on none."""
_NO_STORAGE = frozenset({"Socket", "CharDevice"})
_IN_MEMORY = frozenset({"secrets-store.csi.k8s.io", "csi.cert-manager.io", "csi.spiffe.io"})
"""Drivers whose volumes are in the node's memory."""
_AGAIN = 60.0
"""Seconds after which it is judged again whether what points at nothing does."""
_NOTHING = Intent(Asked.UNKNOWN, "no class made it")


@control(BACKING, on=("k8s.persistentvolume", "k8s.persistentvolumeclaim"))
def backing_volume(volume: Resource, context: Context) -> Verdict:
    """What the cloud says of the volume, and whether that is what the class asked for. A claim is as its volume is."""
    return _claim(volume, context) if volume.type == "k8s.persistentvolumeclaim" else _volume(volume, context)


@control("k8s.pv.unmapped", on=("k8s.persistentvolume", *WORKLOADS))
def unmapped(pv: Resource, context: Context) -> Verdict:
    """Storage that leads to nothing a room reads may well be encrypted below: it is never a PASS, nor a FAIL."""
    if pv.type in WORKLOADS:
        return _template(pv)
    source, driver, handle = _storage(pv)
    facts = {f"{VOLUMES}.spec": source, "driver": driver, "handle": handle}
    if any(pv.link(rel) for rel in TARGETS):
        return passed("leads to what is judged", facts)
    if source in _UNMAPPED:
        return unknown(f"{source}: nobody here can say whether it is encrypted", evidence=facts)
    if row_of(driver) is None:
        return unknown(f"driver {one_line(driver, 60)} is not one that enctop knows", evidence=facts)
    return unknown(f"{_shown(handle)} of {one_line(driver, 60)} leads to nothing that is judged", evidence=facts)


def _template(workload: Resource) -> Verdict:
    """What the pods of a workload mount beside claims."""
    read = WORKLOADS[workload.type]
    mounted = objects(field_of(workload, read, "templateVolumes"), read, "templateVolumes")
    odd = {text(volume, read, "name") or "?": kind for volume in mounted if (kind := _odd(volume, read))}
    if odd:
        name, kind = next(iter(odd.items()))
        return unknown(f"{one_line(name, 60)} is {kind}: nobody here can say whether it is encrypted", evidence=odd)
    return passed("its template mounts nothing that cannot be judged", {f"{read}.volumes": len(mounted)})


def _odd(volume: Mapping[str, Any], read: str) -> str:
    """What a volume of a template is, where nobody can judge it; empty for the others."""
    host = part(volume, read, "hostPath")
    if host:
        path = (text(host, read, "path") or "").rstrip("/") or "/"
        system = path == "/" or any(path == own or path.startswith(f"{own}/") for own in _SYSTEM)
        return "" if system or text(host, read, "type") in _NO_STORAGE else f"hostPath {one_line(path, 60)}"
    if inline := part(volume, read, "csi"):
        driver = text(inline, read, "driver") or "?"
        return "" if driver in _IN_MEMORY else f"a volume of {one_line(driver, 60)}"
    return next((field for field in volume if field in _UNMAPPED and volume[field] is not None), "")


def _claim(claim: Resource, context: Context) -> Verdict:
    status = expected(field_of(claim, CLAIMS, "status"), dict, CLAIMS, "status")
    phase = word(status.get("phase"), _CLAIM_PHASES, CLAIMS, "status.phase")
    facts: dict[str, Any] = {f"{CLAIMS}.status.phase": phase}
    if phase == "Pending":
        return not_applicable("Pending: there is no volume yet", facts)
    if phase == "Lost":
        return unknown("Lost: its volume is gone, and what was behind it is not known", evidence=facts)
    pv = context.linked(claim, "volume")
    if pv is None:
        return unknown("the volume it is bound to has not been seen", evidence=facts)
    facts["volume"] = pv.name
    if drift := _other_claim(claim, pv):
        return warned(drift, facts)
    finding = context.findings(pv).get(BACKING)
    if finding is None:
        return unknown(f"{pv.name} is not judged", evidence=facts)
    verdict = Verdict(finding.status, f"{finding.reason}{_origin(claim, finding.status)}", facts, None, finding.fault)
    return because(verdict, finding.root)


def _other_claim(claim: Resource, pv: Resource) -> str:
    """What is wrong where a volume is bound to another claim than this one, which may have had its name before; empty
    where it is this one. Before it is bound, a volume names a claim without its uid.
    """
    mine = expected(nested(field_of(claim, CLAIMS, "metadata"), CLAIMS, "uid"), str, CLAIMS, "metadata.uid")
    status = expected(field_of(pv, VOLUMES, "status"), dict, VOLUMES, "status")
    if word(status.get("phase"), _PHASES, VOLUMES, "status.phase") != "Bound":
        return f"drift: {pv.name} is {status['phase']}, the claim is Bound"
    holder = expected(nested(_spec(pv), VOLUMES, "claimRef"), dict, VOLUMES, "spec.claimRef")
    theirs = expected(holder.get("uid"), str, VOLUMES, "spec.claimRef.uid")
    return "" if theirs == mine else f"drift: {pv.name} is bound to another claim"


def _origin(claim: Resource, status: Status) -> str:
    """What a claim whose volume fails was made from."""
    source = part(part(claim.fields, CLAIMS, "spec"), CLAIMS, "dataSource") if status is Status.FAIL else {}
    kind, name = source.get("kind"), source.get("name")
    if kind == "PersistentVolumeClaim":
        return f"; cloned from {one_line(str(name), 60)}"
    return f"; made from {kind} {one_line(str(name), 60)}" if isinstance(kind, str) else ""


def _volume(pv: Resource, context: Context) -> Verdict:
    targets = [target for rel in TARGETS for target in context.linked_all(pv, rel)]
    source, driver, handle = _storage(pv)
    facts: dict[str, Any] = {f"{VOLUMES}.spec": source, "driver": driver, "handle": handle}
    if not targets:
        return unknown(_no_target(pv, source, driver, handle), evidence=facts)
    missing = [target for target, found in targets if found is None]
    seen = [behind(found, context) for _, found in targets if found is not None]
    verdicts = [
        *(_missing(pv, target, facts, context) for target in missing),
        *(_judged(pv, each, target, facts, context) for each, target in zip(seen, _found(targets), strict=True)),
    ]
    status = worst(verdict.status for verdict in verdicts)
    verdict = next(verdict for verdict in verdicts if verdict.status is status)
    if len(verdicts) > 1:
        reason = f"{len(verdicts)} volumes behind it: {verdict.reason}"
        verdict = msgspec.structs.replace(verdict, reason=reason)
    return verdict


def _found(targets: list[tuple[str, Resource | None]]) -> list[Resource]:
    return [found for _, found in targets if found is not None]


def _storage(pv: Resource) -> tuple[str, str, str]:
    """The field of `spec` that says what storage it is, the driver, and the handle of the volume. Raises `NoAnswer`."""
    spec = _spec(pv)
    csi = part(spec, VOLUMES, "csi")
    if csi:
        return "csi", _told(csi, "csi.driver", "driver"), _told(csi, "csi.volumeHandle", "volumeHandle")
    for field, named in _IN_TREE.items():
        if inner := part(spec, VOLUMES, field):
            return field, f"kubernetes.io/{_PLUGIN[field]}", _told(inner, f"{field}.{named}", named)
    other = next((field for field in spec if field in _UNMAPPED and spec[field] is not None), None)
    if other is None:
        raise NoAnswer(unknown(f"{VOLUMES} answered without a kind of storage that enctop knows"))
    return other, "", ""


_PLUGIN = {
    "awsElasticBlockStore": "aws-ebs",
    "azureDisk": "azure-disk",
    "azureFile": "azure-file",
    "gcePersistentDisk": "gce-pd",
}


def _spec(pv: Resource) -> dict[str, Any]:
    return expected(field_of(pv, VOLUMES, "spec"), dict, VOLUMES, "spec")


def _told(answer: Mapping[str, Any], shown: str, field: str) -> str:
    return expected(text(answer, VOLUMES, field), str, VOLUMES, f"spec.{shown}")


def _no_target(pv: Resource, source: str, driver: str, handle: str) -> str:
    if source in _UNMAPPED:
        return f"{source}: it leads to no volume that is judged"
    if handle.startswith("local-ebs://"):
        return f"{_shown(handle)} is a disk of each node: the volumes of the nodes are judged, not this one"
    if row_of(driver) is None:
        return f"driver {one_line(driver, 60)} is not one that enctop knows"
    why = pv.fields.get("handle")
    return f"{_shown(handle)} names no volume that is judged" + (
        f": {one_line(why, 80)}" if isinstance(why, str) and why else ""
    )


def _shown(handle: str) -> str:
    return f"handle {one_line(handle, 120)}"


def _missing(pv: Resource, target: str, facts: Mapping[str, Any], context: Context) -> Verdict:
    metadata = part(pv.fields, VOLUMES, "metadata")
    found = absent(pv, target, metadata.get("creationTimestamp"), context)
    if not found.proven:
        until = context.now + _AGAIN if found.again else None
        return Verdict(Status.UNKNOWN, f"{_shown(target)}: {found.reason}", facts, until)
    phase = word(part(pv.fields, VOLUMES, "status").get("phase"), _PHASES, VOLUMES, "status.phase")
    if phase == "Bound":
        return failed(f"points at nothing: {found.reason}", facts)
    return warned(f"{phase}, and points at nothing: {found.reason}", facts)


def _judged(pv: Resource, found: Behind, target: Resource, facts: Mapping[str, Any], context: Context) -> Verdict:
    """The cloud's verdict, and whether the class agrees."""
    asks, storage_class = _asked(pv, context)
    status, reason = DRIFT[asks.asked, found.encrypted]
    facts = {**facts, **found.evidence, "class asks for": asks.asked.name.lower()}
    fault = found.finding.fault if found.finding is not None else None
    if found.encrypted is False and found.status is Status.FAIL:
        return because(failed(reason, facts), found.cause)
    if found.status < status:
        return because(Verdict(found.status, found.reason, facts, None, fault), found.cause)
    if status is Status.PASS and (other := _other_key(storage_class, asks, target, context)):
        return warned(other, facts)
    return Verdict(status, reason, facts)


def _asked(pv: Resource, context: Context) -> tuple[Intent, Resource | None]:
    """What was asked for when a volume was made: as it says itself, else as its class says, where the class is the one
    that made it.
    """
    try:
        return _made_by(pv, context)
    except NoAnswer:  # intent that cannot be read is none; what the volume is, its cloud says
        return _NOTHING, None


def _made_by(pv: Resource, context: Context) -> tuple[Intent, Resource | None]:
    metadata = part(pv.fields, VOLUMES, "metadata")
    made_by = text(part(metadata, VOLUMES, "annotations"), VOLUMES, _PROVISIONED_BY)
    row = row_of(made_by) if made_by else None
    if row is None:
        return _NOTHING, None
    attributes = part(part(_spec(pv), VOLUMES, "csi"), VOLUMES, "volumeAttributes")
    if row.attributes and attributes:
        return intent(row, {name: value for name, value in attributes.items() if isinstance(value, str)}, VOLUMES), None
    storage_class = context.linked(pv, "class")
    if storage_class is None or not _made(storage_class, pv):
        return _NOTHING, None
    if row_of(str(storage_class.fields.get("provisioner"))) is not row:
        return _NOTHING, None
    return class_intent(storage_class), storage_class


def _made(storage_class: Resource, pv: Resource) -> bool:
    """Whether a class is older than a volume: one that was made again under its name asks for something else."""
    return _age(storage_class, STORAGE_CLASSES) <= _age(pv, VOLUMES)


def _age(resource: Resource, operation: str) -> float:
    metadata = part(resource.fields, operation, "metadata")
    return time_of(metadata.get("creationTimestamp"), operation, "metadata.creationTimestamp")


def _other_key(storage_class: Resource | None, asks: Intent, volume: Resource, context: Context) -> str:
    """What to say where the class names one key and the volume is under another; empty where that is not so, or not
    known.
    """
    if asks.key is None:
        return ""
    known = volume.link("key")
    if known is None:
        return "the class names a key, the volume is under another" if _platform(volume) else ""
    if storage_class is None:
        named = asks.key.strip().rstrip("/").lower()
        return "" if named == known.lower() else "the class names a key, the volume is under another"
    mine, theirs = context.linked(storage_class, "key"), context.linked(volume, "key")
    if mine is None or theirs is None or mine.id == theirs.id:
        return ""
    return f"the class names key {mine.name}, the volume is under {theirs.name}"


def _platform(volume: Resource) -> bool:
    return volume.encryption is not None and volume.encryption.key_class.startswith("provider")
