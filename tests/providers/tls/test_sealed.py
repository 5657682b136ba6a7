"""The encrypted first flight of TLS 1.3, against real servers and against what a hostile one may put behind its
ServerHello.
"""

import hashlib
import itertools
import random
import socket
import ssl
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from providers.demo.ports import free_port
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import Doors, context_for
from providers.tls.protocol import sealed as module
from providers.tls.protocol.answer import MOST_CERTIFICATES
from providers.tls.protocol.sealed import Sealed
from tests.providers.tls.test_answer import message, record, server_hello, vector
from tests.world import tlsservers as servers
from tests.world.tlsfuzz import COUNTED, TOTAL, spoil, spoilt

DIGESTS = {0x1301: "sha256", 0x1302: "sha384", 0x1303: "sha256"}


def asked(port: int) -> Sealed:
    """What a server on this port says to the hello."""
    sealed = Sealed("a.example")
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.settimeout(5)
        line.sendall(sealed.hello)
        while not sealed.feed(line.recv(4096)):
            pass
    return sealed


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
@pytest.mark.parametrize("group", ["X25519", "P-256"])
def test_a_real_server_is_read_to_its_end_in_every_suite_and_group(suite: str, group: str, tmp_path: Path) -> None:
    program = servers.found("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    authority, port = Authority("Sealed"), free_port()
    pair = authority.issue("a.example")
    leaf, above, key = (
        str(servers.write(tmp_path, name, body))
        for name, body in (
            ("leaf.pem", pair.pem),
            ("above.pem", pair.chain_pem.removeprefix(pair.pem)),
            ("key.pem", pair.key_pem),
        )
    )
    staple = authority.staple(pair)
    options = {
        "accept": f"127.0.0.1:{port}",
        "cert": leaf,
        "cert_chain": above,
        "key": key,
        "ciphersuites": suite,
        "groups": group,
        "status_file": str(servers.write(tmp_path, "staple.der", staple)),
    }
    command = [program, "s_server", "-quiet", "-tls1_3"]
    command += [word for name, value in options.items() for word in (f"-{name}", value)]
    server = servers.Program(*command, ready=port)
    try:
        sealed = asked(port)
    finally:
        server.stop()
    assert sealed.garbled is None
    assert len(sealed.chain) == 2
    assert sealed.staple == staple
    assert not sealed.asks_certificate


def test_a_request_for_a_client_certificate_is_seen() -> None:
    authority, doors = Authority("Sealed"), Doors()
    context = context_for(authority.issue("a.example"), lowest=ssl.TLSVersion.TLSv1_3)
    context.load_verify_locations(cadata=authority.root.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    try:
        assert asked(doors.open(context)).asks_certificate
    finally:
        doors.close()


# ---------------------------------------------------------------- a server that knows the keys and means harm


def answered(hidden: bytes, *, suite: int = 0x1301, touch: Callable[[bytes], bytes] = lambda stream: stream) -> Sealed:
    """A whole answer with `hidden` (handshake messages) in encrypted records, made with the server's half of the
    keys; `touch` is the last to do so.
    """
    sealed, own = Sealed("a.example"), X25519PrivateKey.generate()
    at = sealed.hello.index(struct.pack(">HH", 0x001D, 32)) + 4
    shared = own.exchange(X25519PublicKey.from_public_bytes(sealed.hello[at : at + 32]))
    extensions = (
        b"\x00\x2b\x00\x02\x03\x04" + struct.pack(">HHHH", 0x0033, 36, 0x001D, 32) + own.public_key().public_bytes_raw()
    )
    hello = server_hello(0x0303, suite, extensions)
    name, size, aead = module._SUITES[suite]
    secret = module._handshake_secret(name, shared, sealed.hello[5:] + hello)
    key = aead(module._expand(name, secret, b"key", b"", size))
    start = int.from_bytes(module._expand(name, secret, b"iv", b"", 12), "big")
    stream = record(hello)
    for number, at in enumerate(range(0, max(1, len(hidden)), 16000)):
        inner = hidden[at : at + 16000] + b"\x16"
        stream += record(
            key.encrypt((start ^ number).to_bytes(12, "big"), inner, struct.pack(">BHH", 23, 0x0303, len(inner) + 16)),
            23,
        )
    sealed.feed(touch(stream))
    return sealed


def entry(certificate: bytes, extensions: bytes = b"") -> bytes:
    return vector(3, certificate) + vector(2, extensions)


STAPLE = struct.pack(">HH", 5, 10) + b"\x01" + vector(3, b"staple")
FLIGHT = (
    message(8, b"\0\0")
    + message(13, b"\0\0\0")
    + message(11, b"\0" + vector(3, entry(b"leaf", STAPLE) + entry(b"above")))
    + message(20, b"f" * 32)
)


@pytest.mark.parametrize("suite", DIGESTS)
def test_a_whole_flight_is_read(suite: int) -> None:
    assert hashlib.new(DIGESTS[suite])
    sealed = answered(FLIGHT, suite=suite)
    assert (sealed.done, sealed.garbled) == (True, None)
    assert sealed.chain == (b"leaf", b"above")
    assert sealed.staple == b"staple"
    assert sealed.asks_certificate


@pytest.mark.parametrize(
    ("hidden", "says"),
    [
        (message(11, b"\0" + vector(3, b"\0\0\xff")), "ends too soon"),
        (message(2, b"\x03\x03"), "message 2 in the first flight"),
        (b"", "neither handshake nor alert"),
        (b"\x0b\xff\xff\xff", "a handshake message of 16777215 bytes"),
    ],
)
def test_a_broken_flight_says_what_is_wrong(hidden: bytes, says: str) -> None:
    sealed = answered(hidden)
    assert sealed.done
    assert says in (sealed.garbled or "")


def test_what_was_tampered_with_does_not_decrypt() -> None:
    sealed = answered(FLIGHT, touch=lambda stream: stream[:-1] + bytes([stream[-1] ^ 1]))
    assert sealed.garbled == "a record that does not decrypt"
    assert not sealed.chain


def test_a_chain_of_a_thousand_certificates_is_cut_short() -> None:
    assert (
        len(answered(message(11, b"\0" + vector(3, entry(b"x") * 3000)) + message(20, b"f")).chain) == MOST_CERTIFICATES
    )


def test_fuzz_no_encrypted_flight_raises() -> None:
    """Half of them spoilt before they are encrypted, half of them after."""
    suites = itertools.cycle(DIGESTS)
    for hidden in spoilt("encrypted", 0.05, [FLIGHT]):
        assert len(answered(hidden, suite=next(suites)).chain) <= MOST_CERTIFICATES
    chance = random.Random(13)
    for _ in range(round(TOTAL * 0.05)):
        COUNTED["encrypted, from outside"] += 1
        sealed = answered(FLIGHT, suite=next(suites), touch=lambda stream: spoil(chance, stream))
        assert (sealed.chain, sealed.staple) in (((), None), ((b"leaf", b"above"), b"staple")), (
            "only what was encrypted is believed"
        )
