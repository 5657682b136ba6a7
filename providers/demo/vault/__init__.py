"""The simulated side of Vault, on a real OpenBao."""
