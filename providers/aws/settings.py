"""`[[tenant.aws]]`: which accounts and regions, and by whose hand."""

import re
from typing import Literal

import msgspec

from providers.endpoint import check_endpoint, keeps_secret

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}")


class AwsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way into AWS (INTERFACE section 2). No secret ever stands here: a profile, a role, or the default chain.

    `tag` (`tenant=acme`) is for an account that tenants share: what carries it is this tenant's, what carries no
    tenant's is `unassigned`. `object_sample` objects a bucket are asked for their headers (needs s3:GetObject; 0 =
    off); `inventory` reads S3 Inventory reports.
    """

    profile: str | None = None
    role_arn: str | None = None
    external_id: str | None = None
    regions: tuple[str, ...] | Literal["all"] | None = None
    endpoint_url: str | None = None
    allow_plaintext: bool = False
    tag: str | None = None
    object_sample: int = 0
    inventory: bool = False

    def __post_init__(self) -> None:
        if self.profile == "":
            raise ValueError("profile: is empty; leave it out for the default chain")
        if self.role_arn is not None and not _ROLE.fullmatch(self.role_arn):
            raise ValueError(f"role_arn: {self.role_arn!r} is not a role's ARN (arn:aws:iam::111122223333:role/NAME)")
        if self.external_id is not None and self.role_arn is None:
            raise ValueError("external_id: goes with role_arn")
        if self.regions == ():
            raise ValueError(
                'regions: is empty; name at least one, write "all", or leave it out for the profile\'s own'
            )
        for region in self.regions if isinstance(self.regions, tuple) else ():
            if not _REGION.fullmatch(region):
                raise ValueError(
                    f'regions: {region!r} is not a region name (us-east-1); "all" stands alone, without brackets'
                )
        if self.endpoint_url is not None:
            check_endpoint("endpoint_url", self.endpoint_url, allow_plaintext=self.allow_plaintext)
        if self.tag is not None and not re.fullmatch(r"[^=]+=.+", self.tag):
            raise ValueError(f'tag: {self.tag!r} is not KEY=VALUE, as in "tenant=acme"')
        if not 0 <= self.object_sample <= 100:
            raise ValueError(f"object_sample: {self.object_sample} is not between 0 and 100")

    def refuses(self, url: str) -> bool:
        """Whether an endpoint, whoever set it, would be asked in the clear where that is not allowed."""
        return not keeps_secret(url, allow_plaintext=self.allow_plaintext)

    @property
    def identity(self) -> tuple[object, ...]:
        """By whose hand, and where to: two blocks of the same come to the same account."""
        return (self.profile, self.role_arn, self.external_id, self.endpoint_url)

    @property
    def connection(self) -> tuple[object, ...]:
        """What makes two blocks the same way into the same account."""
        return (*self.identity, self.regions)
