"""AWS: an account with a key, a volume, three buckets and a report of what is in them, and what faces the internet; a
second one by its role.
"""

from typing import ClassVar

import pytest

from providers.aws import SYSTEM
from providers.demo.answer import Answer
from providers.demo.aws import bucketpolicy, faults
from providers.demo.aws.accounts import ROLE
from providers.demo.aws.edge import Distributions, Edge, redirect
from providers.demo.aws.stores import Stores
from tests.matrix.front import Request
from tests.matrix.systems.aws import AwsSystem
from tests.providers.subjects.subject import Subject, granted
from tests.world.aws import Aws


class AwsSubject(Subject):
    """Behind moto."""

    system = SYSTEM
    spare: ClassVar[frozenset[str]] = frozenset({"s3:GetBucketLocation"})  # where a listing does not say the region

    def __init__(self, request: pytest.FixtureRequest) -> None:
        self._aws: Aws = request.getfixturevalue("aws")
        seed(self._aws)

    @property
    def port(self) -> int:
        """Of moto."""
        return int(self._aws.server.port)

    def settings(self, port: int, *, everything: bool) -> str:
        """One region of the account, and with every opt-in the same by a role."""
        own = f'[[tenant.aws]]\nendpoint_url = "http://127.0.0.1:{port}"\nregions = ["us-east-1"]\n'
        return f'{own}{OPT_INS}{own}role_arn = "{ROLE}"\n' if everything else own

    def asked(self) -> set[str]:
        """Permissions."""
        return {faults.PERMISSIONS.get(operation, operation) for operation in self._aws.log.operations}

    def forget(self) -> None:
        """The log."""
        self._aws.log.clear()

    def granted(self, *, everything: bool) -> set[str]:
        """Actions of the statements."""
        return {action for one in granted(self.system, everything)["Statement"] for action in one["Action"]}

    def refusal(self, kind: str, request: Request) -> Answer | Request:
        """As in the matrix."""
        return AwsSystem.__new__(AwsSystem).refusal(kind, request)


OPT_INS = 'object_sample = 2\ninventory = true\nwho = true\ntag = "tenant=acme"\n'


def seed(aws: Aws) -> None:
    """A world in which every call has something to ask."""
    home, own = aws.region(), aws.buckets()
    home.key("k")
    home.volume()
    own.make("reports")
    own.make("open", policy=bucketpolicy.tls_12("open"), block=None)
    own.put("open", "o", b"x")
    own.inventory("open", "reports", {"o": "SSE-S3"})
    stores = Stores()
    stores.cluster("k")
    for database, make in (("d", stores.database), ("c", stores.database_cluster)):
        make(database, encrypted=False)
        stores.database_snapshot(database, f"{database}-1")
    edge, doors = Edge(), Distributions()
    web = edge.balancer("web")
    edge.listener(web, certificate=edge.certificate("shop.example.com", left=40))
    edge.listener(web, "HTTP", 80, redirect())
    edge.classic("old", ("HTTPS", 443))
    doors.make("www.example.com", origins={"inside.example.com": f"vpc:{doors.vpc_origin()}"})
