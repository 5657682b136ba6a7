"""Who changed an object, by the field managers that the API server keeps of it."""

import time
from pathlib import Path
from typing import Any

import pytest

from posture.who import Change, Outcome, Trail, Who, answer, words
from providers.demo.kubernetes.kinds import KINDS
from providers.demo.kubernetes.store import time_of
from tests.providers.kubernetes.room import Room
from tests.world.kubernetes import Kubernetes

MINUTE = 60 / 86400


def entry(manager: Any, days: float, *fields: str, **more: Any) -> dict[str, Any]:
    owned: dict[str, Any] = {"f:metadata": {"f:labels": {}}, "f:spec": {f"f:{field}": {} for field in fields}}
    return {"manager": manager, "operation": "Update", "time": time_of(days), "fieldsV1": owned} | more


async def ask(kubernetes: Kubernetes, where: Path, managed: list[dict[str, Any]], *, after: float | None = None) -> Who:
    """About an ingress that these have managed; it was otherwise `after` seconds ago."""
    kubernetes.cluster.ingress("acme-shop", "web", "a.example")
    kind = next(kind for kind in KINDS if kind.plural == "ingresses")
    kubernetes.server.store.change(kind, "web", "acme-shop", metadata={"managedFields": managed})
    room = Room(f'kubeconfig = "{kubernetes.kubeconfig(where)}"')
    await room.poll("ingresses")
    (resource,) = (one for one in room.held.values() if one.name == "acme-shop/web")
    now = time.time()
    change = Change(resource=resource, events=(), since=now, asked_at=now, after=None if after is None else now - after)
    told = await room.sources["ingresses"].who(change)
    for source in room.sources.values():
        await source.close()
    return answer(told, change) if isinstance(told, Trail) else told


async def test_the_last_manager_of_the_object_is_named_and_not_who_wrote_its_status(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    managed = [
        entry("helm", 9.0, "rules", "tls"),
        entry("kubectl-edit", MINUTE, "tls"),
        entry("nginx-ingress-controller", 0.0, "loadBalancer", subresource="status"),
    ]
    who = await ask(kubernetes, tmp_path, managed)
    assert who.event is not None
    assert who.event.actor == "kubectl-edit, a field manager"
    assert who.event.name == "Update of spec.tls"
    asked = list(kubernetes.server.log)[-1]
    assert (asked.verb, asked.namespace) == ("list", "acme-shop")


async def test_what_changed_nothing_in_that_time_is_not_taken_for_it(kubernetes: Kubernetes, tmp_path: Path) -> None:
    who = await ask(kubernetes, tmp_path, [entry("helm", 9.0, "tls")], after=120.0)
    assert (who.outcome, who.event) == (Outcome.NOT_RECORDED, None)


async def test_who_changed_it_since_hides_who_changed_it_before(kubernetes: Kubernetes, tmp_path: Path) -> None:
    who = await ask(kubernetes, tmp_path, [entry("helm", 9.0, "tls"), entry("argocd", -MINUTE, "rules")])
    assert (who.outcome, who.event) == (Outcome.NOT_RECORDED, None)
    assert "argocd" in who.reason


@pytest.mark.parametrize(
    "managed",
    [
        [entry("\x1b]0;owned\x07" * 90_000, MINUTE, "\x1b[2J" * 9_000)],
        [entry(7, MINUTE, operation=["x"], fieldsV1="y", subresource=None)],
        [entry("a", MINUTE, fieldsV1={"f:spec": 7, "f:\u202e": {"f:x": 1}})],
        [entry("a", MINUTE, time="soon"), entry("b", MINUTE)],
    ],
)
async def test_hostile_managers_are_short_and_clean(
    kubernetes: Kubernetes, tmp_path: Path, managed: list[dict[str, Any]]
) -> None:
    who = await ask(kubernetes, tmp_path, managed)
    assert who.event is not None
    for _, text in words(who, time.time()):
        assert text.isprintable()
        assert len(text) < 1000
