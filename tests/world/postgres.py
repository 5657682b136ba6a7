"""A real PostgreSQL on loopback, where one is installed: what Vault's database engine makes users in, and what one
can do to it.
"""

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from providers.demo.ports import free_port
from providers.demo.vault.server import Bao

PLACES = ("/usr/lib/postgresql/*/bin/initdb", "/usr/local/bin/initdb", "/usr/bin/initdb")
CREATE = """CREATE ROLE "{{name}}" WITH LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'"""


def found() -> Path | None:
    """The folder of its programs; None where it is not installed."""
    names = [path for place in PLACES for path in sorted(Path("/").glob(place.lstrip("/")), reverse=True)]
    return names[0].resolve().parent if names else None


class Postgres:
    """A server of its own. It will not run as root: then it is nobody's."""

    def __init__(self, programs: Path) -> None:
        self.programs = programs
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="enctop-pg-"))
        self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
        if self._as:
            shutil.chown(self.directory, "nobody", "nogroup")
        password = self.directory / "password"
        password.write_text("canary-of-the-database")
        self._run(
            "initdb",
            "-D",
            f"{self.directory}/data",
            "-U",
            "vault",
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--no-sync",
        )
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={self.directory} -c fsync=off"
        )
        self._run("pg_ctl", "-D", f"{self.directory}/data", "-w", "-l", f"{self.directory}/log", "-o", options, "start")

    def stop(self) -> None:
        """Stop it at once; its users stay."""
        self._run("pg_ctl", "-D", f"{self.directory}/data", "-m", "immediate", "-w", "stop")

    def remove(self) -> None:
        """End it, and take its directory away."""
        if (self.directory / "data" / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def engine(self, bao: Bao, ttl: str, max_ttl: str) -> None:
        """Mount Vault's database engine on it, with a role `app`."""
        bao.call("POST", "sys/mounts/database", {"type": "database"})
        url = f"postgresql://{{{{username}}}}:{{{{password}}}}@127.0.0.1:{self.port}/postgres?sslmode=disable&connect_timeout=2"
        plugin = {"plugin_name": "postgresql-database-plugin", "allowed_roles": "*", "connection_url": url}
        bao.call("POST", "database/config/pg", {**plugin, "username": "vault", "password": "canary-of-the-database"})
        bao.call(
            "POST",
            "database/roles/app",
            {"db_name": "pg", "creation_statements": [CREATE], "default_ttl": ttl, "max_ttl": max_ttl},
        )

    def _run(self, program: str, *words: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *words],
            capture_output=True,
            text=True,
            cwd=self.directory,
            timeout=60,
            **self._as,
        )  # type: ignore[call-overload]
        assert done.returncode == 0, done.stdout + done.stderr + self._log()

    def _log(self) -> str:
        log = self.directory / "log"
        time.sleep(0.1)
        return log.read_text()[-800:] if log.exists() else ""
