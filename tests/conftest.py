"""Fixtures that more than one room uses."""

from collections.abc import Iterator

import pytest

from providers.demo.accounts import ENVIRONMENT
from tests.world.aws import Aws, serving
from tests.world.gcp import Google
from tests.world.gcp import serving as google_serving


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts cold, and none writes into the home of whoever runs it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


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
def google_server() -> Iterator[Google]:
    """The simulated Google Cloud, one for all tests."""
    with google_serving() as google:
        yield google


@pytest.fixture
def google(google_server: Google, monkeypatch: pytest.MonkeyPatch) -> Google:
    """The simulated Google Cloud, empty, with an environment in which no real credentials are found."""
    google_server.server.reset()
    assert google_server.project.name == "acme-prod"  # it exists from the start, empty
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", "/nonexistent")
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    return google_server
