"""The reads that moto answers wrongly or slowly, answered here from what moto keeps. Everything else, and every write,
is moto's own.

moto 5.2.5 pages neither volumes, snapshots, keys, aliases nor buckets, leaves fields out, and needs 0.2 ms a row; a
page here costs a few milliseconds, so that who measures a client measures the client.
"""

from collections.abc import Callable

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import OPTED_OUT, error
from providers.demo.aws.answers import acm, cloudfront, cloudtrail, ebs, eks, elb, iam, kms, launch, regions, s3
from providers.demo.aws.request import Asked
from providers.demo.paging import BadToken

TABLE: dict[str, Callable[[Asked, Environ], Answer | None]] = {
    "ec2:DescribeVolumes": ebs.describe_volumes,
    "ec2:DescribeSnapshots": ebs.describe_snapshots,
    "ec2:GetEbsEncryptionByDefault": ebs.get_ebs_encryption_by_default,
    "ec2:GetEbsDefaultKmsKeyId": ebs.get_ebs_default_kms_key_id,
    "ec2:GetSnapshotBlockPublicAccessState": ebs.get_snapshot_block_public_access_state,
    "ec2:EnableSnapshotBlockPublicAccess": ebs.enable_snapshot_block_public_access,
    "ec2:DisableSnapshotBlockPublicAccess": ebs.disable_snapshot_block_public_access,
    "ec2:DescribeLaunchTemplateVersions": launch.describe_launch_template_versions,
    "ec2:DescribeRegions": regions.describe_regions,
    "eks:DescribeCluster": eks.describe_cluster,
    "iam:GetAccountSummary": iam.get_account_summary,
    "iam:GenerateCredentialReport": iam.generate_credential_report,
    "iam:GetCredentialReport": iam.get_credential_report,
    "iam:ListVirtualMFADevices": iam.list_virtual_mfa_devices,
    "kms:ListKeys": kms.list_keys,
    "kms:ListAliases": kms.list_aliases,
    "kms:DescribeKey": kms.describe_key,
    "kms:GetKeyRotationStatus": kms.get_key_rotation_status,
    "kms:GetKeyPolicy": kms.get_key_policy,
    "s3:ListBuckets": s3.list_buckets,
    "s3:HeadBucket": s3.head_bucket,
    "s3:GetBucketLocation": s3.get_bucket_location,
    "s3:GetBucketEncryption": s3.get_bucket_encryption,
    "s3:GetBucketPolicy": s3.get_bucket_policy,
    "s3:GetBucketPolicyStatus": s3.get_bucket_policy_status,
    "s3:GetPublicAccessBlock": s3.get_public_access_block,
    "s3:GetBucketTagging": s3.get_bucket_tagging,
    "s3:ListBucketInventoryConfigurations": s3.list_bucket_inventory_configurations,
    "s3:PutObject": s3.put_object,
    "s3:HeadObject": s3.object_of_the_customer,
    "s3:GetObject": s3.object_of_the_customer,
    "elasticloadbalancing:DescribeLoadBalancers": elb.describe_load_balancers,
    "elasticloadbalancing:DescribeListeners": elb.describe_listeners,
    "elasticloadbalancing:DescribeRules": elb.describe_rules,
    "elasticloadbalancing:DescribeSSLPolicies": elb.describe_ssl_policies,
    "elasticloadbalancing:DescribeLoadBalancerPolicies": elb.describe_load_balancer_policies,
    "acm:ListCertificates": acm.list_certificates,
    "cloudfront:ListDistributions": cloudfront.list_distributions,
    "cloudfront:GetVpcOrigin": cloudfront.get_vpc_origin,
    "cloudtrail:LookupEvents": cloudtrail.lookup_events,
    "s3control:GetPublicAccessBlock": s3.get_account_public_access_block,
}


_BAD_TOKEN = {
    "ec2": "InvalidParameterValue",
    "kms": "InvalidMarkerException",
    "elasticloadbalancing": "ValidationError",
    "acm": "InvalidArgsException",
}


def answer(asked: Asked, environ: Environ) -> Answer | None:
    """Our own answer, or None where moto's will do."""
    if asked.service in OPTED_OUT.keys() - {"sts"} and not regions.enabled(asked.account, asked.region):
        spelling = OPTED_OUT[asked.service]
        return error(
            asked.service,
            spelling.status,
            spelling.code,
            "AWS was not able to validate the provided access credentials",
        )
    ours = TABLE.get(asked.operation)
    if ours is None:
        return None
    try:
        return ours(asked, environ)
    except BadToken:
        code = _BAD_TOKEN.get(asked.service, "InvalidArgument")
        return error(asked.service, 400, code, "The token is not valid")
