"""Every operation enctop may ask of Azure, and the permission it takes. A call that is not declared here cannot be
made, and none of them writes.

Names, paths and api-versions: REST references of the resource providers, as the installed SDK packages send them (tests
hold them equal); permissions: "Azure permissions" reference and, for Graph, its permissions reference. Resource Graph
asks for the read permission of what it shows, and for nothing else.
"""

import json
from typing import Any

import msgspec

from providers.system import Blocks


class Call(msgspec.Struct, frozen=True):
    """One declared read; `family` is the request budget it draws on.

    `path` is below the subscription (`/providers/...`) or, with `within`, below a resource's id. `switch` is the
    resource provider that must be registered.
    """

    permission: str
    path: str
    api_version: str
    family: str = "arm"
    within: bool = False
    name: str = ""

    @property
    def operation(self) -> str:
        """As errors and evidence name it: the permission, but for Graph, where several calls take the same."""
        return self.name or self.permission

    @property
    def switch(self) -> str:
        """The resource provider: `Microsoft.Compute`."""
        return self.permission.partition("/")[0]

    @property
    def type(self) -> str:
        """The resource type as Resource Graph spells it: `microsoft.compute/disks`."""
        return self.permission.removesuffix("/read").lower()


CALLS: dict[str, Call] = {}


def _call(permission: str, path: str, api_version: str, family: str = "arm", *, within: bool = False) -> Call:
    call = CALLS[permission] = Call(permission, path, api_version, family, within)
    return call


LIST_SUBSCRIPTIONS = _call("Microsoft.Resources/subscriptions/read", "/subscriptions", "2022-12-01")
LIST_RESOURCES = _call("Microsoft.Resources/subscriptions/resources/read", "/resources", "2021-04-01")
"""Ids and types of everything there is, to hold Resource Graph's rows against."""

LIST_DISKS = _call("Microsoft.Compute/disks/read", "/providers/Microsoft.Compute/disks", "2026-03-02")
LIST_SNAPSHOTS = _call("Microsoft.Compute/snapshots/read", "/providers/Microsoft.Compute/snapshots", "2026-03-02")
LIST_IMAGES = _call("Microsoft.Compute/images/read", "/providers/Microsoft.Compute/images", "2026-04-01")
LIST_SETS = _call(
    "Microsoft.Compute/diskEncryptionSets/read", "/providers/Microsoft.Compute/diskEncryptionSets", "2026-03-02"
)
LIST_MACHINES = _call(
    "Microsoft.Compute/virtualMachines/read", "/providers/Microsoft.Compute/virtualMachines", "2026-04-01"
)
LIST_SCALE_SETS = _call(
    "Microsoft.Compute/virtualMachineScaleSets/read",
    "/providers/Microsoft.Compute/virtualMachineScaleSets",
    "2026-04-01",
)
LIST_INSTANCES = _call(
    "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read", "/virtualMachines", "2026-04-01", within=True
)
"""The machines of one uniform scale set, which the listing of machines leaves out."""
LIST_EXTENSIONS = _call("Microsoft.Compute/virtualMachines/extensions/read", "/extensions", "2026-04-01", within=True)
LIST_GALLERIES = _call("Microsoft.Compute/galleries/read", "/providers/Microsoft.Compute/galleries", "2026-03-03")
LIST_GALLERY_IMAGES = _call("Microsoft.Compute/galleries/images/read", "/images", "2026-03-03", within=True)
LIST_GALLERY_VERSIONS = _call(
    "Microsoft.Compute/galleries/images/versions/read", "/versions", "2026-03-03", within=True
)

LIST_ACCOUNTS = _call(
    "Microsoft.Storage/storageAccounts/read",
    "/providers/Microsoft.Storage/storageAccounts",
    "2026-09-01",
    "storage:list",
)
LIST_SCOPES = _call(
    "Microsoft.Storage/storageAccounts/encryptionScopes/read",
    "/encryptionScopes",
    "2026-09-01",
    "storage:read",
    within=True,
)
LIST_CONTAINERS = _call(
    "Microsoft.Storage/storageAccounts/blobServices/containers/read",
    "/blobServices/default/containers",
    "2026-09-01",
    "storage:read",
    within=True,
)
LIST_SHARES = _call(
    "Microsoft.Storage/storageAccounts/fileServices/shares/read",
    "/fileServices/default/shares",
    "2026-09-01",
    "storage:files",
    within=True,
)
GET_FILES = _call(
    "Microsoft.Storage/storageAccounts/fileServices/read",
    "/fileServices/default",
    "2026-09-01",
    "storage:files",
    within=True,
)

LIST_VAULTS = _call("Microsoft.KeyVault/vaults/read", "/providers/Microsoft.KeyVault/vaults", "2026-05-15")
LIST_HSMS = _call("Microsoft.KeyVault/managedHSMs/read", "/providers/Microsoft.KeyVault/managedHSMs", "2026-05-15")
GET_KEY = _call("Microsoft.KeyVault/vaults/keys/read", "/keys", "2026-05-15", within=True)
GET_HSM_KEY = _call("Microsoft.KeyVault/managedHSMs/keys/read", "/keys", "2026-05-15", within=True)

LIST_CLUSTERS = _call(
    "Microsoft.ContainerService/managedClusters/read",
    "/providers/Microsoft.ContainerService/managedClusters",
    "2026-08-01",
)

LIST_GATEWAYS = _call(
    "Microsoft.Network/applicationGateways/read", "/providers/Microsoft.Network/applicationGateways", "2026-03-01"
)
LIST_CLASSIC_DOORS = _call("Microsoft.Network/frontDoors/read", "/providers/Microsoft.Network/frontDoors", "2021-06-01")
"""Front doors of before the standard and premium tiers; they are retired on 2027-03-31."""
LIST_PROFILES = _call("Microsoft.Cdn/profiles/read", "/providers/Microsoft.Cdn/profiles", "2026-10-01")
LIST_AFD_DOMAINS = _call("Microsoft.Cdn/profiles/customdomains/read", "/customDomains", "2026-10-01", within=True)
LIST_AFD_ENDPOINTS = _call("Microsoft.Cdn/profiles/afdendpoints/read", "/afdEndpoints", "2026-10-01", within=True)
LIST_AFD_ROUTES = _call("Microsoft.Cdn/profiles/afdendpoints/routes/read", "/routes", "2026-10-01", within=True)

QUERY_RESOURCES = Call(
    "Microsoft.ResourceGraph/resources/read", "/providers/Microsoft.ResourceGraph/resources", "2021-03-01", "graph"
)
"""Asks for no permission of its own: without the read permission of a resource its row is left out, and nothing says
so.
"""

QUERY_CHANGES = msgspec.structs.replace(QUERY_RESOURCES, permission="Microsoft.Resources/changes/read")
"""The same of `resourcechanges`, and only with `who`."""

LIST_BLOBS = Call("Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", "", "2023-11-03", "blob")
"""Asked of an account's own blob endpoint, and only with `blob_sample`; the version goes as a header. The right is a
data action, which reads content too.
"""

# Microsoft Graph: application permissions, granted in Entra and not by a role.
GRAPH_CALLS: dict[str, Call] = {}


def _graph(name: str, permission: str, path: str) -> Call:
    call = GRAPH_CALLS[name] = Call(permission, path, "", "entra", name=name)
    return call


SECURITY_DEFAULTS = _graph(
    "graph:securityDefaults", "Policy.Read.All", "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"
)
CONDITIONAL_ACCESS = _graph("graph:conditionalAccess", "Policy.Read.All", "/v1.0/identity/conditionalAccess/policies")
REGISTRATION = _graph(
    "graph:userRegistrationDetails", "AuditLog.Read.All", "/v1.0/reports/authenticationMethods/userRegistrationDetails"
)

MOST_PAGE = 32 << 20
"""Bytes of one answer, decoded: a page of 1,000 rows is some 5 MB."""

# Requests a period, the period in seconds, and how many under way, per subscription. Resource Manager refills 25 reads
# a second into a bucket of 250 per
# subscription, region and principal and shares it with every other tool of that principal: half of it is taken. The
# storage provider has its own, 100 lists
# and 800 reads in 5 minutes per subscription and region: reads have a lane for each region, or 2,000 accounts would
# take a quarter of an hour, and the shares do not hold up the containers. Resource
# Graph: 15 queries in 5 seconds per principal. A blob endpoint takes 20,000 requests a second; each account has its own
# lane, for one may be out of reach.
BUDGETS: dict[str, tuple[int, float, int]] = {
    "arm": (60, 5.0, 8),
    "storage:list": (50, 300.0, 2),
    "storage:read": (600, 300.0, 16),
    "storage:files": (150, 300.0, 8),
    "graph": (8, 5.0, 2),
    "entra": (20, 5.0, 4),
    "blob": (50, 1.0, 4),
}


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy azure`: the least custom role as JSON."""
    return json.dumps(role(needs), indent=2) + "\n"


def role(needs: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The least custom role, as `az role definition create --role-definition @FILE` takes it: the permissions of every
    call enctop can make with the settings `needs`, all reads.

    Graph's permissions cannot stand in a role; the description names them.
    """
    graph = sorted({call.permission for call in GRAPH_CALLS.values()})
    return {
        "Name": "enctop read-only posture",
        "IsCustom": True,
        "Description": (
            "What enctop reads. Beside it, for second factors: the Microsoft Graph application permissions"
            f" {' and '.join(graph)}."
        ),
        "Actions": sorted([*CALLS, *([QUERY_CHANGES.permission] if "who" in needs else [])]),
        "NotActions": [],
        "DataActions": [LIST_BLOBS.permission] if "blob_sample" in needs else [],
        "NotDataActions": [],
        "AssignableScopes": ["/subscriptions/00000000-0000-0000-0000-000000000000"],
    }
