"""What else exists in the simulated Azure, beside disks, keys and storage: machines, clusters, gateways, front
doors, and people.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from azure.mgmt.cdn import models as cdn
from azure.mgmt.compute import models as compute
from azure.mgmt.containerservice import models as aks

from providers.demo.azure.resources import SUBSCRIPTION, Body, Resources

PLACE = "westeurope"


def machine(
    estate: Resources,
    name: str,
    *,
    at_host: bool | None = True,
    page_blob: str | None = None,
    group: str = "prod",
    subscription: str = SUBSCRIPTION,
) -> str:
    """A virtual machine; `page_blob` is the URI of an unmanaged system disk."""
    disk = compute.OSDisk(
        create_option="FromImage", os_type="Linux", vhd=compute.VirtualHardDisk(uri=page_blob) if page_blob else None
    )
    properties = compute.VirtualMachineProperties(
        storage_profile=compute.StorageProfile(os_disk=disk, data_disks=[]),
        security_profile=compute.SecurityProfile(encryption_at_host=at_host) if at_host is not None else None,
    )
    body = compute.VirtualMachine(location=PLACE, properties=properties).as_dict()
    return estate.put(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}", body
    )


def scale_set(
    estate: Resources, name: str, *, at_host: bool = True, group: str = "prod", subscription: str = SUBSCRIPTION
) -> str:
    """A scale set."""
    profile = compute.VirtualMachineScaleSetVMProfile(
        security_profile=compute.SecurityProfile(encryption_at_host=at_host)
    )
    body = compute.VirtualMachineScaleSet(
        location=PLACE, properties=compute.VirtualMachineScaleSetProperties(virtual_machine_profile=profile)
    ).as_dict()
    return estate.put(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachineScaleSets/{name}",
        body,
    )


def instance(estate: Resources, scale_set: str, number: int, *, at_host: bool = True, disks: Sequence[str] = ()) -> str:
    """A machine of a uniform scale set (its id), with these managed data disks (ids)."""
    data = [
        compute.DataDisk(lun=lun, create_option="Attach", managed_disk=compute.ManagedDiskParameters(id=disk))
        for lun, disk in enumerate(disks)
    ]
    properties = compute.VirtualMachineScaleSetVMProperties(
        storage_profile=compute.StorageProfile(
            os_disk=compute.OSDisk(create_option="FromImage", os_type="Linux"), data_disks=data
        ),
        security_profile=compute.SecurityProfile(encryption_at_host=at_host),
    )
    body = compute.VirtualMachineScaleSetVM(location=PLACE, properties=properties).as_dict()
    body |= {"instanceId": str(number), "name": f"{scale_set.rpartition('/')[2]}_{number}"}
    return estate.put(f"{scale_set}/virtualMachines/{number}", body)


def extension(
    estate: Resources,
    machine: str,
    name: str = "AzureDiskEncryptionForLinux",
    *,
    publisher: str = "Microsoft.Azure.Security",
    kind: str | None = None,
    settings: Body | None = None,
) -> str:
    """An extension of a virtual machine (its id); Azure Disk Encryption, unless it is said otherwise."""
    properties = compute.VirtualMachineExtensionProperties(
        publisher=publisher, type=kind or name, type_handler_version="1.1", settings=settings
    )
    body = compute.VirtualMachineExtension(location=PLACE, properties=properties).as_dict()
    return estate.put(f"{machine}/extensions/{name}", body)


def gallery_version(
    estate: Resources,
    gallery: str,
    image: str = "node",
    version: str = "1.0.0",
    *,
    regions: Mapping[str, str | None],
    data_disks: int = 0,
    subscription: str = SUBSCRIPTION,
) -> str:
    """A version of a gallery's image; `regions` maps where it is kept to the disk encryption set there, None for the
    platform's key.
    """
    own = f"/subscriptions/{subscription}/resourceGroups/images/providers/Microsoft.Compute/galleries/{gallery}"
    estate.put(own, compute.Gallery(location=PLACE, properties=compute.GalleryProperties()).as_dict())
    about = compute.GalleryImageProperties(
        os_type="Linux",
        os_state="Generalized",
        identifier=compute.GalleryImageIdentifier(publisher="acme", offer="linux", sku=image),
    )
    estate.put(f"{own}/images/{image}", compute.GalleryImage(location=PLACE, properties=about).as_dict())
    targets = [_replica(region, set_id, data_disks) for region, set_id in regions.items()]
    properties = compute.GalleryImageVersionProperties(
        publishing_profile=compute.GalleryImageVersionPublishingProfile(target_regions=targets),
        storage_profile=compute.GalleryImageVersionStorageProfile(
            os_disk_image=compute.GalleryOSDiskImage(),
            data_disk_images=[compute.GalleryDataDiskImage(lun=lun) for lun in range(data_disks)],
        ),
    )
    body = compute.GalleryImageVersion(location=PLACE, properties=properties).as_dict()
    for disk in (
        body["properties"]["storageProfile"]["osDiskImage"],
        *body["properties"]["storageProfile"]["dataDiskImages"],
    ):
        disk["sizeInGB"] = 30
    return estate.put(f"{own}/images/{image}/versions/{version}", body)


def _replica(region: str, set_id: str | None, data_disks: int) -> compute.TargetRegion:
    if set_id is None:
        return compute.TargetRegion(name=region)
    system = compute.OSDiskImageEncryption(disk_encryption_set_id=set_id)
    data = [compute.DataDiskImageEncryption(lun=lun, disk_encryption_set_id=set_id) for lun in range(data_disks)]
    encryption = compute.EncryptionImages(os_disk_image=system, data_disk_images=data)
    return compute.TargetRegion(name=region, encryption=encryption)


def cluster(
    estate: Resources,
    name: str,
    *,
    kms_key: str | None = None,
    at_host: bool = True,
    group: str = "prod",
    subscription: str = SUBSCRIPTION,
) -> str:
    """An AKS cluster of two node pools; `kms_key` is the URL of the key over etcd."""
    kms = aks.AzureKeyVaultKms(enabled=kms_key is not None, key_id=kms_key)
    pools = [
        aks.ManagedClusterAgentPoolProfile(
            name=pool, count=3, vm_size="Standard_D8ds_v5", enable_encryption_at_host=at_host
        )
        for pool in ("system", "work")
    ]
    properties = aks.ManagedClusterProperties(
        dns_prefix=name,
        agent_pool_profiles=pools,
        security_profile=aks.ManagedClusterSecurityProfile(azure_key_vault_kms=kms),
    )
    body = aks.ManagedCluster(location=PLACE, properties=properties).as_dict()
    return estate.put(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{name}",
        body,
    )


def _listener(gateway_id: str, kind: str, hosts: Sequence[str]) -> Body:
    return {
        "id": f"{gateway_id}/httpListeners/{kind.lower()}",
        "name": kind.lower(),
        "properties": {
            "protocol": kind,
            "hostNames": list(hosts),
            "frontendPort": {"id": f"{gateway_id}/frontendPorts/{kind.lower()}"},
            "frontendIPConfiguration": {"id": f"{gateway_id}/frontendIPConfigurations/front"},
        },
    }


def _front(gateway_id: str, ports: Mapping[str, int], *, inside: bool) -> dict[str, Any]:
    """The ports that a gateway listens at, and its address on one side."""
    address = f"{gateway_id.partition('/applicationGateways/')[0]}/publicIPAddresses/front"
    side: Body = {"privateIPAddress": "10.1.0.4"} if inside else {"publicIPAddress": {"id": address}}
    return {
        "frontendPorts": [
            {"id": f"{gateway_id}/frontendPorts/{kind.lower()}", "name": kind.lower(), "properties": {"port": port}}
            for kind, port in ports.items()
        ],
        "frontendIPConfigurations": [
            {"id": f"{gateway_id}/frontendIPConfigurations/front", "name": "front", "properties": side}
        ],
    }


def gateway(
    estate: Resources,
    name: str,
    *,
    policy: str | None = "AppGwSslPolicy20220101S",
    redirects: bool = True,
    group: str = "edge",
    subscription: str = SUBSCRIPTION,
    hosts: Sequence[str] = ("shop.acme.example",),
    port: int = 443,
    inside: bool = False,
) -> str:
    """An application gateway with a listener for HTTPS and one for HTTP, which redirects or serves.

    Written by hand: the models of azure-mgmt-network take 315 MB; a test reads the body back through them.
    """
    own = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/applicationGateways/{name}"
    listeners = [_listener(own, kind, hosts) for kind in ("Https", "Http")]
    redirect = {"redirectType": "Permanent", "targetListener": {"id": listeners[0]["id"]}, "includePath": True}
    away: Body = {"redirectConfiguration": {"id": f"{own}/redirectConfigurations/away"}}
    serve: Body = {"backendAddressPool": {"id": f"{own}/backendAddressPools/web"}}
    rules = [
        {
            "name": name,
            "properties": {"ruleType": "Basic", "priority": priority, "httpListener": {"id": listener["id"]}, **target},
        }
        for name, priority, listener, target in (
            ("https", 10, listeners[0], serve),
            ("http", 20, listeners[1], away if redirects else serve),
        )
    ]
    properties: dict[str, Any] = {
        "provisioningState": "Succeeded",
        **_front(own, {"Https": port, "Http": 80}, inside=inside),
        "httpListeners": listeners,
        "requestRoutingRules": rules,
        "redirectConfigurations": [
            {"id": f"{own}/redirectConfigurations/away", "name": "away", "properties": redirect}
        ],
    }
    if policy is not None:
        properties["sslPolicy"] = {"policyType": "Predefined", "policyName": policy}
    return estate.put(own, {"location": PLACE, "properties": properties})


def classic_front_door(
    estate: Resources,
    name: str,
    *,
    minimum: str | None = "1.2",
    redirects: bool = True,
    engine: bool = False,
    group: str = "edge",
    subscription: str = SUBSCRIPTION,
) -> str:
    """A front door of before the tiers, with a domain of its own; plain HTTP is redirected or served, or goes through
    a rules engine.

    Written by hand after the service's REST reference (2021-06-01): its SDK package is used for nothing else.
    """
    own = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Network/frontDoors/{name}"
    https = {"certificateSource": "FrontDoor", "protocolType": "ServerNameIndication", "minimumTlsVersion": minimum}
    ends = [
        _classic_end(own, "default", f"{name}.azurefd.net", None),
        _classic_end(own, "www", f"{name}.acme.example", https),
    ]
    rules = [
        _classic_rule(own, short, protocol, ends, redirects=redirects and protocol == "Http", engine=engine)
        for short, protocol in (("https", "Https"), ("http", "Http"))
    ]
    properties = {
        "friendlyName": name,
        "enabledState": "Enabled",
        "resourceState": "Enabled",
        "provisioningState": "Succeeded",
        "routingRules": rules,
        "frontendEndpoints": ends,
    }
    return estate.put(own, {"location": "Global", "properties": properties})


def _classic_end(own: str, name: str, host: str, https: Body | None) -> Body:
    state = "Enabled" if https else "Disabled"
    properties = {"hostName": host, "customHttpsProvisioningState": state, "customHttpsConfiguration": https}
    return {"id": f"{own}/frontendEndpoints/{name}", "name": name, "properties": properties}


def _classic_rule(own: str, name: str, protocol: str, ends: Sequence[Body], *, redirects: bool, engine: bool) -> Body:
    model = "#Microsoft.Azure.FrontDoor.Models.Frontdoor"
    serve: Body = {"@odata.type": f"{model}ForwardingConfiguration", "forwardingProtocol": "HttpsOnly"}
    away: Body = {
        "@odata.type": f"{model}RedirectConfiguration",
        "redirectType": "Moved",
        "redirectProtocol": "HttpsOnly",
    }
    properties = {
        "frontendEndpoints": [{"id": end["id"]} for end in ends],
        "acceptedProtocols": [protocol],
        "patternsToMatch": ["/*"],
        "enabledState": "Enabled",
        "routeConfiguration": away if redirects else serve,
        **({"rulesEngine": {"id": f"{own}/rulesEngines/e"}} if engine else {}),
    }
    return {"id": f"{own}/routingRules/{name}", "name": name, "properties": properties}


def front_door(
    estate: Resources,
    name: str,
    *,
    minimum: str = "TLS12",
    redirects: bool = True,
    group: str = "edge",
    subscription: str = SUBSCRIPTION,
    hosts: Sequence[str] = (),
) -> str:
    """A front door with one route, and one domain, or these."""
    own = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Cdn/profiles/{name}"
    profile = cdn.Profile(
        {
            "location": "Global",
            "sku": {"name": "Standard_AzureFrontDoor"},
            "properties": {"provisioningState": "Succeeded"},
        }
    )
    estate.put(own, profile.as_dict())
    settings = cdn.AFDDomainHttpsParameters(certificate_type="ManagedCertificate", minimum_tls_version=minimum)
    for number, host in enumerate(hosts or (f"{name}.acme.example",)):
        domain = cdn.AFDDomain(properties=cdn.AFDDomainProperties(host_name=host, tls_settings=settings)).as_dict()
        domain["properties"]["domainValidationState"] = "Approved"
        estate.put(f"{own}/customDomains/{f'www{number}' if number else 'www'}", domain)
    endpoint = cdn.AFDEndpoint({"location": "Global"}).as_dict()
    endpoint["properties"] = {"hostName": f"web-{name}.z01.azurefd.net", "enabledState": "Enabled"}
    estate.put(f"{own}/afdEndpoints/web", endpoint)
    route = cdn.RouteProperties(
        supported_protocols=["Http", "Https"],
        https_redirect="Enabled" if redirects else "Disabled",
        link_to_default_domain="Enabled",
    )
    estate.put(f"{own}/afdEndpoints/web/routes/default", cdn.Route(properties=route).as_dict())
    return own


def people(
    estate: Resources,
    *,
    defaults: bool,
    users: int = 40,
    admins: int = 4,
    not_capable: int = 0,
    admins_not_capable: int = 0,
    licensed: bool = True,
) -> None:
    """Who there is in the Entra tenant, and whether its security defaults are on."""
    registered = [
        {
            "id": f"{number:08d}-0000-4000-8000-000000000000",
            "userPrincipalName": f"person{number}@acme.example",
            "isAdmin": number < admins,
            "isMfaCapable": not (number < admins_not_capable or admins <= number < admins + not_capable),
            "isMfaRegistered": True,
        }
        for number in range(users)
    ]
    estate.graph = {"defaults": defaults, "policies": [], "users": registered, "licensed": licensed}


def conditional_access(estate: Resources, *, state: str = "enabled", excluded: int = 0) -> None:
    """A policy that asks all users of all applications for a second factor."""
    users = {
        "includeUsers": ["All"],
        "excludeUsers": [f"{number:08d}-1111-4000-8000-000000000000" for number in range(excluded)],
        "excludeGroups": [],
    }
    policy = {
        "id": "2b31ac51-b855-40a5-a986-0a4ed23e9008",
        "displayName": "Second factor for everybody",
        "state": state,
        "conditions": {"users": users, "applications": {"includeApplications": ["All"]}},
        "grantControls": {"operator": "OR", "builtInControls": ["mfa"]},
    }
    estate.graph = {**estate.graph, "defaults": False, "policies": [*estate.graph["policies"], policy]}
