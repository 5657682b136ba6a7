"""DescribeRegions: which regions there are, and which of them an account has switched on."""

from functools import cache

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import xml
from providers.demo.aws.request import Asked

NOT_REQUIRED = frozenset(
    [
        *(
            "ap-northeast-1",
            "ap-northeast-2",
            "ap-northeast-3",
            "ap-south-1",
            "ap-southeast-1",
            "ap-southeast-2",
            "ca-central-1",
            "sa-east-1",
        ),
        *(
            "eu-central-1",
            "eu-north-1",
            "eu-west-1",
            "eu-west-2",
            "eu-west-3",
            "us-east-1",
            "us-east-2",
            "us-west-1",
            "us-west-2",
        ),
    ]
)
"""The regions every account has; all others of the partition are off until an account opts in (moto lists Gov and
China among them, and has some wrong).
"""

opted_in: dict[str, set[str]] = {}
"""Account -> regions it has opted in to. A region that is off answers EC2 and KMS as if the credentials were bad."""


def enabled(account: str, region: str) -> bool:
    """Whether the account can use the region. Regions we do not know are left to moto."""
    return region in NOT_REQUIRED or region in opted_in.get(account, ()) or region not in _all()


def describe_regions(asked: Asked, environ: Environ) -> Answer:
    """Those that are on, or all of them with AllRegions; RegionNames and the filters `opt-in-status` and
    `region-name` are honoured.
    """
    names, filters = asked.listed("RegionName"), asked.filters()
    every = str(asked.parameters.get("AllRegions", "")).lower() == "true"
    rows = []
    for region in _all():
        status = (
            "opt-in-not-required"
            if region in NOT_REQUIRED
            else "opted-in"
            if region in opted_in.get(asked.account, ())
            else "not-opted-in"
        )
        if not every and status == "not-opted-in":
            continue
        if names and region not in names:
            continue
        if status not in filters.get("opt-in-status", [status]) or region not in filters.get("region-name", [region]):
            continue
        endpoint = f"<regionEndpoint>ec2.{region}.amazonaws.com</regionEndpoint>"
        rows.append(f"<item><regionName>{region}</regionName>{endpoint}<optInStatus>{status}</optInStatus></item>")
    return xml(
        "ec2",
        f"<DescribeRegionsResponse><requestId>0</requestId><regionInfo>{''.join(rows)}</regionInfo></DescribeRegionsResponse>",
    )


@cache
def _all() -> tuple[str, ...]:
    from moto.core.base_backend import AccountSpecificBackend

    return tuple(sorted(AccountSpecificBackend.get_session().get_available_regions("ec2")))
