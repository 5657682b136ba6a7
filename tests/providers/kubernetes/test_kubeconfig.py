"""Our reader of kubeconfig files against the real kubectl: `kubectl config view --raw --minify -o json`."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.kubernetes import kubeconfig
from providers.kubernetes.kubeconfig import Access, KubeconfigError, load, paths

KUBECTL = Path(sys.executable).parent / "kubectl"
HEAD = "contexts: [{name: c, context: {cluster: k, user: u}}]\ncurrent-context: c\n"
CLUSTER = 'clusters: [{name: k, cluster: {server: "https://a"}}]\n'
USER = "users: [{name: u, user: {token: abc}}]\n"
CANARY = "canary-7f3a91"


def kubectl(folder: Path, files: str, context: str | None = None) -> dict[str, Any] | None:
    """What kubectl makes of these files of a folder; None where it refuses them."""
    command = [str(KUBECTL), "config", "view", "--raw", "--minify", "-o", "json"]
    environ = {"KUBECONFIG": files, "HOME": str(folder), "PATH": os.environ["PATH"]}
    more = ["--context", context] if context is not None else []
    done = subprocess.run([*command, *more], cwd=folder, env=environ, capture_output=True, text=True, check=False)
    found: dict[str, Any] | None = json.loads(done.stdout) if done.returncode == 0 else None
    return found


def ours(folder: Path, files: str, context: str | None = None) -> Access:
    """What we make of them."""
    named = paths(
        None, {"KUBECONFIG": os.pathsep.join(str(folder / each) if each else "" for each in files.split(":"))}
    )
    return load(named).access(context)


def comparable(access: Access, folder: Path) -> dict[str, Any]:
    """As kubectl writes it: absent for empty, paths as they stand in the file of the folder."""
    cluster, user = (_plain(msgspec.to_builtins(each)) for each in (access.cluster, access.user))
    return {"context": access.context, "cluster": cluster, "user": user}


def shown(said: Mapping[str, Any], where: Path) -> dict[str, Any]:
    """What kubectl printed, in the same form: its paths are relative to the file that names them."""
    cluster, user = dict(said["clusters"][0]["cluster"]), dict((said.get("users") or [{"user": {}}])[0]["user"])
    for table, names in (
        (cluster, ("certificate-authority",)),
        (user, ("client-certificate", "client-key", "tokenFile")),
    ):
        for name in names:
            if table.get(name):
                table[name] = str(where / table[name])
    exec_ = user.get("exec")
    if exec_ and exec_.get("apiVersion") == kubeconfig.V1BETA1 and exec_["interactiveMode"] == "IfAvailable":
        del exec_["interactiveMode"]  # its default
    if exec_ and "/" in exec_["command"]:
        exec_["command"] = str(where / exec_["command"])
    cluster.pop("extensions", None)
    return {"context": said["current-context"], "cluster": _plain(cluster), "user": _plain(user)}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: kept for key, each in value.items() if (kept := _plain(each)) not in (None, "", False, [], {})}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def user(text: str) -> str:
    """A file whose user is this."""
    return f"{HEAD}{CLUSTER}users: [{{name: u, user: {text}}}]\n"


def cluster(text: str) -> str:
    """A file whose cluster is this."""
    return f"{HEAD}{USER}clusters: [{{name: k, cluster: {text}}}]\n"


EXEC = "apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never"
ALIKE: dict[str, str] = {
    "a token": HEAD + CLUSTER + USER,
    "nobody": "contexts: [{name: c, context: {cluster: k}}]\ncurrent-context: c\n" + CLUSTER,
    "json": '{"contexts":[{"name":"c","context":{"cluster":"k"}}],"current-context":"c",'
    '"clusters":[{"name":"k","cluster":{"server":"https://a"}}]}',
    "two documents": f"{HEAD}{CLUSTER}{USER}---\ncurrent-context: other\n",
    "nulls": f"{HEAD}clusters: [{{name: k, cluster: {{server: a, proxy-url: null, certificate-authority: ~}}}}]\n"
    "users: [{name: u, user: }]\n",
    "unknown keys": f"{HEAD}zzz: [1]\n{USER}clusters: [{{name: k, zzz: 1, cluster: {{server: a, zzz: {{}}}}}}]\n",
    "other case": f"{HEAD}clusters: [{{name: k, cluster: {{Server: a}}}}]\nusers: [{{name: u, user: {{Token: a}}}}]\n",
    "a key twice": cluster("{server: a, server: b}"),
    "an anchor": f"x: &x {{server: a}}\n{HEAD}{USER}clusters: [{{name: k, cluster: {{<<: *x, tls-server-name: b}}}}]\n",
    "a token like a time": user("{token: 12:34:56}"),
    "a token like a day": user("{token: 2026-01-02}"),
    "a number that is text": user("{token: !!str 123}"),
    "a name without a user": f"{HEAD}{CLUSTER}users: [{{user: {{token: a}}}}, {{name: u, user: {{token: b}}}}]\n",
    "token and file": user("{token: a, tokenFile: f}"),
    "a file of tokens": user("{tokenFile: sub/token}"),
    "an absolute file": user("{tokenFile: /var/run/token}"),
    "certificates": user("{client-certificate: c.pem, client-key: ../k.pem}"),
    "certificates within": user("{client-certificate-data: YWJj, client-key-data: ZGVm}"),
    "an authority": cluster("{server: 'https://a', certificate-authority: ca.pem}"),
    "an authority within": cluster(
        "{server: 'https://a', certificate-authority-data: YWJj, certificate-authority: ca.pem}"
    ),
    "insecure": cluster("{server: 'https://a', insecure-skip-tls-verify: yes}"),
    "server name and proxy": cluster("{server: 'https://a', tls-server-name: b, proxy-url: 'socks5://c'}"),
    "not compressed": cluster("{server: 'https://a', disable-compression: true}"),
    "a plugin": user(f"{{exec: {{{EXEC}, command: aws, args: [eks, get-token], env: [{{name: A, value: b}}]}}}}"),
    "a plugin beside it": user(f"{{exec: {{{EXEC}, command: ./plug}}}}"),
    "a plugin in a folder": user(
        f"{{exec: {{{EXEC}, command: bin/plug, installHint: 'get it', provideClusterInfo: true}}}}"
    ),
    "a plugin before v1": user("{exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: plug}}"),
    "impersonation": user("{token: a, as: bob, as-uid: 'x', as-groups: [g, h], as-user-extra: {k: [v, w]}}"),
    "a password": user("{username: a, password: b}"),
    "an auth provider": user("{auth-provider: {name: gcp}}"),
    "an ARN": "contexts: [{name: 'arn:aws:eks:us-east-1:1:cluster/x', context: {cluster: k, user: u}}]\n"
    f"current-context: arn:aws:eks:us-east-1:1:cluster/x\n{CLUSTER}{USER}",
}
REFUSED: dict[str, tuple[str, str]] = {
    "a name twice": (
        f"{HEAD}{USER}clusters: [{{name: k, cluster: {{}}}}, {{name: k, cluster: {{}}}}]",
        "'k' is there twice",
    ),
    "no such cluster": (HEAD + USER, "context 'c' names no cluster that is there: 'k'"),
    "no such user": (HEAD + CLUSTER, "context 'c' names no user that is there: 'u'"),
    "no current context": (
        f"contexts: [{{name: c, context: {{cluster: k}}}}]\n{CLUSTER}",
        "no current-context; name one of c",
    ),
    "empty": ("", "no current-context; name one of none"),
    "a list": ("[]", "not a kubeconfig: no mapping"),
    "a pod": ("kind: Pod\napiVersion: v1\n", "not a kubeconfig: its kind is not Config of v1"),
    "truth for a name": ("contexts: [{name: yes, context: {}}]", "a name like yes or true needs quotes"),
    "text for truth": (cluster('{server: a, insecure-skip-tls-verify: "true"}'), "Expected `bool"),
    "a list for a token": (user(f"{{token: [{CANARY}]}}"), "Expected `str"),
    "not YAML": (f"a: b: {CANARY}\n", "not YAML"),
    "a tag": (f"a: !!python/object:os.system {CANARY}\n", "not YAML"),
    "a bad time": (f"a: !!timestamp {CANARY}\n", "not YAML"),
    "not text": (f"a: \x00{CANARY}\n", "not YAML"),
    "deep": ("[" * 5000, "not YAML"),
}


@pytest.mark.parametrize("name", ALIKE)
def test_a_kubeconfig_is_read_as_kubectl_reads_it(name: str, tmp_path: Path) -> None:
    (tmp_path / "config").write_text(ALIKE[name])
    said = kubectl(tmp_path, "config")
    assert said is not None
    assert comparable(ours(tmp_path, "config"), tmp_path) == shown(said, tmp_path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_kubectl_refuses_is_refused_in_a_line_without_a_secret(name: str, tmp_path: Path) -> None:
    text, says = REFUSED[name]
    (tmp_path / "config").write_text(text)
    with pytest.raises(KubeconfigError) as caught:
        ours(tmp_path, "config")
    line = str(caught.value)
    assert says in line
    assert CANARY not in line
    assert "\n" not in line
    assert kubectl(tmp_path, "config") is None


def test_of_several_files_the_first_definition_of_a_name_wins_as_a_whole(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    first = f'{HEAD}clusters: [{{name: k, cluster: {{server: "https://first"}}}}]\n{USER}'
    second = (
        'current-context: d\nclusters: [{name: k, cluster: {server: "https://second", proxy-url: "http://p"}},'
        ' {name: l, cluster: {server: "https://l", certificate-authority: ca.pem}}]\n'
        "contexts: [{name: c, context: {cluster: l}}, {name: d, context: {cluster: l, user: v}}]\n"
        f"users: [{{name: u, user: {{tokenFile: t}}}}, {{name: v, user: {{exec: {{{EXEC}, command: ./plug}}}}}}]\n"
    )
    (tmp_path / "config").write_text(first)
    (tmp_path / "sub" / "config").write_text(second)
    files = ":nowhere:config::sub/config:config"
    for context, where in ((None, tmp_path), ("d", tmp_path / "sub")):
        said = kubectl(tmp_path, files, context)
        assert said is not None
        said["current-context"] = context or said["current-context"]
        assert comparable(ours(tmp_path, files, context), tmp_path) == shown(said, where)


def test_where_no_file_is_there_a_line_says_which_were_looked_for(tmp_path: Path) -> None:
    with pytest.raises(KubeconfigError, match=r"no kubeconfig: there is no .*nowhere"):
        ours(tmp_path, "nowhere")
    with pytest.raises(KubeconfigError, match="nowhere: no such file"):
        load([tmp_path / "nowhere"], named=True)
    (tmp_path / "folder").mkdir()
    with pytest.raises(KubeconfigError, match="folder: cannot be read: Is a directory"):
        ours(tmp_path, "folder")


def test_a_context_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(HEAD.replace("name: c,", "name: acme-prod,") + CLUSTER + USER)
    with pytest.raises(KubeconfigError, match="no context 'acme-prd', did you mean acme-prod"):
        ours(tmp_path, "config", "acme-prd")


def test_a_number_without_quotes_is_text_where_kubectl_gives_up(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        f"contexts: [{{name: 1.30, context: {{cluster: k, user: u}}}}]\ncurrent-context: 1.30\n{CLUSTER}{USER}"
    )
    assert ours(tmp_path, "config").context == "1.30"


def test_without_the_loader_in_c_the_same_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import yaml

    (tmp_path / "config").write_text(ALIKE["a plugin"])
    expected = ours(tmp_path, "config")
    kubeconfig._loader.cache_clear()
    monkeypatch.delattr(yaml, "CSafeLoader")
    try:
        assert ours(tmp_path, "config") == expected
        (tmp_path / "config").write_text(f"a: b: {CANARY}\n")  # its own words quote the line
        with pytest.raises(KubeconfigError) as caught:
            ours(tmp_path, "config")
        assert CANARY not in str(caught.value)
    finally:
        kubeconfig._loader.cache_clear()


WORDS = st.text("abcXYZ019-_./:@ ", min_size=1, max_size=12)
FIELD = st.one_of(st.none(), WORDS)


def _some(**fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


CLUSTERS = _some(
    server=WORDS,
    **{"tls-server-name": FIELD, "certificate-authority": FIELD, "insecure-skip-tls-verify": st.booleans()},
    **{
        "proxy-url": FIELD,
        "disable-compression": st.booleans(),
        "certificate-authority-data": st.sampled_from(["", "YQ=="]),
    },
)
PLUGINS = _some(
    command=WORDS,
    apiVersion=WORDS,
    args=st.lists(WORDS, max_size=2),
    env=st.lists(st.fixed_dictionaries({"name": WORDS, "value": WORDS}), max_size=2),
    installHint=FIELD,
    provideClusterInfo=st.booleans(),
    interactiveMode=st.sampled_from(["Never", "IfAvailable", "Always"]),
)
USERS = _some(
    token=FIELD,
    tokenFile=FIELD,
    username=FIELD,
    password=FIELD,
    exec=PLUGINS,
    **{"client-certificate": FIELD, "client-key": FIELD, "as": FIELD, "as-groups": st.lists(WORDS, max_size=2)},
)
FILES = st.lists(
    st.fixed_dictionaries(
        {
            "clusters": st.dictionaries(st.sampled_from("kl"), CLUSTERS),
            "users": st.dictionaries(st.sampled_from("uv"), USERS),
            "contexts": st.dictionaries(
                st.sampled_from("cd"), _some(cluster=st.sampled_from("kl"), user=st.sampled_from("uv"))
            ),
            "current": st.sampled_from(["", "c", "d"]),
        }
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=25)
@given(written=FILES)
def test_whatever_stands_in_several_files_is_read_as_kubectl_reads_it(
    written: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for number, each in enumerate(written):
        lists = {
            f"{kind}s": [{"name": name, kind: value} for name, value in each[f"{kind}s"].items()]
            for kind in ("cluster", "user", "context")
        }
        (folder / str(number)).write_text(json.dumps({**lists, "current-context": each["current"]}))
    files = ":".join(map(str, range(len(written))))
    said = kubectl(folder, files)
    try:
        access = ours(folder, files)
    except KubeconfigError:
        assert said is None or not said.get("clusters")
        return
    assert said is not None
    assert comparable(access, folder) == shown(said, folder)
