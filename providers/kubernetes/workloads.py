"""StatefulSets, Deployments, DaemonSets and CronJobs: which claims they have, and what else their pods mount."""

from typing import Any

import msgspec

from posture.clock import Seconds
from posture.resource import Link, Resource
from providers.kubernetes.calls import CLAIMS, CRON_JOBS, DAEMON_SETS, DEPLOYMENTS, STATEFUL_SETS
from providers.kubernetes.decode import fields_of, public, within
from providers.kubernetes.decode_workloads import Workload
from providers.kubernetes.listing import Key
from providers.kubernetes.source import Shared
from providers.kubernetes.watching import WatchedSource


class Workloads(WatchedSource):
    """A kind that makes pods. One is reported again when a claim of it comes or goes."""

    row, ours, cells = Workload, "workload", 1

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self.wake, self._touched = shared.claims.subscribe()
        self._known: dict[str, dict[str, tuple[Workload, dict[str, str]]]] = {}
        """Namespace -> name -> the workload, and its claims as they were told."""

    def note(self, thing: Workload, namespace: str, name: str) -> None:
        """Keep it: its claims may change while it does not."""
        self._known.setdefault(namespace, {})[name] = (thing, self.shared.claims.of(thing, self.call.kind))

    def forget(self, namespace: str, name: str) -> None:
        """It is gone."""
        self._known.get(namespace, {}).pop(name, None)

    def woken(self) -> list[Resource]:
        """The workloads whose claims are others than they were."""
        touched = set(self._touched)
        self._touched.clear()
        found: list[Resource] = []
        for namespace in touched:
            for name, (thing, told) in self._known.get(namespace, {}).items():
                claims = self.shared.claims.of(thing, self.call.kind)
                if claims != told:
                    self._known[namespace][name] = (thing, claims)
                    found.append(self._made((namespace, name), thing, claims))
        return found

    def besides(self) -> list[Resource]:
        """As claims may have come meanwhile."""
        return self.woken()

    def made(self, thing: Workload, namespace: str, name: str) -> Resource:
        """With its claims."""
        return self._made((namespace, name), thing, self._known[namespace][name][1])

    def _made(self, key: Key, thing: Workload, claims: dict[str, str]) -> Resource:
        fields = fields_of(thing)
        fields["claims"] = dict(claims)
        fields["templateVolumes"] = _mounted(thing)
        for holder in (fields.get("spec"), _job(fields)):
            if isinstance(holder, dict):  # the same, without the claims
                holder.pop("template", None)
        (fields.get("spec") or {}).pop("jobTemplate", None)
        links = [Link("claim", self.id_of(key[0], name, CLAIMS.kind)) for name in claims]
        return self.seen("workload", *key, fields, links=links, cells=(_counted(len(claims)),))


class StatefulSets(Workloads):
    """StatefulSets."""

    call = STATEFUL_SETS


class Deployments(Workloads):
    """Deployments."""

    call = DEPLOYMENTS


class DaemonSets(Workloads):
    """DaemonSets."""

    call = DAEMON_SETS


class CronJobs(Workloads):
    """CronJobs."""

    call = CRON_JOBS


def _mounted(thing: Workload) -> list[dict[str, Any]]:
    """What the pods mount beside claims: directories of the node, and volumes that are named without one."""
    spec = thing.spec
    template = within(spec, "jobTemplate", "spec", "template") or within(spec, "template")
    volumes: list[dict[str, Any]] = msgspec.to_builtins(within(template, "spec", "volumes") or [])
    for each in volumes:
        public(each.get("csi"), "volumeAttributes")
    without_claims = [
        {name: value for name, value in each.items() if name not in {"persistentVolumeClaim", "ephemeral"}}
        for each in volumes
    ]
    return [each for each in without_claims if len(each) > 1]


def _job(fields: dict[str, Any]) -> Any:
    return ((fields.get("spec") or {}).get("jobTemplate") or {}).get("spec")


def _counted(many: int) -> str:
    return f"{many} claim{'s' * (many != 1)}" if many else ""
