"""Azure's own words where a first look at them says the wrong thing: no PASS that is not true, and no FAIL."""

from typing import Any

import pytest

from providers.demo.azure import more
from providers.demo.azure.resources import CUSTOMER, PLATFORM, SUBSCRIPTION
from tests.world.azure import Azure

EDGE, HOST, KEYS, ADE = (
    "azure.edge.ssl-policy",
    "azure.vm.encryption-at-host",
    "azure.disk.key-policy",
    "azure.disk.ade-legacy",
)
CUSTOMERS = 'keys = "customer-managed"'
SECURE = "ConfidentialVM_DiskEncryptedWithCustomerKey"


def _change(azure: Azure, own: str, **properties: Any) -> str:
    azure.estate.change(own, **properties)
    return own


def _properties(azure: Azure, own: str) -> Any:
    return azure.estate.resources[own.lower()]["properties"]


async def _says(azure: Azure, own: str, control: str, policy: str = "") -> str:
    return (await azure.poll(policy=policy)).statuses(own)[control]


# ---------------------------------------------------------------- application gateways


def _profiled(
    azure: Azure,
    policy: dict[str, str] | None,
    own_policy: str | None = "AppGwSslPolicy20220101S",
    *,
    named: bool = True,
) -> str:
    """A gateway whose listener for HTTPS has an SSL profile with this policy."""
    own = more.gateway(azure.estate, "gw", policy=own_policy)
    profile = {
        "id": f"{own}/sslProfiles/p",
        "name": "p",
        "properties": {"sslPolicy": policy} if policy else {"clientAuthConfiguration": {}},
    }
    _properties(azure, own)["httpListeners"][0]["properties"]["sslProfile"] = {"id": f"{own.upper()}/sslProfiles/P/"}
    return _change(azure, own, sslProfiles=[profile] if named else [])


@pytest.mark.parametrize(
    ("policy", "own_policy", "status"),
    [
        ({"policyType": "Custom", "minProtocolVersion": "TLSv1_0"}, "AppGwSslPolicy20220101S", "fail"),
        ({"policyType": "Custom", "minProtocolVersion": "TLSv1_1"}, None, "fail"),
        ({"policyType": "Predefined", "policyName": "appgwsslpolicy20170401s"}, "AppGwSslPolicy20150501", "pass"),
        ({"policyType": "CustomV2", "minProtocolVersion": "TLSv1_3"}, None, "pass"),
        ({"policyType": "Predefined", "policyName": "AppGwSslPolicy20401231"}, "AppGwSslPolicy20220101S", "unknown"),
        (None, "AppGwSslPolicy20150501", "fail"),
        (None, "AppGwSslPolicy20220101", "pass"),
    ],
)
async def test_the_ssl_profile_of_a_listener_goes_before_the_policy_of_its_gateway(
    azure: Azure, policy: dict[str, str] | None, own_policy: str | None, status: str
) -> None:
    assert await _says(azure, _profiled(azure, policy, own_policy), EDGE) == status


async def test_an_ssl_profile_that_is_not_there_is_unknown(azure: Azure) -> None:
    assert await _says(azure, _profiled(azure, None, named=False), EDGE) == "unknown"


@pytest.mark.parametrize(
    ("protocol", "redirects", "status"),
    [
        ("http", False, "fail"),
        ("HTTP", True, "pass"),
        (None, True, "unknown"),
        ("Gopher", False, "unknown"),
        ("Gopher", True, "unknown"),
    ],
)
async def test_a_listeners_protocol_is_read_in_any_case_and_never_guessed(
    azure: Azure, protocol: str | None, redirects: bool, status: str
) -> None:
    own = more.gateway(azure.estate, "gw", redirects=redirects)
    listener = _properties(azure, own)["httpListeners"][1]["properties"]
    listener.pop("protocol") if protocol is None else listener.update(protocol=protocol)
    assert await _says(azure, own, EDGE) == status


async def test_a_gateway_that_names_no_rules_is_unknown(azure: Azure) -> None:
    own = more.gateway(azure.estate, "gw")
    assert await _says(azure, _change(azure, own, requestRoutingRules=None), EDGE) == "unknown"


async def test_references_of_a_gateway_are_read_in_any_case_and_with_a_slash_at_the_end(azure: Azure) -> None:
    own = more.gateway(azure.estate, "gw")
    rule = _properties(azure, own)["requestRoutingRules"][1]["properties"]
    for name in ("httpListener", "redirectConfiguration"):
        rule[name] = {"id": f"{rule[name]['id'].upper()}/"}
    target = _properties(azure, own)["redirectConfigurations"][0]["properties"]["targetListener"]
    target["id"] += "/"
    assert await _says(azure, own, EDGE) == "pass"


@pytest.mark.parametrize(
    ("default", "path", "status"),
    [
        ("away", "away", "pass"),
        ("away", "serve", "fail"),
        ("serve", "away", "fail"),
        ("away", "nothing", "unknown"),
        ("gone", "away", "unknown"),
    ],
)
async def test_a_url_path_map_is_as_safe_as_its_worst_path(azure: Azure, default: str, path: str, status: str) -> None:
    own = more.gateway(azure.estate, "gw")

    def way(kind: str, prefix: str = "") -> dict[str, Any]:
        redirect, pool = (
            ("defaultRedirectConfiguration", "defaultBackendAddressPool")
            if prefix
            else ("redirectConfiguration", "backendAddressPool")
        )
        kinds: dict[str, dict[str, Any]] = {"serve": {pool: {"id": f"{own}/backendAddressPools/web"}}, "nothing": {}}
        return kinds.get(kind, {redirect: {"id": f"{own}/redirectConfigurations/{kind}"}})

    rules = [{"name": "x", "properties": {"paths": ["/x/*"], **way(path)}}]
    _properties(azure, own)["urlPathMaps"] = [
        {"id": f"{own}/urlPathMaps/m", "name": "m", "properties": {"pathRules": rules, **way(default, "default")}}
    ]
    rule = _properties(azure, own)["requestRoutingRules"][1]["properties"]
    del rule["redirectConfiguration"]
    rule.update(ruleType="PathBasedRouting", urlPathMap={"id": f"{own}/urlPathMaps/M"})
    assert await _says(azure, own, EDGE) == status


# ---------------------------------------------------------------- front doors


@pytest.mark.parametrize(
    ("route", "endpoint", "status"),
    [
        ({"httpsRedirect": "Disabled", "enabledState": "Disabled"}, {}, "pass"),
        ({"httpsRedirect": "Disabled"}, {"enabledState": "disabled"}, "pass"),
        ({"httpsRedirect": "enabled"}, {}, "pass"),
        ({"httpsRedirect": "Disabled", "supportedProtocols": ["https"]}, {}, "pass"),
        ({"httpsRedirect": "disabled", "enabledState": "Enabled"}, {}, "fail"),
        ({"httpsRedirect": "Disabled", "enabledState": "Sometimes"}, {}, "unknown"),
        ({"httpsRedirect": "Perhaps"}, {}, "unknown"),
        ({"supportedProtocols": ["Gopher"]}, {}, "unknown"),
        ({"supportedProtocols": None}, {}, "unknown"),
    ],
)
async def test_a_route_serves_plain_http_where_it_is_on_and_says_so(
    azure: Azure, route: dict[str, Any], endpoint: dict[str, Any], status: str
) -> None:
    own = more.front_door(azure.estate, "fd")
    _change(azure, f"{own}/afdEndpoints/web/routes/default", **route)
    if endpoint:
        _change(azure, f"{own}/afdEndpoints/web", **endpoint)
    assert await _says(azure, own, EDGE) == status


@pytest.mark.parametrize(("minimum", "status"), [("tls12", "pass"), ("TLS10", "fail"), ("TLS99", "unknown")])
async def test_a_domains_minimum_is_read_in_any_case_and_never_guessed(azure: Azure, minimum: str, status: str) -> None:
    assert await _says(azure, more.front_door(azure.estate, "fd", minimum=minimum), EDGE) == status


async def test_a_front_door_is_one_in_any_case_of_its_sku(azure: Azure) -> None:
    own = more.front_door(azure.estate, "fd")
    azure.estate.resources[own.lower()]["sku"]["name"] = "PREMIUM_AZUREFRONTDOOR"
    assert await _says(azure, own, EDGE) == "pass"


# ---------------------------------------------------------------- disks and machines


@pytest.mark.parametrize(
    ("security", "policy", "status"),
    [
        ({"securityType": SECURE}, "", "unknown"),
        ({"securityType": SECURE, "secureVMDiskEncryptionSetId": "set"}, "", "fail"),
        ({"securityType": SECURE.lower(), "secureVMDiskEncryptionSetId": "set"}, CUSTOMERS, "pass"),
        ({"secureVMDiskEncryptionSetId": "set"}, "", "unknown"),
        ({"securityType": "ConfidentialVM_DiskEncryptedWithPlatformKey"}, "", "pass"),
        ({"securityType": "ConfidentialVM_VMGuestStateOnlyEncryptedWithPlatformKey"}, "", "pass"),
        ({"securityType": "TrustedLaunch"}, CUSTOMERS, "fail"),
        ({"securityType": "ConfidentialVM_FromTheFuture"}, "", "unknown"),
    ],
)
async def test_a_confidential_disk_is_under_the_key_that_its_security_profile_names(
    azure: Azure, security: dict[str, str], policy: str, status: str
) -> None:
    vault = azure.estate.vault("acme-keys")
    made = azure.estate.encryption_set(
        "set", f"{azure.estate.key(vault, 'k')}/1", vault, encryption="ConfidentialVmEncryptedWithCustomerKey"
    )
    named = {name: made.upper() if value == "set" else value for name, value in security.items()}
    for maker, control in ((azure.estate.disk, KEYS), (azure.estate.snapshot, "azure.disk.snapshot-encryption")):
        assert (
            await _says(azure, _change(azure, maker("d", PLATFORM), securityProfile=named), control, policy) == status
        )


@pytest.mark.parametrize(
    ("extension", "status"),
    [
        (
            {
                "name": "ade",
                "properties": {"publisher": "Microsoft.Azure.Security", "type": "AzureDiskEncryptionForLinux"},
            },
            "warn",
        ),
        ({"id": "/x/extensions/AzureDiskEncryption"}, "warn"),
        (
            {
                "name": "monitor",
                "properties": {"publisher": "Microsoft.Azure.Monitor", "type": "AzureMonitorLinuxAgent"},
            },
            "pass",
        ),
    ],
)
async def test_a_machine_with_the_extension_of_azure_disk_encryption_depends_on_it(
    azure: Azure, extension: dict[str, Any], status: str
) -> None:
    own = more.machine(azure.estate, "vm")
    azure.estate.resources[own.lower()]["resources"] = [extension]
    azure.server.hidden.add(SUBSCRIPTION)
    assert await _says(azure, own, ADE) == status


@pytest.mark.parametrize("lost", ["storageProfile", "osDisk"])
async def test_a_machine_that_does_not_say_where_its_disks_are_is_unknown(azure: Azure, lost: str) -> None:
    own = more.machine(azure.estate, "vm")
    _change(azure, own, storageProfile=None if lost == "storageProfile" else {"dataDisks": []})
    statuses = (await azure.poll()).statuses(own)
    assert (statuses[ADE], statuses["azure.disk.unmanaged"]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("properties", "status"), [({"orchestrationMode": "flexible"}, "not_applicable"), ({}, "unknown")]
)
async def test_a_flexible_scale_set_without_a_profile_leaves_it_to_its_machines(
    azure: Azure, properties: dict[str, Any], status: str
) -> None:
    own = more.scale_set(azure.estate, "ss")
    assert await _says(azure, _change(azure, own, virtualMachineProfile=None, x=1, **properties), HOST) == status


async def test_a_cluster_that_names_no_pool_is_unknown(azure: Azure) -> None:
    assert (
        await _says(azure, _change(azure, more.cluster(azure.estate, "aks"), agentPoolProfiles=[]), HOST) == "unknown"
    )


# ---------------------------------------------------------------- storage


@pytest.mark.parametrize(
    ("change", "policy", "status"),
    [
        ({}, CUSTOMERS, "pass"),
        ({"state": None}, CUSTOMERS, "unknown"),
        ({"state": "Resting"}, CUSTOMERS, "unknown"),
        ({"state": "enabled"}, CUSTOMERS, "pass"),
        ({"state": "DISABLED"}, CUSTOMERS, "fail"),
        ({"source": None}, CUSTOMERS, "unknown"),
        ({"source": None}, "", "unknown"),
        ({"source": "MICROSOFT.KEYVAULT"}, "", "fail"),
        ({"source": "Somebody.Else"}, 'keys = "either"', "unknown"),
    ],
)
async def test_an_encryption_scope_is_what_it_says_it_is(
    azure: Azure, change: dict[str, Any], policy: str, status: str
) -> None:
    account = azure.estate.account("acmedata")
    scope = azure.estate.scope(account, "s", key=azure.estate.key(azure.estate.vault("v"), "k"))
    container = azure.estate.container(account, "c", scope="s", deny_override=True)
    _change(azure, scope, **change)
    assert await _says(azure, container, "azure.storage.encryption-scope", policy) == status


@pytest.mark.parametrize(
    ("access", "status"), [("none", "warn"), ("BLOB", "fail"), ("Perhaps", "unknown"), (7, "unknown"), (None, "warn")]
)
async def test_a_containers_public_access_is_read_in_any_case_and_never_guessed(
    azure: Azure, access: Any, status: str
) -> None:
    account = azure.estate.account("acmedata", allow_blob_public_access=True)
    _change(azure, azure.estate.container(account, "c"), publicAccess=access)
    assert await _says(azure, account, "azure.storage.public-blob") == status


async def test_a_disk_without_its_set_is_unknown_under_either_way(azure: Azure) -> None:
    own = azure.estate.disk("d", CUSTOMER, set_id="/subscriptions/x/y")
    _change(azure, own, encryption={"type": CUSTOMER})
    assert await _says(azure, own, KEYS, CUSTOMERS) == "unknown"


@pytest.mark.parametrize(
    ("made", "rule", "status"),
    [
        ({}, {}, "pass"),
        ({"redirects": False}, {}, "fail"),
        ({"redirects": False, "engine": True}, {}, "unknown"),
        ({"minimum": "1.0"}, {}, "fail"),
        ({"minimum": "9.9"}, {}, "unknown"),
        ({"minimum": None}, {}, "warn"),
        ({"redirects": False}, {"enabledState": "disabled"}, "pass"),
        ({}, {"acceptedProtocols": ["Gopher"]}, "unknown"),
        ({}, {"acceptedProtocols": None}, "unknown"),
    ],
)
async def test_a_classic_front_door_is_as_its_rules_and_domains_say(
    azure: Azure, made: dict[str, Any], rule: dict[str, Any], status: str
) -> None:
    own = more.classic_front_door(azure.estate, "fd", **made)
    _properties(azure, own)["routingRules"][1]["properties"].update(rule)
    assert await _says(azure, own, EDGE) == status


async def test_a_classic_front_door_that_is_off_serves_nobody(azure: Azure) -> None:
    own = more.classic_front_door(azure.estate, "fd", redirects=False)
    assert await _says(azure, _change(azure, own, enabledState="Disabled"), EDGE) == "not_applicable"
