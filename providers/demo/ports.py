"""Ports for servers that must know theirs before they listen, or that come back at the same one."""

import random
import socket

# Below what Linux gives to connections and to servers that name no port (net.ipv4.ip_local_port_range: 32768 and up),
# so that between this call and the server's start nobody is given the same one by chance.
_RANGE = range(15000, 32768)
_given: set[int] = set()


def free_port() -> int:
    """A port on loopback that nobody listens on, and that this process was not given before.

    Raises OSError if there is none.
    """
    for port in random.sample(_RANGE, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port
    raise OSError("no port is free on 127.0.0.1")
