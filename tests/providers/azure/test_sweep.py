"""Machines, clusters, what faces the outside and people: by Resource Graph where it answers, by Resource Manager
where it does not.
"""

import pytest

from providers.azure.calls import CALLS
from providers.demo.azure import more
from providers.demo.azure.resources import ENTRA, SECOND, SUBSCRIPTION
from tests.world.azure import Azure

GRAPH = "Microsoft.ResourceGraph/resources/read"
MACHINES = "Microsoft.Compute/virtualMachines/read"


async def test_machines_are_judged_by_host_and_disks(azure: Azure) -> None:
    good = more.machine(azure.estate, "good")
    bare = more.machine(azure.estate, "bare", at_host=None)
    old = more.machine(azure.estate, "old", page_blob="https://acmevhds.blob.core.windows.net/vhds/old.vhd")
    sets = [more.scale_set(azure.estate, "ss-good"), more.scale_set(azure.estate, "ss-bare", at_host=False)]
    seen = await azure.poll()
    host, unmanaged = "azure.vm.encryption-at-host", "azure.disk.unmanaged"
    assert [seen.statuses(each)[host] for each in (good, bare, *sets)] == ["pass", "warn", "pass", "warn"]
    assert [seen.statuses(each)[unmanaged] for each in (good, old)] == ["pass", "warn"]


async def test_one_query_serves_every_subscription(azure: Azure) -> None:
    azure.estate.subscription(SECOND, "second")
    for subscription in (SUBSCRIPTION, SECOND):
        more.machine(azure.estate, "m", subscription=subscription)
    seen = await azure.poll(SUBSCRIPTION, SECOND)
    assert len([entry for entry in seen.model.all() if entry.resource.type == "azure.compute.vm"]) == 2
    assert azure.server.count(MACHINES) == 0
    queries = azure.server.count(GRAPH)
    assert queries == 9, (
        "the subscriptions, and one for each kind: machines, extensions, scale sets, galleries, clusters, gateways,"
        " front doors of both kinds"
    )


async def test_a_subscription_that_resource_graph_leaves_out_is_asked_of_resource_manager(azure: Azure) -> None:
    machine = more.machine(azure.estate, "m", at_host=False)
    azure.server.hidden.add(SUBSCRIPTION)
    seen = await azure.poll()
    assert seen.statuses(machine)["azure.vm.encryption-at-host"] == "warn"
    assert azure.server.count(MACHINES) == 1


async def test_a_subscription_that_is_left_out_and_refused_is_unknown_not_empty(azure: Azure) -> None:
    more.machine(azure.estate, "m")
    azure.server.hidden.add(SUBSCRIPTION)
    azure.faults.deny(MACHINES)
    seen = await azure.poll()
    assert (seen.source("machines").state, seen.fault("machines").permission) == ("partial", MACHINES)
    coverage = seen.finding("meta.inventory.coverage", "enctop://acme")
    assert coverage.status.word == "unknown"


async def test_a_kind_of_which_resource_graph_shows_nothing_is_confirmed_by_resource_manager(azure: Azure) -> None:
    more.cluster(azure.estate, "aks")
    azure.server.hidden_types.add("microsoft.containerservice/managedclusters")
    azure.faults.deny("Microsoft.ContainerService/managedClusters/read")
    seen = await azure.poll()
    assert seen.source("aks").state == "denied"
    assert seen.fault("aks").permission == "Microsoft.ContainerService/managedClusters/read"


@pytest.mark.parametrize("kind", ["deny", "throttle", "fail", "html"])
async def test_where_resource_graph_does_not_answer_resource_manager_is_asked(azure: Azure, kind: str) -> None:
    machine = more.machine(azure.estate, "m")
    if kind == "throttle":
        azure.faults.throttle(GRAPH, times=None, retry_after=120)
    else:
        getattr(azure.faults, kind)(GRAPH)
    seen = await azure.poll()
    assert seen.statuses(machine)["azure.vm.encryption-at-host"] == "pass"
    assert seen.source("machines").state == "ok"


async def test_pages_of_resource_graph_are_followed(azure: Azure) -> None:
    azure.server.page_size = 7
    made = {more.machine(azure.estate, f"m-{number:02}") for number in range(20)}
    seen = await azure.poll()
    assert {resource.id for resource in seen.resources("azure.compute.vm").values()} == made


@pytest.mark.parametrize(
    ("kms", "policy", "status"),
    [
        (None, "", "pass"),
        (None, 'keys = "customer-managed"', "fail"),
        ("https://acme-keys.vault.azure.net/keys/etcd", 'keys = "customer-managed"', "pass"),
        ("https://acme-keys.vault.azure.net/keys/etcd/0123", 'keys = "customer-managed"', "warn"),
    ],
)
async def test_aks_secrets_follow_the_policy(azure: Azure, kms: str | None, policy: str, status: str) -> None:
    cluster = more.cluster(azure.estate, "aks", kms_key=kms)
    seen = await azure.poll(policy=policy)
    assert seen.statuses(cluster)["azure.aks.secrets-kms"] == status
    assert seen.statuses(cluster)["azure.vm.encryption-at-host"] == "pass"


@pytest.mark.parametrize(
    ("policy", "redirects", "status"),
    [
        ("AppGwSslPolicy20220101S", True, "pass"),
        ("AppGwSslPolicy20150501", True, "fail"),
        ("AppGwSslPolicy20220101S", False, "fail"),
        (None, True, "warn"),
        ("AppGwSslPolicy20991231", True, "unknown"),
    ],
)
async def test_application_gateways(azure: Azure, policy: str | None, redirects: bool, status: str) -> None:
    gateway = more.gateway(azure.estate, "gw", policy=policy, redirects=redirects)
    assert (await azure.poll()).statuses(gateway)["azure.edge.ssl-policy"] == status


@pytest.mark.parametrize(
    ("minimum", "redirects", "status"), [("TLS12", True, "pass"), ("TLS10", True, "fail"), ("TLS12", False, "fail")]
)
async def test_front_doors(azure: Azure, minimum: str, redirects: bool, status: str) -> None:
    door = more.front_door(azure.estate, "fd", minimum=minimum, redirects=redirects)
    assert (await azure.poll()).statuses(door)["azure.edge.ssl-policy"] == status


async def test_refused_routes_of_a_front_door_are_unknown_with_the_permission(azure: Azure) -> None:
    door = more.front_door(azure.estate, "fd")
    azure.faults.deny("Microsoft.Cdn/profiles/afdendpoints/routes/read")
    finding = (await azure.poll()).finding("azure.edge.ssl-policy", door)
    assert finding.status.word == "unknown"
    assert finding.fault is not None
    assert finding.fault.permission == "Microsoft.Cdn/profiles/afdendpoints/routes/read"


async def _mfa(azure: Azure) -> tuple[str, str]:
    seen = await azure.poll(more=f'graph_endpoint = "{azure.server.url}"')
    finding = seen.finding("azure.entra.mfa", f"azure://{ENTRA}")
    return finding.status.word, finding.evidence_class


async def test_security_defaults_and_capable_people_pass(azure: Azure) -> None:
    more.people(azure.estate, defaults=True)
    azure.server.page_size = 7
    assert await _mfa(azure) == ("pass", "observed")


@pytest.mark.parametrize(
    ("people", "policy", "status"),
    [
        ({}, None, "fail"),
        ({}, {}, "pass"),
        ({}, {"state": "enabledForReportingButNotEnforced"}, "warn"),
        ({}, {"state": "disabled"}, "fail"),
        ({}, {"excluded": 2}, "pass"),
        ({}, {"excluded": 3}, "warn"),
        ({"not_capable": 3}, {}, "warn"),
        ({"admins_not_capable": 1}, {}, "fail"),
    ],
)
async def test_enforcement_and_capability_are_both_asked(
    azure: Azure, people: dict[str, int], policy: dict[str, str] | None, status: str
) -> None:
    more.people(azure.estate, defaults=False, **people)  # type: ignore[arg-type]
    if policy is not None:
        more.conditional_access(azure.estate, **policy)  # type: ignore[arg-type]
    assert (await _mfa(azure))[0] == status


async def test_without_the_licence_security_defaults_are_attested_and_nothing_else_is(azure: Azure) -> None:
    more.people(azure.estate, defaults=True, licensed=False)
    assert await _mfa(azure) == ("pass", "attested")
    more.people(azure.estate, defaults=False, licensed=False)
    more.conditional_access(azure.estate)
    assert (await _mfa(azure))[0] == "unknown"


async def test_a_refused_graph_is_unknown_and_names_its_permission(azure: Azure) -> None:
    more.people(azure.estate, defaults=True)
    azure.faults.deny("graph:userRegistrationDetails")
    seen = await azure.poll(more=f'graph_endpoint = "{azure.server.url}"')
    finding = seen.finding("azure.entra.mfa", f"azure://{ENTRA}")
    assert finding.status.word == "unknown"
    assert finding.fault is not None
    assert finding.fault.permission == "AuditLog.Read.All"


async def test_nobodys_name_is_kept(azure: Azure) -> None:
    from posture.snapshot import take, to_json

    more.people(azure.estate, defaults=True)
    seen = await azure.poll(more=f'graph_endpoint = "{azure.server.url}"')
    assert b"person1@" not in to_json(take(seen.model, seen.model.now, "test"))


async def test_nothing_is_asked_that_is_not_declared_and_nothing_is_written(azure: Azure) -> None:
    more.machine(azure.estate, "m")
    more.front_door(azure.estate, "fd")
    account = azure.estate.account(
        "acmedata", key=azure.estate.key(azure.estate.vault("v"), "k"), allow_blob_public_access=True
    )
    azure.estate.scope(account, "s")
    azure.server.unregistered.add((SUBSCRIPTION, "microsoft.network"))
    await azure.poll(more=f'graph_endpoint = "{azure.server.url}"')
    asked = {each.operation for each in azure.server.log}
    assert asked <= {
        *CALLS,
        GRAPH,
        "graph:securityDefaults",
        "graph:conditionalAccess",
        "graph:userRegistrationDetails",
    }
    assert azure.server.writes == []
