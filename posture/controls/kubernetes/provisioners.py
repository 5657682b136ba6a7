"""The provisioner matrix: whether a storage class asks for encryption, and by which key (provisioners.toml)."""

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from posture.fields import part, text
from posture.reading import NoAnswer, expected, field_of
from posture.resource import Resource
from posture.text import one_line
from posture.verdict import unknown

STORAGE_CLASSES = "k8s:storageclasses"
_ON = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_OFF = frozenset({"0", "f", "F", "FALSE", "false", "False"})
"""What Go's strconv.ParseBool reads."""
Asks = Literal["platform", "default", "plaintext", "unknown"]


class Asked(StrEnum):
    """What a class asks for: encryption by a parameter (E), a platform that always encrypts (P), whatever the cloud
    account does by default (D), plaintext unless something below encrypts (X); or it cannot tell (?).
    """

    ENCRYPTED = "E"
    PLATFORM = "P"
    DEFAULT = "D"
    PLAINTEXT = "X"
    UNKNOWN = "?"


_WITHOUT: Mapping[Asks, Asked] = {
    "platform": Asked.PLATFORM,
    "default": Asked.DEFAULT,
    "plaintext": Asked.PLAINTEXT,
    "unknown": Asked.UNKNOWN,
}


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One driver, as provisioners.toml documents it."""

    provisioners: tuple[str, ...]
    without: Asks
    read: str
    suffixes: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    values: Literal["exact", "bool", "strict"] = "strict"
    any_case: bool = False
    words: dict[str, tuple[str, ...]] = {}
    needs: dict[str, str] = {}
    needs_exact: bool = False
    key: str = ""
    key_encrypts: bool = False
    double: tuple[str, str] | None = None
    secret: tuple[str, ...] = ()
    attributes: bool = False
    holder: str = ""


class Matrix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All drivers that are known; `version` is the day on which they were read, UTC."""

    version: str
    rows: tuple[Row, ...]


class Intent(msgspec.Struct, frozen=True):
    """What a class asks for, and why. `key` is the key as it is named, None for none; `double` asks for two layers;
    `secret` says that the passphrase is a Kubernetes Secret, `by_region` that a region's default key is used where none
    is named.
    """

    asked: Asked
    reason: str
    key: str | None = None
    double: bool = False
    secret: bool = False
    by_region: bool = False


@cache
def matrix() -> Matrix:
    """The matrix of provisioners.toml. Raises ValueError where that is not one."""
    return msgspec.toml.decode((Path(__file__).parent / "provisioners.toml").read_bytes(), type=Matrix)


@cache
def _by_name() -> Mapping[str, Row]:
    return {name: row for row in matrix().rows for name in row.provisioners}


def row_of(provisioner: str) -> Row | None:
    """The row of a driver or in-tree plugin; None for one that is not known."""
    found = _by_name().get(provisioner)
    if found is not None:
        return found
    return next((row for row in matrix().rows if row.suffixes and provisioner.endswith(row.suffixes)), None)


def class_intent(storage_class: Resource) -> Intent:
    """What a storage class asks for. Raises `NoAnswer` where it was not read, or is not what the API documents."""
    provisioner = expected(
        text({"provisioner": field_of(storage_class, STORAGE_CLASSES, "provisioner")}, STORAGE_CLASSES, "provisioner"),
        str,
        STORAGE_CLASSES,
        "provisioner",
    )
    row = row_of(provisioner)
    if row is None:
        return Intent(Asked.UNKNOWN, f"provisioner {one_line(provisioner, 60)} is not one that enctop knows")
    return intent(row, part(storage_class.fields, STORAGE_CLASSES, "parameters"), STORAGE_CLASSES)


def intent(row: Row, parameters: Mapping[str, Any], operation: str) -> Intent:
    """What these parameters ask of a driver; those that an API documents are texts. Raises `NoAnswer`."""
    given = _Given(row, parameters, operation)
    key, by_region = given.value(row.key) if row.key else None, row.without == "default"
    double = row.double is not None and given.value(row.double[0]) == row.double[1]
    if refused := _refused(row, given, parameters):
        return Intent(Asked.UNKNOWN, refused)
    if key and row.key_encrypts:
        return Intent(Asked.ENCRYPTED, f"{row.key} is named", key)
    off = ""
    for name in row.parameters:
        value = given.value(name)
        on = None if value is None else _on(row, value)
        if on:
            secret = name in row.secret and not key
            return Intent(Asked.ENCRYPTED, f'{name} is "{value}"', key or None, double, secret, by_region)
        if value is not None and on is None:
            return Intent(Asked.UNKNOWN, f"{name} is {value[:60]!r}: what the driver makes of it is not known")
        if value is not None:
            off = f"{name} is {value[:60]!r}"
    return Intent(_WITHOUT[row.without], _why(row, off), key or None, double, False, by_region)


def _refused(row: Row, given: "_Given", parameters: Mapping[str, Any]) -> str:
    """Why the driver makes no volume at all; empty where it does."""
    for name, known in row.words.items():
        value = given.value(name)
        if value is not None and value not in known:
            return f"{name} is {value[:60]!r}: the driver makes no such volume"
    for name, needed in row.needs.items():
        value, beside = given.value(name), parameters.get(needed) if row.needs_exact else given.value(needed)
        if value and value.lower() != "false" and not beside:
            return f"{name} without {needed}: the driver makes no such volume"
    return ""


def _why(row: Row, off: str) -> str:
    asks = off or (f"{row.parameters[0]} is not set" if row.parameters else "")
    match row.without:
        case "platform":
            return "the platform encrypts every volume"
        case "default":
            return f'{asks}, not "true": the region\'s default encryption decides'
        case "plaintext":
            return f"{asks}: volumes are not encrypted"
        case _:
            return f"{row.holder} decides, the class cannot tell"


def _on(row: Row, value: str) -> bool | None:
    """Whether a value asks for encryption; None where the driver refuses it, or that is not known."""
    if row.values == "exact":
        return value == "true"
    if row.values == "strict":
        return {"true": True, "false": False}.get(value)
    return True if value in _ON else False if value in _OFF else None


class _Given:
    """Parameters by name as a driver reads them. Raises `NoAnswer` where two that it takes for one differ: which
    wins, a driver leaves to chance.
    """

    def __init__(self, row: Row, parameters: Mapping[str, Any], operation: str) -> None:
        self._any_case = row.any_case
        self._operation = operation
        self._values: dict[str, str] = {}
        for name, value in parameters.items():
            known = self._values.setdefault(self._plain(name), self._word(name, value))
            if known != value:
                raise NoAnswer(unknown(f"parameter {one_line(name, 60)} is given twice, and not alike"))

    def value(self, name: str) -> str | None:
        """The value of a parameter; None where it is not given."""
        return self._values.get(self._plain(name))

    def _plain(self, name: str) -> str:
        return name.lower() if self._any_case else name

    def _word(self, name: str, value: Any) -> str:
        return expected(value, str, self._operation, f"parameters[{one_line(name, 60)}]")
