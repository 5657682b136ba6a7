"""The registry: functions and metadata are one, remedies can be run, and nothing heavy is loaded."""

import re
import subprocess
import sys
from typing import Any

import msgspec
import pytest

from posture.controls.registry import Metadata, Registry, control, joined, registry
from posture.controls.remedy import remedy_for
from posture.resource import Resource
from posture.verdict import EvidenceClass, Severity, Status, Verdict, passed
from tests.posture.controls.app.world import TYPES as APP
from tests.posture.controls.aws.edge_world import TYPES as EDGE
from tests.posture.controls.azure import world
from tests.posture.controls.gcp.world import GCP_RESOURCES
from tests.posture.controls.kubernetes.world import TYPES as KUBERNETES
from tests.posture.controls.tls.world import certificate, endpoint
from tests.posture.controls.vault.world import WHOLE as VAULT
from tests.posture.controls.world import (
    AWS_TYPES,
    bucket,
    key,
    key_arn,
    made,
    region,
    snapshot,
    source_row,
    template,
    tenant,
    volume,
)

RESOURCES = {
    "aws.ebs.volume": volume(key=key_arn(), AvailabilityZone="us-east-1a", VolumeType="gp3"),
    "aws.ebs.snapshot": snapshot(key=key_arn()),
    "aws.ec2.region": region(),
    "aws.ec2.launch-template": template(),
    "aws.s3.bucket": bucket("aws:kms", key=key_arn()),
    "aws.s3.inventory": made("b-1/inventory", "inventory", "aws.s3.inventory", fields={"Bucket": "b-1"}),
    "aws.s3.object-sample": made("b-1/sample", "object-sample", "aws.s3.object-sample"),
    "aws.kms.key": key(),
    **AWS_TYPES,
    "tls.endpoint": endpoint(),
    "tls.certificate": certificate(Host="shop.acme.example", Connect="shop.acme.example:443"),
    "enctop.source": source_row(),
    "enctop.tenant": tenant(),
    **EDGE,
    **VAULT,
    **world.TYPES,
    **GCP_RESOURCES,
    **KUBERNETES,
    **APP,
}


def test_every_control_of_the_areas_is_there_in_the_order_of_ids() -> None:
    ids = [control.id for control in registry()]
    assert ids == sorted(ids)
    clouds = {"aws.s3.": 9, "aws.ebs.": 9, "aws.kms.": 3, "azure.": 20, "gcp.": 12}
    many = {**clouds, "app.": 2, "doc.": 2, "k8s.": 11, "meta.": 5, "tls.": 20, "vault.": 23}
    assert {area: sum(control.startswith(area) for control in ids) for area in many} == many


def test_what_aws_keeps_beside_disks_and_buckets_and_who_may_log_in_has_its_controls() -> None:
    ids = {
        control.id for control in registry() if control.id.startswith(("aws.efs.", "aws.eks.", "aws.iam.", "aws.rds."))
    }
    assert ids == {
        *("aws.efs.encrypted", "aws.eks.secrets-encryption", "aws.rds.encrypted", "aws.rds.snapshot-public"),
        *("aws.iam.root-mfa", "aws.iam.sso-mfa", "aws.iam.user-console-mfa"),
    }


def test_what_faces_the_internet_on_aws_has_five_controls() -> None:
    edge = ("aws.acm.", "aws.cloudfront.", "aws.elb.")
    assert sum(control.id.startswith(edge) for control in registry()) == 5


def test_a_type_is_judged_by_its_controls_and_an_unknown_type_by_none() -> None:
    assert [control.id for control in registry().for_type("aws.ebs.snapshot")] == [
        "aws.ebs.kms-key-usable",
        "aws.ebs.snapshot-encrypted",
        "aws.ebs.snapshot-public",
    ]
    assert registry().for_type("azure.disk") == ()
    assert registry().get("no.such") is None


def test_metadata_is_read_as_types() -> None:
    found = registry().get("aws.ebs.volume-encrypted")
    assert found is not None
    assert (found.severity, found.evidence_class, found.cadence) == (Severity.CRITICAL, EvidenceClass.OBSERVED, "live")
    assert found.maps["nist-800-53r5"] == ("SC-28", "SC-28(1)", "SC-13")
    assert found.states[Status.FAIL] == "`Encrypted=false`."
    assert registry().sentences["S04"] == "All EBS the vendor creates is encrypted"


def test_controls_are_found_by_what_they_read() -> None:
    assert "aws.ebs.volume-encrypted" in registry().reading("ec2:DescribeVolumes")
    assert registry().reading("ec2:DescribeSnapshots(RestorableByUserIds=all)") == registry().reading(
        "ec2:DescribeSnapshots"
    )


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_control_says_what_it_is_for(control: Any) -> None:
    assert control.title
    assert control.verifies
    assert Status.PASS in control.states
    texts = [control.title, control.evidence, control.remedy, control.traps, *control.states.values()]
    assert not [text for text in texts if re.search(r"as above|catalogue|CONTROLS\.md|\bsection \d", text)]


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_remedy_is_ready_to_run(control: Any) -> None:
    for type_ in control.applies:
        text = remedy_for(control, RESOURCES[type_])
        assert not re.search(r"(?<!\$)\{[A-Za-z]+\}", text)
        assert "<name>" not in text
        assert not re.search(r"^(aws|enctop) .*--\S*(delete|force)", text, re.M)


@pytest.mark.parametrize("control", list(registry()), ids=lambda control: control.id)
def test_a_command_that_overwrites_says_so_before_it(control: Any) -> None:
    said = False
    for line in control.remedy.splitlines():
        said |= line.startswith("#")
        overwrites = re.match(
            r"aws .*\b(put-bucket-policy|put-key-policy|put-bucket-encryption|copy-object|put-public-access-block)\b",
            line,
        )
        assert said or not overwrites
        assert not re.match(r"aws \S+ (delete|schedule-key-deletion|disable-key|terminate)", line)


def test_what_is_filled_in_is_quoted_and_what_is_not_known_stays_a_word() -> None:
    usable = registry().get("aws.ebs.kms-key-usable")
    encrypted = registry().get("aws.ebs.volume-encrypted")
    assert usable is not None
    assert encrypted is not None
    assert f"--key-id {key_arn()} --region us-east-1" in remedy_for(usable, volume(key=key_arn()))
    assert "--key-id <key> " in remedy_for(usable, volume(encrypted=True))
    assert "--key-id '$(rm -rf ~)' " in remedy_for(usable, volume(key="$(rm -rf ~)"))
    assert "--volume-id 'vol; reboot' " in remedy_for(encrypted, volume("vol; reboot"))
    assert "--availability-zone <availability-zone> " in remedy_for(encrypted, volume())
    assert "--volume-id <volume-id> " in remedy_for(encrypted, volume("--force"))
    assert "--volume-id <volume-id> " in remedy_for(encrypted, volume("vol\x1b[2J"))


DATA: dict[str, Any] = {
    "title": "t",
    "severity": "high",
    "cadence": "live",
    "evidence_class": "observed",
    "subject": "s",
    "verifies": ["S01"],
    "evidence": "e",
    "states": {"pass": "p"},
    "maps": {},
    "remedy": "r",
}


def metadata(**more: Any) -> Metadata:
    return msgspec.convert({**DATA, **more}, Metadata)


def judge(resource: Resource, context: Any) -> Verdict:
    return passed("x")


def join(judged: tuple[str, ...], **areas: dict[str, Metadata]) -> Registry:
    return joined(dict.fromkeys(judged, (("t",), judge)), areas, {"S01": "claim"})


@pytest.mark.parametrize(
    ("judged", "areas", "says"),
    [
        ((), {"a": {"x.y.z": metadata()}}, "a.toml: x.y.z has no function"),
        (("x.y.z",), {"a": {}}, "control x.y.z has no metadata"),
        (
            ("x.y.z",),
            {"a": {"x.y.z": metadata()}, "b": {"x.y.z": metadata()}},
            "b.toml: x.y.z stands in another area as well",
        ),
        (("x.y.z",), {"a": {"x.y.z": metadata(verifies=["S99"])}}, "verifies S99, which is not a sentence"),
        (("x.y.z",), {"a": {"x.y.z": metadata(remedy="run {nmae}")}}, "leaves {nmae} to be filled in"),
    ],
)
def test_a_half_control_is_an_error_in_one_line(
    judged: tuple[str, ...], areas: dict[str, dict[str, Metadata]], says: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(says)) as caught:
        join(judged, **areas)
    assert "\n" not in str(caught.value)


def test_a_control_judged_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"aws\.ebs\.volume-encrypted is judged twice"):
        control("aws.ebs.volume-encrypted", on="t")(judge)


def test_an_unknown_key_of_metadata_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError, match="remedie"):
        metadata(remedie="x")


def test_loading_the_controls_loads_nothing_heavy() -> None:
    program = (
        "import sys, posture.controls; print(*[m for m in ('boto3', 'botocore', 'textual', 'asyncio', 'aiohttp',"
        " 'importlib.resources') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip() == ""
    )
