"""Reading what a server sends: whatever it is, in bounded time and memory, and never an exception."""

import itertools
import struct
import time
import tracemalloc

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.demo.tls.pki import Authority
from providers.tls.certificates import facts
from providers.tls.protocol.answer import MOST_BYTES, MOST_CERTIFICATES, Answer
from providers.tls.protocol.head import Head
from providers.tls.protocol.hello import hello, hello_13
from providers.tls.protocol.suites import GOOD, LEGACY, MODERN, WEAK, X25519MLKEM768, without
from providers.tls.staple import by_staple
from providers.tls.trust import Path, Roots
from tests.world.tlsfuzz import COUNTED, TOTAL, spoilt


def fuzz(share: float) -> settings:
    """So much of the total for one property."""
    return settings(
        max_examples=max(100, round(TOTAL * share)),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )


def record(body: bytes, kind: int = 22, version: int = 0x0303) -> bytes:
    return struct.pack(">BHH", kind, version, len(body)) + body


def message(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + body


def vector(size: int, body: bytes) -> bytes:
    return len(body).to_bytes(size, "big") + body


def server_hello(
    version: int = 0x0303, suite: int = 0xC02F, extensions: bytes = b"", random: bytes = b"r" * 32
) -> bytes:
    body = struct.pack(">H", version) + random + vector(1, b"s" * 32) + struct.pack(">HB", suite, 0)
    return message(2, body + (vector(2, extensions) if extensions else b""))


CERTIFICATES = message(11, vector(3, vector(3, b"leaf") + vector(3, b"above")))
STATUS = message(22, b"\x01" + vector(3, b"staple"))
EXCHANGE = message(12, b"\x03\x00\x1d" + vector(1, b"p" * 32) + b"\x04\x03" + vector(2, b"s" * 70))
FLIGHT = server_hello() + CERTIFICATES + STATUS + EXCHANGE + message(13, b"\x01\x01\x00\x00\x00\x00") + message(14, b"")


def told(answer: Answer) -> tuple[object, ...]:
    return (
        answer.version,
        answer.suite,
        answer.group,
        answer.chain,
        answer.staple,
        answer.dh_bits,
        answer.asks_certificate,
        answer.alert,
        answer.done,
    )


def test_a_whole_first_flight_is_read() -> None:
    answer = Answer()
    assert answer.feed(record(FLIGHT))
    assert (answer.version, answer.suite, answer.group) == (0x0303, 0xC02F, 0x001D)
    assert answer.chain == (b"leaf", b"above")
    assert answer.staple == b"staple"
    assert answer.asks_certificate
    assert answer.garbled is None


@given(
    cut=st.lists(st.integers(1, len(FLIGHT) - 1), max_size=8),
    pieces=st.lists(st.integers(1, 400), min_size=1, max_size=60),
)
def test_it_does_not_matter_how_a_flight_is_cut_into_records_and_segments(cut: list[int], pieces: list[int]) -> None:
    places = sorted({0, *cut, len(FLIGHT)})
    stream = b"".join(record(FLIGHT[start:end]) for start, end in itertools.pairwise(places))
    whole, torn = Answer(), Answer()
    whole.feed(record(FLIGHT))
    at = 0
    for size in [*pieces, len(stream)]:
        torn.feed(stream[at : at + size])
        at += size
    assert told(torn) == told(whole)


def test_the_size_of_a_diffie_hellman_prime_is_read() -> None:
    answer = Answer()
    exchange = message(12, vector(2, b"\x00" + b"\xff" * 128) + vector(2, b"\x02") + vector(2, b"y" * 128))
    answer.feed(record(server_hello(suite=0x009E) + CERTIFICATES + exchange + message(14, b"")))
    assert answer.dh_bits == 1024


def test_a_retry_names_the_group_the_server_wants() -> None:
    retry = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
    extensions = b"\x00\x2b\x00\x02\x03\x04" + b"\x00\x33\x00\x02\x11\xec"
    answer = Answer()
    assert answer.feed(record(server_hello(0x0303, 0x1301, extensions, retry)))
    assert (answer.version, answer.retry, answer.group) == (0x0304, True, 0x11EC)


@pytest.mark.parametrize(
    ("level", "number", "alert"),
    [(2, 70, "protocol_version"), (2, 40, "handshake_failure"), (1, 0, "close_notify"), (2, 222, "alert 222")],
)
def test_an_alert_is_a_refusal_in_words(level: int, number: int, alert: str) -> None:
    answer = Answer()
    assert answer.feed(record(bytes([level, number]), 21))
    assert answer.alert == alert
    assert not answer.accepted


def test_a_warning_before_the_hello_refuses_nothing() -> None:
    answer = Answer()
    assert answer.feed(record(b"\x01\x70", 21) + record(FLIGHT))
    assert answer.accepted
    assert answer.alert is None


@pytest.mark.parametrize(
    "body", [b"HTTP/1.1 400 Bad Request\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"220 mail ESMTP\r\n", b"\x00" * 20, b"\xff"]
)
def test_what_is_no_tls_is_told_from_its_first_bytes(body: bytes) -> None:
    answer = Answer()
    assert answer.feed(body)
    assert answer.plain
    assert not answer.accepted


@pytest.mark.parametrize(
    ("stream", "says"),
    [
        (struct.pack(">BHH", 22, 0x0303, 65535), "a TLS record of 65535 bytes"),
        (struct.pack(">BHH", 22, 0x0303, 0), "a TLS record of 0 bytes"),
        (record(b"\x02\xff\xff\xff"), "a handshake message of 16777215 bytes"),
        (record(message(2, b"\x03\x03")), "ends too soon"),
        (record(message(11, b"\x00\x00\x00")), "before a ServerHello"),
        (record(server_hello() + server_hello()), "a second ServerHello"),
        (record(server_hello(0x7F17)), "version 0x7F17"),
        (record(server_hello() + message(11, b"\x00\x00\x09\x00\x00\xff")), "ends too soon"),
        (record(b"\x01", 20), "encrypted data before"),
        (record(b"\x02", 21), "an alert that is not two bytes"),
        (record(b"\x01\x70", 21) * 2000, "more than 1000 pieces"),
        (record(server_hello()) + record(message(0, b"") * 2000), "more than 1000 pieces"),
    ],
)
def test_a_broken_flight_says_what_is_wrong(stream: bytes, says: str) -> None:
    answer = Answer()
    assert answer.feed(stream)
    assert says in (answer.garbled or "")


def test_a_flight_without_end_is_cut_off() -> None:
    answer = Answer()
    answer.feed(record(server_hello()))
    filler = record(b"\x0b\x01\x00\x00" + b"\x00" * 8000)
    tracemalloc.start()
    for _ in range(1000):
        if answer.feed(filler):
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert answer.done
    assert peak < 4 * MOST_BYTES


def test_a_chain_of_a_thousand_certificates_is_cut_short() -> None:
    answer = Answer()
    answer.feed(record(server_hello()))
    body = message(11, vector(3, vector(3, b"x") * 3000))
    answer.feed(b"".join(record(body[at : at + 8000]) for at in range(0, len(body), 8000)))
    assert len(answer.chain) == MOST_CERTIFICATES


def test_a_byte_at_a_time_costs_no_more_than_linear_time() -> None:
    body = record(server_hello()) + b"".join(
        record(b"\x0b\x00\xf0\x00" + b"\x00" * 16000 if not n else b"\x00" * 16000) for n in range(3)
    )
    started = time.process_time()
    answer = Answer()
    for byte in body:
        answer.feed(bytes([byte]))
    assert time.process_time() - started < 2.0


def test_what_is_left_to_offer_shrinks_with_every_acceptance() -> None:
    offered: tuple[int, ...] = (*WEAK, *LEGACY)
    for _ in range(200):
        if not offered:
            break
        smaller = without(offered, offered[0])
        assert len(smaller) < len(offered)
        offered = smaller
    assert not offered


# ---------------------------------------------------------------- fuzz

_MUTATIONS = st.lists(st.tuples(st.integers(0, 1 << 16), st.integers(0, 255)), max_size=12)
_BASES = st.sampled_from(
    [
        record(FLIGHT),
        record(server_hello()) + record(CERTIFICATES),
        record(server_hello(suite=0x009E) + EXCHANGE),
        record(b"\x02\x28", 21),
        b"",
    ]
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A proper flight with bytes changed, cut short, or with rubbish behind it; or rubbish alone."""
    base = bytearray(draw(_BASES))
    for place, value in draw(_MUTATIONS):
        if base:
            base[place % len(base)] = value
    end = draw(st.none() | st.integers(0, len(base)))
    return bytes(base[:end]) + draw(st.binary(max_size=200))


@fuzz(0.1)
@given(stream=mutated(), pieces=st.lists(st.integers(1, 300), max_size=6))
def test_fuzz_no_bytes_raise_nor_pass_their_bounds(stream: bytes, pieces: list[int]) -> None:
    COUNTED["answer, hypothesis"] += 1
    bounded(stream, pieces)


def bounded(stream: bytes, pieces: list[int]) -> None:
    answer, at = Answer(), 0
    for size in [*pieces, len(stream) + 1]:
        answer.feed(stream[at : at + size])
        at += size
    assert len(answer.chain) <= MOST_CERTIFICATES
    assert answer.dh_bits <= 1 << 20
    assert not (answer.plain and answer.accepted)
    if answer.accepted:
        assert answer.version in (0x0300, 0x0301, 0x0302, 0x0303, 0x0304)


def test_fuzz_no_spoilt_flight_raises_nor_passes_its_bounds() -> None:
    proper = [
        record(FLIGHT),
        record(server_hello()) + record(CERTIFICATES),
        record(server_hello(suite=0x009E) + EXCHANGE),
        record(b"\x02\x28", 21),
    ]
    for number, stream in enumerate(spoilt("answer", 0.4, proper)):
        bounded(stream, [1 + number % 40] * (number % 4))


@fuzz(0.04)
@given(
    parts=st.lists(st.binary(max_size=400), max_size=5),
    start=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 301\r\nLocation: x\r\n"]),
)
def test_fuzz_no_head_of_http_raises(parts: list[bytes], start: bytes) -> None:
    COUNTED["head, hypothesis"] += 1
    head = Head()
    head.feed(start)
    for part in parts:
        head.feed(part)
    head.close()
    assert head.status is None or 0 <= head.status <= 999


def test_fuzz_no_spoilt_head_raises() -> None:
    proper = (
        b"HTTP/1.1 301 Moved\r\nLocation: https://a.example/\r\nStrict-Transport-Security: max-age=63072000\r\nX:"
        b" y\r\n\r\nbody"
    )
    for stream in spoilt("head", 0.1, [proper]):
        head = Head()
        head.feed(stream)
        head.close()
        assert head.status is None or 0 <= head.status <= 999


@fuzz(0.04)
@given(places=_MUTATIONS, end=st.none() | st.integers(0, 900), rubbish=st.binary(max_size=60))
def test_fuzz_no_certificate_raises(
    leaf_der: bytes, places: list[tuple[int, int]], end: int | None, rubbish: bytes
) -> None:
    COUNTED["certificate, hypothesis"] += 1
    der = bytearray(leaf_der)
    for place, value in places:
        der[place % len(der)] = value
    untrusted(bytes(der[:end]) + rubbish, leaf_der)


def untrusted(broken: bytes, leaf_der: bytes) -> None:
    found = facts(broken)
    assert "Unreadable" in found or "NotAfter" in found
    assert Roots([], []).trust([broken, leaf_der]).end is not Path.TRUSTED


def test_fuzz_no_spoilt_certificate_raises_nor_is_trusted(leaf_der: bytes) -> None:
    for broken in spoilt("certificate", 0.1, [leaf_der]):
        untrusted(broken, leaf_der)


@fuzz(0.02)
@given(staple=st.binary(max_size=300))
def test_fuzz_no_staple_is_believed_unsigned(leaf_der: bytes, staple: bytes) -> None:
    from cryptography import x509

    leaf = x509.load_der_x509_certificate(leaf_der)
    COUNTED["staple, hypothesis"] += 1
    assert by_staple(leaf, leaf, staple)["Status"] == "unverified"


def test_fuzz_a_spoilt_staple_says_what_it_said_or_nothing() -> None:
    """The signature covers the answer, so what still verifies is the answer that was signed."""
    authority = Authority("Fuzz")
    pair = authority.issue("fuzz.example")
    issuer, proper = authority.intermediate.certificate, authority.staple(pair, revoked=True)
    for staple in spoilt("staple", 0.1, [proper]):
        assert by_staple(pair.certificate, issuer, staple)["Status"] in ("unverified", "revoked")


def test_a_root_that_cannot_be_read_costs_no_other_chain_its_trust() -> None:
    authority = Authority("Readable")
    pair = authority.issue("a.example")
    chain = [one.public_bytes(Encoding.DER) for one in (pair.certificate, authority.intermediate.certificate)]
    root = authority.root.certificate.public_bytes(Encoding.DER)
    for roots in ([b"\x30\x03no", root], [root, b"\x30\x03no"]):
        trust = Roots(roots, [])
        assert [trust.trust(chain).end, trust.trust(chain[:1]).end] == [Path.TRUSTED, Path.MISSING_INTERMEDIATE]


@pytest.fixture(scope="module")
def leaf_der() -> bytes:
    """A certificate with all the extensions there are."""
    return (
        Authority("Fuzz", "http://127.0.0.1/x.crl")
        .issue("fuzz.example", "127.0.0.1", must_staple=True)
        .certificate.public_bytes(Encoding.DER)
    )


def test_hellos_are_well_formed() -> None:
    for made in (
        hello(0x0303, tuple(GOOD), "a.example"),
        hello(0x0300, LEGACY, "a.example"),
        hello_13("", tuple(MODERN), (X25519MLKEM768,)),
    ):
        kind, version, length = struct.unpack_from(">BHH", made)
        assert (kind, length) == (22, len(made) - 5)
        assert version in (0x0300, 0x0301)
        assert int.from_bytes(made[6:9], "big") == len(made) - 9
    assert b"a.example" not in hello(0x0300, LEGACY, "a.example")  # SSLv3 knows no extensions
