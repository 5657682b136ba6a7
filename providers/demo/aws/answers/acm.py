"""ListCertificates with its default filter, in pages; moto shows every key and all at once."""

from typing import Any

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error, jsonic
from providers.demo.aws.request import Asked
from providers.demo.paging import page

MAX_ITEMS = 1000
_LEFT_OUT = (
    "InUseBy",
    "RenewalSummary",
    "DomainValidationOptions",
    "SubjectAlternativeNames",
    "Subject",
    "Issuer",
    "Serial",
)
_MORE = ("SignatureAlgorithm", "Options", "FailureReason", "RevocationReason", "CertificateAuthorityArn")


def list_certificates(asked: Asked, environ: Environ) -> Answer:
    """Of RSA keys of 1024 and 2048 bits, ordered by no ACME client, unless others are asked for."""
    from moto.acm.models import acm_backends

    said = asked.parameters
    limit = int(said.get("MaxItems", MAX_ITEMS))
    if not 1 <= limit <= MAX_ITEMS:
        return error(asked.service, 400, "ValidationException", f"MaxItems must be between 1 and {MAX_ITEMS}")
    keys = said.get("Includes", {}).get("keyTypes") or ["RSA_1024", "RSA_2048"]
    origins = said.get("CertificateKeyPairOrigins") or ["AWS_MANAGED", "CUSTOMER_PROVIDED"]
    backend: Any = acm_backends[asked.account][asked.region]
    rows = [_summary(backend.get_certificate(arn).describe()["Certificate"]) for arn in list(backend._certificates)]
    found = [
        row
        for row in rows
        if row["KeyAlgorithm"] in keys
        and row["CertificateKeyPairOrigin"] in origins
        and row["Status"] in (said.get("CertificateStatuses") or [row["Status"]])
    ]
    shown, token = page(found, lambda row: str(row["CertificateArn"]), limit, said.get("NextToken"))
    return jsonic({"CertificateSummaryList": list(shown)} | ({"NextToken": token} if token else {}))


def _summary(certificate: dict[str, Any]) -> dict[str, Any]:
    names = certificate.get("SubjectAlternativeNames", [])
    kept = {name: value for name, value in certificate.items() if name not in {*_LEFT_OUT, *_MORE}}
    imported = certificate["Type"] == "IMPORTED"
    return {
        "CertificateKeyPairOrigin": "CUSTOMER_PROVIDED" if imported else "AWS_MANAGED",
        **kept,
        "SubjectAlternativeNameSummaries": names[:100],
        "HasAdditionalSubjectAlternativeNames": len(names) > 100,
        "InUse": bool(certificate.get("InUseBy")),
        "Exported": False,
        "ExportOption": certificate.get("Options", {}).get("Export", "DISABLED"),
        "KeyUsages": [],
        "ExtendedKeyUsages": [],
    }
