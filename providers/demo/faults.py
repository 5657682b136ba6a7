"""What can go wrong between enctop and a system, on demand: refusals in each service's own words, slowness, and broken
answers.
"""

import fnmatch
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar

import msgspec

from providers.demo.answer import Answer

Kind = Literal["deny", "expire", "throttle", "fail", "delay", "cut", "truncate", "html", "hang", "refuse"]

HTML = b"<html><head><title>Sign in</title></head><body><h1>Your proxy wants you to sign in</h1></body></html>"


class Drop(Exception):
    """The connection ends here: with a reset, or after half of an answer whose length promised more (`half`)."""

    def __init__(self, half: Answer | None = None) -> None:
        super().__init__("the connection is dropped on purpose")
        self.half = half


class AnyRule(Protocol):
    """One fault: `times` is how many requests it still hits (None: all), `seconds` how long it takes, `status` replaces
    the service's own.
    """

    times: int | None
    seconds: float
    status: int | None

    @property
    def kind(self) -> str:
        """`deny`, `throttle`..."""

    def hits(self, asked: Any) -> bool:
        """Whether this request is one of those meant."""


R = TypeVar("R", bound=AnyRule)


class InForce(Generic[R]):
    """The rules in force. Safe to use from any thread; the newest rule is asked first."""

    def __init__(self) -> None:
        self._rules: list[R] = []
        self._lock = threading.Lock()

    def enforce(self, rule: R) -> R:
        """Put a rule in force."""
        with self._lock:
            self._rules.insert(0, rule)
        return rule

    def remove(self, rule: R) -> None:
        """Lift a rule; nothing happens if it is not in force any more."""
        with self._lock:
            self._rules = [kept for kept in self._rules if kept is not rule]

    def clear(self) -> None:
        """Lift all rules."""
        with self._lock:
            self._rules.clear()

    @property
    def rules(self) -> tuple[R, ...]:
        """The rules in force, newest first."""
        with self._lock:
            return tuple(self._rules)

    def stands(self, rule: R) -> bool:
        """Whether a rule is still in force."""
        return any(kept is rule for kept in self.rules)

    def _hits(self, rule: R, asked: Any) -> bool:
        return rule.hits(asked)

    def _taken(self, asked: Any, kinds: Collection[str], *, first: bool = False) -> list[R]:
        """The rules that hit this request; those that count have counted it."""
        taken = []
        with self._lock:
            for rule in self._rules:
                if rule.kind not in kinds or rule.times == 0 or not self._hits(rule, asked):
                    continue
                if rule.times is not None:
                    rule.times -= 1
                taken.append(rule)
                if first:
                    break
        return taken


class Rules(ABC, InForce[R]):
    """The rules in force around an answer. `refusals` are the kinds that take its place."""

    refusals: ClassVar[tuple[str, ...]] = ("hang", "refuse", "expire", "deny", "throttle", "fail", "html")

    def before(self, asked: Any) -> Answer | None:
        """Wait as long as the rules say, and give the refusal that takes the answer's place, if there is one. Raises
        `Drop`.
        """
        for rule in self._taken(asked, ("delay",)):
            time.sleep(rule.seconds)
        for rule in self._taken(asked, self.refusals, first=True):
            return self._instead(rule, asked)
        return None

    def after(self, asked: Any, answer: Answer) -> Answer:
        """Break the answer if a rule says so. Raises `Drop`."""
        for rule in self._taken(asked, ("cut", "truncate"), first=True):
            if rule.kind == "cut":
                raise Drop(answer)
            return Answer(answer.status, answer.body[: len(answer.body) // 2], answer.headers)
        return answer

    def _instead(self, rule: R, asked: Any) -> Answer:
        if rule.kind in ("hang", "refuse"):
            self._wait(rule)
            raise Drop
        if rule.kind == "html":
            return Answer(rule.status or 200, HTML, {"content-type": "text/html"})
        return self._refusal(rule, asked)

    @abstractmethod
    def _refusal(self, rule: R, asked: Any) -> Answer:
        """A refusal in the words of the service."""

    def _wait(self, rule: R) -> None:
        """Hang until the time is over or the rule is lifted."""
        end = time.monotonic() + (rule.seconds if rule.kind == "hang" else 0.0)
        while time.monotonic() < end and self.stands(rule):
            time.sleep(0.02)


class Rule(msgspec.Struct, forbid_unknown_fields=True):
    """One fault. `operation`, `resource`, `account` and `region` are globs over the request's own (`ec2:Describe*`, a
    bucket, a key id or ARN).

    `times` is how many requests it still hits (None: all); `retry_after` is in seconds; `seconds` is how long `delay`
    and `hang` take; `status` replaces the service's own status of a `fail`, and the 200 of an `html`; `header` is how a
    throttle says when to come back.
    """

    kind: Kind
    operation: str = "*"
    resource: str = "*"
    account: str = "*"
    region: str = "*"
    times: int | None = None
    seconds: float = 0.0
    retry_after: float | None = None
    header: Literal["retry-after", "x-amz-retry-after"] = "retry-after"
    status: int | None = None

    def hits(self, asked: Any) -> bool:
        """Whether this request is one of those meant."""
        return (
            fnmatch.fnmatchcase(asked.operation, self.operation)
            and any(fnmatch.fnmatchcase(name, self.resource) for name in {asked.resource, asked.bucket})
            and fnmatch.fnmatchcase(asked.account, self.account)
            and fnmatch.fnmatchcase(asked.region, self.region)
        )


class Faults(Rules[Rule]):
    """The rules of AWS and of Azure."""

    def add(self, rule: Rule) -> Rule:
        """Put a rule in force."""
        return self.enforce(rule)

    def deny(self, operation: str = "*", resource: str = "*", account: str = "*", region: str = "*") -> Rule:
        """No permission."""
        return self.add(Rule("deny", operation, resource, account, region))

    def expire(self, operation: str = "*", account: str = "*") -> Rule:
        """The credentials have expired."""
        return self.add(Rule("expire", operation, account=account))

    def throttle(
        self,
        operation: str = "*",
        times: int | None = 1,
        *,
        retry_after: float | None = None,
        in_milliseconds: bool = False,
    ) -> Rule:
        """The next `times` requests are too many. `retry_after` seconds are said as `Retry-After`, or as
        `x-amz-retry-after` in milliseconds.
        """
        header: Literal["retry-after", "x-amz-retry-after"] = "x-amz-retry-after" if in_milliseconds else "retry-after"
        return self.add(Rule("throttle", operation, times=times, retry_after=retry_after, header=header))

    def fail(self, operation: str = "*", times: int | None = None, status: int | None = None) -> Rule:
        """The service has a fault of its own (5xx)."""
        return self.add(Rule("fail", operation, times=times, status=status))

    def delay(self, seconds: float, operation: str = "*", region: str = "*") -> Rule:
        """Every answer takes that much longer; requests do not wait for each other."""
        return self.add(Rule("delay", operation, region=region, seconds=seconds))

    def cut(self, operation: str = "*", times: int | None = None) -> Rule:
        """The connection ends in the middle of the answer, which had said its whole length."""
        return self.add(Rule("cut", operation, times=times))

    def truncate(self, operation: str = "*", times: int | None = None) -> Rule:
        """The answer is whole for HTTP, but its XML or JSON ends in the middle."""
        return self.add(Rule("truncate", operation, times=times))

    def html(self, operation: str = "*", times: int | None = None) -> Rule:
        """A proxy answers 200 with a page for people."""
        return self.add(Rule("html", operation, times=times))

    def hang(self, region: str = "*", operation: str = "*", seconds: float = 3600.0) -> Rule:
        """No answer at all for `seconds`, then a reset."""
        return self.add(Rule("hang", operation, region=region, seconds=seconds))

    def refuse(self, region: str = "*", operation: str = "*") -> Rule:
        """The connection is reset without an answer."""
        return self.add(Rule("refuse", operation, region=region))
