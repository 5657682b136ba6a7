"""The columns of the matrix: each system that stands in it has its line here."""

from tests.matrix.system import System
from tests.matrix.systems.aws import AwsSystem
from tests.matrix.systems.azure import AzureSystem
from tests.matrix.systems.google import GoogleSystem
from tests.matrix.systems.keycloak import KeycloakSystem
from tests.matrix.systems.kubernetes import KubernetesSystem
from tests.matrix.systems.tls import TlsSystem
from tests.matrix.systems.vault import VaultSystem

SYSTEMS: tuple[type[System], ...] = (
    AwsSystem,
    AzureSystem,
    GoogleSystem,
    KubernetesSystem,
    VaultSystem,
    KeycloakSystem,
    TlsSystem,
)
