"""Application users: every state of both controls, by realm and by a person's word."""

import datetime
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from posture.clock import Utc
from posture.controls.app.flow import flow_of
from posture.controls.app.users import ACTIONS, EXECUTIONS, FEDERATION, REALM, SERVER_INFO
from posture.policy import Attestation, Policy, shared
from posture.reading import NoAnswer
from posture.source import Source, State
from posture.verdict import EvidenceClass, Status
from providers.demo.keycloak.world import Realm
from providers.demo.keycloak.world import realm as made_realm
from tests.posture.controls.app.world import realm
from tests.posture.controls.world import DAY, NOW, World, denied, users

HASHING, FACTOR = "app.password.hashing", "app.2fa.supported"


def hashing(policy: str | None, version: str | None = None) -> tuple[str, str]:
    told: dict[str, Any] = {} if version is None else {"version": version}
    verdict = World().ask(HASHING, realm(policy, **told))
    return verdict.status.word, verdict.reason


@pytest.mark.parametrize(
    ("policy", "version", "status", "reason"),
    [
        ("hashAlgorithm(argon2)", None, "pass", "argon2"),
        ("length(12) and hashAlgorithm(argon2) and notUsername", None, "pass", "argon2"),
        ("hashAlgorithm(argon2) and hashIterations(2)", None, "warn", "2 iterations"),
        ("hashAlgorithm(pbkdf2-sha512) and hashIterations(210000)", None, "pass", "pbkdf2-sha512 with 210,000"),
        ("hashAlgorithm(pbkdf2-sha512) and hashIterations(209999)", None, "warn", "209,999"),
        ("hashAlgorithm(pbkdf2-sha256) and hashIterations(600000)", None, "pass", "600,000"),
        ("hashAlgorithm(pbkdf2-sha256) and hashIterations(27500)", None, "warn", "27,500"),
        ("hashAlgorithm(pbkdf2) and hashIterations(1300000)", None, "fail", "SHA-1"),
        ("hashAlgorithm(pbkdf2)", "26.1.0", "fail", "SHA-1"),
        # left to the server: by its version
        ("hashAlgorithm(pbkdf2-sha512)", None, "unknown", "version is not known"),
        ("hashAlgorithm(pbkdf2-sha512)", "24.0.1", "pass", "210,000"),
        ("hashAlgorithm(pbkdf2-sha512) and hashIterations(-1)", "24.0.1", "pass", "210,000"),
        ("hashAlgorithm(pbkdf2-sha512)", "23.0.7", "warn", "30,000"),
        ("hashAlgorithm(pbkdf2-sha256)", "23.0.7", "warn", "27,500"),
        (None, None, "unknown", "version is not known"),
        ("", None, "unknown", "version is not known"),
        (None, "18.0.18.redhat-00001", "warn", "pbkdf2-sha256 with 27,500"),
        (None, "24.0.0", "warn", "pbkdf2-sha512 with 210,000 iterations by the server's default"),
        (None, "26.4.0", "warn", "argon2 by the server's default"),
        ("hashIterations(27500)", None, "unknown", "version is not known"),
        # any version is good, or bad, enough
        ("hashIterations(600000)", None, "warn", "by the server's default"),
        ("hashIterations(1)", None, "warn", "recommended"),
        # words that nobody knows
        ("hashAlgorithm(bcrypt)", None, "unknown", "'bcrypt'"),
        ("hashAlgorithm()", None, "unknown", "hashAlgorithm"),
        ("hashAlgorithm(pbkdf2-sha512) and hashIterations(many)", None, "unknown", "'many'"),
        ("hashAlgorithm(argon2", None, "unknown", "cannot read"),
        (None, "nightly", "unknown", "'nightly'"),
    ],
)
def test_a_password_policy_is_held_against_what_is_recommended(
    policy: str | None, version: str | None, status: str, reason: str
) -> None:
    said = hashing(policy, version)
    assert said[0] == status
    assert reason in said[1]


def test_passwords_in_a_directory_are_not_hashed_by_the_realms_policy() -> None:
    row = {"name": "corp", "providerId": "ldap", "enabled": True}
    verdict = World().ask(HASHING, realm(federation=[row]))
    assert (verdict.status, verdict.reason) == (
        Status.WARN,
        "argon2, but users of corp have their passwords elsewhere",
    )
    assert World().ask(HASHING, realm(federation=[{**row, "enabled": False}])).status is Status.PASS
    assert World().ask(HASHING, realm(faults={FEDERATION: denied(FEDERATION)})).status is Status.UNKNOWN


def test_a_refused_version_is_the_reason_why_it_is_not_known() -> None:
    fault = denied(SERVER_INFO)
    verdict = World().ask(HASHING, realm(None, faults={SERVER_INFO: fault}))
    assert (verdict.status, verdict.fault) == (Status.UNKNOWN, fault)


@pytest.mark.parametrize(("control", "operations"), [(HASHING, (REALM,)), (FACTOR, (REALM, ACTIONS, EXECUTIONS))])
def test_what_is_refused_is_unknown_and_says_what_it_needs(control: str, operations: tuple[str, ...]) -> None:
    for operation in operations:
        verdict = World().ask(control, realm(faults={operation: denied(operation)}))
        assert (verdict.status, verdict.fault) == (Status.UNKNOWN, denied(operation))


# ------------------------------------------------------------ second factors


def without_otp(body: Realm) -> None:
    body.step("auth-otp-form")["requirement"] = "DISABLED"


def flow_off(body: Realm) -> None:
    body.step("Browser - Conditional 2FA")["requirement"] = "DISABLED"


def no_setting_up(body: Realm) -> None:
    body.action("CONFIGURE_TOTP")["enabled"] = False


def only_keys(body: Realm) -> None:
    without_otp(body)
    body.step("webauthn-authenticator")["requirement"] = "ALTERNATIVE"


def beside_a_required_step(body: Realm) -> None:
    """An alternative beside a required step is never come to."""
    flow_off(body)
    body.flows["browser"].append({"providerId": "auth-otp-form", "requirement": "ALTERNATIVE", "level": 1})


def by_somebody_else(body: Realm) -> None:
    without_otp(body)
    body.step("webauthn-authenticator").update(providerId="sms-authenticator", requirement="ALTERNATIVE")


def passkeys(body: Realm) -> None:
    without_otp(body)
    body.step("webauthn-authenticator").update(
        providerId="webauthn-authenticator-passwordless", requirement="ALTERNATIVE"
    )


def unregistered(body: Realm) -> None:
    body.actions = [action for action in body.actions if action["alias"] != "CONFIGURE_TOTP"]


def always(body: Realm) -> None:
    body.step("Browser - Conditional 2FA")["requirement"] = "REQUIRED"


def also_kerberos(body: Realm) -> None:
    always(body)
    body.step("auth-spnego")["requirement"] = "ALTERNATIVE"


def at_times(body: Realm) -> None:
    always(body)
    body.step("auth-otp-form")["providerId"] = "auth-conditional-otp-form"


def new_users_must(body: Realm) -> None:
    body.action("CONFIGURE_TOTP")["defaultAction"] = True


def as_it_comes(body: Realm) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "supported", "required"),
    [
        (as_it_comes, "pass", "fail"),
        (new_users_must, "pass", "warn"),
        (always, "pass", "pass"),
        (also_kerberos, "pass", "fail"),
        (at_times, "pass", "fail"),
        (only_keys, "pass", "fail"),
        (without_otp, "fail", "fail"),
        (flow_off, "fail", "fail"),
        (no_setting_up, "fail", "fail"),
        (beside_a_required_step, "fail", "fail"),
        (by_somebody_else, "unknown", "unknown"),
        (unregistered, "unknown", "unknown"),
        (passkeys, "fail", "fail"),
    ],
    ids=lambda value: value.__name__ if callable(value) else value,
)
def test_a_factor_counts_where_a_login_comes_to_it_and_people_may_set_it_up(
    change: Callable[[Realm], None], supported: str, required: str
) -> None:
    body = made_realm("acme")
    change(body)
    for mfa, status in (("supported", supported), ("required", required)):
        verdict = World(policy=msgspec.convert({"mfa": mfa}, Policy)).ask(FACTOR, realm(of=body))
        assert verdict.status.word == status, verdict.reason


def test_a_passkey_is_two_factors_only_where_it_verifies_its_user() -> None:
    body = made_realm("acme")
    passkeys(body)
    verifying: dict[str, Any] = {"webAuthnPolicyPasswordlessUserVerificationRequirement": "required"}
    assert World().ask(FACTOR, realm(of=body, **verifying)).reason == "passkey, for whoever sets it up"


def test_steps_in_an_order_that_no_server_lists_are_not_read() -> None:
    step = {"providerId": "auth-otp-form", "requirement": "REQUIRED"}
    deep = [{"authenticationFlow": True, "requirement": "REQUIRED", "level": level} for level in range(2000)]
    for rows in ([{**step, "level": 1}], [{**step, "level": -1}], [step], deep):
        with pytest.raises(NoAnswer):
            flow_of(rows, EXECUTIONS)


# ------------------------------------------------------------ a person's word

WORD = Attestation(HASHING, "bcrypt, cost 12", "j.doe", datetime.date(2027, 6, 30))


def asked(state: State, answered_at: Utc | None = NOW) -> Source:
    return Source("acme/keycloak/sso/realm", "acme", "keycloak", "sso/acme", "realm", 60.0, state, answered_at)


@pytest.mark.parametrize(
    ("now", "status", "until"),
    [
        (NOW, Status.PASS, WORD.ends - 14 * DAY),
        (WORD.ends - 14 * DAY, Status.WARN, WORD.ends),
        (WORD.ends - 1, Status.WARN, WORD.ends),
        (WORD.ends, Status.UNKNOWN, None),
    ],
)
def test_a_persons_word_counts_until_the_end_of_its_day(now: Utc, status: Status, until: Utc | None) -> None:
    verdict = World(policy=Policy(attestation=(WORD,)), now=now).ask(HASHING, users())
    assert (verdict.status, verdict.valid_until) == (status, until)
    assert "j.doe" in verdict.reason
    assert verdict.evidence_class is (None if status is Status.UNKNOWN else EvidenceClass.ATTESTED)


def test_of_two_words_the_one_that_holds_longer_counts_and_none_counts_for_another_control() -> None:
    old = msgspec.structs.replace(WORD, until=datetime.date(2026, 1, 1))
    world = World(policy=Policy(attestation=(old, WORD, old)))
    assert world.ask(HASHING, users()).status is Status.PASS
    assert world.ask(FACTOR, users()).status is Status.UNKNOWN


def test_without_a_realm_and_without_a_word_nothing_is_known() -> None:
    verdict = World().ask(FACTOR, users())
    assert verdict.status is Status.UNKNOWN
    assert "[[tenant.policy.attestation]]" in verdict.reason


def test_where_a_realm_is_asked_it_is_judged_and_nobodys_word_counts() -> None:
    said = Policy(attestation=(WORD,))
    assert World(policy=said, asked=[asked(State.OK)]).ask(HASHING, users()).status is Status.NOT_APPLICABLE
    assert World(policy=said, asked=[asked(State.EXPIRED)]).ask(HASHING, users()).status is Status.NOT_APPLICABLE
    never = asked(State.UNREACHABLE, None)
    assert World(policy=said, asked=[never]).ask(HASHING, users()).status is Status.UNKNOWN


def test_what_tenants_share_counts_only_what_all_of_them_attest() -> None:
    assert shared([Policy(attestation=(WORD,)), Policy(attestation=(WORD,), strict=False)]).attestation == (WORD,)
    assert shared([Policy(attestation=(WORD,)), Policy()]).attestation == ()
