"""Three nodes with TLS: each failure is shown as what it is, and another node is asked when the configured one is
away.
"""

import asyncio

import pytest

from posture.verdict import Status
from providers.demo.vault.server import BaoError
from tests.world.raft import Raft, RaftCluster
from tests.world.vault import Watched, configured, reader, watched


async def _a_node_is_killed_and_restarted(raft: RaftCluster, it: Watched, leader: Raft) -> None:
    victim = next(node for node in raft.nodes[1:] if node is not leader)
    name = f"nodes/127.0.0.1:{victim.port}"
    victim.kill()
    await it.until(
        lambda: "unreachable" in it.find(name).findings["vault.seal.status"].reason,
        "the killed node does not answer",
        20,
    )
    assert it.find(name).findings["vault.seal.status"].status is Status.UNKNOWN
    await it.until(
        lambda: "1 without an answer" in it.find("").findings["vault.seal.status"].reason,
        "and the cluster says so",
        20,
    )
    assert it.find("").findings["vault.seal.status"].status is Status.WARN
    await it.until(lambda: it.statuses("vault.ha.quorum") != [Status.PASS], "autopilot notices", 30)

    victim.start()
    await it.until(
        lambda: "sealed" in it.find(name).findings["vault.seal.status"].reason, "the restarted node is sealed", 20
    )
    assert it.find(name).findings["vault.seal.status"].status is Status.WARN
    assert not [
        finding
        for finding in it.findings()
        if finding.status is Status.FAIL and finding.control.startswith("vault.seal")
    ]
    raft.unseal(victim)
    await it.until(lambda: set(it.statuses("vault.seal.status")) == {Status.PASS}, "all are well at the end", 20)


async def _nodes_go_until_none_can_lead(raft: RaftCluster, it: Watched) -> None:
    first = raft.nodes[0]
    raft.nodes = [node for node in raft.nodes if node is not first]
    first.stop()  # the address that is configured
    await it.until(
        lambda: "1 without an answer" in it.find("").findings["vault.seal.status"].reason, "one node is silent", 20
    )
    leader = await asyncio.to_thread(raft.leader)
    await it.until(lambda: it.find("").resource.fields["leader_address"] == leader.url, "the new leader", 30)
    await it.until(
        lambda: all(source.state.value == "ok" for source in it.model.sources.values() if source.provider == "vault"),
        "another node answers everything",
        30,
    )

    leader.kill()
    await it.until(
        lambda: "no active node" in it.find("").findings["vault.seal.status"].reason, "one of three cannot lead", 30
    )
    assert it.find("").findings["vault.seal.status"].status is Status.WARN


async def test_step_down_a_killed_node_and_a_restarted_one_are_told_apart(raft: RaftCluster) -> None:
    first = raft.nodes[0]
    async with watched(configured(first.url, f'ca_file = "{first.ca_file}"', live="2s", warm="3s")) as it:
        await it.until(lambda: len(it.statuses("vault.seal.status")) == 4, "the cluster and its three nodes")
        await it.until(lambda: set(it.statuses("vault.seal.status")) == {Status.PASS}, "all are well")
        await it.until(lambda: it.statuses("vault.ha.quorum") == [Status.PASS], "quorum")
        assert it.find("").resource.fields["leader_address"] == first.url
        assert it.state("leases") == "ok"

        first.call("PUT", "sys/step-down", {})
        leader = await asyncio.to_thread(raft.leader)
        await it.until(lambda: it.find("").resource.fields["leader_address"] == leader.url, "the new leader", 30)
        await it.until(
            lambda: it.find("").findings["vault.seal.status"].status is Status.PASS, "all are well again", 20
        )
        await it.until(lambda: it.state("leases") == "ok", "metrics come from the active node, whichever it is", 30)

        await _a_node_is_killed_and_restarted(raft, it, leader)

        with pytest.raises(BaoError) as refused:
            leader.call("PUT", "sys/step-down", {}, token=reader(leader))
        assert refused.value.status == 403

        await _nodes_go_until_none_can_lead(raft, it)
