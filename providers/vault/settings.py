"""`[[tenant.vault]]`: which server, by whose hand, and whose leases are listed one by one."""

from typing import Literal
from urllib.parse import urlsplit

import msgspec

from providers.endpoint import check_endpoint, keeps_secret

_FOR_LOGIN = ("role", "mount", "role_id", "secret_id_env", "secret_id_file", "jwt_env", "jwt_file")
KUBERNETES_JWT = "/var/run/secrets/kubernetes.io/serviceaccount/token"


class VaultSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way into a Vault or OpenBao (INTERFACE section 2). No secret ever stands here: a variable or a file names it.

    `auth` other than `token` logs in, and again when its token has ended: `role` and `mount` (the method's path) for each, `role_id` and a secret id for
    approle, a JWT for jwt and kubernetes (default: the pod's own). `renew_token` keeps a renewable token alive, the only thing enctop ever writes.
    `lease_prefixes` are walked and their leases looked up, at most `lease_cap` a poll; without it all leases are, where there are no more than `lease_cap`;
    an empty list means none. `nodes` are addresses of the servers behind the address, where `sys/ha-status` should not be believed.
    `storage_volumes` are ids of the volumes that hold Vault's storage, as another room of enctop names them.
    """

    address: str
    namespace: str = ""
    auth: Literal["token", "kubernetes", "approle", "jwt"] = "token"
    token_env: str | None = None
    token_file: str | None = None
    role: str | None = None
    mount: str | None = None
    role_id: str | None = None
    secret_id_env: str | None = None
    secret_id_file: str | None = None
    jwt_env: str | None = None
    jwt_file: str | None = None
    ca_file: str | None = None
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
                raise ValueError(f'lease_prefixes: {prefix!r} is no prefix of leases; it begins without a slash and ends with one, as in "database/"')
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
        check_endpoint(field, url, allow_plaintext=self.allow_plaintext, example="https://vault.acme.example:8200", path=False)

    def trusts(self, url: str) -> bool:
        """Whether a token may be sent there: over TLS, on loopback, or where plaintext was asked for."""
        return keeps_secret(url, allow_plaintext=self.allow_plaintext)

    @property
    def host(self) -> str:
        """`HOST:PORT`, with the port also where the address leaves it to its scheme."""
        return host_of(self.address)

    @property
    def place(self) -> str:
        """What makes two blocks the same: server and namespace."""
        return "/".join(filter(None, (self.host, self.namespace.strip("/"))))


def host_of(url: str) -> str:
    """`HOST:PORT` of an address."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{host}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
