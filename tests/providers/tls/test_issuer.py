"""Of who stands behind a certificate, what it tells itself."""

from typing import Any

import pytest

from posture.resource import Resource
from posture.who import Change, Outcome, Trail, Who, answer
from providers.tls import issuer

NOW = 1_800_000_000.0
ISSUED = "2027-01-15T07:00:00Z"


def ask(type: str, fields: dict[str, Any], after: float | None = None) -> Who:
    resource = Resource(
        id="x", kind="certificate", type=type, name="x", tenant="acme", provider="tls", scope="", region="", source="s",
        fields=fields,
    )  # fmt: skip
    change = Change(resource=resource, events=(), since=NOW, asked_at=NOW, after=after)
    told = issuer.told(change)
    return answer(told, change) if isinstance(told, Trail) else told


@pytest.mark.parametrize(
    ("type", "fields", "actor"),
    [
        ("tls.certificate", {"Issuer": "CN=R11,O=Let's Encrypt", "NotBefore": ISSUED}, "CN=R11,O=Let's Encrypt"),
        ("tls.endpoint", {"Change": {"At": ISSUED, "ToIssuerName": "R11"}}, "R11"),
        ("tls.endpoint", {}, None),
        ("tls.endpoint", {"Change": 7}, None),
        ("tls.certificate", {"Issuer": 7, "NotBefore": "soon"}, None),
    ],
)
def test_a_certificate_tells_its_issuer_and_a_server_tells_nothing(
    type: str, fields: dict[str, Any], actor: str | None
) -> None:
    who = ask(type, fields)
    assert (who.event.actor if who.event else None) == actor
    assert who.outcome is (Outcome.FOUND if actor else Outcome.NOT_RECORDED)


def test_what_was_issued_before_it_was_well_did_not_break_it() -> None:
    fields = {"Issuer": "CN=R11", "NotBefore": "2026-01-01T00:00:00Z"}
    assert ask("tls.certificate", fields, after=NOW - 60).outcome is Outcome.NOT_RECORDED
