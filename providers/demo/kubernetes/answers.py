"""What the API server says when it refuses, word for word.

Texts: k8s.io/apimachinery/pkg/api/errors, k8s.io/apiserver/pkg/endpoints and pkg/server/filters.
"""

from typing import Any

import msgspec

from providers.demo.answer import Answer
from providers.demo.kubernetes.kinds import Kind

Json = dict[str, Any]
JSON, TEXT = "application/json", "text/plain; charset=utf-8"
MEDIA = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
REMAINDER = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)
PROXY = (
    b"<html>\r\n<head><title>503 Service Temporarily Unavailable</title></head>\r\n<body>\r\n"
    b"<center><h1>503 Service Temporarily Unavailable</h1></center>\r\n<hr><center>nginx</center>\r\n"
    b"</body>\r\n</html>\r\n"
)


class Asked(msgspec.Struct, frozen=True):
    """One request. `verb` as RBAC names it; `kind` None for what is not a resource; `namespace` "" for the cluster."""

    verb: str
    path: str
    kind: Kind | None = None
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    query: dict[str, str] = {}
    user: str = ""
    method: str = "GET"

    @property
    def operation(self) -> str:
        """`k8s:PLURAL`, or the path."""
        return f"k8s:{self.kind.plural}" if self.kind else self.path

    @property
    def permission(self) -> str:
        """The verb and the resource as kubectl spells it: `list storageclasses.storage.k8s.io`."""
        return f"{self.verb} {self.kind.resource if self.kind else self.path}"


def status(code: int, reason: str, message: str, **more: Any) -> Json:
    """A `Status`; `more` are its other fields, such as `details`."""
    head = {"kind": "Status", "apiVersion": "v1", "metadata": more.pop("metadata", {}), "status": "Failure"}
    return {**head, "message": message, "reason": reason, **more, "code": code}


def refused(body: Json) -> Answer:
    """The answer that carries a Status."""
    seconds = body.get("details", {}).get("retryAfterSeconds")
    return Answer(body["code"], msgspec.json.encode(body), {"Content-Type": JSON, **_retry(seconds)})


def _retry(seconds: int | None) -> dict[str, str]:
    return {} if seconds is None else {"Retry-After": str(seconds)}


def _details(kind: Kind, name: str = "") -> Json:
    named, group = {"name": name} if name else {}, {"group": kind.group} if kind.group else {}
    return {**named, **group, "kind": kind.plural}


def unauthorized() -> Json:
    """401: no credentials that it knows."""
    return status(401, "Unauthorized", "Unauthorized")


def forbidden(asked: Asked) -> Json:
    """403, as the RBAC authorizer says it."""
    kind = asked.kind
    if kind is None:
        text = f'forbidden: User "{asked.user}" cannot {asked.verb} path "{asked.path}"'
        return status(403, "Forbidden", text, details={})
    what = kind.resource + (f' "{asked.name}"' if asked.name else "")
    sub = f"{kind.plural}/{asked.subresource}" if asked.subresource else kind.plural
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    text = (
        f'{what} is forbidden: User "{asked.user}" cannot {asked.verb} resource "{sub}" in API group "{kind.group}" '
        f"{where}"
    )
    return status(403, "Forbidden", text, details=_details(kind, asked.name))


def not_found(kind: Kind, name: str) -> Json:
    """404: no such object."""
    return status(404, "NotFound", f'{kind.resource} "{name}" not found', details=_details(kind, name))


def not_served() -> Answer:
    """404: no such path, in text as Go's own mux says it."""
    return Answer(404, b"404 page not found\n", {"Content-Type": TEXT, "X-Content-Type-Options": "nosniff"})


def not_allowed() -> Json:
    """405."""
    text = "the server does not allow this method on the requested resource"
    return status(405, "MethodNotAllowed", text, details={})


def not_acceptable(*, watch: bool = False) -> Json:
    """406: no media type that it can answer with; a watch names those of its stream."""
    accepted = "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch" if watch else MEDIA
    return status(406, "NotAcceptable", f"only the following media types are accepted: {accepted}")


def unsupported() -> Json:
    """415: a body it cannot read."""
    text = f"the body of the request was in an unknown format - accepted media types include: {MEDIA}"
    return status(415, "UnsupportedMediaType", text)


def bad_request(text: str) -> Json:
    """400."""
    return status(400, "BadRequest", text)


def invalid(kind: str, field: str, what: str, *, group: str = "meta.k8s.io", cause: str = "FieldValueInvalid") -> Json:
    """422: `what` is wrong with `field`."""
    details = {"group": group, "kind": kind, "causes": [{"reason": cause, "message": what, "field": field}]}
    return status(422, "Invalid", f'{kind}.{group} "" is invalid: {field}: {what}', details=details)


def expired_list(remainder: str = "") -> Json:
    """410: a continue token from before the compaction; `remainder` is the token for an inconsistent rest."""
    if not remainder:
        text = "The resourceVersion for the provided list is too old."
        return status(410, "Expired", text)
    return status(410, "Expired", REMAINDER, metadata={"continue": remainder})


def expired_watch(asked: int, oldest: int) -> Json:
    """410: a watch from before the compaction. Goes out as an event with HTTP 200."""
    return status(410, "Expired", f"too old resource version: {asked} ({oldest})")


def too_large(asked: int, current: int) -> Json:
    """504: a version that this server has not seen yet."""
    text = f"Timeout: Too large resource version: {asked}, current: {current}"
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    return status(504, "Timeout", text, details={"causes": causes, "retryAfterSeconds": 1})


def internal(text: str) -> Json:
    """500."""
    causes = [{"message": text}]
    return status(500, "InternalError", f"Internal error occurred: {text}", details={"causes": causes})


def throttled(retry_after: str | None = "1") -> Answer:
    """429, as priority and fairness says it: in text."""
    body = b"Too many requests, please try again later.\n"
    headers = {"Content-Type": TEXT, "X-Content-Type-Options": "nosniff"}
    return Answer(429, body, headers if retry_after is None else {**headers, "Retry-After": retry_after})


def warming() -> Json:
    """429 as a Status: the watch cache is not filled yet."""
    return status(429, "TooManyRequests", "storage is (re)initializing", details={"retryAfterSeconds": 1})


def proxy(code: int = 503) -> Answer:
    """A load balancer's own page for people, in place of an answer."""
    return Answer(code, PROXY.replace(b"503", str(code).encode()), {"Content-Type": "text/html"})
