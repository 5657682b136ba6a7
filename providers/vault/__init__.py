"""Vault and OpenBao: seal, keys, mounts, second factors and the life of every lease, by reads only."""

from providers.system import System
from providers.vault.settings import VaultSettings, ambient, listeners, named_twice

SYSTEM = System(
    name="vault",
    settings=VaultSettings,
    open="providers.vault.discovery:open_vault",
    policy="providers.vault.policy:printed",
    policy_by_blocks=True,
    opt_ins=("renew_token",),
    opt_outs=("sudo",),
    instead="token_env, token_file, secret_id_env, secret_id_file, jwt_env or jwt_file",
    ambient=ambient,
    environment=("VAULT_ADDR", "BAO_ADDR", "VAULT_NAMESPACE"),
    check=named_twice,
    listeners=listeners,
)
