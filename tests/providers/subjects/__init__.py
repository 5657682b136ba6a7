"""The systems as the suite holds them: each that is declared in `providers.SYSTEMS` has its line here."""

from tests.providers.subjects.aws import AwsSubject
from tests.providers.subjects.azure import AzureSubject
from tests.providers.subjects.google import GoogleSubject
from tests.providers.subjects.keycloak import KeycloakSubject
from tests.providers.subjects.kubernetes import KubernetesSubject
from tests.providers.subjects.subject import Subject
from tests.providers.subjects.tls import TlsSubject
from tests.providers.subjects.vault import VaultSubject

SUBJECTS: dict[str, type[Subject]] = {
    "aws": AwsSubject,
    "azure": AzureSubject,
    "gcp": GoogleSubject,
    "kubernetes": KubernetesSubject,
    "vault": VaultSubject,
    "keycloak": KeycloakSubject,
    "tls": TlsSubject,
}
