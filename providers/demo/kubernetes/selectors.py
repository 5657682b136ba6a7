"""Label and field selectors, as a list or a watch carries them (k8s.io/apimachinery/pkg/labels and fields)."""

import re
from collections.abc import Callable
from typing import Any

Json = dict[str, Any]
Matches = Callable[[Json], bool]
_TERM = re.compile(
    r"\s*(?:"
    r"(?P<absent>!)\s*(?P<no>[\w./-]+)"
    r"|(?P<set>[\w./-]+)\s+(?P<in>in|notin)\s*\((?P<values>[^)]*)\)"
    r"|(?P<key>[\w./-]+)\s*(?P<op>==|=|!=)\s*(?P<value>[\w./-]*)"
    r"|(?P<has>[\w./-]+)"
    r")\s*(?:,|$)"
)
_FIELD = re.compile(r"\s*([\w./-]+)\s*(==|=|!=)\s*([^,]*?)\s*(?:,|$)")


class BadSelector(ValueError):
    """A selector that cannot be read; the text is the API server's."""


def labels(selector: str) -> Matches:
    """What a `labelSelector` chooses, by an object's labels. Raises `BadSelector`."""
    terms, at = [], 0
    while at < len(selector):
        term = _TERM.match(selector, at)
        if term is None:
            raise BadSelector(f'unable to parse requirement: found "{selector[at:]}", expected: identifier')
        terms.append(_label(term))
        at = term.end()
    return lambda body: all(term(body["metadata"].get("labels") or {}) for term in terms)


def _label(term: re.Match[str]) -> Matches:
    if term["absent"]:
        return lambda held: term["no"] not in held
    if term["set"]:
        values, wanted = {each.strip() for each in term["values"].split(",")}, term["in"] == "in"
        return lambda held: (held.get(term["set"]) in values) is wanted
    if term["key"]:
        return lambda held: (held.get(term["key"]) == term["value"]) is (term["op"] != "!=")
    return lambda held: term["has"] in held


def fields(selector: str) -> Matches:
    """What a `fieldSelector` chooses. Raises `BadSelector`."""
    terms, at = [], 0
    while at < len(selector):
        term = _FIELD.match(selector, at)
        if term is None:
            raise BadSelector(f"invalid selector: '{selector}'; can't understand '{selector[at:]}'")
        terms.append((term[1].split("."), term[2] != "!=", term[3]))
        at = term.end()
    return lambda body: all((_field(body, path) == value) is wanted for path, wanted, value in terms)


def _field(body: Any, path: list[str]) -> str:
    for part in path:
        body = body.get(part) if isinstance(body, dict) else None
    return "" if body is None else str(body)
