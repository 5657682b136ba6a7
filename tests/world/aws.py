"""The simulated AWS as the tests hold it: what exists, what goes wrong, and what was asked."""

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from providers.demo.aws.accounts import ACCOUNT, ENVIRONMENT, SECOND
from providers.demo.aws.seed import Buckets, Region
from providers.demo.aws.server import Entry, Server, start
from providers.demo.faults import Faults, Rule
from providers.demo.log import Log
from tests.world.big import big
from tests.world.golden import Golden, golden
from tests.world.truth import Truth


class Aws:
    """One server for the session, emptied for every test."""

    def __init__(self) -> None:
        self.server: Server = start()
        # shared: each would load the services' models again, 130 ms for EC2
        self._loader = botocore.session.Session().get_component("data_loader")
        self._sessions: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """The endpoint."""
        return self.server.url

    @property
    def log(self) -> Log[Entry]:
        """What was asked so far."""
        return self.server.log

    @property
    def faults(self) -> Faults:
        """All that can go wrong; the most usual are methods here."""
        return self.server.faults

    def reset(self) -> None:
        """Nothing exists, nothing is wrong, nothing was asked."""
        self.server.reset()
        self._sessions.clear()

    def deny(
        self,
        operation: str = "*",
        *,
        bucket: str | None = None,
        key: str | None = None,
        account: str = "*",
        region: str = "*",
    ) -> Rule:
        """Refuse an operation or a permission, everywhere or for one bucket or key (ARN or id)."""
        return self.faults.deny(operation, bucket or key or "*", account, region)

    def throttle(
        self,
        operation: str = "*",
        times: int | None = 1,
        *,
        retry_after: float | None = None,
        in_milliseconds: bool = False,
    ) -> Rule:
        """Refuse the next `times` requests as too many."""
        return self.faults.throttle(operation, times, retry_after=retry_after, in_milliseconds=in_milliseconds)

    def region(self, name: str = "us-east-1", account: str = ACCOUNT) -> Region:
        """To make volumes, snapshots, keys and launch templates in."""
        return Region(name, account)

    def buckets(self, account: str = ACCOUNT) -> Buckets:
        """To make buckets with."""
        return Buckets(account)

    def golden(self) -> Golden:
        """Seed the golden cases."""
        return golden(self.faults)

    def big(self, volumes: int = 10_000, snapshots: int = 3_000, buckets: int = 2_000) -> Truth:
        """Seed the big tenant."""
        return big(volumes, snapshots, buckets)

    def client(self, service: str, region: str = "us-east-1", account: str = ACCOUNT, *, timeout: float = 10.0) -> Any:
        """A boto3 client that does not retry and waits `timeout` seconds; of another account by its role."""
        config = Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=timeout)
        return self._session(account).client(service, region_name=region, endpoint_url=self.url, config=config)

    def _session(self, account: str) -> Any:
        if account not in self._sessions:
            self._sessions[account] = self._own() if account == ACCOUNT else self._assumed(account)
        return self._sessions[account]

    def _own(self) -> Any:
        return self._boto3(ENVIRONMENT["AWS_ACCESS_KEY_ID"], ENVIRONMENT["AWS_SECRET_ACCESS_KEY"], None)

    def _assumed(self, account: str) -> Any:
        given = self.client("sts").assume_role(
            RoleArn=f"arn:aws:iam::{account}:role/enctop-read", RoleSessionName="tests"
        )["Credentials"]
        return self._boto3(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def _boto3(self, key_id: str, secret: str, token: str | None) -> Any:
        core = botocore.session.Session()
        core.register_component("data_loader", self._loader)
        return boto3.Session(key_id, secret, token, "us-east-1", core)


@contextlib.contextmanager
def serving() -> Iterator[Aws]:
    """A server while the block runs."""
    aws = Aws()
    try:
        yield aws
    finally:
        aws.server.stop()


__all__ = ["ACCOUNT", "SECOND", "Aws", "serving"]
