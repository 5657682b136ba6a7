"""Fixtures of the TLS room."""

from collections.abc import Iterator

import pytest

from providers.source import TALLY, Tally
from tests.providers.tls.test_revocation import Lists


@pytest.fixture
def lists() -> Iterator[Lists]:
    """A server of lists of revocations."""
    made = Lists()
    TALLY.set(Tally())
    yield made
    made.doors.close()
