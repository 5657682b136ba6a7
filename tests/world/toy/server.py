"""The server that knows every toy box."""

import json

from providers.demo import server
from providers.demo.answer import Answer, Environ


class Server:
    """Listens on `port`; `log` has what was asked about, the first part of each path."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self._http = server.Server(0, self._serve)
        self.port = self._http.port

    def stop(self) -> None:
        """End it."""
        self._http.stop()

    def _serve(self, environ: Environ) -> Answer:
        what = environ["PATH_INFO"].split("/")[1]
        self.log.append(what)
        return Answer(200, json.dumps({what: 1}).encode(), {"content-type": "application/json"})
