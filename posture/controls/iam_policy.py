"""AWS resource policies, read as IAM reads them: scalars are lists of one, operators, actions and condition keys have no case, `*` and `?` are wild."""

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import msgspec

from posture.wildcard import matches


class Condition(msgspec.Struct, frozen=True):
    """One test. `operator` and `key` are lower case; `qualifier` is `forallvalues`, `foranyvalue` or empty; `values` are texts, one of which must match."""

    qualifier: str
    operator: str
    key: str
    values: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True):
    """One statement. `everyone` says that its principal is `*`; `but` names the element turned round (`NotPrincipal`, `NotAction`, `NotResource`), if any."""

    effect: str
    everyone: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    but: tuple[str, ...]


class Coverage(msgspec.Struct, frozen=True):
    """How far a policy's denial reaches. `full` or not; `shortfalls` say why not, of the statement that comes nearest; no statement at all: neither."""

    full: bool
    shortfalls: tuple[str, ...] = ()


class PolicyError(ValueError):
    """The text is no policy document."""


@lru_cache(maxsize=4096)
def statements(text: str) -> tuple[Statement, ...]:
    """The statements of a policy document. Raises `PolicyError` where it cannot be read."""
    try:
        document = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, TypeError):
        raise PolicyError("not JSON") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise PolicyError("no Statement")
    return tuple(_statement(part) for part in _list(document["Statement"]))


def denial(policy: tuple[Statement, ...], bucket_arn: str, meant: Callable[[Condition], str | None]) -> Coverage:
    """How far Deny statements reach that test what `meant` recognises, for all principals, all S3 actions, the bucket and all its objects.

    `meant` answers None for a condition that is about something else, "" for one that does what is wanted, else why it does so only in part.
    What one whole statement leaves out (only the bucket, only the objects) another may add.
    """
    partial: list[tuple[str, ...]] = []
    bucket = objects = False
    for statement in policy:
        verdicts = [meant(condition) for condition in statement.conditions]
        relevant = [verdict for verdict in verdicts if verdict is not None]
        if statement.effect != "Deny" or not relevant:
            continue
        shortfalls = list(_shortfalls(statement, relevant, len(verdicts)))
        if not shortfalls:
            bucket |= _covers_bucket(statement, bucket_arn)
            objects |= _covers_objects(statement, bucket_arn)
        partial.append((*shortfalls, *_unreached(_covers_bucket(statement, bucket_arn), _covers_objects(statement, bucket_arn))))
    if bucket and objects:
        return Coverage(True)
    return Coverage(False, min(partial, key=lambda shortfalls: len(shortfalls), default=()))


def open_to_everyone(policy: tuple[Statement, ...]) -> tuple[list[str], list[str]]:
    """The Allow statements whose principal is everyone: those nothing narrows, and those narrowed only weakly, by their number from 1."""
    wide: list[str] = []
    weak: list[str] = []
    for number, statement in enumerate(policy, 1):
        if statement.effect != "Allow" or not (statement.everyone or "NotPrincipal" in statement.but):
            continue
        if any(_binds(condition) for condition in statement.conditions):
            continue
        (weak if statement.conditions else wide).append(f"Statement[{number}]")
    return wide, weak


def glob(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` is any run of characters, `?` exactly one."""
    head = pattern[:-1] if pattern.endswith("*") else pattern
    if "*" not in head and "?" not in head:  # nearly every pattern there is; a regex for each bucket would cost more than all other judging
        return text.startswith(head) if head is not pattern else text == pattern
    return matches(pattern, text)


BINDING = frozenset(
    {
        "kms:calleraccount",
        "aws:principalorgid",
        "aws:principalorgpaths",
        "aws:principalaccount",
        "aws:principalarn",
        "aws:sourceaccount",
        "aws:sourcearn",
        "aws:sourceorgid",
        "aws:sourceowner",
    }
)
"""Condition keys that say who may call. `kms:ViaService` alone does not: any account can come by way of a service."""


def _statement(part: Any) -> Statement:
    if not isinstance(part, dict):
        raise PolicyError("a Statement is no object")
    return Statement(
        effect=str(part.get("Effect")),
        everyone=_everyone(part.get("Principal")),
        actions=tuple(text.lower() for text in _texts(part.get("Action"))),
        resources=_texts(part.get("Resource")),
        conditions=tuple(_conditions(part.get("Condition") or {})),
        but=tuple(name for name in ("NotPrincipal", "NotAction", "NotResource") if name in part),
    )


def _everyone(principal: Any) -> bool:
    if isinstance(principal, dict):
        return "*" in _texts(principal.get("AWS"))
    return "*" in _texts(principal)


def _conditions(block: Any) -> Iterator[Condition]:
    if not isinstance(block, dict):
        raise PolicyError("a Condition is no object")
    for operator, tests in block.items():
        if not isinstance(tests, dict):
            raise PolicyError("a Condition's operator has no keys")
        qualifier, _, plain = operator.lower().rpartition(":")
        for key, values in tests.items():
            yield Condition(qualifier, plain, key.lower(), _texts(values))


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in _list(value))


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _shortfalls(statement: Statement, relevant: list[str], conditions: int) -> Iterator[str]:
    if statement.but:
        yield from (f"uses {name}" for name in statement.but)
    if not statement.everyone and "NotPrincipal" not in statement.but:
        yield "only some principals"
    if not any(re.fullmatch(r"(s3:)?\*+", action) for action in statement.actions) and "NotAction" not in statement.but:
        yield "only some actions"
    yield from (verdict for verdict in relevant if verdict)
    if conditions > len(relevant) or len(relevant) > 1:
        yield "extra conditions"


def _unreached(bucket: bool, objects: bool) -> list[str]:
    match bucket, objects:
        case True, True:
            return []
        case True, False:
            return ["only the bucket, not /*"]
        case False, True:
            return ["only /*, not the bucket"]
        case _:
            return ["only some resources"]


def _covers_bucket(statement: Statement, arn: str) -> bool:
    return any(glob(pattern, arn) for pattern in statement.resources)


def _covers_objects(statement: Statement, arn: str) -> bool:
    return any(pattern.endswith("*") and glob(pattern, f"{arn}/") for pattern in statement.resources)


def _binds(condition: Condition) -> bool:
    positive = condition.operator in {"stringequals", "stringequalsignorecase", "stringlike", "arnequals", "arnlike"} and condition.qualifier != "forallvalues"
    return positive and condition.key in BINDING and bool(condition.values) and all(_names_somebody(value) for value in condition.values)


def _names_somebody(value: str) -> bool:
    if value.startswith("arn:"):
        return not set("*?") & set("".join(value.split(":")[:5]))
    return value[:1] not in {"", "*", "?"}
