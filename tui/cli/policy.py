"""`enctop policy`: the least privilege of a system, printed."""

import argparse

from providers.collector.config import configured
from providers.collector.systems import policy_text
from tui.cli.say import put


def policy(chosen: argparse.Namespace) -> int:
    """Vault's is made for the mounts that are there, where they can be read; a configuration without a Vault gives one
    for any mount.
    """
    needs = frozenset((*chosen.needs, *(f"no-{what}" for what in chosen.without)))
    put(policy_text(chosen.provider, needs, lambda: configured(chosen.config)[0].only(chosen.tenant)))
    return 0
