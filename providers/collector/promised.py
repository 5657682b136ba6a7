"""The promises as frames: sent when one stands otherwise, and at most once in a second."""

from collections.abc import Iterator

from posture.changes import Change
from posture.clock import Seconds, Utc
from posture.model import Model
from posture.promise_words import attested, notes, verdict
from posture.promises import Promise, Promises
from providers.collector.blast import five
from providers.collector.frames import Frame, PromiseCell, Sentence, Sentences, TenantPromises

EVERY: Seconds = 1.0
"""Between two times of rolling up: at a start everything moves all the time."""
MOST = 8
"""Tenants that are rolled up at one time, at some three milliseconds each: those that waited longest."""


class Promised:
    """What a viewer knows of the promises. `whole` as in `Promises`."""

    def __init__(self, model: Model, *, whole: bool = True) -> None:
        self._model = model
        self._promises = Promises(model, whole=whole)
        self._sent: dict[str, tuple[Promise, ...]] = {}
        self._waiting = dict.fromkeys(sorted(model.policies))
        self._last: Utc | None = None

    @property
    def waiting(self) -> bool:
        """Whether something moved that is not told yet."""
        return bool(self._waiting)

    def frames(self, change: Change) -> Iterator[Frame]:
        """Take in what moved, and say what stands otherwise, where it is time."""
        self._promises.follow(change)
        self._waiting |= dict.fromkeys(sorted(self._promises.moved()))
        now = self._model.now
        if not self._waiting or (self._last is not None and abs(now - self._last) < EVERY):
            return
        most = MOST
        if self._last is None:  # of a snapshot there is no second time
            yield self._sentences()
            most = len(self._waiting)
        self._last = now
        for tenant in list(self._waiting)[:most]:
            del self._waiting[tenant]
            stands = self._promises.of_tenant(tenant)
            if stands != self._sent.get(tenant):
                self._sent[tenant] = stands
                yield TenantPromises(tenant, tuple(map(self._cell, stands)))

    def _sentences(self) -> Sentences:
        claims = self._promises.claims.sentences
        return Sentences(
            tuple(Sentence(name, claim.text, self._promises.controls(name)) for name, claim in claims.items())
        )

    def _cell(self, promise: Promise) -> PromiseCell:
        claims = self._promises.claims
        return PromiseCell(
            promise.status,
            attested(promise, claims.sentences[promise.sentence]),
            five(promise.findings),
            verdict(promise, claims),
            tuple(notes(promise, claims)),
        )
