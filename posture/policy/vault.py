"""What a tenant's Vault is meant to be: `[tenant.policy.vault]`."""

from collections.abc import Mapping
from typing import Annotated

import msgspec

Days = Annotated[int, msgspec.Meta(ge=1)]


class VaultPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The defaults are what the vendors' documentation recommends.

    `seal` is the seal's type that is asked for (`awskms`, `shamir`; empty: any). `mounts` are paths that must be there,
    each with its engine's type (`kv-2` and `kv-1` tell the versions of kv apart). `transit_types` are the key types
    that are allowed. `barrier_days` and `transit_days` bound a key's age; `max_lease_days` a mount's longest lease.
    `most_leases` is the number that is too many where no quota says so. `sso_only` asks that nobody has a password in
    Vault.
    """

    seal: str = ""
    mounts: Mapping[str, str] = {}
    transit_types: tuple[str, ...] = (
        "aes256-gcm96",
        "chacha20-poly1305",
        "xchacha20-poly1305",
        "ed25519",
        "ecdsa-p256",
        "ecdsa-p384",
        "ecdsa-p521",
        "rsa-3072",
        "rsa-4096",
        "hmac",
        "managed_key",
        "ml-dsa",
        "hybrid",
        "aes256-cmac",
    )
    barrier_days: Days = 365
    barrier_timed: bool = False
    transit_days: Days = 90
    max_lease_days: Days = 32
    most_leases: Annotated[int, msgspec.Meta(ge=1)] = 256_000
    sso_only: bool = False

    def __post_init__(self) -> None:
        for path in self.mounts:
            if not path.endswith("/"):
                raise ValueError(f'mounts: {path!r} is not a mount\'s path; it ends in a slash, as in "secret/"')
