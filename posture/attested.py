"""What a person says of a promise that cannot be read, until when, and that it is said."""

from posture.context import Context
from posture.policy import DAY, Attestation
from posture.text import one_line
from posture.verdict import EvidenceClass, Verdict, passed, unknown, warned

ENDING = 14 * DAY
"""An attestation that ends sooner than this is a WARN."""
SHOWN = 120
"""Characters of a statement that a reason repeats."""


def attested(control: str, context: Context) -> Verdict | None:
    """The verdict by the tenant's attestation of a control, the one that holds longest; None where there is none. One
    that has ended says nothing any more: UNKNOWN.
    """
    said = [one for one in context.policy.attestation if one.control == control]
    if not said:
        return None
    last = max(said, key=lambda one: one.until)
    words = f"attested by {one_line(last.attested_by, SHOWN)} until {last.until}: {one_line(last.statement, SHOWN)}"
    if context.now >= last.ends:
        return unknown(f"the attestation has ended, {words}", evidence=_facts(last))
    if context.now >= last.ends - ENDING:
        return warned(f"ends soon, {words}", _facts(last), until=last.ends, by=EvidenceClass.ATTESTED)
    return passed(words, _facts(last), until=last.ends - ENDING, by=EvidenceClass.ATTESTED)


def _facts(said: Attestation) -> dict[str, str]:
    return {
        "attestation.statement": said.statement,
        "attestation.attested_by": said.attested_by,
        "attestation.until": str(said.until),
    }
