"""`[[tenant.aws]]`: which accounts and regions, and by whose hand."""

import configparser
import datetime
import os
import re
import shlex
from pathlib import Path
from typing import Literal

import msgspec

from posture.text import nearest
from providers.endpoint import check_endpoint, keeps_secret
from providers.system import Block, Blocks

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/.+")
_REGION = re.compile(r"[a-z]{2,5}(-[a-z]+)+-\d{1,2}")


class IdentityCenter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[tenant.aws.identity_center]`: a person's word on the second factor of IAM Identity Center, which no API tells.
    It is shown as attested, never as observed, and holds for 90 days.

    `mfa` is what it asks for: `required` of everybody at every sign-in, `optional` for less; `external` where people
    sign in at an identity provider of their own, `unused` where the account has no Identity Center.
    """

    mfa: Literal["required", "optional", "external", "unused"]
    attested_by: str
    on: datetime.date

    def __post_init__(self) -> None:
        if not self.attested_by.strip():
            raise ValueError("attested_by: is empty; name who says so")


class AwsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way into AWS. No secret ever stands here: a profile, a role, or the default chain.

    `tag` (`tenant=acme`) is for an account that tenants share: what carries it is this tenant's, what carries no
    tenant's is `unassigned`. `object_sample` objects a bucket are asked for their headers (needs s3:GetObject; 0 =
    off); `inventory` reads S3 Inventory reports; `who` asks CloudTrail who changed what (needs
    cloudtrail:LookupEvents). `identity_center` is what a person says of IAM Identity Center.
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
    who: bool = False
    identity_center: IdentityCenter | None = None

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


def ambient() -> tuple[AwsSettings, ...]:
    """The account that the default chain of credentials leads to; without any, it says so."""
    return (AwsSettings(),)


def wrong_together(blocks: Blocks) -> str | None:
    """What is wrong across blocks: an account with two sets of regions, tenants of one account that no tag tells
    apart, a profile that does not exist. None for nothing.
    """
    accounts: dict[tuple[object, ...], list[Block]] = {}
    identities: dict[tuple[object, ...], Block] = {}
    for block in blocks:
        accounts.setdefault(block.settings.connection, []).append(block)
        before = identities.setdefault(block.settings.identity, block)
        if before.settings.regions != block.settings.regions:
            return (
                f"tenant.aws: {before.tenant} and {block.tenant} reach one account with different regions; name its"
                " regions in one block"
            )
    for members in accounts.values():
        tags = [block.settings.tag for block in members]
        if len(members) > 1 and (None in tags or len(set(tags)) < len(tags)):
            first, second = members[0].tenant, members[1].tenant
            return (
                f"tenant.aws: {first} and {second} name the same account; give each a tag of its own, as in"
                f' tag = "tenant={first}"'
            )
    return _unknown_profile(blocks)


def _unknown_profile(blocks: Blocks) -> str | None:
    named = {block.settings.profile: f"{block.key}.profile" for block in blocks if block.settings.profile}
    known = sorted(aws_profiles()) if named else []
    for profile, key in named.items():
        if profile not in known:
            missing = f"{key}: no profile {profile!r} in the AWS configuration{nearest(profile, known)}"
            return f"{missing}; there are {', '.join(known) or 'none'}"
    return None


def aws_profiles() -> set[str]:
    """Names of the profiles in the AWS configuration and credentials files, which are found as the SDK finds them.

    Read here so that a wrong name is said at once, before the SDK is loaded.
    """
    shared = set(_sections("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
    return shared | {name for section in _sections("AWS_CONFIG_FILE", "~/.aws/config") if (name := _profile(section))}


def _sections(variable: str, default: str) -> list[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(Path(os.path.expandvars(os.environ.get(variable, default))).expanduser(), "utf-8")
    except (configparser.Error, UnicodeDecodeError, RuntimeError):  # RuntimeError: there is no home
        return []
    return parser.sections()


def _profile(section: str) -> str | None:
    """The profile that a section of the configuration file is; others are sessions and services."""
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "profile" else "default" if words == ["default"] else None
