"""The views: each a question with columns. One is imported when it is first looked at."""

from importlib import import_module
from typing import Any

_CLASSES = {
    "volumes": "VolumesView",
    "snapshots": "SnapshotsView",
    "buckets": "BucketsView",
    "keys": "KeysView",
    "vault": "VaultView",
    "leases": "LeasesView",
    "findings": "FindingsView",
    "sources": "SourcesView",
    "endpoints": "EndpointsView",
    "certificates": "CertificatesView",
    "expiring": "ExpiringView",
    "others": "OthersView",
}


def view_class(name: str) -> Any:
    """The class of the view of this name."""
    return getattr(import_module(f"tui.views.{name}"), _CLASSES[name])
