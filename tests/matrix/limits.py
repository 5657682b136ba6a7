"""The limits of every room, shortened while the matrix runs: no room takes them from its configuration. This is the
one place that reaches for them.
"""

import contextlib
import importlib
import sys
import types
from collections.abc import Iterator

import pytest

from posture.clock import Seconds
from providers import limits
from providers.azure.calls import BUDGETS
from providers.kubernetes.client import Limits

CONNECT: Seconds = 1.5
READ: Seconds = 3.0
WHOLE: Seconds = 4.0
LONGEST: Seconds = 2 * WHOLE + 1.0
"""What is asked twice, and the pause between."""
MOST_BYTES = 1 << 19
MOST_PAGES = 10

_BUDGETS = {family: (rate, min(period, 5.0), places) for family, (rate, period, places) in BUDGETS.items()}
"""Storage's of five minutes is less than a cadence there, and a hundred of the matrix's."""
_SHORT: dict[str, dict[str, object]] = {
    "providers.lane": {"ATTEMPTS": 2, "TRANSIENT_ATTEMPTS": 2},
    "providers.aws.client": {
        "CONNECT_TIMEOUT": CONNECT,
        "READ_TIMEOUT": READ,
        "LONGEST_BODY": WHOLE,
        "MOST_PAGES": MOST_PAGES,
        "MOST_SETTING": MOST_BYTES,
        "MOST_PAGE": MOST_BYTES,
    },
    "providers.azure.client": {
        "CONNECT_TIMEOUT": CONNECT,
        "READ_TIMEOUT": READ,
        "MOST_PAGES": MOST_PAGES,
        "MOST_SETTING": MOST_BYTES,
        "BUDGETS": _BUDGETS,
    },
    "providers.gcp.client": {"CONNECT_TIMEOUT": CONNECT, "READ_TIMEOUT": READ},
    "providers.kubernetes.client": {
        "LIMITS": Limits(connect=CONNECT, read=READ, silence=WHOLE, settle=0.2, backoff=(0.1, 0.5)),
    },
    "providers.vault.client": {"TIMEOUT": (CONNECT, READ)},
    "providers.vault.session": {"WHOLE": WHOLE},
    "providers.tls.probe": {"CONNECT_LIMIT": CONNECT, "TALK_LIMIT": READ, "PLAIN_LIMIT": 1.0},
    "providers.aws.transport": {"MOST_PAGE": MOST_BYTES},
    "providers.tls.revocation": {"LIMIT": WHOLE},
    "providers.limits": {
        "WHOLE_ANSWER": WHOLE,
        "MOST_BYTES": MOST_BYTES,
        "MOST_PAGES": MOST_PAGES,
        "MOST_SETTING": MOST_BYTES,
    },
}
_SHARED = ("WHOLE_ANSWER", "MOST_BYTES", "MOST_PAGES")
"""Names of `providers.limits` that rooms import; others of the same name and another value are left alone."""


@contextlib.contextmanager
def shortened() -> Iterator[None]:
    """Make every limit a matter of seconds and a few MB while the block runs."""
    for name in _SHORT:
        _load(name)
    rooms = [module for name, module in sys.modules.items() if name.startswith("providers.")]
    usual = {name: getattr(limits, name) for name in _SHARED}
    short = {id(value): _SHORT["providers.limits"][name] for name, value in usual.items()}
    with pytest.MonkeyPatch.context() as patch:
        for made in vars(limits).values():  # defaults of arguments were bound when the module was read
            call = vars(made).get("__init__") if isinstance(made, type) else made
            call = getattr(call, "__wrapped__", call)
            if isinstance(call, types.FunctionType) and call.__defaults__:
                patch.setattr(call, "__defaults__", tuple(short.get(id(value), value) for value in call.__defaults__))
        for module in rooms:
            for name, value in _SHORT.get(module.__name__, {}).items():
                if hasattr(module, name):
                    patch.setattr(module, name, value)
            for name in _SHARED:
                if module is not limits and getattr(module, name, None) is usual[name]:
                    patch.setattr(module, name, _SHORT["providers.limits"][name])
        yield


def _load(name: str) -> None:
    with contextlib.suppress(ModuleNotFoundError):  # a room that keeps its limits elsewhere
        importlib.import_module(name)
