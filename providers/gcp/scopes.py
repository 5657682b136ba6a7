"""Which zones and regions a listing could not include: Google says so beside the rows, with a 200."""

import re

from posture.fault import Fault
from providers.gcp.calls import Call
from providers.gcp.decode import Page, Warned
from providers.gcp.faults import scope_fault

EMPTY = "NO_RESULTS_ON_PAGE"
"""The one warning that means what it says: there is nothing here, or not on this page."""
_PARTIAL = {"UNREACHABLE", "PARTIAL_SUCCESS"}
_ZONE = re.compile(r"[a-z]+-[a-z]+\d+-[a-z]")


class Unanswered:
    """What one listing left out: `scopes` maps `zones/Z` or `regions/R` to the fault; `whole` is set where it cannot
    be said which.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.scopes: dict[str, Fault] = {}
        self.whole: Fault | None = None

    def read(self, page: Page) -> None:
        """Read `unreachables` and the list's own warning off a page."""
        for name in page.unreachables or ():
            self._add(scope_path(name), "UNREACHABLE", "")
        warning = page.warning
        if warning is not None and warning.code not in {"", EMPTY} and not (warning.code in _PARTIAL and self.scopes):
            self.whole = scope_fault(self._call, "a part of the project", warning.code, warning.message)

    def scope(self, scope: str, warning: Warned | None) -> None:
        """Read the warning that stands in place of a scope's rows."""
        if warning is not None and warning.code not in {"", EMPTY}:
            self._add(scope_path(scope), warning.code, warning.message)

    def _add(self, scope: str, code: str, message: str) -> None:
        self.scopes[scope] = scope_fault(self._call, scope, code, message)


def scope_path(name: str) -> str:
    """`zones/Z`, `regions/R` or `global`, from a key of `items`, a URL or a bare name."""
    parts = name.strip("/").split("/")
    if len(parts) >= 2 and parts[-2] in {"zones", "regions"}:
        return f"{parts[-2]}/{parts[-1]}"
    if parts[-1] == "global":
        return "global"
    return f"{'zones' if _ZONE.fullmatch(parts[-1]) else 'regions'}/{parts[-1]}"
