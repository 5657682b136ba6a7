"""Which hosts are this machine, by their names alone."""

import ipaddress


def is_loopback(host: str) -> bool:
    """Whether a host, as `urlsplit` names it, is this machine: `localhost`, 127.0.0.0/8 or ::1. Nothing is looked
    up.
    """
    name = host.rstrip(".").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
