"""The simulated Azure: Resource Manager with its providers, Resource Graph, Microsoft Graph and Blob Storage, on one
loopback port. It only answers reads.

`start(port)` gives a server; `estate` is what exists, `faults` what goes wrong, `log` what was asked. Nobody else has
such a stand-in; the answers follow the REST references, paging by `nextLink`, errors in Resource Manager's words. What
it was asked that is not a read stands in `writes`, and is refused.
"""

import json
import re
import threading
import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlencode
from xml.sax.saxutils import escape, quoteattr

import msgspec

from providers.azure.calls import CALLS, GRAPH_CALLS, LIST_BLOBS, QUERY_CHANGES, Call
from providers.demo import server
from providers.demo.answer import Answer, Environ
from providers.demo.azure.accounts import TOKEN
from providers.demo.azure.faults import JSON, XML, AzureAsked, AzureFaults, blob_refusal, refusal
from providers.demo.azure.resources import Body, Resources
from providers.demo.log import Log
from providers.demo.paging import BadToken, page

_TYPE = re.compile(r"where type =~ '([a-z0-9./]+)'", re.IGNORECASE)
_CHANGES = re.compile(
    r"resourcechanges \| extend at = tostring\(properties\.changeAttributes\.timestamp\)"
    r" \| where tostring\(properties\.targetResourceId\) =~ '(?P<id>(?:[^'\\]|\\.)*)'"
    r" \| where todatetime\(at\) between \(datetime\((?P<begins>[^)]+)\) \.\. datetime\((?P<ends>[^)]+)\)\)"
    r" \| project id, at, kind = .* \| order by at desc \| take (?P<most>\d+)"
)
"""The one query on changes that is understood, and the other: whether there is any."""
_ANY_CHANGE = "resourcechanges | project id | take 1"
_KEPT = 14 * 86400.0
_GRAPH = "Microsoft.ResourceGraph/resources/read"
_EQUALS = re.compile(r"resourceType eq '([A-Za-z0-9./]+)'")
_ACCOUNTS = "microsoft.storage/storageaccounts"
_BY_TYPE: dict[str, Call] = {call.type: call for call in CALLS.values()}


class Server(server.StandIn):
    """A running Azure, without a port one that only answers what it is handed. `page_size` is how many rows a page
    of any listing holds.
    """

    def __init__(self, port: int | None = 0) -> None:
        self.estate = Resources()
        self.faults = AzureFaults()
        self.log = Log[AzureAsked]()
        self.writes: list[str] = []
        self.token = TOKEN
        self.page_size = 1000
        self.unregistered: set[tuple[str, str]] = set()
        """(subscription, provider) pairs that are not registered: `microsoft.compute`."""
        self.hidden: set[str] = set()
        """Subscriptions that Resource Graph leaves out without a word."""
        self.hidden_types: set[str] = set()
        """Types of which Resource Graph leaves out every row."""
        self.hidden_ids: set[str] = set()
        """Normal forms of the ids of rows that Resource Graph leaves out."""
        self._lock = threading.Lock()
        super().__init__(port)

    def reset(self) -> None:
        """An empty Azure, without faults, with an empty log."""
        self.estate = Resources()
        self.faults.clear()
        self.log.clear()
        self.writes.clear()
        self.token, self.page_size = TOKEN, 1000
        for some in (self.unregistered, self.hidden, self.hidden_types, self.hidden_ids):
            some.clear()

    def count(self, operation: str) -> int:
        """How many requests asked `operation`."""
        return self.log.count(operation)

    def serve(self, environ: Environ) -> Answer:
        """Answer one request."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].rstrip("/")
        query = {name.lower(): values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
        body = environ["wsgi.input"].read()
        asked = self._asked_blobs(method, path) if query.get("comp") == "list" else _asked(method, path)
        if asked.operation == _GRAPH and b'"resourcechanges' in body:
            asked = msgspec.structs.replace(asked, operation=QUERY_CHANGES.permission)
        self.log.add(asked)
        wrong = self._not_a_read(method, path) or self._not_let_in(environ)
        if wrong is not None:
            return wrong
        refused = self.faults.before(asked)
        if refused is not None:
            return refused
        return self.faults.after(asked, self._answer(asked, path, query, body, environ))

    # ------------------------------------------------------------ one request

    def _not_a_read(self, method: str, path: str) -> Answer | None:
        if method == "GET" or (
            method == "POST" and path.lower().endswith("/providers/microsoft.resourcegraph/resources")
        ):
            return None
        self.writes.append(f"{method} {path}")
        return refusal(405, "MethodNotAllowed", "only reads are simulated")

    def _not_let_in(self, environ: Environ) -> Answer | None:
        if environ.get("HTTP_AUTHORIZATION") == f"Bearer {self.token}":
            return None
        challenge = {"www-authenticate": 'Bearer authorization_uri="https://login.example/", error="invalid_token"'}
        return refusal(401, "InvalidAuthenticationToken", "The access token is invalid.", challenge)

    def _asked_blobs(self, method: str, path: str) -> AzureAsked:
        """An account answers below its name, as behind the emulators' endpoints."""
        account = path.split("/")[1].lower()
        found = next(
            (name for name in list(self.estate.resources) if name.endswith(f"/storageaccounts/{account}")), "//"
        )
        return AzureAsked(LIST_BLOBS.permission, path, found.split("/")[2], method, service="blob")

    def _list_blobs(self, path: str, query: dict[str, str], environ: Environ) -> Answer:
        if "HTTP_X_MS_VERSION" not in environ:
            return blob_refusal(
                400, "MissingRequiredHeader", "An HTTP header that's mandatory for this request is not specified."
            )
        _, account, container = path.split("/")
        ids = [
            name
            for name in list(self.estate.resources)
            if name.endswith(f"/storageaccounts/{account}/blobservices/default/containers/{container}".lower())
        ]
        if not ids:
            return blob_refusal(404, "ContainerNotFound", "The specified container does not exist.")
        most, start = int(query["maxresults"]), int(query.get("marker") or 0)
        if most <= 0:
            return blob_refusal(
                400,
                "OutOfRangeQueryParameterValue",
                "One of the query parameters specified in the request URI is outside the permissible range.",
            )
        blobs = self.estate.blobs.get(f"{account}/{container}".lower(), [])
        end = start + min(most, self.page_size)
        rows = "".join(_blob(blob) for blob in blobs[start:end])
        endpoint = f"http://{environ['HTTP_HOST']}/{account}/"
        named = f"ServiceEndpoint={quoteattr(endpoint)} ContainerName={quoteattr(container)}"
        inner = f"<MaxResults>{most}</MaxResults><Blobs>{rows}</Blobs>"
        inner += f"<NextMarker>{end if end < len(blobs) else ''}</NextMarker>"
        body = f'\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults {named}>{inner}</EnumerationResults>'
        return Answer(200, body.encode(), {"content-type": XML})

    def _answer(self, asked: AzureAsked, path: str, query: dict[str, str], body: bytes, environ: Environ) -> Answer:
        host = environ["HTTP_HOST"]
        if asked.service == "blob":
            return self._list_blobs(path, query, environ)
        if asked.operation.startswith("graph:"):
            return self._microsoft_graph(asked.operation)
        if "api-version" not in query:
            return refusal(
                400,
                "MissingApiVersionParameter",
                "The api-version query parameter (?api-version=) is required for all requests.",
            )
        if asked.operation == QUERY_CHANGES.permission:
            return self._resource_changes(json.loads(body))
        if asked.operation == _GRAPH:
            return self._resource_graph(json.loads(body))
        if path.lower() == "/subscriptions":
            return _json({"value": list(self.estate.subscriptions.values())})
        subscription = asked.account
        if subscription not in {each.lower() for each in self.estate.subscriptions}:
            return refusal(404, "SubscriptionNotFound", f"The subscription '{subscription}' could not be found.")
        provider = path.lower().rpartition("/providers/")[2].partition("/")[0]
        if (subscription, provider) in self.unregistered:
            return refusal(
                409,
                "MissingSubscriptionRegistration",
                f"The subscription is not registered to use namespace '{provider}'.",
            )
        if path.lower() == f"/subscriptions/{subscription}/resources":
            return self._everything(path, query, host)
        found = self.estate.get(path)
        if found is not None:
            return _json(found)
        return self._listing(path, query, host)

    def _everything(self, path: str, query: dict[str, str], host: str) -> Answer:
        """The resources of some types, as their listing by Resource Manager's own hand shows them."""
        kinds = _EQUALS.findall(query.get("$filter", ""))
        rows = [row for kind in kinds for row in self.estate.below(path.rpartition("/")[0], kind)]
        some, following = page(rows, lambda row: row["id"].lower(), self.page_size, query.get("$skiptoken"))
        answer: Body = {
            "value": [
                {name: row[name] for name in ("id", "name", "type", "location", "tags") if name in row} for row in some
            ]
        }
        if following:
            more = urlencode(
                {"api-version": query["api-version"], "$filter": query["$filter"], "$skiptoken": following}
            )
            answer["nextLink"] = f"http://{host}{path}?{more}"
        return _json(answer)

    def _listing(self, path: str, query: dict[str, str], host: str) -> Answer:
        parent, kind = _listed(path)
        if kind not in _BY_TYPE or (parent.count("/") > 2 and self.estate.get(parent) is None):
            return refusal(404, "ResourceNotFound", f"The Resource '{path}' was not found.")
        try:
            rows, following = page(
                self.estate.below(parent, kind), lambda row: row["id"].lower(), self.page_size, query.get("$skiptoken")
            )
        except BadToken:
            return refusal(400, "InvalidSkipToken", "The skip token is invalid.")
        answer: Body = {"value": [_reached(row, host) for row in rows] if kind == _ACCOUNTS else rows}
        if following:
            more = urlencode({"api-version": query["api-version"], "$skiptoken": following})
            answer["nextLink"] = f"http://{host}{path}?{more}"
        return _json(answer, {"x-ms-ratelimit-remaining-subscription-reads": "249"})

    def _resource_graph(self, asked: Body) -> Answer:
        options = asked.get("options", {})
        kinds = [kind.lower() for kind in _TYPE.findall(asked["query"])]
        wanted = [each.lower() for each in asked.get("subscriptions") or self.estate.subscriptions]
        shown = [each for each in self.estate.subscriptions if each.lower() in wanted and each not in self.hidden]
        if kinds == ["microsoft.resources/subscriptions"]:
            rows = [
                {
                    "id": f"/subscriptions/{each}",
                    "name": self.estate.subscriptions[each]["displayName"],
                    "subscriptionId": each,
                }
                for each in shown
            ]
        else:
            rows = [
                {**row, "type": row["type"].lower(), "subscriptionId": each}
                for each in shown
                for kind in kinds
                if kind not in self.hidden_types
                for row in self.estate.below(f"/subscriptions/{each}", kind)
                if row["id"].lower() not in self.hidden_ids
            ]
        some, following = page(
            rows,
            lambda row: row["id"].lower(),
            min(options.get("$top", 1000), self.page_size),
            options.get("$skipToken"),
        )
        answer = {
            "totalRecords": len(rows),
            "count": len(some),
            "data": list(some),
            "facets": [],
            "resultTruncated": "false",
        }
        return _json(
            {**answer, **({"$skipToken": following} if following else {})}, {"x-ms-user-quota-remaining": "14"}
        )

    def _resource_changes(self, asked: Body) -> Answer:
        """Of what may be read; nothing, and no error, of a subscription that is hidden."""
        here = time.time() - self.estate.changes_late
        wanted = [each.lower() for each in asked.get("subscriptions") or () if each not in self.hidden]
        rows = [
            row
            for row in reversed(list(self.estate.changes))
            if row["target"].split("/")[2] in wanted and time.time() - _KEPT <= row["seconds"] <= here
        ]
        if asked["query"] != _ANY_CHANGE:
            parsed = _CHANGES.fullmatch(asked["query"])
            if parsed is None:
                return refusal(400, "BadRequest", "Please provide below info when asking for support: InvalidQuery")
            target = re.sub(r"\\(.)", r"\1", parsed["id"]).lower()
            begins, ends = (datetime.fromisoformat(parsed[name]).timestamp() for name in ("begins", "ends"))
            rows = [row for row in rows if row["target"] == target and begins <= row["seconds"] <= ends]
            rows = sorted(rows, key=lambda row: row["seconds"], reverse=True)[: int(parsed["most"])]
        hidden = {"target", "seconds"}
        data = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
        return _json(
            {"totalRecords": len(data), "count": len(data), "data": data, "facets": [], "resultTruncated": "false"}
        )

    def _microsoft_graph(self, operation: str) -> Answer:
        known = self.estate.graph
        if operation == "graph:securityDefaults":
            return _json(
                {
                    "id": "00000000-0000-0000-0000-000000000005",
                    "displayName": "Security Defaults",
                    "isEnabled": known["defaults"],
                }
            )
        if operation == "graph:conditionalAccess":
            return _json({"value": known["policies"]})
        if not known["licensed"]:
            words = "Neither tenant is B2C or tenant doesn't have premium license"
            return refusal(403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", words)
        return _json({"value": known["users"]})


def start(port: int = 0) -> Server:
    """A server on 127.0.0.1."""
    return Server(port)


def _asked(method: str, path: str) -> AzureAsked:
    low = path.lower()
    for name, known in GRAPH_CALLS.items():
        if low == known.path.lower():
            return AzureAsked(name, path, "", method)
    if low.endswith("/providers/microsoft.resourcegraph/resources"):
        return AzureAsked(_GRAPH, path, "", method)
    parts = low.split("/")
    if len(parts) == 4 and parts[3] == "resources":
        return AzureAsked("Microsoft.Resources/subscriptions/resources/read", path, parts[2], method)
    subscription = parts[2] if len(parts) > 2 else ""
    if low.count("/") <= 2:
        return AzureAsked("Microsoft.Resources/subscriptions/read", path, subscription, method)
    _, kind = _listed(path)
    call = _BY_TYPE.get(kind) or _BY_TYPE.get(_listed(path.rpartition("/")[0])[1])
    return AzureAsked(call.permission if call else f"{kind}/read", path, subscription, method)


def _listed(path: str) -> tuple[str, str]:
    """The id and the type that a listing's path names: what lies under it."""
    parent, _, kind = path.rpartition("/")
    below = path.lower().rpartition("/providers/")[2].split("/")
    kind = "/".join([below[0], *below[1::2]])
    if len(below) == 2:
        parent = path[: path.lower().rindex("/providers/")]
    return parent, kind


def _json(body: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(200, json.dumps(body).encode(), {"content-type": JSON, **(headers or {})})


def _reached(account: Body, host: str) -> Body:
    """A storage account with the endpoint at which its blobs are, where it says no other."""
    properties = account.get("properties", {})
    if not isinstance(properties, dict):
        return account
    return {**account, "properties": {"primaryEndpoints": {"blob": f"http://{host}/{account['name']}/"}, **properties}}


def _blob(blob: Body) -> str:
    inner = "".join(f"<{field}>{escape(value)}</{field}>" for field, value in blob["Properties"].items())
    return f"<Blob><Name>{escape(blob['Name'])}</Name><Properties>{inner}</Properties><OrMetadata /></Blob>"
