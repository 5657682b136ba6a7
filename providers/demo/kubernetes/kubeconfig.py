"""A kubeconfig that leads to simulated clusters."""

import base64
import json
from collections.abc import Mapping
from typing import Any


def kubeconfig(
    servers: Mapping[str, str],
    *,
    user: Mapping[str, Any] | None = None,
    ca: bytes | None = None,
    current: str | None = None,
    cluster: Mapping[str, Any] | None = None,
    called: Mapping[str, str] | None = None,
) -> str:
    """The file, in JSON, which is YAML: context name -> URL of its API server. `user` is what each signs in with, `ca`
    whom they trust (PEM), `cluster` further fields of each cluster, `called` what a context's cluster is called where
    that is another name.
    """
    names = {name: (called or {}).get(name, name) for name in servers}
    trust = {"certificate-authority-data": base64.b64encode(ca).decode()} if ca else {}
    clusters = [
        {"name": names[name], "cluster": {"server": url, **trust, **(cluster or {})}} for name, url in servers.items()
    ]
    contexts = [{"name": name, "context": {"cluster": names[name], "user": f"{names[name]}-user"}} for name in servers]
    users = [{"name": f"{names[name]}-user", "user": dict(user or {})} for name in servers]
    head = {"apiVersion": "v1", "kind": "Config", "preferences": {}}
    current = next(iter(servers), "") if current is None else current
    held = {**head, "clusters": clusters, "contexts": contexts, "users": users, "current-context": current}
    return json.dumps(held, indent=2) + "\n"
