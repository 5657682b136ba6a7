"""What is asked is what is declared, what is declared is what the policy grants, and no credential is ever repeated."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from providers.aws.calls import CALLS, policy
from providers.collector.__main__ import keep_log
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.collector.frames import Encoder
from providers.collector.publisher import Publisher
from providers.collector.systems import policy_text
from providers.demo.aws import faults
from providers.demo.aws.accounts import ROLE
from providers.demo.aws.request import Asked
from tests.providers.conftest import Watch, configuration
from tests.providers.subjects.aws import OPT_INS, seed
from tests.world.aws import Aws

ALL = frozenset({"role", "tag", "object_sample", "inventory", "who"})


def everything(aws: Aws) -> str:
    """A configuration with every opt-in, and a world in which every call has something to ask."""
    seed(aws)
    also = f'{OPT_INS}[[tenant.aws]]\nendpoint_url = "{aws.url}"\nregions = ["us-east-1"]\nrole_arn = "{ROLE}"'
    return configuration(aws, also=also)


def granted(needs: frozenset[str]) -> set[str]:
    """Every action that `enctop policy aws --with ...` grants."""
    return {
        action for statement in json.loads(policy_text("aws", needs))["Statement"] for action in statement["Action"]
    }


async def test_all_that_is_asked_is_declared_and_all_that_is_granted_is_asked(aws: Aws) -> None:
    text = everything(aws)
    aws.log.clear()
    await Collector(parse(text, "test")).once(60)
    declared = {call.operation if call.service != "s3control" else f"s3control:{call.name}" for call in CALLS.values()}
    assert aws.log.operations <= declared
    needed = {faults.PERMISSIONS.get(operation, operation) for operation in aws.log.operations}
    assert granted(ALL) - needed <= {"s3:GetBucketLocation", "cloudtrail:LookupEvents"}, (
        "the first is asked only where a listing does not say the region, the second when somebody wants to know"
    )
    assert needed <= granted(ALL)


async def test_who_has_what_the_policy_grants_reads_everything(aws: Aws, watch: Callable[..., Watch]) -> None:
    text = everything(aws)
    seen = watch(text=text)
    allowed = granted(ALL)
    before = aws.faults.before

    def only(asked: Asked) -> object:
        if faults.PERMISSIONS.get(asked.operation, asked.operation) not in allowed:
            aws.deny(asked.operation)
        return before(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(aws.faults, "before", only)
        await seen.poll()
    assert {source.id: source.fault for source in seen.model.sources.values() if source.fault is not None} == {}


@pytest.mark.parametrize("need", sorted(ALL))
def test_each_setting_adds_its_own_permissions_and_no_other(need: str) -> None:
    assert granted(frozenset({need})) - granted(frozenset()) == {
        call.permission for call in CALLS.values() if call.need == need
    } | ({"s3:ListBucket"} if need == "inventory" else set())
    assert not any(word in action for action in granted(ALL) for word in ("Put", "Delete", "Create", "Update", "*"))
    assert policy(frozenset({need}))["Version"] == "2012-10-17"


CANARY_KEY, CANARY_SECRET, CANARY_TOKEN = (
    "AKIACANARYCANARY0001",
    "canarySecret0/canarySecret1+canarySecret2",
    "FwoGZXIvYXdzEcanaryToken" + "Canary/+" * 40,
)


@pytest.mark.parametrize("fault", [None, "deny", "expire", "fail", "html", "cut", "truncate", "refuse"])
async def test_no_credential_is_ever_repeated(
    aws: Aws,
    watch: Callable[..., Watch],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: str | None,
) -> None:
    """Not even where a server repeats it: the message of a signature that does not match holds the request's
    headers.
    """
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", CANARY_KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY_SECRET)
    monkeypatch.setenv("AWS_SESSION_TOKEN", CANARY_TOKEN)
    said = f"The Canonical String was 'host:x x-amz-security-token:{CANARY_TOKEN} Credential={CANARY_KEY}/2026'"
    for kind in ("deny", "expire", "fail"):
        monkeypatch.setitem(faults.MESSAGES, kind, said)
    aws.buckets().make("b-1")
    aws.region().key("k")
    seen = await watch().poll()
    if fault is not None:
        getattr(aws.faults, fault)("*")
        await seen.poll()
    frames = b"".join(Encoder().encode(frame) for frame in Publisher(seen.model).frames(seen.model.drain()))
    told = (
        seen.everything()
        + frames.decode(errors="replace")
        + caplog.text
        + "".join(str(vars(record)) for record in caplog.records)
    )
    if fault in {"deny", "expire", "fail"}:
        assert "Canonical" in told, "the message itself is kept"
    for secret in (CANARY_KEY, CANARY_SECRET, CANARY_TOKEN, CANARY_TOKEN[:60]):
        assert secret not in told


def test_a_log_file_is_for_nobody_else(tmp_path: Path) -> None:
    import logging

    try:
        keep_log(tmp_path / "log")
        assert (tmp_path / "log").stat().st_mode & 0o777 == 0o600
    finally:
        for room in ("posture", "providers", "tui"):
            for handler in list(logging.getLogger(room).handlers):
                logging.getLogger(room).removeHandler(handler)
