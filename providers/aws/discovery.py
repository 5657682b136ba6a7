"""Where AWS begins: who we are, which regions there are, and so which sources."""

import itertools
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from botocore.exceptions import BotoCoreError

from posture.clock import Seconds
from posture.fault import Fault, FaultKind, Refused
from posture.reports import ReadRefused
from providers.aws.calls import DESCRIBE_REGIONS, GET_CALLER_IDENTITY
from providers.aws.client import AwsClient
from providers.aws.ebs import Region, Snapshots, Volumes
from providers.aws.efs import FileSystems
from providers.aws.eks import Clusters
from providers.aws.faults import refused
from providers.aws.iam import Identities
from providers.aws.kms import ForeignKeys, Keys
from providers.aws.objects import Inventory, ObjectSample
from providers.aws.rds import Databases
from providers.aws.s3 import Buckets
from providers.aws.settings import AwsSettings
from providers.aws.source import AwsSource, Claims, Rows, Shared
from providers.source import Children, Source, Yield
from providers.system import Block, Blocks, Setup
from providers.tenancy import Tenancy

_NAMING = frozenset({"ebs", "efs", "eks", "kms", "rds", "s3", "s3-objects", "snapshots"})
"""Services whose sources come upon keys."""


class Root(Source):
    """Who the credentials are, and what they can look at: the parent of the account's sources."""

    service = "account"
    permissions = (GET_CALLER_IDENTITY.permission, DESCRIBE_REGIONS.permission)

    def __init__(self, settings: AwsSettings, tenancy: Tenancy, label: str, setup: Setup, claims: Claims) -> None:
        super().__init__(tenancy.name, "aws", label, setup.cadence.warm)
        self._settings = settings
        self._tenancy = tenancy
        self._setup = setup
        self._cadence = setup.cadence
        self._claims = claims
        claims.naming.append(self.id)
        self._account: AwsClient | None = None
        self._made: dict[str, Source] = {}
        self._seen = Shared(claims)

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Ask who we are, then which regions are on; a region that is off is named and left alone."""
        account = self._account = self._account or self._enter()
        await account.whoami()
        self._claim(account.number)
        wanted, off = await self._regions(account)
        if isinstance(off, Fault):
            yield ReadRefused(off)
            off = ()
        yield Children(tuple(self._sources(account, wanted, off)))

    async def close(self) -> None:
        """Close the account's connections."""
        if self._account is not None:
            await self._account.close()

    def _enter(self) -> AwsClient:
        try:
            return AwsClient(self._settings, self._setup.version, self._setup.limits)
        # the SDK's own files or environment cannot be used: an unknown AWS_PROFILE, a broken ~/.aws/config
        except BotoCoreError as error:
            raise refused(error, GET_CALLER_IDENTITY) from None

    def _claim(self, number: str) -> None:
        """An account has one way in: seen twice, every resource in it would be two tenants'."""
        owner = self._claims.accounts.setdefault((self._settings.endpoint_url, number), self.id)
        if owner != self.id:
            raise Refused(
                Fault(
                    # its regions may be others than those of the first way in, and these nobody looks at
                    FaultKind.ERROR,
                    "AlreadyPolled",
                    GET_CALLER_IDENTITY.operation,
                    f'account {number} is polled by {owner} already; tenants share an account by tag = "KEY=VALUE"',
                )
            )

    async def _regions(self, account: AwsClient) -> tuple[tuple[str, ...], tuple[str, ...] | Fault]:
        configured = self._settings.regions
        if configured is None:
            if account.own_region is None:
                raise Refused(
                    Fault(
                        FaultKind.ERROR,
                        "NoRegion",
                        DESCRIBE_REGIONS.operation,
                        "no region is configured; set regions, AWS_REGION or the profile's region",
                    )
                )
            configured = (account.own_region,)
        try:
            answer = await account.ask(DESCRIBE_REGIONS, account.home, AllRegions=True)
        except Refused as unanswered:
            if configured == "all":
                raise
            return tuple(configured), unanswered.fault
        rows = Rows(DESCRIBE_REGIONS, "RegionName", r"[a-z0-9-]+")
        listed = rows.of(
            answer.get("Regions", []),
            lambda entry: (str(entry["RegionName"]), entry.get("OptInStatus", "opt-in-not-required")),
        )
        status: dict[str, Any] = dict(listed)
        if configured == "all" and rows.fault is not None:
            raise Refused(rows.fault)  # which regions there are is not known
        if configured == "all":
            return tuple(sorted(name for name, opted in status.items() if opted != "not-opted-in")), ()
        off = tuple(name for name in configured if status.get(name) == "not-opted-in")
        return tuple(name for name in configured if name not in off), off

    def _sources(self, account: AwsClient, regions: Sequence[str], off: Sequence[str]) -> list[Source]:
        live, warm, cold = self._cadence.live, self._cadence.warm, self._cadence.cold
        made: list[Source] = []
        for region in regions:
            made += [
                self._once(Volumes, account, region, live),
                self._once(Keys, account, region, live),
                self._once(Region, account, region, warm),
                self._once(Snapshots, account, region, cold),
                self._once(FileSystems, account, region, warm),
                self._once(Clusters, account, region, warm),
                self._once(Databases, account, region, cold),
            ]
        made += [self._once(OptedOut, account, region, cold) for region in off]
        buckets = self._once(Buckets, account, "", warm)
        made += [buckets, self._once(Identities, account, "", cold)]
        for wanted, kind in ((self._settings.object_sample, ObjectSample), (self._settings.inventory, Inventory)):
            if wanted:
                objects = self._once(kind, account, "", cold)
                objects.after = (buckets.id,)
                made.append(objects)
        foreign = self._once(ForeignKeys, account, "", live)
        naming = self._claims.naming
        naming += [source.id for source in made if source.service in _NAMING and source.id not in naming]
        foreign.after = naming  # grows while the accounts before it are found: it is read as it is then
        return [*made, foreign]

    def _once(self, kind: type[AwsSource], account: AwsClient, region: str, cadence: Seconds) -> Source:
        """The source of this kind and place, made the first time: it remembers things between polls."""
        name = f"{kind.__name__}/{region}"
        if name not in self._made:
            source = kind(account, self._tenancy, region, cadence, self._seen)
            if isinstance(source, Keys):
                source.cold = self._cadence.cold
            self._made[name] = source
        return self._made[name]


class OptedOut(AwsSource):
    """A configured region that the account has not switched on: nothing of its can exist there."""

    service = "region"

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """Say so."""
        raise Refused(
            Fault(
                FaultKind.DISABLED,
                "OptInRequired",
                DESCRIBE_REGIONS.operation,
                f"{self.region} is not switched on in account {self.account.number}",
            )
        )
        yield


def open_aws(setup: Setup, blocks: Blocks) -> list[Source]:
    """The first sources of every way into AWS. Blocks that are the same way in, of several tenants, become one that
    is shared by their tags.
    """
    accounts: dict[tuple[object, ...], list[Block]] = {}
    for block in blocks:
        accounts.setdefault(block.settings.connection, []).append(block)
    claims = Claims()
    labels: set[str] = set()
    made: list[Source] = []
    for members in accounts.values():
        settings = members[0].settings
        base = settings.role_arn.split(":")[4] if settings.role_arn else settings.profile or "default"
        label = next(
            name
            for name in itertools.chain([base], (f"{base}-{number}" for number in itertools.count(2)))
            if name not in labels
        )
        labels.add(label)
        tenancy = Tenancy({block.tenant: block.settings.tag for block in members})
        made.append(Root(settings, tenancy, label, setup, claims))
    return made
