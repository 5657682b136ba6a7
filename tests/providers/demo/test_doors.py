"""The doors of the simulated street: each connection is closed by who answered it."""

import gc
import socket
import warnings

import pytest

from providers.demo.tls.server import Doors


@pytest.mark.parametrize("said", [b"\x16\x03\x01\x00\x05hello", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"GET / HT", b""])
def test_whatever_is_said_at_a_door_without_tls_nothing_stays_open(said: bytes) -> None:
    doors = Doors()
    port = doors.open(None)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", ResourceWarning)
        with socket.create_connection(("127.0.0.1", port), 10) as line:
            line.sendall(said)
            line.shutdown(socket.SHUT_WR)
            try:
                while line.recv(1 << 16):
                    pass
            except ConnectionResetError:
                pass
        doors.close()
        gc.collect()
    assert [str(one.message) for one in told if "nclosed" in str(one.message)] == []
