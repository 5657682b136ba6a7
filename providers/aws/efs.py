"""EFS file systems."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from posture.reports import Batch
from posture.resource import Resource
from providers.aws.calls import DESCRIBE_FILE_SYSTEMS
from providers.aws.ebs import under_key
from providers.aws.source import AwsSource, Rows
from providers.source import Yield

TOKEN = ("NextMarker", "Marker")
PAGE = 100
_TYPES = {"Encrypted": bool, "KmsKeyId": str}
_KEPT = ("FileSystemId", "Name", "Encrypted", "KmsKeyId", "LifeCycleState", "NumberOfMountTargets", "Tags")
"""Of a file system; the rest is how fast it is, and when it was measured."""


class FileSystems(AwsSource):
    """EFS file systems of one account and region."""

    service = "efs"
    calls = (DESCRIBE_FILE_SYSTEMS,)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """One listing tells all."""
        self.seen.begin(self.id)
        rows = Rows(DESCRIBE_FILE_SYSTEMS, "FileSystemId", r"fs-[0-9a-f]{8,40}", _TYPES)
        async for page in self.account.pages(DESCRIBE_FILE_SYSTEMS, self.region, "FileSystems", TOKEN, MaxItems=PAGE):
            yield Batch.of(rows.of(page, self._file_system))
        if rows.fault is None:
            self.seen.listed(self.id)
        for report in rows.ended("aws.efs.file-system"):
            yield report

    def _file_system(self, row: Mapping[str, Any]) -> Resource:
        """The driver of Kubernetes names it by its id alone, which is an alias here."""
        name = row["FileSystemId"]
        fields = {field: row[field] for field in _KEPT if field in row}
        encryption, links = under_key(self, fields.get("Encrypted"), fields.get("KmsKeyId"))
        size = (row.get("SizeInBytes") or {}).get("Value")
        return self.resource(
            id=self.account.arn("elasticfilesystem", self.region, f"file-system/{name}"),
            kind="file-system",
            type="aws.efs.file-system",
            name=str(fields.get("Name") or name),
            fields=fields,
            encryption=encryption,
            links=links,
            aliases=(name,),
            cells=(str(fields.get("LifeCycleState") or "?"), _gib(size)),
        )


def _gib(size: object) -> str:
    return f"{size / (1 << 30):.1f} GiB" if isinstance(size, int) else "?"
