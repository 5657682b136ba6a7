"""The filter language: `status:fail kind:volume tenant:acme region:eu* key:customer free text`.

Words stand side by side and must all hold. `field:a,b` holds for either value; `*` and `?` stand for any characters;
`-` or `!` before a word turns it round. Quotes, at the beginning of a word or of a value, keep spaces and commas
together; a word that begins with one has no field. A word without a field is looked for, without regard to case, in
names, ids, the reason shown, and the controls that are not satisfied. `control:` asks who is judged by it, however it
ended, `sentence:S04` who is judged by one that verifies this sentence. `tenant:acme` holds for what acme shares, too.
"""

import difflib
import re
from collections.abc import Callable, Iterator
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
    "sentence": (),
}
"""Field -> the values it can have, where there is a closed list of them. `key` is the key's class."""

Read = Callable[[str], str]
"""What a filter asks of the thing it looks at: the text of a field, or of `` (the empty name) all that free text is
looked for in.
"""


class Term(msgspec.Struct, frozen=True):
    """One word of a filter. `field` is empty for free text; `patterns` are lower-case globs, one of which must
    match; `negated` turns it round.
    """

    field: str
    patterns: tuple[str, ...]
    negated: bool

    def test(self) -> Callable[[str], bool]:
        """A function from the field's text to whether this word holds."""
        if not self.field:
            needle, negated = self.patterns[0], self.negated
            return lambda text: (needle in text.lower()) is not negated
        if any(set("*?") & set(pattern) for pattern in self.patterns):
            match = re.compile("|".join(_glob(pattern) for pattern in self.patterns)).match
            return self._turned(lambda text: match(text) is not None)
        return self._turned(frozenset(self.patterns).__contains__)

    def _turned(self, holds: Callable[[str], bool]) -> Callable[[str], bool]:
        negated = self.negated
        if self.field == "tenant":  # what a and b share is of a+b
            return lambda text: (
                (holds(text.lower()) or any(holds(part) for part in text.lower().split("+"))) is not negated
            )
        return lambda text: holds(text.lower()) is not negated


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
    terms = (_term(word) for word in _words(text))
    return Filter(text.strip(), tuple(term for term in terms if term is not None))


# A comma inside quotes, and the opening quote of a word that begins with one, on the way from `_words` to `_term`.
_COMMA, _QUOTED = "\0", "\1"
_NO_FIELDS = frozenset({"arn", "aws", "cert", "k8s", "tls", "vault"})
"""Ids begin with these, and AWS's own words (`aws:kms`)."""


def _words(text: str) -> Iterator[str]:
    word = quote = ""
    for char in text:
        if quote:
            if char == quote:
                quote = ""
            else:
                word += _COMMA if char == "," else char
        elif char in "\"'" and word in {"", "-", "!"}:
            quote, word = char, word + _QUOTED
        elif char in "\"'" and word[-1] in ":,":
            quote = char
        elif not char.isspace():
            word += char
        elif word:
            yield word
            word = ""
    if quote:
        raise FilterError(f"filter: a quote is not closed in {text!r}")
    if word:
        yield word


def _term(word: str) -> Term | None:
    negated = word[0] in "-!"
    body = word[1:] if negated else word
    field, colon, value = body.partition(":")
    field = field.lower()
    if body.startswith(_QUOTED) or not colon or not field.isalpha() or field in _NO_FIELDS or value.startswith("//"):
        sought = body.removeprefix(_QUOTED).replace(_COMMA, ",").lower()
        return Term("", (sought,), negated) if sought else None
    if field not in FIELDS:
        near = difflib.get_close_matches(field, FIELDS, 1)
        hint = f"did you mean {near[0]}:? " if near else ""
        raise FilterError(f"filter: no field {field!r}; {hint}fields are {', '.join(FIELDS)}")
    values = tuple(part.replace(_COMMA, ",").lower() for part in value.split(",") if part)
    if not values:
        raise FilterError(f"filter: {field}: needs a value, as in {field}:{(FIELDS[field] or ('acme',))[0]}")
    if allowed := FIELDS[field]:
        values = tuple(v.replace("-", "_") if field == "status" else v for v in values)
        for part in values:
            if not any(re.match(_glob(part), known) for known in allowed):
                raise FilterError(f"filter: {field}:{part} matches nothing; {field} is one of {', '.join(allowed)}")
    return Term(field, values, negated)


def _glob(pattern: str) -> str:
    """Only `*` and `?` are wild: ids may hold brackets."""
    return translate(pattern.replace("[", "[[]"))


def longest_filter(text: str) -> str:
    """As many words from the left as can be read as a filter."""
    words = text.split()
    while words:
        words.pop()
        try:
            return parse(" ".join(words)).text
        except FilterError:
            continue
    return ""
