"""A small HTTP/1.1 server on loopback: one thread a connection, connections kept alive as the real services keep them.

werkzeug's own handler closes the connection after each answer and waits 10 ms to do so; a client measured against it
measures that.
"""

import contextlib
import io
import socket
import struct
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from http.client import responses

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import ThreadedWSGIServer

from providers.demo.answer import Answer, Environ
from providers.demo.faults import Drop
from providers.demo.ports import free_port

Serve = Callable[[Environ], Answer]


class Server:
    """Listens on 127.0.0.1 and asks `serve` for every request; serves from the moment it is made. Raises OSError
    when the port is taken.
    """

    def __init__(self, port: int, serve: Serve) -> None:
        listening = _listen(port)
        self._werkzeug = _Threaded("127.0.0.1", listening.getsockname()[1], serve, listening)
        self.port: int = self._werkzeug.port
        self._thread = threading.Thread(target=self._werkzeug.serve_forever, args=(0.05,), name="aws", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening, and end every connection, in use or not."""
        if not self._thread.is_alive():
            return
        self._werkzeug.shutdown()
        self._thread.join()
        self._werkzeug.server_close()
        self._werkzeug.drop_connections()


class StandIn(ABC):
    """A system that listens on loopback. `serve` answers a request; without a port nobody listens."""

    def __init__(self, port: int | None) -> None:
        self._http = Server(port, self.serve) if port is not None else None
        self.port = self._http.port if self._http else 0

    @abstractmethod
    def serve(self, environ: Environ) -> Answer:
        """Answer one request."""

    @property
    def url(self) -> str:
        """The endpoint: `http://127.0.0.1:PORT`."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop listening and drop every connection; what exists stays."""
        if self._http is not None:
            self._http.stop()

    def restart(self) -> None:
        """Listen again on the same port."""
        self.stop()
        self._http = Server(self.port, self.serve)


def _listen(port: int) -> socket.socket:
    port = port or free_port()
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        listening.listen(256)
    except OSError:
        listening.close()
        raise
    return listening


class _Threaded(ThreadedWSGIServer):  # type: ignore[misc,unused-ignore]
    daemon_threads = True

    def __init__(self, host: str, port: int, serve: Serve, listening: socket.socket) -> None:
        super().__init__(host, port, lambda environ, start_response: [], _Handler, fd=listening.fileno())
        listening.close()  # the server has a duplicate
        self.serve = serve
        self._connections: set[socket.socket] = set()

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override,unused-ignore]
        self._connections.add(request)
        try:
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)

    def drop_connections(self) -> None:
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(MotoRequestHandler):  # type: ignore[misc,unused-ignore]
    protocol_version = "HTTP/1.1"
    server: _Threaded

    def run_wsgi(self) -> None:
        """One request, one answer, in one write; then the next on the same connection."""
        environ = self.make_environ()
        chunked = environ.get("wsgi.input_terminated")
        body = environ["wsgi.input"].read() if chunked else self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        try:
            self._send(self.server.serve(environ))
        except Drop as drop:
            self._drop(drop)
        except ConnectionError:
            self.close_connection = True
        except Exception as fault:  # noqa: BLE001 - the stand-in's own fault must reach the client as a 500, and the tests as its words
            self._send(Answer(500, f"{type(fault).__name__}: {fault}".encode(), {"content-type": "text/plain"}))

    def _send(self, answer: Answer) -> None:
        self.wfile.write(self._head(answer) + (b"" if self.command == "HEAD" else answer.body))

    def _head(self, answer: Answer) -> bytes:
        headers = {name.lower(): value for name, value in answer.headers.items()}
        headers.pop("connection", None)
        headers.pop("transfer-encoding", None)
        if self.command != "HEAD" or "content-length" not in headers:
            headers["content-length"] = str(len(answer.body))
        headers |= {"date": self.date_time_string(), "server": "AmazonEC2"}
        lines = [
            f"HTTP/1.1 {answer.status} {responses.get(answer.status, '')}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n"

    def _drop(self, drop: Drop) -> None:
        self.close_connection = True
        if drop.half is not None:
            self.wfile.write(self._head(drop.half) + drop.half.body[: len(drop.half.body) // 2])
            self.wfile.flush()
        else:
            # close with a reset
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self.connection.close() if drop.half is None else self.connection.shutdown(socket.SHUT_RDWR)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: `Log` knows better what was asked, and the terminal belongs to the dashboard."""
