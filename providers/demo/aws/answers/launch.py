"""DescribeLaunchTemplateVersions without a template: every template's, in pages (moto cuts at 15 and gives no
token).
"""

from typing import Any
from xml.sax.saxutils import escape

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import xml
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_RESULTS = 200


def describe_launch_template_versions(asked: Asked, environ: Environ) -> Answer | None:
    """`Versions=["$Default"]` and/or `["$Latest"]` of all templates; a question about one template is moto's."""
    wanted = asked.listed("LaunchTemplateVersion")
    named = asked.parameters.get("LaunchTemplateId") or asked.parameters.get("LaunchTemplateName")
    if named or not set(wanted) & {"$Default", "$Latest"}:
        return None
    from moto.ec2.models import ec2_backends

    versions = []
    for template in ec2_backends[asked.account][asked.region].launch_templates.values():
        found = {"$Default": template.default_version(), "$Latest": template.latest_version()}
        versions += list({found[name].number: (template, found[name]) for name in wanted if name in found}.values())
    limit = min(MAX_RESULTS, int(asked.parameters.get("MaxResults", MAX_RESULTS)))
    shown, token = page(
        versions, lambda pair: f"{pair[0].id}/{pair[1].number}", limit, asked.parameters.get("NextToken")
    )
    rows = "".join(_version_xml(asked, template, version) for template, version in shown)
    tail = f"<nextToken>{token}</nextToken>" if token else ""
    inner = f"<requestId>0</requestId><launchTemplateVersionSet>{rows}</launchTemplateVersionSet>{tail}"
    return xml("ec2", f"<DescribeLaunchTemplateVersionsResponse>{inner}</DescribeLaunchTemplateVersionsResponse>")


def _version_xml(asked: Asked, template: Any, version: Any) -> str:
    data = version.data
    devices = "".join(_device_xml(device) for device in data.get("BlockDeviceMappings") or ())
    plain = "".join(
        f"<{name[0].lower()}{name[1:]}>{escape(str(data[name]))}</{name[0].lower()}{name[1:]}>"
        for name in ("ImageId", "InstanceType")
        if name in data
    )
    return (
        f"<item><launchTemplateId>{template.id}</launchTemplateId><launchTemplateName>{escape(template.name)}</launchTemplateName>"
        f"<versionNumber>{version.number}</versionNumber>"
        f"<createTime>{version.create_time.strftime('%Y-%m-%dT%H:%M:%S.000Z')}</createTime>"
        f"<createdBy>arn:aws:iam::{asked.account}:root</createdBy>"
        f"<defaultVersion>{'true' if template.is_default(version) else 'false'}</defaultVersion>"
        f"<launchTemplateData>{plain}<blockDeviceMappingSet>{devices}</blockDeviceMappingSet></launchTemplateData></item>"
    )


def _device_xml(device: dict[str, Any]) -> str:
    ebs = device.get("Ebs") or {}
    inner = "".join(
        f"<{name[0].lower()}{name[1:]}>{_text(value)}</{name[0].lower()}{name[1:]}>"
        for name, value in ebs.items()
        if value is not None
    )
    name = escape(device.get("DeviceName", ""))
    return f"<item><deviceName>{name}</deviceName>{f'<ebs>{inner}</ebs>' if ebs else ''}</item>"


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else escape(str(value))
