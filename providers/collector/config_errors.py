"""What is wrong with a configuration, in the words of its file: which key, what is wrong, what is allowed, and the
nearest known word.
"""

import re
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, Literal, Union, get_args, get_origin

import msgspec

from posture.text import nearest, one_line

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(.*)`")
_EXPECTED = re.compile(r"Expected `([^`]*)`(?P<limit>[^,]*)(?:, got `([^`]*)`)?")
_STEP = re.compile(r"\[(?P<index>\d+|\.\.\.)\]|\.?(?P<name>[^.\[]+)")
_OWN = re.compile(r"(?P<key>[a-z_]+): (?P<rest>.+)", re.DOTALL)
_PLAIN = {
    "object": "a table",
    "array": "a list",
    "str": "text in quotes",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "date": "a date",
    "datetime": "a date with a time",
    "time": "a time",
}


def explained(message: str, data: Any, shape: Any) -> str:
    """msgspec's message about `data`, which was to be a `shape`, as one line for the person who wrote the file."""
    match = _AT.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    where, wanted, value = _walk(path, data, shape)
    if unknown := _UNKNOWN.match(what):
        allowed = _words(wanted)
        return one_line(
            f"{joined(where, unknown[1])}: unknown key{nearest(unknown[1], allowed)}; allowed here:"
            f" {', '.join(allowed)}"
        )
    if missing := _MISSING.match(what):
        return f"{joined(where, missing[1])}: is missing"
    if own := _OWN.fullmatch(what):
        return one_line(f"{joined(where, own['key'])}: {own['rest']}")
    return one_line(f"{where or 'file'}: {_plainly(what, wanted, value)}")


def joined(path: str, key: str) -> str:
    """A key of the table at `path`."""
    return f"{path}.{key}" if path else key


def _plainly(what: str, wanted: Any, value: Any) -> str:
    if expected := _EXPECTED.match(what):
        if (
            isinstance(value, Mapping)
            and get_origin(wanted) is tuple
            and (table := get_args(wanted)[0])
            and hasattr(table, "__struct_fields__")
        ):
            return "expected a list of tables; its header stands in double brackets, [[...]]"
        words = [_PLAIN.get(name, name) for name in expected[1].split(" | ") if name != "null"]
        got = f", got {_PLAIN.get(expected[3], expected[3])}" if expected[3] else ""
        return f"expected {_either(words)}{expected['limit']}{got}{_for_example(wanted)}"
    if "enum value" in what and isinstance(value, str):
        words = _words(wanted)
        lists = ", or a list of names" if any(get_origin(option) is tuple for option in _options(wanted)) else ""
        return f"{value!r} is not allowed{nearest(value, words)}; allowed here: {', '.join(words)}{lists}"
    if "date" in what:
        return f"{value!r} is not a date{_for_example(wanted)}"
    return what[:1].lower() + what[1:]


def _for_example(wanted: Any) -> str:
    return "; write it as 2027-01-31" if getattr(wanted, "__name__", "") == "date" else ""


def _either(words: list[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _words(wanted: Any) -> list[str]:
    """What may stand there: the keys of a table, or the members of a closed list."""
    words: list[str] = []
    for option in _options(wanted):
        if hasattr(option, "__struct_fields__"):
            words += sorted(field.encode_name for field in msgspec.structs.fields(option))
        elif isinstance(option, type) and issubclass(option, Enum):
            words += [str(member.value) for member in option]
        elif get_origin(option) is Literal:
            words += [str(word) for word in get_args(option)]
    return words


def _options(wanted: Any) -> tuple[Any, ...]:
    return get_args(wanted) if get_origin(wanted) in (Union, types.UnionType) else (wanted,)


def _walk(path: str, data: Any, shape: Any) -> tuple[str, Any, Any]:
    """Follow msgspec's path, which does not name the key of a mapping: the path in full, what was to be at its end,
    and what is.
    """
    where = ""
    for step in _STEP.finditer(path):
        name = step["name"]
        if name is None and isinstance(data, Mapping):
            shape = _part(shape, _value)
            name = next((key for key, value in data.items() if not _fits(value, shape)), "")
            where, data = f'{where}."{name}"', data.get(name)
        elif name is None:
            shape = _part(shape, _item)
            where += f"[{step['index']}]"
            data = data[int(step["index"])] if isinstance(data, list) and step["index"].isdigit() else None
        else:
            shape = _part(shape, partial(_field, name))
            where, data = joined(where, name), data.get(name) if isinstance(data, Mapping) else None
    return where, shape, data


def _part(shape: Any, inside: Callable[[Any], Any]) -> Any:
    return next((found for option in _options(shape) if (found := inside(option)) is not None), None)


def _field(name: str, table: Any) -> Any:
    fields = msgspec.structs.fields(table) if hasattr(table, "__struct_fields__") else ()
    return next((field.type for field in fields if field.encode_name == name), None)


def _item(listing: Any) -> Any:
    return get_args(listing)[0] if get_origin(listing) is tuple else None


def _value(mapping: Any) -> Any:
    return get_args(mapping)[1] if len(get_args(mapping)) == 2 else None


def _fits(value: Any, shape: Any) -> bool:
    try:
        msgspec.convert(value, shape)
    except msgspec.ValidationError:
        return False
    return True
