"""What goes wrong between enctop and Google Cloud: UNKNOWN with its reason, never a pass or a fail, and a recovery
within one cadence.
"""

import base64
import contextlib
import email.utils
import io
import json
import logging
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from posture.fault import FaultKind
from posture.snapshot import to_json, to_jsonl
from posture.source import State
from posture.verdict import Status
from providers.collector.frames import Encoder
from providers.collector.publisher import Publisher
from providers.gcp import faults
from providers.gcp.calls import CALLS, CLOUD_SCOPE, DIRECTORY_SCOPE, HOSTS, LIST_DISKS, Call
from providers.limits import Limits
from providers.refusals import retry_after
from tests.world.gcp import Google

pytestmark = pytest.mark.filterwarnings("ignore:The load_credentials_from_file:DeprecationWarning")

DISK = "zones/us-central1-a/disks/d"
CANARY = "ya29.CANARY-do-not-keep"
PERIMETER = "an access level or ingress rule of the VPC Service Controls perimeter around acme-prod"

REFUSALS = [
    ("deny", State.DENIED, "forbidden", "compute.disks.list"),
    ("disable", State.DENIED, "SERVICE_DISABLED", "compute.googleapis.com enabled in acme-prod"),
    ("unpaid", State.DENIED, "BILLING_DISABLED", "billing enabled on acme-prod"),
    ("fence", State.DENIED, "SECURITY_POLICY_VIOLATED", PERIMETER),
    ("rate", State.THROTTLED, "RATE_LIMIT_EXCEEDED", None),
    ("throttle", State.THROTTLED, "RESOURCE_EXHAUSTED", None),
    ("expire", State.EXPIRED, "authError", None),
    ("fail", State.ERROR, "backendError", None),
    ("html", State.ERROR, "UnreadableAnswer", None),
    ("truncate", State.ERROR, "UnreadableAnswer", None),
    ("cut", State.ERROR, "UnreadableAnswer", None),
    ("refuse", State.UNREACHABLE, None, None),
]


QUICK = Limits(attempts=2, pace=60.0)
"""What is tested is what the retries end in, not how slowly a budget that was halved ten times is spent."""


@pytest.mark.parametrize(("kind", "state", "code", "mend"), REFUSALS)
async def test_a_refusal_is_unknown_names_what_would_mend_it_and_passes(
    google: Google, kind: Any, state: State, code: str | None, mend: str | None
) -> None:
    google.project.disk("d")
    async with google.collector(limits=QUICK).running() as seen:
        assert seen.finding("gcp.disk.encryption", DISK).status is Status.PASS
        google.server.faults.add(kind, "compute.disks.*")
        await seen.again("disks")
        fault = seen.fault("disks")
        assert seen.source("disks").state is state
        assert fault.operation == "compute.disks.aggregatedList"
        assert code in (None, fault.code) or fault.code == "rateLimitExceeded"
        assert fault.permission == mend
        assert seen.finding("gcp.disk.encryption", DISK).status is Status.PASS, (
            "its rows stay as they were last seen, and age"
        )
        assert seen.model.rollups["acme"].status is Status.UNKNOWN
        seen.model.tick(seen.model.now + 400)
        assert seen.finding("gcp.disk.encryption", DISK).status is Status.UNKNOWN, (
            "after six cadences nothing is known any more"
        )
        google.server.faults.clear()
        await seen.again("disks", until=lambda: seen.source("disks").state is State.OK)


@pytest.mark.parametrize(("kind", "state", "code", "mend"), REFUSALS)
async def test_never_seen_and_refused_is_unknown_for_every_service(
    google: Google, kind: Any, state: State, code: str | None, mend: str | None
) -> None:
    google.server.faults.add(kind)
    seen = await google.poll(limits=QUICK)
    states = {source.service: source.state for source in seen.model.sources.values()}
    if kind == "disable":
        assert states.pop("filestore") is State.DISABLED, "most projects have that API off, and no file system"
    assert set(states.values()) - {state} <= {State.OK, State.PARTIAL}, states
    assert {service for service, said in states.items() if said is State.OK} == {"kms-named"}, (
        "which had nothing to ask"
    )
    assert seen.model.rollups["acme"].status is Status.UNKNOWN
    assert not any(
        f.status in {Status.PASS, Status.FAIL}
        for entry in seen.model.all()
        for f in entry.findings.values()
        if f.control.startswith("gcp.")
    )


async def test_retry_after_is_honoured_and_the_lane_slows_down(google: Google) -> None:
    google.project.disk("d")
    google.server.faults.add("throttle", "compute.disks.*", times=1, retry_after="1")
    started = time.monotonic()
    seen = await google.poll()
    assert time.monotonic() - started >= 1.0
    assert (seen.source("disks").state, seen.source("disks").calls) == (State.OK, 2)


async def test_a_503_that_says_when_to_come_back_is_waited_for(google: Google) -> None:
    google.server.faults.add("fail", "storage.buckets.list", times=1, status=503, retry_after="1")
    started = time.monotonic()
    assert (await google.poll()).source("storage").state is State.OK
    assert time.monotonic() - started >= 1.0


async def test_a_short_failure_is_retried_and_not_shown(google: Google) -> None:
    for kind in ("fail", "refuse", "cut", "truncate"):
        google.server.faults.add(kind, "storage.buckets.list", times=1)
        assert (await google.poll()).source("storage").state is State.OK, kind


@pytest.mark.parametrize("kind", ["deny", "disable", "unpaid", "fence"])
async def test_one_service_that_is_switched_off_leaves_the_others(google: Google, kind: Any) -> None:
    google.project.disk("d")
    google.server.faults.add(kind, "cloudkms.*")
    seen = await google.poll()
    assert seen.source("kms").state is State.DENIED
    assert (seen.source("disks").state, seen.source("storage").state) == (State.OK, State.OK)
    assert not seen.snapshot().complete
    if kind == "disable":
        assert (
            str(seen.fault("kms"))
            == "cloudkms.locations.list: denied (SERVICE_DISABLED, needs cloudkms.googleapis.com enabled in acme-prod)"
        )


async def test_a_project_that_is_not_there_is_an_error_not_an_empty_inventory(google: Google) -> None:
    seen = await google.poll(project="acme-gone")
    assert {source.state for source in seen.model.sources.values() if source.service != "kms-named"} == {State.ERROR}
    assert {source.fault.code for source in seen.model.sources.values() if source.fault} == {"notFound"}
    assert seen.model.rollups["acme"].status is Status.UNKNOWN


@pytest.mark.parametrize(
    ("operation", "control", "id"),
    [
        ("compute.images.list", "gcp.disk.snapshot-encryption", "global/images/base"),
        ("compute.regionSnapshots.list", "gcp.disk.snapshot-encryption", "regions/europe-west1/snapshots/s"),
        ("compute.regions.list", "gcp.disk.snapshot-encryption", "regions/europe-west1/snapshots/s"),
        ("compute.targetHttpProxies.aggregatedList", "gcp.lb.ssl-policy", "global/targetHttpProxies/h"),
    ],
)
async def test_one_listing_of_several_that_is_refused_makes_its_own_rows_unknown(
    google: Google, operation: str, control: str, id: str
) -> None:
    project = google.project
    project.image("base")
    project.snapshot("g")
    project.snapshot("s", region="europe-west1")
    project.proxy("h", "targetHttpProxies", url_map=project.url_map("m", redirect=True))
    async with google.collector().running() as seen:
        assert seen.finding(control, id).status is Status.PASS
        google.server.faults.add("deny", operation)
        service = "load-balancers" if "target" in operation else "snapshots"
        await seen.again(service)
        assert seen.source(service).state is State.PARTIAL
        finding = seen.finding(control, id)
        assert finding.status is Status.UNKNOWN
        assert finding.fault is not None
        assert finding.fault.operation == operation
        assert seen.finding("gcp.disk.snapshot-encryption", "global/snapshots/g").status is Status.PASS
        google.server.faults.clear()
        await seen.again(service, until=lambda: seen.source(service).state is State.OK)
        assert seen.finding(control, id).status is Status.PASS


async def test_a_key_ring_that_is_refused_makes_its_keys_unknown_and_leaves_the_others(google: Google) -> None:
    one, two = google.project.key("k", ring="one"), google.project.key("k", ring="two")
    async with google.collector().running() as seen:
        google.server.faults.add("deny", "cloudkms.cryptoKeys.list", "*/two")
        await seen.again("kms")
        assert (seen.finding("gcp.kms.key-state", one).status, seen.finding("gcp.kms.key-state", two).status) == (
            Status.PASS,
            Status.UNKNOWN,
        )
        google.server.faults.clear()
        await seen.again("kms")
        assert seen.finding("gcp.kms.key-state", two).status is Status.PASS


async def test_a_page_that_fails_midway_keeps_what_came_and_takes_nothing_away(google: Google) -> None:
    for number in range(1200):
        google.project.disk(f"d-{number:04}")
    async with google.collector().running() as seen:
        for number in range(1200):
            (
                google.project.delete(
                    f"//compute.googleapis.com/projects/acme-prod/zones/us-central1-a/disks/d-{number:04}"
                )
                if number % 2
                else None
            )
        google.server.faults.add("deny", "compute.disks.*")
        await seen.again("disks")
        assert sum(entry.resource.kind == "volume" for entry in seen.model.all()) == 1200
        google.server.faults.clear()
        await seen.again("disks")
        assert sum(entry.resource.kind == "volume" for entry in seen.model.all()) == 600


# ---------------------------------------------------------------- credentials


@pytest.fixture(scope="session")
def private_key() -> str:
    """Of the service account; made here, and good for nothing."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def account(google: Google, private_key: str, tmp_path: Path) -> Path:
    """A service account's file whose tokens the stand-in hands out."""
    google.server.tokens, google.server.granted = (
        {CANARY},
        {"access_token": CANARY, "expires_in": 3600, "token_type": "Bearer"},
    )
    file = tmp_path / "account.json"
    content = {
        "type": "service_account",
        "project_id": "acme-prod",
        "private_key_id": "1",
        "private_key": private_key,
        "client_email": "e@acme.example",
    }
    file.write_text(json.dumps({**content, "client_id": "1", "token_uri": f"{google.server.url}/token"}))
    return file


async def test_a_service_account_asks_with_a_token_that_is_fetched_once(google: Google, account: Path) -> None:
    google.project.disk("d")
    seen = await google.poll(credentials=str(account))
    assert seen.finding("gcp.disk.encryption", DISK).status is Status.PASS
    assert google.server.grants == 1
    assert (await google.poll()).source("disks").state is State.EXPIRED, "nobody is not let in"


async def test_application_default_credentials_are_found(
    google: Google, account: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(account))
    assert (await google.poll(credentials="default")).source("disks").state is State.OK


async def test_without_any_credentials_every_source_is_expired_and_says_so(google: Google) -> None:
    seen = await google.poll(credentials="default")
    assert {source.state for source in seen.model.sources.values()} == {State.EXPIRED, State.OK}
    assert str(seen.fault("disks")).startswith("no credentials found: gcloud auth application-default login")
    assert list(google.server.log) == []


async def test_a_token_that_is_revoked_is_renewed_once_and_where_that_fails_it_is_expired(
    google: Google, account: Path
) -> None:
    async with google.collector(credentials=str(account)).running() as seen:
        google.server.tokens, google.server.granted = (
            {"ya29.second"},
            {"access_token": "ya29.second", "expires_in": 3600, "token_type": "Bearer"},
        )
        await seen.again("disks")
        assert (seen.source("disks").state, google.server.grants) == (State.OK, 2)
        google.server.tokens, google.server.granted = set(), None
        await seen.again("disks")
        assert (seen.source("disks").state, seen.fault("disks").code) == (State.EXPIRED, "RefreshError")
        google.server.tokens, google.server.granted = (
            {CANARY},
            {"access_token": CANARY, "expires_in": 3600, "token_type": "Bearer"},
        )
        await seen.again("disks", until=lambda: seen.source("disks").state is State.OK)


@pytest.mark.parametrize("kind", ["deny", "fail", "throttle", "expire"])
async def test_no_token_is_in_a_snapshot_a_frame_a_log_or_an_error(
    google: Google, account: Path, private_key: str, kind: Any
) -> None:
    google.project.disk("d", key={"sha256": "u0Wh=", "rawKey": "cmF3LWtleS1jYW5hcnk="})
    google.project.bucket("b", prevention="inherited")
    google.server.faults.add(kind, "storage.*", echo=f" Your token was Bearer {CANARY}")
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    logging.getLogger().addHandler(handler)
    with contextlib.ExitStack() as stack:
        stack.callback(logging.getLogger().removeHandler, handler)
        seen = await google.poll(limits=QUICK, credentials=str(account))
    snapshot = seen.snapshot()
    frames = b"".join(Encoder().encode(frame) for frame in Publisher(seen.model).frames(seen.model.drain()))
    written = (
        to_json(snapshot)
        + to_jsonl(snapshot)
        + frames
        + heard.getvalue().encode()
        + repr(list(seen.model.all())).encode()
    )
    assert "[secret]" in str(msgspec.to_builtins(seen.fault("storage")))
    for secret in (
        CANARY,
        private_key.splitlines()[1],
        "cmF3LWtleS1jYW5hcnk=",
        base64.b64encode(CANARY.encode()).decode(),
    ):
        assert secret.encode() not in written


# ---------------------------------------------------------------- one table of causes


def _body(reason: str, *, details: dict[str, Any] | None = None, message: str = "no", status: str = "") -> bytes:
    error: dict[str, Any] = {"code": 403, "message": message, "errors": [{"reason": reason}], "status": status}
    return json.dumps({"error": {**error, **({"details": [details]} if details else {})}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        (
            403,
            _body("forbidden", message="Required 'compute.disks.list' permission for 'projects/p'"),
            FaultKind.DENIED,
            "forbidden",
        ),
        (403, _body("accessNotConfigured"), FaultKind.DENIED, "SERVICE_DISABLED"),
        (403, _body("forbidden", details={"reason": "BILLING_DISABLED"}), FaultKind.DENIED, "BILLING_DISABLED"),
        (403, _body("vpcServiceControls"), FaultKind.DENIED, "SECURITY_POLICY_VIOLATED"),
        (403, _body("rateLimitExceeded"), FaultKind.THROTTLED, "rateLimitExceeded"),
        (403, _body("userRateLimitExceeded"), FaultKind.THROTTLED, "userRateLimitExceeded"),
        (429, b"", FaultKind.THROTTLED, "429"),
        (401, _body("authError", status="UNAUTHENTICATED"), FaultKind.EXPIRED, "authError"),
        (401, b"<html>", FaultKind.EXPIRED, "401"),
        (404, _body("notFound"), FaultKind.ERROR, "notFound"),
        (400, _body("invalidParameter"), FaultKind.ERROR, "invalidParameter"),
        (302, b"", FaultKind.ERROR, "302"),
        (500, b"not json", FaultKind.ERROR, "500"),
        (503, b'{"error": "unavailable"}', FaultKind.ERROR, "503"),
    ],
)
def test_a_cause_has_one_kind_and_its_own_code(status: int, body: bytes, kind: FaultKind, code: str) -> None:
    refused = faults.answered(LIST_DISKS, status, body, {}, "acme-prod")
    assert (refused.fault.kind, refused.fault.code) == (kind, code)
    assert refused.transient is (status >= 500)


HELP = {
    "@type": "type.googleapis.com/google.rpc.Help",
    "links": [{"description": "x", "url": "https://console.developers.google.com"}],
}
UNUSED = (
    "Cloud Key Management Service (KMS) API has not been used in project 1042 before or it is disabled. Enable it by"
    " visiting https://x then retry."
)
UNPAID = (
    "This API method requires billing to be enabled. Please enable billing on project #1042 by visiting https://x then"
    " retry."
)
FENCED = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: b1Xf"


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation)
@pytest.mark.parametrize(
    ("status", "error", "code", "mend"),
    [
        (
            403,
            {"errors": [{"reason": "forbidden"}], "message": UNPAID},
            "BILLING_DISABLED",
            "billing enabled on acme-prod",
        ),
        (
            400,
            {"status": "FAILED_PRECONDITION", "message": "Billing is disabled for project 1042."},
            "BILLING_DISABLED",
            "billing enabled on acme-prod",
        ),
        (
            403,
            {"status": "PERMISSION_DENIED", "message": UNUSED, "details": [HELP]},
            "SERVICE_DISABLED",
            "{host} enabled in acme-prod",
        ),
        (
            403,
            {"message": "x", "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]},
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "the OAuth scope {scope}",
        ),
        (
            403,
            {"message": "Request had insufficient authentication scopes."},
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            "the OAuth scope {scope}",
        ),
        (403, {"status": "PERMISSION_DENIED", "message": FENCED}, "SECURITY_POLICY_VIOLATED", PERIMETER),
    ],
)
def test_what_no_permission_would_mend_names_what_would_however_it_is_recorded(
    call: Call, status: int, error: dict[str, Any], code: str, mend: str
) -> None:
    refused = faults.answered(call, status, json.dumps({"error": {"code": status, **error}}).encode(), {}, "acme-prod")
    scope = DIRECTORY_SCOPE if call.service == "directory" else CLOUD_SCOPE
    assert (refused.fault.kind, refused.fault.code) == (FaultKind.DENIED, code)
    assert refused.fault.permission == mend.format(host=HOSTS[call.service], scope=scope)


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("soon", None), (None, None)])
def test_retry_after_is_read_as_seconds(said: str | None, seconds: float | None) -> None:
    assert retry_after({"Retry-After": said} if said is not None else {}) == seconds


def test_retry_after_is_read_as_a_date() -> None:
    later = email.utils.formatdate(time.time() + 30, usegmt=True)
    waits = retry_after({"Retry-After": later})
    assert waits is not None
    assert 28 <= waits <= 30


def test_every_declared_call_has_a_budget_and_a_permission_or_a_scope() -> None:
    from providers.gcp.calls import BUDGETS

    for call in CALLS.values():
        assert call.family in BUDGETS
        assert call.permission or call.service == "directory"
