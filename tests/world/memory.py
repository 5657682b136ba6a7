"""What a process of the tests holds of memory at most."""

from pathlib import Path


def peak_mb(process: int | str = "self") -> float:
    """The most this program, or one by its number, has held since it was started, in MB: the kernel's VmHWM.

    `ru_maxrss` will not do: it survives exec, so that a child begins with what its parent, the whole run of tests, held
    at the fork.
    """
    (line,) = (
        line for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines() if line.startswith("VmHWM:")
    )
    return int(line.split()[1]) / 1024
