"""Snapshots that Kubernetes has made or was given: what is really behind them."""

from typing import Any

from posture.context import Context
from posture.controls.kubernetes.backing import absent, behind
from posture.controls.registry import control
from posture.fields import part, text
from posture.reading import NoAnswer, expected, field_of
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import Status, Verdict, because, not_applicable, passed, unknown, warned

CONTENTS = "k8s:volumesnapshotcontents"


@control("k8s.volumesnapshot", on="k8s.volumesnapshotcontent")
def volume_snapshot(content: Resource, context: Context) -> Verdict:
    """The cloud's verdict on the snapshot that its handle names, whoever made it."""
    spec = expected(field_of(content, CONTENTS, "spec"), dict, CONTENTS, "spec")
    source, status = part(spec, CONTENTS, "source"), part(content.fields, CONTENTS, "status")
    handle = text(status, CONTENTS, "snapshotHandle") or text(source, CONTENTS, "snapshotHandle")
    facts: dict[str, Any] = {"handle": handle, f"{CONTENTS}.spec.deletionPolicy": spec.get("deletionPolicy")}
    if handle is None:
        if not source:
            raise NoAnswer(unknown(f"{CONTENTS} answered without spec.source"))
        return not_applicable("no snapshot has been made yet", facts)
    link = next(iter(context.linked_all(content, "snapshot")), None)
    if link is None:
        return unknown(f"handle {one_line(handle, 120)} names no snapshot that is judged", evidence=facts)
    target, found = link
    if found is None:
        made = part(content.fields, CONTENTS, "metadata").get("creationTimestamp")
        gone = absent(content, target, made, context)
        if gone.proven:
            return warned(f"points at nothing: {gone.reason}", facts)
        until = context.now + 60.0 if gone.again else None
        return Verdict(Status.UNKNOWN, f"{one_line(handle, 120)}: {gone.reason}", facts, until)
    told = behind(found, context)
    facts |= told.evidence
    if told.status is Status.PASS:
        return passed(f"{told.name}: {told.reason}", facts)
    fault = told.finding.fault if told.finding else None
    return because(Verdict(told.status, f"{told.name}: {told.reason}", facts, None, fault), told.cause)
