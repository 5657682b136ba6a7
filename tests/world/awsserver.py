"""A server on loopback that answers as a test says: bodies and headers that no AWS would send."""

import contextlib
import http.server
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers each request by what the test gives it."""

    protocol_version = "HTTP/1.1"
    answer: Callable[["Handler"], None]
    asked: list[str]
    form: str

    def _answer(self) -> None:
        self.form = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode(errors="replace")
        self.asked.append(self.path)
        with contextlib.suppress(OSError):
            type(self).answer(self)

    do_GET = do_POST = do_HEAD = do_CONNECT = _answer

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def whole(self, body: bytes, **headers: str) -> None:
        """One answer, as it should be."""
        self.send_response(200)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def endless(self, piece: bytes, pause: float = 0.0) -> None:
        """A body that goes on until nobody reads it any more."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(piece)
            self.wfile.flush()
            time.sleep(pause)

    def endless_header(self) -> None:
        """A header that drips."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.02)


@contextlib.contextmanager
def serving(answer: Callable[[Handler], None]) -> Iterator[tuple[str, list[str]]]:
    """A server on loopback; its URL, and the paths that it was asked for."""
    asked: list[str] = []
    handler = type("Answering", (Handler,), {"answer": answer, "asked": asked})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
    finally:
        server.shutdown()
        server.server_close()
