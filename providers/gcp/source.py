"""What the Google Cloud sources share: the project they ask, whose it is, and how its resources and keys are named."""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from posture.clock import Seconds, Utc
from posture.fault import Fault
from posture.reports import Batch
from posture.resource import Encryption, KeyClass, Link, Resource
from posture.who import Change, Trail, Who, not_permitted
from providers.gcp import trail
from providers.gcp.calls import CLOUD_SCOPE, HOSTS, Call
from providers.gcp.client import GcpClient
from providers.source import Source
from providers.tenancy import Tenancy


class Shared:
    """What some sources of a project learn and another needs: the keys that are named, by source, with their
    versions, and the domains of certificates. `now` gives UTC seconds.
    """

    def __init__(self, now: Callable[[], Utc] = time.time) -> None:
        self.now = now
        self.named: dict[str, set[str]] = {}
        """Source id -> key names as resources carry them, with a version or without."""
        self.listed: set[str] = set()
        """Names of the keys that the project's own listing gave."""
        self.domains: dict[str, dict[str, Any]] = {}
        """Id of a certificate that Google manages -> its domains and the state of each."""

    def versions(self) -> dict[str, set[str]]:
        """Key name -> the versions of it that something names."""
        found: dict[str, set[str]] = {}
        for names in self.named.values():
            for name in names:
                key, version = split_version(name)
                found.setdefault(key, set()).update({version} if version else ())
        return found


class Remembered:
    """What each listing of a source gave last, so that of one that is refused it can be said why its rows were not
    seen.

    The other listings of the source did answer, so the source as a whole does not age: these rows have to say it
    themselves.
    """

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Resource]] = {}

    def seen(self, listing: str, rows: Iterable[Resource]) -> None:
        """A listing gave these, and all of them."""
        self.rows[listing] = {row.id: row for row in rows}

    def unseen(self, listing: str, operation: str, fault: Fault, here: Iterable[Resource] = ()) -> Batch:
        """The rows of a listing that was refused, but for those it gave nevertheless; each with the fault under the
        operation its controls look for.
        """
        kept = self.rows.setdefault(listing, {})
        now = {row.id: row for row in here}
        lost = [row for id, row in kept.items() if id not in now]
        kept.update(now)
        return Batch(tuple(msgspec.structs.replace(row, faults={operation: fault}) for row in lost))


class GcpSource(Source):
    """A question asked of one project."""

    calls: tuple[Call, ...] = ()

    def __init__(self, project: GcpClient, tenancy: Tenancy, cadence: Seconds, seen: Shared) -> None:
        self.project = project
        self.tenancy = tenancy
        self.seen = seen
        self.tells_who = project.settings.who
        self.permissions = tuple(sorted({call.permission or CLOUD_SCOPE for call in self.calls}))
        super().__init__(tenancy.name, "gcp", project.name, cadence)

    async def close(self) -> None:
        """The project's connections; closing them twice does no harm."""
        await self.project.close()

    async def who(self, change: Change) -> Trail | Who:
        """What the project's log holds of it, where `who` allows to ask."""
        if not self.tells_who:
            return not_permitted("who is off for this project", trail.OPT_IN, change)
        return await trail.asked(self.project, change)

    def owner(self, fields: Mapping[str, Any]) -> str:
        """The tenant of a resource; its labels tell where tenants share the project."""
        return self.tenancy.of(labels(fields))

    def under_key(self, key: Mapping[str, Any] | None, names: set[str]) -> tuple[Encryption, tuple[Link, ...]]:
        """The encryption that a `CustomerEncryptionKey` block tells, and the link to its key, whose name goes to
        `names`. No block: Google's key.
        """
        if key is None:
            return GOOGLE, ()
        name = key.get("kmsKeyName")
        if name:
            names.add(name)
            return self.under_kms(name)
        return (SUPPLIED if key.get("sha256") else UNTOLD), ()

    def under_kms(self, name: str) -> tuple[Encryption, tuple[Link, ...]]:
        """The encryption under a Cloud KMS key, named with a version or without."""
        key, _ = split_version(name)
        owner = self.own_id(owner_of(key))
        id = key_id(
            key if owner == owner_of(key) else key.replace(f"projects/{owner_of(key)}/", f"projects/{owner}/", 1)
        )
        # whether a foreign one is listed, the policy knows
        said = KeyClass.CUSTOMER if owner == self.project.name else KeyClass.UNKNOWN
        return Encryption(True, "AES-256", said, id), (Link("key", id),)

    def own_id(self, project: str) -> str:
        """A project as its id, where it is this one under its number."""
        return self.project.name if project == self.project.number else project


GOOGLE = Encryption(True, "AES-256", KeyClass.PROVIDER)
SUPPLIED = Encryption(True, "AES-256", KeyClass.SUPPLIED)
UNTOLD = Encryption(True, "AES-256", KeyClass.UNKNOWN)
"""Encrypted, for there is no plaintext at Google; by whose key, it was not said."""


def key_id(name: str) -> str:
    """The full resource name of a Cloud KMS key."""
    return f"//{HOSTS['cloudkms']}/{name}"


def split_version(name: str) -> tuple[str, str]:
    """`projects/P/.../cryptoKeys/K/cryptoKeyVersions/3` as key and version, "" where none is named."""
    name = name.removeprefix(f"//{HOSTS['cloudkms']}/")
    key, _, version = name.partition("/cryptoKeyVersions/")
    return key, version


def owner_of(key: str) -> str:
    """The project of a key's name."""
    parts = key.split("/")
    return parts[1] if len(parts) > 1 and parts[0] == "projects" else ""


def last(url: str | None) -> str:
    """The last word of a URL: the zone, the disk, the instance."""
    return (url or "").rpartition("/")[2]


def names_of(urls: Iterable[str] | None) -> str:
    """The last words of some URLs."""
    return ", ".join(map(last, urls or ()))


def labels(fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The labels of a resource; none where they are not a table of texts."""
    told = fields.get("labels")
    return [(key, value) for key, value in told.items() if isinstance(value, str)] if isinstance(told, dict) else []
