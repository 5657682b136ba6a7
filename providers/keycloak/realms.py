"""A realm: how it hashes passwords, and which second factors its users may have, or must."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from posture.fault import Fault, Refused
from posture.reports import Batch, Complete, ReadRefused
from posture.resource import Link, Resource
from providers.keycloak.calls import ACTIONS, CALLS, EXECUTIONS, FEDERATION, REALM, SERVER_INFO
from providers.keycloak.decode import Action, Component, Execution, Realm, ServerInfo
from providers.keycloak.faults import limited, needed, unreadable
from providers.keycloak.source import KeycloakReading, KeycloakSource, kept
from providers.source import Yield


class Realms(KeycloakSource):
    """One realm, whole."""

    service = "realm"
    permissions = tuple(sorted({needed(call) for call in CALLS.values() if call.role}))

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Ask for the realm, its required actions, the steps of the flow that browsers go through, its federations."""
        reading = KeycloakReading(self.client)
        await self._read(reading)
        if not reading.fields:
            raise Refused(next(iter(reading.faults.values())))
        yield Batch((self._realm(reading.fields, reading.faults),))
        for fault in dict.fromkeys(reading.faults.values()):
            yield ReadRefused(fault)
        yield Complete(("keycloak.realm",))

    async def close(self) -> None:
        """The way in."""
        await self.client.close()

    async def _read(self, reading: KeycloakReading) -> None:
        realm = await reading.ask(REALM, Realm)
        if realm is not None and realm.realm != self.client.settings.realm:
            reading.refused(unreadable(REALM, "the answer is not this realm"))
        elif realm is not None and not realm.id:
            reading.refused(limited(REALM, "the realm's settings"))
        elif realm is not None:
            reading.fields |= {"passwordPolicy": None, **kept(realm)}  # one without a policy leaves it out
        actions = await reading.rows(ACTIONS, Action)
        if actions is not None:
            reading.fields["requiredActions"] = [kept(action) for action in actions]
        await self._steps(reading)
        components = await reading.rows(FEDERATION, Component)
        if components is not None:
            reading.fields["federation"] = [component.kept() for component in components]
        if self.client.settings.server_info:
            await self._version(reading)

    async def _steps(self, reading: KeycloakReading) -> None:
        """The steps of the flow that the realm says browsers go through."""
        flow = reading.fields.get("browserFlow")
        if not flow:
            why = reading.faults.get(REALM.operation)
            reading.refused(Refused(why) if why else unreadable(REALM, "no browserFlow"), EXECUTIONS.operation)
            return
        steps = await reading.rows(EXECUTIONS, Execution, flow=flow)
        if steps is not None:
            reading.fields["executions"] = [kept(step) for step in steps]

    async def _version(self, reading: KeycloakReading) -> None:
        info = await reading.ask(SERVER_INFO, ServerInfo)
        if info is not None:
            version = info.systemInfo.version if info.systemInfo is not None else None
            if version is None:
                reading.refused(limited(SERVER_INFO, "systemInfo.version"))
            else:
                reading.fields["version"] = version

    def _realm(self, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        name, settings = fields.get("realm"), self.client.settings
        return self.resource(
            id=self.root,
            kind="identity",
            type="keycloak.realm",
            name=name if isinstance(name, str) else settings.realm,
            fields={name: fields[name] for name in fields if name not in {"id", "realm"}},
            faults=faults,
            links=(Link("endpoint", f"tls://{settings.host}"),) if settings.address.startswith("https:") else (),
            cells=("", "", "", ""),
        )
