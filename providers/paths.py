"""Settings that name files, told by their type: a relative one is beside the file that names it, and `~` is home."""

import types
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

FilePath = Annotated[str, msgspec.Meta(extra={"file": True})]
"""The path of a file."""
CaFile = Annotated[str, msgspec.Meta(extra={"file": True, "roots": True})]
"""The path of a file of certificates (PEM), which must be there."""


def settled(data: Any, shape: Any, base: Path) -> Any:
    """`data`, which is to be a `shape`, with every path in it made absolute, relative ones beside `base`. What does
    not fit the shape is left as it is.
    """
    if isinstance(data, str) and (extra := _extra(shape)):
        return data if data in extra.get("words", ()) else str(base / _expanded(data))
    for option in _options(shape):
        if isinstance(data, dict) and hasattr(option, "__struct_fields__"):
            known = {field.encode_name: field.type for field in msgspec.structs.fields(option)}
            return {key: settled(value, known[key], base) if key in known else value for key, value in data.items()}
        if isinstance(data, list) and get_origin(option) is tuple:
            return [settled(value, get_args(option)[0], base) for value in data]
    return data


def roots(settings: Any, where: str = "") -> Iterator[tuple[str, str]]:
    """Key and path of every file of certificates that these settings name."""
    if isinstance(settings, tuple):
        for index, one in enumerate(settings):
            yield from roots(one, f"{where}[{index}]")
    for field in msgspec.structs.fields(settings) if isinstance(settings, msgspec.Struct) else ():
        value, key = getattr(settings, field.name), f"{where}.{field.encode_name}" if where else field.encode_name
        if isinstance(value, str) and _extra(field.type).get("roots"):
            yield key, value
        yield from roots(value, key)


def unusable(path: str) -> str | None:
    """Why no root can be read of a file; None where one can."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError:
        return f"{path}: holds no certificate (PEM)"
    except (OSError, ValueError) as error:
        return (
            f"{path}:"
            f" {'no such file' if isinstance(error, FileNotFoundError) else getattr(error, 'strerror', None) or error}"
        )
    return None


def _expanded(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError:  # `~somebody` who is not there: as it stands, like a shell
        return Path(path)


def _options(shape: Any) -> tuple[Any, ...]:
    return get_args(shape) if get_origin(shape) in (Union, types.UnionType) else (shape,)


def _extra(shape: Any) -> dict[str, Any]:
    """What the type says of a path; nothing of what is none."""
    for option in _options(shape):
        for note in get_args(option)[1:] if get_origin(option) is Annotated else ():
            if isinstance(note, msgspec.Meta) and note.extra and note.extra.get("file"):
                return dict(note.extra)
    return {}
