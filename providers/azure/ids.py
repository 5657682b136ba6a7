"""Azure's names in one form: Resource Manager ids compare without regard to case, and a key is its URL without the
version.

The services return the same id in different cases (a resource group inside `diskEncryptionSetId` can be upper-cased
unlike the disk's own id: Azure Resource Manager, "Resource names are case-insensitive").
"""

from urllib.parse import urlsplit


def normal(resource_id: str) -> str:
    """The form in which ids are compared and joined: lower case, without a slash at the end, and without the line
    end that a template's author left there.
    """
    return resource_id.strip().rstrip("/").lower()


def subscription_of(resource_id: str) -> str:
    """The subscription an id lies in, in lower case; empty where it names none."""
    parts = normal(resource_id).split("/")
    return parts[2] if len(parts) > 2 and parts[1] == "subscriptions" else ""


def last(resource_id: str) -> str:
    """The name at the end of an id."""
    return resource_id.rstrip("/").rpartition("/")[2]


def machine_name(resource_id: str) -> str:
    """A virtual machine's name; one of a scale set is named with its set, since its own is but a number:
    `pool-vmss/3`.
    """
    parts = resource_id.rstrip("/").split("/")
    scaled = len(parts) > 3 and parts[-4].lower() == "virtualmachinescalesets"
    return f"{parts[-3]}/{parts[-1]}" if scaled else parts[-1]


def key_url(vault_uri: str, name: str) -> str:
    """The URL of a key without its version, in the form in which keys are joined."""
    return f"{vault_uri.rstrip('/')}/keys/{name}".lower()


def unversioned(url: str) -> str:
    """A key's URL, with or without a version, in the form in which keys are joined:
    `https://v.vault.azure.net/keys/k`.
    """
    parts = urlsplit(url.strip())
    path = "/".join(parts.path.split("/")[:3])
    return f"{parts.scheme}://{parts.netloc}{path}".lower()


def vault_name(url: str) -> str:
    """The vault's name in a key's URL, in lower case; names of vaults are unique in a cloud."""
    return (urlsplit(url.strip()).hostname or "").partition(".")[0]


def is_hsm(url: str) -> bool:
    """Whether the key lies in a managed HSM instead of a vault."""
    return ".managedhsm." in (urlsplit(url.strip()).hostname or "")
