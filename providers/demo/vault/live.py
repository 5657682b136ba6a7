"""acme's Vault: a real OpenBao with engines, keys, logins and leases as a company has them, some of it not as
promised.
"""

import contextlib
import json
import random
import threading
import time
from typing import Any

import msgspec

from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao, BaoError

TOKEN_ENV = "ACME_VAULT_TOKEN"
APPS = ("orders", "billing", "search", "mailer", "reports", "checkout", "inventory", "ledger")
# path, type, options, default and max TTL in seconds
ENGINES: tuple[tuple[str, str, dict[str, str], tuple[int, int] | None], ...] = (
    ("transit", "transit", {}, None),
    ("pki", "pki", {}, (3600, 315_360_000)),
    ("ssh", "ssh", {}, None),
    ("secret", "kv", {"version": "2"}, None),
    ("legacy", "kv", {"version": "1"}, None),
    ("rabbitmq", "rabbitmq", {}, (300, 3600)),
    ("rabbitmq-batch", "rabbitmq", {}, (28_800, 86_400)),
)
CERTIFICATES = (
    ("api.acme.example", "2160h"),
    ("mail.acme.example", "4320h"),
    ("vpn.acme.example", "8760h"),
    ("ci.acme.example", "48h"),
)
ACL = """path "rabbitmq/creds/*" { capabilities = ["read"] }
path "rabbitmq-batch/creds/*" { capabilities = ["read"] }
"""
DAY = 86400.0
LONGEST = 300
"""Seconds after which an application's credential ends though it is renewed: from five minutes on there are some 75."""


class Vault(msgspec.Struct):
    """The server, what stands behind its engine, and the token that enctop reads with."""

    bao: Bao
    rabbit: Rabbit
    token: str
    chance: random.Random

    def stop(self) -> None:
        """End both."""
        self.bao.stop()
        self.rabbit.stop()


def start() -> Vault:
    """Start and fill it, in about a second. enctop's token carries the printed policy, and nothing else."""
    bao, rabbit = Bao(config=_SECOND_AUDIT), Rabbit()
    vault = Vault(bao, rabbit, "", random.Random(20261123))
    _engines(vault)
    _keys(bao)
    _logins(bao)
    _leases(vault)
    bao.call("PUT", "sys/policies/acl/enctop", {"policy": _policy(bao)})
    made = bao.call(
        "POST",
        "auth/token/create-orphan",
        {"policies": ["enctop"], "no_default_policy": True, "period": "24h", "display_name": "enctop"},
    )
    vault.token = made["auth"]["client_token"]
    return vault


def configuration(url: str) -> str:
    """The collector's configuration for a server at `url`, as TOML, to stand in a tenant."""
    return f"""
  [[tenant.vault]]
  address = "{url}"
  token_env = "{TOKEN_ENV}"
"""


def _policy(bao: Bao) -> str:
    from providers.vault.policy import policy
    from providers.vault.source import Mount

    mounts = []
    for namespace in ("", "data"):
        for prefix, path in (("", "sys/mounts"), ("auth/", "sys/auth")):
            entries = bao.call("GET", path, namespace=namespace)
            mounts += [
                Mount(namespace, prefix + name, entry["type"], entry["accessor"]) for name, entry in entries.items()
            ]
    return policy(mounts, ("", "data"))


def _engines(vault: Vault) -> None:
    call = vault.bao.call
    for path, type_, options, ttls in ENGINES:
        config = {"default_lease_ttl": f"{ttls[0]}s", "max_lease_ttl": f"{ttls[1]}s"} if ttls else {}
        call("POST", f"sys/mounts/{path}", {"type": type_, "options": options, "config": config})
        if type_ == "rabbitmq":
            call(
                "POST",
                f"{path}/config/connection",
                {
                    "connection_uri": vault.rabbit.url,
                    "username": "vault",
                    "password": "simulated",
                    "verify_connection": False,
                },
            )
            call(
                "POST",
                f"{path}/config/lease",
                {"ttl": f"{ttls[0] if ttls else 0}s", "max_ttl": f"{ttls[1] if ttls else 0}s"},
            )
            for app in APPS:
                call(
                    "POST",
                    f"{path}/roles/{app}",
                    {"vhosts": json.dumps({"/": {"configure": ".*", "write": ".*", "read": ".*"}})},
                )
    call("POST", "ssh/roles/otp", {"key_type": "otp", "default_user": "ops", "cidr_list": "0.0.0.0/0"})
    call("POST", "secret/data/payments", {"data": {"api_key": "simulated"}})
    call("POST", "sys/namespaces/data", {})
    call("POST", "sys/mounts/transit", {"type": "transit"}, namespace="data")
    call("POST", "transit/keys/lake", {"auto_rotate_period": "720h"}, namespace="data")
    call(
        "POST", "pki/root/generate/internal", {"common_name": "acme root", "issuer_name": "acme-root", "ttl": "87600h"}
    )
    call("POST", "pki/roles/host", {"allow_any_name": True, "max_ttl": "9000h"})
    for name, ttl in CERTIFICATES:
        call("POST", "pki/issue/host", {"common_name": name, "ttl": ttl})


def _keys(bao: Bao) -> None:
    keys: dict[str, dict[str, Any]] = {
        "payments": {"auto_rotate_period": "720h"},
        "sessions": {"auto_rotate_period": "168h", "type": "chacha20-poly1305"},
        "customer-pii": {},
        "partner-export": {"exportable": True, "allow_plaintext_backup": True},
        "legacy-signing": {"type": "rsa-2048"},
    }
    for name, settings in keys.items():
        bao.call("POST", f"transit/keys/{name}", settings)
    bao.call("POST", "transit/keys/customer-pii/config", {"deletion_allowed": True})


def _logins(bao: Bao) -> None:
    """Two password logins, one of which wants a second factor; and a login for machines."""
    for path, type_ in (("userpass", "userpass"), ("breakglass", "userpass"), ("approle", "approle")):
        bao.call(
            "POST", f"sys/auth/{path}", {"type": type_, "config": {"default_lease_ttl": "1h", "max_lease_ttl": "24h"}}
        )
    for path, user in (("userpass", "m.lee"), ("userpass", "r.okafor"), ("breakglass", "oncall")):
        bao.call("POST", f"auth/{path}/users/{user}", {"password": "simulated-and-long"})
    method = bao.call("POST", "identity/mfa/method/totp", {"issuer": "acme", "period": 30})["method_id"]
    accessor = bao.call("GET", "sys/auth")["userpass/"]["accessor"]
    bao.call(
        "POST",
        "identity/mfa/login-enforcement/humans",
        {"mfa_method_ids": [method], "auth_method_accessors": [accessor]},
    )
    bao.call("POST", "auth/approle/role/ci", {"token_ttl": "20m", "token_max_ttl": "2h"})
    for mount in ("auth/token", "ssh"):
        bao.call(
            "POST",
            f"sys/mounts/{mount}/tune",
            {"default_lease_ttl": "4h" if mount != "ssh" else "768h", "max_lease_ttl": "768h"},
        )


def _leases(vault: Vault) -> None:
    """Of every state one can be in: young and old, renewed and forgotten, and one that cannot be revoked."""
    bao, chance = vault.bao, vault.chance
    bao.call("PUT", "sys/policies/acl/app", {"policy": ACL})
    for app in APPS:
        for engine in ("rabbitmq", "rabbitmq-batch"):
            bao.call("GET", f"{engine}/creds/{app}")
        bao.call(
            "POST", "auth/token/create", {"policies": ["app"], "ttl": f"{chance.randrange(1, 5)}h", "display_name": app}
        )
    for _ in range(3):
        bao.call("POST", "ssh/creds/otp", {"ip": "10.0.0.9"})
    batch = listed(bao, "rabbitmq-batch/creds/")
    now = time.time()
    for lease, (begun, ends, renewed, error) in zip(
        batch,
        (
            (7.2 * 3600, 0.8 * 3600, None, ""),  # nobody renews it
            (23 * 3600, 3600, 2 * 3600, ""),  # renewed up to its max TTL
            (20 * 3600, 4 * 3600, 3.8 * 3600, ""),
            (
                2 * DAY,
                -DAY,
                None,
                'out of retries: failed to revoke entry: error deleting user: 503 {"error":"service_unavailable"}',
            ),
        ),
        strict=False,
    ):
        _retell(bao, lease, now - begun, now + ends, None if renewed is None else now - renewed, error)
    bao.seal()
    bao.unseal()


def _retell(bao: Bao, lease: str, issued: float, ends: float, renewed: float | None, error: str) -> None:
    """Give a lease other times, in the server's own storage; it takes them in when it is unsealed."""
    path = f"sys/raw/sys/expire/id/{lease}"
    entry = json.loads(bao.call("GET", path)["value"])
    entry |= {"issue_time": _stamp(issued), "expire_time": _stamp(ends), "revokeErr": error}
    if renewed is not None:
        entry["last_renewal_time"] = _stamp(renewed)
    bao.call("PUT", path, {"value": json.dumps(entry)})


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def issue(vault: Vault, engine: str, app: str, ttl: float) -> None:
    """A credential for an application, for `ttl` seconds, and for `LONGEST` however often it is renewed."""
    vault.bao.call("POST", f"{engine}/config/lease", {"ttl": f"{ttl:.0f}s", "max_ttl": f"{LONGEST}s"})
    vault.bao.call("GET", f"{engine}/creds/{app}")


def lookup(bao: Bao, lease: str) -> Any:
    """One lease."""
    return bao.call("PUT", "sys/leases/lookup", {"lease_id": lease})


def listed(bao: Bao, prefix: str) -> list[str]:
    """Ids of the leases under a prefix."""
    try:
        keys = bao.call("LIST", f"sys/leases/lookup/{prefix}")["keys"]
    except BaoError:
        return []
    found: list[str] = []
    for key in keys:
        found += listed(bao, prefix + key) if key.endswith("/") else [prefix + key]
    return found


def live(vault: Vault, stopped: threading.Event) -> None:
    """Applications take credentials and renew them, or forget to; now and then the broker is down, and Vault is
    sealed for a moment.
    """
    chance, step = vault.chance, 0
    while not stopped.wait(2.0):
        step += 1
        # before anything that may be refused: an outage that never ends leaves fifteen leases a minute behind
        vault.rabbit.broken = step % 90 in range(40, 60)
        with contextlib.suppress(BaoError, OSError):
            if step % 2:
                issue(vault, "rabbitmq", chance.choice(APPS), chance.choice((20, 45, 90, 180)))
            for lease in chance.sample(young := listed(vault.bao, "rabbitmq/creds/"), len(young) // 4):
                with contextlib.suppress(BaoError):  # it has ended
                    vault.bao.call("PUT", "sys/leases/renew", {"lease_id": lease, "increment": 120})
            if step % 75 == 70:
                vault.bao.seal()
                stopped.wait(20.0)
                vault.bao.unseal()


_SECOND_AUDIT = """
audit "file" "second" {
  options = {
    file_path = "/dev/null"
  }
}
"""
