"""Every AWS operation enctop may call, and the permission it takes. A call that is not declared here cannot be made.

Names: API references of ACM, CloudFront, CloudTrail, EC2, EFS, EKS, Elastic Load Balancing (both versions), IAM, KMS,
RDS, S3, S3 Control and STS; permissions: Service Authorization Reference.
"""

import json
from typing import Literal

import msgspec

from providers.system import Blocks

Need = Literal["always", "role", "tag", "object_sample", "inventory", "who"]
_PREFIXES = {
    "s3control": "s3",
    "efs": "elasticfilesystem",
    "elb": "elasticloadbalancing",
    "elbv2": "elasticloadbalancing",
}
"""boto3's name of a service -> IAM's prefix, where it is another."""
_XML = frozenset({"ec2", "elb", "elbv2", "iam", "rds", "sts"})
"""Services whose answers are XML of one outermost element, `NAMEResponse`."""


class Call(msgspec.Struct, frozen=True):
    """One declared operation. `operation` is `service:Operation`, `permission` the IAM action, `family` the request
    budget it draws on.

    `need` is the setting without which it is never made (`always`: none). `root` is the outermost element of its
    answer, "" where that is JSON or bytes.
    """

    service: str
    name: str
    permission: str
    family: str
    need: Need = "always"
    root: str = ""

    @property
    def operation(self) -> str:
        """As errors and evidence name it: `ec2:DescribeVolumes`."""
        return f"{_PREFIXES.get(self.service, self.service)}:{self.name}"

    @property
    def method(self) -> str:
        """boto3's name of it."""
        from botocore import xform_name

        return str(xform_name(self.name))


def _call(
    service: str,
    name: str,
    permission: str | None = None,
    family: str | None = None,
    need: Need = "always",
    root: str = "",
) -> Call:
    root = root or (f"{name}Response" if service in _XML else "")
    prefix = _PREFIXES.get(service, service)
    call = Call(service, name, permission or f"{prefix}:{name}", family or service, need, root)
    CALLS[{"s3control": "Account", "elb": "Classic"}.get(service, "") + name] = call
    return call


CALLS: dict[str, Call] = {}

GET_CALLER_IDENTITY = _call("sts", "GetCallerIdentity")
ASSUME_ROLE = _call("sts", "AssumeRole", need="role")
DESCRIBE_REGIONS = _call("ec2", "DescribeRegions")

DESCRIBE_VOLUMES = _call("ec2", "DescribeVolumes", family="ec2:DescribeVolumes")
DESCRIBE_SNAPSHOTS = _call("ec2", "DescribeSnapshots", family="ec2:DescribeSnapshots")
GET_EBS_ENCRYPTION_BY_DEFAULT = _call("ec2", "GetEbsEncryptionByDefault")
GET_EBS_DEFAULT_KMS_KEY_ID = _call("ec2", "GetEbsDefaultKmsKeyId")
GET_SNAPSHOT_BLOCK_PUBLIC_ACCESS_STATE = _call("ec2", "GetSnapshotBlockPublicAccessState")
DESCRIBE_LAUNCH_TEMPLATE_VERSIONS = _call("ec2", "DescribeLaunchTemplateVersions")

LIST_BUCKETS = _call("s3", "ListBuckets", "s3:ListAllMyBuckets", root="ListAllMyBucketsResult")
GET_BUCKET_LOCATION = _call("s3", "GetBucketLocation", root="LocationConstraint")
GET_BUCKET_ENCRYPTION = _call("s3", "GetBucketEncryption", "s3:GetEncryptionConfiguration")
GET_BUCKET_POLICY = _call("s3", "GetBucketPolicy")
GET_BUCKET_POLICY_STATUS = _call("s3", "GetBucketPolicyStatus")
GET_PUBLIC_ACCESS_BLOCK = _call("s3", "GetPublicAccessBlock", "s3:GetBucketPublicAccessBlock")
GET_ACCOUNT_PUBLIC_ACCESS_BLOCK = _call(
    "s3control", "GetPublicAccessBlock", "s3:GetAccountPublicAccessBlock", root="PublicAccessBlockConfiguration"
)
GET_BUCKET_TAGGING = _call("s3", "GetBucketTagging", need="tag", root="Tagging")
LIST_OBJECTS_V2 = _call("s3", "ListObjectsV2", "s3:ListBucket", need="object_sample", root="ListBucketResult")
HEAD_OBJECT = _call("s3", "HeadObject", "s3:GetObject", need="object_sample")
LIST_BUCKET_INVENTORY_CONFIGURATIONS = _call(
    "s3",
    "ListBucketInventoryConfigurations",
    "s3:GetInventoryConfiguration",
    need="inventory",
    root="ListInventoryConfigurationsResult",
)
LIST_INVENTORY_REPORTS = msgspec.structs.replace(LIST_OBJECTS_V2, need="inventory")
GET_INVENTORY_REPORT = _call("s3", "GetObject", need="inventory")

LIST_KEYS = _call("kms", "ListKeys")
LIST_ALIASES = _call("kms", "ListAliases")
DESCRIBE_KEY = _call("kms", "DescribeKey")
GET_KEY_ROTATION_STATUS = _call("kms", "GetKeyRotationStatus")
GET_KEY_POLICY = _call("kms", "GetKeyPolicy")

GET_ACCOUNT_SUMMARY = _call("iam", "GetAccountSummary")
GENERATE_CREDENTIAL_REPORT = _call("iam", "GenerateCredentialReport")
GET_CREDENTIAL_REPORT = _call("iam", "GetCredentialReport")
LIST_VIRTUAL_MFA_DEVICES = _call("iam", "ListVirtualMFADevices")

DESCRIBE_DB_INSTANCES = _call("rds", "DescribeDBInstances")
DESCRIBE_DB_CLUSTERS = _call("rds", "DescribeDBClusters")
DESCRIBE_DB_SNAPSHOTS = _call("rds", "DescribeDBSnapshots")
DESCRIBE_DB_CLUSTER_SNAPSHOTS = _call("rds", "DescribeDBClusterSnapshots")
DESCRIBE_DB_SNAPSHOT_ATTRIBUTES = _call("rds", "DescribeDBSnapshotAttributes")
DESCRIBE_DB_CLUSTER_SNAPSHOT_ATTRIBUTES = _call("rds", "DescribeDBClusterSnapshotAttributes")

DESCRIBE_FILE_SYSTEMS = _call("efs", "DescribeFileSystems")

LIST_CLUSTERS = _call("eks", "ListClusters")
DESCRIBE_CLUSTER = _call("eks", "DescribeCluster")

DESCRIBE_LOAD_BALANCERS = _call("elbv2", "DescribeLoadBalancers")
DESCRIBE_LISTENERS = _call("elbv2", "DescribeListeners")
DESCRIBE_RULES = _call("elbv2", "DescribeRules")
DESCRIBE_SSL_POLICIES = _call("elbv2", "DescribeSSLPolicies")
DESCRIBE_TAGS = _call("elbv2", "DescribeTags", need="tag")
DESCRIBE_CLASSIC = _call("elb", "DescribeLoadBalancers")
DESCRIBE_CLASSIC_POLICIES = _call("elb", "DescribeLoadBalancerPolicies")
DESCRIBE_CLASSIC_TAGS = _call("elb", "DescribeTags", need="tag")

LIST_CERTIFICATES = _call("acm", "ListCertificates")
DESCRIBE_CERTIFICATE = _call("acm", "DescribeCertificate")
LIST_CERTIFICATE_TAGS = _call("acm", "ListTagsForCertificate", need="tag")

LIST_DISTRIBUTIONS = _call("cloudfront", "ListDistributions", root="DistributionList")
GET_VPC_ORIGIN = _call("cloudfront", "GetVpcOrigin", root="VpcOrigin")
LIST_DISTRIBUTION_TAGS = _call("cloudfront", "ListTagsForResource", need="tag", root="Tags")

LOOKUP_EVENTS = _call("cloudtrail", "LookupEvents", need="who")

# Requests a period, the period in seconds, and how many under way, per account and region. EC2 refills 20 a second into
# a bucket of 100 for each
# action and shares it with every other tool of the account (EC2 request throttling): half of it is taken. The others
# publish no rate for these reads; they answer SlowDown or ThrottlingException, and the lane shrinks. Each version of
# Elastic Load Balancing refills 10 Describe calls a second into a bucket of 40 (its user guide): half of it is taken.
# ACM and CloudFront: as gently. CloudTrail answers two lookups a second and no more (LookupEvents): half of it is
# taken.
BUDGETS: dict[str, tuple[int, float, int]] = {
    "ec2:DescribeVolumes": (50, 5.0, 4),
    "ec2:DescribeSnapshots": (50, 5.0, 4),
    "ec2": (50, 5.0, 8),
    "s3": (1000, 1.0, 48),
    "s3control": (10, 1.0, 2),
    "kms": (100, 1.0, 16),
    "iam": (10, 1.0, 2),
    "rds": (10, 1.0, 4),
    "efs": (5, 1.0, 2),
    "eks": (10, 1.0, 4),
    "sts": (10, 1.0, 2),
    "elbv2": (20, 4.0, 8),
    "elb": (20, 4.0, 4),
    "acm": (20, 4.0, 4),
    "cloudfront": (10, 2.0, 2),
    "cloudtrail": (1, 1.0, 1),
}


_SIDS: dict[Need, str] = {
    "always": "EnctopPosture",
    "tag": "EnctopPosture",
    "role": "EnctopAssumeRole",
    "object_sample": "EnctopObjectSample",
    "inventory": "EnctopInventory",
    "who": "EnctopWho",
}


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy aws`: the least IAM policy as JSON."""
    return json.dumps(policy(needs), indent=2) + "\n"


def policy(needs: frozenset[str]) -> dict[str, object]:
    """The least IAM policy, as a JSON object: the permissions of every call that enctop can make with the settings
    `needs`, and of no other.
    """
    actions: dict[str, set[str]] = {}
    for call in (*CALLS.values(), LIST_INVENTORY_REPORTS):
        if call.need in {"always", *needs}:
            actions.setdefault(_SIDS[call.need], set()).add(call.permission)
    return {
        "Version": "2012-10-17",
        "Statement": [
            {"Sid": sid, "Effect": "Allow", "Action": sorted(found), "Resource": "*"}
            for sid, found in sorted(actions.items(), reverse=True)
        ],
    }
