"""What can go wrong between enctop and an API server, on demand: refusals in the API server's words, silence, and
broken answers.
"""

import fnmatch
from collections.abc import Collection
from typing import Any, Literal

import msgspec

from providers.demo.answer import Answer
from providers.demo.faults import HTML, InForce
from providers.demo.kubernetes import answers
from providers.demo.kubernetes.answers import Asked, refused

Kind = Literal[
    "forbid",
    "unauthorized",
    "throttle",
    "warm",
    "fail",
    "proxy",
    "html",
    "missing",
    "gone",
    "too_large",
    "delay",
    "hang",
    "cut",
    "truncate",
    "refuse",
    "end",
    "silent",
    "no_bookmarks",
]
"""`forbid` 403, also in the self reviews · `unauthorized` 401 · `throttle` 429 in text · `warm` 429 as Status · `fail`
500 · `proxy` 503 in HTML · `html` 200 with a page for people · `missing` 404 in text · `gone` 410 (an event where it is
a watch) · `too_large` 504 · `delay` the answer takes `seconds` longer · `hang` no answer for `seconds`, then a reset ·
`cut` the connection ends in the middle of the answer, a stream's in the middle of its next line · `truncate` the JSON
ends in the middle · `refuse` a reset without an answer · `end` a watch ends at once, in order · `silent` a watch says
nothing more for ever, but stays open · `no_bookmarks`. Of these `forbid`, `silent` and `no_bookmarks` do not count
`times`.
"""
INSTEAD = frozenset({"unauthorized", "throttle", "warm", "fail", "proxy", "html", "missing", "gone", "too_large"})
BROKEN = frozenset({"hang", "refuse"})


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One fault. `operation` (`k8s:PLURAL`, or a path), `verb`, `namespace` ("" is the whole cluster) and `user` are
    globs; `times` is how many requests it still hits (None: all).
    """

    kind: Kind
    operation: str = "*"
    verb: str = "*"
    namespace: str = "*"
    user: str = "*"
    times: int | None = None
    seconds: float = 0.0
    retry_after: str | None = "1"
    status: int | None = None
    echo: str = ""

    def hits(self, asked: Asked) -> bool:
        """Whether this request is one of those meant."""
        return (
            fnmatch.fnmatchcase(asked.operation, self.operation)
            and fnmatch.fnmatchcase(asked.verb, self.verb)
            and fnmatch.fnmatchcase(asked.namespace, self.namespace)
            and fnmatch.fnmatchcase(asked.user, self.user)
        )


class Faults(InForce[Rule]):
    """The rules in force."""

    def add(self, kind: Kind, operation: str = "*", **more: Any) -> Rule:
        """Put a rule in force."""
        return self.enforce(Rule(kind, operation, **more))

    def holds(self, asked: Asked, kind: Kind) -> bool:
        """Whether a rule of this kind hits; nothing is counted."""
        return any(rule.kind == kind and rule.times != 0 and rule.hits(asked) for rule in self.rules)

    def taken(self, asked: Asked, kinds: Collection[str]) -> Rule | None:
        """The newest rule of these kinds that hits this request; one that counts has counted it."""
        return next(iter(self._taken(asked, kinds, first=True)), None)


def instead(rule: Rule) -> Answer:
    """The answer of a rule of `INSTEAD`."""
    match rule.kind:
        case "throttle":
            return answers.throttled(rule.retry_after)
        case "proxy":
            return answers.proxy(rule.status or 503)
        case "html":
            return Answer(rule.status or 200, HTML, {"Content-Type": "text/html"})
        case "missing":
            return answers.not_served()
        case "warm":
            return refused(answers.warming())
        case "unauthorized":
            return refused(answers.unauthorized())
        case "gone":
            return refused(answers.expired_list())
        case "too_large":
            return refused(answers.too_large(2000, 1000))
        case _:
            return refused(answers.internal(rule.echo or "etcdserver: request timed out"))
