"""How a process of ours starts another: with our code and nothing of the working directory, which anybody may have
filled.
"""

import os
import site
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
"""Where `posture`, `providers` and `tui` were loaded from: a directory, or a zip."""


def command(module: str) -> list[str]:
    """The start of the command that runs a module of ours: `-P` keeps the working directory out of its `sys.path`."""
    return [sys.executable, "-P", "-m", module]


def environment(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Our environment for a child: no entry of PYTHONPATH or PATH means the working directory, and our own code is
    found where we found it.
    """
    made = {**environ, "PATH": rooted(environ.get("PATH", ""))}
    python_path = rooted(environ.get("PYTHONPATH", ""))
    if ROOT not in _installed():  # a source tree, or a zip
        python_path = os.pathsep.join(filter(None, (python_path, str(ROOT))))
    made.pop("PYTHONPATH", None)
    return {**made, "PYTHONPATH": python_path} if python_path else made


def rooted(search: str) -> str:
    """A search path without what is empty or relative: both mean whatever stands in the working directory."""
    return os.pathsep.join(part for part in search.split(os.pathsep) if Path(part).is_absolute())


def _installed() -> set[Path]:
    return {
        Path(place)
        for place in (
            *site.getsitepackages(),
            site.getusersitepackages(),
            *(sysconfig.get_paths()[name] for name in ("purelib", "platlib")),
        )
    }
