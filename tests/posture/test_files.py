"""Files are written where somebody else may have been before."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from posture.files import appending, replace, resolved, writable

STRANGER = 4242


def linked(link: Path, target: Path | str, owner: int = STRANGER) -> Path:
    link.symlink_to(target)
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's link")
    os.chown(link, owner, owner, follow_symlinks=False)
    return link


def test_another_users_link_is_not_followed_wherever_it_stands_in_the_path(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "keys").write_bytes(b"mine")
    linked(tmp_path / "out.json", "home/keys")
    linked(tmp_path / "out", "home")
    (tmp_path / "ours").symlink_to("out.json")
    for path in (
        tmp_path / "out.json",
        tmp_path / "out" / "keys",
        tmp_path / "ours",
        tmp_path / "out" / ".." / "home" / "keys",
    ):
        for act in (lambda path: replace(path, [b"x"]), writable):
            with pytest.raises(OSError, match="a link of another user"):
                act(path)
    with pytest.raises(OSError, match="a link of another user"):
        appending(tmp_path / "out" / "keys")
    assert (tmp_path / "home" / "keys").read_bytes() == b"mine"


@pytest.mark.parametrize(
    "make", [os.mkfifo, lambda path: os.mknod(path, 0o20600, os.makedev(1, 3))], ids=["pipe", "device"]
)
def test_a_pipe_or_a_device_that_stands_where_a_file_is_wanted_is_refused_and_does_not_block(
    tmp_path: Path, make
) -> None:
    path = tmp_path / "posture.json"
    try:
        make(path)
    except PermissionError:
        pytest.skip("only root can make a device")
    (tmp_path / "link").symlink_to(path)
    for name in (path, tmp_path / "link"):
        with pytest.raises(OSError, match="is a pipe or a device"):
            replace(name, [b"x"])
        with pytest.raises(OSError, match="is a pipe or a device"):
            writable(name)
    with pytest.raises(OSError, match=r"is a pipe or a device|No such device"):
        appending(path)


def test_devices_and_descriptors_that_are_named_as_such_are_written_to(tmp_path: Path) -> None:
    replace(Path("/dev/null"), [b"x"])
    code = (
        "from pathlib import Path; from posture.files import replace, writable; p = Path('/dev/stdout'); writable(p);"
        " replace(p, [b'here', b'!'])"
    )
    assert (
        subprocess.run(["python3", "-c", code], cwd=Path(__file__).parents[2], capture_output=True, check=True).stdout
        == b"here!"
    )
    with pytest.raises(OSError, match="No space left"):
        replace(Path("/dev/full"), [b"x" * 100_000])


def test_a_log_is_appended_to_without_following_a_link_or_changing_a_mode(tmp_path: Path) -> None:
    log, target = tmp_path / "log", tmp_path / "target"
    os.close(appending(log))
    assert log.stat().st_mode & 0o777 == 0o600
    target.touch(0o644)
    target.chmod(0o644)
    os.close(appending(target))
    assert target.stat().st_mode & 0o777 == 0o644
    (tmp_path / "link").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        appending(tmp_path / "link")


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b/c")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        resolved(tmp_path / "a" / "x")


def test_what_cannot_be_written_is_known_before_there_is_anything_to_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in (
        (tmp_path / "no" / "x", "No such file"),
        (tmp_path, "directory"),
        (tmp_path / "file" / "x", "Not a directory"),
    ):
        with pytest.raises(OSError, match=why):
            writable(path)
    writable(tmp_path / "new.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.symlink_to(path.parent / "victim"),
        os.mkfifo,
        Path.mkdir,
        Path.touch,
        lambda path: path.symlink_to("gone"),
    ],
)
def test_a_name_that_nobody_chose_is_new_or_is_not_written(tmp_path: Path, make: Callable[[Path], None]) -> None:
    (tmp_path / "victim").write_text("mine")
    make(tmp_path / "export.json")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(FileExistsError, match="is there already"):
        replace(tmp_path / "export.json", [b"theirs"], new=True)
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "victim").read_text() == "mine"
    replace(tmp_path / "other.json", [b"a", b"b"], new=True)
    assert (tmp_path / "other.json").read_bytes() == b"ab"
