"""What a seeder knows about what it made: for every resource id the status of every control that applies to it.

The statuses are those that the controls promise under the public document's own policy (`keys = "provider-managed"`,
`strict = true`, no key accounts, no exceptions). They are written down here from what was seeded; nothing of enctop's
judging is asked.
"""

from collections.abc import Mapping

from posture.verdict import Status

PASS, WARN, FAIL, UNKNOWN, NA = Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.NOT_APPLICABLE

Truth = dict[str, dict[str, Status]]
"""Resource id -> control -> status."""


def aws_key_volume() -> Mapping[str, Status]:
    """Encrypted under the key AWS manages: what the document promises."""
    return _volume(PASS, PASS, PASS, PASS)


def customer_key_volume(usable: Status = PASS) -> Mapping[str, Status]:
    """Encrypted, under a customer's key of the same account, whose state makes it `usable` or not."""
    return _volume(PASS, FAIL, usable, PASS)


def foreign_key_volume() -> Mapping[str, Status]:
    """Encrypted under a key of an account that is not listed, and that cannot be described: only the ARN speaks."""
    return _volume(PASS, UNKNOWN, UNKNOWN, FAIL)


def plaintext_volume() -> Mapping[str, Status]:
    """Not encrypted, so that no key is involved."""
    return _volume(FAIL, FAIL, NA, NA)


def snapshot(*, encrypted: bool, public: bool = False, usable: Status = PASS) -> Mapping[str, Status]:
    """In a region that blocks new sharing."""
    return {
        "aws.ebs.snapshot-encrypted": PASS if encrypted else FAIL,
        "aws.ebs.snapshot-public": FAIL if public else PASS,
        "aws.ebs.kms-key-usable": usable if encrypted else NA,
    }


def key(*, state: Status = PASS, rotation: Status = PASS, public: Status = PASS) -> Mapping[str, Status]:
    """A KMS key."""
    return {"aws.kms.key-state": state, "aws.kms.rotation": rotation, "aws.kms.key-public": public}


def region(*, default: Status = PASS, default_key: Status = PASS) -> Mapping[str, Status]:
    """A region of an account (`aws://ACCOUNT/REGION`)."""
    return {"aws.ebs.default-encryption-region": default, "aws.ebs.default-key-policy": default_key}


def bucket(
    *,
    encryption: Status = PASS,
    key_policy: Status = PASS,
    ssec: Status = PASS,
    usable: Status = NA,
    tls: Status = PASS,
    tls_min: Status = PASS,
    public: Status = PASS,
) -> Mapping[str, Status]:
    """A bucket; the defaults are one with the AES256 rule, SSE-C blocked, a policy for TLS 1.2, and not public."""
    return {
        "aws.s3.default-encryption": encryption,
        "aws.s3.default-key-policy": key_policy,
        "aws.s3.ssec-blocked": ssec,
        "aws.s3.kms-key-usable": usable,
        "aws.s3.tls-only-policy": tls,
        "aws.s3.tls-min-version": tls_min,
        "aws.s3.public-access": public,
    }


def launch_template(status: Status) -> Mapping[str, Status]:
    """A launch template."""
    return {"aws.ebs.launch-template-encrypted": status}


def root(*, mfa: Status = PASS) -> Mapping[str, Status]:
    """An account's root user, where nobody says anything of Identity Center."""
    return {"aws.iam.root-mfa": mfa, "aws.iam.sso-mfa": UNKNOWN}


def user(status: Status) -> Mapping[str, Status]:
    """An IAM user."""
    return {"aws.iam.user-console-mfa": status}


def database(encrypted: Status) -> Mapping[str, Status]:
    """An RDS instance or cluster."""
    return {"aws.rds.encrypted": encrypted}


def database_snapshot(encrypted: Status, public: Status = PASS) -> Mapping[str, Status]:
    """A snapshot of either."""
    return {"aws.rds.encrypted": encrypted, "aws.rds.snapshot-public": public}


def file_system(encrypted: Status) -> Mapping[str, Status]:
    """An EFS file system."""
    return {"aws.efs.encrypted": encrypted}


def cluster(secrets: Status) -> Mapping[str, Status]:
    """An EKS cluster."""
    return {"aws.eks.secrets-encryption": secrets}


def _volume(encrypted: Status, key_policy: Status, usable: Status, cross_account: Status) -> Mapping[str, Status]:
    return {
        "aws.ebs.volume-encrypted": encrypted,
        "aws.ebs.volume-key-policy": key_policy,
        "aws.ebs.kms-key-usable": usable,
        "aws.ebs.cross-account-key": cross_account,
    }
