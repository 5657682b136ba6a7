"""What stands for a Secret whose value is kept elsewhere: counted, by its metadata alone."""

from posture.clock import Seconds
from posture.resource import Resource
from providers.kubernetes.calls import EXTERNAL_SECRETS, SEALED_SECRETS, VAULT_SECRETS
from providers.kubernetes.decode import Bare
from providers.kubernetes.listing import Key, ListedSource
from providers.kubernetes.source import Shared


class KeptElsewhere(ListedSource):
    """One kind of them; the cluster says how many there are."""

    row = Bare

    def __init__(self, shared: Shared, cadence: Seconds) -> None:
        super().__init__(shared, cadence)
        self._there: set[Key] = set()

    def made(self, thing: Bare, namespace: str, name: str) -> Resource | None:
        """Nothing of its own."""
        return None

    def note(self, thing: Bare, namespace: str, name: str) -> None:
        """One more."""
        self._there.add((namespace, name))

    def forget(self, namespace: str, name: str) -> None:
        """One less."""
        self._there.discard((namespace, name))

    def besides(self) -> list[Resource]:
        """They were listed."""
        self.shared.count_kept_elsewhere(self.call.plural, len(self._there))
        return []


class ExternalSecrets(KeptElsewhere):
    """Of the External Secrets Operator."""

    call = EXTERNAL_SECRETS


class VaultStaticSecrets(KeptElsewhere):
    """Of the Vault Secrets Operator."""

    call = VAULT_SECRETS


class SealedSecrets(KeptElsewhere):
    """Of Bitnami's controller."""

    call = SEALED_SECRETS
