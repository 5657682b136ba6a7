"""What google-cloud-compute's typed client makes of the same disks: `typed_gcp.py URL PROJECT` prints rows, and CPU
seconds of reading and import.

With `lean` as a third word the product's own way is measured instead: socket to typed rows, without the model.
"""

import asyncio
import json
import sys
import time

from tests.world.memory import peak_mb


def typed(url: str, project: str) -> dict[str, float]:
    """`DisksClient.aggregated_list`, page by page, reading the fields that are judged."""
    started = time.process_time()
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import compute_v1

    imported = time.process_time() - started
    client = compute_v1.DisksClient(credentials=AnonymousCredentials(), client_options={"api_endpoint": url})  # type: ignore[no-untyped-call]
    request = compute_v1.AggregatedListDisksRequest(project=project, max_results=500)
    started, rows, keys = time.process_time(), 0, 0
    for page in client.aggregated_list(request=request, retry=None, timeout=20).pages:
        for scoped in page.items.values():
            for disk in scoped.disks:
                rows += 1
                keys += bool(disk.disk_encryption_key.kms_key_name)
    return {"rows": rows, "keys": keys, "cpu": time.process_time() - started, "import": imported, "rss": peak_mb()}


async def _lean(url: str, project: str) -> dict[str, float]:
    started = time.process_time()
    from providers.gcp.calls import LIST_DISKS
    from providers.gcp.client import GcpClient
    from providers.gcp.decode import DiskPage
    from providers.gcp.settings import GcpSettings
    from providers.source import TALLY, Tally

    imported = time.process_time() - started
    TALLY.set(Tally())
    asked = GcpClient(GcpSettings(project=project, endpoint=url, credentials="anonymous"), "bench")
    started, rows, keys = time.process_time(), 0, 0
    async for page in asked.pages(LIST_DISKS, DiskPage):
        for scoped in (page.items or {}).values():
            for disk in scoped.disks or ():
                rows += 1
                keys += bool((disk.get("diskEncryptionKey") or {}).get("kmsKeyName"))
    await asked.close()
    return {"rows": rows, "keys": keys, "cpu": time.process_time() - started, "import": imported, "rss": peak_mb()}


if __name__ == "__main__":
    said = asyncio.run(_lean(*sys.argv[1:3])) if sys.argv[3:] == ["lean"] else typed(*sys.argv[1:3])
    sys.stdout.write(json.dumps(said) + "\n")
