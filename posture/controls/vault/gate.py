"""One root cause: while the cluster is sealed, silent, or does not know our token, nothing else about it is known,
and everything says so.
"""

from collections.abc import Callable
from typing import Any

from posture.context import Context
from posture.controls.registry import Judge, control
from posture.fault import Fault, FaultKind
from posture.reading import expected, field_of
from posture.resource import Resource
from posture.verdict import Verdict, because, unanswered, unknown

SEAL_STATUS = "GET sys/seal-status"
LOOKUP_SELF = "GET auth/token/lookup-self"


def behind_the_seal(control_id: str, *, on: str | tuple[str, ...]) -> Callable[[Judge], Judge]:
    """As `control`, for what can only be known of a Vault that is open: else it is UNKNOWN because of the cluster,
    whatever was read before.
    """

    def register(judge: Judge) -> Judge:
        def gated(resource: Resource, context: Context) -> Verdict:
            return closed(context.linked(resource, "vault")) or judge(resource, context)

        gated.__module__, gated.__qualname__ = judge.__module__, judge.__qualname__
        return control(control_id, on=on)(gated)

    return register


def closed(cluster: Resource | None) -> Verdict | None:
    """Why nothing is known of what is in this cluster, or None."""
    shut = None if cluster is None else _shut(cluster)
    return None if cluster is None or shut is None else because(shut, cluster.id)


def _shut(cluster: Resource) -> Verdict | None:
    silence = cluster.faults.get(SEAL_STATUS)
    if silence is not None:
        return unanswered(silence)
    if not flag(field_of(cluster, SEAL_STATUS, "initialized"), SEAL_STATUS, "initialized"):
        return unknown(
            f"{cluster.name} is not initialised", _sealed("NotInitialized", "there is no Vault in there yet")
        )
    if flag(field_of(cluster, SEAL_STATUS, "sealed"), SEAL_STATUS, "sealed"):
        given = f"{cluster.fields.get('progress') or 0} of {cluster.fields.get('t') or '?'} keys given"
        return unknown(
            f"{cluster.name} is sealed: vault.seal.status is the root cause",
            _sealed("Sealed", f"Vault is sealed, {given}"),
        )
    ended = cluster.faults.get(LOOKUP_SELF)
    return unanswered(ended) if ended is not None and ended.kind is FaultKind.EXPIRED else None


def flag(value: Any, operation: str, field: str) -> bool:
    """True or false as the API tells it. Raises `NoAnswer` for all else."""
    return expected(value, bool, operation, field)


def _sealed(code: str, message: str) -> Fault:
    return Fault(FaultKind.UNREACHABLE, code, SEAL_STATUS, message)
