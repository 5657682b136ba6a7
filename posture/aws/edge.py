"""Load balancers and certificates: what a rule does with a request, and when ACM renews."""

import re
from collections.abc import Mapping
from typing import Any

from posture.clock import Seconds

RENEWAL_WINDOW: Seconds = 60 * 86400.0
"""ACM begins to renew a certificate this long before it ends, or later (ACM User Guide, "Managed certificate
renewal"): before that there is no renewal whose state could be asked for.
"""
IMPORTED = "IMPORTED"
"""The type of certificates that ACM never renews."""
TLS_PROTOCOLS = frozenset({"HTTPS", "TLS", "SSL"})
"""What a listener that terminates TLS speaks; SSL is a classic load balancer's word."""
HOSTS = "host-header"
"""The condition of a rule that names hosts."""
_OWN_NAME = re.compile(r".+\.elb\.([a-z0-9-]+\.)?amazonaws\.com(\.cn)?")
NEGOTIATION = "SSLNegotiationPolicyType"
"""The type of a classic load balancer's policies about TLS."""


def is_own_name(host: str) -> bool:
    """Whether this is the name that AWS gave a load balancer, for which nobody gets a certificate."""
    return _OWN_NAME.fullmatch(host) is not None


def last_action(actions: Any) -> Mapping[str, Any]:
    """The action of a rule that answers or forwards: the one of the highest `Order`. Empty where none can be read."""
    known = [action for action in actions if isinstance(action, Mapping)] if isinstance(actions, list) else []
    if len(known) > 1 and all(isinstance(action.get("Order"), int) for action in known):
        return max(known, key=lambda action: int(action["Order"]))
    return known[-1] if known else {}
