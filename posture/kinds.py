"""The kinds of resources: what each is called, the columns of its own, and which control judges its end.

One entry a kind, and no other file: model, filter, screen, snapshot and saved state read it here. A source that
reports the kind fills `Resource.cells`, one short text for each column.
"""

from collections.abc import Mapping

import msgspec

from posture.resource import Resource
from posture.rollup import OWN
from posture.verdict import EvidenceClass, Finding, Status

YES_OR_NO = ("no", "?", "in part", "yes", "")
"""What a column says of a promise that its title names, by the `Status` of the control."""


class Col(msgspec.Struct, frozen=True):
    """One column: its title, and how it is drawn.

    `width` is the least it needs (0: its title's, and 6 at least), `most` what it makes use of (0: ten more), in
    character cells; where there is too little room, a column of a low `keep` is left out first. `right` aligns;
    `middle` cuts a long text in its middle, for names that differ at their end; `number` sorts by the number that the
    text begins with, the greatest first.

    `verdict` names controls, at most one of which judges a resource: the column then says how that one judged, in
    `words`, one for each `Status`, and `attested` for a PASS on somebody's word. Where none of them applies, it says
    what the source wrote.
    """

    title: str
    width: int = 0
    most: int = 0
    keep: int = 4
    right: bool = False
    middle: bool = False
    number: bool = False
    verdict: tuple[str, ...] = ()
    words: tuple[str, str, str, str, str] = YES_OR_NO
    attested: str = ""

    def word(self, finding: Finding) -> str:
        """How a verdict is told here."""
        # an exception changes what is done about a FAIL, not what was seen
        status = Status.FAIL if finding.exception is not None else finding.status
        if status is Status.PASS and finding.evidence_class is EvidenceClass.ATTESTED and self.attested:
            return self.attested
        return self.words[status]


FACTOR_WORDS = ("NO", "?", "weak", "yes", "")
ATTESTED = "attested"


class Kind(msgspec.Struct, frozen=True):
    """A kind of resource.

    `ends` names the controls that judge when it ends by itself (`Resource.expires`), one a system: a countdown has
    their colour. `ends_with` is the kind of the resource that it ends with, which is then listed instead. `encrypted`
    says that it has encryption at rest of its own. `usable` names the controls that judge whether what it encrypts can
    still be read.
    """

    name: str
    title: str
    columns: tuple[Col, ...] = ()
    ends: tuple[str, ...] = ()
    ends_with: str = ""
    encrypted: bool = False
    usable: tuple[str, ...] = ()

    @property
    def titles(self) -> tuple[str, ...]:
        """The titles of its columns, in the order of `Resource.cells`."""
        return tuple(column.title for column in self.columns)

    def judge_of(self, type_: str) -> str:
        """The control that judges the end of a resource of this type; empty where none of its system does."""
        system = type_.partition(".")[0] + "."
        return next((control for control in self.ends if control.startswith(system)), "")


_EDGE = (
    Col("SCHEME", 8, 8, keep=5),
    Col("LISTENS", 9, 30, keep=6),
    Col("TLS POLICY", 12, 38, middle=True),
    Col("CERT ENDS", 10, 10, keep=3),
)
"""What is told of everything that faces clients, and stands side by side in one view."""
_ALL = (
    Kind(
        "volume", "Volumes", (Col("USED BY", 14, middle=True), Col("SIZE", 8, right=True, number=True)), encrypted=True
    ),
    Kind(
        "snapshot",
        "Snapshots",
        (Col("OF", 12, middle=True), Col("SHARED", 8), Col("SIZE", 8, right=True, number=True)),
        encrypted=True,
    ),
    Kind(
        "bucket",
        "Buckets",
        (
            Col("DEFAULT SSE", 11),
            Col("TLS ONLY", verdict=("aws.s3.tls-only-policy",)),
            Col(
                "PUBLIC",
                8,
                verdict=("aws.s3.public-access", "azure.storage.public-blob", "gcp.gcs.public-access"),
                words=("PUBLIC", "?", "could be", "no", ""),
            ),
        ),
        encrypted=True,
    ),
    Kind(
        "key",
        "Keys",
        (Col("MANAGER"), Col("STATE"), Col("ROTATION")),
        ends=("aws.kms.key-state", "gcp.kms.key-state"),
        encrypted=True,
        usable=("aws.kms.key-state", "gcp.kms.key-state", "azure.disk.des-health"),
    ),
    Kind("object-sample", "Object samples"),
    Kind("inventory", "Inventories"),
    Kind("encryption-scope", "Encryption scopes", encrypted=True),
    Kind("blob-service", "Blob services"),
    Kind("file-service", "File services"),
    Kind("account", "Accounts", (Col("DEFAULT"),)),
    Kind(
        "identity",
        "Identities",
        (
            Col(
                "SECOND FACTOR",
                13,
                13,
                verdict=(
                    "aws.iam.root-mfa",
                    "aws.iam.user-console-mfa",
                    "azure.entra.mfa",
                    "gcp.identity.2sv",
                    "app.2fa.supported",
                ),
                words=FACTOR_WORDS,
                attested=ATTESTED,
            ),
            Col("FACTOR", 8, 20),
            Col("SINCE", 10, 10),
            Col("REPORT OF", 10, 20, keep=3),
        ),
    ),
    Kind(
        "database",
        "Databases",
        (Col("ENGINE", 10, 28), Col("CLUSTER", 8, 24, middle=True), Col("SIZE", 8, right=True, number=True)),
        encrypted=True,
    ),
    Kind("file-system", "File systems", (Col("STATE", 9, 12), Col("SIZE", 8, right=True, number=True)), encrypted=True),
    Kind("workload", "Workloads", (Col("VOLUMES", 8, 18),)),
    Kind("cluster", "Clusters", (Col("SECRETS"),)),
    Kind("node", "Nodes", (Col("MACHINE", 12, 40, middle=True), Col("ZONE", 8, 18))),
    Kind(
        "storage-class",
        "Storage classes",
        (
            Col("PROVISIONER", 14, 30, middle=True),
            Col("DEFAULT", 7, 7),
            Col("RECLAIM", 7, 7),
            Col("ENCRYPTED", 9, 9, verdict=("k8s.storageclass.encrypted",)),
        ),
    ),
    Kind(
        "persistent-volume",
        "Persistent volumes",
        (
            Col("CLAIM", 14, 40, middle=True),
            Col("CLASS", 8, 20, middle=True),
            Col("SIZE", 8, right=True, number=True),
            Col("PHASE", 8, 9),
            Col("DRIVER", 8, 24, keep=2),
            Col("AS PROMISED", 11, 11, keep=2, verdict=("k8s.pv.backing-volume",)),
        ),
    ),
    Kind(
        "claim",
        "Claims",
        (
            Col("VOLUME", 12, 40, middle=True),
            Col("CLASS", 8, 20, middle=True),
            Col("SIZE", 8, right=True, number=True),
            Col("PHASE", 8, 9),
        ),
    ),
    Kind("ingress", "Ingresses", (Col("HOSTS", 14, 50), Col("CLASS", 7, 18), Col("TLS", verdict=("k8s.ingress.tls",)))),
    Kind(
        "endpoint",
        "Endpoints",
        (
            Col("PROTOCOL", 8, 8, keep=8),
            Col("SUITE", 12, 30, keep=3),
            Col("ISSUER", 12, 32, keep=5),
            Col("HSTS", 5, 5, keep=2, number=True),
            Col("HTTP", 9, 10, keep=2),
            Col("CHANGED", 11, 11, keep=3),
            Col("FOUND IN", 10, 36, keep=0, middle=True),
        ),
        ends=("tls.cert-expiry",),
        ends_with="certificate",
    ),
    Kind(
        "certificate",
        "Certificates",
        (
            Col("ISSUER", 12, 32, keep=5),
            Col("KEY", 9, 10),
            Col("SIGNED", 7, 8, keep=3),
            Col("LIFE", 5, 5, keep=6, number=True),
            Col("NAMES", 12, 40, keep=3),
        ),
        ends=("tls.cert-expiry", "vault.pki.certificate-expiry", "aws.acm.certificate", "gcp.lb.certificate"),
    ),
    Kind(
        "load-balancer",
        "Load balancers",
        (
            *_EDGE,
            Col("HTTP", 9, 9, verdict=("aws.elb.http-redirect",), words=("SERVES", "?", "check", "redirects", "")),
        ),
    ),
    Kind("distribution", "Distributions", (*_EDGE, Col("HTTP", 9, 9), Col("ORIGINS", 12, 40))),
    Kind("vault", "Vaults", (Col("STATE"), Col("ABOUT"))),
    Kind(
        "lease",
        "Leases",
        (Col("ENGINE"), Col("ROLE"), Col("ISSUED"), Col("RENEWED"), Col("RENEWABLE"), Col("STATE")),
        ends=("vault.lease.health",),
    ),
    Kind(
        "lease-totals",
        "Lease totals",
        (
            Col("TOTAL"),
            Col("LIMIT"),
            Col("GROWTH"),
            Col("DOUBLES"),
            Col("IRREVOCABLE"),
            Col("BACKLOG"),
            Col("ROWS"),
            Col("ENDS"),
        ),
    ),
    Kind("token", "Tokens", (Col("ISSUED"), Col("RENEWED"), Col("RENEWABLE"), Col("KIND"), Col("POLICIES"))),
    Kind("secret-engine", "Secret engines", (Col("TYPE"), Col("DEFAULT TTL"), Col("MAX TTL"))),
    Kind(
        "auth-method",
        "Auth methods",
        (
            Col("TYPE"),
            Col("DEFAULT TTL"),
            Col("MAX TTL"),
            Col("SECOND FACTOR", verdict=("vault.auth.mfa-enforced",), words=FACTOR_WORDS, attested=ATTESTED),
        ),
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}


def kind_of(name: str) -> Kind:
    """The kind of this name; one that only another version knows, from its snapshot, has no columns of its own."""
    return KINDS.get(name) or Kind(name, f"{name.replace('-', ' ').capitalize()}s")


def is_listed(resource: Resource) -> bool:
    """Whether it is a row of a list, and a resource of a snapshot: of enctop's own only what is of a kind."""
    return resource.provider != OWN or resource.kind in KINDS


def cells_of(resource: Resource, findings: Mapping[str, Finding]) -> tuple[str, ...]:
    """The texts of the columns of a resource's kind: what its source wrote, and how it was judged."""
    verdicts = _VERDICTS.get(resource.kind)
    if verdicts is None:
        return resource.cells
    cells = list(resource.cells)
    for index, column in verdicts:
        finding = next((findings[control] for control in column.verdict if control in findings), None)
        if finding is not None:
            cells += [""] * (index + 1 - len(cells))
            cells[index] = column.word(finding)
    return tuple(cells)


_VERDICTS = {
    kind.name: verdicts
    for kind in _ALL
    if (verdicts := tuple((index, column) for index, column in enumerate(kind.columns) if column.verdict))
}
"""Kind -> (place, column) of those that a control fills."""
