"""Who stands behind a certificate: its issuer, when it was issued, and when an endpoint was first seen with it. Of its
settings a server keeps no record that could be asked.
"""

import contextlib
from typing import Any

from posture.clock import parse_rfc3339
from posture.who import Change, Event, Trail, Who, event, not_recorded

UNRECORDED = (
    "a server does not tell who set it up; of certificates it is told who issued them, and when they were seen first"
)


def told(change: Change) -> Trail | Who:
    """By what was seen of a certificate, or of an endpoint's last change to another one."""
    fields = change.resource.fields
    if change.resource.type == "tls.certificate":
        found = _event("certificate issued", fields.get("NotBefore"), fields.get("Issuer"))
    else:
        seen = fields.get("Change")
        replaced = seen if isinstance(seen, dict) else {}
        found = _event("certificate seen in place of another", replaced.get("At"), replaced.get("ToIssuerName"))
    if found is None:
        return not_recorded(UNRECORDED, change)
    return Trail(name="the certificate", events=(found,), keeps=None, lag=0.0)


def _event(name: str, at: Any, issuer: Any) -> Event | None:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        return event(name=name, at=parse_rfc3339(at), actor=issuer)
    return None
