"""Buckets: paged with their region, asked in their own region, and with the fields moto drops."""

from typing import Any
from xml.sax.saxutils import escape

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import S3_XML, error, xml
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_BUCKETS = 10_000
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
CUSTOMER_ALGORITHM = "HTTP_X_AMZ_SERVER_SIDE_ENCRYPTION_CUSTOMER_ALGORITHM"
BLOCKS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def list_buckets(asked: Asked, environ: Environ) -> Answer:
    """By name. `BucketRegion` is said when the question is paged, as S3 does."""
    query = asked.parameters
    prefix, region = query.get("prefix", ""), query.get("bucket-region")
    buckets = [
        b
        for b in list(_backend(asked).buckets.values())
        if b.name.startswith(prefix) and region in (None, b.region_name)
    ]
    paged = "max-buckets" in query
    shown, token = page(
        buckets,
        lambda bucket: str(bucket.name),
        int(query.get("max-buckets", MAX_BUCKETS)),
        query.get("continuation-token"),
    )
    rows = "".join(_bucket_xml(bucket, paged) for bucket in shown)
    tail = f"<ContinuationToken>{token}</ContinuationToken>" if token else ""
    owner = f"<Owner><ID>{asked.account.rjust(64, '0')}</ID></Owner>"
    return xml(
        "s3", f"<ListAllMyBucketsResult {NAMESPACE}>{owner}<Buckets>{rows}</Buckets>{tail}</ListAllMyBucketsResult>"
    )


def head_bucket(asked: Asked, environ: Environ) -> Answer:
    """Says the bucket's region even to who asks in the wrong one."""
    bucket = _bucket(asked, anywhere=True)
    if isinstance(bucket, Answer):
        return bucket
    return Answer(
        200 if bucket.region_name == asked.region else 301,
        b"",
        {"x-amz-bucket-region": bucket.region_name, "content-type": S3_XML},
    )


def get_bucket_location(asked: Asked, environ: Environ) -> Answer:
    """Empty for us-east-1. Answered in every region."""
    bucket = _bucket(asked, anywhere=True)
    if isinstance(bucket, Answer):
        return bucket
    return xml(
        "s3",
        "<LocationConstraint"
        f" {NAMESPACE}>{'' if bucket.region_name == 'us-east-1' else bucket.region_name}</LocationConstraint>",
    )


def get_bucket_encryption(asked: Asked, environ: Environ) -> Answer:
    """The default rule with its `BlockedEncryptionTypes`."""
    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    if not bucket.encryption:
        return _error(
            asked,
            404,
            "ServerSideEncryptionConfigurationNotFoundError",
            "The server side encryption configuration was not found",
        )
    rule = bucket.encryption["Rule"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    key = (
        f"<KMSMasterKeyID>{escape(default['KMSMasterKeyID'])}</KMSMasterKeyID>" if default.get("KMSMasterKeyID") else ""
    )
    inner = f"<SSEAlgorithm>{default['SSEAlgorithm']}</SSEAlgorithm>{key}"
    inner = f"<ApplyServerSideEncryptionByDefault>{inner}</ApplyServerSideEncryptionByDefault>"
    inner += f"<BucketKeyEnabled>{str(rule.get('BucketKeyEnabled', False)).lower()}</BucketKeyEnabled>"
    if blocked := _blocked(rule):
        names = "".join(f"<EncryptionType>{name}</EncryptionType>" for name in blocked)
        inner += f"<BlockedEncryptionTypes>{names}</BlockedEncryptionTypes>"
    return xml(
        "s3", f"<ServerSideEncryptionConfiguration {NAMESPACE}><Rule>{inner}</Rule></ServerSideEncryptionConfiguration>"
    )


def get_bucket_policy(asked: Asked, environ: Environ) -> Answer:
    """The policy as it was put, byte for byte."""
    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    if not bucket.policy:
        return _error(asked, 404, "NoSuchBucketPolicy", "The bucket policy does not exist")
    return Answer(
        200,
        bucket.policy if isinstance(bucket.policy, bytes) else bucket.policy.encode(),
        {"content-type": "application/json"},
    )


def get_bucket_policy_status(asked: Asked, environ: Environ) -> Answer:
    """Whether the policy opens the bucket to everybody."""
    from moto.s3.utils import bucket_policy_is_public

    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    if not bucket.policy:
        return _error(asked, 404, "NoSuchBucketPolicy", "The bucket policy does not exist")
    public = "true" if bucket_policy_is_public(bucket.policy) else "false"
    return xml("s3", f"<PolicyStatus {NAMESPACE}><IsPublic>{public}</IsPublic></PolicyStatus>")


def get_public_access_block(asked: Asked, environ: Environ) -> Answer:
    """The bucket's own."""
    bucket = _bucket(asked)
    return bucket if isinstance(bucket, Answer) else _block_xml(asked, bucket.public_access_block)


def get_account_public_access_block(asked: Asked, environ: Environ) -> Answer:
    """The account's, which S3 Control keeps; it is asked of one's own account only."""
    from moto.s3control.models import s3control_backends

    if asked.parameters["AccountId"] != asked.account:
        return _error(asked, 403, "AccessDenied", "Access Denied")
    return _block_xml(asked, s3control_backends[asked.account]["aws"].public_access_block)


def get_bucket_tagging(asked: Asked, environ: Environ) -> Answer:
    """The bucket's tags, NoSuchTagSet when it has none."""
    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    tags = _backend(asked).tagger.get_tag_dict_for_resource(bucket.arn)
    if not tags:
        return _error(asked, 404, "NoSuchTagSet", "The TagSet does not exist")
    rows = "".join(
        f"<Tag><Key>{escape(key)}</Key><Value>{escape(value or '')}</Value></Tag>" for key, value in tags.items()
    )
    return xml("s3", f"<Tagging {NAMESPACE}><TagSet>{rows}</TagSet></Tagging>")


def list_bucket_inventory_configurations(asked: Asked, environ: Environ) -> Answer:
    """Whole, with `IncludedObjectVersions` and `OptionalFields` as they were put."""
    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    rows = "".join(_inventory_xml(inventory) for inventory in bucket.inventory_configs.values())
    root = "ListInventoryConfigurationsResult"
    return xml("s3", f"<{root} {NAMESPACE}>{rows}<IsTruncated>false</IsTruncated></{root}>")


def put_object(asked: Asked, environ: Environ) -> Answer | None:
    """moto's, but an upload with a key of the customer's own is refused where the bucket blocks it, and remembered
    where it does not.
    """
    if CUSTOMER_ALGORITHM not in environ:
        return None
    bucket = _bucket(asked)
    if isinstance(bucket, Answer):
        return bucket
    if "SSE-C" in _blocked((bucket.encryption or {}).get("Rule", {})):
        return _error(
            asked, 403, "AccessDenied", "The bucket does not allow server-side encryption with customer provided keys"
        )
    bucket.of_the_customer = getattr(bucket, "of_the_customer", frozenset()) | {asked.resource.partition("/")[2]}
    return None


def object_of_the_customer(asked: Asked, environ: Environ) -> Answer | None:
    """400 for an object whose key only the customer has, when the request does not bring that key; else moto's."""
    bucket = _bucket(asked, anywhere=True)
    if isinstance(bucket, Answer):
        return bucket
    if CUSTOMER_ALGORITHM in environ or asked.resource.partition("/")[2] not in getattr(bucket, "of_the_customer", ()):
        return None
    words = (
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to"
        " retrieve the object."
    )
    return _error(asked, 400, "InvalidRequest", words)


def _backend(asked: Asked) -> Any:
    from moto.s3.models import s3_backends

    return s3_backends[asked.account]["aws"]


def _bucket(asked: Asked, *, anywhere: bool = False) -> Any:
    """The bucket asked about, or S3's refusal: gone, another account's, or asked in another region than its own."""
    from moto.s3.models import s3_backends

    bucket = _backend(asked).buckets.get(asked.bucket)
    if bucket is None and asked.bucket in s3_backends.bucket_accounts:
        return _error(asked, 403, "AccessDenied", "Access Denied")
    if bucket is None:
        return _error(asked, 404, "NoSuchBucket", "The specified bucket does not exist")
    if not anywhere and bucket.region_name != asked.region:
        words = "The bucket you are attempting to access must be addressed using the specified endpoint."
        headers = {"x-amz-bucket-region": bucket.region_name}
        return error("s3", 301, "PermanentRedirect", words, headers, head=asked.method == "HEAD")
    return bucket


def _error(asked: Asked, status: int, code: str, message: str) -> Answer:
    return error(asked.service, status, code, message, head=asked.method == "HEAD")


def _blocked(rule: dict[str, Any]) -> list[str]:
    """moto keeps the XML as it parsed it: a single type is a string, several are a list."""
    blocked = (rule.get("BlockedEncryptionTypes") or {}).get("EncryptionType") or []
    return [blocked] if isinstance(blocked, str) else list(blocked)


def _bucket_xml(bucket: Any, paged: bool) -> str:
    region = f"<BucketRegion>{bucket.region_name}</BucketRegion>" if paged else ""
    created = f"<CreationDate>{bucket.creation_date_ISO8601}</CreationDate>"
    return f"<Bucket><Name>{bucket.name}</Name>{created}{region}</Bucket>"


def _block_xml(asked: Asked, block: Any) -> Answer:
    if not block:
        return _error(
            asked, 404, "NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found"
        )
    said = (block.block_public_acls, block.ignore_public_acls, block.block_public_policy, block.restrict_public_buckets)
    inner = "".join(f"<{name}>{str(bool(value)).lower()}</{name}>" for name, value in zip(BLOCKS, said, strict=True))
    return xml("s3", f"<PublicAccessBlockConfiguration {NAMESPACE}>{inner}</PublicAccessBlockConfiguration>")


def _inventory_xml(inventory: Any) -> str:
    destination = inventory.destination["S3BucketDestination"]
    prefix = f"<Prefix>{escape(destination['Prefix'])}</Prefix>" if destination.get("Prefix") else ""
    fields = inventory.optional_fields or []
    fields = fields.get("Field", []) if isinstance(fields, dict) else fields
    fields = [fields] if isinstance(fields, str) else fields
    narrowed = f"<Filter><Prefix>{escape(inventory.filters['Prefix'])}</Prefix></Filter>" if inventory.filters else ""
    return (
        f"<InventoryConfiguration><Id>{escape(inventory.id)}</Id><IsEnabled>{str(inventory.is_enabled).lower()}</IsEnabled>"
        f"<Destination><S3BucketDestination><Bucket>{destination['Bucket']}</Bucket>"
        f"<Format>{destination['Format']}</Format>{prefix}</S3BucketDestination></Destination>{narrowed}"
        f"<IncludedObjectVersions>{getattr(inventory, 'versions', 'All')}</IncludedObjectVersions>"
        f"<Schedule><Frequency>{inventory.schedule['Frequency']}</Frequency></Schedule>"
        f"<OptionalFields>{''.join(f'<Field>{name}</Field>' for name in fields)}</OptionalFields>"
        "</InventoryConfiguration>"
    )
