"""AWS resource policies, read as IAM reads them: scalars are lists of one, operators, actions and condition keys have
no case, `*` and `?` are wild.

What IAM's grammar does not know (an element of another name or case, a name that stands twice, a value of another type)
is not read at all: nobody can say what a service makes of it.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NoReturn

import msgspec

from posture.controls.aws.iam_reach import names_somebody
from posture.wildcard import matches


class Condition(msgspec.Struct, frozen=True):
    """One test. `operator` and `key` are lower case; `qualifier` is `forallvalues`, `foranyvalue` or empty; `values`
    are texts, one of which must match.
    """

    qualifier: str
    operator: str
    key: str
    values: tuple[str, ...]


class Statement(msgspec.Struct, frozen=True):
    """One statement. `everyone` says that its principal is `*`; of those it names (`NotPrincipal` too), `wild` that one
    has a wildcard and no account, `shared` that one is an identity provider of no account, whose users come from
    anywhere.

    `but` names the element turned round (`NotPrincipal`, `NotAction`, `NotResource`), if any.
    """

    effect: str
    everyone: bool
    wild: bool
    shared: bool
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[Condition, ...]
    but: tuple[str, ...]


class Coverage(msgspec.Struct, frozen=True):
    """How far a policy's denial reaches. `full` or not; `shortfalls` say why not, of the statement that comes
    nearest; no statement at all: neither.
    """

    full: bool
    shortfalls: tuple[str, ...] = ()


class PolicyError(ValueError):
    """The text is not a policy document."""


def statements(text: object) -> tuple[Statement, ...]:
    """The statements of a policy document. Raises `PolicyError` where it cannot be read."""
    if not isinstance(text, str):
        raise PolicyError("not a text")
    return _read(text)


@lru_cache(maxsize=4096)
def _read(text: str) -> tuple[Statement, ...]:
    try:
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except PolicyError:
        raise
    except (ValueError, RecursionError):
        raise PolicyError("not JSON") from None
    if not isinstance(document, dict) or "Statement" not in document:
        raise PolicyError("no Statement")
    _only(document, _DOCUMENT)
    if document.get("Version", "2008-10-17") not in ("2008-10-17", "2012-10-17"):
        raise PolicyError("a Version that IAM does not have")
    return tuple(_statement(part) for part in _list(document["Statement"]))


def denial(policy: tuple[Statement, ...], bucket_arn: str, meant: Callable[[Condition], str | None]) -> Coverage:
    """How far Deny statements reach that test what `meant` recognises, for all principals, all S3 actions, the bucket
    and all its objects.

    `meant` answers None for a condition that is about something else, "" for one that does what is wanted, else why it
    does so only in part. What one whole statement leaves out (only the bucket, only the objects) another may add.
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
        partial.append(
            (*shortfalls, *_unreached(_covers_bucket(statement, bucket_arn), _covers_objects(statement, bucket_arn)))
        )
    if bucket and objects:
        return Coverage(True)
    return Coverage(False, min(partial, key=lambda shortfalls: len(shortfalls), default=()))


def open_to_everyone(policy: tuple[Statement, ...]) -> tuple[list[str], list[str]]:
    """The Allow statements whose principal is everyone: those nothing narrows, and those narrowed only weakly, by their
    number from 1.

    A Deny for all but somebody named narrows too, but stands and falls with another statement: that is weak.
    """
    wide: list[str] = []
    weak: list[str] = []
    denials = [statement for statement in policy if _keeps_others_out(statement)]
    for number, statement in enumerate(policy, 1):
        everybody = statement.wild or "NotPrincipal" in statement.but
        if statement.effect != "Allow" or not (everybody or statement.shared):
            continue
        if any(names_somebody(one.qualifier, one.operator, one.key, one.values) for one in statement.conditions):
            continue
        if not everybody and any(_names_client(one) for one in statement.conditions):
            continue
        if any(_all_of(statement.actions, denial.actions) for denial in denials):
            weak.append(f"Statement[{number}], narrowed by a Deny")
        else:
            (weak if statement.conditions or not everybody else wide).append(f"Statement[{number}]")
    return wide, weak


def glob(pattern: str, text: str) -> bool:
    """IAM's wildcards: `*` is any run of characters, `?` exactly one."""
    head = pattern[:-1] if pattern.endswith("*") else pattern
    # nearly every pattern there is; a regex for each bucket would cost more than all other judging
    if "*" not in head and "?" not in head:
        return text.startswith(head) if head is not pattern else text == pattern
    return matches(pattern, text)


_DOCUMENT = frozenset({"Version", "Id", "Statement"})
_STATEMENT = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}
)
_PRINCIPALS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})
_ONE_ACCOUNT = re.compile(r"arn:[a-z-]+:(?:iam|sts)::[0-9]{12}:[^$]*")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object none of whose names stands twice: of two, one reader takes the first and another the last."""
    made = dict(pairs)
    if len(made) < len(pairs):
        raise PolicyError("an element stands twice")
    return made


def _no_number(word: str) -> NoReturn:
    raise PolicyError(f"{word} is not JSON")


def _only(element: dict[str, Any], known: frozenset[str]) -> None:
    if unknown := sorted(element.keys() - known):
        raise PolicyError(f"{unknown[0][:40]!r} is not an element of IAM's grammar")


def _statement(part: Any) -> Statement:
    if not isinstance(part, dict):
        raise PolicyError("a Statement is not an object")
    _only(part, _STATEMENT)
    if part.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError("Effect is neither Allow nor Deny")
    for name in ("Principal", "Action", "Resource"):
        if name in part and f"Not{name}" in part:
            raise PolicyError(f"both {name} and Not{name}")
    if not ({"Principal", "NotPrincipal"} & part.keys() and {"Action", "NotAction"} & part.keys()):
        raise PolicyError("a Statement without principal or action")
    _strings(part, "Sid")
    principals = list(_principals(part["Principal"] if "Principal" in part else part["NotPrincipal"]))
    if not principals:
        raise PolicyError("a Principal that names nobody")
    return Statement(
        effect=part["Effect"],
        everyone="Principal" in part and ("AWS", "*") in principals,
        wild=any(_wild(name) for _, name in principals),
        shared="Principal" in part
        and any(kind == "Federated" and _ONE_ACCOUNT.fullmatch(name) is None for kind, name in principals),
        actions=tuple(_low(text) for text in _strings(part, "Action")),
        resources=_strings(part, "Resource"),
        conditions=tuple(_conditions(part["Condition"])) if "Condition" in part else (),
        but=tuple(name for name in ("NotPrincipal", "NotAction", "NotResource") if name in part),
    )


def _principals(principal: Any) -> Iterator[tuple[str, str]]:
    """Each named principal with its kind; `*` alone is everyone, as `{"AWS": "*"}` is."""
    if principal in ("*", ["*"]):
        yield "AWS", "*"
        return
    if not isinstance(principal, dict):
        raise PolicyError("a Principal is neither * nor an object")
    _only(principal, _PRINCIPALS)
    for kind in principal:
        for name in _strings(principal, kind):
            yield kind, name


def _wild(name: str) -> bool:
    """Whether a principal can be more than one account's: IAM takes only `*` alone, and it is not for us to narrow
    what it does not take.
    """
    return any(char in name for char in "*?$") and _ONE_ACCOUNT.fullmatch(name) is None


def _names_client(one: Condition) -> bool:
    """Whether a condition names the applications that a shared identity provider speaks for
    (`accounts.google.com:aud`, `graph.facebook.com:app_id`).
    """
    plain = one.operator in {"stringequals", "stringlike"} and not one.qualifier and bool(one.values)
    return (
        plain
        and one.key.endswith((":aud", ":app_id", ":azp", ":oaud"))
        and not any(char in value for value in one.values for char in "*?$")
    )


def _keeps_others_out(statement: Statement) -> bool:
    """Whether a Deny refuses its actions, on all resources, to all but those whom its one condition or its
    NotPrincipal names.
    """
    if statement.effect != "Deny" or "*" not in statement.resources:
        return False
    if statement.but == ("NotPrincipal",):
        return not statement.conditions and not statement.wild
    if not statement.everyone or statement.but or len(statement.conditions) != 1:
        return False
    one = statement.conditions[0]
    named = one.operator.replace("not", "", 1) if "not" in one.operator else ""
    return not one.qualifier and names_somebody("", named, one.key, one.values)


def _all_of(actions: tuple[str, ...], denied: tuple[str, ...]) -> bool:
    """Whether each of these actions is among those that are denied; NotAction, which names none, is not."""
    return bool(actions) and all(any(glob(pattern, action) for pattern in denied) for action in actions)


def _conditions(block: Any) -> Iterator[Condition]:
    if not isinstance(block, dict):
        raise PolicyError("a Condition is not an object")
    told: set[tuple[str, str]] = set()
    for operator, tests in block.items():
        if not isinstance(tests, dict):
            raise PolicyError("a Condition's operator has no keys")
        qualifier, colon, plain = _low(operator).rpartition(":")
        if colon and not qualifier:
            raise PolicyError(f"{operator[:40]!r} is not an operator")
        for key, values in tests.items():
            one = (_low(operator), _low(key))
            if one in told:
                raise PolicyError(f"{key[:40]!r} is tested twice by one operator")
            told.add(one)
            yield Condition(qualifier, plain, one[1], _texts(values))


def _strings(element: dict[str, Any], name: str) -> tuple[str, ...]:
    if name not in element:
        return ()
    values = _list(element[name])
    if not all(isinstance(value, str) for value in values):
        raise PolicyError(f"{name} is not text")
    return tuple(values)


def _texts(value: Any) -> tuple[str, ...]:
    values = _list(value)
    if not all(isinstance(item, str | int | float) for item in values):
        raise PolicyError("a Condition's value is neither text nor number nor boolean")
    return tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)


def _low(text: str) -> str:
    """Without case, as IAM compares its own words: those are ASCII, and the sign for Kelvin is no k."""
    return text.lower() if text.isascii() else text


def _list(value: Any) -> list[Any]:
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
