"""How the tests of the room sign in: users of a kubeconfig, plugins, and what a poll as one of them shows."""

import base64
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posture.fault import NO_CREDENTIALS, Fault
from tests.providers.kubernetes.room import QUICK, Room, block, faults, opened
from tests.world.kubernetes import TOKEN, USER, Secured, client_certificate

CANARY = "canary-5d41e8f09ab37c"
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
GOOD = f"print(json.dumps(dict(apiVersion=info['apiVersion'], kind='ExecCredential', status=dict(token='{TOKEN}'))))"


class Plugin:
    """A credential plugin: a program in Python that counts its runs, and knows `info`, what it was told."""

    def __init__(self, folder: Path, does: str) -> None:
        self.path, self._runs = folder / "plugin", folder / "runs"
        self.path.write_text(
            f"#!{sys.executable} -SE\nimport json, os, sys, time\n"
            f"open({str(self._runs)!r}, 'a').write('run\\n')\n"
            f"info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n{textwrap.dedent(does)}\n"
        )
        self.path.chmod(0o700)

    @property
    def runs(self) -> int:
        """How often it was run."""
        return len(self._runs.read_text().splitlines()) if self._runs.exists() else 0

    def user(self, **more: Any) -> dict[str, Any]:
        """A user of the kubeconfig that is this plugin."""
        return {"exec": {"apiVersion": V1, "interactiveMode": "Never", "command": str(self.path), **more}}


async def told(room: Room, service: str = "storageclasses") -> tuple[Fault | None, str]:
    """What a poll came to: its fault, and all that is shown of it."""
    made = await room.poll(service) if not (begun := await room.begin()).refused else begun
    assert made.error is None
    shown = " | ".join(faults(made))
    assert CANARY not in shown
    assert TOKEN not in shown
    assert "\n" not in shown
    return made.refused, shown


async def login(
    kubernetes: Secured, folder: Path, user: Mapping[str, Any] | None, **more: Any
) -> tuple[Fault | None, str]:
    """A poll of the classes as this user."""
    limits = more.pop("limits", QUICK)
    lines = more.pop("lines", ())
    async with opened(block(kubernetes.kubeconfig(folder, user, **more), *lines), limits=limits) as room:
        return await told(room)


def pair(user: str = USER) -> tuple[bytes, bytes]:
    """Certificate and key of a client."""
    made = client_certificate(user)
    return made.pem, made.key_pem


def encoded(pem: bytes) -> str:
    """As a kubeconfig has it."""
    return base64.b64encode(pem).decode()


def no_login(fault: Fault | None) -> bool:
    """Whether nobody is logged in."""
    return fault is not None and fault.code == NO_CREDENTIALS
