"""Google Cloud: one project at a time, over REST with google-auth's credentials."""

from operator import attrgetter

from providers.gcp.settings import GcpSettings, ambient, shared_badly
from providers.system import Identity, System

SYSTEM = System(
    name="gcp",
    settings=GcpSettings,
    open="providers.gcp.discovery:open_gcp",
    policy="providers.gcp.calls:printed",
    opt_ins=("object_pages", "workspace", "who"),
    instead="credentials, the path of a file, or the environment",
    ambient=ambient,
    environment=(
        *("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"),
        *("CLOUDSDK_CONFIG", "CLOUDSDK_ACTIVE_CONFIG_NAME", "CLOUDSDK_CORE_ACCOUNT"),
    ),
    identities=(
        Identity("GOOGLE_APPLICATION_CREDENTIALS", "", ""),
        Identity("CLOUDSDK_CONFIG", "~/.config/gcloud", "application_default_credentials.json"),
        Identity("CLOUDSDK_CONFIG", "~/.config/gcloud", "active_config"),
    ),
    files=lambda settings: (settings.credentials,),
    check=shared_badly,
    shared_by=attrgetter("connection"),
)
