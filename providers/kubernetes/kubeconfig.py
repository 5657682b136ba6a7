"""Reads kubeconfig files as kubectl does: several merged, the first definition of a name wins, relative paths beside
the file that names them (k8s.io/client-go `tools/clientcmd`).

It is more lenient in one thing: a number or a date without quotes is text.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from posture.text import nearest
from providers.refusals import told

MOST_BYTES = 8 << 20
"""Of one file; 200 clusters take 363 KB."""
MOST_COMPARED = 500
"""Names that one which is not there is compared with."""
V1, V1BETA1 = "client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"
SUCCESSORS = {"gcp": "gke-gcloud-auth-plugin", "azure": "kubelogin", "oidc": "kubectl oidc-login"}
"""Removed `auth-provider` -> the exec plugin that took its place."""


class KubeconfigError(ValueError):
    """What is wrong with a kubeconfig, in one line that holds none of its secrets."""


class Variable(msgspec.Struct, frozen=True):
    """One variable of a plugin's environment."""

    name: str = ""
    value: str = ""


class Exec(msgspec.Struct, frozen=True, rename="camel"):
    """A credential plugin, as it stands in `users[].user.exec`."""

    command: str = ""
    api_version: str = ""
    args: tuple[str, ...] | None = None
    env: tuple[Variable, ...] | None = None
    install_hint: str | None = None
    provide_cluster_info: bool | None = None
    interactive_mode: str | None = None


class AuthProvider(msgspec.Struct, frozen=True):
    """What plugins took the place of."""

    name: str = ""


class Cluster(msgspec.Struct, frozen=True, rename="kebab"):
    """`clusters[].cluster`: where the API server is, and what vouches for it. Data goes before the file."""

    server: str | None = None
    tls_server_name: str | None = None
    insecure_skip_tls_verify: bool | None = None
    certificate_authority: str | None = None
    certificate_authority_data: str | None = None
    proxy_url: str | None = None
    disable_compression: bool | None = None


class User(msgspec.Struct, frozen=True, rename="kebab"):
    """`users[].user`: who asks. Data goes before the file of a certificate or key, `tokenFile` before `token`."""

    client_certificate: str | None = None
    client_certificate_data: str | None = None
    client_key: str | None = None
    client_key_data: str | None = None
    token: str | None = None
    token_file: str | None = msgspec.field(name="tokenFile", default=None)
    impersonate: str | None = msgspec.field(name="as", default=None)
    as_uid: str | None = None
    as_groups: tuple[str, ...] | None = None
    as_user_extra: dict[str, tuple[str, ...]] | None = None
    username: str | None = None
    password: str | None = None
    exec: Exec | None = None
    auth_provider: AuthProvider | None = None


class Context(msgspec.Struct, frozen=True):
    """`contexts[].context`: a cluster and a user by their names; `namespace` is for commands."""

    cluster: str | None = None
    user: str | None = None
    namespace: str | None = None


class Access(msgspec.Struct, frozen=True):
    """A context with its cluster and user, whose paths are absolute. `extensions` are what plugins are told of the
    cluster.
    """

    context: str
    cluster_name: str
    user_name: str
    cluster: Cluster
    user: User
    extensions: Any = None


class Entry(msgspec.Struct, frozen=True):
    """What stands under a name, not read yet, and the file in which it stands."""

    value: Any
    file: str


class Kubeconfig(msgspec.Struct, frozen=True):
    """The merged files."""

    files: tuple[str, ...]
    clusters: Mapping[str, Entry]
    users: Mapping[str, Entry]
    contexts: Mapping[str, Entry]
    current: str

    def access(self, context: str | None = None) -> Access:
        """A context by its name, the current one for None. Raises `KubeconfigError`."""
        name = self.current if context is None else context
        where = ", ".join(self.files)
        if not name:
            raise KubeconfigError(f"{where}: no current-context; name one of {_listed(self.contexts)}")
        if name not in self.contexts:
            near = nearest(name, islice(self.contexts, MOST_COMPARED))
            raise KubeconfigError(f"{where}: no context {name!r}{near}; there are {_listed(self.contexts)}")
        found = _read(self.contexts[name], Context, f"context {name!r}")
        if found.cluster not in self.clusters:
            raise KubeconfigError(f"{where}: context {name!r} names no cluster that is there: {found.cluster!r}")
        if found.user and found.user not in self.users:
            raise KubeconfigError(f"{where}: context {name!r} names no user that is there: {found.user!r}")
        entry = self.clusters[found.cluster]
        cluster = _beside(_read(entry, Cluster, f"cluster {found.cluster!r}"), entry.file, "certificate_authority")
        return Access(name, found.cluster, found.user or "", cluster, self._user(found.user), _told_plugins(entry))

    def _user(self, name: str | None) -> User:
        if not name:
            return User()
        entry = self.users[name]
        user: User = _beside(
            _read(entry, User, f"user {name!r}"), entry.file, "client_certificate", "client_key", "token_file"
        )
        if user.exec is not None and os.sep in user.exec.command:
            user = msgspec.structs.replace(user, exec=_beside(user.exec, entry.file, "command"))
        return user


def paths(kubeconfig: str | None, environ: Mapping[str, str] = os.environ) -> list[Path]:
    """The files to read: the one that is named, else those of KUBECONFIG, else ~/.kube/config."""
    if kubeconfig is not None:
        return [Path(kubeconfig)]
    named = [part for part in environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return [Path(part) for part in dict.fromkeys(named)] or [Path("~/.kube/config").expanduser()]


def load(files: Sequence[Path], *, named: bool = False) -> Kubeconfig:
    """Read and merge these files. One that is not there is passed over, but for one that is `named` alone. Raises
    `KubeconfigError`.
    """
    read = [(file, data) for file in files if (data := _document(file)) is not None]
    if not read:
        tried = ", ".join(map(str, files))
        raise KubeconfigError(f"{tried}: no such file" if named else f"no kubeconfig: there is no {tried}")
    merged: dict[str, dict[str, Entry]] = {"clusters": {}, "users": {}, "contexts": {}}
    current = ""
    for file, data in read:
        for kind, entries in merged.items():
            for name, entry in _named(data, kind, str(file.absolute())):
                entries.setdefault(name, entry)
        said = data.get("current-context")
        current = current or (said if isinstance(said, str) else "")
    return Kubeconfig(
        tuple(str(file) for file, _ in read), merged["clusters"], merged["users"], merged["contexts"], current
    )


def _document(file: Path) -> dict[str, Any] | None:
    """The first document of a file; None where there is no such file."""
    import yaml

    try:
        with file.open("rb") as opened:
            text = opened.read(MOST_BYTES + 1)
        if len(text) > MOST_BYTES:
            raise KubeconfigError(f"{file}: longer than {MOST_BYTES >> 20} MB")
        data = _first(text)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KubeconfigError(f"{file}: cannot be read: {error.strerror or type(error).__name__}") from None
    except yaml.YAMLError as error:  # its own words would quote a line, which may be a secret
        mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f"{file}:{mark.line + 1}" if mark is not None else str(file)
        raise KubeconfigError(f"{where}: not YAML: {told(problem or type(error).__name__)}") from None
    except (ValueError, RecursionError, TypeError, AttributeError) as error:  # !!timestamp x, a key that is a list
        if isinstance(error, KubeconfigError):
            raise
        raise KubeconfigError(f"{file}: not YAML: {type(error).__name__}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise KubeconfigError(f"{file}: not a kubeconfig: no mapping")
    if data.get("kind") not in (None, "", "Config") or data.get("apiVersion") not in (None, "", "v1"):
        raise KubeconfigError(f"{file}: not a kubeconfig: its kind is not Config of v1")
    return data


def _first(text: bytes) -> Any:
    loader = _loader()(text)
    try:
        return loader.get_data() if loader.check_data() else None
    finally:
        loader.dispose()


@cache
def _loader() -> Any:
    """PyYAML's own in C, ten times as fast, where it was built; plain words are text but for those of truth and
    nothing, as 12:34 is for Go and not for YAML 1.1.
    """
    import yaml

    base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    kept = {f"tag:yaml.org,2002:{name}" for name in ("bool", "null", "merge")}
    resolvers = {
        first: [(tag, pattern) for tag, pattern in pairs if tag in kept]
        for first, pairs in base.yaml_implicit_resolvers.items()
    }
    return type("Loader", (base,), {"yaml_implicit_resolvers": resolvers})


def _named(data: Mapping[str, Any], kind: str, file: str) -> Iterable[tuple[str, Entry]]:
    """Name and entry of everything in one of the three lists. Raises `KubeconfigError`."""
    listed = data.get(kind)
    if listed is None:
        return
    if not isinstance(listed, list):
        raise KubeconfigError(f"{file}: {kind}: not a list")
    seen: set[str] = set()
    for index, item in enumerate(listed):
        if not isinstance(item, dict):
            raise KubeconfigError(f"{file}: {kind}[{index}]: not a mapping")
        name = item.get("name")
        if isinstance(name, bool):
            raise KubeconfigError(f"{file}: {kind}[{index}].name: a name like yes or true needs quotes")
        if name is None or not isinstance(name, str):
            continue
        if name in seen:
            raise KubeconfigError(f"{file}: {kind}: the name {name!r} is there twice")
        seen.add(name)
        yield name, Entry(item.get(kind.removesuffix("s")), file)


def _read(entry: Entry, shape: Any, what: str) -> Any:
    try:
        return msgspec.convert(entry.value if entry.value is not None else {}, shape)
    except msgspec.ValidationError as error:  # names types and places, never a value
        raise KubeconfigError(f"{entry.file}: {what}: {told(error)}") from None


def _beside(value: Any, file: str, *fields: str) -> Any:
    """With these paths made absolute."""
    folder = Path(file).parent
    return msgspec.structs.replace(
        value, **{name: str(folder / path) for name in fields if (path := getattr(value, name))}
    )


def _told_plugins(entry: Entry) -> Any:
    """The configuration that `client.authentication.k8s.io/exec` has among the cluster's extensions; None for none."""
    extensions = entry.value.get("extensions") if isinstance(entry.value, dict) else None
    for each in extensions if isinstance(extensions, list) else ():
        if isinstance(each, dict) and each.get("name") == "client.authentication.k8s.io/exec":
            return each.get("extension")
    return None


def _listed(names: Iterable[str]) -> str:
    return told(", ".join(sorted(names)) or "none")
