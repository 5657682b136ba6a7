"""Tokens other than our own, where the policy allows their accessors to be listed: what they may, how long they
live, who can end them.
"""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from posture.clock import Utc
from posture.fault import Fault, FaultKind, Refused
from posture.lease import Life
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Resource
from providers.asking import together
from providers.source import Yield
from providers.vault.calls import ACCESSOR, ACCESSORS, LOOKUP_SELF, METRICS
from providers.vault.seal import TOKEN_FIELDS, moment, token_cells
from providers.vault.source import VaultReading, VaultSource, digest

UNNAMED = Fault(FaultKind.ERROR, "NotAsked", LOOKUP_SELF.operation, "which of the tokens is enctop's own is not known")
NOT_ASKED = Fault(FaultKind.ERROR, "NotAsked", METRICS.operation, "the leases have not been counted yet")
AGAIN = 50
"""Tokens that are looked up again in each poll."""


class _Known(msgspec.Struct):
    fields: dict[str, Any]
    at: Utc


class Tokens(VaultSource):
    """Every token by its accessor, where there are no more leases than the cap: listing 100,000 accessors costs the
    server seconds.
    """

    service = "tokens"
    calls = (ACCESSORS, ACCESSOR)

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._known: dict[tuple[str, str], _Known] = {}

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """List, then look up what is new and what was not looked at for longest. What could not be listed is not
        gone: it is looked up by itself.
        """
        cap, many = self.client.settings.lease_cap, self.seen.leases
        unasked = (
            "listing is off"
            if self.client.settings.lease_prefixes == () or not cap
            else "more than lease_cap"
            if (many or 0) > cap
            else ""
        )
        if unasked:
            yield Batch((self._totals(f"none, {unasked}"),))
            yield Complete(("vault.tokens", "vault.token"))
            return
        listed, faults = await self._list()
        chosen = dict.fromkeys((*listed, *(self._known if faults else ())))
        chosen = dict.fromkeys(list(chosen)[:cap])
        self._known = {key: known for key, known in self._known.items() if key in chosen}
        for known in self._known.values():  # the clock may have run ahead
            known.at = min(known.at, self.seen.now())
        old = sorted(self._known, key=lambda key: self._known[key].at)[:AGAIN]
        fresh = [*old, *(key for key in chosen if key not in self._known)]
        await together(self._one(key) for key in fresh)
        yield Batch(
            (
                self._totals(
                    "not listed"
                    if faults
                    else f"sampled {len(chosen)} of {len(listed)}"
                    if len(chosen) < len(listed)
                    else f"{len(listed)}"
                ),
            )
        )
        yield Batch.of(self._resource(key, self._known[key]) for key in chosen if key in self._known)
        for fault in faults:
            yield ReadRefused(fault)
        yield Complete(("vault.tokens", "vault.token"))

    async def _list(self) -> tuple[list[tuple[str, str]], list[Fault]]:
        """(namespace, accessor) of every token but our own, and why there may be more."""
        if self.seen.leases is None:
            return [], [self.seen.uncounted or NOT_ASKED]
        if not self.client.accessor:
            return [], [self.client.unnamed or UNNAMED]  # our own would stand among the others
        found: list[tuple[str, str]] = []
        faults: list[Fault] = []
        for namespace in self.seen.namespaces:
            reading = VaultReading(self.client, namespace)
            found += [
                (namespace, accessor) for accessor in await reading.names(ACCESSORS) if accessor != self.client.accessor
            ]
            faults += reading.faults.values()
        return found, faults

    async def _one(self, key: tuple[str, str]) -> None:
        namespace, accessor = key
        try:
            answer = await self.client.ask(ACCESSOR, namespace, body={"accessor": accessor})
        except Refused as refused:
            if refused.fault.code not in {"400", "403"} or "invalid accessor" not in refused.fault.message:
                raise
            answer = None
        if answer is None:
            self._known.pop(key, None)
            return
        fields = {name: answer[name] for name in TOKEN_FIELDS if name in answer}
        self._known[key] = _Known(fields, self.seen.now())

    def _totals(self, shown: str) -> Resource:
        id = self.id_of("", "auth/token/accessors")
        return self.resource(
            id=id, kind="vault", type="vault.tokens", name="other tokens", fields={"listed": shown}, cells=(shown, "")
        )

    def _resource(self, key: tuple[str, str], known: _Known) -> Resource:
        namespace, accessor = key
        fields, mark = known.fields, digest(accessor)
        life = life_of(fields)
        name = f"{fields.get('display_name') or 'token'}#{mark}"
        id = f"{self.id_of(namespace, 'auth/token')}#{mark}"
        return self.resource(
            id=id,
            kind="token",
            type="vault.token",
            name=name,
            fields=fields,
            region=namespace,
            cells=token_cells(fields),
            expires=life.expires,
        )


def life_of(fields: dict[str, Any]) -> Life:
    """A token's times."""
    issued = moment(fields.get("issue_time"))
    return Life(
        issued,
        moment(fields.get("expire_time")),
        moment(fields.get("last_renewal_time")),
        fields.get("renewable") is True,
    )
