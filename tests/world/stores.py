"""Of the big tenant: databases, file systems, clusters and people, one of each kind in each region and account, and the
truth about them.
"""

from providers.demo.aws.accounts import FOREIGN
from providers.demo.aws.seed import Region
from providers.demo.aws.stores import People, Stores
from tests.world import truth
from tests.world.truth import FAIL, NA, PASS, UNKNOWN, WARN, Truth


def stores(known: Truth, region: Region, customers: str) -> None:
    """What a region keeps; `customers` is a customer's key in it."""
    own = Stores(region.name, region.account)
    foreign = f"arn:aws:kms:{region.name}:{FOREIGN}:key/0f0f0f0f-1111-4222-8333-444444444444"
    found = {
        own.database("mine", key=customers): truth.database(PASS),
        own.database("plain", encrypted=False): truth.database(FAIL),
        own.database("owned", owned=True): truth.database(PASS),
        own.database_cluster("graph", key=customers, engine="neptune"): truth.database(PASS),
        own.database_cluster("bare", encrypted=False): truth.database(FAIL),
        own.database("bare-1", engine="aurora-postgresql", cluster="bare"): truth.database(FAIL),
        own.database_snapshot("mine", "mine-1"): truth.database_snapshot(PASS),
        own.database_snapshot("plain", "open", public=True): truth.database_snapshot(FAIL, FAIL),
        own.database_snapshot("plain", "shut"): truth.database_snapshot(FAIL),
        own.database_snapshot("plain", "rds:nightly", kind="automated"): truth.database_snapshot(FAIL),
        own.database_snapshot("bare", "bare-open", public=True): truth.database_snapshot(FAIL, FAIL),
        own.database_snapshot("graph", "graph-1"): truth.database_snapshot(PASS),
        own.file_system("customers", key=customers): truth.file_system(FAIL),
        own.file_system("bare", encrypted=False): truth.file_system(FAIL),
        own.file_system("foreign", key=foreign): truth.file_system(UNKNOWN),
        own.cluster("now"): truth.cluster(PASS),
        own.cluster("keyed", "1.27", key=customers): truth.cluster(PASS),
        own.cluster("late", "1.27"): truth.cluster(FAIL),
        own.cluster("broken", key=customers, issues=("KmsKeyDisabled",)): truth.cluster(FAIL),
    }
    known |= {arn: dict(status) for arn, status in found.items()}


def people(known: Truth, account: str, *, mfa: bool) -> None:
    """Who may log in to an account; `mfa`: root has a second factor."""
    own = People(account)
    found = {
        own.root(mfa=mfa, virtual=mfa): truth.root(mfa=PASS if mfa else FAIL),
        own.user("alice"): truth.user(PASS),
        own.user("bob", mfa=False): truth.user(FAIL),
        own.user("carol", virtual=False): truth.user(PASS),
        own.user("robot-old", password=False, mfa=False, keys=(400, 3)): truth.user(WARN),
        own.user("robot", password=False, mfa=False, keys=(3,)): truth.user(NA),
    }
    known |= {arn: dict(status) for arn, status in found.items()}
