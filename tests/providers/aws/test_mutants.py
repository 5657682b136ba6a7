"""AWS's answers with each field taken away or changed on the wire: no PASS rests on a field that was not as documented,
and a bad row takes only itself.

Every answer is recorded from the simulated AWS over its socket; the mutants go through the same decoding, sources and
model, in process.
"""

import contextlib
import json
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import botocore.session
import pytest

from posture.controls.registry import registry
from posture.fault import Fault, FaultKind, Refused
from posture.model import Model
from posture.policy import KeyMode, Policy
from posture.reports import Report
from posture.verdict import Finding, Status
from providers.aws import eks, rds
from providers.aws.calls import CALLS, Call
from providers.aws.client import AwsClient
from providers.aws.decode import UnreadablePage, Wire, _object
from providers.aws.ebs import Region, Snapshots, Volumes
from providers.aws.efs import FileSystems
from providers.aws.eks import Clusters
from providers.aws.faults import refused
from providers.aws.iam import Identities
from providers.aws.kms import Keys
from providers.aws.rds import Databases
from providers.aws.s3 import Buckets
from providers.aws.s3_answers import AnswerReader, reader_of
from providers.aws.settings import AwsSettings
from providers.aws.source import AwsSource, Claims, Shared
from providers.aws.transport import Transport
from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, ENVIRONMENT
from providers.demo.aws.stores import People, Stores
from providers.source import TALLY, Children, Tally
from providers.tenancy import Tenancy
from tests.world.aws import Aws

NOW = time.time()
Bodies = dict[tuple[str, str], bytes]
SOURCES: tuple[type[AwsSource], ...] = (
    *(Volumes, Snapshots, Region, Databases, FileSystems, Clusters),
    *(Buckets, Identities, Keys),
)
JSON_CALLS = {call.name for call in CALLS.values() if call.service in {"kms", "efs", "eks"}}
# What only says which thing it is: another name is another thing, which is judged as well.
NAMES = {
    "volumeId",
    "snapshotId",
    "Name",
    "launchTemplateId",
    "launchTemplateName",
    "KeyArn",
    "KeyId",
    "Arn",
    "AliasName",
    "AliasArn",
    "TargetKeyId",
    "key",
    "value",
}
PLACES = {"BucketRegion"}
AS_GOOD = {
    # what the items of a list are called says nothing of them
    *(
        (item, "name in another case")
        for item in ("item", "DBCluster", "DBClusterSnapshot", "DBInstance", "DBSnapshot")
    ),
    ("Bucket", "name in another case"),
    ("EncryptionType", "twice"),  # it is a list
    ("RotationPeriodInDays", "7"),  # a number of days, and fewer than asked for
}
KEPT = {
    **{each.call.name: {each.name, each.arn, each.flag, *each.kept} for each in rds.LISTINGS},
    "DescribeCluster": set(eks._KEPT),
    "GetAccountSummary": {"entry"},
}
"""Operation -> the fields that are kept, where the others are many."""
_MODEL = botocore.session.Session()


def _about(parameters: dict[str, Any]) -> str:
    """What a call is about, so that answers of one operation are told apart."""
    known = ("KeyId", "Bucket", "name", "DBSnapshotIdentifier", "DBClusterSnapshotIdentifier")
    named = next((parameters[each] for each in known if each in parameters), None)
    return str(named or parameters.get("Filters") or parameters.get("RestorableByUserIds") or "")


class Replayed(AwsClient):
    """An account whose answers are the recorded bodies, decoded as those of AWS are."""

    def __init__(self, settings: AwsSettings, bodies: Bodies) -> None:
        super().__init__(settings, "test")
        self.number = ACCOUNT
        self.bodies = bodies

    async def ask(self, call: Call, region: str, **parameters: Any) -> dict[str, Any]:
        body = self.bodies.get((call.name, _about(parameters)))
        if body is None:  # asked only because of what was changed
            raise Refused(Fault(FaultKind.DENIED, "AccessDenied", call.operation))
        try:
            return _decoded(call, body)
        except UnreadablePage as error:
            raise refused(error, call) from None

    async def read_bucket(self, call: Call, bucket: str, region: str) -> Any:
        body = self.bodies.get((call.name, bucket))
        if body is None:
            return None
        try:
            return reader_of(call).read(body)
        except UnreadablePage as error:
            raise refused(error, call) from None


def _decoded(call: Call, body: bytes) -> dict[str, Any]:
    if call.name in JSON_CALLS:
        return _object(body)
    shape = _shape(call)
    payload = shape.serialization.get("payload")
    decoded = Wire(shape.members[payload] if payload else shape).decode(body, call.root)
    return {payload: decoded} if payload else decoded


def _shape(call: Call) -> Any:
    if call not in _SHAPES:
        _SHAPES[call] = _MODEL.get_service_model(call.service).operation_model(call.name).output_shape
    return _SHAPES[call]


_SHAPES: dict[Call, Any] = {}


@pytest.fixture
async def recorded(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> tuple[AwsSettings, Bodies]:
    """One answer of every call, over the socket."""
    _seed(aws)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    bodies: Bodies = {}
    here, read_now = threading.local(), ContextVar[tuple[str, str]]("read_now")
    blocking, get, answer, read = AwsClient._blocking, AwsClient._get, Transport.answer, AnswerReader.read

    def in_thread(self: AwsClient, call: Call, region: str, parameters: dict[str, Any], *rest: Any) -> Any:
        here.asked = (call.name, _about(parameters))
        return blocking(self, call, region, parameters, *rest)

    def answered(self: Transport, request: Any, **named: Any) -> Any:
        response = answer(self, request, **named)
        bodies[here.asked] = response.content
        return response

    async def got(self: AwsClient, call: Call, bucket: str, region: str, **named: Any) -> Any:
        read_now.set((call.name, bucket))
        return await get(self, call, bucket, region, **named)

    def taken(self: AnswerReader, body: bytes) -> Any:
        bodies[read_now.get()] = body
        return read(self, body)

    with monkeypatch.context() as patched:
        patched.setattr(AwsClient, "_blocking", in_thread)
        patched.setattr(Transport, "answer", answered)
        patched.setattr(AwsClient, "_get", got)
        patched.setattr(AnswerReader, "read", taken)
        TALLY.set(Tally())
        settings = AwsSettings(endpoint_url=aws.url, regions=("us-east-1",))
        live = AwsClient(settings, "test")
        live.number = ACCOUNT
        for source in _sources(live):
            async for _ in source.poll():
                pass
        await live.close()
    return settings, bodies


def _seed(aws: Aws) -> None:
    home, own = aws.region(), aws.buckets()
    home.encrypt_by_default()
    home.share_snapshots("block-all-sharing")
    key = home.key("payments")
    volumes = [home.volume({"Name": f"v-{number}"}, key=key, instance=f"i-{number:017x}") for number in range(2)]
    for volume in volumes:
        home.snapshot(volume)
    home.launch_template("nodes", True)
    home.launch_template("others", True)
    for name in ("b-1", "b-2"):
        own.make(name, algorithm="aws:kms", key=key, policy=bucketpolicy.tls_12(name))
    stores, people = Stores(), People()
    for name in ("a", "b"):
        stores.database(f"d-{name}", key=key)
        stores.database_cluster(f"c-{name}", key=key)
        for of in (f"d-{name}", f"c-{name}"):
            stores.database_snapshot(of, f"{of}-1")
        stores.file_system(name, key=key)
        stores.cluster(name, "1.27", key=key)
        people.user(name)


def _sources(account: AwsClient) -> list[AwsSource]:
    seen, tenancy = Shared(Claims()), Tenancy({"acme": None})
    return [
        kind(account, tenancy, "" if kind in {Buckets, Identities} else "us-east-1", 60.0, seen) for kind in SOURCES
    ]


async def _reports(source: AwsSource) -> list[Report]:
    found: list[Report] = []
    with contextlib.suppress(Refused):
        async for report in source.poll():
            assert not isinstance(report, Children)
            found.append(report)
    return found


def _judged(reports: dict[str, list[Report]], sources: list[AwsSource]) -> dict[tuple[str, str], Finding]:
    model = Model(registry(), {"acme": Policy(keys=KeyMode.EITHER)}, NOW)
    for source in sources:
        model.add_source(source.record())
        model.begin(source.id, NOW)
        for report in reports[source.service]:
            model.apply(source.id, report, NOW)
        model.finish(source.id, NOW, fault=None, calls=1, seconds=0.0, next_due=None)
    model.tick(NOW)
    return {
        (entry.resource.id, control): finding
        for entry in model.all()
        for control, finding in entry.findings.items()
        if control.startswith("aws.")
    }


# ---------------------------------------------------------------- mutants


def mutants(operation: str, body: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Each field of an answer, how it is changed, and the changed body; of a list only the first item, so that the
    others must stand.
    """
    if operation in JSON_CALLS:
        yield from (each for each in _json_mutants(json.loads(body), ()) if not _dropped(operation, each[0]))
    elif body.lstrip().startswith(b"<"):
        yield from (each for each in _xml_mutants(body) if not _dropped(operation, each[0]))


def _dropped(operation: str, where: str) -> bool:
    """Whether a field is one of those that the room lets go before anything looks at it."""
    kept = KEPT.get(operation)
    return kept is not None and not kept & set(where.split(".")) and where.count(".") > 1


def _json_mutants(whole: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, str, bytes]]:
    value = whole
    for step in path:
        value = value[step]
    if path:
        for change, new in (
            ("absent", None),
            ("null", None),
            ("''", ""),
            ("word", "Qx-Unknown"),
            ("7", 7),
            ("true", True),
            ("[]", []),
            ("{}", {}),
            ("case", _swapped(value)),
        ):
            copy = json.loads(json.dumps(whole))
            inner = copy
            for step in path[:-1]:
                inner = inner[step]
            if change == "absent":
                del inner[path[-1]]
            elif new == value:
                continue
            else:
                inner[path[-1]] = new
            yield ".".join(str(step) for step in path), change, json.dumps(copy).encode()
    steps = value if isinstance(value, dict) else range(min(1, len(value))) if isinstance(value, list) else ()
    for step in steps:
        yield from _json_mutants(whole, (*path, step))


def _xml_mutants(body: bytes) -> Iterator[tuple[str, str, bytes]]:
    for index, path in enumerate(_xml_paths(ET.fromstring(body), ())):
        del index
        for change in ("absent", "empty", "word", "case", "name in another case", "inside out", "twice"):
            root = ET.fromstring(body)
            parent, element = root, root
            for step in path:
                parent, element = element, element[step]
            if not _change(parent, element, change):
                continue
            yield _named(ET.fromstring(body), path), change, ET.tostring(root)


def _xml_paths(element: ET.Element, path: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    seen: set[str] = set()
    for step, child in enumerate(element):
        if child.tag in seen:  # a later item of a list
            continue
        seen.add(child.tag)
        yield (*path, step)
        yield from _xml_paths(child, (*path, step))


def _named(root: ET.Element, path: tuple[int, ...]) -> str:
    names = []
    for step in path:
        root = root[step]
        names.append(root.tag.rpartition("}")[2])
    return ".".join(names)


def _change(parent: ET.Element, element: ET.Element, change: str) -> bool:
    text = element.text or ""
    match change:
        case "absent":
            parent.remove(element)
        case "empty":
            for child in list(element):
                element.remove(child)
            element.text = ""
        case "word":
            for child in list(element):
                element.remove(child)
            element.text = "Qx-Unknown"
        case "case":
            if len(element) or text == _swapped(text):
                return False
            element.text = _swapped(text)
        case "name in another case":
            space, brace, name = element.tag.rpartition("}")
            element.tag = space + brace + name.swapcase()
        case "inside out":
            if len(element):
                return False
            ET.SubElement(element, "Qx").text = text
            element.text = None
        case "twice":
            if len(element):
                return False
            ET.SubElement(parent, element.tag).text = "Qx-Unknown"
    return True


def _swapped(value: Any) -> Any:
    return value.swapcase() if isinstance(value, str) else value


def _kind(operation: str) -> str:
    return {
        "DescribeVolumes": "ebs",
        "DescribeSnapshots": "snapshots",
        "ListKeys": "kms",
        "ListAliases": "kms",
        "DescribeKey": "kms",
        "GetKeyRotationStatus": "kms",
        "GetKeyPolicy": "kms",
        "DescribeLaunchTemplateVersions": "ec2",
        "GetEbsEncryptionByDefault": "ec2",
        "GetEbsDefaultKmsKeyId": "ec2",
        "GetSnapshotBlockPublicAccessState": "ec2",
        "DescribeFileSystems": "efs",
        "ListClusters": "eks",
        "DescribeCluster": "eks",
        "GetAccountSummary": "iam",
        "ListVirtualMFADevices": "iam",
        "GetCredentialReport": "iam",
        "GenerateCredentialReport": "iam",
        **dict.fromkeys((call.name for call in CALLS.values() if call.service == "rds"), "rds"),
    }.get(operation, "s3")


def _immaterial(where: str, change: str) -> bool:
    last = where.rpartition(".")[2]
    return last in NAMES | PLACES or (last, change) in AS_GOOD


async def test_no_pass_rests_on_a_field_that_is_not_as_documented_and_a_bad_row_takes_only_itself(
    recorded: tuple[AwsSettings, Bodies],
) -> None:
    settings, bodies = recorded
    replayed = Replayed(settings, bodies)
    healthy = {source.service: await _reports(source) for source in _sources(replayed)}
    before = _judged(healthy, _sources(replayed))
    passing = {key for key, finding in before.items() if finding.status is Status.PASS}
    assert len(passing) > 20
    count = 0
    unsupported: list[str] = []
    taken: list[str] = []
    for (operation, about), body in sorted(bodies.items()):
        service = _kind(operation)
        without: dict[str, set[str]] = {}
        # on the one key all others rest
        rows = operation.startswith(("Describe", "List")) and operation not in {"DescribeKey", "ListKeys"}
        for where, change, changed in mutants(operation, body):
            count += 1
            replayed.bodies = {**bodies, (operation, about): changed}
            sources = _sources(replayed)
            source = next(one for one in sources if one.service == service)
            after = _judged({**healthy, service: await _reports(source)}, sources)
            lasting = {
                control
                for control in {control for _, control in passing}
                if _count(after, control) == _count(before, control)
            }
            if change == "absent":
                without[where] = {control for _, control in passing} - lasting
            elif not _immaterial(where, change) and (still := without.get(where, set()) & lasting):
                unsupported.append(f"{operation} {where} {change}: {sorted(still)}")
            if rows and where.count(".") >= 2 and not _others_stand(before, after):
                taken.append(f"{operation} {where} {change}")
    assert count > 800
    assert not unsupported, "\n".join(unsupported)
    assert not taken, "\n".join(taken)


def _count(findings: dict[tuple[str, str], Finding], control: str) -> int:
    return sum(finding.status is Status.PASS for (_, named), finding in findings.items() if named == control)


def _others_stand(before: dict[tuple[str, str], Finding], after: dict[tuple[str, str], Finding]) -> bool:
    """Whether each control that passed several still passes all but one of them."""
    return all(
        _count(after, control) >= _count(before, control) - 1 for _, control in before if _count(before, control) > 1
    )
