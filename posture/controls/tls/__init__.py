"""Controls on TLS endpoints."""
