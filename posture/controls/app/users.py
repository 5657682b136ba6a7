"""Application users: how their passwords are hashed, and which second factors they may have, or must.

Words and defaults: Keycloak's Server Administration Guide ("Password policies", "Authentication flows") and its
upgrade guides to 24 and 25.
"""

import re
from collections.abc import Iterator
from typing import Any

from posture.attested import attested
from posture.context import Context
from posture.controls.app.flow import FACTORS, asks, counted, flow_of
from posture.controls.registry import control
from posture.reading import NoAnswer, expected, field_of, nested, objects, optional
from posture.resource import Resource
from posture.source import ANSWERED
from posture.text import one_line
from posture.verdict import Status, Verdict, because, failed, not_applicable, passed, unanswered, unknown, warned

REALM = "GET /admin/realms/{realm}"
ACTIONS = "GET /admin/realms/{realm}/authentication/required-actions"
EXECUTIONS = "GET /admin/realms/{realm}/authentication/flows/{flow}/executions"
FEDERATION = "GET /admin/realms/{realm}/components"
SERVER_INFO = "GET /admin/serverinfo"
SUBJECTS = ("keycloak.realm", "enctop.identity")

FLOORS = {"argon2": 5, "pbkdf2-sha512": 210_000, "pbkdf2-sha256": 600_000}
"""Algorithm -> the iterations that OWASP's Password Storage Cheat Sheet asks for; of argon2 with the 7 MiB that are
Keycloak's default.
"""
BROKEN = "pbkdf2"
"""PBKDF2 with SHA-1."""
_OLD, _NEW = 24, 25
"""Versions whose defaults differ from those before."""
_DEFAULTS = {  # algorithm -> iterations where the policy names none: before 24, and since
    "argon2": (5, 5),
    "pbkdf2-sha512": (30_000, 210_000),
    "pbkdf2-sha256": (27_500, 600_000),
}
_POLICY = re.compile(r"(\w+)(?:\((.*)\))?")


@control("app.password.hashing", on=SUBJECTS)
def password_hashing(subject: Resource, context: Context) -> Verdict:
    """By the realm's password policy; where it leaves something to the server's defaults, by the version."""
    if subject.type != "keycloak.realm":
        return _elsewhere("app.password.hashing", subject, context)
    policy = optional(field_of(subject, REALM, "passwordPolicy"), str, REALM, "passwordPolicy")
    named = dict(_policies(policy or ""))
    facts: dict[str, Any] = {f"{REALM}.passwordPolicy": policy}
    if SERVER_INFO not in subject.faults and "version" in subject.fields:
        facts[f"{SERVER_INFO}.systemInfo.version"] = subject.fields["version"]
    found = [_graded(*used) for used in _used(named, subject)]
    status, words = found[-1]
    if any(other != status for other, _ in found):
        words = "the policy leaves the algorithm or its iterations to the server, whose version is not known"
        return unknown(words, subject.faults.get(SERVER_INFO), facts)
    if status is Status.FAIL:
        return failed(words, facts)
    if status is Status.WARN:
        return warned(words, facts)
    if "hashAlgorithm" not in named:
        return warned(f"{words} by the server's default: the policy names no algorithm", facts)
    if others := _federated(subject):
        return warned(f"{words}, but users of {one_line(others[0], 60)} have their passwords elsewhere", facts)
    return passed(words, facts)


def _policies(text: str) -> Iterator[tuple[str, str | None]]:
    """Name and value of each policy of `hashAlgorithm(argon2) and length(12)`. Raises `NoAnswer`."""
    for part in text.split(" and ") if text.strip() else ():
        found = _POLICY.fullmatch(part.strip())
        if found is None:
            raise NoAnswer(unknown(f"{REALM}: passwordPolicy is {one_line(repr(text), 60)}, which enctop cannot read"))
        yield found[1], found[2]


def _used(named: dict[str, str | None], realm: Resource) -> list[tuple[str, int]]:
    """Algorithm and iterations that may be in use: one pair, or several where the version decides and is not known."""
    iterations = _iterations(named.get("hashIterations"))
    versions = _versions(realm)
    algorithm = named.get("hashAlgorithm")
    if algorithm == "":
        raise NoAnswer(unknown(f"{REALM}: passwordPolicy names an empty hashAlgorithm"))
    used = []
    for version in versions:
        default = "argon2" if version >= _NEW else "pbkdf2-sha512" if version >= _OLD else "pbkdf2-sha256"
        chosen = algorithm or default
        if chosen != BROKEN and chosen not in FLOORS:
            raise NoAnswer(
                unknown(f"{REALM}: hashAlgorithm is {one_line(repr(chosen), 60)}, which enctop does not know")
            )
        rounds = 0 if chosen == BROKEN else _DEFAULTS[chosen][version >= _OLD]
        used.append((chosen, rounds if iterations is None else iterations))
    return used


def _iterations(text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        raise NoAnswer(unknown(f"{REALM}: hashIterations is {one_line(repr(text), 60)}, not a number"))
    return int(text) if int(text) >= 0 else None


def _versions(realm: Resource) -> tuple[int, ...]:
    """The major version, or one of each that hashes otherwise."""
    told = realm.fields.get("version")
    if told is None or SERVER_INFO in realm.faults:
        return (_OLD - 1, _OLD, _NEW)
    major = re.match(r"([0-9]{1,4})\.", expected(told, str, SERVER_INFO, "systemInfo.version"))
    if major is None:
        raise NoAnswer(unknown(f"{SERVER_INFO}: version is {one_line(repr(told), 60)}, which enctop cannot read"))
    return (int(major[1]),)


def _graded(algorithm: str, iterations: int) -> tuple[Status, str]:
    if algorithm == BROKEN:
        return Status.FAIL, "PBKDF2 with SHA-1"
    least = FLOORS[algorithm]
    if iterations < least:
        return Status.WARN, f"{algorithm} with {iterations:,} iterations, {least:,} at least are recommended"
    return Status.PASS, algorithm if algorithm == "argon2" else f"{algorithm} with {iterations:,} iterations"


def _federated(realm: Resource) -> list[str]:
    """Names of the federations whose users log in with passwords that the realm does not hold. Raises `NoAnswer`."""
    rows = objects(field_of(realm, FEDERATION, "federation"), FEDERATION, "federation")
    return [
        expected(nested(row, FEDERATION, "name"), str, FEDERATION, "name")
        for row in rows
        if expected(nested(row, FEDERATION, "enabled"), bool, FEDERATION, "config.enabled")
    ]


@control("app.2fa.supported", on=SUBJECTS)
def second_factor(subject: Resource, context: Context) -> Verdict:
    """By the flow that browsers go through, and by what a user may set up: supported is one, required another."""
    if subject.type != "keycloak.realm":
        return _elsewhere("app.2fa.supported", subject, context)
    name = expected(field_of(subject, REALM, "browserFlow"), str, REALM, "browserFlow")
    flow = flow_of(objects(field_of(subject, EXECUTIONS, "executions"), EXECUTIONS, "executions"), EXECUTIONS)
    actions = _actions(objects(field_of(subject, ACTIONS, "requiredActions"), ACTIONS, "required-actions"))
    if not name or not flow.within:
        return unknown("the realm names no step of its browser flow")
    reached, factors = list(flow.reachable()), counted(subject)
    offered = [step for step in reached if step.provider in factors]
    usable = [step for step in offered if actions.get(FACTORS[step.provider][0])]
    facts: dict[str, Any] = {
        f"{REALM}.browserFlow": name,
        f"{EXECUTIONS}.requirement": {step.provider: step.requirement for step in offered},
        f"{ACTIONS}.enabled": {action: bool(actions[action]) for action, _ in FACTORS.values() if action in actions},
    }
    strange = next((step.provider for step in reached if step.is_strange), None)
    if not usable and strange is not None:
        return unknown(f"what the step {one_line(repr(strange), 60)} asks for is not known", evidence=facts)
    if not offered:
        return failed(f"no second factor in the flow {one_line(repr(name), 60)}", facts)
    if not usable:
        needed = sorted({FACTORS[step.provider][0] for step in offered})
        if untold := [action for action in needed if action not in actions]:
            return unknown(f"{ACTIONS} does not name {untold[0]}", evidence=facts)
        return failed(f"nobody can set up a second factor: {' or '.join(needed)} is disabled", facts)
    words = " or ".join(dict.fromkeys(FACTORS[step.provider][1] for step in usable))
    if asks(flow, {step.provider for step in usable}):
        return passed(f"{words}, asked of everybody who logs in with a password", facts)
    if context.policy.mfa == "supported":
        return passed(f"{words}, for whoever sets it up", facts)
    if any(actions[FACTORS[step.provider][0]] == "default" for step in usable):
        return warned(f"{words}, which new users must set up; those from before may have none", facts)
    return failed(f"{words} is available and not asked for, policy asks for a second factor", facts)


def _actions(rows: list[dict[str, Any]]) -> dict[str, str]:
    """Alias of each required action -> `enabled`, `default` where every new user must, "" where it is disabled. Raises
    `NoAnswer`.
    """
    found = {}
    for row in rows:
        alias = expected(nested(row, ACTIONS, "alias"), str, ACTIONS, "alias")
        on = expected(nested(row, ACTIONS, "enabled"), bool, ACTIONS, "enabled")
        default = optional(row.get("defaultAction"), bool, ACTIONS, "defaultAction")
        found[alias] = ("default" if default else "enabled") if on else ""
    return found


def _elsewhere(name: str, users: Resource, context: Context) -> Verdict:
    """The users as a whole: judged on their realm where one is asked, else by a person's word."""
    realms = sorted((s for s in context.sources(users.tenant) if s.provider == "keycloak"), key=lambda one: one.id)
    silent = next((source for source in realms if source.last_success is None and source.state not in ANSWERED), None)
    if silent is not None:
        why = unknown(f"the realm {silent.scope} has not answered")
        return because(why if silent.fault is None else unanswered(silent.fault), silent.id)
    if realms:
        return not_applicable(f"judged on the realm {realms[0].scope}")
    said = attested(name, context)
    return said or unknown(
        "no realm is asked, and nobody attests it: [[tenant.keycloak]] or [[tenant.policy.attestation]]"
    )
