"""What is asked of one address: the fast pass (two connections) and the full one (four more), as fields.

The hellos and their order: reference measured at 6 connections for a healthy endpoint, where enumerating suites one by
one takes hundreds. One hello offers all that should be refused; what is accepted is taken out and the rest offered
again, so a healthy server is asked once.
"""

import asyncio
import hashlib
import logging
import random
from collections.abc import Callable, Sequence
from typing import Any

from posture.clock import Seconds, Utc, rfc3339
from providers.limits import USUAL, Limits
from providers.tls.certificates import Library
from providers.tls.faults import RETRIED, Broken, Outcome
from providers.tls.observation import Fields, Heard, Observation, Target, iana_name, required, strictly
from providers.tls.protocol import head, suites
from providers.tls.protocol.answer import Answer
from providers.tls.protocol.dial import Connection
from providers.tls.protocol.hello import hello, hello_13
from providers.tls.protocol.sealed import Sealed
from providers.tls.protocol.strict import Contexts, Handshake, handshake
from providers.tls.replay import verified
from providers.tls.revocation import Revocations
from providers.tls.trust import TAKEN, Roots, described

log = logging.getLogger(__name__)

CONNECTING = 200
"""TCP connections under way at once: what answers nothing waits here, and keeps nobody from talking."""
TALKING = 32
"""Handshakes under way at once. More make nothing faster, and each waits for the others: half of them 1.3 s and
more at 300.
"""
TALK_LIMIT: Seconds = 8.0
"""For everything said on a connection, from the first byte sent."""
CLOSED_AGAIN = 2
"""Rounds of both hellos more, before a strict handshake that is closed without a word is taken for refused."""
SLOW: Seconds = 2.0
"""An answer that takes longer is worth a warning (`tls.reachable`)."""
PLAIN_LIMIT: Seconds = 3.0
"""How long a server that was silent to a handshake is given to answer in clear."""
ASIDE = frozenset({9, 10, 66, 67, 68})
"""OpenSSL's verify codes (x509_vfy.h) behind which other defects hide: not yet valid, expired; key too small, CA's
key too small, CA's digest too weak.
"""
MOST_HELLOS = 8
"""Hellos with suites that should be refused, for a server that accepts them."""
_SHOULD_BE_REFUSED = (*suites.WEAK, *suites.STATIC_RSA, *suites.DHE, *suites.CBC)
_LEGACY = (suites.TLS11, suites.TLS10, suites.SSL3)
_EVERYTHING = (*suites.GOOD, *suites.LEGACY)


class Slots:
    """How much goes on at once, for all endpoints of all tenants together; and how it went, for the tests:
    handshakes made, the longest in milliseconds.
    """

    def __init__(self, connecting: int = CONNECTING, talking: int = TALKING) -> None:
        self.connecting = asyncio.Semaphore(connecting)
        self.talking = asyncio.Semaphore(talking)
        self.handshakes = 0
        self.longest = 0.0

    def note(self, milliseconds: float) -> None:
        """Remember one handshake."""
        self.handshakes += 1
        self.longest = max(self.longest, milliseconds)


class Prober:
    """Asks addresses, with one set of roots."""

    def __init__(
        self,
        contexts: Contexts,
        library: Library,
        revocations: Revocations,
        slots: Slots,
        version: str,
        now: Callable[[], Utc],
        limits: Limits = USUAL,
    ) -> None:
        self._contexts = contexts
        self._roots = Roots(contexts.roots, contexts.system, contexts.store, now)
        self._library = library
        self._revocations = revocations
        self._slots = slots
        self._version = version
        self._now = now
        self._limits = limits.connect, min(TALK_LIMIT, limits.whole)
        self._again_after = limits.pause

    # ------------------------------------------------------------ the fast pass

    async def fast(self, target: Target, address: str, *, patient: bool = True) -> Observation:
        """A verified handshake with `HEAD /` on it, and `HEAD /` in clear where a redirect should be. `patient`: ask
        twice before it is called silent.
        """
        try:
            seen = await self._twice(target, address) if patient else await self._strict(target, address)
        except Broken as error:
            seen = Observation({"Outcome": error.outcome.value, "Detail": error.detail})
            if error.connected and patient:
                await self._perhaps_plain(target, address, seen)
        except Exception as error:
            # A defect of ours, or of a library, at one endpoint must not blind us to all the others.
            log.exception("%s:%s at %s: %s", target.host, target.port, address, error)
            return Observation(
                {
                    "Outcome": Outcome.LOCAL.value,
                    "Detail": f"enctop failed while asking ({type(error).__name__}); see --log-file",
                }
            )
        if target.http_port:
            seen.fields["Http"] = await self._plain(target, address, target.http_port)
        return seen

    async def _twice(self, target: Target, address: str) -> Observation:
        try:
            return await self._strict(target, address)
        except Broken as error:
            if error.outcome not in RETRIED or error.connected:
                raise
        await asyncio.sleep(self._again_after)
        return await self._strict(target, address)

    async def _strict(self, target: Target, address: str, made: Handshake | None = None) -> Observation:
        if made is None:
            made = await self._shake(target, address, verify=True)
            if made.closed is not None and not made.wants_certificate:
                made = await self._again(target, address)
        if made.version is None and made.verify_code and not made.wants_certificate:
            made = await self._despite(target, address, made)
        fields: Fields = {"Outcome": Outcome.OK.value, "Strict": strictly(made)}
        chain = made.chain
        if made.version is not None:
            fields |= {"Version": made.version, "Suite": iana_name(made.suite)}
        elif not made.wants_certificate or not chain:
            chain = await self._permissive(target, address, fields) or chain
            if made.closed is not None:
                if fields["Permissive"]["Answer"] != "accepted":
                    raise Broken(Outcome.CLOSED, f"closed {made.closed}")
                if other := await self._otherwise(target, address, fields["Permissive"]):
                    return await self._strict(target, address, other)
        if made.group:
            fields["Group"] = suites.GROUPS.get(made.group, f"0x{made.group:04X}")
        if made.asks_certificate or made.wants_certificate:
            fields["ClientCertificate"] = required(made.status, refused=made.wants_certificate)
        if made.verify_code is not None or chain:
            fields |= self._verified(made, chain)
        if made.version is not None:
            fields |= {"HttpStatus": made.status, "Hsts": made.hsts}
        if made.milliseconds > SLOW * 1000:
            fields["Slow"] = True
        if chain:
            fields["Chain"] = [self._library.read(der)[0] for der in chain]
            fields["Trust"] = described(self._roots.trust(chain), self._roots.store)
        return Observation(fields, chain)

    async def _again(self, target: Target, address: str) -> Handshake:
        await asyncio.sleep(self._again_after * random.uniform(0.5, 1.5))
        return await self._shake(target, address, verify=True)

    async def _otherwise(self, target: Target, address: str, permissive: Fields) -> Handshake | None:
        """A server that closes the strict handshake without a word and takes another hello: a strict handshake that it
        does answer, None where it never does.

        Raises `Broken` where it closes the other hello as well now and then: a busy server does so, whoever asks, and
        that is no refusal.
        """
        for _ in range(CLOSED_AGAIN):
            made, fields = await self._again(target, address), dict[str, Any]()
            if made.closed is None:
                return made
            await self._permissive(target, address, fields)
            if fields["Permissive"] != permissive:
                raise Broken(Outcome.CLOSED, f"closed {made.closed}, now and then whatever is offered")
        return None

    def _verified(self, made: Handshake, chain: tuple[bytes, ...]) -> Fields:
        """OpenSSL's word on the chain; behind a date, a key or a digest that it stopped at, what it says of the
        rest.
        """
        code, text = made.verify_code, made.verify_text
        if code is None:
            code, text = verified(self._contexts.verifying, chain)
        fields: Fields = {"VerifyCode": code, "VerifyText": text}
        if code in ASIDE and chain:
            fields["RestCode"], fields["RestText"] = verified(self._contexts.lenient, chain)
        return fields

    async def _shake(self, target: Target, address: str, *, verify: bool) -> Handshake:
        context = self._contexts.verifying if verify else self._contexts.trusting
        request = head.request(target.host, target.port, 443, self._version)
        async with self._slots.connecting, Connection(address, target.port, *self._limits) as line, self._slots.talking:
            made = await handshake(line, context, target.name, request)
        self._slots.note(made.milliseconds)
        return made

    async def _despite(self, target: Target, address: str, refused: Handshake) -> Handshake:
        """The same handshake without verification: what a client sees that clicks the warning away, and the chain of
        a TLS 1.3 server.
        """
        try:
            made = await self._shake(target, address, verify=False)
        except Broken:
            return refused
        made.verify_code, made.verify_text = refused.verify_code, refused.verify_text
        made.chain = made.chain or refused.chain
        return made

    async def _permissive(self, target: Target, address: str, fields: Fields) -> tuple[bytes, ...]:
        """The strict client cannot connect: who can? The server's own words decide, never our OpenSSL's."""
        heard = Heard(Answer())
        for version, offered in (
            (suites.TLS12, _EVERYTHING),
            (suites.TLS13, tuple(suites.MODERN)),
            (suites.TLS11, suites.LEGACY),
        ):
            heard = await self._say(target, address, version, offered, tuple(suites.GROUPS))
            if heard.answer.plain:
                raise Broken(Outcome.NOT_TLS, heard.answer.garbled or "")
            if heard.accepted:
                break
        if not heard.accepted:
            if heard.outcome is Outcome.GARBLED:
                raise Broken(Outcome.GARBLED, heard.detail)
            fields["Permissive"] = {"Answer": heard.word}
            return ()
        answer = heard.answer
        fields["Permissive"] = {
            "Answer": "accepted",
            "Version": suites.VERSIONS[answer.version],
            "Suite": suites.suite(answer.suite),
        }
        if answer.asks_certificate:
            fields["ClientCertificate"] = "required"
        return answer.chain

    async def _perhaps_plain(self, target: Target, address: str, seen: Observation) -> None:
        """Silent to a handshake: a server of plain HTTP may be waiting there for the end of a line."""
        told = await self._plain(target, address, target.port, min(PLAIN_LIMIT, self._limits[1]))
        if "Status" in told:
            seen.fields = {
                "Outcome": Outcome.NOT_TLS.value,
                "Detail": f"silent to a handshake, answers {told['Status']} to HEAD / in clear",
            }

    async def _plain(self, target: Target, address: str, port: int, limit: Seconds | None = None) -> Fields:
        """`HEAD /` in clear."""
        answer = head.Head()
        try:
            async with (
                self._slots.connecting,
                Connection(address, port, self._limits[0], limit or self._limits[1]) as line,
                self._slots.talking,
            ):
                await line.send(head.request(target.host, port, 80, self._version))
                while data := await line.receive():
                    if answer.feed(data):
                        break
        except Broken as error:
            if not answer.heard:
                return {"Outcome": error.outcome.value}
        answer.close()
        if answer.status is None:
            return {"Outcome": "not-http" if answer.heard else Outcome.CLOSED.value}
        told: Fields = {"Outcome": Outcome.OK.value, "Status": answer.status}
        if "location" in answer.fields:
            told["Location"] = answer.fields["location"]
        return told

    # ------------------------------------------------------------ the full pass

    async def full(self, target: Target, address: str, seen: Observation, every: Seconds) -> Fields:
        """Versions, suites, Diffie-Hellman, staple, revocation and the hybrid group, of an address that answered the
        fast pass. `every` seconds it is due.
        """
        full: Fields = {"At": rfc3339(self._now()), "Every": every}
        modern = await self._say(target, address, suites.TLS12, tuple(suites.GOOD))
        answer = modern.answer if modern.accepted else Answer()
        full["Tls12"] = (
            modern.word if answer.version in (0, suites.TLS12) else f"refused (chose {suites.VERSIONS[answer.version]})"
        )
        if answer.version == suites.TLS12:
            full |= {"Tls12Suite": suites.suite(answer.suite), "Tls12Group": suites.GROUPS.get(answer.group, "")}
        full["Legacy"] = await self._legacy(target, address)
        await self._refusals(target, address, full)
        await self._hybrid(target, address, seen, full)
        if not answer.chain and seen.fields.get("Version") == suites.VERSIONS[suites.TLS13]:
            answer = await self._sealed(target, address)
        if answer.asks_certificate:
            full["ClientCertificate"] = True
        chain = seen.chain or answer.chain
        if chain:
            full["Staple"] = "sent" if answer.staple else "none" if answer.chain else "not seen"
            trust = self._roots.trust(chain)
            issuer = trust.above[0] if trust.above else self._roots.issuer(chain)
            full["Revocation"] = await self._revocations.look(
                chain, issuer, answer.staple, trusted=trust.second == TAKEN, above=trust.above
            )
        return full

    async def _sealed(self, target: Target, address: str) -> Answer:
        """What a server that speaks TLS 1.3 only says of staple and client certificate; nothing where it does not
        answer.
        """
        sealed = Sealed(target.name)
        heard = await self._hear(target, address, sealed, sealed.hello, suites.TLS13, tuple(suites.MODERN))
        return sealed if heard.accepted else Answer()

    async def _legacy(self, target: Target, address: str) -> dict[str, str]:
        """Each version below TLS 1.2 with what came of it. One hello with the highest of them asks a healthy server
        for all three.
        """
        words: dict[int, str] = {}
        for version in _LEGACY:
            if version in words:
                continue
            heard = await self._say(target, address, version, suites.LEGACY)
            chosen = heard.answer.version if heard.accepted else 0
            # a server takes the highest it has: what lies between that and what was offered, it refuses
            for below in _LEGACY:
                if chosen < below <= version and below not in words:
                    words[below] = f"refused (chose {suites.VERSIONS[chosen]})" if chosen else heard.word
            if chosen:
                words[chosen] = f"accepted ({suites.suite(heard.answer.suite)})"
        return {suites.VERSIONS[version]: words[version] for version in _LEGACY}

    async def _refusals(self, target: Target, address: str, full: Fields) -> None:
        """Which of the suites that should be refused are not."""
        accepted: dict[str, list[str]] = {}
        offered: Sequence[int] = _SHOULD_BE_REFUSED
        word = ""
        for _ in range(MOST_HELLOS):
            heard = await self._say(target, address, suites.TLS12, offered)
            word = heard.word
            if not heard.accepted:
                break
            number = heard.answer.suite
            accepted.setdefault(suites.CLASSES[number], []).append(suites.suite(number))
            if heard.answer.dh_bits:
                full["DhBits"] = min(heard.answer.dh_bits, full.get("DhBits", heard.answer.dh_bits))
                if common := suites.COMMON_PRIMES.get(hashlib.sha256(heard.answer.dh_prime).hexdigest()):
                    full["DhPrime"] = common
            offered = suites.without(offered, number)
        full |= {"Accepted": accepted, "Others": word}

    async def _hybrid(self, target: Target, address: str, seen: Observation, full: Fields) -> None:
        if seen.fields.get("Version", suites.TLS13) not in ("TLSv1.3", suites.TLS13):
            full["Hybrid"] = "refused (no TLS 1.3)"
            return
        heard = await self._say(target, address, suites.TLS13, tuple(suites.MODERN), (suites.X25519MLKEM768,))
        named = heard.answer.retry and heard.answer.group == suites.X25519MLKEM768
        full["Hybrid"] = "accepted" if named else "refused (another group)" if heard.accepted else heard.word

    async def _say(
        self, target: Target, address: str, version: int, offered: Sequence[int], groups: Sequence[int] = ()
    ) -> Heard:
        """Send a raw hello that offers these suites (and, in TLS 1.3, groups), read the first flight, hang up.
        Raises nothing: how it ended is the answer.
        """
        words = (
            hello_13(target.name, offered, groups) if version == suites.TLS13 else hello(version, offered, target.name)
        )
        return await self._hear(target, address, Answer(), words, version, offered)

    async def _hear(
        self, target: Target, address: str, answer: Answer, words: bytes, version: int, offered: Sequence[int]
    ) -> Heard:
        try:
            async with (
                self._slots.connecting,
                Connection(address, target.port, *self._limits) as line,
                self._slots.talking,
            ):
                await line.send(words)
                while data := await line.receive():
                    if answer.feed(data):
                        break
        except Broken as error:
            return Heard(answer, error.outcome, error.detail)
        if answer.garbled is not None:
            return Heard(answer, Outcome.NOT_TLS if answer.plain else Outcome.GARBLED, answer.garbled)
        if answer.accepted and (
            answer.version > version or (version == suites.TLS13 != answer.version) or answer.suite not in offered
        ):
            return Heard(
                answer,
                Outcome.GARBLED,
                f"chose {suites.VERSIONS[answer.version]} {suites.suite(answer.suite)}, which was not offered",
            )
        if answer.done:
            return Heard(answer)
        return Heard(answer, Outcome.CLOSED if not line.received else Outcome.GARBLED, "closed before a whole answer")
