"""What a good engineer writes in an afternoon: boto3, 32 threads, the same facts. `plain_boto3.py URL REGION...`
prints what it counted as JSON.
"""

import json
import sys
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

THREADS = 32


class Reader:
    """Clients of one endpoint, and the pool that uses them."""

    def __init__(self, url: str, home: str, pool: ThreadPoolExecutor) -> None:
        self._session = boto3.Session(region_name=home)
        self._more = {
            "endpoint_url": url,
            "config": Config(
                max_pool_connections=THREADS, retries={"mode": "standard"}, s3={"addressing_style": "path"}
            ),
        }
        self.pool = pool
        self.facts: list[Future[Any]] = []
        self.counts: Counter[str] = Counter()

    def client(self, service: str, region: str) -> Any:
        return self._session.client(service, region_name=region, **self._more)

    def ask(self, call: Any, **arguments: Any) -> None:
        self.facts.append(self.pool.submit(_answer, call, arguments))

    def listed(self, client: Any, operation: str, key: str, **arguments: Any) -> list[dict[str, Any]]:
        found = [item for page in client.get_paginator(operation).paginate(**arguments) for item in page[key]]
        self.counts[operation] += len(found)
        return found


def _answer(call: Any, arguments: dict[str, Any]) -> Any:
    try:
        return call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"]


def _region(reader: Reader, region: str) -> None:
    ec2, kms, page = reader.client("ec2", region), reader.client("kms", region), {"PageSize": 1000}
    listings: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("describe_volumes", "Volumes", {"PaginationConfig": page}),
        ("describe_snapshots", "Snapshots", {"OwnerIds": ["self"], "PaginationConfig": page}),
        (
            "describe_snapshots",
            "Snapshots",
            {"OwnerIds": ["self"], "RestorableByUserIds": ["all"], "PaginationConfig": page},
        ),
        ("describe_launch_template_versions", "LaunchTemplateVersions", {"Versions": ["$Default"]}),
    )
    for operation, key, arguments in listings:
        reader.facts.append(reader.pool.submit(reader.listed, ec2, operation, key, **arguments))
    for call in (
        ec2.get_ebs_encryption_by_default,
        ec2.get_ebs_default_kms_key_id,
        ec2.get_snapshot_block_public_access_state,
    ):
        reader.ask(call)
    reader.facts.append(reader.pool.submit(reader.listed, kms, "list_aliases", "Aliases"))
    for held in reader.listed(kms, "list_keys", "Keys"):
        reader.ask(kms.describe_key, KeyId=held["KeyArn"])
        reader.ask(kms.get_key_rotation_status, KeyId=held["KeyArn"])
        reader.ask(kms.get_key_policy, KeyId=held["KeyArn"], PolicyName="default")


def _edge(reader: Reader, region: str) -> None:
    """Load balancers with their listeners and rules, certificates with their renewals."""
    elbv2, elb, acm = (reader.client(service, region) for service in ("elbv2", "elb", "acm"))
    reader.ask(elbv2.describe_ssl_policies)
    balancers = reader.listed(elbv2, "describe_load_balancers", "LoadBalancers")
    answers = [reader.pool.submit(elbv2.describe_listeners, LoadBalancerArn=b["LoadBalancerArn"]) for b in balancers]
    for answer in answers:
        for listener in answer.result()["Listeners"]:
            if listener.get("Protocol") in {"HTTP", "HTTPS"}:
                reader.ask(elbv2.describe_rules, ListenerArn=listener["ListenerArn"])
    for balancer in reader.listed(elb, "describe_load_balancers", "LoadBalancerDescriptions"):
        reader.ask(elb.describe_load_balancer_policies, LoadBalancerName=balancer["LoadBalancerName"])
    every = {"keyTypes": acm.meta.service_model.shape_for("KeyAlgorithm").enum}
    for certificate in reader.listed(acm, "list_certificates", "CertificateSummaryList", Includes=every):
        if certificate["InUse"]:
            reader.ask(acm.describe_certificate, CertificateArn=certificate["CertificateArn"])


def _stores(reader: Reader, region: str) -> None:
    """Databases and their snapshots, those of them that may be public, file systems and clusters."""
    rds, efs, eks = (reader.client(service, region) for service in ("rds", "efs", "eks"))
    for operation, key in (("describe_db_instances", "DBInstances"), ("describe_db_clusters", "DBClusters")):
        reader.facts.append(reader.pool.submit(reader.listed, rds, operation, key))
    for one in reader.listed(rds, "describe_db_snapshots", "DBSnapshots"):
        if not one["Encrypted"] and one["SnapshotType"] == "manual":
            name = one["DBSnapshotIdentifier"]
            reader.ask(rds.describe_db_snapshot_attributes, DBSnapshotIdentifier=name)
    for one in reader.listed(rds, "describe_db_cluster_snapshots", "DBClusterSnapshots"):
        if not one["StorageEncrypted"] and one["SnapshotType"] == "manual":
            name = one["DBClusterSnapshotIdentifier"]
            reader.ask(rds.describe_db_cluster_snapshot_attributes, DBClusterSnapshotIdentifier=name)
    reader.facts.append(reader.pool.submit(reader.listed, efs, "describe_file_systems", "FileSystems"))
    for page in eks.get_paginator("list_clusters").paginate():
        for name in page["clusters"]:
            reader.ask(eks.describe_cluster, name=name)


def _people(reader: Reader, region: str) -> None:
    """Who has a second factor."""
    iam = reader.client("iam", region)
    reader.ask(iam.get_account_summary)
    reader.facts.append(reader.pool.submit(reader.listed, iam, "list_virtual_mfa_devices", "VirtualMFADevices"))
    if _answer(iam.get_credential_report, {}) == "ReportNotPresent":
        iam.generate_credential_report()
        reader.ask(iam.get_credential_report)


def _distributions(reader: Reader, region: str) -> None:
    cloudfront = reader.client("cloudfront", region)
    for page in cloudfront.get_paginator("list_distributions").paginate():
        for distribution in page["DistributionList"].get("Items", []):
            for origin in distribution["Origins"]["Items"]:
                if "VpcOriginConfig" in origin:
                    reader.ask(cloudfront.get_vpc_origin, Id=origin["VpcOriginConfig"]["VpcOriginId"])


def main(url: str, regions: list[str]) -> None:
    """Read everything once."""
    with ThreadPoolExecutor(THREADS) as pool:
        reader = Reader(url, regions[0], pool)
        reader.client("sts", regions[0]).get_caller_identity()
        reader.client("ec2", regions[0]).describe_regions(AllRegions=True)
        for region in regions:
            _region(reader, region)
            _edge(reader, region)
            _stores(reader, region)
        _distributions(reader, regions[0])
        _people(reader, regions[0])
        clients = {region: reader.client("s3", region) for region in regions}
        for bucket in reader.listed(
            clients[regions[0]], "list_buckets", "Buckets", PaginationConfig={"PageSize": 1000}
        ):
            s3 = clients[bucket["BucketRegion"]]
            for call in (
                s3.get_bucket_encryption,
                s3.get_bucket_policy,
                s3.get_bucket_policy_status,
                s3.get_public_access_block,
            ):
                reader.ask(call, Bucket=bucket["Name"])
        for fact in reader.facts:
            fact.result()
    sys.stdout.write(json.dumps(reader.counts) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
