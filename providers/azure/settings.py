"""`[[tenant.azure]]`: which subscriptions, of which cloud, and by whose hand."""

import os
import re
from itertools import combinations
from pathlib import Path
from typing import Literal

import msgspec

from providers.endpoint import check_endpoint
from providers.paths import CaFile
from providers.system import Block, Blocks

_SUBSCRIPTION = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

Cloud = Literal["public", "government", "china"]


class AzureSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way into Azure. No secret ever stands here: a token comes from the environment, or from
    Azure's default chain.

    `subscription` is one id or a list of them; without it, every subscription that the credentials see. `endpoint` is a
    private or simulated Resource Manager, `graph_endpoint` a Microsoft Graph (the cloud's own by default, none beside
    an `endpoint`). `entra` asks Graph for the second factor. `blob_sample` blobs a container are listed for how they
    are encrypted (needs a data action that also allows reading content; 0 = off). `who` asks Resource Graph who changed
    what. `tag` (`tenant=acme`) is for
    subscriptions that tenants share: what carries it is this tenant's, what carries no tenant's is `unassigned`.
    """

    subscription: str | tuple[str, ...] | None = None
    cloud: Cloud = "public"
    endpoint: str | None = None
    graph_endpoint: str | None = None
    token_env: str | None = None
    ca_file: CaFile | None = None
    allow_plaintext: bool = False
    entra: bool = True
    blob_sample: int = 0
    who: bool = False
    tag: str | None = None

    def __post_init__(self) -> None:
        for subscription in self.subscriptions or ():
            if not _SUBSCRIPTION.fullmatch(subscription):
                raise ValueError(
                    f"subscription: {subscription!r} is not a subscription's id (00000000-0000-0000-0000-000000000000)"
                )
        if not 0 <= self.blob_sample <= 100:
            raise ValueError(f"blob_sample: {self.blob_sample} is not between 0 and 100")
        if self.tag is not None and not re.fullmatch(r"[^=]+=.+", self.tag):
            raise ValueError(f'tag: {self.tag!r} is not KEY=VALUE, as in "tenant=acme"')
        if self.subscriptions == ():
            raise ValueError(
                "subscription: the list is empty; leave it out for every subscription that the credentials see"
            )
        if self.endpoint is not None and self.cloud != "public":
            raise ValueError("endpoint: goes without cloud; a private endpoint is its own")
        for name in ("endpoint", "graph_endpoint"):
            url = getattr(self, name)
            if url is not None:
                check_endpoint(name, url, allow_plaintext=self.allow_plaintext)
        if self.token_env is not None and not _VARIABLE.fullmatch(self.token_env):
            raise ValueError(
                "token_env: is not the name of an environment variable; the token itself never stands in this file"
            )

    @property
    def subscriptions(self) -> tuple[str, ...] | None:
        """The ids, None for every one there is."""
        return (self.subscription,) if isinstance(self.subscription, str) else self.subscription

    @property
    def connection(self) -> tuple[object, ...]:
        """What makes two blocks the same way in."""
        return (self.cloud, self.endpoint, self.graph_endpoint, self.token_env, self.ca_file)

    @property
    def together(self) -> object:
        """Equal for blocks whose subscriptions are shared by tags; of a block without one, equal to nothing else."""
        return (self.connection, self.listed) if self.tag is not None else object()

    @property
    def listed(self) -> tuple[str, ...] | None:
        """The ids in the form in which two blocks are compared."""
        return None if self.subscriptions is None else tuple(sorted(each.lower() for each in self.subscriptions))


def shared_badly(blocks: Blocks) -> str | None:
    """What is wrong with how tenants share subscriptions, in one line; None where each that is named twice is told
    apart by tags.
    """
    ways: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        ways.setdefault(block.settings.connection, []).append(block)
    for members in ways.values():
        tagged = [block for block in members if block.settings.tag is not None]
        for first, second in combinations(members, 2):
            if first not in tagged and second not in tagged:
                continue  # a subscription that two of them name is polled by the first, and the other says so
            one, other = first.settings.listed, second.settings.listed
            if one is not None and other is not None and not set(one) & set(other):
                continue
            names = f"tenant.azure: {first.tenant} and {second.tenant} share subscriptions"
            if first.settings.tag == second.settings.tag or None in {first.settings.tag, second.settings.tag}:
                return f'{names}; give each a tag of its own, as in tag = "tenant={first.tenant}"'
            if one != other:
                return f"{names}; name the same ones in both"
    return None


def ambient() -> tuple[AzureSettings, ...]:
    """Every subscription that the environment's credentials see, where some stand there: a service principal's or
    workload's, a managed identity's endpoint, or the Azure CLI's login. Told without loading Azure's packages; a
    virtual machine's own identity is told only by asking, and is not looked for.
    """
    home = Path(os.environ.get("AZURE_CONFIG_DIR", "~/.azure")).expanduser()
    return (AzureSettings(),) if told_who() or (home / "azureProfile.json").is_file() else ()


def told_who() -> bool:
    """Whether the environment names an identity: a service principal, a workload's, or the endpoint of a managed
    one.
    """
    return any(
        os.environ.get(name)
        for name in ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "IDENTITY_ENDPOINT", "MSI_ENDPOINT")
    )
