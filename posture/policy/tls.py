"""`[tenant.policy.tls]`: what a tenant's TLS endpoints are meant to be."""

from typing import Annotated, Literal

import msgspec

from posture.clock import Seconds

SKEW: Seconds = 300.0
"""A responder's clock may be ahead of ours by this much."""


class TlsPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`profile` and `guideline` name a frozen Mozilla guideline; `trust` where chains are meant to lead; `hsts_min_age`
    seconds, 0 for the guideline's.

    `allowed_issuers` are issuers' names, or parts of them, that may certify; none: any. `shared_wildcards` allows
    `*.example.com` certificates. `http_filtered` says that port 80 is meant to answer nothing. `hybrid` says whether a
    post-quantum group is looked for.
    """

    profile: Literal["modern", "intermediate"] = "intermediate"
    guideline: Literal["6.0", "5.7"] = "6.0"
    trust: Literal["any", "public"] = "any"
    hsts_min_age: Annotated[int, msgspec.Meta(ge=0)] = 0
    allowed_issuers: tuple[str, ...] = ()
    shared_wildcards: bool = True
    http_filtered: bool = False
    hybrid: Literal["wanted", "ignored"] = "wanted"
