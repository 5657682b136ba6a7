"""What acme keeps beside disks and buckets, and who may log in to its accounts, with a few things that are not as
promised.
"""

from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.aws.seed import Region
from providers.demo.aws.stores import People, Stores

SHARE = "fs-0e1a2b3c"
"""The file system that a cluster mounts."""


def holdings(regions: dict[tuple[str, str], Region], payments_key: str) -> None:
    """Databases, file systems, clusters and people. The ledger is under the key that somebody has scheduled for
    deletion.
    """
    for region in regions.values():
        for service in ("rds", "elasticfilesystem"):
            region.aws_key(service)  # first: what moto makes at random beside them is another in each run
    secrets = regions[ACCOUNT, "eu-west-1"].key("eks-secrets", description="Secrets of prod-euw1", days=500)
    _databases(payments_key)
    shared, bare = Stores("eu-west-1", SECOND), Stores("us-east-1", ACCOUNT)
    shared.file_system("support-assets", id=SHARE, tags={"team": "support", "tenant": "acme"})
    bare.file_system("build-cache", encrypted=False, tags={"team": "build", "tenant": "acme"})
    bare.cluster("prod-use1", "1.33", tags={"tenant": "acme"})
    Stores("eu-west-1", ACCOUNT).cluster("prod-euw1", "1.33", key=secrets, tags={"tenant": "acme"})
    Stores("us-east-1", SECOND).cluster("data-use1", "1.27", tags={"tenant": "acme"})
    shared.cluster("staging-euw1", "1.31", tags={"tenant": "acme"})
    _people()


def _databases(payments_key: str) -> None:
    home, europe = Stores("us-east-1", ACCOUNT), Stores("eu-west-1", ACCOUNT)
    tags = {"tenant": "acme"}
    home.database_cluster("payments-ledger", key=payments_key, tags=tags)
    for number in (1, 2):
        home.database(f"payments-ledger-{number}", engine="aurora-postgresql", cluster="payments-ledger", tags=tags)
    home.database("accounts", tags=tags, size=500)
    home.database_snapshot("accounts", "accounts-before-upgrade")
    europe.database("catalog", owned=True, tags=tags, size=200)
    Stores("us-east-1", SECOND).database("reporting", engine="mysql", tags=tags, size=800)
    staging = Stores("eu-west-1", SECOND)
    staging.database("orders-staging", encrypted=False, tags=tags, size=50)
    staging.database_snapshot("orders-staging", "orders-staging-handover", public=True)


def _people() -> None:
    production, staging = People(ACCOUNT), People(SECOND)
    production.root(virtual=True)
    production.user("a.nowak")
    production.user("break-glass", virtual=False)
    production.user("m.rossi", mfa=False)
    production.user("ci-deploy", password=False, mfa=False, keys=(410,))
    staging.root(mfa=False)
    staging.user("l.haas")
    staging.user("contractor", mfa=False)
    staging.user("terraform", password=False, mfa=False, keys=(20,))
