"""Which texts are the name of a host, and which names and addresses are not for the internet."""

import ipaddress
import re

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
"""A last label that makes an address of the name for many a resolver (WHATWG URL, "ends in a number")."""
_INSIDE = frozenset(
    {
        *("localhost", "local", "internal", "test", "invalid", "onion", "alt"),
        *("lan", "home", "corp", "intranet", "private", "localdomain", "svc"),
    }
)
"""Last labels that no public zone has: by RFC 6761, 6762, 7686 and 9476, ICANN's for private use, and by custom."""
_INSIDE_ZONES = (".home.arpa", ".in-addr.arpa", ".ip6.arpa")
_PRIVATE_LINK = "privatelink"
"""The label by which Azure spells the private addresses of a service."""
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "fec0::/10", "::/96", "::ffff:0:0:0/96")))
"""What leads to addresses of a network's own: local NAT64 (RFC 8215), site-local (RFC 3879), IPv4-compatible
(RFC 4291), SIIT (RFC 2765).
"""
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def host_name(text: str) -> str | None:
    """The name of a host as it is compared: lower case, without the last dot. None for what is not one: an address, a
    wildcard, a port or a blank in it, letters that are not ASCII, more than 253 of them (RFC 1035).
    """
    name = text.removesuffix(".").lower() if text.isascii() else ""
    labels = name.split(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
        return None
    return name


def endpoint_id(host: str, port: int) -> str:
    """`tls://HOST:PORT`, with brackets round an IPv6 address: the id of an endpoint."""
    return f"tls://[{host}]:{port}" if ":" in host else f"tls://{host}:{port}"


def is_inside(name: str) -> bool:
    """Whether a name is of no public zone: one label alone, or one that ends as only private zones do."""
    labels = name.split(".")
    return len(labels) < 2 or labels[-1] in _INSIDE or name.endswith(_INSIDE_ZONES) or _PRIVATE_LINK in labels


def is_address(text: str) -> bool:
    """Whether this is an IP address and no name."""
    return _read(text) is not None


def is_public(text: str) -> bool:
    """Whether an address is one that the internet routes, also where it stands inside an IPv6 address."""
    address = _read(text)
    if (
        address is None
        or address in _METADATA
        or address.is_multicast
        or any(address in network for network in _TRANSLATED)
    ):
        return False
    inner = _inner(address)
    return address.is_global and (inner is None or (inner.is_global and not inner.is_multicast))


def is_link_local(text: str) -> bool:
    """Whether an address is of this link alone, as those are where clouds tell a machine its credentials."""
    address = _read(text)
    if address is None:
        return False
    inner = _inner(address)
    return address.is_link_local or address in _METADATA or (inner is not None and inner.is_link_local)


_METADATA = frozenset(
    {
        ipaddress.IPv6Address("fd00:ec2::254"),
        ipaddress.IPv4Address("100.100.100.200"),
        ipaddress.IPv4Address("168.63.129.16"),
    }
)
"""Instance metadata beside 169.254.0.0/16: of AWS over IPv6, of Alibaba Cloud, of Azure's host."""


def _read(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside of an IPv6 one: mapped (RFC 4291), 6to4 (RFC 3056) or translated (RFC 6052)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
