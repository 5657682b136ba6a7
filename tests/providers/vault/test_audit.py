"""An hour of polls with its time shortened, in each tier and by each login; then the server's own audit log is the
judge of what was asked.
"""

import asyncio
import json
import logging
import re
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from providers.limits import Limits
from providers.vault.calls import CALLS
from tests.providers.vault.test_login import signed
from tests.providers.vault.test_truth import provision
from tests.world.tokenreviews import ACCOUNT, TokenReviews
from tests.world.vault import TOKEN_ENV, configured, everything, printed, reader, watched

NAMESPACES = ("", "team-a", "team-a/inner")
AN_HOUR = {"sys/leases/count": 60, "sys/mounts": 4}
"""Polls of the live and of the warm cadence in an hour, counted by a request that each makes once."""
LEAST = 5.0
"""Seconds that it takes, so that tokens of two seconds end under way."""
HOURS = 6
"""Of the bench."""
OPEN = {"sys/seal-status", "sys/health", "sys/leader"}
ALLOWED = {"read": {"read"}, "list": {"list"}, "update": {"update"}, "create": {"create", "update"}}
OWN_LOOKUP = 'path "auth/token/lookup-self" { capabilities = ["read"] }'


def _trusted_jwt(bao: Bao, granted: dict[str, Any]) -> str:
    """A token signed with a key that the server is told of."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(*form).decode()
    bao.call("POST", "auth/jwt/config", {"jwt_validation_pubkeys": [public]})
    role = {"role_type": "jwt", "user_claim": "sub", "bound_audiences": ["enctop"]}
    bao.call("POST", "auth/jwt/role/enctop", {**role, **granted})
    now = int(time.time())
    return signed({"sub": "enctop", "aud": "enctop", "iat": now, "exp": now + 3600}, key)


def login(bao: Bao, how: str, folder: Path, monkeypatch: pytest.MonkeyPatch, reviews: TokenReviews) -> str:
    """Lines of the configuration that log in; the token lives two seconds, so that it is done again and again."""
    granted = {
        "token_policies": ["enctop-sudo"],
        "token_ttl": "2s",
        "token_max_ttl": "2s",
        "token_no_default_policy": True,
    }
    if how != "approle":
        bao.call("POST", f"sys/auth/{how}", {"type": how})
    match how:
        case "approle":  # mounted there already
            bao.call("POST", "auth/approle/role/enctop", granted)
            monkeypatch.setenv("SECRET_ID", bao.call("POST", "auth/approle/role/enctop/secret-id", {})["secret_id"])
            role = bao.call("GET", "auth/approle/role/enctop/role-id")["role_id"]
            return f'auth = "approle"\nrole_id = "{role}"\nsecret_id_env = "SECRET_ID"'
        case "jwt":
            (folder / "jwt").write_text(_trusted_jwt(bao, granted))
        case _:
            trust = {
                "kubernetes_host": reviews.url,
                "kubernetes_ca_cert": reviews.ca,
                "disable_local_ca_jwt": True,
                "token_reviewer_jwt": "reviewer",
            }
            bao.call("POST", "auth/kubernetes/config", trust)
            bound = {"bound_service_account_namespaces": [ACCOUNT[0]], "bound_service_account_names": [ACCOUNT[1]]}
            bao.call("POST", "auth/kubernetes/role/enctop", {**bound, **granted})
            (folder / "jwt").write_text(reviews.token())
    return f'auth = "{how}"\nrole = "enctop"\njwt_file = "{folder / "jwt"}"'


class World(NamedTuple):
    """What stands around a run."""

    bao: Bao
    rabbit: Rabbit
    reviews: TokenReviews
    folder: Path
    monkeypatch: pytest.MonkeyPatch
    log: pytest.LogCaptureFixture


@pytest.fixture
def around(
    bao: Bao,
    rabbit: Rabbit,
    reviews: TokenReviews,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> World:
    caplog.set_level(logging.DEBUG)
    return World(bao, rabbit, reviews, tmp_path, monkeypatch, caplog)


async def run(tier: str, hours: int, around: World) -> tuple[list[dict[str, Any]], str, str]:
    """Poll for so many hours; the entries of the audit log meanwhile, the policy that was in force, and all that
    enctop could have written.
    """
    bao, rabbit, reviews, folder, monkeypatch, log = around
    provision(bao, rabbit)
    token = reader(
        bao, sudo=tier != "plain", renew=tier == "renew", ttl="4s" if tier == "renew" else "1h", namespaces=NAMESPACES
    )
    policy = printed(bao, sudo=tier != "plain", renew=tier == "renew", namespaces=NAMESPACES)
    monkeypatch.setenv(TOKEN_ENV, token)
    more = "renew_token = true" if tier == "renew" else ""
    if tier in {"approle", "jwt", "kubernetes"}:
        more = login(bao, tier, folder, monkeypatch, reviews)
        policy = printed(bao, sudo=True, renew=False, namespaces=NAMESPACES)
        bao.call("PUT", "sys/policies/acl/enctop-sudo", {"policy": policy})
    text = configured(bao.url, more, live="1s", warm="2s")
    text = text if tier in {"sudo", "plain", "renew"} else text.replace(f'token_env = "{TOKEN_ENV}"', "")
    since = bao.audit_log.stat().st_size
    begun = time.monotonic()
    async with watched(text, Limits(pace=20.0)) as it:  # the time is shortened, so is the budget's
        live = [name for name, source in it.model.sources.items() if source.service in {"vault", "leases", "tokens"}]
        while any(many < hours * AN_HOUR[path] for path, many in _polls(bao.audit_log, since).items()) or (
            more and time.monotonic() - begun < LEAST
        ):
            assert time.monotonic() - begun < LEAST + 30 * hours, f"{it.model.sources}"
            for name in live:
                it.collector.poller.refresh(name)
            await asyncio.sleep(0.1)
        written = everything(it.collector)
        written += "".join(record.getMessage() for record in log.records) + repr(
            [held.resource for held in it.model.all()]
        )
    secrets = ("canary-password", "canary-of-the-broker", token, bao.token, *bao.keys, *reviews.known)
    assert [secret for secret in secrets if secret in written] == []
    entries = [json.loads(line) for line in bao.audit_log.read_bytes()[since:].splitlines()]
    return entries, policy, written


def _polls(log: Path, since: int) -> Counter[str]:
    text = log.read_bytes()[since:].decode()
    return Counter({path: text.count(f'"path":"{path}"') // 2 for path in AN_HOUR})  # a request and its response


def permits(policy: str, capabilities: set[str], path: str) -> bool:
    """Whether a line of the policy allows it: `+` is one part of a path, `*` at the end is any rest (HashiCorp,
    "Policy syntax"); a LIST needs no slash.
    """
    for line, words in re.findall(r'^path "([^"]+)" \{ capabilities = \[([^]]*)] }', policy, re.M):
        pattern = re.escape(line).replace(r"\+", "[^/]+")
        pattern = f"{pattern[:-2]}.*" if line.endswith("*") else pattern
        if any(re.fullmatch(pattern, one) for one in {path, path.rstrip("/")}) and capabilities & set(
            re.findall(r"\w+", words)
        ):
            return True
    return False


def judge(tier: str, entries: list[dict[str, Any]], policy: str, written: str) -> Counter[str]:
    """Nothing beside the policy's lines was asked, nothing that it names was refused, and no login's secret was
    written.
    """
    asked: Counter[str] = Counter()
    for entry in entries:
        request = entry["request"]
        path = request.get("namespace", {}).get("path", "") + request["path"]
        if entry["type"] == "request":
            asked[f"{request['operation']} {path}"] += 1
            free = request["path"] in OPEN or (request["operation"] == "update" and path == f"auth/{tier}/login")
            assert (
                free or permits(policy, ALLOWED[request["operation"]], path) or (tier == "plain" and _needs_sudo(path))
            ), f"{request['operation']} {path}"
        elif "permission denied" in entry.get("error", ""):
            # a token of seconds may end between two requests; only a tier without sudo may be refused for what it lacks
            assert tier in {"approle", "jwt", "kubernetes"} or (tier == "plain" and _needs_sudo(path)), (
                f"refused: {request['operation']} {path}"
            )
    logins = {name: many for name, many in asked.items() if name.endswith("/login")}
    assert set(logins) == ({f"update auth/{tier}/login"} if tier in {"approle", "jwt", "kubernetes"} else set())
    assert all(many > 1 for many in logins.values()), "the token ended, and it logged in again"
    assert ("update auth/token/renew-self" in asked) == (tier == "renew")
    assert '"denied"' not in written or tier == "plain", "a token that ended is never taken for a missing policy"
    return asked


def _needs_sudo(path: str) -> bool:
    return any(
        permits(call.line(glob), {"sudo"}, re.sub(r"^team-a/(inner/)?", "", path))
        for call in CALLS.values()
        for glob in call.globs or (call.path,)
    )


@pytest.mark.parametrize("tier", ["sudo", "plain", "kubernetes"])
async def test_an_hour_of_polls_asks_nothing_that_the_printed_policy_does_not_name(tier: str, around: World) -> None:
    entries, policy, written = await run(tier, 1, around)
    asked = judge(tier, entries, policy, written)
    walked = {name for name in asked if "sys/leases/lookup" in name or "accessor" in name}
    assert walked, "leases and tokens were asked for one by one"
    assert "list team-a/inner/transit/keys/" in asked


@pytest.mark.bench
@pytest.mark.parametrize("tier", ["sudo", "plain", "renew", "approle", "jwt", "kubernetes"])
async def test_six_hours_of_polls_asks_nothing_else_either(tier: str, around: World) -> None:
    entries, policy, written = await run(tier, HOURS, around)
    asked = judge(tier, entries, policy, written)
    polls = asked["read sys/leases/count"]
    print(f"\n    {tier}: {sum(asked.values()):,} requests, {len(asked)} different, {polls} live polls")  # noqa: T201
