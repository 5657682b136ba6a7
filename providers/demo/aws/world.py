"""The simulated tenant acme: two AWS accounts as a company of some size has them, with a handful of things that are
not as promised.
"""

import datetime
import random
from collections.abc import Callable, Container, Mapping

import msgspec

from providers.demo.aws import bucketpolicy
from providers.demo.aws.accounts import ACCOUNT, FOREIGN, REGIONS, ROLE, SECOND
from providers.demo.aws.edge import FIXED, FORWARD, MODERN, OLD, Distributions, Edge, for_host, redirect
from providers.demo.aws.history import history
from providers.demo.aws.holdings import holdings
from providers.demo.aws.seed import Buckets, Region, block_public_access, repeatable
from providers.demo.faults import Faults

SEED = 20261123
WORKLOADS = (  # StatefulSet, team, replicas, GiB
    ("postgres-payments", "payments", 6, 500),
    ("postgres-accounts", "identity", 6, 250),
    ("kafka", "platform", 9, 1000),
    ("zookeeper", "platform", 3, 20),
    ("opensearch-logs", "platform", 9, 750),
    ("opensearch-catalog", "search", 6, 300),
    ("clickhouse", "analytics", 8, 2000),
    ("redis-sessions", "identity", 3, 30),
    ("rabbitmq", "orders", 5, 50),
    ("mongodb-orders", "orders", 6, 400),
    ("cassandra-events", "analytics", 9, 800),
    ("prometheus", "observability", 4, 200),
    ("loki", "observability", 4, 300),
    ("vault", "platform", 5, 20),
    ("minio-artifacts", "build", 8, 500),
    ("gitea", "build", 2, 100),
)
CLUSTERS = (  # name, account, region, nodes, share of WORKLOADS
    ("prod-use1", ACCOUNT, "us-east-1", 96, 1.0),
    ("prod-euw1", ACCOUNT, "eu-west-1", 72, 1.0),
    ("data-use1", SECOND, "us-east-1", 60, 0.7),
    ("staging-euw1", SECOND, "eu-west-1", 36, 0.5),
)
BUCKET_USES = (
    "backups",
    "exports",
    "uploads",
    "invoices",
    "logs",
    "artifacts",
    "ml-features",
    "static",
    "audit-trail",
    "dumps",
    "events",
    "reports",
)
BUCKET_TEAMS = (
    "payments",
    "identity",
    "platform",
    "search",
    "analytics",
    "orders",
    "observability",
    "build",
    "legal",
    "support",
)
BUCKET_REGIONS = ("us-east-1", "us-east-1", "eu-west-1", "eu-west-1", "eu-central-1")
DENIED_BUCKET = "acme-legal-audit-trail"
EXCEPTED_BUCKET = "acme-support-static"
KEYS = (  # alias, what it is for
    ("payments-envelope", "Envelope key of the payment service"),
    ("vault-unseal", "Vault auto-unseal"),
    ("identity-tokens", "Refresh tokens"),
    ("orders-pii", "Customer addresses"),
    ("backup-exports", "Exports to partners"),
    ("search-index", "Index snapshots"),
    ("analytics-lake", "Data lake"),
)


class World(msgspec.Struct):
    """What `live` plays with."""

    regions: dict[tuple[str, str], Region]
    buckets: dict[str, Buckets]
    chance: random.Random
    payments_key: str
    calm_key: str
    guarded_bucket: str


def seed(faults: Faults) -> World:
    """Make acme; the same in every run, but for the times, which are counted back from now. Takes under a second."""
    repeatable(SEED)
    chance = random.Random(SEED)
    regions = {(account, name): Region(name, account) for account in (ACCOUNT, SECOND) for name in REGIONS}
    calm, payments = _keys(regions)
    _regions(regions)
    for cluster, account, region, nodes, share in CLUSTERS:
        _cluster(regions[account, region], cluster, nodes, share, chance, payments if cluster == "prod-use1" else None)
    _stray_volumes(regions)
    _snapshots(regions, chance)
    buckets = {account: Buckets(account) for account in (ACCOUNT, SECOND)}
    guarded = _buckets(regions, buckets)
    holdings(regions, payments)
    _edge(regions)
    faults.deny("s3:Get*", resource=DENIED_BUCKET)
    history(regions, payments)
    return World(regions, buckets, chance, payments, calm, guarded)


def configuration(url: str, systems: str = "", policy: str = "") -> str:
    """The collector's configuration for a server at `url`, as TOML; `systems` are acme's other systems, `policy`
    what they are meant to be.
    """
    regions = ", ".join(f'"{region}"' for region in REGIONS)
    looked = datetime.datetime.now(datetime.UTC).date() - datetime.timedelta(days=20)
    return f"""\
[poll]  # quicker than anybody would ask a cloud, so that what changes is seen while one watches
live = "5s"
warm = "20s"
cold = "2m"

[[tenant]]
name = "acme"

  [[tenant.aws]]
  regions = [{regions}]
  endpoint_url = "{url}"
  who = true
    [tenant.aws.identity_center]
    mfa = "required"
    attested_by = "r.okafor"
    on = {looked}

  [[tenant.aws]]
  role_arn = "{ROLE}"
  regions = [{regions}]
  endpoint_url = "{url}"
  who = true
{systems}
  [tenant.policy]
  keys = "provider-managed"
  strict = true

  [[tenant.policy.exception]]
  control = "aws.s3.tls-only-policy"
  resource = "arn:aws:s3:::{EXCEPTED_BUCKET}"
  until = 2099-12-31
  reason = "public style sheets and logos, read by mail programs that cannot speak TLS"
  approved_by = "r.okafor"
{policy}"""


def _keys(regions: dict[tuple[str, str], Region]) -> tuple[str, str]:
    """A calm customer key, and the one under the payment databases, which somebody has scheduled for deletion."""
    home = regions[ACCOUNT, "us-east-1"]
    calm = ""
    for (account, name), region in regions.items():
        region.aws_key("s3")
        for alias, purpose in KEYS[: 7 if account == ACCOUNT and name == "us-east-1" else 3]:
            calm = region.key(alias, description=purpose, days=400, rotated=None if alias == "search-index" else 365)
    payments = home.key("payments-db", description="Payment databases (migration of 2024)", deleted_in=5, days=700)
    home.key(
        "jwt-signing", spec="RSA_2048", usage="SIGN_VERIFY", rotated=None, description="Signs access tokens", days=300
    )
    home.key(
        "webhook-hmac",
        spec="HMAC_256",
        usage="GENERATE_VERIFY_MAC",
        rotated=None,
        description="Signs webhooks",
        days=200,
    )
    home.key(
        "partner-import",
        origin="EXTERNAL",
        rotated=None,
        valid_days=12,
        description="Material of the card network",
        days=150,
    )
    return calm, payments


def _regions(regions: dict[tuple[str, str], Region]) -> None:
    """Encryption by default is on but in one region, where new nodes ask for plaintext disks."""
    for (account, name), region in regions.items():
        late = (account, name) == (SECOND, "eu-west-1")
        region.encrypt_by_default(not late)
        region.share_snapshots("unblocked" if late else "block-new-sharing")
        region.launch_template(f"eks-nodes-{name}", True)
        region.launch_template(f"eks-spot-{name}", not late, None if late else True)
    block_public_access(ACCOUNT)


def _cluster(
    region: Region, cluster: str, nodes: int, share: float, chance: random.Random, payments_key: str | None
) -> None:
    """Root disks of the nodes, and the volumes of the StatefulSets on them."""
    names = [f"i-0{chance.getrandbits(64):016x}" for _ in range(nodes)]
    for number, node in enumerate(names):
        tags = {
            "Name": f"{cluster}-node-{number:02}",
            "team": "platform",
            "cluster": cluster,
            "tenant": "acme",
            f"kubernetes.io/cluster/{cluster}": "owned",
        }
        automatic = "eks.amazonaws.com" if number % 12 == 11 else None
        region.volume(
            tags,
            size=80,
            instance=node,
            device="/dev/xvda",
            zone="abc"[number % 3],
            operator=automatic,
            days=chance.uniform(0.2, 40),
        )
    for workload, team, replicas, size in WORKLOADS[: int(len(WORKLOADS) * share)]:
        key = payments_key if workload == "postgres-payments" else None
        for kind in ("data", "wal") if workload.startswith("postgres") else ("data",):
            for replica in range(replicas):
                tags = _claim_tags(f"{kind}-{workload}-{replica}", team, cluster)
                region.volume(
                    tags,
                    key=key,
                    size=size,
                    instance=chance.choice(names),
                    zone="abc"[replica % 3],
                    days=chance.uniform(30, 500),
                )


def _claim_tags(claim: str, team: str, cluster: str) -> dict[str, str]:
    """As the EBS CSI driver writes them."""
    return {
        "Name": claim,
        "team": team,
        "cluster": cluster,
        "tenant": "acme",
        "ebs.csi.aws.com/cluster": "true",
        "kubernetes.io/created-for/pvc/name": claim,
        "kubernetes.io/created-for/pvc/namespace": f"acme-{team}",
    }


def _stray_volumes(regions: dict[tuple[str, str], Region]) -> None:
    """What is in no cluster: plaintext leftovers, volumes under somebody else's key, many that are fine."""
    staging, home = regions[SECOND, "eu-west-1"], regions[ACCOUNT, "us-east-1"]
    for name, team in (("tmp-restore-test", "orders"), ("jmeter-data", "build"), ("old-jenkins-home", "build")):
        staging.volume({"Name": name, "team": team, "tenant": "acme"}, encrypted=False, size=100, days=90)
    home.volume({"Name": "bastion-scratch", "team": "platform", "tenant": "acme"}, encrypted=False, size=8, days=1100)
    foreign = f"arn:aws:kms:us-east-1:{FOREIGN}:key/5c0ffee5-0000-4000-8000-00000000acce"
    for replica in range(2):
        tags = {"Name": f"auditor-share-{replica}", "team": "legal", "tenant": "acme"}
        regions[SECOND, "us-east-1"].volume(tags, key=foreign, size=200, days=60)
    for number, region in enumerate(list(regions.values()) * 35):
        team = BUCKET_TEAMS[number % len(BUCKET_TEAMS)]
        region.volume(
            {"Name": f"{team}-workspace-{number:03}", "team": team, "tenant": "acme"}, size=50, days=number % 300
        )
    home.volume(size=10, days=400)  # nobody has tagged it


def _snapshots(regions: dict[tuple[str, str], Region], chance: random.Random) -> None:
    """Nightly ones of some volumes; one that everybody may read, and one of a plaintext volume."""
    for region in regions.values():
        volumes = [v for v in region.ec2.volumes.values() if v.encrypted]
        for volume in chance.sample(volumes, 37):
            name = region.ec2.tags.get(volume.id, {}).get("Name", volume.id)
            region.snapshot(
                volume.id,
                f"nightly of {name}",
                tags={"Name": f"{name}-nightly", "team": "platform"},
                days=chance.uniform(0, 30),
            )
    staging = regions[SECOND, "eu-west-1"]
    bare = next(v for v in staging.ec2.volumes.values() if not v.encrypted)
    staging.snapshot(
        bare.id,
        "before the move, shared with the vendor",
        tags={"Name": "vendor-handover", "team": "orders"},
        public=True,
        days=75,
    )
    staging.snapshot(bare.id, "manual", tags={"Name": "tmp-restore-test-manual", "team": "orders"}, days=80)


def _buckets(regions: dict[tuple[str, str], Region], buckets: dict[str, Buckets]) -> str:
    """120 of them; the table names those that are not as promised. Answers with one that is in order, for `live`."""
    home = regions[ACCOUNT, "us-east-1"]
    odd: dict[str, Callable[[Buckets, str], object]] = {
        "acme-payments-dumps": lambda own, name: own.policy(name, None),
        "acme-build-artifacts": lambda own, name: own.policy(name, bucketpolicy.tls_only_for_reads(name)),
        "acme-search-events": lambda own, name: own.policy(name, bucketpolicy.tls_only_for_objects(name)),
        "acme-orders-exports": lambda own, name: own.encryption(name, "AES256", blocked=("NONE",)),
        "acme-identity-logs": lambda own, name: own.encryption(name, "AES256", blocked=()),
        "acme-analytics-ml-features": lambda own, name: own.encryption(name, "aws:kms", "alias/analytics-lake"),
        "acme-platform-backups": lambda own, name: own.encryption(name, "aws:kms"),
        "acme-payments-invoices": lambda own, name: own.encryption(name, "aws:kms", home.aws_key("s3")),
        EXCEPTED_BUCKET: lambda own, name: own.policy(name, bucketpolicy.read_by_account(name, SECOND)),
    }
    for number in range(len(BUCKET_TEAMS) * len(BUCKET_USES)):
        team, use = BUCKET_TEAMS[number % len(BUCKET_TEAMS)], BUCKET_USES[number // len(BUCKET_TEAMS)]
        name, region = f"acme-{team}-{use}", BUCKET_REGIONS[number % len(BUCKET_REGIONS)]
        own = buckets[
            SECOND if use in ("ml-features", "dumps", "events") and team not in ("payments", "analytics") else ACCOUNT
        ]
        policy = bucketpolicy.tls_12(name) if number % 4 else bucketpolicy.tls_only_spelled_otherwise(name)
        own.make(name, region, policy=policy, tags={"team": team, "tenant": "acme"})
        if name in odd:
            odd[name](own, name)
    return "acme-orders-uploads"


def lead_to(doors: Mapping[str, int], *, old: Container[str] = ()) -> None:
    """A balancer in front of these servers (name -> port), with a listener for each; `old` are those whose listener
    still allows what the server refuses by now.
    """
    edge = Edge("us-east-1", ACCOUNT)
    front = edge.balancer("storefront", tags={"team": "platform", "tenant": "acme"})
    for name, port in doors.items():
        policy = OLD if name in old else MODERN
        edge.listener(front, "HTTPS", port, FIXED, ([for_host(name)], FORWARD), policy=policy)


def _edge(regions: dict[tuple[str, str], Region]) -> None:
    """What customers come through, most of it in order: an old door in each account, one that serves plain HTTP inside,
    a certificate whose renewal waits for a record that is gone, and downloads that anybody may intercept.
    """
    tags = {"team": "platform", "tenant": "acme"}
    for account, name in regions:
        edge, short = Edge(name, account), f"{'prod' if account == ACCOUNT else 'data'}-{name.replace('-', '')[:5]}"
        shop = edge.certificate(f"{short}.acme.example", left=190, key="EC_prime256v1", tags=tags)
        for team in ("shop", "api", "login"):
            web = edge.balancer(f"{short}-{team}", tags=tags)
            hosts = for_host(f"{team}.{short}.acme.example", f"{team}.acme.example")
            edge.listener(web, "HTTPS", 443, FIXED, ([hosts], FORWARD), certificate=shop)
            edge.listener(web, "HTTP", 80, redirect())
        broker = edge.balancer(f"{short}-mqtt", "network", tags=tags)
        edge.listener(broker, "TLS", 8883, certificate=shop)
        edge.listener(edge.balancer(f"{short}-metrics", internal=True, tags=tags), "HTTP", 80)
    home, second = Edge("us-east-1", ACCOUNT), Edge("eu-west-1", SECOND)
    stuck = home.certificate("partners.acme.example", left=38, renewal="PENDING_VALIDATION", tags=tags)
    partners = home.balancer("partners-legacy", tags=tags)
    home.listener(partners, policy=OLD, certificate=stuck)
    home.listener(partners, "HTTP", 80, redirect(), ([for_host("status.acme.example")], FORWARD))
    home.certificate("old-campaign.acme.example", left=4, used_by=(), tags=tags)
    bought = second.certificate("invoices.acme.example", kind="IMPORTED", left=19, tags=tags)
    second.classic(
        "invoices", ("HTTPS", 443), negotiated=("Protocol-TLSv1", "Protocol-TLSv1.2", "AES128-SHA"), certificate=bought
    )
    doors, cdn = Distributions(), home.certificate("cdn.acme.example", left=210, tags=tags)
    for name in ("www", "assets", "docs"):
        origins = {f"acme-{name}.s3.us-east-1.amazonaws.com": "s3", "origin.acme.example": "https-only"}
        doors.make(f"{name}.acme.example", certificate=cdn, origins=origins, tags=tags, comment=name)
    doors.make(
        "downloads.acme.example",
        viewers="allow-all",
        minimum="TLSv1",
        certificate=cdn,
        origins={"downloads-origin.acme.example": "match-viewer"},
        tags=tags,
    )
