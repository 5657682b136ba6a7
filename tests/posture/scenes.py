"""For each control, what it passes: a resource that is as promised, in its world. Found by asking it: a new control
needs a resource, not a line here.
"""

from collections.abc import Iterator
from functools import cache

import msgspec

from posture.controls.registry import Control, registry
from posture.policy import Attestation, ExceptionRule, KeyMode, Policy
from posture.resource import KeyClass, Resource
from posture.source import State
from posture.verdict import Status
from providers.demo.aws import bucketpolicy
from tests.posture.controls import world as aws
from tests.posture.controls.aws import edge_world
from tests.posture.controls.azure import world as azure_world
from tests.posture.controls.gcp import world as gcp_world
from tests.posture.controls.kubernetes import world as k8s_world
from tests.posture.controls.test_law import ARN, TYPES
from tests.posture.controls.tls.world import endpoint, found
from tests.posture.controls.vault import world as vault_world
from tests.posture.controls.world import DAY, NOW, World

EXCEPTION = msgspec.convert(
    {"control": "aws.ebs", "resource": "*", "until": "2027-11-01", "reason": "scratch", "approved_by": "j.doe"},
    ExceptionRule,
)
WORDS = tuple(
    msgspec.convert(
        {"control": control, "statement": "it is so", "attested_by": "j.doe", "until": "2027-11-01"}, Attestation
    )
    for control in ("app.password.hashing", "app.2fa.supported", "doc.claim.fips")
)
DOUBLE = azure_world.account(KeyClass.DOUBLE, "Microsoft.Keyvault")
DOUBLY = {**DOUBLE.fields["properties"]["encryption"], "requireInfrastructureEncryption": True}
POLICIES = (
    *(Policy(keys=mode, strict=strict) for mode in KeyMode for strict in (False, True)),
    Policy(keys=KeyMode.CUSTOMER_MANAGED, mfa="required"),
    Policy(exception=(EXCEPTION,), attestation=WORDS),
)
KEY = aws.key(
    KeyRotationEnabled=True, RotationPeriodInDays=365, Policy='{"Statement": []}', ValidTo="2027-11-23T14:00:00Z"
)
OPEN_FLAGS = dict.fromkeys(("BlockPublicAcls", "BlockPublicPolicy"), False) | dict.fromkeys(
    ("IgnorePublicAcls", "RestrictPublicBuckets"), True
)
MORE: tuple[Resource, ...] = (
    aws.bucket(
        "AES256",
        blocked=["SSE-C"],
        Policy=bucketpolicy.tls_12("b-1"),
        PolicyStatus={"IsPublic": False},
        PublicAccessBlockConfiguration=dict.fromkeys(OPEN_FLAGS, True),
    ),
    aws.bucket(
        "aws:kms",
        key=ARN,
        blocked=["SSE-C"],
        Policy=None,
        PolicyStatus={"IsPublic": False},
        PublicAccessBlockConfiguration=OPEN_FLAGS,
    ),
    aws.eks_cluster(),
    aws.database(StorageEncrypted=False, StorageEncryptionType="sse-rds"),
    aws.database_snapshot(Encrypted=False, Public=False),
    aws.database_snapshot(Encrypted=False, SnapshotType="automated"),
    azure_world.account(KeyClass.CUSTOMER, "Microsoft.Keyvault", allowBlobPublicAccess=False),
    azure_world.mounted(),
    azure_world.mounted(azure_world.instance().id),
    msgspec.structs.replace(
        DOUBLE, fields={**DOUBLE.fields, "properties": {**DOUBLE.fields["properties"], "encryption": DOUBLY}}
    ),
    gcp_world.bucket(
        modes={
            "customerManaged": "FullyRestricted",
            "customerSupplied": "FullyRestricted",
            "googleManaged": "NotRestricted",
        }
    ),
    vault_world.backend({"healthy": True}),
    vault_world.cluster(links={"storage-1": aws.volume(key=ARN).id}),
    aws.tenant(),
    k8s_world.storage_class(k8s_world.EBS, {"encrypted": "true"}),
    *edge_world.MORE,
    found(endpoint(), edge_world.listener().id, edge_world.distribution().id),
)
"""Resources beside one of each type, for controls that pass none of those."""


class Scene(msgspec.Struct, frozen=True):
    """One thing that a control passes: the resource and the world it stands in."""

    control: Control
    resource: Resource
    world: World


def scenes(control: Control) -> tuple[Scene, ...]:
    """All that `control` passes among these resources, worlds and policies; of one resource at most one for each key
    mode.
    """
    return _scenes(control.id)


@cache
def _scenes(control_id: str) -> tuple[Scene, ...]:
    control = registry().get(control_id)
    assert control is not None
    found: dict[tuple[str, KeyMode], Scene] = {}
    for resource in (
        *(TYPES[type_] for type_ in control.applies),
        *(more for more in MORE if more.type in control.applies),
    ):
        for world in _worlds(resource):
            if control.judge(resource, world).status is Status.PASS:
                found.setdefault((resource.id, world.policy.keys), Scene(control, resource, world))
    return tuple(found.values())


def _worlds(resource: Resource) -> Iterator[World]:
    beside = [
        KEY,
        aws.region(key=ARN),
        aws.account(),
        *edge_world.BESIDE,
        *azure_world.BESIDE,
        gcp_world.key(),
        *gcp_world.BESIDE,
        vault_world.cluster(),
        aws.volume(key=ARN),
        *k8s_world.BESIDE,
    ]
    beside = [other for other in beside if other.id != resource.id]
    asked = [
        aws.source(state=State.OK, last_success=NOW - DAY / 1440),
        aws.source("acme/azure/1/disks", provider="azure", state=State.OK, last_success=NOW),
        k8s_world.listed("persistentvolumes"),
    ]
    for policy in POLICIES:
        for seen in (beside, []):
            yield World(seen, policy, asked)


def without_a_scene() -> list[str]:
    """Controls that pass nothing here."""
    return [control.id for control in registry() if not scenes(control)]
