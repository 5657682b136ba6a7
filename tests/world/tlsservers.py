"""Servers that no current OpenSSL will be: SSLv3, RC4 and 3DES, a post-quantum group, and those that speak no proper
TLS at all.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from providers.demo.tls.pki import Pair

Serve = Callable[[socket.socket], None]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nStrict-Transport-Security: max-age=63072000\r\nConnection: close\r\n\r\n"


class Threads:
    """Listeners that serve each connection in a thread."""

    def __init__(self) -> None:
        self._listening: list[socket.socket] = []
        self.stopped = threading.Event()

    def listen(self, serve: Serve, backlog: int = 64) -> int:
        """A port of 127.0.0.1 whose connections are given to `serve`."""
        listening = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self._listening.append(listening)
        threading.Thread(target=self._accept, args=(listening, serve), daemon=True).start()
        return int(listening.getsockname()[1])

    def stop(self) -> None:
        """Close them."""
        self.stopped.set()
        for listening in self._listening:
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def _accept(self, listening: socket.socket, serve: Serve) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection, serve), daemon=True).start()

    def _one(self, connection: socket.socket, serve: Serve) -> None:
        with contextlib.suppress(Exception), connection:
            connection.settimeout(30)
            serve(connection)


def tlslite(pair: Pair, versions: tuple[tuple[int, int], tuple[int, int]], ciphers: Sequence[str]) -> Serve:
    """A server of tlslite-ng, which still knows what OpenSSL has forgotten."""
    from tlslite.api import HandshakeSettings, TLSConnection, X509CertChain, parsePEMKey

    chain, key = X509CertChain(), parsePEMKey(pair.key_pem.decode(), private=True)
    chain.parsePemList(pair.chain_pem.decode())
    settings = HandshakeSettings()
    settings.minVersion, settings.maxVersion = versions
    settings.cipherNames = list(ciphers)
    settings.macNames = ["sha", "md5", "sha256", "sha384", "aead"]

    def serve(connection: socket.socket) -> None:
        tls = TLSConnection(connection)
        tls.handshakeServer(certChain=chain, privateKey=key, settings=settings)
        tls.recv(4096)
        tls.send(OK)
        tls.close()

    return serve


def blocking(context: ssl.SSLContext) -> Serve:
    """A server of stdlib's ssl on a blocking socket, which says by an alert why it hangs up; asyncio's does not."""

    def serve(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as tls:
            tls.recv(4096)
            tls.sendall(OK)

    return serve


def hybrid(pair: Pair, folder: Path) -> Serve:
    """A server of the OpenSSL inside `cryptography`, which offers X25519MLKEM768."""
    from OpenSSL import SSL

    certificate, key = folder / "pq.pem", folder / "pq.key"
    certificate.write_bytes(pair.chain_pem)
    key.write_bytes(pair.key_pem)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(b"ECDHE+AESGCM:ECDHE+CHACHA20")
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(key))

    def serve(connection: socket.socket) -> None:
        connection.settimeout(None)
        tls = SSL.Connection(context, connection)
        tls.set_accept_state()
        tls.do_handshake()
        tls.recv(4096)
        tls.send(OK)
        tls.shutdown()

    return serve


def stapling(chain_pem: bytes, key_pem: bytes, staple: bytes, folder: Path) -> Serve:
    """A server of the OpenSSL inside `cryptography` that staples this OCSP answer, or none where it is empty."""
    from OpenSSL import SSL

    certificate, key = write(folder, "stapling.pem", chain_pem), write(folder, "stapling.key", key_pem)
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.use_certificate_chain_file(str(certificate))
    context.use_privatekey_file(str(key))
    context.set_ocsp_server_callback(lambda connection, data: staple)

    def serve(connection: socket.socket) -> None:
        connection.settimeout(None)
        tls = SSL.Connection(context, connection)
        tls.set_accept_state()
        tls.do_handshake()
        tls.recv(4096)
        tls.send(OK)
        tls.shutdown()

    return serve


def says(*parts: bytes, pause: float = 0.0, first: bool = False) -> Serve:
    """Waits for something (unless `first`), sends these with a pause after each, and hangs up."""

    def serve(connection: socket.socket) -> None:
        if not first:
            connection.recv(4096)
        for part in parts:
            connection.sendall(part)
            time.sleep(pause)

    return serve


def silent(connection: socket.socket) -> None:
    """Takes everything and never answers."""
    while connection.recv(4096):
        pass


def reset(connection: socket.socket) -> None:
    """Hangs up with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def drip(record: bytes, every: float = 1.0) -> Serve:
    """Sends a byte a second, for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(4096)
        for number in range(100_000):
            connection.sendall(record[number % len(record) :][:1])
            time.sleep(every)

    return serve


class Program:
    """A real server in a process of its own, ended with the lab."""

    def __init__(self, *command: str, ready: int) -> None:
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", ready), 1):
                return
            if self._process.poll() is not None:
                raise RuntimeError(f"{command[0]} ended with {self._process.returncode}")
            time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"{command[0]} does not listen")

    def stop(self) -> None:
        """End it and its children."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(5)


def found(*names: str) -> str | None:
    """The first of these programs that is installed, /usr/sbin included."""
    for name in names:
        if path := shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"):
            return path
    return None


def nginx(folder: Path, servers: dict[int, str]) -> Program | None:
    """nginx with a server block for each port, or None where it is not installed."""
    program = found("nginx")
    if program is None:
        return None
    blocks = "".join(f"server {{ listen 127.0.0.1:{port} ssl; {block} }}\n" for port, block in servers.items())
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user} events {{}}\n"
        f"http {{ access_log off; {temporary} location_dummy; {blocks} }}".replace("location_dummy;", "")
    )
    return Program(
        program, "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), ready=next(iter(servers))
    )


def write(folder: Path, name: str, body: bytes) -> Path:
    """A file of the lab."""
    path = folder / name
    path.write_bytes(body)
    return path


def temporary() -> Any:
    """A folder for one lab."""
    return tempfile.TemporaryDirectory(prefix="enctop-lab-")


def sha256() -> Any:
    """What fingerprints are made with."""
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256()
