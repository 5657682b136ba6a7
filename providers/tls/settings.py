"""`[[tenant.tls]]`: which names are asked, at which addresses, and whom to trust."""

import ipaddress
from collections.abc import Mapping

import msgspec

from posture.hosts import endpoint_id, host_name, is_address, is_link_local
from providers.paths import CaFile
from providers.system import Blocks

PORT = 443


class TlsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some endpoints and how they are reached.

    `endpoints` are `name`, `name:port`, `192.0.2.7:8443` or `[2001:db8::7]:8443`. `ca_file` holds roots (PEM) beside
    the system's. `resolve` gives a name's addresses instead of DNS. `http_port` is where the plain-HTTP redirect is
    looked for, 0: nowhere.
    """

    endpoints: tuple[str, ...]
    ca_file: CaFile | None = None
    resolve: Mapping[str, str | tuple[str, ...]] = {}
    http_port: int = 80

    def __post_init__(self) -> None:
        if not self.endpoints:
            raise ValueError(
                'endpoints: there is none; write endpoints = ["acme.example.com", "api.acme.example.com:8443"]'
            )
        seen = set()
        for text in self.endpoints:
            target = parse_target(text)
            if target in seen:
                raise ValueError(f"endpoints: {text!r} stands there twice")
            if is_link_local(target[0]):
                raise ValueError(f"endpoints: {text!r} is an address of the link alone, which is never asked")
            seen.add(target)
        names = {host for host, _ in seen}
        for name, addresses in self.resolve.items():
            if name.lower().rstrip(".") not in names:
                raise ValueError(f"resolve: {name!r} is none of the endpoints' names")
            for address in addresses_of(addresses):
                if not is_address(address) or is_link_local(address):
                    raise ValueError(f"resolve: {address!r} is not an IP address that may be asked")
            if not addresses_of(addresses):
                raise ValueError(f"resolve: {name!r} has no address")
        if not 0 <= self.http_port <= 65535:
            raise ValueError(f"http_port: {self.http_port} is not a port; 0 looks for no redirect")

    @property
    def targets(self) -> tuple[tuple[str, int], ...]:
        """(host, port) of each endpoint; hosts are lower-case names, or addresses in their shortest form."""
        return tuple(parse_target(text) for text in self.endpoints)

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """The addresses `resolve` gives a host; a host that is not there is asked of DNS."""
        return {name.lower().rstrip("."): addresses_of(addresses) for name, addresses in self.resolve.items()}


def addresses_of(value: str | tuple[str, ...]) -> tuple[str, ...]:
    """One address or a list of them, as a list."""
    return (value,) if isinstance(value, str) else value


def parse_target(text: str) -> tuple[str, int]:
    """`name`, `name:port`, `address:port` or `[IPv6]:port` as host and port. Raises ValueError that says what is
    allowed.
    """
    wrong = ValueError(f"endpoints: {text!r} is not a host, host:port or [IPv6]:port; no scheme and no path")
    body = text.strip()
    if body.startswith("["):
        host, bracket, rest = body[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")) or ":" not in host:
            raise wrong
        port = rest[1:]
    elif body.count(":") > 1:
        host, port = body, ""
    else:
        host, _, port = body.partition(":")
        if body.endswith(":"):
            raise wrong
    if port and (not port.isascii() or not port.isdigit() or not 0 < int(port) <= 65535):
        raise wrong
    number = int(port) if port else PORT
    try:
        return ipaddress.ip_address(host).compressed, number
    except ValueError:
        pass
    return _name(host, wrong), number


def _name(host: str, wrong: ValueError) -> str:
    try:
        name = host_name(host if host.isascii() else host.encode("idna").decode("ascii"))
    except UnicodeError:
        raise wrong from None
    if name is None:
        raise wrong
    return name


def named_twice(blocks: Blocks) -> str | None:
    """An endpoint is one resource: named twice, it would be two tenants', or be trusted by two sets of roots."""
    named: dict[tuple[str, int], str] = {}
    for tenant, settings, _ in blocks:
        for target in settings.targets:
            if target in named:
                return (
                    f"tenant.tls.endpoints: {endpoint_id(*target)} is named by {named[target]} and by {tenant};"
                    " name it once"
                )
            named[target] = tenant
    return None
