"""IAM: the account's summary with its root user, and credential reports that are made when somebody asks, hold root
and are good for four hours. moto has no root user, and makes a report of now at each request.
"""

import base64
import datetime
from typing import Any
from xml.sax.saxutils import escape

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error, xml
from providers.demo.aws.request import Asked
from providers.demo.paging import page

GOOD_FOR = datetime.timedelta(hours=4)
NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
MFA, PASSWORD, KEYS = "AccountMFAEnabled", "AccountPasswordPresent", "AccountAccessKeysPresent"
ROOT = {MFA: 1, PASSWORD: 1, KEYS: 0}
"""Of an account that nobody has seeded otherwise."""
_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active"),
    *(
        f"access_key_{number}_{what}"
        for number in (1, 2)
        for what in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)


def get_account_summary(asked: Asked, environ: Environ) -> Answer:
    """moto's counts, and what is seeded of root."""
    backend = _backend(asked)
    counts = {**backend.get_account_summary().summary_map, **root_of(backend)}
    entries = "".join(f"<entry><key>{key}</key><value>{value}</value></entry>" for key, value in counts.items())
    return _answer("GetAccountSummary", f"<SummaryMap>{entries}</SummaryMap>")


def generate_credential_report(asked: Asked, environ: Environ) -> Answer:
    """Makes none where there is one of the last four hours."""
    backend = _backend(asked)
    if _report(backend) is not None:
        return _answer("GenerateCredentialReport", "<State>COMPLETE</State>")
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    vars(backend)["report"] = (now, _text(backend, now))
    said = "<State>STARTED</State><Description>No report exists. Starting a new report generation task</Description>"
    return _answer("GenerateCredentialReport", said)


def get_credential_report(asked: Asked, environ: Environ) -> Answer:
    """The report that was made last. As many requests as are seeded (`report_takes`) are told that it is being made."""
    backend = _backend(asked)
    if "report" not in vars(backend):
        return error("iam", 410, "ReportNotPresent", "No report is present, generate one first")
    if (takes := getattr(backend, "report_takes", 0)) > 0:
        backend.report_takes = takes - 1
        return error("iam", 404, "ReportInProgress", "Report is being generated")
    report = _report(backend)
    if report is None:
        return error("iam", 410, "ReportExpired", "The report is more than four hours old, generate another")
    made, text = report
    content = base64.b64encode(text.encode()).decode()
    when = made.strftime("%Y-%m-%dT%H:%M:%SZ")
    fields = f"<Content>{content}</Content><ReportFormat>text/csv</ReportFormat><GeneratedTime>{when}</GeneratedTime>"
    return _answer("GetCredentialReport", fields)


def list_virtual_mfa_devices(asked: Asked, environ: Environ) -> Answer:
    """Without the seeds, which AWS shows only when a device is made; `MaxItems` 100 unless said."""
    status = asked.parameters.get("AssignmentStatus", "Any")
    devices = [
        device
        for device in _backend(asked).virtual_mfa_devices.values()
        if status == "Any" or (device.enable_date is not None) is (status == "Assigned")
    ]
    shown, marker = page(
        devices,
        lambda device: str(device.serial_number),
        int(asked.parameters.get("MaxItems", 100)),
        asked.parameters.get("Marker"),
    )
    rows = "".join(f"<member>{_device(device)}</member>" for device in shown)
    more = f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>" if marker else "<IsTruncated>false</IsTruncated>"
    return _answer("ListVirtualMFADevices", f"<VirtualMFADevices>{rows}</VirtualMFADevices>{more}")


def root_of(backend: Any) -> dict[str, int]:
    """What is seeded of an account's root user."""
    return dict(vars(backend).get("root", ROOT))


def _device(device: Any) -> str:
    said = f"<SerialNumber>{device.serial_number}</SerialNumber>"
    if device.enable_date is None:
        return said
    user, arn = device.user_attribute, device.user_attribute["Arn"]
    named = (
        "" if arn.endswith(":root") else f"<UserName>{escape(user['UserName'])}</UserName><Path>{user['Path']}</Path>"
    )
    return f"{said}<EnableDate>{_time(device.enable_date)}</EnableDate><User>{named}<Arn>{escape(arn)}</Arn></User>"


def _report(backend: Any) -> tuple[datetime.datetime, str] | None:
    """When a report was made, and its text; None where there is none that is good."""
    made: tuple[datetime.datetime, str] | None = vars(backend).get("report")
    return made if made is not None and datetime.datetime.now(datetime.UTC) - made[0] < GOOD_FOR else None


def _text(backend: Any, now: datetime.datetime) -> str:
    """The root user first. moto's rows, whose times end in `+00:00` as IAM's do."""
    root = root_of(backend)
    row = dict.fromkeys(_COLUMNS, "N/A") | {
        "user": "<root_account>",
        "arn": f"arn:aws:iam::{backend.account_id}:root",
        "user_creation_time": "2019-03-04T09:10:11+00:00",
        "password_enabled": "not_supported",
        "password_last_used": "no_information",
        **dict.fromkeys(("password_last_changed", "password_next_rotation"), "not_supported"),
        "mfa_active": "true" if root[MFA] else "false",
        "access_key_1_active": "true" if root[KEYS] else "false",
        "access_key_1_last_rotated": "2019-03-05T09:10:11+00:00" if root[KEYS] else "N/A",
        **dict.fromkeys(("access_key_2_active", "cert_1_active", "cert_2_active"), "false"),
    }
    users = "".join(user.to_csv() for user in backend.users.values())
    return f"{','.join(_COLUMNS)}\n{','.join(row[name] for name in _COLUMNS)}\n{users}"


def _backend(asked: Asked) -> Any:
    from moto.iam.models import iam_backends

    return iam_backends[asked.account]["aws"]


def _answer(operation: str, fields: str) -> Answer:
    meta = "<ResponseMetadata><RequestId>0</RequestId></ResponseMetadata>"
    inner = f"<{operation}Result>{fields}</{operation}Result>{meta}"
    return xml("iam", f'<{operation}Response xmlns="{NAMESPACE}">{inner}</{operation}Response>')


def _time(at: Any) -> str:
    return str(at.strftime("%Y-%m-%dT%H:%M:%SZ"))
