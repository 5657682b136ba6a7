"""Certificates of AWS Certificate Manager: what they are for, when they end, and whether ACM renews them."""

import contextlib
import time
from collections.abc import AsyncGenerator, Iterator, Mapping
from typing import Any

from posture.aws.edge import IMPORTED, RENEWAL_WINDOW
from posture.clock import Seconds, parse_rfc3339
from posture.fault import Fault, FaultKind, Refused
from posture.reports import Batch, NotRead, ReadRefused, Report
from posture.resource import Resource
from providers.asking import each_again
from providers.aws.calls import DESCRIBE_CERTIFICATE, LIST_CERTIFICATE_TAGS, LIST_CERTIFICATES
from providers.aws.source import Rows, TaggedSource, with_times
from providers.reading import Reading
from providers.source import Yield

TOKEN = ("NextToken", "NextToken")
PAGE = 1000
KEY_TYPES = ["RSA_1024", "RSA_2048", "RSA_3072", "RSA_4096", "EC_prime256v1", "EC_secp384r1", "EC_secp521r1"]
"""All there are: without them ListCertificates leaves out all but RSA of 1024 and 2048 bits."""
ORIGINS = ["AWS_MANAGED", "ACME", "CUSTOMER_PROVIDED"]
"""All there are: without them it leaves out those that were ordered by ACME."""
_EARLY: Seconds = 86400.0
"""How long before ACM may begin to renew it is asked about, so that the answer is there when it is wanted."""
_TIMES = ("CreatedAt", "IssuedAt", "ImportedAt", "NotBefore", "NotAfter", "RevokedAt")
_TYPES = {"InUse": bool, "Status": str, "Type": str, "KeyAlgorithm": str, "RenewalEligibility": str}
_ISSUERS = {IMPORTED: "imported", "AMAZON_ISSUED": "Amazon", "PRIVATE": "private CA"}
_CURVES = {"EC_prime256v1": "EC P-256", "EC_secp384r1": "EC P-384", "EC_secp521r1": "EC P-521"}
_ARN = r"arn:[a-z0-9-]+:acm:[a-z0-9-]+:[0-9]{12}:certificate/[!-~]{1,200}"
_GONE = "ResourceNotFoundException"


class _Certificate(Reading):
    """What was read of one certificate."""

    gone = False


class Certificates(TaggedSource):
    """Certificates of one account and region. A renewal is asked about only where there is one: of a certificate in
    use that ACM renews, when it comes near its end.
    """

    service = "acm"
    calls = (LIST_CERTIFICATES, DESCRIBE_CERTIFICATE)
    tag_call = LIST_CERTIFICATE_TAGS

    async def poll(self) -> AsyncGenerator[Yield, None]:
        """The listing, which tells nearly all, and what it leaves out of few."""
        started = time.monotonic()
        rows = Rows(LIST_CERTIFICATES, "CertificateArn", _ARN, types=_TYPES)
        ends: dict[str, str] = {}
        unread: list[_Certificate] = []
        async for page in self.account.pages(
            LIST_CERTIFICATES,
            self.region,
            "CertificateSummaryList",
            TOKEN,
            Includes={"keyTypes": KEY_TYPES},
            CertificateKeyPairOrigins=ORIGINS,
            MaxItems=PAGE,
        ):
            listed = rows.of(page, lambda row: with_times(row, _TIMES))
            ends.update((row["CertificateArn"], end) for row in listed if isinstance(end := row.get("NotAfter"), str))
            more, whole = list[dict[str, Any]](), list[dict[str, Any]]()
            for row in listed:
                (more if self.tenancy.shared or self._renewing(row) else whole).append(row)
            yield Batch.of(self._resource(row, {}) for row in whole)
            async with contextlib.aclosing(each_again(more, self._read, lambda read: read.lost)) as reads:
                async for read in reads:
                    if read.lost:
                        unread.append(read)
                        continue
                    for fault in read.faults.values():
                        yield ReadRefused(fault)
                    if not read.gone:
                        yield Batch((self._resource(read.fields, read.faults),))
        for report in self._lost(unread, started):
            yield report
        self.seen.certificates[self.id] = ends
        for report in rows.ended("aws.acm.certificate"):
            yield report

    def _lost(self, unread: list[_Certificate], started: Seconds) -> Iterator[Report]:
        """What is told of those whose reads were lost. Raises `Refused` where nobody answers any more."""
        silence = self.account.lane(DESCRIBE_CERTIFICATE, self.region).silent_since(started)
        for read in unread:
            yield from map(ReadRefused, read.faults.values())
            certificate = self._resource(read.fields, read.faults)
            yield Batch((certificate,)) if silence is None else NotRead((certificate,))
        if silence is not None:
            raise silence

    def _renewing(self, fields: Mapping[str, Any]) -> bool:
        """Whether ACM may be at renewing it, which the listing does not tell."""
        if fields.get("InUse") is not True or fields.get("Status") != "ISSUED" or fields.get("Type") == IMPORTED:
            return False
        try:
            return parse_rfc3339(fields["NotAfter"]) - self.seen.claims.now() < RENEWAL_WINDOW + _EARLY
        except (KeyError, TypeError, ValueError):
            return False

    async def _read(self, row: dict[str, Any]) -> _Certificate:
        read, arn = _Certificate(), row["CertificateArn"]
        read.fields.update(row)
        if self._renewing(row):
            try:
                answer = await self.account.ask(DESCRIBE_CERTIFICATE, self.region, CertificateArn=arn)
                read.fields |= _described(arn, answer)
            except Refused as refused:
                if refused.fault.code == _GONE:
                    read.gone = True
                    return read
                await self.account.confirm(refused)
                read.refused(refused, DESCRIBE_CERTIFICATE.operation)
        if self.tenancy.shared:
            try:
                read.fields["Tags"] = (await self.tags_of(self.region, CertificateArn=arn)).get("Tags", [])
            except Refused as refused:
                read.refused(refused, LIST_CERTIFICATE_TAGS.operation)
        return read

    def _resource(self, fields: Mapping[str, Any], faults: Mapping[str, Fault]) -> Resource:
        arn, kind = str(fields["CertificateArn"]), str(fields.get("Type"))
        names = fields.get("SubjectAlternativeNameSummaries")
        others = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        key = str(fields.get("KeyAlgorithm") or "?")
        begins, expires = _time(fields, "NotBefore"), _time(fields, "NotAfter")
        life = f"{(expires - begins) / 86400:.0f} d" if begins is not None and expires is not None else ""
        return self.resource(
            id=arn,
            kind="certificate",
            type="aws.acm.certificate",
            name=str(fields.get("DomainName") or arn.rpartition("/")[2]),
            fields=fields,
            tenant=self.tenant_of(arn, fields),
            faults=faults,
            cells=(_ISSUERS.get(kind, kind), _CURVES.get(key, key.replace("_", " ")), "", life, ", ".join(others)),
            expires=expires if fields.get("InUse") is True else None,  # what nobody uses may end
        )


def _described(arn: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """How the renewal of a certificate goes: None where none was begun. Raises `Refused` where the answer is of
    another.
    """
    told = answer.get("Certificate")
    if not isinstance(told, dict) or told.get("CertificateArn") != arn:
        why = f"an answer that does not speak of {arn}"
        raise Refused(Fault(FaultKind.ERROR, "UnreadableAnswer", DESCRIBE_CERTIFICATE.operation, why))
    renewal = told.get("RenewalSummary")
    if isinstance(renewal, dict):  # whom ACM wrote to is nobody's business here
        kept = {name: value for name, value in renewal.items() if name != "DomainValidationOptions"}
        renewal = with_times(kept, ("UpdatedAt",))
    fields: dict[str, Any] = {"RenewalSummary": renewal}
    return fields | {name: told[name] for name in ("InUseBy", "FailureReason") if name in told}


def _time(fields: Mapping[str, Any], name: str) -> float | None:
    try:
        return parse_rfc3339(fields[name])
    except (KeyError, TypeError, ValueError):
        return None
