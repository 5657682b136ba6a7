"""The filter language: `status:fail kind:volume tenant:acme region:eu* key:customer free text`.

Words stand side by side and must all hold. `field:a,b` holds for either value; `*` and `?` stand for any characters; `-` or `!` before a word turns it round;
quotes keep spaces together. A word without a field is looked for, without regard to case, in names, ids, reasons and controls.
"""

import difflib
import re
import shlex
from collections.abc import Callable
from fnmatch import translate

import msgspec

from posture.fault import FilterError
from posture.resource import KeyClass
from posture.verdict import Severity, Status

FIELDS: dict[str, tuple[str, ...]] = {
    "status": tuple(status.word for status in Status),
    "severity": tuple(severity.word for severity in Severity),
    "key": tuple(KeyClass),
    "kind": (),
    "type": (),
    "tenant": (),
    "provider": (),
    "scope": (),
    "region": (),
    "source": (),
    "name": (),
    "id": (),
    "control": (),
}
"""Field -> the values it can have, where there is a closed list of them. `key` is the key's class."""

Read = Callable[[str], str]
"""What a filter asks of the thing it looks at: the text of a field, or of `` (the empty name) all that free text is looked for in."""


class Term(msgspec.Struct, frozen=True):
    """One word of a filter. `field` is empty for free text; `patterns` are lower-case globs, one of which must match; `negated` turns it round."""

    field: str
    patterns: tuple[str, ...]
    negated: bool

    def test(self) -> Callable[[str], bool]:
        """A function from the field's text to whether this word holds."""
        if not self.field:
            needle, negated = self.patterns[0], self.negated
            return lambda text: (needle in text.lower()) is not negated
        if any(set("*?[") & set(pattern) for pattern in self.patterns):
            match = re.compile("|".join(translate(pattern) for pattern in self.patterns)).match
            return lambda text: (match(text.lower()) is not None) is not self.negated
        allowed = frozenset(self.patterns)
        return lambda text: (text.lower() in allowed) is not self.negated


class Filter(msgspec.Struct, frozen=True):
    """A parsed filter; the empty one lets everything through."""

    text: str
    terms: tuple[Term, ...] = ()

    def matcher(self) -> Callable[[Read], bool]:
        """A function that says whether a thing, read field by field, passes every word."""
        tests = [(term.field, term.test()) for term in self.terms]
        return lambda read: all(test(read(field)) for field, test in tests)


def parse(text: str) -> Filter:
    """Read a filter as a person types it. Raises `FilterError` naming the word and what is allowed."""
    try:
        words = shlex.split(text, posix=True)
    except ValueError:
        raise FilterError(f"filter: a quote is not closed in {text!r}") from None
    return Filter(" ".join(text.split()), tuple(_term(word) for word in words if word not in {"-", "!"}))


def _term(word: str) -> Term:
    negated = word[0] in "-!"
    body = word[1:] if negated else word
    field, colon, value = body.partition(":")
    field = field.lower()
    if not colon or not field.isalpha() or body.startswith(("arn:", "aws:", "tls:", "vault:", "cert:", "k8s:")):
        return Term("", (body.lower(),), negated)
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, 1)
        hint = f"did you mean {near[0]}:? " if near else ""
        raise FilterError(f"filter: no field {field!r}; {hint}fields are {', '.join(FIELDS)}")
    values = tuple(part.lower() for part in value.split(",") if part)
    if not values:
        raise FilterError(f"filter: {field}: needs a value, as in {field}:{(FIELDS[field] or ('acme',))[0]}")
    if allowed := FIELDS[field]:
        values = tuple(v.replace("-", "_") if field == "status" else v for v in values)
        for part in values:
            if not any(re.match(translate(part), known) for known in allowed):
                raise FilterError(f"filter: {field}:{part} matches nothing; {field} is one of {', '.join(allowed)}")
    return Term(field, values, negated)
