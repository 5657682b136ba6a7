"""`[[tenant.vault]]`: which server, by whose hand, and whose leases are listed one by one."""

import ipaddress
import os
import re
from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec

from posture.loopback import is_loopback
from providers.endpoint import check_endpoint, keeps_secret, parted
from providers.paths import CaFile, FilePath
from providers.system import Blocks, Listener

_METADATA = frozenset(
    {
        "metadata.google.internal",
        "metadata",
        "instance-data",
        "169.254.169.254",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    }
)
"""Where clouds tell machines who they are: never a Vault."""
_OURSELVES = re.compile(r"(.+\.)?localhost[46]?\.localdomain[46]?|.+\.localhost|localhost[46]|ip6-(localhost|loopback)")
"""Names of this machine beside `localhost`."""
_FOR_LOGIN = ("role", "mount", "role_id", "secret_id_env", "secret_id_file", "jwt_env", "jwt_file")
KUBERNETES_JWT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class VaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way into a Vault or OpenBao. No secret ever stands here: a variable or a file names it.

    `auth` other than `token` logs in, and again when its token has ended: `role` and `mount` (the method's path) for
    each, `role_id` and a secret id for approle, a JWT for jwt and kubernetes (default: the pod's own). `renew_token`
    keeps a renewable token alive, the only thing enctop ever writes. `lease_prefixes` are walked and their leases
    looked up, at most `lease_cap` a poll; without it all leases are, where there are no more than `lease_cap`; an empty
    list means none. `nodes` are addresses of the servers behind the address, where `sys/ha-status` should not be
    believed. `storage_volumes` are ids of the volumes that hold Vault's storage, as another room of enctop names them.
    """

    address: str
    namespace: str = ""
    auth: Literal["token", "kubernetes", "approle", "jwt"] = "token"
    token_env: str | None = None
    token_file: FilePath | None = None
    role: str | None = None
    mount: str | None = None
    role_id: str | None = None
    secret_id_env: str | None = None
    secret_id_file: FilePath | None = None
    jwt_env: str | None = None
    jwt_file: FilePath | None = None
    ca_file: CaFile | None = None
    allow_plaintext: bool = False
    renew_token: bool = False
    lease_prefixes: tuple[str, ...] | None = None
    lease_cap: int = 500
    nodes: tuple[str, ...] | None = None
    storage_volumes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check_url("address", self.address)
        for node in self.nodes or ():
            self._check_url("nodes", node)
        if not 0 <= self.lease_cap <= 10_000:
            raise ValueError(f"lease_cap: {self.lease_cap} is not between 0 and 10000")
        for prefix in self.lease_prefixes or ():
            if not prefix.endswith("/") or prefix.startswith("/"):
                raise ValueError(
                    f"lease_prefixes: {prefix!r} is not a prefix of leases; it begins without a slash and ends with"
                    ' one, as in "database/"'
                )
        self._check_login()

    def _check_login(self) -> None:
        if self.auth == "token":
            for field in _FOR_LOGIN:
                if getattr(self, field) is not None:
                    raise ValueError(f'{field}: goes with auth = "kubernetes", "approle" or "jwt"')
            if self.token_env and self.token_file:
                raise ValueError("token_file: token_env is there already; one of them")
            return
        if self.token_env or self.token_file:
            raise ValueError(f'{"token_env" if self.token_env else "token_file"}: goes with auth = "token"')
        if self.auth == "approle" and not (self.role_id and (self.secret_id_env or self.secret_id_file)):
            raise ValueError('auth: "approle" needs role_id, and secret_id_env or secret_id_file')
        if self.auth != "approle" and not self.role:
            raise ValueError(f'auth: "{self.auth}" needs role')
        if self.auth == "jwt" and not (self.jwt_env or self.jwt_file):
            raise ValueError('auth: "jwt" needs jwt_env or jwt_file')

    def _check_url(self, field: str, url: str) -> None:
        check_endpoint(
            field, url, allow_plaintext=self.allow_plaintext, example="https://vault.acme.example:8200", path=False
        )

    def trusts(self, url: str) -> bool:
        """Whether a token may be sent to an address that the operator names: over TLS, on loopback, or where
        plaintext was asked for.
        """
        return keeps_secret(url, allow_plaintext=self.allow_plaintext)

    def follows(self, url: Any) -> bool:
        """Whether a token may be sent to an address that the server names: one of the operator's, or a host like them.

        To this machine only from this machine, in the clear only where the configured address is, and never to where a
        cloud tells who a machine is.
        """
        parts, own = parted(url) if isinstance(url, str) else None, parted(self.address)
        if parts is None or own is None or parts.path.strip("/") or parts.query or parts.fragment:
            return False
        if any(
            host_of(url) == host_of(named) and parts.scheme == urlsplit(named).scheme
            for named in (self.address, *(self.nodes or ()))
        ):
            return True
        host = parts.hostname or ""
        if not _is_a_server(host) or (is_loopback(host) and not is_loopback(own.hostname or "")):
            return False
        return parts.scheme == "https" or (own.scheme == "http" and self.trusts(url))

    @property
    def host(self) -> str:
        """`HOST:PORT`, with the port also where the address leaves it to its scheme."""
        return host_of(self.address)

    @property
    def place(self) -> str:
        """What makes two blocks the same: server and namespace."""
        return "/".join(filter(None, (self.host, self.namespace.strip("/"))))


def _is_a_server(host: str) -> bool:
    """Whether a host can be a server of a cluster: no link-local, unspecified or multicast address, none in an odd
    form, no metadata service.
    """
    name = host.rstrip(".").lower()
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name.isascii() and name not in _METADATA and not _OURSELVES.fullmatch(name)
    if address.is_loopback:
        return True
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    if (
        inner is not None
        or address.is_link_local
        or address.is_unspecified
        or address.is_multicast
        or address.is_reserved
    ):
        return False
    return address.compressed not in _METADATA


def host_of(url: str) -> str:
    """`HOST:PORT` of an address."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"


def ambient() -> tuple[VaultSettings, ...]:
    """The Vault that VAULT_ADDR names; none where that is not an address one may send a token to."""
    address = os.environ.get("VAULT_ADDR") or os.environ.get("BAO_ADDR")
    try:
        return (VaultSettings(address, os.environ.get("VAULT_NAMESPACE", "")),) if address else ()
    except ValueError:
        return ()


def named_twice(blocks: Blocks) -> str | None:
    """What is wrong across blocks: a server and namespace that two of them name; None for nothing."""
    places = [block.settings.place for block in blocks]
    for place in places:
        if places.count(place) > 1:
            return f"tenant.vault: {place} is there twice; tenants share a server by a namespace each"
    return None


def listeners(blocks: Blocks) -> Iterator[Listener]:
    """Vault's own TLS listener, once for all that name it."""
    for tenant, settings, _ in blocks:
        address = urlsplit(settings.address)
        if address.scheme == "https" and address.hostname:
            yield Listener(tenant, address.hostname.lower(), address.port or 443, settings.ca_file, "vault")
