"""Keys: paged, with every field of KeyMetadata that tells key classes apart, and other accounts' keys refused as KMS
refuses them.
"""

import json
from typing import Any

from providers.demo.answer import Answer, Environ
from providers.demo.aws.answer import error, jsonic
from providers.demo.aws.request import Asked
from providers.demo.paging import page

YEAR = 365
ROTATABLE = "SYMMETRIC_DEFAULT"


def list_keys(asked: Asked, environ: Environ) -> Answer:
    """`Limit` 1..1000, 100 unless said."""
    keys = list(_backend(asked).keys.values())
    shown, marker = page(
        keys, lambda key: str(key.id), int(asked.parameters.get("Limit", 100)), asked.parameters.get("Marker")
    )
    return _listing({"Keys": [{"KeyId": key.id, "KeyArn": key.arn} for key in shown]}, marker)


def list_aliases(asked: Asked, environ: Environ) -> Answer:
    """`Limit` 1..100, 50 unless said. The aliases AWS keeps for services not used yet have no `TargetKeyId`; moto
    invents one.
    """
    from moto.kms.utils import RESERVED_ALIASES

    backend, key_id = _backend(asked), asked.parameters.get("KeyId")
    rows = [
        {
            "AliasName": alias.alias_name,
            "AliasArn": alias.alias_arn,
            "TargetKeyId": alias.target_key_id,
            "CreationDate": key.creation_date,
        }
        for key in list(backend.keys.values())
        if key_id is None or backend.get_key_id(key_id) == key.id
        for alias in key.aliases.values()
    ]
    if key_id is None:
        used = {row["AliasName"] for row in rows}
        prefix = f"arn:aws:kms:{asked.region}:{asked.account}:"
        rows += [{"AliasName": name, "AliasArn": prefix + name} for name in RESERVED_ALIASES if name not in used]
    shown, marker = page(
        rows, lambda row: str(row["AliasName"]), int(asked.parameters.get("Limit", 50)), asked.parameters.get("Marker")
    )
    return _listing({"Aliases": list(shown)}, marker)


def describe_key(asked: Asked, environ: Environ) -> Answer:
    """By key id, key ARN, alias or alias ARN."""
    key = _key(asked)
    return key if isinstance(key, Answer) else jsonic({"KeyMetadata": metadata(key)})


def get_key_rotation_status(asked: Asked, environ: Environ) -> Answer:
    """False while pending deletion; UnsupportedOperationException where KMS cannot rotate by itself."""
    key = _key(asked)
    if isinstance(key, Answer):
        return key
    if key.key_spec != ROTATABLE or key.origin != "AWS_KMS":
        return error("kms", 400, "UnsupportedOperationException", f"{key.arn} does not support automatic rotation.")
    on = key.key_manager == "AWS" or (bool(key.key_rotation_status) and key.key_state != "PendingDeletion")
    said: dict[str, Any] = {"KeyId": key.id, "KeyRotationEnabled": on}
    if on and key.key_manager != "AWS":
        period = getattr(key, "rotation_period", None) or YEAR
        said |= {"RotationPeriodInDays": period, "NextRotationDate": key.creation_date + period * 86400.0}
    return jsonic(said)


def get_key_policy(asked: Asked, environ: Environ) -> Answer:
    """The policy named `default`."""
    key = _key(asked)
    return key if isinstance(key, Answer) else jsonic({"Policy": key.policy or "{}", "PolicyName": "default"})


def metadata(key: Any) -> dict[str, Any]:
    """KeyMetadata as KMS answers it: fields that do not apply are absent, not null."""
    said: dict[str, Any] = {
        "AWSAccountId": key.account_id,
        "KeyId": key.id,
        "Arn": key.arn,
        "CreationDate": key.creation_date,
        "Enabled": key.key_state == "Enabled",
        "Description": key.description,
        "KeyUsage": _usage(key),
        "KeyState": key.key_state,
        "Origin": key.origin,
        "KeyManager": key.key_manager,
        "CustomerMasterKeySpec": key.key_spec,
        "KeySpec": key.key_spec,
        "MultiRegion": bool(key.multi_region),
    }
    if key.multi_region:
        said["MultiRegionConfiguration"] = key.multi_region_configuration
    if key.deletion_date is not None and key.key_state == "PendingDeletion":
        said["DeletionDate"] = (
            key.deletion_date.timestamp() if hasattr(key.deletion_date, "timestamp") else float(key.deletion_date)
        )
    said |= {name: value for name, value in _algorithms(key).items() if value}
    return said | dict(getattr(key, "also", {}))


def aws_managed_policy(account: str, region: str, service: str) -> str:
    """The policy of a key AWS manages: open to `*`, but bound to the account and the service."""
    bound = {"StringEquals": {"kms:CallerAccount": account, "kms:ViaService": f"{service}.{region}.amazonaws.com"}}
    used = {
        "Sid": (
            f"Allow access through {service.upper()} for all principals in the account that are authorized to use"
            f" {service.upper()}"
        ),
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [
            "kms:Encrypt",
            "kms:Decrypt",
            "kms:ReEncrypt*",
            "kms:GenerateDataKey*",
            "kms:CreateGrant",
            "kms:DescribeKey",
        ],
        "Resource": "*",
        "Condition": bound,
    }
    direct = {
        "Sid": "Allow direct access to key metadata to the account",
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{account}:root"},
        "Action": ["kms:Describe*", "kms:Get*", "kms:List*", "kms:RevokeGrant"],
        "Resource": "*",
    }
    return json.dumps({"Version": "2012-10-17", "Id": f"auto-{service}-2", "Statement": [used, direct]})


def _backend(asked: Asked) -> Any:
    from moto.kms.models import kms_backends

    return kms_backends[asked.account][asked.region]


def _key(asked: Asked) -> Any:
    """The key that `KeyId` names, or KMS's refusal."""
    said = str(asked.parameters.get("KeyId", ""))
    region, account = asked.region, asked.account
    if said.startswith("arn:"):
        region, account = said.split(":")[3:5]
    if region != asked.region:
        return error("kms", 400, "NotFoundException", f"Invalid arn {region}")
    if account != asked.account:
        return _foreign(asked, said, account)
    backend = _backend(asked)
    name = backend.get_alias_name(said)
    key_id = backend.get_key_id_from_alias(name) if name.startswith("alias/") else backend.get_key_id(said)
    key = backend.keys.get(key_id)
    if key is not None:
        return key
    return error(
        "kms",
        400,
        "NotFoundException",
        f"Alias {said} is not found." if name.startswith("alias/") else f"Key '{said}' does not exist",
    )


def _foreign(asked: Asked, arn: str, account: str) -> Any:
    """Another account's key: described when its owner lets us (`described_by`), else refused in words that do not
    say whether it exists.
    """
    from moto.kms.models import kms_backends

    key = kms_backends[account][asked.region].keys.get(arn.rpartition("/")[2]) if account in kms_backends else None
    if key is not None and asked.account in getattr(key, "described_by", ()):
        return key
    who = f"arn:aws:sts::{asked.account}:assumed-role/enctop/enctop"
    why = (
        "because the resource does not exist in this Region, no resource-based policies allow access, or a"
        " resource-based policy explicitly denies access"
    )
    return error(
        "kms",
        400,
        "AccessDeniedException",
        f"User: {who} is not authorized to perform: {asked.operation} on this resource {why}",
    )


def _listing(rows: dict[str, Any], marker: str | None) -> Answer:
    return jsonic(rows | ({"NextMarker": marker, "Truncated": True} if marker else {"Truncated": False}))


def _usage(key: Any) -> str:
    return str(key.key_usage or ("GENERATE_VERIFY_MAC" if key.key_spec.startswith("HMAC") else "ENCRYPT_DECRYPT"))


def _algorithms(key: Any) -> dict[str, list[str]]:
    usage = _usage(key)
    if usage == "GENERATE_VERIFY_MAC":
        return {"MacAlgorithms": [key.key_spec.replace("HMAC_", "HMAC_SHA_")]}
    if usage == "SIGN_VERIFY":
        return {"SigningAlgorithms": [str(algorithm) for algorithm in key.signing_algorithms or ()]}
    return {"EncryptionAlgorithms": key.encryption_algorithms or []}
