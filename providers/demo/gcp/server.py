"""Google Cloud on loopback: compute, storage, KMS, GKE, projects and the directory under one endpoint, behind faults
and a log of what was asked.

    server = start()
    server.cloud.project("acme-prod").disk("data", key=server.cloud.project("acme-prod").key("k"))
    server.faults.add("disable", "compute.*")
    server.stop()

Answers are as the discovery documents have them (`gcp_schema`): a server that is started `strict` checks each before it
is sent.
"""

import json
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from providers.demo import server
from providers.demo.answer import Answer, Environ
from providers.demo.gcp import schema
from providers.demo.gcp.answers import answered, read
from providers.demo.gcp.faults import JSON, Asked, Faults, Rule, error
from providers.demo.gcp.world import Cloud
from providers.demo.log import Log


class Server(server.StandIn):
    """A running Google Cloud. `tokens` are those it accepts (None: anybody); `granted` what its token endpoint hands
    out.
    """

    def __init__(self, port: int, *, strict: bool) -> None:
        self.log, self.faults, self.cloud = Log[Asked](), Faults(), Cloud()
        self.strict = strict
        self.tokens: set[str] | None = None
        self.granted: dict[str, Any] | None = None
        self.grants = 0
        super().__init__(port)

    def reset(self) -> None:
        """Nothing exists, nothing is wrong, nothing was asked."""
        self.faults.clear()
        self.log.clear()
        self.cloud.clear()
        self.tokens = self.granted = None
        self.grants = 0

    def serve(self, environ: Environ) -> Answer:
        """Answer one request."""
        path, query = environ["PATH_INFO"], dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        if path.startswith("/enctop/"):
            return self._admin(environ, path.removeprefix("/enctop/"))
        if path == "/token":
            self.grants += 1
            return (
                _json(self.granted)
                if self.granted
                else Answer(400, b'{"error": "invalid_grant"}', {"content-type": JSON})
            )
        if environ["REQUEST_METHOD"] == "POST" and path == "/v2/entries:list":
            query = {**query, **_posted(environ)}
        found = (
            read(path, query) if environ["REQUEST_METHOD"] == ("POST" if "resourceNames" in query else "GET") else None
        )
        if found is None:
            return Answer(404, b"<!DOCTYPE html><title>Error 404 (Not Found)!!1</title>", {"content-type": "text/html"})
        asked, method, blanks = found
        self.log.add(asked)
        if self.tokens is not None and environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ") not in self.tokens:
            return error(401, "Request had invalid authentication credentials.", "authError", "UNAUTHENTICATED")
        refusal = self.faults.before(asked)
        if refusal is not None:
            return refusal
        body = answered(self.cloud, asked, method, blanks)
        return body if isinstance(body, Answer) else self.faults.after(asked, self._checked(asked, body))

    def _checked(self, asked: Asked, body: Any) -> Answer:
        text = asked.query.get("fields", "")
        if self.strict:
            wrong = schema.defects(asked.operation, body) + (schema.mask_defects(asked.operation, text) if text else [])
            if wrong:
                return error(500, f"the stand-in is wrong: {wrong[0]}", "backendError", "INTERNAL")
        try:
            return _json(schema.masked(body, schema.mask(text)) if text else body)
        except ValueError as bad:
            return error(400, f"Invalid field selection {bad}", "invalidParameter", "INVALID_ARGUMENT")

    def _admin(self, environ: Environ, what: str) -> Answer:
        """For tests in another process: POST a `Rule` to or DELETE /enctop/faults."""
        match environ["REQUEST_METHOD"], what:
            case "POST", "faults":
                rule = msgspec.json.decode(environ["wsgi.input"].read(), type=Rule)
                self.faults.add(**msgspec.structs.asdict(rule))
            case "DELETE", "faults":
                self.faults.clear()
            case _:
                return Answer(404, b"{}", {"content-type": JSON})
        return _json({"status": "ok"})


def start(port: int = 0, *, strict: bool = False) -> Server:
    """Start Google Cloud on 127.0.0.1; port 0 takes a free one."""
    return Server(port, strict=strict)


def _posted(environ: Environ) -> dict[str, Any]:
    body = json.loads(environ["wsgi.input"].read() or b"{}")
    return body if isinstance(body, dict) else {}


def _json(value: object) -> Answer:
    return Answer(200, json.dumps(value, separators=(",", ":")).encode(), {"content-type": JSON})
