"""Which files of a working directory may say where enctop connects: those whose content was trusted once, by real path
and SHA-256.

A configuration names servers and the credentials that go to them, and whoever filled a directory wrote the one in it.
"""

import hashlib
import os
import shlex
import stat
from pathlib import Path
from typing import NamedTuple

import msgspec

from posture.fault import ConfigError
from posture.files import folder, replace
from posture.text import one_line

MOST_BYTES = 4 << 20
"""A configuration is some kilobytes; a store of trusted files, too."""


class File(NamedTuple):
    """A configuration file; of one that needs trust also its bytes, those that were trusted: it is not read again."""

    path: Path
    body: bytes | None = None

    @property
    def digest(self) -> str | None:
        """SHA-256 of the bytes, in hexadecimal; None where none is asked for."""
        return None if self.body is None else digest_of(self.body)


def digest_of(body: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(body).hexdigest()


def trusted(path: Path) -> File:
    """A file of the working directory by its real path, and its bytes, which were trusted. Raises `ConfigError` that
    says what to run.
    """
    real = _real(path)
    body = read(real)
    known = _known().get(str(real))
    if known == digest_of(body):
        return File(real, body)
    name = shlex.quote(one_line(str(real)))
    why = "is not trusted" if known is None else "changed since it was trusted"
    raise ConfigError(
        f"{one_line(str(real))} {why}; it says where credentials go: read it, then run: enctop trust {name} (or name"
        f" it: --config {name})"
    )


def trust(path: Path) -> File:
    """Trust what the file holds now. Raises `ConfigError` for one that others may write, or that is not a file."""
    real = _real(path)
    if not str(real).isprintable():
        raise ConfigError(f"{one_line(str(real))}: has characters in its path that cannot be shown")
    body = read(real, ours=True)
    _keep({**_known(), str(real): digest_of(body)})
    return File(real, body)


def revoke(path: Path) -> Path:
    """Forget a file, whether or not it is still there; returns its real path. Raises `ConfigError` for one that was
    not trusted.
    """
    real, known = _real(path), _known()
    if known.pop(str(real), None) is None:
        raise ConfigError(f"{one_line(str(real))}: was not trusted; `enctop trust --list` shows what is")
    _keep(known)
    return real


def listed() -> list[tuple[str, str, str]]:
    """(path, digest, `as trusted`, `changed` or why it cannot be read) of every trusted file."""
    return [(path, digest, _state(Path(path), digest)) for path, digest in sorted(_known().items())]


def _state(path: Path, digest: str) -> str:
    try:
        return "as trusted" if digest_of(read(path)) == digest else "changed"
    except ConfigError as error:
        return str(error).rpartition(": ")[2]


def store() -> Path:
    """Where it is kept."""
    from platformdirs import user_data_path

    return user_data_path("enctop") / "trusted.json"


def read(path: Path, *, ours: bool = False) -> bytes:
    """A regular file, whole. Raises `ConfigError`; with `ours`, also for one that anybody but us (or root) may
    write.
    """
    name = one_line(str(path))
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode):
                raise ConfigError(f"{name}: not a file")
            if ours:
                _only_ours(name, about)
            body = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{name}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(body) > MOST_BYTES:
        raise ConfigError(f"{name}: is larger than {MOST_BYTES >> 20} MB")
    return body


def _only_ours(name: str, about: os.stat_result) -> None:
    if about.st_uid not in {os.geteuid(), 0}:
        raise ConfigError(f"{name}: belongs to another user (uid {about.st_uid}), who may change it")
    if about.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ConfigError(f"{name}: others may write it; run: chmod go-w {shlex.quote(name)}")


def _real(path: Path) -> Path:
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{one_line(str(path))}: cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from None


def _known() -> dict[str, str]:
    """Real path -> digest. Raises `ConfigError` where others may have written it, for then it says nothing."""
    place = store()
    if not os.path.lexists(place):
        return {}
    if place.is_symlink():
        raise ConfigError(f"{one_line(str(place))}: is a link; what is trusted stands in a file of its own")
    try:
        _only_ours(one_line(str(place.parent)), place.parent.stat())
        return msgspec.json.decode(read(place, ours=True), type=dict[str, str])
    except OSError as error:
        raise ConfigError(f"{one_line(str(place))}: cannot be read: {error.strerror}") from None
    except msgspec.MsgspecError as error:
        raise ConfigError(
            f"{one_line(str(place))}: not what enctop wrote ({error}); remove it, and trust anew"
        ) from None


def _keep(known: dict[str, str]) -> None:
    place = store()
    try:
        folder(place.parent)
        replace(place, [msgspec.json.format(msgspec.json.encode(known, order="sorted"), indent=2), b"\n"])
    except OSError as error:
        raise ConfigError(f"{one_line(str(place))}: cannot be written: {error.strerror}") from None
