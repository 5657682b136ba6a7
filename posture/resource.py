"""One thing seen in a provider: what it is, where it stands, how it is encrypted."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import msgspec

from posture.clock import Utc
from posture.fault import Fault


class KeyClass(StrEnum):
    """Who holds the key, across clouds (posture/controls/README.md has the table)."""

    NONE = "none"
    PROVIDER = "provider"
    PROVIDER_VISIBLE = "provider-visible"
    CUSTOMER = "customer"
    CUSTOMER_FOREIGN = "customer-foreign"
    SUPPLIED = "supplied"
    DOUBLE = "double"
    UNKNOWN = "unknown"


class Encryption(msgspec.Struct, frozen=True, gc=False):
    """Encryption at rest in the words all clouds share; None where it was not seen or does not apply.

    `key` is the id of the key resource, in full (an ARN, a vault key URL, a CryptoKey name).
    """

    at_rest: bool | None = None
    algorithm: str | None = None
    key_class: KeyClass = KeyClass.UNKNOWN
    key: str | None = None


class Link(msgspec.Struct, frozen=True, gc=False):
    """This resource points at another: `rel` says how (`key`, `region`, `account`, `claimed-by`)."""

    rel: str
    to: str


class Resource(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing seen.

    `id` is the provider's own and unique in a model. `fields` are the provider's own fields under
    its own names. `faults` are the reads of this resource that were refused, by operation: a field that is missing
    because its read failed has its reason here. `aliases` are other ids by which links may name it. `cells` are the
    texts of its kind's own columns (`posture.kinds`). `expires` is when it ends by itself (UTC seconds), None if
    never: the viewer counts down to it.
    """

    id: str
    kind: str
    type: str
    name: str
    tenant: str
    provider: str
    scope: str
    region: str
    source: str
    encryption: Encryption | None = None
    fields: Mapping[str, Any] = {}
    links: tuple[Link, ...] = ()
    faults: Mapping[str, Fault] = {}
    aliases: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    expires: Utc | None = None

    def link(self, rel: str) -> str | None:
        """The id this resource points at by `rel`, or None."""
        for link in self.links:
            if link.rel == rel:
                return link.to
        return None
