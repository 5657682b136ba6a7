"""A big tenant for tests of completeness and for benchmarks: two accounts in two regions, and the truth about all of
it.
"""

import json
from collections.abc import Callable, Iterator
from itertools import cycle

from posture.verdict import Status
from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, FOREIGN, REGIONS, SECOND
from providers.demo.aws.seed import Buckets, Region, repeatable
from tests.world import stores, truth
from tests.world.truth import FAIL, NA, PASS, WARN, Truth

VOLUMES, SNAPSHOTS, BUCKETS, KEYS = 10_000, 3_000, 2_000, 50
TEAMS = ("payments", "identity", "platform", "search", "analytics", "orders", "observability", "build")


def big(volumes: int = VOLUMES, snapshots: int = SNAPSHOTS, buckets: int = BUCKETS) -> Truth:
    """Seed it, a quarter of the volumes, snapshots and keys in each region of each account, half of the buckets in
    each account.
    """
    repeatable(4)
    known: Truth = {}
    regions = [Region(name, account) for account in (ACCOUNT, SECOND) for name in REGIONS]
    for number, region in enumerate(regions):
        _defaults(known, region, on=number != 3)
        used = _odd_keys(known, region) if number == 0 else []
        common = region.key("common", days=100)
        known[common] = dict(truth.key())
        stores.stores(known, region, common)
        arns = _volumes(known, region, volumes // 4, [(common, PASS), *used])
        _snapshots(known, region, arns, snapshots // 4, public=number == 0)
    for account in (ACCOUNT, SECOND):
        _buckets(known, account, buckets // 2)
        stores.people(known, account, mfa=account == ACCOUNT)
    _fill_keys(known, regions)
    return known


def _defaults(known: Truth, region: Region, *, on: bool) -> None:
    """Encryption by default (`on` or not), no new public snapshots, and three launch templates."""
    region.encrypt_by_default(on)
    region.share_snapshots("block-new-sharing")
    known[region.id] = dict(truth.region(default=PASS if on else FAIL))
    for service in ("ebs", "s3"):
        known[region.aws_key(service)] = dict(truth.key(rotation=NA, public=NA))
    known[region.launch_template("nodes-encrypted", True, True)] = dict(truth.launch_template(PASS))
    known[region.launch_template("nodes-plaintext", True, False)] = dict(truth.launch_template(WARN if on else FAIL))
    known[region.launch_template("nodes-unsaid", None)] = dict(truth.launch_template(PASS if on else WARN))


def _odd_keys(known: Truth, region: Region) -> list[tuple[str, Status]]:
    """One key of every kind. Answers with those that volumes are to use, and how usable such a volume is."""
    unused = {
        region.key("never-rotated", rotated=None): truth.key(rotation=FAIL),
        region.key("rotated-rarely", rotated=2560): truth.key(rotation=WARN),
        region.key("rsa", spec="RSA_4096", usage="SIGN_VERIFY", rotated=None): truth.key(rotation=NA),
        region.key("rsa-decrypt", spec="RSA_2048", rotated=None): truth.key(rotation=NA),
        region.key("ecc", spec="ECC_NIST_P256", usage="SIGN_VERIFY", rotated=None): truth.key(rotation=NA),
        region.key("hmac", spec="HMAC_384", usage="GENERATE_VERIFY_MAC", rotated=None): truth.key(rotation=NA),
        region.key("multi-region", multi_region=True): truth.key(),
        region.key("disabled-unused", state="Disabled"): truth.key(state=NA),
        region.key("dying-unused", deleted_in=20): truth.key(state=NA, rotation=NA),
        region.key("imported-never", origin="EXTERNAL", state="PendingImport", rotated=None): truth.key(
            state=NA, rotation=NA
        ),
        region.key("public", policy=_open_policy(None)): truth.key(public=FAIL),
        region.key("bound", policy=_open_policy({"kms:CallerAccount": region.account})): truth.key(),
        region.key("weakly-bound", policy=_open_policy({"kms:ViaService": "ec2.us-east-1.amazonaws.com"})): truth.key(
            public=WARN
        ),
    }
    known |= {arn: dict(status) for arn, status in unused.items()}
    return _used_keys(known, region)


def _used_keys(known: Truth, region: Region) -> list[tuple[str, Status]]:
    """Those that volumes are to use, and how usable such a volume is."""
    hsm = {"CustomKeyStoreId": "cks-1234567890abcdef0", "CloudHsmClusterId": "cluster-1a23b4cdefg"}
    store = {"CustomKeyStoreId": "cks-1234567890abcdef1", "XksKeyConfiguration": {"Id": "bb8562717f809024"}}
    used = [
        (
            region.key("imported-soon-over", origin="EXTERNAL", rotated=None, valid_days=12),
            WARN,
            truth.key(state=WARN, rotation=NA),
        ),
        (region.key("imported", origin="EXTERNAL", rotated=None), PASS, truth.key(rotation=NA)),
        (region.key("cloudhsm", origin="AWS_CLOUDHSM", rotated=None, also=hsm), PASS, truth.key(rotation=NA)),
        (
            region.key("key-store", origin="EXTERNAL_KEY_STORE", rotated=None, also=store),
            PASS,
            truth.key(state=WARN, rotation=NA),
        ),
        (
            region.key("waits-for-material", origin="EXTERNAL", state="PendingImport", rotated=None),
            FAIL,
            truth.key(state=FAIL, rotation=NA),
        ),
        (region.key("disabled-used", state="Disabled"), FAIL, truth.key(state=FAIL)),
        (region.key("dying-used", deleted_in=6), FAIL, truth.key(state=FAIL, rotation=NA)),
    ]
    known |= {arn: dict(status) for arn, _, status in used}
    return [(arn, usable) for arn, usable, _ in used]


def _open_policy(bound: dict[str, str] | None) -> str:
    """Open to everybody, or to everybody whom a condition lets through."""
    statement = {"Sid": "Open", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "kms:Decrypt", "Resource": "*"}
    if bound:
        statement["Condition"] = {"StringEquals": bound}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def _volumes(known: Truth, region: Region, count: int, keys: list[tuple[str, Status]]) -> list[tuple[str, bool]]:
    """Of a hundred: two plaintext, four under customers' keys in turn, one under a foreign key, three hidden by their
    operator.

    Answers with their ARNs, and whether each is under AWS's key.
    """
    arns, turn = [], cycle(keys)
    for number in range(count):
        tags = {
            "Name": f"{region.name}-{number:05}",
            "team": TEAMS[number % len(TEAMS)],
            "cluster": "big",
            "tenant": "acme",
        }
        operator = "eks.amazonaws.com" if number % 100 in (2, 30, 60) else None
        instance = f"i-{number // 4:017x}" if number % 5 else None
        match number % 100:
            case 2 | 52:
                arn, status = (
                    region.volume(tags, encrypted=False, operator=operator, instance=instance),
                    truth.plaintext_volume(),
                )
            case 10 | 11 | 12 | 13:
                used, usable = next(turn)
                arn, status = region.volume(tags, key=used, instance=instance), truth.customer_key_volume(usable)
            case 20:
                foreign = f"arn:aws:kms:{region.name}:{FOREIGN}:key/0f0f0f0f-1111-4222-8333-444444444444"
                arn, status = region.volume(tags, key=foreign), truth.foreign_key_volume()
            case _:
                arn, status = region.volume(tags, operator=operator, instance=instance), truth.aws_key_volume()
        known[arn] = dict(status)
        arns.append((arn, number % 100 not in (2, 52, 10, 11, 12, 13, 20)))
    return arns


def _snapshots(known: Truth, region: Region, volumes: list[tuple[str, bool]], count: int, *, public: bool) -> None:
    """Of a hundred: four plaintext; the first ten are public where `public` is said."""
    calm = cycle([arn for arn, under_aws in volumes if under_aws])
    bare = next(arn for arn, _ in volumes if known[arn]["aws.ebs.volume-encrypted"] is FAIL)
    for number in range(count):
        encrypted, shared = number % 25 != 3, public and number < 10
        arn = region.snapshot(
            next(calm) if encrypted else bare,
            f"nightly {number}",
            tags={"team": TEAMS[number % len(TEAMS)]},
            public=shared,
        )
        known[arn] = dict(truth.snapshot(encrypted=encrypted, public=shared))


def _fill_keys(known: Truth, regions: list[Region]) -> None:
    """Ordinary keys, until there are `KEYS` in all."""
    made = sum(len(region.kms.keys) for region in regions)
    for number, region in zip(range(made, KEYS), cycle(regions), strict=False):
        known[region.key(f"app-{number:02}")] = dict(truth.key())


def _buckets(known: Truth, account: str, count: int) -> None:
    """Of a hundred: one for each odd kind, the rest in order. Neither account blocks public access as a whole."""
    own, region = Buckets(account), Region("us-east-1", account)
    customers = region.key("buckets")
    known[customers] = dict(truth.key())
    for number in range(count):
        name, (maker, status) = f"big-{account[:3]}-{number:04}", _kind_of(number)
        maker(own, name, customers)
        known[f"arn:aws:s3:::{name}"] = dict(status)


Maker = Callable[[Buckets, str, str], object]


def _kind_of(number: int) -> tuple[Maker, dict[str, Status]]:
    """The kind of the bucket with this number, and its truth."""
    return KINDS.get(number % 100) or (
        lambda own, name, key: own.make(name, REGIONS[number % 2], policy=bucketpolicy.tls_12(name)),
        dict(truth.bucket()),
    )


def _kinds() -> Iterator[tuple[Maker, dict[str, Status]]]:
    tls = bucketpolicy.tls_12
    yield (
        lambda o, n, k: o.make(n, algorithm=None, policy=tls(n)),
        dict(truth.bucket(encryption=FAIL, key_policy=FAIL, ssec=WARN)),
    )
    yield (
        lambda o, n, k: o.make(n, algorithm="aws:kms", policy=tls(n)),
        dict(truth.bucket(key_policy=WARN, usable=PASS)),
    )
    yield (
        lambda o, n, k: o.make(n, algorithm="aws:kms", key="alias/aws/s3", policy=tls(n)),
        dict(truth.bucket(key_policy=WARN, usable=PASS)),
    )
    yield (
        lambda o, n, k: o.make(n, algorithm="aws:kms", key=k, policy=tls(n)),
        dict(truth.bucket(key_policy=FAIL, usable=PASS)),
    )
    yield (
        lambda o, n, k: o.make(n, algorithm="aws:kms:dsse", policy=tls(n)),
        dict(truth.bucket(key_policy=WARN, usable=PASS)),
    )
    yield (
        lambda o, n, k: o.make(n, algorithm="aws:kms:dsse", key=k, policy=tls(n)),
        dict(truth.bucket(key_policy=FAIL, usable=PASS)),
    )
    yield lambda o, n, k: o.make(n, blocked=("NONE",), policy=tls(n)), dict(truth.bucket(ssec=FAIL))
    yield lambda o, n, k: o.make(n, blocked=(), policy=tls(n)), dict(truth.bucket(ssec=WARN))
    yield from _kinds_of_policy()


def _kinds_of_policy() -> Iterator[tuple[Maker, dict[str, Status]]]:
    tls = bucketpolicy.tls_12
    ignored = {
        "IgnorePublicAcls": True,
        "BlockPublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }
    partly = {**ignored, "IgnorePublicAcls": False, "BlockPublicAcls": True}
    yield lambda o, n, k: o.make(n), dict(truth.bucket(tls=FAIL, tls_min=WARN))
    yield (
        lambda o, n, k: o.make(n, policy=bucketpolicy.read_by_account(n, ACCOUNT)),
        dict(truth.bucket(tls=FAIL, tls_min=WARN)),
    )
    yield lambda o, n, k: o.make(n, policy=bucketpolicy.tls_only(n)), dict(truth.bucket(tls_min=WARN))
    yield lambda o, n, k: o.make(n, policy=bucketpolicy.tls_only_spelled_otherwise(n)), dict(truth.bucket(tls_min=WARN))
    yield (
        lambda o, n, k: o.make(n, policy=bucketpolicy.tls_only_for_reads(n)),
        dict(truth.bucket(tls=WARN, tls_min=WARN)),
    )
    yield (
        lambda o, n, k: o.make(n, policy=bucketpolicy.tls_only_for_objects(n)),
        dict(truth.bucket(tls=WARN, tls_min=WARN)),
    )
    yield (
        lambda o, n, k: o.make(n, policy=bucketpolicy.read_by_everybody(n), block=None),
        dict(truth.bucket(tls_min=WARN, public=FAIL)),
    )
    yield lambda o, n, k: o.make(n, policy=bucketpolicy.read_by_everybody(n)), dict(truth.bucket(tls_min=WARN))
    yield lambda o, n, k: o.make(n, policy=tls(n), block=None), dict(truth.bucket(public=WARN))
    yield lambda o, n, k: o.make(n, policy=tls(n), block=partly), dict(truth.bucket(public=WARN))
    yield lambda o, n, k: o.make(n, policy=tls(n), block=ignored), dict(truth.bucket())


KINDS = {5 * number + 1: kind for number, kind in enumerate(_kinds())}
"""The odd buckets of every hundred, spread over it."""
