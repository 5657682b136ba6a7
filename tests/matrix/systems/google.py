"""Google Cloud: the stand-in, with a small project in it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

import msgspec

from providers.demo.answer import Answer
from providers.demo.gcp import server
from providers.demo.gcp.answers import read
from providers.demo.gcp.faults import Faults
from tests.matrix.cell import Place
from tests.matrix.front import Request
from tests.matrix.system import System


class GoogleSystem(System):
    """A disk under a key, one that is not, a bucket that anybody may read, and a proxy."""

    name, provider = "Google", "gcp"
    good, bad = "gcp.kms.key-state", "gcp.gcs.public-access"
    may_change: ClassVar[Mapping[str, frozenset[str]]] = {
        # KMS says that the key does not exist before the listing of who uses it is asked again
        "back empty": frozenset({"gcp.kms.key-state"})
    }
    environment: ClassVar[Mapping[str, str]] = {"CLOUDSDK_CONFIG": "/nonexistent", "NO_GCE_CHECK": "true"}

    def __init__(self, folder: Path) -> None:
        self._server, self._empty = server.start(), server.start()
        project = self._server.cloud.project("acme-prod")
        self._empty.cloud.project("acme-prod")
        key = project.key("k")
        project.disk("data", key=key)
        project.disk("scratch")
        project.bucket("exports", prevention="inherited", members=("allUsers",))
        project.snapshot("nightly", key=key)

    def stop(self) -> None:
        """End both."""
        self._server.stop()
        self._empty.stop()

    def upstream(self) -> tuple[str, int]:
        """The same for all cells."""
        return "127.0.0.1", self._server.port

    def configuration(self, url: str, ca_file: Path) -> str:
        """One project; what vouches for https stands in the environment."""
        return (
            f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{url}"\ncredentials = "anonymous"\nallow_plaintext ='
            " true\n"
        )

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """In Google's words."""
        faults = Faults()
        faults.add(kind, **({"retry_after": "1"} if kind == "throttle" else {}))  # type: ignore[arg-type]
        found = read(request.environ()["PATH_INFO"], dict(parse_qsl(request.query, keep_blank_values=True)))
        return request if found is None else faults.before(found[0]) or request

    def paged(self, request: Request) -> tuple[Request, str]:
        """The token stands in the query."""
        pairs = parse_qsl(request.query, keep_blank_values=True)
        token = next((value for name, value in pairs if name == "pageToken"), "")
        rest = urlencode([pair for pair in pairs if pair[0] != "pageToken"], safe="(),/*:")
        return msgspec.structs.replace(request, target=f"{request.path}?{rest}"), token

    def continued(self, request: Request, answer: Answer, token: str) -> Answer:
        """`nextPageToken` in every object; what is no listing is not followed."""
        return msgspec.structs.replace(
            answer, body=json.dumps({**json.loads(answer.body), "nextPageToken": token}).encode()
        )

    def empty(self, place: Place) -> None:
        """The same project, without a resource."""
        place.front.upstream = "127.0.0.1", self._empty.port
