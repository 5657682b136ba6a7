"""The simulated side of TLS endpoints."""
