"""Nodes: which machine of a cloud each is."""

from posture.resource import Link, Resource
from providers.kubernetes.calls import NODES
from providers.kubernetes.decode import Node, fields_of, text, within
from providers.kubernetes.handles import machine_of
from providers.kubernetes.listing import ListedSource

_ZONES = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
_REGIONS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")


class Nodes(ListedSource):
    """Listed on the cold cadence: a node is written every five minutes and is 10 to 50 KB."""

    call, row, ours, cells = NODES, Node, "node", 2

    def note(self, thing: Node, namespace: str, name: str) -> None:
        """Its project is the cluster's."""
        self.shared.learn_project(machine_of(thing)[1])

    def made(self, thing: Node, namespace: str, name: str) -> Resource:
        """The machine that it is."""
        machine, _ = machine_of(thing)
        labels = within(thing, "metadata", "labels") or {}
        zone, region = (next((labels[key] for key in keys if labels.get(key)), "") for keys in (_ZONES, _REGIONS))
        links = [Link("machine", machine)] if machine else []
        shown = machine.rpartition("/")[2] or text(within(thing, "spec", "providerID"))
        return self.seen("node", "", name, fields_of(thing), region=region, links=links, cells=(shown, zone))
