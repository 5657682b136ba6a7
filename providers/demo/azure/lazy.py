"""The simulated Azure at once: its port listens from the start, and whoever asks before it is furnished waits that
second.

Loading the models its bodies are made of takes longer than all of the simulated AWS.
"""

import threading
from typing import TYPE_CHECKING

from providers.demo import server as http
from providers.demo.answer import Answer, Environ

if TYPE_CHECKING:
    from providers.demo.azure.resources import Resources
    from providers.demo.azure.server import Server


class LazyAzure:
    """Serves the tenant globex as soon as it is made; things happen in it until `stopped`."""

    def __init__(self, stopped: threading.Event) -> None:
        self._stopped = stopped
        self._furnished = threading.Event()
        self._server: Server | None = None
        self._http = http.Server(0, self._serve)
        threading.Thread(target=self._furnish, name="live-azure", daemon=True).start()

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._http.port}"

    def resources(self) -> "Resources | None":
        """What exists; None as long as it is not furnished."""
        return self._server.estate if self._furnished.is_set() and self._server is not None else None

    def stop(self) -> None:
        """Stop listening."""
        self._http.stop()

    def _furnish(self) -> None:
        from providers.demo.azure.server import Server
        from providers.demo.azure.world import live, seed

        server = Server(None)
        world = seed(server)
        self._server = server
        self._furnished.set()
        live(world, self._stopped)

    def _serve(self, environ: Environ) -> Answer:
        self._furnished.wait()
        assert self._server is not None
        return self._server.serve(environ)
