"""Writing files where others may have been before: nobody else's link is followed, and no pipe or device is written
to that was not named as one.
"""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable
from pathlib import Path

MOST_LINKS = 40
"""As many as Linux follows (`MAXSYMLINKS`)."""


def replace(path: Path, body: Iterable[bytes], *, new: bool = False) -> None:
    """Put the pieces of `body` at `path`, mode 0600: the file is the old one whole or the new one whole, whenever the
    machine stops. Raises OSError.

    Links of ours and of root are followed. What stands under /dev (/dev/stdout, /dev/fd/63) is written to, not
    replaced. With `new`, for a name that nobody chose: FileExistsError where anything is there, a link too.
    """
    if new and os.path.lexists(path):
        raise FileExistsError(errno.EEXIST, "is there already, and is not replaced")
    if not new and _device(path):
        with path.open("wb") as out:
            out.writelines(body)
        return
    real = resolved(path.parent) / path.name if new else resolved(path)
    _replaceable(real)
    handle, name = tempfile.mkstemp(prefix=".enctop.", dir=real.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(body)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(real)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def writable(path: Path) -> None:
    """Raise the OSError that `replace` would, as far as it can be known before there is anything to write."""
    if _device(path):
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC))
        return
    real = resolved(path)
    _replaceable(real)
    handle, name = tempfile.mkstemp(prefix=".enctop.", dir=real.parent)
    os.close(handle)
    Path(name).unlink()


def appending(path: Path) -> int:
    """A descriptor that appends to a file, made with mode 0600; one that is there keeps its mode. Raises OSError.

    A link at the end of the path is not followed, one on the way as `resolved` does.
    """
    if _device(path):
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
    handle = os.open(
        resolved(path.parent) / path.name,
        os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
        0o600,
    )
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "is a pipe or a device, and no file")
    return handle


def folder(path: Path) -> None:
    """Make a folder and those above it, each for us alone: `mkdir(parents=True)` would leave those above to the
    umask. Raises OSError.
    """
    for missing in reversed([each for each in (path, *path.parents) if not each.exists()]):
        missing.mkdir(mode=0o700, exist_ok=True)


def resolved(path: Path) -> Path:
    """The path without links. Raises OSError for a link, on the way or at the end, that another user made (root's
    are taken), and for a circle.
    """
    left, done, links = [*reversed(path.absolute().parts[1:])], Path("/"), 0
    while left:
        part = left.pop()
        here = done.parent if part == ".." else done / part
        try:
            about = here.lstat()
        except FileNotFoundError:
            about = None
        if about is None or not stat.S_ISLNK(about.st_mode):
            done = here
            continue
        links += 1
        if links > MOST_LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if about.st_uid not in {os.geteuid(), 0}:
            raise OSError(errno.EPERM, f"{here} is a link of another user (uid {about.st_uid})")
        target = here.readlink()
        left += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        done = Path("/") if target.is_absolute() else done
    return done


def _replaceable(real: Path) -> None:
    try:
        mode = real.lstat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is a pipe or a device, and no file")


def _device(path: Path) -> bool:
    """Whether a device or an open descriptor was named as such: what merely leads there was put there by somebody."""
    return (
        path.is_absolute()
        and path.parts[:2] == ("/", "dev")
        and ".." not in path.parts
        and path.parts[:3] != ("/", "dev", "shm")
        and path.exists()
    )
