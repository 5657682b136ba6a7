"""The golden cases that speak of AWS: 1 to 11, 34 and 36."""

import msgspec

from posture.verdict import Status
from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, FOREIGN
from providers.demo.aws.seed import Buckets, Region
from providers.demo.aws.stores import People
from providers.demo.faults import Faults
from tests.world import truth
from tests.world.truth import FAIL, NA, PASS, UNKNOWN, WARN, Truth

REGION = "us-east-1"
OPTED_OUT = "eu-south-2"
HANGING = "eu-west-3"
FOREIGN_KEY = f"arn:aws:kms:{REGION}:{FOREIGN}:key/0f0f0f0f-1111-4222-8333-444444444444"


class Golden(msgspec.Struct):
    """`cases` is case number -> the resource it speaks of; `truth` the statuses, of the cases' resources and of what
    they lean on.

    Poll account 123456789012 in `regions`: `opted_out` is not opted in, and must not show at all; `hanging` hangs until
    its fault is lifted. `objects` are the statuses of the controls that look at objects, for those who asked for that,
    by bucket.
    """

    cases: dict[int, str]
    truth: Truth
    objects: Truth
    regions: tuple[str, ...] = (REGION, OPTED_OUT, HANGING)
    opted_out: str = OPTED_OUT
    hanging: str = HANGING


def golden(faults: Faults) -> Golden:
    """Seed every case."""
    made = Golden({}, {}, {})
    home = Region(REGION)
    home.encrypt_by_default()
    home.share_snapshots("block-all-sharing")
    made.truth[home.id] = dict(truth.region())
    _buckets(made, faults)
    _volumes(made, home)
    _root(made)
    made.cases[10] = f"aws://{ACCOUNT}/{HANGING}"
    made.truth[made.cases[10]] = dict(truth.region(default=UNKNOWN, default_key=UNKNOWN))
    faults.hang(HANGING)
    return made


def _buckets(made: Golden, faults: Faults) -> None:
    own = Buckets()

    def case(number: int, name: str, expected: dict[str, Status]) -> None:
        made.cases[number] = f"arn:aws:s3:::{name}"
        made.truth[made.cases[number]] = expected

    own.make("golden-01-denied", policy=bucketpolicy.tls_12("golden-01-denied"))
    faults.deny("s3:GetEncryptionConfiguration", resource="golden-01-denied")
    case(
        1, "golden-01-denied", dict(truth.bucket(encryption=UNKNOWN, key_policy=UNKNOWN, ssec=UNKNOWN, usable=UNKNOWN))
    )

    own.make("golden-02-kms-without-key", algorithm="aws:kms", policy=bucketpolicy.tls_12("golden-02-kms-without-key"))
    case(2, "golden-02-kms-without-key", dict(truth.bucket(key_policy=WARN, usable=PASS)))

    own.make("golden-03-alias", algorithm="aws:kms", key="alias/aws/s3", policy=bucketpolicy.tls_12("golden-03-alias"))
    case(3, "golden-03-alias", dict(truth.bucket(key_policy=WARN, usable=PASS)))

    own.make("golden-reports", policy=bucketpolicy.tls_12("golden-reports"))
    own.make("golden-04-not-sse", policy=bucketpolicy.tls_12("golden-04-not-sse"))
    own.inventory("golden-04-not-sse", "golden-reports", {"2019/old.csv": "NOT-SSE", "2026/new.csv": "SSE-S3"})
    case(4, "golden-04-not-sse", dict(truth.bucket()))
    made.objects[made.cases[4]] = {"aws.s3.object-encryption-inventory": FAIL}
    made.truth["arn:aws:s3:::golden-reports"] = dict(truth.bucket())

    own.make("golden-05-sse-c", blocked=("NONE",), policy=bucketpolicy.tls_12("golden-05-sse-c"))
    own.put("golden-05-sse-c", "report.pdf", b"x", by_customer=True)
    case(5, "golden-05-sse-c", dict(truth.bucket(ssec=FAIL)))
    made.objects[made.cases[5]] = {"aws.s3.object-encryption-sample": FAIL}

    own.make("golden-06-get-only", policy=bucketpolicy.tls_only_for_reads("golden-06-get-only"))
    case(6, "golden-06-get-only", dict(truth.bucket(tls=WARN, tls_min=WARN)))

    own.make(
        "golden-07-spelled-otherwise", policy=bucketpolicy.tls_only_spelled_otherwise("golden-07-spelled-otherwise")
    )
    case(7, "golden-07-spelled-otherwise", dict(truth.bucket(tls_min=WARN)))


def _volumes(made: Golden, home: Region) -> None:
    dying = home.key("golden-dying", deleted_in=7)
    made.truth[dying] = dict(truth.key(state=FAIL, rotation=NA))
    made.truth[home.aws_key("ebs")] = made.truth[home.aws_key("s3")] = dict(truth.key(rotation=NA, public=NA))
    tags = {"tenant": "acme"}
    made.cases[8] = home.volume(tags | {"Name": "golden-08"}, key=dying, instance="i-00000000000000008")
    made.truth[made.cases[8]] = dict(truth.customer_key_volume(usable=FAIL))
    made.cases[9] = home.volume(tags | {"Name": "golden-09"}, key=FOREIGN_KEY)
    made.truth[made.cases[9]] = dict(truth.foreign_key_volume())
    made.cases[11] = home.volume(tags | {"Name": "golden-11"}, encrypted=False, operator="eks.amazonaws.com")
    made.truth[made.cases[11]] = dict(truth.plaintext_volume())
    made.cases[34] = home.volume()
    made.truth[made.cases[34]] = dict(truth.aws_key_volume())


def _root(made: Golden) -> None:
    """Case 36: Organizations has removed the credentials of root."""
    made.cases[36] = People().root(mfa=False, password=False)
    made.truth[made.cases[36]] = dict(truth.root())
