"""Runs a kubeconfig's credential plugins as kubectl does (k8s.io/client-go `plugin/pkg/client/auth/exec`): the
command writes an ExecCredential to its output.

It cannot ask anybody: its input is closed. What it writes is never logged.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
from collections.abc import Mapping
from typing import Any

import msgspec

from posture.clock import Seconds, Utc, parse_rfc3339
from providers.child import rooted
from providers.kubernetes.faults import misconfigured, no_login
from providers.kubernetes.kubeconfig import V1, V1BETA1, Access, Exec
from providers.refusals import told

AT_ONCE = 2
"""A plugin starts an interpreter, and takes a second of CPU."""
MOST_OUTPUT = 1 << 20
"""Bytes of what a plugin writes; a credential takes a few KB."""


class Credential(msgspec.Struct, frozen=True):
    """What a plugin answered: a token, a client certificate with its key, or both; `expires` is UTC seconds."""

    token: str = ""
    certificate: str = ""
    key: str = ""
    expires: Utc | None = None


class _Status(msgspec.Struct, rename="camel"):
    token: str | None = None
    client_certificate_data: str | None = None
    client_key_data: str | None = None
    expiration_timestamp: str | None = None


class _Answer(msgspec.Struct, rename="camel"):
    kind: str = ""
    api_version: str = ""
    status: _Status | None = None


class Plugins:
    """Runs at most `AT_ONCE` plugins at the same time, each for `limit` seconds at most, and none again within `holds`
    seconds.
    """

    def __init__(self, limit: Seconds, holds: Seconds) -> None:
        self._places = asyncio.Semaphore(AT_ONCE)
        self.limit, self.holds = limit, holds

    async def run(self, access: Access, operation: str, cluster: Mapping[str, Any]) -> Credential:
        """Run the plugin of a context's user. `cluster` is what it is told of the cluster, where it wants that.
        Raises `Refused`, in whose words is nothing that the plugin wrote to its output.
        """
        plugin = access.user.exec
        assert plugin is not None
        _check(plugin, operation, access.user_name)
        variables = {one.name: one.value for one in plugin.env or ()}
        environment = {**os.environ, **variables, "KUBERNETES_EXEC_INFO": _told(plugin, cluster)}
        path = plugin.command
        if os.sep not in path:
            path = shutil.which(path, path=rooted(environment.get("PATH", os.defpath))) or ""
        if not path or not os.access(path, os.X_OK):
            raise no_login(operation, f"executable {plugin.command} not found. {plugin.install_hint or ''}".strip())
        async with self._places:
            code, output, errors = await self._output(plugin, path, environment, operation)
        secrets = (*_secrets(output), *(value for name, value in variables.items() if len(value) > 7))
        if code != 0:
            ended = f"ended with {code}" if code >= 0 else f"was killed by signal {-code}"
            said = _advice(errors)
            raise no_login(operation, f"{plugin.command} {ended}{': ' if said else ''}{said}", *secrets)
        return _credential(plugin, output, operation)

    async def _output(
        self, plugin: Exec, path: str, environment: Mapping[str, str], operation: str
    ) -> tuple[int, bytes, bytes]:
        """Exit code, output and errors. Whatever it started ends with it."""
        try:
            child = await asyncio.create_subprocess_exec(
                path,
                *(plugin.args or ()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or type(error).__name__
            raise no_login(operation, f"executable {plugin.command} cannot be started: {why}") from None
        assert child.stdout is not None
        assert child.stderr is not None
        try:
            async with asyncio.timeout(self.limit):
                output, errors = await asyncio.gather(_most(child.stdout), _most(child.stderr))
                return await child.wait(), output, errors
        except TimeoutError:
            raise no_login(
                operation,
                f"{plugin.command} did not answer within {self.limit:g} s; it may be waiting for somebody: run it in"
                " a terminal",
            ) from None
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            if child.returncode is None:
                await asyncio.shield(child.wait())


async def _most(stream: asyncio.StreamReader) -> bytes:
    """All that it writes, and of that no more than is kept."""
    kept = bytearray()
    while chunk := await stream.read(1 << 16):
        kept += chunk[: MOST_OUTPUT - len(kept)]
    return bytes(kept)


def _check(plugin: Exec, operation: str, user: str) -> None:
    """Raises `Refused` for what kubectl refuses too."""
    if plugin.api_version not in {V1, V1BETA1}:
        said = plugin.api_version or "none"
        raise misconfigured(operation, f"user {user}: exec.apiVersion is {said}; {V1} and {V1BETA1} are run")
    if not plugin.command:
        raise misconfigured(operation, f"user {user}: exec.command is not there")
    mode = plugin.interactive_mode
    if mode not in {None, "", "Never", "IfAvailable", "Always"}:
        raise misconfigured(operation, f"user {user}: exec.interactiveMode is {mode}, not Never, IfAvailable or Always")
    if not mode and plugin.api_version == V1:
        raise misconfigured(operation, f"user {user}: exec.interactiveMode is not there, and {V1} needs it")
    if mode == "Always":
        raise no_login(
            operation, f"{plugin.command} wants to ask somebody (interactiveMode: Always), which is not so here"
        )


def _told(plugin: Exec, cluster: Mapping[str, Any]) -> str:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.provide_cluster_info:
        spec["cluster"] = cluster
    return json.dumps({"apiVersion": plugin.api_version, "kind": "ExecCredential", "spec": spec}, default=str)


def _credential(plugin: Exec, output: bytes, operation: str) -> Credential:
    try:
        answer = msgspec.json.decode(output, type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):  # its words may quote what was written
        raise no_login(operation, f"{plugin.command} wrote no ExecCredential to its output") from None
    if answer.kind != "ExecCredential" or answer.api_version != plugin.api_version:
        raise no_login(
            operation,
            f"{plugin.command} wrote no ExecCredential of {plugin.api_version}, which the kubeconfig says it does",
        )
    status = answer.status or _Status()
    certificate, key = status.client_certificate_data or "", status.client_key_data or ""
    if bool(certificate) != bool(key):
        raise no_login(operation, f"{plugin.command} gave a client certificate without its key, or a key alone")
    if not status.token and not certificate:
        raise no_login(operation, f"{plugin.command} gave neither a token nor a client certificate")
    return Credential(status.token or "", certificate, key, _time(plugin, status.expiration_timestamp, operation))


def _time(plugin: Exec, said: str | None, operation: str) -> Utc | None:
    if said is None:
        return None
    try:
        return parse_rfc3339(said)
    except ValueError:
        raise no_login(operation, f"{plugin.command} gave an expirationTimestamp that is no time") from None


def _secrets(output: bytes) -> list[str]:
    """Words of a plugin's output, which it may have repeated among its errors."""
    return [word for word in output.decode("utf-8", "replace").replace('"', " ").split() if len(word) > 7]


def _advice(errors: bytes) -> str:
    """What a plugin said, in a line; the last one of a traceback, which is the one for people."""
    lines = [line.strip() for line in errors.decode("utf-8", "replace").splitlines() if line.strip()]
    if any(line.startswith("Traceback (most recent call last)") for line in lines):
        lines = lines[-1:]
    return told(" ".join(lines))
