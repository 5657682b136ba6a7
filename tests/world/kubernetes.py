"""The simulated Kubernetes as the tests hold it: one plain API server and one with TLS for the session, kubeconfigs
that lead to them, and Kubernetes' own schema.
"""

import contextlib
import functools
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from providers.demo.kubernetes.cluster import Cluster
from providers.demo.kubernetes.kubeconfig import kubeconfig
from providers.demo.kubernetes.server import Server, start
from providers.demo.tls.pki import Authority, Pair

CONTEXT = "prod"
TOKEN = "canary-bearer-token"
USER = "system:serviceaccount:monitoring:enctop"


class Kubernetes:
    """A server, emptied for every test, and what is in it."""

    def __init__(self, server: Server) -> None:
        self.server, self.cluster = server, Cluster(server.store)

    def kubeconfig(self, where: Path, user: Mapping[str, Any] | None = None, **more: Any) -> Path:
        """Write a kubeconfig of one context; `user` is what it signs in with, `more` as `kubeconfig` has it."""
        file = where / "kubeconfig"
        file.write_text(kubeconfig({CONTEXT: self.server.url}, user=user, **more))
        return file


class Secured(Kubernetes):
    """One with TLS: it knows `TOKEN`, and certificates of its authority by their common name."""

    def kubeconfig(self, where: Path, user: Mapping[str, Any] | None = None, **more: Any) -> Path:
        """The same; trusts the server's authority and signs in with `TOKEN` unless `user` says otherwise."""
        user = {"token": TOKEN} if user is None else user
        return super().kubeconfig(where, user, **{"ca": authority().root.pem, **more})


@functools.cache
def authority() -> Authority:
    """Who signs the server's certificate and the clients'."""
    return Authority("kubernetes")


def client_certificate(user: str = USER) -> Pair:
    """A certificate that signs its holder in as `user`."""
    return authority().issue(common_name=user, by=authority().root, issuer_url=False)


def server_context(where: Path, *names: str) -> ssl.SSLContext:
    """TLS for a server of these names and addresses, that asks for a client's certificate; `where` holds its files."""
    made = authority().issue(*(names or ("127.0.0.1", "localhost")), by=authority().root, issuer_url=False)
    certificate, roots = where / "server.pem", where / "ca.pem"
    certificate.write_bytes(made.pem + made.key_pem)
    roots.write_bytes(authority().root.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.load_verify_locations(roots)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


@contextlib.contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    """A server while the block runs."""
    server = start(tls=tls, seed="tests")
    try:
        yield server
    finally:
        server.stop()


@functools.cache
def schema() -> dict[str, Any]:
    """Kubernetes' own schema of the kinds there are, strict: a field it does not know is an error. `roots` maps
    `apiVersion kind` to its definition.
    """
    decoded: dict[str, Any] = json.loads(Path(__file__).with_name("kubernetes_schema.json").read_text())
    return decoded


def defects(body: Mapping[str, Any]) -> list[str]:
    """What is wrong with a body, by its own kind. Raises KeyError for a kind that is not in the schema."""
    import jsonschema

    root = schema()["roots"][f"{body.get('apiVersion', 'v1')} {body['kind']}"]
    whole = {"$ref": f"#/$defs/{root}", "$defs": schema()["$defs"]}
    return [f"{error.json_path}: {error.message}" for error in jsonschema.Draft202012Validator(whole).iter_errors(body)]
