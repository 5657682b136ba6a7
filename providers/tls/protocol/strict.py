"""The handshake a strict modern client makes (TLS 1.2 or 1.3, Mozilla's intermediate suites), verified against the
roots, with `HEAD /` on it.

stdlib's OpenSSL does the cryptography; the server's bytes are read along in the clear part, which tells what `ssl` does
not: the group, the chain of a TLS 1.2 server even where its verification failed, and whether a client certificate is
asked for.
"""

import base64
import contextlib
import functools
import re
import ssl
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from providers.tls.faults import Broken, Outcome, alert_of
from providers.tls.protocol.answer import Answer
from providers.tls.protocol.dial import Connection
from providers.tls.protocol.head import Head

CIPHERS = (
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305"
)
_MOST_READS = 64
_NO_CHECK_TIME = ssl.VerifyFlags(0x200000)
"""X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h), which `ssl` has no name for."""


class Contexts:
    """The contexts of a set of roots, made once: each costs 20-30 ms and 0.7 MiB.

    Made by hand and not by `create_default_context`, which verifies otherwise from Python 3.13 on: the same server must
    get the same answer everywhere. As there, a certificate that is trusted need not be a root. `store` says whose roots
    stand for those that every client has: `system`, or `certifi` where this machine has none. Raises OSError
    (ssl.SSLError) for a `ca_file` that holds no certificate.
    """

    def __init__(self, ca_file: str | None = None) -> None:
        self._own = _blocks(Path(ca_file)) if ca_file is not None else ()
        self._ca_file = ca_file
        self.verifying = _context()
        self.store, self.system = _public(self.verifying)
        self._trust(self.verifying)
        self.trusting = _context("@SECLEVEL=0")
        self.trusting.verify_mode = ssl.CERT_NONE

    @functools.cached_property
    def lenient(self) -> ssl.SSLContext:
        """As `verifying`, but for dates and the sizes of keys and digests: what else is wrong with a chain."""
        context = _context("@SECLEVEL=0")
        _public(context)
        self._trust(context)
        context.verify_flags |= _NO_CHECK_TIME
        return context

    @property
    def roots(self) -> list[bytes]:
        """Every certificate that is trusted, DER."""
        return list(dict.fromkeys([*self.system, *self._own, *self.verifying.get_ca_certs(True)]))

    def _trust(self, context: ssl.SSLContext) -> None:
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)


def _public(context: ssl.SSLContext) -> tuple[str, list[bytes]]:
    """Load the roots that every client has: the system's, else certifi's. Gives whose they are, and DER."""
    context.load_default_certs()
    if not (found := context.get_ca_certs(True)):
        _load_folder(context, ssl.get_default_verify_paths().capath)
        found = context.get_ca_certs(True)
    if found:
        return "system", found
    import certifi

    with contextlib.suppress(OSError):
        context.load_verify_locations(certifi.where())
    found = context.get_ca_certs(True)
    return ("certifi" if found else "none"), found


def _load_folder(context: ssl.SSLContext, folder: str | None) -> None:
    """OpenSSL reads a folder of roots one by one as it needs them, and lists none of them before."""
    for file in sorted(Path(folder).glob("*.[0-9]")) if folder else ():
        with contextlib.suppress(OSError):
            context.load_verify_locations(file)


def _blocks(file: Path) -> tuple[bytes, ...]:
    """The certificates of a PEM file, DER: also those that are no authorities', which `get_ca_certs` leaves out."""
    found = re.findall(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", file.read_bytes(), re.DOTALL)
    ders = []
    for body in found:
        with contextlib.suppress(ValueError):
            ders.append(base64.b64decode(body))
    return tuple(ders)


def _context(level: str = "@SECLEVEL=2") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # judged apart: OpenSSL reports one error only
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = ssl.TLSVersion.TLSv1_3
    context.set_ciphers(f"{CIPHERS}:{level}")
    context.set_alpn_protocols(["http/1.1"])
    return context


class Handshake(msgspec.Struct):
    """What came of it. Exactly one of these holds: `version` is set (it succeeded), `alert` (the server refused),
    `local` (our OpenSSL would not go on), `closed` (the server hung up). `verify_code` is OpenSSL's, 0 where the chain
    verified, None where it was not verified.

    `chain` is DER as sent; `milliseconds` runs from the ClientHello to the Finished, as measured here.
    """

    version: str | None = None
    suite: str | None = None
    group: int = 0
    alert: str | None = None
    local: str | None = None
    closed: str | None = None
    verify_code: int | None = None
    verify_text: str = ""
    chain: tuple[bytes, ...] = ()
    asks_certificate: bool = False
    wants_certificate: bool = False
    status: int | None = None
    hsts: str | None = None
    milliseconds: float = 0.0


async def handshake(line: Connection, context: ssl.SSLContext, name: str, request: bytes | None) -> Handshake:
    """Shake hands on a fresh connection, and send `request` on it where one is given. Raises `Broken` where there
    was no answer, or no TLS in it.
    """
    talk = _Talk(line, context, name)
    started = time.monotonic()
    found = await talk.shake()
    found.milliseconds = (time.monotonic() - started) * 1000
    if found.version is not None and request is not None:
        await talk.ask(request, found)
    return found


class _Talk:
    def __init__(self, line: Connection, context: ssl.SSLContext, name: str) -> None:
        self._line = line
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=name or None)
        self._verifies = context.verify_mode is ssl.CERT_REQUIRED
        self._seen = Answer()

    async def shake(self) -> Handshake:
        found = Handshake()
        try:
            await self._until(self._tls.do_handshake)
        except ssl.SSLCertVerificationError as error:
            found.verify_code, found.verify_text = error.verify_code, str(error.verify_message or "")
        except ssl.SSLError as error:
            self._failed(found, error)
        except Broken as error:
            if not self._seen.asks_certificate:
                raise
            found.closed = str(error)
        else:
            found.version = self._tls.version()
            cipher = self._tls.cipher()
            found.suite = cipher[0] if cipher else None
            found.chain = _chain(self._tls)
            if self._verifies:
                found.verify_code, found.verify_text = 0, "ok"
        self._read_along(found)
        return found

    def _failed(self, found: Handshake, error: ssl.SSLError) -> None:
        if self._seen.plain:
            raise Broken(Outcome.NOT_TLS, self._seen.garbled or "") from None
        if self._seen.alert is not None:
            found.alert = self._seen.alert
        elif (alert := alert_of(error)) is not None:
            found.alert = alert
            found.wants_certificate = alert == "certificate_required"
        elif (
            isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError)
            or error.reason == "UNEXPECTED_EOF_WHILE_READING"
        ):
            found.closed = "in the middle of the handshake" if self._line.received else "without an answer"
        else:
            found.local = error.reason or str(error)

    def _read_along(self, found: Handshake) -> None:
        seen = self._seen
        found.group = seen.group
        found.chain = found.chain or seen.chain
        found.asks_certificate = seen.asks_certificate
        if found.asks_certificate and found.version is None and found.verify_code is None:
            found.wants_certificate = True

    async def ask(self, request: bytes, found: Handshake) -> None:
        """Send the request, read the head of the answer. That there is none is no error: this may be no HTTP server."""
        head = Head()
        try:
            self._tls.write(request)
            for _ in range(_MOST_READS):
                data: bytes = await self._until(lambda: self._tls.read(8192))
                if not data or head.feed(data):
                    break
        except ssl.SSLError as error:
            found.wants_certificate = alert_of(error) == "certificate_required"
        except Broken:
            pass
        head.close()
        found.status, found.hsts = head.status, head.fields.get("strict-transport-security")

    async def _until(self, step: Any) -> Any:
        """Repeat a step of OpenSSL, which wants bytes, until it is done."""
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                await self._say_last()
                raise
            else:
                return done  # what OpenSSL still has to say goes out with the request
            if self._out.pending:
                await self._line.send(self._out.read())
            data = await self._line.receive()
            if not data:
                self._in.write_eof()
                continue
            self._seen.feed(data)
            self._in.write(data)

    async def _say_last(self) -> None:
        """The alert by which we leave, if OpenSSL wrote one; the server may be gone already."""
        try:
            if self._out.pending:
                await self._line.send(self._out.read())
        except Broken:
            return


def _chain(tls: ssl.SSLObject) -> tuple[bytes, ...]:
    """The chain as sent, DER: public from Python 3.13 on, before that under a private name (observed on 3.11)."""
    if sys.version_info >= (3, 13):
        return tuple(tls.get_unverified_chain())
    import _ssl

    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined,unused-ignore]
    return tuple(one.public_bytes(_ssl.ENCODING_DER) for one in chain or ())  # type: ignore[attr-defined,unused-ignore]
