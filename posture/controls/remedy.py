"""What a person may run to mend a finding: the control's template, filled in for one resource."""

import re
import shlex

from posture.controls.registry import BLANK, Control
from posture.resource import Resource


def remedy_for(control: Control, resource: Resource) -> str:
    """Lines ready for a shell. What is filled in is quoted; what is not known stays as a clear `<word>`, which no
    shell takes for an argument.
    """
    return BLANK.sub(lambda blank: _filled(blank.group(1), resource), control.remedy)


def _filled(blank: str, resource: Resource) -> str:
    value = _value(blank, resource)
    if not value or not value.isprintable() or value.startswith("-"):
        return f"<{re.sub(r'(?<=[a-z0-9])(?=[A-Z])', '-', blank).lower()}>"
    return shlex.quote(value)


def _value(blank: str, resource: Resource) -> str:
    match blank:
        case "name" | "id" | "region" | "scope" | "tenant":
            return str(getattr(resource, blank))
        case "key":
            # of a vault's key and a disk encryption set, the URL that commands want
            own = resource.encryption and resource.encryption.key
            return ((own or resource.id) if resource.kind == "key" else resource.link("key")) or ""
        case field:
            value = resource.fields.get(field)
            return str(value) if isinstance(value, str | int) else ""
