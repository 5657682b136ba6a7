"""Compute Engine through Google's own client, google-cloud-compute, for whoever needs what only it does: a client
certificate of the device, its own retries.

Off by default: a row costs thirty times as much CPU (tests/bench/test_gcp_cost.py) and its import a second and 138 MB.
So it is imported here alone, in the collector, and only where `client = "google-cloud-compute"` is written. The pages
come out as JSON and go the same way as those of the other client.
"""

from collections.abc import Mapping
from typing import Any

from providers.gcp.calls import Call
from providers.gcp.sessions import bound
from providers.limits import Limits


class Client:
    """One project's clients, one for each collection (`compute.disks.aggregatedList` is
    `DisksClient.aggregated_list`).
    """

    def __init__(self, project: str, endpoint: str | None, limits: Limits) -> None:
        self._project, self._limits = project, limits
        self._options = {"api_endpoint": endpoint} if endpoint else None
        self._clients: dict[str, Any] = {}

    def page(
        self, call: Call, query: Mapping[str, str | int], blanks: Mapping[str, str], credentials: Any
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Status, body and headers of one page. Blocks. Raises OSError, as `requests` does, where there was no
        answer.
        """
        from google.api_core.exceptions import GoogleAPICallError
        from google.auth.credentials import AnonymousCredentials
        from google.cloud import compute_v1

        _, collection, verb = call.operation.split(".")
        client = self._clients.get(collection)
        if client is None:
            made = getattr(compute_v1, f"{collection[0].upper()}{collection[1:]}Client")
            ours = credentials or AnonymousCredentials()  # type: ignore[no-untyped-call]
            client = self._clients[collection] = made(credentials=ours, client_options=self._options)
            bound(client.transport._session, self._limits)
        asked: dict[str, Any] = {"project": self._project, **blanks}
        if call.size is not None:
            asked["max_results"] = call.size[1]
        if "pageToken" in query:
            asked["page_token"] = query["pageToken"]
        try:
            listing = client.aggregated_list if verb == "aggregatedList" else client.list
            page = next(listing(request=asked, retry=None, timeout=self._limits.read).pages)
        except GoogleAPICallError as error:
            answer = error.response
            return (
                int(error.code or 0),
                answer.content if answer is not None else b"",
                answer.headers if answer is not None else {},
            )
        return 200, type(page).to_json(page, always_print_fields_with_no_presence=False, indent=None).encode(), {}
