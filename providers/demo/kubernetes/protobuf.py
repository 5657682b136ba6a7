"""The two self reviews as kubectl sends them: in protobuf, behind Kubernetes' own prefix.

Numbers of the fields: k8s.io/api/authorization/v1/generated.proto and k8s.io/apimachinery/pkg/runtime/generated.proto.
"""

from typing import Any

Json = dict[str, Any]
PROTOBUF = "application/vnd.kubernetes.protobuf"
_PREFIX = b"k8s\x00"
_RESOURCE = {1: "namespace", 2: "verb", 3: "group", 4: "version", 5: "resource", 6: "subresource", 7: "name"}
_PATH = {1: "path", 2: "verb"}


def review(body: bytes) -> Json:
    """A SelfSubjectAccessReview or SelfSubjectRulesReview, as it would be in JSON. Raises ValueError."""
    if not body.startswith(_PREFIX):
        raise ValueError("no Kubernetes protobuf")
    unknown = _fields(body[len(_PREFIX) :])
    about = _texts(unknown[1], {1: "apiVersion", 2: "kind"})
    spec = _fields(_fields(unknown[2])[2])
    if about.get("kind") == "SelfSubjectRulesReview":
        return {**about, "spec": {"namespace": spec.get(1, b"").decode()}}
    if 2 in spec:
        return {**about, "spec": {"nonResourceAttributes": _texts(spec[2], _PATH)}}
    return {**about, "spec": {"resourceAttributes": _texts(spec.get(1, b""), _RESOURCE)}}


def _texts(message: bytes, names: dict[int, str]) -> Json:
    return {names[number]: value.decode() for number, value in _fields(message).items() if number in names and value}


def _fields(message: bytes) -> dict[int, bytes]:
    """The fields that have a length, by number."""
    found, at = {}, 0
    while at < len(message):
        key, at = _number(message, at)
        size, at = _number(message, at)
        if key & 7 == 2:
            found[key >> 3], at = message[at : at + size], at + size
        elif key & 7:
            raise ValueError("a field of a kind that no review has")
    return found


def _number(message: bytes, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(message) and shift < 64:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if message[at - 1] < 0x80:
            return value, at
    raise ValueError("a number without an end")
