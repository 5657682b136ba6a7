"""The provisioner matrix, row by row: what the parameters of a class ask for, and by which key."""

from typing import Any

import msgspec
import pytest

from posture.controls.kubernetes.provisioners import Asked, Intent, class_intent, matrix, row_of
from posture.reading import NoAnswer
from tests.posture.controls.kubernetes.world import AZURE, EBS, PD, storage_class

E, P, D, X, Q = Asked.ENCRYPTED, Asked.PLATFORM, Asked.DEFAULT, Asked.PLAINTEXT, Asked.UNKNOWN
ARN = "arn:aws:kms:us-east-1:111122223333:key/k-1"
SET = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Compute/diskEncryptionSets/s"
BOTH = "EncryptionAtRestWithPlatformAndCustomerKeys"
CRYPTO_KEY = "projects/p/locations/l/keyRings/r/cryptoKeys/k"
LINODE = "linodebs.csi.linode.com"


def asks(provisioner: str, parameters: dict[str, Any] | None = None) -> Intent:
    return class_intent(storage_class(provisioner, parameters))


ROWS: list[tuple[str, dict[str, Any] | None, Asked]] = [
    *(
        (driver, parameters, asked)
        for driver in (EBS, "ebs.csi.eks.amazonaws.com", "kubernetes.io/aws-ebs")
        for parameters, asked in (
            (None, D),
            ({}, D),
            ({"type": "gp3"}, D),
            ({"encrypted": "true"}, E),
            ({"ENCRYPTED": "true"}, E),
            ({"encrypted": "false"}, D),
            ({"encrypted": "True"}, D),
            ({"encrypted": "yes"}, D),
            ({"encrypted": "1"}, D),
            ({"encrypted": ""}, D),
            ({"kmsKeyId": ARN}, E),
            ({"KMSKEYID": ARN, "encrypted": "false"}, E),
            ({"kmsKeyId": ""}, D),
            ({"ext4EncryptionSupport": "true"}, D),
        )
    ),
    *(
        (driver, parameters, asked)
        for driver in (AZURE, "kubernetes.io/azure-disk")
        for parameters, asked in (
            (None, P),
            ({"diskEncryptionSetID": SET}, P),
            ({"DISKENCRYPTIONSETID": SET, "diskencryptiontype": BOTH}, P),
            ({"diskEncryptionType": BOTH}, Q),
            ({"diskEncryptionSetID": SET, "diskEncryptionType": "Qx"}, Q),
        )
    ),
    *(
        (driver, parameters, asked)
        for driver in (PD, "kubernetes.io/gce-pd")
        for parameters, asked in (
            (None, P),
            ({"disk-encryption-kms-key": CRYPTO_KEY}, P),
            ({"enable-confidential-storage": "true"}, Q),
            ({"enable-confidential-storage": "false"}, P),
            ({"enable-confidential-storage": "true", "disk-encryption-kms-key": CRYPTO_KEY}, P),
            ({"enable-confidential-storage": "true", "Disk-Encryption-Kms-Key": CRYPTO_KEY}, Q),
        )
    ),
    ("efs.csi.aws.com", {"fileSystemId": "fs-1"}, Q),
    ("fsx.csi.aws.com", None, P),
    ("file.csi.azure.com", None, P),
    ("blob.csi.azure.com", None, P),
    ("kubernetes.io/azure-file", None, P),
    ("filestore.csi.storage.gke.io", None, P),
    ("gcsfuse.csi.storage.gke.io", None, P),
    ("s3.csi.aws.com", None, Q),
    *(
        (driver, parameters, asked)
        for driver in ("rbd.csi.ceph.com", "rook-ceph.rbd.csi.ceph.com", "other.cephfs.csi.ceph.com")
        for parameters, asked in (
            (None, X),
            ({"encrypted": "true"}, E),
            ({"encrypted": "T"}, E),
            ({"encrypted": "1"}, E),
            ({"encrypted": "0"}, X),
            ({"encrypted": "FALSE"}, X),
            ({"encrypted": "yes"}, Q),
            ({"encrypted": ""}, Q),
            ({"Encrypted": "true"}, X),
            ({"encrypted": "true", "encryptionType": "file"}, E),
            ({"encrypted": "true", "encryptionType": "Qx"}, Q),
        )
    ),
    ("rbd.csi.ceph.com", {"encrypted": "true", "encryptionType": "block"}, E),
    ("driver.longhorn.io", None, X),
    ("driver.longhorn.io", {"encrypted": "true"}, E),
    ("driver.longhorn.io", {"encrypted": "True"}, Q),
    ("pxd.portworx.com", {"secure": "true"}, E),
    ("kubernetes.io/portworx-volume", {"secure": "false"}, X),
    (LINODE, None, X),
    (LINODE, {f"{LINODE}/encrypted": "true"}, E),
    (LINODE, {f"{LINODE}/encrypted": "false", f"{LINODE}/luks-encrypted": "true"}, E),
    ("dobs.csi.digitalocean.com", None, P),
    ("csi.vsphere.vmware.com", {"storagepolicyname": "gold"}, Q),
    ("kubernetes.io/vsphere-volume", None, Q),
    ("cinder.csi.openstack.org", {"type": "luks"}, Q),
    ("kubernetes.io/cinder", None, Q),
    ("kubernetes.io/no-provisioner", None, Q),
    ("rancher.io/local-path", None, Q),
    ("topolvm.io", None, Q),
    ("openebs.io/local", None, Q),
    ("nfs.csi.k8s.io", None, Q),
    ("example.com/whatever", None, Q),
    ("rbd.csi.ceph.com.example", None, Q),
]


@pytest.mark.parametrize(("provisioner", "parameters", "asked"), ROWS)
def test_a_class_asks_for_what_its_driver_makes_of_its_parameters(
    provisioner: str, parameters: dict[str, Any] | None, asked: Asked
) -> None:
    found = asks(provisioner, parameters)
    assert found.asked is asked
    assert found.reason


def test_every_driver_of_the_matrix_is_in_the_table_above() -> None:
    tried = {id(row_of(provisioner)) for provisioner, _, _ in ROWS}
    assert [row.provisioners for row in matrix().rows if id(row) not in tried] == []
    assert len({name for row in matrix().rows for name in row.provisioners}) == sum(
        len(row.provisioners) for row in matrix().rows
    )
    assert matrix().version == "2026-11-27"


@pytest.mark.parametrize(
    ("provisioner", "parameters", "key", "double", "secret"),
    [
        (EBS, {"encrypted": "true"}, None, False, False),
        (EBS, {"kmskeyid": ARN}, ARN, False, False),
        (AZURE, {"diskEncryptionSetID": SET}, SET, False, False),
        (AZURE, {"diskEncryptionSetID": SET, "diskEncryptionType": BOTH}, SET, True, False),
        (PD, {"Disk-Encryption-Kms-Key": CRYPTO_KEY}, CRYPTO_KEY, False, False),
        ("fsx.csi.aws.com", {"kmsKeyId": ARN}, ARN, False, False),
        ("fsx.csi.aws.com", {"kmskeyid": ARN}, None, False, False),
        ("filestore.csi.storage.gke.io", {"instance-encryption-kms-key": CRYPTO_KEY}, CRYPTO_KEY, False, False),
        ("rbd.csi.ceph.com", {"encrypted": "true", "encryptionKMSID": "vault"}, "vault", False, False),
        ("rbd.csi.ceph.com", {"encrypted": "true"}, None, False, True),
        ("driver.longhorn.io", {"encrypted": "true"}, None, False, True),
        (LINODE, {f"{LINODE}/encrypted": "true"}, None, False, False),
        (LINODE, {f"{LINODE}/luks-encrypted": "true"}, None, False, True),
    ],
)
def test_a_class_names_its_key(
    provisioner: str, parameters: dict[str, Any], key: str | None, double: bool, secret: bool
) -> None:
    found = asks(provisioner, parameters)
    assert (found.key, found.double, found.secret) == (key, double, secret)


def test_two_spellings_of_a_parameter_that_differ_are_not_an_answer() -> None:
    with pytest.raises(NoAnswer, match="given twice"):
        asks(EBS, {"encrypted": "true", "Encrypted": "false"})
    assert asks(EBS, {"encrypted": "true", "Encrypted": "true"}).asked is E
    assert asks("rbd.csi.ceph.com", {"encrypted": "true", "Encrypted": "false"}).asked is E


@pytest.mark.parametrize("parameters", [["encrypted"], "encrypted", {"encrypted": True}, {"encrypted": 1}])
def test_parameters_that_are_no_texts_are_not_an_answer(parameters: Any) -> None:
    whole = storage_class(EBS, {})
    with pytest.raises(NoAnswer, match="parameters"):
        class_intent(msgspec.structs.replace(whole, fields={**whole.fields, "parameters": parameters}))
