"""A realm as its room reads it: over a real socket, from a server that answers as Keycloak's description says."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from posture.fault import FaultKind, Refused
from providers.collector.config import parse
from providers.collector.systems import policy_text
from providers.demo.answer import Answer
from providers.demo.keycloak.world import ROLE, SECOND
from providers.keycloak.calls import ACTIONS, CALLS, EXECUTIONS, FEDERATION, REALM, SERVER_INFO, TOKEN
from providers.keycloak.client import KeycloakClient
from providers.keycloak.decode import Realm
from providers.source import TALLY, Tally
from tests.world.keycloak import Keycloak, defects

HASHING, FACTOR = "app.password.hashing", "app.2fa.supported"


def client(keycloak: Keycloak, **settings: Any) -> KeycloakClient:
    """A way in of its own."""
    TALLY.set(Tally())
    (block,) = parse(keycloak.configuration(**settings), "test").blocks("keycloak")
    return KeycloakClient(block.settings, "test")


def put(way: KeycloakClient, secret: str | None) -> None:
    """Another secret into its file; None for no file."""
    file = Path(way.settings.secret_file)
    file.unlink()
    if secret is not None:
        file.write_text(secret, "utf-8")


async def test_a_realm_is_read_whole_by_one_login_and_judged(keycloak: Keycloak) -> None:
    body = keycloak.realm()
    body.federation("corp", enabled=False)
    seen = await keycloak.poll(server_info=True)
    assert [asked.operation for asked in keycloak.server.log] == [
        *(TOKEN.operation, REALM.operation, ACTIONS.operation, EXECUTIONS.operation),
        *(FEDERATION.operation, SERVER_INFO.operation),
    ]
    assert seen.source.state == "ok"
    assert seen.realm.id == f"keycloak://127.0.0.1:{keycloak.server.port}/acme"
    assert seen.realm.name == "acme"
    assert seen.realm.fields["version"] == "26.4.0"
    assert seen.said(HASHING) == ("pass", "argon2")
    assert seen.said(FACTOR) == ("pass", "one-time code, for whoever sets it up")
    assert keycloak.server.writes == []


async def test_what_a_federation_is_configured_with_is_not_kept(keycloak: Keycloak) -> None:
    keycloak.realm().federation("corp")
    seen = await keycloak.poll()
    assert seen.realm.fields["federation"] == [{"name": "corp", "providerId": "ldap", "enabled": True}]
    assert "ldaps" not in repr(seen.realm)
    assert seen.said(HASHING)[0] == "warn"


async def test_the_stand_in_answers_as_the_openapi_description_says(keycloak: Keycloak) -> None:
    keycloak.realm().federation("corp")
    way = client(keycloak)
    for call in (REALM, ACTIONS, EXECUTIONS, FEDERATION):
        body = await way.ask(call, object, flow="browser")
        assert defects(call.operation, body) == []
    assert defects(REALM.operation, {"passwordPolicy": 7, "passwordPolicies": "x"}) != []
    await way.close()


def test_every_field_that_is_kept_is_in_the_openapi_description() -> None:
    wanted = {field.encode_name: None for field in msgspec.structs.fields(Realm)}
    assert not [wrong for wrong in defects(REALM.operation, wanted) if "unexpected" in wrong]


# ------------------------------------------------------------ traps


async def test_an_answer_to_who_may_not_view_the_realm_is_no_realm_without_a_policy(keycloak: Keycloak) -> None:
    """Keycloak answers with the realm's name alone, and 200."""
    keycloak.realm().roles = {"query-realms"}
    seen = await keycloak.poll()
    assert seen.source.state == "denied"
    assert seen.source.fault is not None
    assert seen.source.fault.permission == f"the role {ROLE} of realm-management"
    users = seen.model.entry("enctop://acme/users")
    assert users is not None
    assert {finding.fault for finding in users.findings.values()} == {seen.source.fault}


async def test_a_version_that_is_kept_from_realm_administrators_is_refused_and_not_absent(keycloak: Keycloak) -> None:
    keycloak.realm(None)
    keycloak.server.told_to = "view-system"
    seen = await keycloak.poll(server_info=True)
    assert SERVER_INFO.operation in seen.realm.faults
    assert seen.said(HASHING)[0] == "unknown"


async def test_a_flow_of_any_name_is_asked_for(keycloak: Keycloak) -> None:
    body = keycloak.realm()
    name = "browser with 100% / + ü?"
    body.settings["browserFlow"], body.flows = name, {name: body.flows["browser"]}
    assert (await keycloak.poll()).said(FACTOR)[0] == "pass"


async def test_a_server_below_a_path_is_asked_there(keycloak: Keycloak) -> None:
    keycloak.realm()
    seen = await keycloak.poll(address=f"{keycloak.server.url}/auth/")
    assert [asked.operation for asked in keycloak.server.log] == [
        "POST /auth/realms/acme/protocol/openid-connect/token"
    ]
    assert seen.source.scope.endswith("/auth/acme")


async def test_one_refused_read_takes_one_verdict(keycloak: Keycloak) -> None:
    keycloak.realm()
    keycloak.server.faults.deny(ACTIONS.operation)
    seen = await keycloak.poll()
    assert seen.source.state == "partial"
    assert seen.said(HASHING)[0] == "pass"
    assert seen.said(FACTOR)[0] == "unknown"


async def test_lists_that_no_realm_has_are_not_kept(keycloak: Keycloak) -> None:
    body = keycloak.realm()
    body.actions *= 300
    seen = await keycloak.poll()
    assert "requiredActions" not in seen.realm.fields
    assert seen.said(FACTOR)[0] == "unknown"


# ------------------------------------------------------------ the token


async def test_a_token_is_renewed_before_its_end(keycloak: Keycloak) -> None:
    keycloak.realm().lifetime = 0
    way = client(keycloak)
    for _ in range(2):
        with pytest.raises(Refused):  # it has ended on its way
            await way.ask(REALM, Realm)
    keycloak.realm().lifetime = 300
    keycloak.server.log.clear()
    for _ in range(3):
        await way.ask(REALM, Realm)
    assert keycloak.server.log.count(TOKEN.operation) == 1
    await way.close()


async def test_a_token_that_is_refused_is_renewed_once_by_all_who_hold_it(keycloak: Keycloak) -> None:
    keycloak.realm()
    way = client(keycloak)
    await way.ask(REALM, Realm)
    keycloak.server.forget_tokens()
    keycloak.server.log.clear()
    await asyncio.gather(*(way.ask(REALM, Realm) for _ in range(6)))
    assert keycloak.server.log.count(TOKEN.operation) == 1
    await way.close()


async def test_a_secret_that_was_changed_is_read_again_from_its_file(keycloak: Keycloak) -> None:
    body = keycloak.realm()
    way = client(keycloak)
    await way.ask(REALM, Realm)
    body.secret = "another-one"
    put(way, "another-one")
    keycloak.server.forget_tokens()
    assert (await way.ask(REALM, Realm)).realm == "acme"
    await way.close()


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        ("wrong-secret", "the client was not let in: Invalid client or Invalid client credentials"),
        ("", "holds no secret"),
        ("two\nlines", "holds no secret"),
        ("sécret", "holds no secret"),
        (None, "cannot be read: No such file or directory"),
    ],
)
async def test_who_is_not_let_in_is_told_why_and_never_with_what(
    keycloak: Keycloak, secret: str | None, words: str
) -> None:
    keycloak.realm()
    way = client(keycloak)
    put(way, secret)
    with pytest.raises(Refused) as raised:
        await way.ask(REALM, Realm)
    assert raised.value.fault.kind is FaultKind.EXPIRED
    assert words in raised.value.fault.message
    assert not secret or secret not in str(raised.value.fault.message)
    await way.close()


async def test_neither_secret_nor_token_is_repeated_from_a_server_that_repeats_them(
    keycloak: Keycloak, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = keycloak.realm()
    body.secret = "a-secret-that-is-long-enough"
    tokens: list[str] = []
    answer = keycloak.server._answer

    def echo(asked: Any, flow: str, environ: Any) -> Answer:
        if asked.operation == TOKEN.operation:
            return answer(asked, flow, environ)
        tokens.append(environ["HTTP_AUTHORIZATION"].removeprefix("Bearer "))
        said = f'{{"error": "{body.secret}", "errorMessage": "{tokens[-1]} {body.secret}"}}'
        return Answer(400, said.encode(), {"content-type": "application/json"})

    monkeypatch.setattr(keycloak.server, "_answer", echo)
    seen = await keycloak.poll()
    told = repr((seen.source, [(entry.resource, entry.findings) for entry in seen.model.all()]))
    assert tokens
    assert body.secret not in told
    assert tokens[0] not in told


@pytest.mark.parametrize("operation", [TOKEN.operation, REALM.operation])
async def test_a_redirect_is_not_followed_with_a_secret_or_a_token(
    keycloak: Keycloak, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keycloak.realm()
    answer = keycloak.server._answer

    def away(asked: Any, flow: str, environ: Any) -> Answer:
        there = {"location": f"{keycloak.server.url}/elsewhere"}
        return Answer(307, b"", there) if asked.operation == operation else answer(asked, flow, environ)

    monkeypatch.setattr(keycloak.server, "_answer", away)
    way = client(keycloak)
    with pytest.raises(Refused) as raised:
        await way.ask(REALM, Realm)
    assert raised.value.fault.code == "Redirect"
    assert "GET /elsewhere" not in {asked.operation for asked in keycloak.server.log}
    await way.close()


# ------------------------------------------------------------ configuration


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        ('address = "http://sso.example"', "keycloak[0].address: plain http to sso.example is refused"),
        ('address = "https://u:p@sso.example"', "carries a name or password"),
        ('address = "https://sso.example"\nrealm = "a/b"', "keycloak[0].realm: 'a/b' is not a realm's name"),
        ('address = "https://sso.example"\nrealm = " "', "keycloak[0].realm: ' ' is not a name"),
        ('address = "https://sso.example"\nclient_secret = "x"', "use secret_file"),
        ('address = "https://sso.example"\nrealms = "x"', "`realms`"),
    ],
)
def test_a_wrong_block_is_told_in_a_line(block: str, wrong: str) -> None:
    rest = 'client_id = "enctop"\nsecret_file = "secret"\n' + ("" if "realm =" in block else 'realm = "acme"\n')
    with pytest.raises(Exception, match=r".") as raised:
        parse(f'[[tenant]]\nname = "acme"\n[[tenant.keycloak]]\n{block}\n{rest}', "test")
    assert wrong.strip("`") in str(raised.value)
    assert "\n" not in str(raised.value)


def shared(*tenants: tuple[str, str]) -> str:
    """Tenants, each with its client of one realm."""
    return "".join(
        f'[[tenant]]\nname = "{name}"\n[[tenant.keycloak]]\naddress = "https://sso.example"\nrealm = "all"\n'
        f'client_id = "{own}"\nsecret_file = "secret"\n'
        for name, own in tenants
    )


def test_tenants_may_share_a_realm_by_one_way_in_and_are_then_asked_as_one() -> None:
    from providers.collector.systems import open_systems

    config = parse(shared(("b", "enctop"), ("a", "enctop")), "test")
    assert [
        (source.tenant, source.service) for source in open_systems(config, "x") if source.provider == "keycloak"
    ] == [("a+b", "realm")]
    assert config.only(["a"]).tenant == config.tenant
    with pytest.raises(Exception, match=r"a and b share the realm .* with different settings"):
        parse(shared(("a", "enctop"), ("b", "other")), "test")


@pytest.mark.parametrize(
    ("lines", "wrong"),
    [
        ('control = "aws.ebs.volume-encrypted"', "'aws.ebs.volume-encrypted' takes nobody's word; app."),
        ('control = "app.2fa.suported"', "did you mean"),
        ('control = "app.2fa.supported"\nstatement = " "', "statement: is empty"),
    ],
)
def test_a_word_that_would_count_for_nothing_is_refused(lines: str, wrong: str) -> None:
    rest = 'attested_by = "j.doe"\nuntil = 2027-06-30\n' + ("" if "statement" in lines else 'statement = "so"\n')
    with pytest.raises(Exception, match=r".") as raised:
        parse(f'[[tenant]]\nname = "acme"\n[[tenant.policy.attestation]]\n{lines}\n{rest}', "test")
    assert wrong in str(raised.value)


def test_the_printed_commands_name_every_call_and_make_no_more_than_a_reader() -> None:
    for needs in (frozenset[str](), frozenset({"server_info"})):
        text = policy_text("keycloak", needs)
        for call in CALLS.values():
            assert (f"#   {call.operation}\n" in text) is (bool(call.role) and call.need in {"always", *needs})
        assert text.count("--rolename") == text.count(f"--rolename {ROLE}") == 1
        assert SECOND not in text
