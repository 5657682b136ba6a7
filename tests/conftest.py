"""Fixtures that more than one room uses."""

from collections.abc import Iterator

import pytest

from providers.demo.accounts import ENVIRONMENT
from tests.world import azure as azure_world
from tests.world.aws import Aws, serving
from tests.world.azure import Azure


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    """The simulated AWS, one for all tests: starting it costs two seconds."""
    with serving() as aws:
        yield aws


@pytest.fixture
def aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The simulated AWS, empty, with the environment in which boto3's default chain finds simulated credentials and no real ones."""
    aws_server.reset()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture(scope="session")
def azure_server() -> Iterator[Azure]:
    """The simulated Azure, one for all tests."""
    with azure_world.serving() as azure:
        yield azure


@pytest.fixture
def azure(azure_server: Azure, monkeypatch: pytest.MonkeyPatch) -> Azure:
    """The simulated Azure with one empty subscription, and its token in the environment."""
    azure_server.reset()
    azure_world.let_in(monkeypatch)
    return azure_server
