"""Random graphs of resources: links of any kind to any of them, circles included, some by another name and some to
what nobody has seen.
"""

from collections.abc import Iterable

from hypothesis import strategies as st

from posture.model import Model
from posture.policy import Policy
from posture.reports import Batch, Complete
from posture.resource import Encryption, Link, Resource
from posture.source import Source
from tests.posture.controls.world import NOW
from tests.world import fleet

KINDS = ("workload", "claim", "persistent-volume", "volume", "bucket", "key", "storage-class", "cluster", "account")
RELS = ("claim", "volume", "bucket", "filesystem", "key", "class", "cluster", "machine", "default-class")
STATUSES = ("fail", "unknown", "warn", "pass", "not_applicable")
NAMES = [f"r{number}" for number in range(9)]
TARGETS = [*NAMES, *(f"{name}-alias" for name in NAMES), "nobody"]
SOURCE = "acme/toy/x/graph"

_links = st.lists(st.builds(Link, st.sampled_from(RELS), st.sampled_from(TARGETS)), max_size=4, unique=True)


@st.composite
def resources(draw: st.DrawFn, name: str) -> Resource:
    """One, of any kind."""
    kind = draw(st.sampled_from(KINDS))
    encryption = Encryption(draw(st.sampled_from([True, True, False, None]))) if kind in {"volume", "bucket"} else None
    type_ = fleet.TYPES[kind] if kind in {"storage-class", "cluster"} else "toy.thing"
    return Resource(
        id=name,
        kind=kind,
        type=type_,
        name=name,
        tenant=draw(st.sampled_from(["acme", "beta", "acme+beta"])),
        provider="toy",
        scope="x",
        region="",
        source=SOURCE,
        encryption=encryption,
        links=tuple(draw(_links)),
        aliases=(f"{name}-alias",) if draw(st.booleans()) else (),
        fields={"toy": draw(st.sampled_from(STATUSES))},
    )


@st.composite
def graphs(draw: st.DrawFn) -> list[Resource]:
    """Up to nine of them."""
    return [draw(resources(name)) for name in sorted(draw(st.sets(st.sampled_from(NAMES), min_size=1)))]


def model_of(seen: Iterable[Resource]) -> Model:
    """A model that holds these."""
    model = Model(fleet.told(), {"acme": Policy(), "beta": Policy()}, NOW)
    model.add_source(Source(SOURCE, "acme+beta", "toy", "x", "graph", 60.0))
    report(model, seen)
    return model


def report(model: Model, seen: Iterable[Resource]) -> None:
    """A poll that names these, and nothing else."""
    seen = tuple(seen)
    model.begin(SOURCE, NOW)
    model.apply(SOURCE, Batch(seen), NOW)
    model.apply(SOURCE, Complete(("toy.thing", *fleet.TYPES.values())), NOW)
    model.finish(SOURCE, NOW, fault=None, calls=1, seconds=0.1, next_due=None)
    model.settle()
