"""The one call of a Kubernetes API server that Vault's login asks: TokenReview (authentication.k8s.io/v1), over TLS
on loopback.
"""

import base64
import json
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.world.raft import make_certificates

ACCOUNT = ("monitoring", "enctop")
"""Namespace and name of the service account."""


class TokenReviews:
    """A server on loopback. `known` are the tokens it vouches for, `reviewed` those it was asked about, `ca` the
    certificate it is trusted by (PEM).
    """

    def __init__(self, certificates: Path) -> None:
        self.known: set[str] = set()
        self.reviewed: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                """Whose is this token?"""
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.path == "/apis/authentication.k8s.io/v1/tokenreviews", self.path
                token, audiences = asked["spec"]["token"], asked["spec"].get("audiences", [])
                outer.reviewed.append(token)
                status = _status(token in outer.known, audiences)
                answer = json.dumps(
                    {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": status}
                ).encode()
                self.send_response(201)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        make_certificates(certificates)
        self.ca = (certificates / "ca.pem").read_text()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "node.pem", certificates / "node.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="tokenreviews", daemon=True).start()

    def token(self) -> str:
        """A service account's token as a pod has it; Vault reads its claims and leaves the signature to the review."""
        namespace, name = ACCOUNT
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": "https://kubernetes.default.svc",
            "sub": f"system:serviceaccount:{namespace}:{name}",
            "aud": ["vault"],
        }
        claims |= {"iat": now - 60, "nbf": now - 60, "exp": now + 3600}
        claims["kubernetes.io"] = {"namespace": namespace, "serviceaccount": {"name": name, "uid": "u-1"}}
        made = ".".join(
            (
                _part({"alg": "RS256", "kid": "k", "typ": "JWT"}),
                _part(claims),
                base64.urlsafe_b64encode(b"canary-signature").decode().rstrip("="),
            )
        )
        self.known.add(made)
        return made

    def stop(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()


def _status(authentic: bool, audiences: list[str]) -> dict[str, Any]:
    namespace, name = ACCOUNT
    if not authentic:
        return {"authenticated": False, "error": "invalid bearer token"}
    groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"]
    return {
        "authenticated": True,
        "audiences": audiences,
        "user": {"username": f"system:serviceaccount:{namespace}:{name}", "uid": "u-1", "groups": groups},
    }


def _part(data: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()
