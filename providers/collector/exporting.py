"""What is written when a viewer asks for a snapshot of what it shows."""

from pathlib import Path

from posture.snapshot import Snapshot, to_json
from providers.collector.files import write
from providers.collector.frames import Notice


def exported(path: str, snapshot: Snapshot) -> Notice:
    """Write a snapshot to a file that is not there yet, and say so. Raises `SnapshotError`."""
    # the name is ours, and whoever filled the directory may know it
    write(Path(path), to_json(snapshot), new=True)
    many = f"{len(snapshot.resources)} resources and {len(snapshot.findings)} findings"
    return Notice("information", f"{many} written to {path}")
