"""acme's two EKS clusters: the volumes are those of the simulated AWS, found by the tags of the EBS driver."""

from typing import Any

from providers.demo.aws.accounts import ACCOUNT, SECOND
from providers.demo.aws.seed import Region
from providers.demo.aws.world import CLUSTERS, WORKLOADS, World
from providers.demo.kubernetes.cluster import CLAIM, EBS, VOLUME, csi, ebs, selector
from providers.demo.kubernetes.disks import EbsDisks
from providers.demo.kubernetes.names import ebs_tags
from providers.demo.kubernetes.running import LOGS, SCRATCH, Running, mounted

Json = dict[str, Any]
IN_TREE = "kubernetes.io/aws-ebs"
ENCRYPTED = {"type": "gp3", "encrypted": "true"}


def clusters(world: World) -> list[Running]:
    """The production cluster and the staging one, whose region does not encrypt by default."""
    return [_production(world), _staging(world)]


def _eks(world: World, name: str, account: str, region: str) -> tuple[Running, EbsDisks]:
    disks = EbsDisks(world.regions[account, region], name)
    arn = f"arn:aws:eks:{region}:{account}:cluster/{name}"
    return Running(name, arn, disks, "acme-build", "gp3"), disks


def _production(world: World) -> Running:
    eks, disks = _eks(world, "prod-use1", ACCOUNT, "us-east-1")
    cluster = eks.cluster
    cluster.storage_class("ebs-csi-default-sc", EBS, {"type": "gp3"}, default=True, days=40)  # the add-on makes it so
    cluster.storage_class("gp2", IN_TREE, {"type": "gp2", "fsType": "ext4"}, days=1400)
    cluster.storage_class("gp3", EBS, ENCRYPTED)
    cluster.storage_class("gp3-payments", EBS, {**ENCRYPTED, "kmsKeyId": world.payments_key})
    cluster.storage_class("efs", "efs.csi.aws.com", {"provisioningMode": "efs-ap", "fileSystemId": "fs-0e1a2b3c"})
    _nodes(eks, disks.region)
    _workloads(eks, disks.region, {"postgres-payments": "gp3-payments"})
    eks.made("acme-platform", "data-kafka-9", 1000, labels=selector("kafka"), days=200)  # scaled down since
    disks.create(eks.pv("acme-build", "data-gitea-old-0"), "acme-build", "data-gitea-old-0", 100)  # nobody's any more
    cluster.stateful_set("acme-build", "sonarqube", replicas=1, templates=[("data", None, 50)], days=35)
    labels, default = selector("sonarqube"), "ebs-csi-default-sc"  # names no class, and gets the default one
    eks.made("acme-build", "data-sonarqube-0", 50, storage_class=default, labels=labels, days=35)
    _leftovers(eks, disks)
    _applications(eks)
    return eks


def _staging(world: World) -> Running:
    eks, disks = _eks(world, "staging-euw1", SECOND, "eu-west-1")
    cluster = eks.cluster
    cluster.storage_class("gp3", EBS, ENCRYPTED, default=True)
    cluster.storage_class("gp3-fast", EBS, {"type": "gp3", "iops": "6000", "encrypted": "yes"})  # only "true" is true
    cluster.storage_class("gp2", IN_TREE, {"type": "gp2"}, days=1400)
    _nodes(eks, disks.region)
    _workloads(eks, disks.region, {})
    _plaintext(eks, disks, "acme-orders", "orders-dump", "gp2", days=600)
    labels, copied = selector("orders-replay"), {"kind": "PersistentVolumeClaim", "name": "orders-dump"}
    cluster.stateful_set("acme-orders", "orders-replay", replicas=2, templates=[("data", "gp3", 100)], days=20)
    eks.made("acme-orders", "data-orders-replay-0", 100, labels=labels, days=20)
    # a clone is encrypted only if its source is, or its class names a key
    _plaintext(eks, disks, "acme-orders", "data-orders-replay-1", "gp3", labels=labels, data_source=copied, days=20)
    cluster.stateful_set("acme-build", "load-generator", replicas=1, templates=[("data", "gp3-fast", 100)], days=50)
    _plaintext(
        eks, disks, "acme-build", "data-load-generator-0", "gp3-fast", labels=selector("load-generator"), days=50
    )
    return eks


def _plaintext(eks: Running, disks: EbsDisks, namespace: str, claim: str, storage_class: str, **more: Any) -> None:
    source = disks.create(eks.pv(namespace, claim), namespace, claim, 100, encrypted=False)
    eks.bound(namespace, claim, source, storage_class=storage_class, size=100, **more)


def _nodes(eks: Running, region: Region) -> None:
    for volume in region.ec2.volumes.values():
        name = region.ec2.tags.get(volume.id, {}).get("Name", "")
        if name.startswith(f"{eks.context}-node-") and volume.attachment:
            zone = volume.zone.name
            eks.cluster.node(f"{name}.ec2.internal", f"aws:///{zone}/{volume.attachment.instance.id}", zone)


def _workloads(eks: Running, region: Region, classes: dict[str, str]) -> None:
    """The StatefulSets whose volumes AWS has; the driver's tags are put on them, now that it is known who made them."""
    share = next(share for name, _, _, _, share in CLUSTERS if name == eks.context)
    volumes = {}
    for volume in region.ec2.volumes.values():
        tags = region.ec2.tags.get(volume.id, {})
        if tags.get("cluster") == eks.context and "kubernetes.io/created-for/pvc/name" in tags:
            volumes[tags["kubernetes.io/created-for/pvc/name"]] = volume
    for workload, team, replicas, size in WORKLOADS[: int(len(WORKLOADS) * share)]:
        templates = ("data", "wal") if workload.startswith("postgres") else ("data",)
        sources, namespace = {}, f"acme-{team}"
        for claim in (f"{template}-{workload}-{number}" for template in templates for number in range(replicas)):
            volume = volumes[claim]
            region.ec2.create_tags([volume.id], ebs_tags(eks.context, namespace, claim, eks.pv(namespace, claim)))
            sources[claim] = ebs(volume.id)
        eks.workload(namespace, workload, replicas, size, sources, classes.get(workload, "gp3"), templates=templates)


def _leftovers(eks: Running, disks: EbsDisks) -> None:
    """What remains where somebody was in a hurry, and what an old driver made."""
    cluster = eks.cluster
    old = disks.create(eks.pv("acme-observability", "old-metrics"), "acme-observability", "old-metrics", 200)
    in_tree = {"awsElasticBlockStore": {"volumeID": f"aws://us-east-1a/{old['csi']['volumeHandle']}", "fsType": "ext4"}}
    eks.bound(
        "acme-observability", "old-metrics", in_tree, storage_class="gp2", size=200, provisioner=IN_TREE, days=1300
    )
    cluster.deployment("acme-observability", "thanos", mounted("old-metrics"), replicas=1)
    uid, pv = eks.uid("acme-build", "jenkins-home"), eks.pv("acme-build", "jenkins-home")
    released = disks.create(pv, "acme-build", "jenkins-home", 100)
    claim = cluster.claim("acme-build", "jenkins-home", storage_class="gp3", size=100, uid=uid, days=500)
    cluster.volume(pv, released, claim=claim, phase="Released", reclaim="Retain", size=100, days=500)
    cluster.delete(CLAIM, "jenkins-home", "acme-build")
    shared = csi("efs.csi.aws.com", "fs-0e1a2b3c::fsap-0d1e2f3a", encryptInTransit="true")
    eks.bound("acme-support", "assets", shared, storage_class="efs", zone=None)
    cluster.deployment("acme-support", "knowledge-base", [*mounted("assets"), *SCRATCH])
    filer = {"nfs": {"server": "filer.acme.example", "path": "/legal"}}
    eks.bound("acme-legal", "archive", filer, storage_class="", volume="filer-legal", zone=None, provisioner="")
    cluster.deployment("acme-legal", "discovery", mounted("archive"), replicas=1)
    cluster.claim("acme-search", "next-index", storage_class="gp3", size=300, days=0.1)  # nobody has used it yet


def _applications(eks: Running) -> None:
    """What stands before the databases, and where passwords come from."""
    cluster = eks.cluster
    cluster.deployment("acme-orders", "storefront", SCRATCH, replicas=6)
    cluster.daemon_set("acme-observability", "node-agent", LOGS)
    cluster.ingress("acme-orders", "storefront", "shop.acme.example", "www.acme.example")
    cluster.ingress("acme-orders", "partner-feed", "feed.acme.example", tls=False)
    cluster.load_balancer("acme-payments", "card-gateway", 443)
    listener = {"name": "https", "port": 443, "protocol": "HTTPS", "hostname": "api.acme.example"}
    certificate = {"mode": "Terminate", "certificateRefs": [{"name": "api-tls"}]}
    cluster.gateway("acme-platform", "api", {**listener, "tls": certificate})
    for namespace, name in (("acme-payments", "postgres-payments"), ("acme-identity", "postgres-accounts")):
        cluster.external_secret(namespace, name)
    cluster.vault_static_secret("acme-orders", "mongodb-orders")
    cluster.sealed_secret("acme-build", "gitea")
    for namespace, claim in (("acme-identity", "data-postgres-accounts-0"), ("acme-platform", "data-vault-0")):
        volume = cluster.store.get(VOLUME, eks.pv(namespace, claim))
        assert volume is not None
        handle = volume.body["spec"]["csi"]["volumeHandle"]
        taken = _snapshot(eks, handle)
        cluster.snapshot_content(f"snapcontent-{claim}", taken, of=handle)


def _snapshot(eks: Running, volume: str) -> str:
    assert isinstance(eks.disks, EbsDisks)
    tags = {"Name": f"{volume}-before-upgrade", "CSIVolumeSnapshotName": f"snapshot-{volume}"}
    return eks.disks.region.snapshot(f"/{volume}", "Created by AWS EBS CSI driver", tags=tags, days=3).rpartition("/")[
        2
    ]
