"""What a good engineer writes in an afternoon: boto3, 32 threads, the same facts, the same regions. `plain_boto3.py URL REGION...` prints what it counted."""

import json
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


def main(url: str, regions: list[str]) -> None:
    """Read everything once."""
    config = Config(max_pool_connections=32, retries={"mode": "standard"}, s3={"addressing_style": "path"})
    session = boto3.Session(region_name=regions[0])

    def client(service: str, region: str):
        return session.client(service, region_name=region, endpoint_url=url, config=config)

    def try_(call, **arguments):
        try:
            return call(**arguments)
        except ClientError as error:
            return error.response["Error"]["Code"]

    counts: Counter[str] = Counter()
    facts = []
    client("sts", regions[0]).get_caller_identity()
    client("ec2", regions[0]).describe_regions(AllRegions=True)
    with ThreadPoolExecutor(32) as pool:
        buckets = {}
        jobs = []
        for region in regions:
            ec2, kms, s3 = client("ec2", region), client("kms", region), client("s3", region)
            buckets[region] = s3

            def pages(call, key, **arguments):
                return [item for page in call.paginate(**arguments) for item in page[key]]

            jobs.append(pool.submit(pages, ec2.get_paginator("describe_volumes"), "Volumes", PaginationConfig={"PageSize": 1000}))
            jobs.append(pool.submit(pages, ec2.get_paginator("describe_snapshots"), "Snapshots", OwnerIds=["self"], PaginationConfig={"PageSize": 1000}))
            jobs.append(
                pool.submit(
                    pages,
                    ec2.get_paginator("describe_snapshots"),
                    "Snapshots",
                    OwnerIds=["self"],
                    RestorableByUserIds=["all"],
                    PaginationConfig={"PageSize": 1000},
                )
            )
            jobs.append(pool.submit(pages, ec2.get_paginator("describe_launch_template_versions"), "LaunchTemplateVersions", Versions=["$Default"]))
            for call in (ec2.get_ebs_encryption_by_default, ec2.get_ebs_default_kms_key_id, ec2.get_snapshot_block_public_access_state):
                jobs.append(pool.submit(try_, call))

            def keys(kms=kms):
                found = pages(kms.get_paginator("list_keys"), "Keys")
                pages(kms.get_paginator("list_aliases"), "Aliases")
                for key in found:
                    for call, more in ((kms.describe_key, {}), (kms.get_key_rotation_status, {}), (kms.get_key_policy, {"PolicyName": "default"})):
                        facts.append(pool.submit(try_, call, KeyId=key["KeyArn"], **more))
                counts["keys"] += len(found)

            jobs.append(pool.submit(keys))
        for bucket in pages(buckets[regions[0]].get_paginator("list_buckets"), "Buckets", PaginationConfig={"PageSize": 1000}):
            s3 = buckets.get(bucket["BucketRegion"]) or client("s3", bucket["BucketRegion"])
            counts["buckets"] += 1
            for call in (s3.get_bucket_encryption, s3.get_bucket_policy, s3.get_bucket_policy_status, s3.get_public_access_block):
                facts.append(pool.submit(try_, call, Bucket=bucket["Name"]))
        answers = [job.result() for job in jobs]
        for fact in facts:
            fact.result()
    counts["volumes"] = sum(len(answer) for answer in answers if isinstance(answer, list) and answer and "VolumeId" in answer[0] and "Size" in answer[0])
    print(json.dumps(counts))  # noqa: T201 - a program's output


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
