"""ListDistributions from what was asked for, where moto forgets VPC origins, certificates and headers; and the VPC
origins themselves, which it does not know.
"""

from collections.abc import Mapping
from typing import Any

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error
from providers.demo.aws.answers.written import written
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_ITEMS = 100
_LISTS = ("Aliases", "Origins", "CacheBehaviors", "OriginGroups", "CustomErrorResponses")


def list_distributions(asked: Asked, environ: Environ) -> Answer:
    """In pages of a hundred at most."""
    backend = backend_of(asked.account)
    limit = min(MAX_ITEMS, int(asked.parameters.get("MaxItems", MAX_ITEMS)))
    marker = asked.parameters.get("Marker") or None
    shown, token = page(backend.distributions.values(), lambda one: str(one.distribution_id), limit, marker)
    listed = {
        "Marker": marker or "",
        "NextMarker": token,
        "MaxItems": limit,
        "IsTruncated": token is not None,
        "Quantity": len(shown),
        "Items": list(map(_summary, shown)) or None,
    }
    return written("cloudfront", "ListDistributions", {"DistributionList": listed})


def get_vpc_origin(asked: Asked, environ: Environ) -> Answer:
    """How one is reached."""
    found = vpc_origins(asked.account).get(asked.resource)
    if found is None:
        return error(asked.service, 404, "EntityNotFound", "The VPC origin does not exist")
    origin = {"Id": asked.resource, "AccountId": asked.account, "Status": "Deployed", "VpcOriginEndpointConfig": found}
    return written("cloudfront", "GetVpcOrigin", {"VpcOrigin": origin})


def backend_of(account: str) -> Any:
    """What moto keeps of an account's CloudFront."""
    from moto.cloudfront.models import cloudfront_backends

    return cloudfront_backends[account]["aws"]


def vpc_origins(account: str) -> dict[str, dict[str, Any]]:
    """Id -> how it is reached (VpcOriginEndpointConfig)."""
    kept: dict[str, dict[str, Any]] = backend_of(account).__dict__.setdefault("vpc_origins", {})
    return kept


def _summary(one: Any) -> dict[str, Any]:
    asked_for: Mapping[str, Any] = one.asked_for
    viewer = {**asked_for.get("ViewerCertificate", {"CloudFrontDefaultCertificate": True})}
    if viewer.setdefault("CloudFrontDefaultCertificate", False):
        viewer |= {"MinimumProtocolVersion": "TLSv1", "SSLSupportMethod": "vip"}
    lists = {name: _quantified(asked_for.get(name) or {}) for name in _LISTS}
    lists["Origins"] = {
        **lists["Origins"],
        "Items": [
            {**origin, "CustomHeaders": _quantified(origin.get("CustomHeaders") or {})}
            for origin in lists["Origins"]["Items"]
        ],
    }
    return {
        "Id": one.distribution_id,
        "ARN": one.arn,
        "Status": "Deployed",
        "LastModifiedTime": one.last_modified_time,
        "DomainName": one.domain_name,
        **lists,
        "DefaultCacheBehavior": asked_for["DefaultCacheBehavior"],
        "Comment": asked_for.get("Comment", ""),
        "PriceClass": "PriceClass_All",
        "Enabled": asked_for.get("Enabled", True),
        "ViewerCertificate": viewer,
        "WebACLId": "",
        "HttpVersion": "http2",
        "IsIPV6Enabled": True,
        "Staging": False,
    }


def _quantified(listed: Mapping[str, Any]) -> dict[str, Any]:
    items = listed.get("Items") or []
    return {"Quantity": len(items), **({"Items": items} if items else {})}
