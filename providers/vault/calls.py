"""Every Vault path enctop may ask for, and the capabilities it takes. A call that is not declared here cannot be made.

Paths and capabilities: API documentation of Vault and OpenBao, each tried on OpenBao 2.7.2.
"""

import re
from typing import Literal

import msgspec

Method = Literal["GET", "LIST", "POST"]
Per = Literal["open", "cluster", "namespace", "mount", "own"]
_BARE = frozenset({"sys/seal-backend-status", "sys/ha-status", "sys/key-status", "auth/token/renew-self"})
"""Paths whose answer is documented without `data` around it; a renewal's stands in `auth`."""
_PLAIN = re.compile(r"[\w.,:;=@~-]+")


class Call(msgspec.Struct, frozen=True):
    """One declared request. `path` is a template: `{mount}` is a mount's path with its slash, other blanks are names in
    it.

    `per` says of what there is one: `open` needs no token, `cluster` asks the root namespace, `namespace` each
    namespace, `mount` each mount of type `engine`, `own` the token itself. `globs` are the paths a policy grants for
    it, where they are not simply `path`.
    """

    method: Method
    path: str
    capabilities: tuple[str, ...]
    per: Per
    engine: str = ""
    globs: tuple[str, ...] = ()
    setting: str = ""

    @property
    def wrapped(self) -> bool:
        """Whether what it answers stands in `data`: all but what `_BARE` names, and what needs no token."""
        return self.per != "open" and self.path not in _BARE

    @property
    def operation(self) -> str:
        """As errors and evidence name it: `GET sys/audit`, `LIST transit/keys`."""
        return f"{self.method} {self.path.replace('{mount}', f'{self.engine}/').replace('{', '<').replace('}', '>')}"

    @property
    def sudo(self) -> bool:
        """Whether it takes the capability that most operators are slow to give."""
        return "sudo" in self.capabilities

    def at(self, **blanks: str) -> str:
        """The path, filled in."""
        return self.path.format(**blanks)

    def line(self, path: str) -> str:
        """The line of a policy that allows it there; with blanks for names that a policy cannot hold."""
        path = path if plain(path) else self.path
        return (
            f'path "{path}" {{ capabilities ='
            f" [{', '.join(f'{chr(34)}{word}{chr(34)}' for word in self.capabilities)}] }}"
        )


def plain(path: str) -> bool:
    """Whether a path means nothing but itself between the quotes of a policy: no quote, backslash, brace, `+`, `*`,
    `$`, blank, comment mark or control character (a server takes them all in a mount's path), and no empty or dotted
    step.
    """
    return all(_PLAIN.fullmatch(step) and step.strip(".") for step in path.removesuffix("/").split("/"))


CALLS: dict[str, Call] = {}


def _call(
    method: Method,
    path: str,
    capabilities: str,
    per: Per,
    engine: str = "",
    globs: tuple[str, ...] = (),
    setting: str = "",
) -> Call:
    call = Call(method, path, tuple(capabilities.split()), per, engine, globs, setting)
    CALLS[call.operation] = call
    return call


SEAL_STATUS = _call("GET", "sys/seal-status", "", "open")
HEALTH = _call("GET", "sys/health", "", "open")
LEADER = _call("GET", "sys/leader", "", "open")
# by hvac's own methods, with auth = "kubernetes", "approle" or "jwt"
LOGIN = _call("POST", "auth/{mount}login", "", "open", "*")

LOOKUP_SELF = _call("GET", "auth/token/lookup-self", "read", "own")
RENEW_SELF = _call("POST", "auth/token/renew-self", "update", "own", setting="renew_token")

# open in Vault; OpenBao answers 403 without a token, 404 with one
SEAL_BACKENDS = _call("GET", "sys/seal-backend-status", "read", "cluster")
REPLICATION = _call("GET", "sys/replication/status", "read", "cluster")
HA_STATUS = _call("GET", "sys/ha-status", "read", "cluster")
KEY_STATUS = _call("GET", "sys/key-status", "read", "cluster")
ROTATE_CONFIG = _call("GET", "sys/rotate/config", "read", "cluster")
AUTOPILOT = _call("GET", "sys/storage/raft/autopilot/state", "read", "cluster")
SANITIZED = _call("GET", "sys/config/state/sanitized", "read", "cluster")
METRICS = _call("GET", "sys/metrics", "read", "cluster")
LICENSE = _call("GET", "sys/license/status", "read", "cluster")
AUDIT = _call("GET", "sys/audit", "read sudo", "cluster")
LEASES_COUNT = _call("GET", "sys/leases/count", "read", "cluster")
IRREVOCABLE = _call("GET", "sys/leases", "read sudo", "cluster")
LEASE_QUOTAS = _call("LIST", "sys/quotas/lease-count", "list", "cluster")
LEASE_QUOTA = _call("GET", "sys/quotas/lease-count/{name}", "read", "cluster", globs=("sys/quotas/lease-count/+",))

NAMESPACES = _call("LIST", "sys/namespaces", "list", "namespace", globs=("sys/namespaces", "sys/namespaces/"))
MOUNTS = _call("GET", "sys/mounts", "read", "namespace")
AUTH = _call("GET", "sys/auth", "read", "namespace")
MFA_METHODS = _call("LIST", "identity/mfa/method", "list", "namespace")
MFA_ENFORCEMENTS = _call("LIST", "identity/mfa/login-enforcement", "list", "namespace")
LEASE_TREE = _call(
    "LIST", "sys/leases/lookup/{prefix}", "list sudo", "namespace", globs=("sys/leases/lookup/", "sys/leases/lookup/*")
)
LEASE = _call("POST", "sys/leases/lookup", "create update", "namespace")
ACCESSORS = _call(
    "LIST", "auth/token/accessors", "list sudo", "namespace", globs=("auth/token/accessors", "auth/token/accessors/")
)
ACCESSOR = _call("POST", "auth/token/lookup-accessor", "create update", "namespace")

TUNE = _call("GET", "sys/mounts/{mount}tune", "read", "mount", "*")
USERS = _call("LIST", "auth/{mount}users", "list", "mount", "userpass", ("auth/{mount}users", "auth/{mount}users/"))
USER = _call("GET", "auth/{mount}users/{name}", "read", "mount", "userpass", ("auth/{mount}users/+",))
TRANSIT_KEYS = _call("LIST", "{mount}keys", "list", "mount", "transit", ("{mount}keys", "{mount}keys/"))
TRANSIT_KEY = _call("GET", "{mount}keys/{name}", "read", "mount", "transit", ("{mount}keys/+",))
PKI_ISSUERS = _call("LIST", "{mount}issuers", "list", "mount", "pki", ("{mount}issuers", "{mount}issuers/"))
PKI_ISSUER = _call("GET", "{mount}issuer/{name}", "read", "mount", "pki", ("{mount}issuer/+",))
PKI_CERTS = _call("LIST", "{mount}certs", "list", "mount", "pki", ("{mount}certs", "{mount}certs/"))
PKI_CERT = _call("GET", "{mount}cert/{name}", "read", "mount", "pki", ("{mount}cert/+",))
