"""Whom a policy's condition names: the question that decides whether `Principal: *` is everybody.

A condition narrows only where each of its values names somebody by literal digits or ids; of several values one is
enough to get in. AWS calls these fixed values, "values that don't contain a wildcard or an IAM policy variable" (S3
User Guide, The meaning of "public").
"""

import re

_TEXT = frozenset({"stringequals", "stringequalsignorecase", "stringlike"})
_ARN = frozenset({"arnequals", "arnlike"})
_ACCOUNTS = frozenset({"kms:calleraccount", "aws:principalaccount", "aws:sourceaccount", "aws:sourceowner"})
_ORGANIZATIONS = frozenset({"aws:principalorgid", "aws:sourceorgid"})
_PATHS = frozenset({"aws:principalorgpaths", "aws:sourceorgpaths"})
_ARNS = frozenset({"aws:principalarn", "aws:sourcearn"})

_ACCOUNT = re.compile(r"[0-9]{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]{10,32}")  # Organizations API: OrganizationId
_PATH = re.compile(r"o-[a-z0-9]{10,32}/.*", re.DOTALL)
_OF_ONE_ACCOUNT = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+", re.DOTALL)
# ArnLike compares part by part, so its wildcards cannot swallow the account as those of StringLike can (IAM: Amazon
# Resource Name condition operators).
_OF_ONE_ACCOUNT_ANYWHERE = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9*?-]*:[0-9]{12}:.+", re.DOTALL)
_LITERAL_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[^*?$]+")


def names_somebody(qualifier: str, operator: str, key: str, values: tuple[str, ...]) -> bool:
    """Whether a condition lets in only callers that it names. All but `values` are in lower case; `qualifier` is that
    of a set operator, or empty.

    Not so `ForAllValues` and `...IfExists`, which hold where the key is absent, what is negated, `kms:ViaService`,
    which any account can come by, and networks, which say from where and not who.
    """
    if qualifier not in {"", "foranyvalue"} or not values:
        return False
    if key in _ARNS and operator in _TEXT | _ARN:
        return all(_names_arn(value, operator in _ARN) for value in values)
    shape = (
        _ACCOUNT if key in _ACCOUNTS else _ORGANIZATION if key in _ORGANIZATIONS else _PATH if key in _PATHS else None
    )
    return shape is not None and operator in _TEXT and all(shape.fullmatch(value) for value in values)


def _names_arn(value: str, by_parts: bool) -> bool:
    """An ARN with its account in digits and no wildcard or variable before it, or one without any: a bucket's has no
    account.
    """
    account = _OF_ONE_ACCOUNT_ANYWHERE if by_parts else _OF_ONE_ACCOUNT
    return account.fullmatch(value) is not None or (
        _LITERAL_ARN.fullmatch(value) is not None and value.count(":") >= 5 and value[-1] != ":"
    )
