"""`[[tenant.toy]]`."""

import msgspec


class ToySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One box; `door` is a host with a TLS endpoint of its own, `url` the server that knows the box."""

    box: str
    door: str = ""
    lids: bool = False
    url: str = ""
