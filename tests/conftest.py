"""Fixtures that more than one room uses."""

import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from providers.demo.aws.accounts import ENVIRONMENT
from providers.demo.vault.rabbit import Rabbit
from providers.demo.vault.server import Bao
from tests.world import azure as azure_world
from tests.world.aws import Aws, serving
from tests.world.azure import Azure
from tests.world.gcp import Google
from tests.world.gcp import serving as google_serving
from tests.world.keycloak import Keycloak
from tests.world.keycloak import serving as keycloak_serving
from tests.world.kubernetes import TOKEN, USER, Kubernetes, Secured, server_context
from tests.world.kubernetes import serving as kubernetes_serving
from tests.world.raft import Raft, RaftCluster
from tests.world.tokenreviews import TokenReviews
from tests.world.vault import TOKEN_ENV

for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT):
    # Who is started in the background by a shell, or by nohup, begins with some of them ignored, and so would every
    # dashboard that a test starts.
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)

# A busy machine is no counterexample.
settings.register_profile("enctop", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("enctop")

LONGEST = (
    "matrix/test_matrix.py",
    "tui/test_cli.py",
    "test_toy_kind_and_view.py",
    "tui/test_payloads.py",
    "tui/test_views.py",
    "tui/test_unclosed.py",
    "providers/collector/test_serve.py",
    "providers/collector/test_trust.py",
    "tui/test_hostile_directory.py",
    "tui/test_storm.py",
    "tui/test_demo_end.py",
    "providers/tls/test_chains.py",
    "providers/vault/test_audit.py",
    "providers/aws/test_truth.py",
    "tui/test_tls_views.py",
    "providers/test_every_system.py",
    "tui/test_terminal.py",
    "providers/test_hostile_answers.py",
)
"""Files that take longest, the longest first: of what runs side by side they begin."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first."""
    order = {f"tests/{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.nodeid.partition("::")[0], len(order)))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test starts cold, and none writes into the home of whoever runs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))


@pytest.fixture(scope="session")
def aws_server() -> Iterator[Aws]:
    """The simulated AWS, one for all tests: starting it costs two seconds."""
    with serving() as aws:
        yield aws


@pytest.fixture
def aws(aws_server: Aws, monkeypatch: pytest.MonkeyPatch) -> Aws:
    """The simulated AWS, empty, with the environment in which boto3's default chain finds simulated credentials and
    no real ones.
    """
    aws_server.reset()
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    return aws_server


@pytest.fixture
def bao(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bao]:
    """A real OpenBao, empty and unsealed, started for this test; its root token stands in the environment."""
    server = Bao()
    monkeypatch.setenv(TOKEN_ENV, server.token)
    for name in ("VAULT_ADDR", "VAULT_TOKEN", "BAO_TOKEN", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    yield server
    server.stop()


@pytest.fixture
def rabbit() -> Iterator[Rabbit]:
    """A broker in which Vault's engine keeps users."""
    server = Rabbit()
    yield server
    server.stop()


@pytest.fixture
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TokenReviews]:
    """What Vault's kubernetes login asks whether a pod's token is one."""
    server = TokenReviews(tmp_path_factory.mktemp("reviews"))
    yield server
    server.stop()


@pytest.fixture
def tls_bao(monkeypatch: pytest.MonkeyPatch) -> Iterator[Raft]:
    """One node of a raft cluster, with TLS; its authority's certificate is `ca_file`."""
    cluster = RaftCluster(1)
    monkeypatch.setenv(TOKEN_ENV, cluster.nodes[0].token)
    yield cluster.nodes[0]
    cluster.stop()


@pytest.fixture
def raft(monkeypatch: pytest.MonkeyPatch) -> Iterator[RaftCluster]:
    """Three nodes with TLS; the first leads."""
    cluster = RaftCluster(3)
    monkeypatch.setenv(TOKEN_ENV, cluster.nodes[0].token)
    yield cluster
    cluster.stop()


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


@pytest.fixture(scope="session")
def keycloak_server() -> Iterator[Keycloak]:
    """The simulated Keycloak, one for all tests."""
    with keycloak_serving() as keycloak:
        yield keycloak


@pytest.fixture
def keycloak(keycloak_server: Keycloak) -> Keycloak:
    """The simulated Keycloak without a realm."""
    keycloak_server.server.reset()
    return keycloak_server


@pytest.fixture(scope="session")
def kubernetes_server() -> Iterator[Kubernetes]:
    """A simulated API server over plain http, one for all tests."""
    with kubernetes_serving() as server:
        yield Kubernetes(server)


@pytest.fixture(scope="session")
def secured_kubernetes_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A simulated API server over TLS, one for all tests."""
    with kubernetes_serving(server_context(tmp_path_factory.mktemp("kubernetes"))) as server:
        yield Secured(server)


@pytest.fixture
def kubernetes(kubernetes_server: Kubernetes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kubernetes]:
    """An empty cluster over plain http, which lets everybody in; nothing that enctop must not ask may be asked."""
    kubernetes_server.server.reset()
    monkeypatch.delenv("KUBECONFIG", raising=False)
    yield kubernetes_server
    assert kubernetes_server.server.violations == []


@pytest.fixture
def secured_kubernetes(secured_kubernetes_server: Secured, monkeypatch: pytest.MonkeyPatch) -> Iterator[Secured]:
    """The same over TLS; it knows one token and the certificates of its authority."""
    secured_kubernetes_server.server.reset()
    secured_kubernetes_server.server.tokens[TOKEN] = USER
    monkeypatch.delenv("KUBECONFIG", raising=False)
    yield secured_kubernetes_server
    assert secured_kubernetes_server.server.violations == []
