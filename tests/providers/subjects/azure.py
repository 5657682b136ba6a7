"""Azure: one of everything. Resource Graph shows nothing of it, so that Resource Manager is asked."""

from typing import ClassVar

import pytest

from providers.azure import SYSTEM
from providers.azure.calls import GRAPH_CALLS, QUERY_RESOURCES
from providers.demo.answer import Answer
from providers.demo.azure import more
from providers.demo.azure.accounts import TOKEN_ENV
from providers.demo.azure.resources import CUSTOMER, SUBSCRIPTION
from tests.matrix.front import Request
from tests.matrix.systems.azure import AzureSystem
from tests.providers.subjects.subject import Subject, granted
from tests.world.azure import Azure

OURS = frozenset({QUERY_RESOURCES.permission, *GRAPH_CALLS})
"""What no role grants: Resource Graph takes no permission of its own, Microsoft Graph's are granted in Entra."""


class AzureSubject(Subject):
    """Behind the stand-in."""

    system = SYSTEM
    free: ClassVar[frozenset[str]] = OURS
    clocks: ClassVar[frozenset[str]] = frozenset(
        {"EnvironmentToken.get_token"}
    )  # azure-core holds its end against that clock

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._azure: Azure = request.getfixturevalue("azure")
        seed(self._azure)

    @property
    def port(self) -> int:
        """Of the stand-in."""
        return self._azure.server.port

    def settings(self, port: int, *, everything: bool) -> str:
        """One subscription and its directory."""
        url = f"http://127.0.0.1:{port}"
        return (
            f'[[tenant.azure]]\nsubscription = ["{SUBSCRIPTION}"]\nendpoint = "{url}"\ngraph_endpoint = "{url}"\n'
            f'token_env = "{TOKEN_ENV}"\nblob_sample = {int(everything)}\nwho = {str(everything).lower()}\n'
        )

    def asked(self) -> set[str]:
        """Permissions."""
        return {asked.operation for asked in self._azure.server.log}

    def forget(self) -> None:
        """The log."""
        self._azure.server.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """Actions of the role."""
        role = granted(self.system, everything)
        return {*role["Actions"], *role["DataActions"]}

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        return AzureSystem.__new__(AzureSystem).refusal(kind, request)


def seed(azure: Azure) -> None:
    """A world in which every call has something to ask."""
    estate = azure.estate
    key = estate.key(estate.vault("acme-keys"), "data")
    hsm = estate.put(
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/keys/providers/Microsoft.KeyVault/managedHSMs/acme-hsm",
        {"properties": {}},
    )
    url = "https://acme-hsm.managedhsm.azure.net/keys/disks"
    estate.put(
        f"{hsm}/keys/disks",
        {
            "properties": {
                "attributes": {"enabled": True, "recoveryLevel": "Recoverable"},
                "keyUri": url,
                "kty": "RSA-HSM",
            }
        },
    )
    estate.disk("d", CUSTOMER, set_id=estate.encryption_set("by", url, None))
    estate.snapshot("s")
    estate.image("i")
    account = estate.account("acmedata", key=key)
    estate.scope(account, "own")
    estate.share(account, "team")
    estate.blob(estate.container(account, "invoices"), "b")
    more.machine(estate, "m")
    more.scale_set(estate, "ss")
    more.gallery_version(estate, "g", regions={"West Europe": None})
    more.cluster(estate, "aks")
    more.gateway(estate, "gw")
    more.front_door(estate, "fd")
    more.people(estate, defaults=True)
    azure.server.hidden.add(SUBSCRIPTION)
