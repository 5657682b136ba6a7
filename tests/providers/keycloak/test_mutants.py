"""Answers of a realm that are not as Keycloak's description has them, one field at a time: none passes for it, none
fails for it, none raises.
"""

import copy
from collections.abc import Iterator
from typing import Any

from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.keycloak.world import SECOND, Body, Realm, realm
from tests.world.keycloak import Keycloak
from tests.world.wire_mutants import mutants

HASHING, FACTOR = "app.password.hashing", "app.2fa.supported"
MATERIAL: dict[str, dict[str, set[str]]] = {
    "settings": {"passwordPolicy": {HASHING}, "browserFlow": {FACTOR}, "id": {HASHING, FACTOR}, "realm": {HASHING}},
    "otp": {"requirement": {FACTOR}, "providerId": {FACTOR}, "level": {FACTOR}},
    "within": {"requirement": {FACTOR}, "level": {FACTOR}},
    "action": {"alias": {FACTOR}, "enabled": {FACTOR}},
    "federation": {"config.enabled": set(), "name": set()},
}
"""Part of the realm -> its fields, with the controls that pass nothing without them."""
FREE = frozenset({("id", "word"), ("id", "case")})
"""An id may be any."""


def parts(of: Realm) -> dict[str, Body]:
    """The bodies that are changed."""
    return {
        "settings": of.settings,
        "otp": of.step("auth-otp-form"),
        "within": of.step(SECOND),
        "action": of.action("CONFIGURE_TOTP"),
        "federation": of.components[0],
    }


def changed() -> Iterator[tuple[str, str, str, Realm]]:
    """Part, field, change, and the realm with it."""
    whole = realm("acme", "hashAlgorithm(argon2)")
    whole.federation("corp", enabled=False)
    for part, body in parts(whole).items():
        for field, change, mutant in mutants(body):
            if field in MATERIAL[part] and change != "extra" and (field, change) not in FREE:
                made = copy.deepcopy(whole)
                target = parts(made)[part]
                target.clear()
                target.update(mutant)
                yield part, field, change, made


async def test_a_field_that_is_not_as_it_should_be_supports_no_pass_and_no_fail(keycloak: Keycloak) -> None:
    cases: dict[str, tuple[str, str, str]] = {}
    text = '[[tenant]]\nname = "acme"\n'
    for number, (part, field, change, body) in enumerate(changed()):
        name = f"r{number}"
        if body.settings.get("realm") == "acme":
            body.settings["realm"] = name
        keycloak.server.realms[name] = body
        cases[name] = part, field, change
        text += keycloak.server.configuration(name)
    assert len(cases) > 80
    collector = Collector(parse(text, "test"))
    await collector.once(60)
    wrong = [line for entry in collector.model.all() for line in told(entry, cases)]
    assert not wrong, "\n".join(wrong)


def told(entry: Any, cases: dict[str, tuple[str, str, str]]) -> Iterator[str]:
    """What is wrong with the verdicts on one realm."""
    if entry.resource.type != "keycloak.realm":
        return
    part, field, change = cases[entry.resource.id.rpartition("/")[2]]
    for control, finding in entry.findings.items():
        what = f"{part}.{field} {change}: {control} is {finding.status.word} ({finding.reason})"
        if "failed while" in finding.reason:
            yield f"raised: {what}"
        elif finding.status.word == "pass" and control in MATERIAL[part][field]:
            yield f"unsupported PASS: {what}"
        elif finding.status.word == "fail":
            yield f"false FAIL: {what}"
