"""The subscriptions of the simulated Azure, and how the collector gets in."""

SUBSCRIPTION = "0a5e1b2c-3d4f-4a6b-8c7d-9e0f1a2b3c4d"
SECOND = "7c8d9e0f-1a2b-4c3d-8e5f-6a7b8c9d0e1f"
ENTRA = "b7a1c9d3-5e2f-4c68-9a0b-1d2e3f4a5b6c"
"""The Entra tenant."""
TOKEN = "simulated-azure-token"
TOKEN_ENV = "ENCTOP_SIMULATED_AZURE_TOKEN"
ENVIRONMENT = {TOKEN_ENV: TOKEN}
"""What the collector's environment must hold, so that the simulated Azure lets it in."""


def configuration(url: str) -> str:
    """The collector's configuration of the tenant globex for a server at `url`, as TOML."""
    return f"""
[[tenant]]
name = "globex"

  [[tenant.azure]]
  subscription = ["{SUBSCRIPTION}", "{SECOND}"]
  endpoint = "{url}"
  graph_endpoint = "{url}"
  token_env = "{TOKEN_ENV}"
  who = true
"""
