"""What a control says that it reads is asked by some room: a read that nobody declares would make it PASS by silence,
and no refusal would name it.
"""

import pytest

from posture.controls.registry import Control, registry
from providers.aws import calls as aws
from providers.azure import calls as azure
from providers.gcp import calls as gcp
from providers.keycloak import calls as keycloak
from providers.kubernetes import calls as kubernetes
from providers.tls.faults import OPERATIONS
from providers.vault import calls as vault

DECLARED: dict[str, set[str]] = {
    "aws": {name for call in aws.CALLS.values() for name in (call.operation, call.permission)},
    "app": {call.operation for call in keycloak.CALLS.values()},
    "azure": {call.operation for call in (*azure.CALLS.values(), *azure.GRAPH_CALLS.values(), azure.LIST_BLOBS)},
    "gcp": {call.operation for call in gcp.CALLS.values()},
    "k8s": {call.operation for call in kubernetes.CALLS.values()},
    "tls": set(OPERATIONS),
    "vault": {call.operation for call in vault.CALLS.values()},
}
"""System -> what its room asks. AWS names the account's own block by its permission: its operation is the bucket's."""
BY_WORD = frozenset({"aws.iam.sso-mfa", "doc.claim.fips", "doc.standards"})
"""Judged by what a person says, or by other findings."""
CONTROLS = [control for control in registry() if not control.id.startswith("meta.") and control.id not in BY_WORD]


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.id)
def test_what_a_control_reads_is_declared_by_the_room_of_its_system(control: Control) -> None:
    assert control.reads, "a control that reads nothing cannot be UNKNOWN by a refusal"
    assert set(control.reads) <= DECLARED[control.id.split(".")[0]]


def test_what_is_judged_by_a_word_or_judges_enctop_itself_reads_nothing() -> None:
    silent = {control.id for control in registry() if not control.reads}
    assert silent == BY_WORD | {control.id for control in registry() if control.id.startswith("meta.")}
