"""Vault and OpenBao: seal, keys, mounts, second factors and the life of every lease, by reads only."""
