"""Where a history is kept, and whether the place is ours alone."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from providers.collector.config import Config
from providers.system import systems, who_asks


def path_for(config: Config, file: Path | None) -> Path:
    """Where the history of this configuration file is kept; None is that of the credentials of the environment."""
    from platformdirs import user_state_path

    folder = user_state_path("enctop") if config.history.path is None else Path(config.history.path)
    name = "ambient" if file is None else hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:16]
    return folder / f"history-{name}.sqlite"


def owners(config: Config) -> dict[str, str]:
    """Whose answers each tenant's systems give, as a digest by `TENANT/SYSTEM`: of its blocks, of the environment and
    of the files that say who asks. What was seen by another is not painted for this one.
    """
    return dict(_owners(config))


def _owners(config: Config) -> Iterator[tuple[str, str]]:
    for system in systems():
        around = [os.environ.get(name, "") for name in system.environment]
        blocks = config.blocks(system.name)
        for tenant in dict.fromkeys(block.tenant for block in blocks):
            own = [block.settings for block in blocks if block.tenant == tenant]
            said = msgspec.json.encode(
                [own, around, [_content(name) for name in who_asks(system, own)]], order="deterministic"
            )
            yield f"{tenant}/{system.name}", hashlib.sha256(said).hexdigest()[:16]


def _content(file: str) -> str:
    """A digest of a file, of its first megabyte; empty where there is none."""
    try:
        with Path(file).expanduser().open("rb") as opened:
            return hashlib.sha256(opened.read(1 << 20)).hexdigest()
    except (OSError, ValueError, RuntimeError):
        return ""


def trouble(path: Path) -> str | None:
    """Why a history is neither kept at `path` nor read from it: its folder, or a file of it, is not ours alone. None
    where all are, or are not there yet.
    """
    files = [path.with_name(path.name + tail) for tail in ("", "-wal", "-shm", ".lock")]
    for place, kind, is_kind in (
        (path.parent, "a folder", stat.S_ISDIR),
        *((file, "a file", stat.S_ISREG) for file in files),
    ):
        try:
            found = place.lstat()
        except FileNotFoundError:
            continue
        except OSError as error:
            return f"the history is not kept: {place}: {error.strerror}"
        if stat.S_ISLNK(found.st_mode) or not is_kind(found.st_mode):
            return f"the history is not kept: {place} is not {kind}"
        if found.st_uid != os.geteuid():
            return f"the history is not kept: {place} is another user's"
        if found.st_mode & 0o022:
            return f"the history is not kept: others may write to {place}; chmod go-w it"
    return None
