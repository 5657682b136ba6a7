"""Whatever stands in one field of one of a server's answers: no verdict becomes PASS by it, nothing of ours breaks
on it, and no row but its own is lost.
"""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from posture.model import Model
from posture.verdict import Status
from providers.demo.vault.server import Bao
from providers.vault.client import Reply, VaultClient
from tests.world.vault import configured, counted, polled

Asked = tuple[str, ...]
Path = tuple[str | int, ...]
GONE = object()
SAMPLE = 400
"""Mutants of each run, from all of them by a fixed seed: each is a whole poll."""


def provision(bao: Bao) -> None:
    """One or two of each thing that is read."""
    call = bao.call
    for path, type_ in (("transit", "transit"), ("pki", "pki"), ("kv", "kv"), ("ssh", "ssh")):
        call("POST", f"sys/mounts/{path}", {"type": type_, "options": {"version": "2"} if type_ == "kv" else {}})
    for name in ("a", "b"):
        call("POST", f"transit/keys/{name}", {})
    call("POST", "pki/root/generate/internal", {"common_name": "root", "ttl": "87600h", "key_type": "ec"})
    call("POST", "pki/roles/host", {"allow_any_name": True, "max_ttl": "9000h", "key_type": "ec"})
    for name in ("a.acme.example", "b.acme.example"):
        call("POST", "pki/issue/host", {"common_name": name, "ttl": "700h"})
    call("POST", "sys/auth/userpass", {"type": "userpass"})
    call("POST", "auth/userpass/users/alice", {"password": "canary-password"})
    totp = call("POST", "identity/mfa/method/totp", {"issuer": "acme", "period": 30})["method_id"]
    accessor = call("GET", "sys/auth")["userpass/"]["accessor"]
    call(
        "POST", "identity/mfa/login-enforcement/humans", {"mfa_method_ids": [totp], "auth_method_accessors": [accessor]}
    )
    call("POST", "ssh/roles/otp", {"key_type": "otp", "default_user": "u", "cidr_list": "0.0.0.0/0"})
    for address in ("10.0.0.1", "10.0.0.2"):
        call("POST", "ssh/creds/otp", {"ip": address})


def paths(value: Any) -> Iterator[tuple[Path, Any]]:
    """Every path in it, with what stands there."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (key,), inner
        yield from (((key, *deeper), value) for deeper, value in paths(inner))


def put(value: Any, path: Path, new: Any) -> Any:
    """A copy in which `new` stands at `path`."""
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if path[1:]:
        copy[path[0]] = put(copy[path[0]], path[1:], new)
    elif new is GONE:
        del copy[path[0]]
    else:
        copy[path[0]] = new
    return copy


def statuses(model: Model) -> dict[str, dict[str, Status]]:
    return {
        entry.resource.id: {control: finding.status for control, finding in entry.findings.items()}
        for entry in model.all()
        if entry.resource.provider == "vault"
    }


def _wrong(told: str, model: Model, before: Any, after: Any, *, alone: bool) -> list[tuple[str, str, Any]]:
    """What a strange field did that it must not: end a source, pass a control, or (where it stands `alone`) take more
    than its row.
    """
    broken = [
        source.id
        for source in model.sources.values()
        if source.fault is not None and "enctop failed" in source.fault.message
    ]
    raised = [
        (id, control)
        for id, found in after.items()
        for control, status in found.items()
        if status > before.get(id, {}).get(control, status)
    ]
    raised = [(id, control) for id, control in raised if after[id][control] is Status.PASS]
    lost = [id for id in before if id not in after]
    wrong: list[tuple[str, str, Any]] = [(told, "broke", broken)] * bool(broken) + [(told, "passed", raised)] * bool(
        raised
    )
    wrong += [(told, "lost", lost)] * (len(lost) > 2 and alone)
    return wrong


def _mutants(recorded: dict[Asked, Reply]) -> list[tuple[Asked, Any, Any]]:
    """What was asked, the path in its answer, and what is to stand there instead."""
    return [
        (asked, path, value)
        for asked, reply in recorded.items()
        if reply.status == 200 and reply.body[:1] == b"{"
        for path, old in paths(json.loads(reply.body))
        for value in (GONE, None, "Qx-Unknown", 7, True, [], {}, [None], -1)
        if value not in (7, True) or type(value) is not type(old)  # what may as well be so
    ]


async def test_one_strange_field_supports_no_pass_and_takes_no_more_than_its_row(
    bao: Bao, monkeypatch: pytest.MonkeyPatch
) -> None:
    provision(bao)
    await counted(bao)
    recorded: dict[Asked, Reply] = {}
    real = VaultClient._once

    def record(
        self: VaultClient, call: Any, path: str, namespace: str, base: str, params: Any, body: Any, token: str
    ) -> Reply:
        reply = recorded[call.method, path, namespace, str(params), str(body)] = real(
            self, call, path, namespace, base, params, body, token
        )
        return reply

    monkeypatch.setattr(VaultClient, "_once", record)
    before = statuses((await polled(configured(bao.url))).model)
    assert len(before) > 25
    changed: dict[Asked, bytes] = {}

    def replay(
        self: VaultClient, call: Any, path: str, namespace: str, base: str, params: Any, body: Any, token: str
    ) -> Reply:
        asked = (call.method, path, namespace, str(params), str(body))
        reply = recorded.get(asked) or Reply(404, b'{"errors": []}', {})
        return Reply(reply.status, changed[asked], reply.headers) if asked in changed else reply

    monkeypatch.setattr(VaultClient, "_once", replay)
    assert statuses((await polled(configured(bao.url))).model) == before
    wrong: list[tuple[str, str, Any]] = []
    for asked, path, value in random.Random(20261128).sample(_mutants(recorded), SAMPLE):
        changed.clear()
        changed[asked] = json.dumps(put(json.loads(recorded[asked].body), path, value)).encode()
        model = (await polled(configured(bao.url))).model
        after, told = statuses(model), f"{' '.join(asked[:2])} {path} = {'absent' if value is GONE else value!r}"
        wrong += _wrong(told, model, before, after, alone=not mounts(asked, path))
    assert not wrong, "\n".join(map(str, wrong))


def mounts(asked: Asked, path: Path) -> bool:
    """Whether this is about what hangs together: of a mount that is of another type now, nothing is asked; of a
    sealed server, nothing at all.
    """
    together = {"sys/mounts", "sys/auth", "sys/seal-status", "auth/token/lookup-self", "sys/metrics", "sys/namespaces"}
    return asked[1] in together or path in {("data",), ("data", "keys")}
