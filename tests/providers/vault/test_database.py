"""Dynamic users of a real PostgreSQL: leases that are renewed, capped, and that cannot be revoked while it is down."""

from collections.abc import Iterator

import pytest

from posture.verdict import Status
from providers.demo.vault.live import listed
from providers.demo.vault.server import Bao
from tests.world.postgres import Postgres, found
from tests.world.vault import configured, everything, watched


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    programs = found()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    server = Postgres(programs)
    yield server
    server.remove()


async def test_a_database_that_is_down_fails_the_revocation_and_its_return_heals_it(
    bao: Bao, postgres: Postgres
) -> None:
    postgres.engine(bao, "4s", "8s")
    made = bao.call("GET", "database/creds/app")
    async with watched(configured(bao.url)) as it:
        (lease,) = [entry.resource for entry in it.model.all() if entry.resource.type == "vault.lease"]
        assert lease.cells[:2] == ("database/", "app")
        assert lease.fields["renewable"] is True
        bao.call("PUT", "sys/leases/renew", {"lease_id": listed(bao, "database/creds/")[0], "increment": 60})
        await it.until(lambda: it.find(_path(lease.id)).resource.cells[3], "its renewal is seen", 6)
        postgres.stop()
        await it.until(lambda: it.find(_path(lease.id)).resource.cells[5] == "revoking", "a negative TTL", 20)
        assert it.find(_path(lease.id)).findings["vault.lease.irrevocable"].status is Status.PASS
        postgres.start()
        bao.call("PUT", "sys/leases/revoke", {"lease_id": listed(bao, "database/creds/")[0]})
        await it.until(
            lambda: not any(entry.resource.type == "vault.lease" for entry in it.model.all()), "it is gone", 20
        )
        written = everything(it.collector)
    assert not any(secret in written for secret in ("canary-of-the-database", made["password"]))


def _path(resource_id: str) -> str:
    return resource_id.removeprefix("vault://").partition("/")[2]
