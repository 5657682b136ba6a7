"""Who made acme what it is, as CloudTrail tells of the last 90 days."""

import time
from collections.abc import Mapping

from providers.demo.aws import trail
from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.aws.seed import Region

DAY = 86400.0


def history(regions: Mapping[tuple[str, str], Region], payments: str) -> None:
    """Write down who left what is not as promised."""
    for (account, name), region in regions.items():
        for volume in region.ec2.volumes.values():
            if not volume.encrypted:
                made = volume.create_time.timestamp()
                by = trail.role("build-agent", "i-0f1e2d3c", account)
                trail.record("ec2:CreateVolume", volume.id, by=by, account=account, region=name, at=made)
    now = time.time()
    alice = trail.role("admin", "alice@acme.example")
    trail.record("kms:ScheduleKeyDeletion", payments, by=alice, at=now - 2 * DAY, agent=trail.CONSOLE)
    staging = trail.role("ops", "bob@acme.example", SECOND)
    trail.record(
        "ec2:DisableEbsEncryptionByDefault",
        by=staging,
        account=SECOND,
        region="eu-west-1",
        at=now - 40 * DAY,
        agent=trail.CLI,
    )
    dumps = "acme-payments-dumps"
    trail.record("s3:DeleteBucketPolicy", dumps, by=trail.role("deploy", "run-8812"), account=ACCOUNT, at=now - 9 * DAY)
