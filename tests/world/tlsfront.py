"""TLS in front of a plain server: what stands between enctop and a private endpoint."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

from providers.demo.tls.pki import Authority


@contextlib.contextmanager
def in_front_of(port: int, where: Path) -> Iterator[tuple[str, Path]]:
    """The https URL of 127.0.0.1, and the file of the authority that vouches for it, while the block runs."""
    authority = Authority("Acme Private Trust")
    pair = authority.issue("127.0.0.1")
    (where / "ca.pem").write_bytes(authority.root.pem)
    (where / "node.pem").write_bytes(pair.chain_pem + pair.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(where / "node.pem")
    listening = socket.create_server(("127.0.0.1", 0))

    def pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def carry(raw: socket.socket) -> None:
        with contextlib.suppress(OSError):  # a handshake that the client breaks off is a client that does not trust us
            outside, inside = context.wrap_socket(raw, server_side=True), socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=pump, args=(inside, outside), daemon=True).start()
            pump(outside, inside)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=carry, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listening.getsockname()[1]}", where / "ca.pem"
    finally:
        listening.close()
