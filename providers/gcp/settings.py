"""`[[tenant.gcp]]`: which project, and by whose hand."""

import os
import re
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from providers.endpoint import check_endpoint
from providers.system import Block, Blocks

_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{1,61}[a-z0-9]")


class TwoStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tenant.gcp.two_step]`: a person's word on 2-step verification, where the directory cannot be read. It is
    shown as attested, never as observed.
    """

    enforced: bool
    attested_by: str
    on: str

    def __post_init__(self) -> None:
        if not self.attested_by.strip():
            raise ValueError("attested_by: is empty; name who says so")
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.on):
            raise ValueError(f"on: {self.on!r} is not a day, as in 2026-11-23")


class GcpSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One project. No secret ever stands here: application default credentials, the path of a
    credentials file, or `anonymous`.

    `label` (`tenant=acme`) is for a project that tenants share: what carries it is this tenant's, what carries no
    tenant's is `unassigned`. `object_pages` listings of up to 1,000 objects a bucket are read for the keys of the
    objects (needs storage.objects.list; 0 = off). `who` asks the Admin Activity log who changed what (needs
    logging.logEntries.list). `workspace` is a Cloud Identity customer (`my_customer`, `C01abc234`)
    whose users' second step is read, as `workspace_admin` where the credentials may act for an administrator. `client`
    asks Compute through Google's own client instead of plain REST.
    """

    project: str
    endpoint: str | None = None
    credentials: Annotated[str, msgspec.Meta(extra={"file": True, "words": ("default", "anonymous")})] = "default"
    allow_plaintext: bool = False
    label: str | None = None
    object_pages: int = 0
    who: bool = False
    workspace: str | None = None
    workspace_admin: str | None = None
    two_step: TwoStep | None = None
    client: Literal["rest", "google-cloud-compute"] = "rest"

    def __post_init__(self) -> None:
        if not _PROJECT.fullmatch(self.project):
            raise ValueError(
                f"project: {self.project!r} is not a project's id (acme-prod); its number and its name are something"
                " else"
            )
        if self.endpoint is not None:
            check_endpoint("endpoint", self.endpoint, allow_plaintext=self.allow_plaintext)
        if self.credentials not in {"default", "anonymous"} and not Path(self.credentials).expanduser().is_file():
            raise ValueError(f"credentials: {self.credentials!r} is neither default, anonymous nor a file")
        if self.label is not None and not re.fullmatch(r"[^=]+=.+", self.label):
            raise ValueError(f'label: {self.label!r} is not KEY=VALUE, as in "tenant=acme"')
        if not 0 <= self.object_pages <= 10_000:
            raise ValueError(f"object_pages: {self.object_pages} is not between 0 and 10000")
        if self.workspace_admin is not None and self.workspace is None:
            raise ValueError("workspace_admin: goes with workspace")

    @property
    def connection(self) -> tuple[object, ...]:
        """What makes two blocks the same way to the same project."""
        return (self.project, self.endpoint, self.credentials, self.client)


def shared_badly(blocks: Blocks) -> str | None:
    """What is wrong with how tenants share projects, in one line; None where each that is named twice is told apart
    by labels.
    """
    by_project: dict[str, list[Block]] = {}
    for block in blocks:
        by_project.setdefault(block.settings.project, []).append(block)
    for project, members in by_project.items():
        labels = [block.settings.label for block in members]
        first, second = members[0].tenant, members[-1].tenant
        if len(members) > 1 and (None in labels or len(set(labels)) < len(labels)):
            return (
                f"tenant.gcp: {first} and {second} name the same project {project}; give each a label of its own,"
                f' as in label = "tenant={first}"'
            )
        if len({block.settings.connection for block in members}) > 1:
            return (
                f"tenant.gcp: {first} and {second} name the project {project} with different endpoints or"
                " credentials; a project has one way in"
            )
    return None


def ambient() -> tuple[GcpSettings, ...]:
    """The project that the environment names, where application default credentials stand beside it; told without
    loading Google's packages.
    """
    project = next(
        (
            os.environ[name]
            for name in ("GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT")
            if os.environ.get(name)
        ),
        "",
    )
    home = (
        Path(os.environ.get("CLOUDSDK_CONFIG", "~/.config/gcloud")).expanduser()
        / "application_default_credentials.json"
    )
    there = bool(os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")) or home.is_file()
    return (GcpSettings(project=project),) if there and _PROJECT.fullmatch(project) else ()
