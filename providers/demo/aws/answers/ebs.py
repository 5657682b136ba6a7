"""Volumes and snapshots: paged, filtered as asked, and rendered once per state of a thing."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error, xml
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_RESULTS = range(5, 1001)


def describe_volumes(asked: Asked, environ: Environ) -> Answer:
    """`MaxResults` 5..1000. Volumes that have an operator are shown only with `IncludeManagedResources`."""
    backend = _backend(asked)
    wanted = asked.listed("VolumeId")
    managed = str(asked.parameters.get("IncludeManagedResources", "")).lower() == "true"
    if gone := [name for name in wanted if name not in backend.volumes]:
        return error("ec2", 400, "InvalidVolume.NotFound", f"The volume '{gone[0]}' does not exist.")
    volumes = [backend.volumes[name] for name in wanted] if wanted else list(backend.volumes.values())
    shown = _filtered([v for v in volumes if managed or getattr(v, "operator", None) is None], asked.filters())
    return _paged(asked, shown, "DescribeVolumes", "volumeSet", _volume_xml)


def describe_snapshots(asked: Asked, environ: Environ) -> Answer:
    """One's own, the public and those shared with one; `OwnerIds` and `RestorableByUserIds` (self, all, account ids)
    narrow that.
    """
    shown = _snapshots_seen_by(asked)
    if wanted := asked.listed("SnapshotId"):
        shown = [s for s in shown if s.id in wanted]
        if len(shown) < len(set(wanted)):
            return error("ec2", 400, "InvalidSnapshot.NotFound", f"The snapshot '{wanted[0]}' does not exist.")
    if owners := {asked.account if owner == "self" else owner for owner in asked.listed("Owner")}:
        shown = [s for s in shown if s.owner_id in owners]
    if users := asked.listed("RestorableBy"):
        shown = [s for s in shown if any(_restorable(s, user, asked.account) for user in users)]
    return _paged(asked, _filtered(shown, asked.filters()), "DescribeSnapshots", "snapshotSet", _snapshot_xml)


def get_ebs_encryption_by_default(asked: Asked, environ: Environ) -> Answer:
    """On or off, per account and region."""
    return _value(
        "GetEbsEncryptionByDefault",
        "ebsEncryptionByDefault",
        str(bool(_backend(asked).ebs_encryption_by_default)).lower(),
    )


def get_ebs_default_kms_key_id(asked: Asked, environ: Environ) -> Answer:
    """An ARN once somebody has chosen a key, `alias/aws/ebs` until then."""
    return _value(
        "GetEbsDefaultKmsKeyId", "kmsKeyId", getattr(_backend(asked), "chosen_default_key", None) or "alias/aws/ebs"
    )


def get_snapshot_block_public_access_state(asked: Asked, environ: Environ) -> Answer:
    """`unblocked` until somebody blocks."""
    return _value(
        "GetSnapshotBlockPublicAccessState", "state", getattr(_backend(asked), "snapshot_sharing", "unblocked")
    )


def enable_snapshot_block_public_access(asked: Asked, environ: Environ) -> Answer:
    """`block-all-sharing` or `block-new-sharing`."""
    backend = _backend(asked)
    backend.snapshot_sharing = str(asked.parameters.get("State", "block-all-sharing"))
    return _value("EnableSnapshotBlockPublicAccess", "state", backend.snapshot_sharing)


def disable_snapshot_block_public_access(asked: Asked, environ: Environ) -> Answer:
    """Sharing with everybody is possible again."""
    _backend(asked).snapshot_sharing = "unblocked"
    return _value("DisableSnapshotBlockPublicAccess", "state", "unblocked")


def _backend(asked: Asked) -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[asked.account][asked.region]


def _value(operation: str, name: str, value: str) -> Answer:
    return xml(
        "ec2", f"<{operation}Response><requestId>0</requestId><{name}>{escape(value)}</{name}></{operation}Response>"
    )


def _filtered(things: Sequence[Any], filters: Mapping[str, list[str]]) -> Sequence[Any]:
    """`encrypted` is asked of every volume every minute, so it does not go through moto's regular expressions."""
    rest = dict(filters)
    if (wanted := rest.pop("encrypted", None)) is not None:
        things = [thing for thing in things if ("true" if thing.encrypted else "false") in wanted]
    if rest:
        from moto.ec2.utils import generic_filter

        things = generic_filter(rest, list(things))
    return things


def _paged(
    asked: Asked, things: Sequence[Any], operation: str, element: str, rendered: Callable[[Any], bytes]
) -> Answer:
    said = asked.parameters.get("MaxResults")
    if said is not None and int(said) not in MAX_RESULTS:
        return error(
            "ec2",
            400,
            "InvalidParameterValue",
            f"Value ( {said} ) for parameter maxResults is invalid. Expecting a value between 5 and 1000.",
        )
    shown, token = page(
        things, lambda thing: str(thing.id), None if said is None else int(said), asked.parameters.get("NextToken")
    )
    head = f"<{operation}Response><requestId>0</requestId><{element}>".encode()
    tail = f"</{element}>{f'<nextToken>{token}</nextToken>' if token else ''}</{operation}Response>".encode()
    return xml("ec2", b"".join((head, *map(rendered, shown), tail)))


def _snapshots_seen_by(asked: Asked) -> list[Any]:
    from moto.ec2.models import ec2_backends

    seen = list(_backend(asked).snapshots.values())
    for account in list(ec2_backends):
        if account != asked.account and asked.region in ec2_backends[account].keys():  # noqa: SIM118 - `in` would make the region
            others = ec2_backends[account][asked.region].snapshots.values()
            seen += [
                s
                for s in others
                if "all" in s.create_volume_permission_groups or asked.account in s.create_volume_permission_userids
            ]
    return seen


def _restorable(snapshot: Any, user: str, account: str) -> bool:
    if user == "all":
        return "all" in snapshot.create_volume_permission_groups
    user = account if user == "self" else user
    return user in snapshot.create_volume_permission_userids or snapshot.owner_id == user


def _volume_xml(volume: Any) -> bytes:
    """The volume as XML, made anew only when something it shows has changed."""
    tags = volume.ec2_backend.tags.get(volume.id) or {}
    attachment = volume.attachment
    state = (
        tuple(tags.items()),
        volume.encrypted,
        volume.kms_key_id,
        volume.size,
        volume.volume_type,
        volume.iops,
        volume.throughput,
        id(attachment),
        getattr(volume, "operator", None),
    )
    kept = getattr(volume, "rendered", None)
    if kept is None or kept[0] != state:
        kept = volume.rendered = (state, _render_volume(volume, attachment, tags))
    return bytes(kept[1])


def _render_volume(volume: Any, attachment: Any, tags: Mapping[str, str]) -> bytes:
    parts = [
        (
            f"<item><volumeId>{volume.id}</volumeId><size>{volume.size}</size>"
            f"<snapshotId>{volume.snapshot_id or ''}</snapshotId>"
        ),
        (
            f"<availabilityZone>{volume.zone.name if volume.zone else ''}</availabilityZone>"
            f"<status>{volume.status}</status>"
        ),
        f"<createTime>{_time(volume.create_time)}</createTime><attachmentSet>",
    ]
    if attachment is not None:
        deleted = "true" if attachment.device in ("/dev/xvda", "/dev/sda1") else "false"
        parts.append(
            f"<item><volumeId>{volume.id}</volumeId><instanceId>{attachment.instance.id}</instanceId><device>{attachment.device}</device>"
            f"<status>attached</status><attachTime>{_time(attachment.attach_time)}</attachTime><deleteOnTermination>{deleted}</deleteOnTermination></item>"
        )
    parts += ["</attachmentSet>", _tags_xml(tags), f"<volumeType>{volume.volume_type}</volumeType>"]
    parts += [
        f"<{name}>{value}</{name}>"
        for name, value in (("iops", volume.iops), ("throughput", volume.throughput))
        if value
    ]
    parts.append(f"<encrypted>{'true' if volume.encrypted else 'false'}</encrypted>")
    if volume.encrypted and volume.kms_key_id:
        parts.append(f"<kmsKeyId>{escape(volume.kms_key_id)}</kmsKeyId>")
    parts.append(f"<multiAttachEnabled>{'true' if volume.multi_attach_enabled else 'false'}</multiAttachEnabled>")
    if operator := getattr(volume, "operator", None):
        parts.append(f"<operator><managed>true</managed><principal>{escape(operator)}</principal></operator>")
    parts.append("</item>")
    return "".join(parts).encode()


def _snapshot_xml(snapshot: Any) -> bytes:
    """As `_volume_xml`."""
    tags = snapshot.ec2_backend.tags.get(snapshot.id) or {}
    state = (tuple(tags.items()), snapshot.encrypted, snapshot.kms_key_id, snapshot.description, snapshot.storage_tier)
    kept = getattr(snapshot, "rendered", None)
    if kept is None or kept[0] != state:
        kept = snapshot.rendered = (state, _render_snapshot(snapshot, tags))
    return bytes(kept[1])


def _render_snapshot(snapshot: Any, tags: Mapping[str, str]) -> bytes:
    key = f"<kmsKeyId>{escape(snapshot.kms_key_id)}</kmsKeyId>" if snapshot.encrypted and snapshot.kms_key_id else ""
    return (
        f"<item><snapshotId>{snapshot.id}</snapshotId><volumeId>{snapshot.volume.id}</volumeId><status>{snapshot.status}</status>"
        f"<startTime>{_time(snapshot.start_time)}</startTime><progress>100%</progress>"
        f"<ownerId>{snapshot.owner_id}</ownerId>"
        f"<volumeSize>{snapshot.volume.size}</volumeSize>"
        f"<description>{escape(snapshot.description or '')}</description>"
        f"<encrypted>{'true' if snapshot.encrypted else 'false'}</encrypted>{key}{_tags_xml(tags)}"
        f"<storageTier>{snapshot.storage_tier}</storageTier></item>"
    ).encode()


def _tags_xml(tags: Mapping[str, str]) -> str:
    if not tags:
        return ""
    items: Iterable[str] = (
        f"<item><key>{escape(key)}</key><value>{escape(value)}</value></item>" for key, value in tags.items()
    )
    return f"<tagSet>{''.join(items)}</tagSet>"


def _time(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
