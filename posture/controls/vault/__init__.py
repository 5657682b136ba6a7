"""Controls on Vault."""
