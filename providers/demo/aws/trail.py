"""What CloudTrail has written down of what was done to the simulated AWS: moto keeps nothing of the kind.

    trail.record("ec2:CreateVolume", "vol-0abc", by=trail.role("ci-deploy"), agent=trail.TERRAFORM)
    trail.lag.seconds = 300.0

An event is there when its time and the lag are over. Record contents: CloudTrail user guide.
"""

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import msgspec

from providers.demo.aws.accounts import ACCOUNT

TERRAFORM = "APN/1.0 HashiCorp/1.0 Terraform/1.9.8 (+https://www.terraform.io) terraform-provider-aws/5.81.0"
CONSOLE = "Mozilla/5.0 (X11; Linux x86_64) AWS Console signin.amazonaws.com"
CLI = "aws-cli/2.31.4 md/awscrt#0.27.6 ua/2.1 os/linux#6.8 md/command#ec2.create-volume"
A_SECOND = 2
"""Lookups that an account and region is answered."""
lag = SimpleNamespace(seconds=0.0)
"""How late every event is."""
budget = SimpleNamespace(a_second=A_SECOND)
"""What is answered now, for who has no time to wait."""


class Recorded(msgspec.Struct, frozen=True):
    """One event: when (UTC seconds), what LookupEvents tells of it, and the record itself."""

    at: float
    name: str
    source: str
    resources: tuple[str, ...]
    record: Mapping[str, Any]

    def row(self) -> dict[str, Any]:
        """As LookupEvents answers."""
        return {
            "EventId": str(uuid4()),
            "EventName": self.name,
            "EventSource": self.source,
            "EventTime": self.at,
            "ReadOnly": "false",
            "Resources": [{"ResourceName": name, "ResourceType": ""} for name in self.resources],
            "CloudTrailEvent": json.dumps(self.record),
        }


_kept: dict[tuple[str, str], list[Recorded]] = {}


def role(name: str, session: str = "session", account: str = ACCOUNT) -> dict[str, Any]:
    """Somebody who has assumed a role."""
    return {
        "type": "AssumedRole",
        "principalId": f"AROA:{session}",
        "arn": f"arn:aws:sts::{account}:assumed-role/{name}/{session}",
        "accountId": account,
        "accessKeyId": "ASIASIMULATED0000000",
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{name}", "userName": name},
            "attributes": {"mfaAuthenticated": "false"},
        },
    }


def user(name: str, account: str = ACCOUNT) -> dict[str, Any]:
    """A user with keys of its own."""
    return {"type": "IAMUser", "arn": f"arn:aws:iam::{account}:user/{name}", "userName": name}


def record(
    operation: str,
    *resources: str,
    by: Mapping[str, Any],
    account: str = ACCOUNT,
    region: str = "us-east-1",
    at: float | None = None,
    agent: str = TERRAFORM,
    address: str = "203.0.113.9",
    error: str | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write an event down: `service:Operation`, the names of what it is about, and by whom; `error` where it was
    refused. `at` is UTC seconds, now unless said.
    """
    service, _, name = operation.partition(":")
    at = time.time() if at is None else at
    written: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": dict(by),
        "eventTime": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": address,
        "userAgent": agent,
        "requestParameters": dict(parameters or {}),
        "responseElements": None,
        "eventCategory": "Management",
    }
    written |= {"errorCode": error, "errorMessage": "not authorized"} if error else {}
    put(account, region, Recorded(at, name, f"{service}.amazonaws.com", resources, written))


def put(account: str, region: str, one: Recorded) -> None:
    """Write down whatever a test says."""
    _kept.setdefault((account, region), []).append(one)


def take_back(one: Recorded) -> None:
    """It was never written down."""
    for kept in _kept.values():
        kept[:] = [each for each in kept if each is not one]


def told(account: str, region: str) -> list[Recorded]:
    """What is there by now, the newest first."""
    here = time.time() - lag.seconds
    return sorted((one for one in _kept.get((account, region), ()) if one.at <= here), key=lambda one: -one.at)


def clear() -> None:
    """Nothing was done, nothing is late, and as much is answered as AWS answers."""
    _kept.clear()
    lag.seconds, budget.a_second = 0.0, A_SECOND
