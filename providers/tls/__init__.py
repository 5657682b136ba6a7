"""TLS endpoints: a prober of our own, which sends a handshake and `HEAD /` and nothing else, and reports what every
address of a name really offers.
"""

from providers.system import System
from providers.tls.settings import TlsSettings, named_twice

SYSTEM = System(
    name="tls",
    settings=TlsSettings,
    open="providers.tls.discovery:open_tls",
    environment=("SSL_CERT_FILE",),
    check=named_twice,
    takes_listeners=True,
)
