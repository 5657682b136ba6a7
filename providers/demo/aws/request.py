"""What an HTTP request asks of AWS: which operation, of which account and region, about what."""

import io
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from providers.demo.answer import Environ

S3_SUBRESOURCES = {
    "accelerate": "BucketAccelerateConfiguration",
    "acl": "BucketAcl",
    "analytics": "BucketAnalyticsConfiguration",
    "cors": "BucketCors",
    "encryption": "BucketEncryption",
    "inventory": "BucketInventoryConfiguration",
    "lifecycle": "BucketLifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotificationConfiguration",
    "object-lock": "ObjectLockConfiguration",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "policyStatus": "BucketPolicyStatus",
    "publicAccessBlock": "PublicAccessBlock",
    "replication": "BucketReplication",
    "requestPayment": "BucketRequestPayment",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
    "website": "BucketWebsite",
}
"""Query key -> noun of the operation; the verb is the HTTP method's."""
S3_OBJECT_SUBRESOURCES = {
    "acl": "ObjectAcl",
    "attributes": "ObjectAttributes",
    "encryption": "ObjectEncryption",
    "legal-hold": "ObjectLegalHold",
    "retention": "ObjectRetention",
    "tagging": "ObjectTagging",
}
VERBS = {"GET": "Get", "PUT": "Put", "DELETE": "Delete", "HEAD": "Head", "POST": "Post"}
NAMED_BY = (
    "KeyId",
    "AliasName",
    "RoleArn",
    "VolumeId.1",
    "SnapshotId",
    "SnapshotId.1",
    "LaunchTemplateId",
    "InstanceId.1",
    "ResourceId.1",
    "DBSnapshotIdentifier",
    "DBClusterSnapshotIdentifier",
    "DBInstanceIdentifier",
    "DBClusterIdentifier",
    "UserName",
    "ListenerArn",
    "LoadBalancerArn",
    "LoadBalancerName",
    "CertificateArn",
)
"""Parameters that name what a request is about; the first that is there is its resource."""


class Asked(msgspec.Struct, frozen=True):
    """One request, as the log shows it and as faults match it.

    `operation` is `service:Operation` as IAM and the API references spell the API call (`s3:GetBucketEncryption`).
    `resource` is the bucket, `bucket/key`, key id, alias, role or volume id the request names, "" where it names none.
    `signed_for` is the access key id.
    """

    service: str
    operation: str
    account: str
    region: str
    resource: str
    signed_for: str
    method: str
    parameters: Mapping[str, Any]

    @property
    def bucket(self) -> str:
        """The bucket an S3 request names, else ""."""
        return self.resource.partition("/")[0] if self.service == "s3" else ""

    def listed(self, name: str) -> list[str]:
        """The values of a list parameter of a query API: `VolumeId.1`, `VolumeId.2`..."""
        values: list[str] = []
        while (value := self.parameters.get(f"{name}.{len(values) + 1}")) is not None:
            values.append(str(value))
        return values

    def filters(self) -> dict[str, list[str]]:
        """The `Filters` of an EC2 request, name -> values."""
        found: dict[str, list[str]] = {}
        while (name := self.parameters.get(f"Filter.{len(found) + 1}.Name")) is not None:
            found[str(name)] = self.listed(f"Filter.{len(found) + 1}.Value")
        return found


def read(environ: Environ) -> Asked:
    """Read a request off its WSGI environment; the body can be read again afterwards. What cannot be read is
    `unknown:Unknown`.
    """
    access_key, region, service = _signed(environ)
    if service == "s3" and environ["PATH_INFO"].startswith("/v20180820/"):
        service = "s3control"
    operation, resource, parameters = _READERS.get(service, _unknown)(environ)
    return Asked(
        service=service,
        operation=f"{service}:{operation}",
        account=_account(access_key),
        region=region,
        resource=resource,
        signed_for=access_key,
        method=environ["REQUEST_METHOD"],
        parameters=parameters,
    )


def _signed(environ: Environ) -> tuple[str, str, str]:
    """Access key, region and service out of `AWS4-HMAC-SHA256 Credential=KEY/20261123/us-east-1/ec2/aws4_request,
    ...`.
    """
    scope = environ.get("HTTP_AUTHORIZATION", "").partition("Credential=")[2].partition(",")[0].split("/")
    return (scope[0], scope[2], scope[3].lower()) if len(scope) == 5 else ("", "us-east-1", "unknown")


def _account(access_key: str) -> str:
    """moto keeps whose an access key is: the default account's, or that of the role it was given for."""
    from moto.iam.models import get_account_id_from

    return str(get_account_id_from(access_key))


def _body(environ: Environ) -> bytes:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)


def _query(environ: Environ) -> dict[str, Any]:
    return dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))


def _named(parameters: Mapping[str, Any]) -> str:
    return next((str(parameters[name]) for name in NAMED_BY if name in parameters), "")


def _form(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    """The query protocol of EC2, STS, IAM and Elastic Load Balancing."""
    parameters = _query(environ) | dict(parse_qsl(_body(environ).decode(errors="replace"), keep_blank_values=True))
    return str(parameters.get("Action", "Unknown")), _named(parameters), parameters


def _json(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    """The JSON protocol of KMS, ACM and CloudTrail."""
    try:
        parameters = json.loads(_body(environ) or b"{}")
    except ValueError:
        parameters = {}
    return environ.get("HTTP_X_AMZ_TARGET", "Unknown").rpartition(".")[2], _named(parameters), parameters


def _s3(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    bucket, _, key = unquote(environ["PATH_INFO"]).lstrip("/").partition("/")
    query, method = _query(environ), environ["REQUEST_METHOD"]
    if key:
        return _object_operation(method, query), f"{bucket}/{key}", query
    return _bucket_operation(method, query, bucket), bucket, query


def _bucket_operation(method: str, query: Mapping[str, str], bucket: str) -> str:
    verb = VERBS.get(method, method.title())
    if not bucket:
        return "ListBuckets" if method == "GET" else "Unknown"
    if method == "GET" and query.get("list-type") == "2":
        return "ListObjectsV2"
    if method == "GET" and "versions" in query:
        return "ListObjectVersions"
    if method == "GET" and "uploads" in query:
        return "ListMultipartUploads"
    if method == "GET" and "inventory" in query and "id" not in query:
        return "ListBucketInventoryConfigurations"
    for key, noun in S3_SUBRESOURCES.items():
        if key in query:
            return verb + noun
    if method == "POST" and "delete" in query:
        return "DeleteObjects"
    return {"GET": "ListObjects", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "HEAD": "HeadBucket"}.get(
        method, f"{verb}Bucket"
    )


def _object_operation(method: str, query: Mapping[str, str]) -> str:
    verb = VERBS.get(method, method.title())
    for key, noun in S3_OBJECT_SUBRESOURCES.items():
        if key in query:
            return verb + noun
    return f"{verb}Object"


def _s3control(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    """S3 Control names its account in a header (and most clients in the host too, which does not matter here)."""
    account = environ.get("HTTP_X_AMZ_ACCOUNT_ID", "")
    last = environ["PATH_INFO"].rpartition("/")[2]
    return VERBS.get(environ["REQUEST_METHOD"], "") + last[:1].upper() + last[1:], account, {"AccountId": account}


def _rest(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    """The services that are asked by method and path: EFS and EKS. The resource is what the path names last."""
    method, path = environ["REQUEST_METHOD"], unquote(environ["PATH_INFO"]).rstrip("/")
    operation = next((name for verb, shape, name in _PATHS if verb == method and shape.fullmatch(path)), None)
    named = path.rpartition("/")[2] if operation is not None and not operation.endswith("s") else ""
    return operation or f"{VERBS.get(method, method)}{path}", named, _query(environ)


_PATHS = (
    ("GET", re.compile(r"/2015-02-01/file-systems"), "DescribeFileSystems"),
    ("POST", re.compile(r"/2015-02-01/file-systems"), "CreateFileSystem"),
    ("GET", re.compile(r"/clusters"), "ListClusters"),
    ("POST", re.compile(r"/clusters"), "CreateCluster"),
    ("GET", re.compile(r"/clusters/[^/]+"), "DescribeCluster"),
)


def _cloudfront(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    """`/2020-05-31/distribution`, and `/tagging?Resource=ARN`."""
    _, _, noun, *named = [*environ["PATH_INFO"].split("/"), ""][:4]
    query, method = _query(environ), environ["REQUEST_METHOD"]
    if noun == "tagging":
        return "ListTagsForResource" if method == "GET" else "Unknown", query.get("Resource", ""), query
    name = "".join(word.title() for word in noun.split("-"))
    if method == "GET" and not named[0]:
        return f"List{name}s", "", query
    return f"{VERBS.get(method, '')}{name}", named[0], query


def _unknown(environ: Environ) -> tuple[str, str, dict[str, Any]]:
    return environ.get("HTTP_X_AMZ_TARGET", "Unknown").rpartition(".")[2], "", {}


_READERS = {
    **dict.fromkeys(("ec2", "elasticloadbalancing", "iam", "rds", "sts"), _form),
    **dict.fromkeys(("eks", "elasticfilesystem"), _rest),
    **dict.fromkeys(("acm", "cloudtrail", "kms"), _json),
    "cloudfront": _cloudfront,
    "s3": _s3,
    "s3control": _s3control,
}
