"""`[[tenant.keycloak]]`: which realm of which server, and the client that asks."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from providers.endpoint import check_endpoint
from providers.paths import CaFile, FilePath
from providers.system import Block, Blocks, Listener


class KeycloakSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One realm, asked by a client of it that logs in as itself. Its secret stands in `secret_file` and nowhere else.

    `address` is the server's, with the path it is served under, if any (`https://sso.acme.example/auth`).
    `server_info` asks for the server's version, which decides how passwords are hashed where the policy does not say.
    """

    address: str
    realm: str
    client_id: str
    secret_file: FilePath
    server_info: bool = False
    ca_file: CaFile | None = None
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        check_endpoint(
            "address", self.address, allow_plaintext=self.allow_plaintext, example="https://sso.acme.example"
        )
        for key, value in (("realm", self.realm), ("client_id", self.client_id)):
            if not value.strip() or not value.isprintable():
                raise ValueError(f"{key}: {value!r} is not a name")
        if "/" in self.realm or self.realm in {".", ".."}:
            raise ValueError(f"realm: {self.realm!r} is not a realm's name; it is the last part of .../realms/NAME")

    @property
    def host(self) -> str:
        """`HOST:PORT`, with the port also where the address leaves it to its scheme."""
        parts = urlsplit(self.address)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"

    @property
    def place(self) -> str:
        """What makes two blocks the same realm: `HOST:PORT/PATH/REALM`."""
        return "/".join(filter(None, (self.host, urlsplit(self.address).path.strip("/"), self.realm)))


def shared_badly(blocks: Blocks) -> str | None:
    """What is wrong with how tenants share realms, in one line; None where each that is named twice has one way in."""
    by_place: dict[str, list[Block]] = {}
    for block in blocks:
        by_place.setdefault(block.settings.place, []).append(block)
    for place, members in by_place.items():
        if len({block.tenant for block in members}) < len(members):
            return f"tenant.keycloak: {members[0].tenant} names the realm {place} twice"
        if len({block.settings for block in members}) > 1:
            names = " and ".join(sorted({block.tenant for block in members}))
            return f"tenant.keycloak: {names} share the realm {place} with different settings; it is asked one way"
    return None


def listeners(blocks: Blocks) -> Iterator[Listener]:
    """The servers' own TLS listeners."""
    for tenant, settings, _ in blocks:
        address = urlsplit(settings.address)
        if address.scheme == "https" and address.hostname:
            yield Listener(tenant, address.hostname.lower(), address.port or 443, settings.ca_file, "keycloak")
