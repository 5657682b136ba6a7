"""Azure: the stand-in, with a small subscription in it."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from posture.fault import FaultKind
from providers.demo.answer import Answer
from providers.demo.azure.accounts import SUBSCRIPTION, TOKEN, TOKEN_ENV
from providers.demo.azure.faults import AzureFaults
from providers.demo.azure.resources import CUSTOMER
from providers.demo.azure.server import Server, _asked
from tests.matrix.cell import Place
from tests.matrix.faults import BROKEN
from tests.matrix.front import Request
from tests.matrix.system import System


class AzureSystem(System):
    """A disk under a customer's key, a storage account that takes plain HTTP, and a container."""

    name, provider = "Azure", "azure"
    good, bad = "azure.storage.min-tls", "azure.storage.secure-transfer"
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {
        # the key's vault says that it does not exist before the listing of the sets is asked again
        "back empty": frozenset({"azure.disk.des-health"})
    }
    steps = 2  # containers wait for the accounts
    # what needs a list that was never had says so
    kinds: ClassVar[Mapping[str, frozenset[FaultKind]]] = {"DNS": BROKEN}
    environment: ClassVar[Mapping[str, str]] = {TOKEN_ENV: TOKEN}

    def __init__(self, folder: Path) -> None:
        self._server, self._empty = Server(), Server()
        for server in (self._server, self._empty):
            server.estate.subscription()
        estate = self._server.estate
        vault = estate.vault("acme-keys")
        estate.disk("pg-0", CUSTOMER, set_id=estate.encryption_set("disks", estate.key(vault, "disks"), vault))
        account = estate.account("acmedata", enable_https_traffic_only=False)
        estate.scope(account, "ledger")  # without one, containers are listed only where scopes are refused
        estate.container(account, "exports")

    def stop(self) -> None:
        """End both."""
        self._server.stop()
        self._empty.stop()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._server.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """One subscription."""
        trust = f'ca_file = "{ca_file}"\n' if url.startswith("https") else ""
        return (
            f'[[tenant.azure]]\nsubscription = ["{SUBSCRIPTION}"]\nendpoint = "{url}"\ntoken_env ='
            f' "{TOKEN_ENV}"\nallow_plaintext = true\n{trust}'
        )

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """In the words of Resource Manager, Graph or Blob Storage."""
        faults = AzureFaults()
        kinds: dict[str, Callable[[], object]] = {
            "deny": faults.deny,
            "expire": faults.expire,
            "throttle": lambda: faults.throttle(retry_after=1),
            "fail": faults.fail,
        }
        kinds[kind]()
        return faults.before(_asked(request.method, request.path)) or request

    def paged(self, request: Request) -> tuple[Request, str]:
        """Resource Manager takes the token in the query, Resource Graph in the body."""
        if request.method == "POST":
            asked = json.loads(request.body)
            token = asked.get("options", {}).pop("$skipToken", "")
            return msgspec.structs.replace(request, body=json.dumps(asked).encode()), token
        pairs = parse_qsl(request.query, keep_blank_values=True)
        token = next((value for name, value in pairs if name == "$skiptoken"), "")
        rest = urlencode([pair for pair in pairs if pair[0] != "$skiptoken"])
        return msgspec.structs.replace(request, target=f"{request.path}?{rest}"), token

    def continued(self, request: Request, answer: Answer, token: str) -> Answer:
        """`nextLink`, and Resource Graph's `$skipToken`."""
        body = json.loads(answer.body)
        if "data" in body:
            body["$skipToken"] = token
        elif "value" in body:
            plain, _ = self.paged(request)
            body["nextLink"] = f"http://{request.headers['host']}{plain.target}&{urlencode({'$skiptoken': token})}"
        return msgspec.structs.replace(answer, body=json.dumps(body).encode())

    def empty(self, place: Place) -> None:
        """The same subscription, without a resource."""
        place.front.upstream = "127.0.0.1", self._empty.port
