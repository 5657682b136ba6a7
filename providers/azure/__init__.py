"""Azure: subscriptions through Resource Manager and Resource Graph, and what Entra says of second factors."""

from operator import attrgetter

from providers.azure.settings import AzureSettings, ambient, shared_badly
from providers.system import Identity, System

SYSTEM = System(
    name="azure",
    settings=AzureSettings,
    open="providers.azure.discovery:open_azure",
    policy="providers.azure.calls:printed",
    opt_ins=("blob_sample", "who"),
    instead="token_env or the environment",
    ambient=ambient,
    environment=(
        *("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_USERNAME", "AZURE_AUTHORITY_HOST", "AZURE_CONFIG_DIR"),
        *("AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT"),
    ),
    check=shared_badly,
    shared_by=attrgetter("together"),
    identities=(Identity("AZURE_CONFIG_DIR", "~/.azure", "azureProfile.json"),),
)
