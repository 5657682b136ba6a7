"""AWS on loopback: moto in this process, repaired, behind faults and a log of everything it was asked.

    server = start()
    boto3.client("ec2", endpoint_url=server.url, ...)
    server.faults.deny("kms:DescribeKey", region="eu-west-1")
    server.stop()

moto keeps what exists per process, not per server: two servers show the same world, and a server that is stopped and
started again finds it as it was.
"""

import os

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")  # else every region holds 1,181 snapshots of Amazon's own

import json
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from providers.demo import server
from providers.demo.answer import Answer, Environ
from providers.demo.aws import repairs, trail
from providers.demo.aws.answers import answer as answer_ourselves
from providers.demo.aws.answers import regions
from providers.demo.aws.faults import AwsFaults
from providers.demo.aws.request import read
from providers.demo.faults import Rule
from providers.demo.log import Log


class Entry(msgspec.Struct, frozen=True):
    """One request in the log; `at` is UTC seconds."""

    at: float
    operation: str
    account: str
    region: str
    resource: str


class Server(server.StandIn):
    """A running AWS. `url` is where; `log` and `faults` may be used while it runs."""

    def __init__(self, port: int) -> None:
        self.log = Log[Entry]()
        self.faults = AwsFaults()
        self._moto = _moto_app()
        super().__init__(port)

    def reset(self) -> None:
        """An empty AWS, without faults, with an empty log."""
        self.faults.clear()
        self.log.clear()
        empty()

    def serve(self, environ: Environ) -> Answer:
        """Answer one request."""
        if environ["PATH_INFO"].startswith("/enctop/"):
            return self._admin(environ)
        asked = read(environ)
        self.log.add(Entry(time.time(), asked.operation, asked.account, asked.region, asked.resource))
        refusal = self.faults.before(asked)
        if refusal is not None:
            return refusal
        return self.faults.after(asked, answer_ourselves(asked, environ) or _call(self._moto, environ))

    def _admin(self, environ: Environ) -> Answer:
        """For tests in another process: GET or DELETE /enctop/log, POST a `Rule` to or DELETE /enctop/faults, POST
        /enctop/reset.
        """
        method, what = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix("/enctop/")
        body = environ["wsgi.input"].read()
        match method, what:
            case "GET", "log":
                return _json(list(self.log))
            case "DELETE", "log":
                self.log.clear()
            case "GET", "faults":
                return _json(self.faults.rules)
            case "POST", "faults":
                try:
                    self.faults.add(msgspec.json.decode(body, type=Rule))
                except msgspec.DecodeError as wrong:
                    return Answer(400, json.dumps({"error": str(wrong)}).encode(), {"content-type": "application/json"})
            case "DELETE", "faults":
                self.faults.clear()
            case "POST", "reset":
                self.reset()
            case _:
                return Answer(404, b"{}", {"content-type": "application/json"})
        return _json({"status": "ok"})


def start(port: int = 0) -> Server:
    """Start AWS on 127.0.0.1; port 0 takes a free one."""
    repairs.apply()
    return Server(port)


def empty() -> None:
    """Forget every account: nothing exists any more."""
    from moto.core.base_backend import BackendDict

    with _emptying:
        BackendDict.reset()
        regions.opted_in.clear()
        trail.clear()


_emptying = threading.Lock()


def _moto_app() -> Callable[..., Iterable[bytes]]:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    app: Callable[..., Iterable[bytes]] = DomainDispatcherApplication(create_backend_app)
    return app


def _call(app: Callable[..., Iterable[bytes]], environ: Environ) -> Answer:
    """Ask a WSGI application and keep its answer whole."""
    said: dict[str, Any] = {}

    def start_response(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
        said.update(status=int(status.split(" ", 1)[0]), headers=dict(headers))

    chunks = app(environ, start_response)
    try:
        body = b"".join(chunks)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return Answer(said["status"], body, said["headers"])


def _json(value: object) -> Answer:
    return Answer(200, msgspec.json.encode(value), {"content-type": "application/json"})
