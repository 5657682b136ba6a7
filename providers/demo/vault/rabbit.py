"""The management API of a RabbitMQ, as far as Vault's engine asks for it: users come and go; while `broken`, none
can be taken away.
"""

import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Rabbit:
    """A server on loopback. `users` are the names that exist."""

    def __init__(self) -> None:
        self.users: set[str] = set()
        self.broken = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="rabbit", daemon=True).start()

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def __init__(self, broker: "Rabbit", *arguments: Any) -> None:
        self._broker = broker
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Who am I, what users are there."""
        self._answer(200, b"[]")

    def do_PUT(self) -> None:
        """A user or its permissions."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if "/api/users/" in self.path:
            self._broker.users.add(self.path.rpartition("/")[2])
        self._answer(201, b"")

    def do_DELETE(self) -> None:
        """A user goes, or does not."""
        if self._broker.broken:
            self._answer(503, b'{"error":"service_unavailable","reason":"the broker is down for maintenance"}')
            return
        self._broker.users.discard(self.path.rpartition("/")[2])
        self._answer(204, b"")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""
