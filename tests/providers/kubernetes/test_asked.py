"""What is asked of a cluster is what `enctop policy kubernetes` prints, and two things that everybody may ask."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from posture.fault import ConfigError
from providers.collector.config import ambient, parse
from providers.collector.systems import policy_text
from providers.demo.kubernetes.kubeconfig import kubeconfig
from providers.kubernetes.calls import CALLS
from providers.kubernetes.settings import KubernetesSettings
from tests.providers.kubernetes.room import QUICK, Following, block, opened
from tests.providers.kubernetes.signing_in import CANARY
from tests.world.kubernetes import TOKEN, USER, Kubernetes, Secured

REVIEW = "create selfsubjectaccessreviews.authorization.k8s.io"


def role() -> dict[str, Any]:
    """The printed ClusterRole."""
    printed: dict[str, Any] = yaml.safe_load(policy_text("kubernetes", frozenset()))
    return printed


def granted() -> set[str]:
    """As the server's log spells it."""
    return {
        f"{verb} {resource}.{group}" if group else f"{verb} {resource}"
        for rule in role()["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


async def test_a_full_run_asks_what_the_printed_role_grants_and_what_it_may(
    secured_kubernetes: Secured, tmp_path: Path
) -> None:
    """Every kind listed and watched, by somebody who has that role and no other."""
    server = secured_kubernetes.server
    server.access.bind(role(), USER)
    config = secured_kubernetes.kubeconfig(tmp_path)
    async with opened(block(config, 'namespaces = ["acme-*"]')) as room:
        begun = await room.begin()
        assert begun.faults() == []
        watched = []
        for service, source in room.sources.items():
            assert (await room.poll(service)).refused is None
            if source.call.watched:  # type: ignore[attr-defined]
                watched.append(Following(room, room.watched(service)))
        async with asyncio.timeout(10):
            while len(server.streams) < len(watched):  # noqa: ASYNC110 - the server has no event for it
                await asyncio.sleep(0.01)
        for follow in watched:
            await follow.stop()
    asked = set(server.log.permissions)
    assert asked - {REVIEW} == granted() - {"list namespaces"}
    plurals = {each.split()[-1].partition(".")[0] for each in asked | granted()}
    assert not plurals & {"secrets", "pods"}
    assert not any(each.startswith("get ") for each in asked | granted())


async def test_what_may_not_be_done_is_told_verb_by_verb(secured_kubernetes: Secured, tmp_path: Path) -> None:
    rules = [{**rule, "verbs": ["list"]} for rule in role()["rules"]]
    secured_kubernetes.server.access.bind({"rules": rules}, USER)
    async with opened(block(secured_kubernetes.kubeconfig(tmp_path))) as room:
        begun = await room.begin()
    assert sorted(str(fault.permission) for fault in begun.faults()) == sorted(
        call.needs("watch") for call in CALLS.values() if call.watched
    )


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('context = ""', "tenant[0].kubernetes[0].context: is empty"),
        ('kubeconfig = "in-cluster"\ncontext = "x"', "context: goes without kubeconfig = 'in-cluster'"),
        ('namespaces = ["Acme"]', "namespaces: 'Acme' is not a namespace"),
        ('name = "a/b"', "name: 'a/b' is not letters, digits"),
        ('gcp_project = "1"', "gcp_project: '1' is not a project's id"),
        ('token = "x"', "refused, no secret ever stands in this file; use a kubeconfig"),
        ('contxt = "x"', "unknown key, did you mean context?"),
        ('context = "a"\n[[tenant.kubernetes]]\ncontext = "a"', "the cluster 'a' is there twice"),
        ('context = "a"\n[[tenant.kubernetes]]\nkubeconfig = "x"\ncontext = "a"', "two clusters are called 'a'"),
    ],
)
def test_settings_that_cannot_be_are_told_in_a_line(lines: str, says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(f'[[tenant]]\nname = "acme"\n[[tenant.kubernetes]]\n{lines}\n', "file")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("mine", "yours", "says"),
    [
        ('namespaces = ["a"]', "", "share the cluster 'x'; give each its own"),
        ('namespaces = ["a"]', 'namespaces = ["b"]\ngcp_project = "acme-prod"', "with different settings"),
        ('namespaces = ["a"]', 'namespaces = ["b"]', None),
    ],
)
def test_tenants_share_a_cluster_by_namespaces(mine: str, yours: str, says: str | None) -> None:
    text = "".join(
        f'[[tenant]]\nname = "{name}"\n[[tenant.kubernetes]]\ncontext = "x"\n{lines}\n'
        for name, lines in (("acme", mine), ("globex", yours))
    )
    if says is None:
        assert len(parse(text, "file").tenant) == 2
        return
    with pytest.raises(ConfigError) as caught:
        parse(text, "file")
    assert says in str(caught.value)


def test_without_a_file_the_current_context_is_asked_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert ambient().blocks("kubernetes") == []
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube" / "config").write_text("")
    assert [each.settings for each in ambient().blocks("kubernetes")] == [KubernetesSettings()]
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert ambient().blocks("kubernetes") == []


async def test_a_kubeconfig_that_is_no_good_is_one_line_of_one_source(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(f"clusters: [{CANARY}\n")
    async with opened(block(config), limits=QUICK) as room:
        begun = await room.begin()
    assert begun.error is None
    assert begun.refused is not None
    assert begun.refused.message.startswith(f"{config}:2: not YAML")
    assert CANARY not in begun.refused.message
    assert begun.reports == []


async def test_a_pod_asks_its_own_cluster_as_its_service_account(
    secured_kubernetes: Secured, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from providers.kubernetes import discovery
    from tests.world.kubernetes import authority

    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "ca.crt").write_bytes(authority().root.pem)
    inside = discovery.in_cluster
    monkeypatch.setattr(discovery, "in_cluster", lambda: inside(str(tmp_path)))
    async with opened('kubeconfig = "in-cluster"') as room:
        begun = await room.begin()
        assert begun.refused is not None
        assert "this is no pod" in begun.refused.message
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", str(secured_kubernetes.server.port))
        assert (await room.poll("storageclasses")).refused is None
        assert "k8s://in-cluster" in room.held


async def test_two_clusters_of_the_same_name_are_told_apart_by_a_name(kubernetes: Kubernetes, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        kubernetes.kubeconfig(tmp_path / folder)
    one, other = (f'kubeconfig = "{tmp_path / folder / "kubeconfig"}"' for folder in "ab")
    async with opened(f"{one}\n[[tenant.kubernetes]]\n{other}") as room:
        assert [root.id for root in room.roots] == [
            "acme/kubernetes/current-context/access",
            "acme/kubernetes/current-context-2/access",
        ]
        assert (await room.begin()).refused is None
        room.roots.reverse()
        begun = await room.begin()
        assert begun.refused is not None
        assert "a cluster called prod is polled by acme/kubernetes/current-context/access already" in str(
            begun.refused.message
        )
    async with opened(f'{one}\nname = "a"\n[[tenant.kubernetes]]\n{other}\nname = "b"') as room:
        await room.begin()
        assert room.sources["nodes"].id == "acme/kubernetes/a/nodes"


async def test_a_context_that_becomes_the_current_one_later_is_another_cluster_and_is_not_asked(
    kubernetes: Kubernetes, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    servers = {"prod": kubernetes.server.url, "other": "http://127.0.0.1:9"}
    config.write_text(kubeconfig(servers, current="prod"))
    async with opened(block(config)) as room:
        assert (await room.poll("storageclasses")).refused is None
        config.write_text(kubeconfig(servers, current="other"))
        assert (await room.begin()).refused is None
        assert (await room.poll("storageclasses")).refused is None
        assert room.sources["nodes"].id == "acme/kubernetes/prod/nodes"
