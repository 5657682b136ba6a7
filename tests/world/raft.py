"""Three real OpenBao nodes with raft and TLS, and what one can do to them."""

import contextlib
import datetime
import ipaddress
import ssl
import time
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from providers.demo.ports import free_port
from providers.demo.vault.server import THRESHOLD, Bao, BaoError


class Raft(Bao):
    """One node. `ca_file` is the certificate it is trusted by."""

    def __init__(self, name: str, certificates: Path, first: "Raft | None") -> None:
        super().__init__(start=False)
        self.name, self.first, self.certificates = name, first, certificates
        self.url = f"https://127.0.0.1:{self.port}"
        self.cluster_port = free_port()
        self.ca_file = certificates / "ca.pem"
        (self.directory / "raft").mkdir()

    def configuration(self) -> str:
        """Raft storage and TLS."""
        join = (
            f'retry_join {{\n leader_api_addr = "{self.first.url}"\n leader_ca_cert_file = "{self.ca_file}"\n }}'
            if self.first
            else ""
        )
        return f"""
storage "raft" {{
  path = "{self.directory / "raft"}"
  node_id = "{self.name}"
  performance_multiplier = 1
  {join}
}}
listener "tcp" {{
  address = "127.0.0.1:{self.port}"
  cluster_address = "127.0.0.1:{self.cluster_port}"
  tls_cert_file = "{self.certificates / "node.pem"}"
  tls_key_file = "{self.certificates / "node.key"}"
}}
disable_mlock = true
api_addr = "{self.url}"
cluster_addr = "https://127.0.0.1:{self.cluster_port}"
telemetry {{
  prometheus_retention_time = "10m"
  usage_gauge_period = "2s"
  disable_hostname = true
}}
"""

    def _context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))


class RaftCluster:
    """`nodes`, joined and unsealed; the first is the leader at the start."""

    def __init__(self, size: int) -> None:
        self.certificates = Path(mkdtemp(prefix="enctop-tls-"))
        make_certificates(self.certificates)
        first = Raft("n1", self.certificates, None)
        self.nodes = [first]
        first.start()
        first.initialise()
        first.unseal()
        self.leader().call("POST", "sys/storage/raft/autopilot/configuration", {"server_stabilization_time": "1s"})
        for number in range(2, size + 1):
            node = Raft(f"n{number}", self.certificates, first)
            node.start()
            node.keys, node.token = first.keys, first.token
            self.nodes.append(node)
        for node in self.nodes[1:]:
            self.unseal(node)
        self._steady(size)

    def unseal(self, node: Raft) -> None:
        """Give a node its shares, as soon as it has joined."""
        until = time.monotonic() + 20
        while True:
            with contextlib.suppress(BaoError, OSError):
                for key in node.keys[:THRESHOLD]:
                    node.call("PUT", "sys/unseal", {"key": key}, token="")
                if not node.call("GET", "sys/seal-status", token="")["sealed"]:
                    return
            assert time.monotonic() < until, f"{node.name} does not unseal"
            time.sleep(0.1)

    def leader(self) -> Raft:
        """Who leads now."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            for node in self.nodes:
                with contextlib.suppress(BaoError, OSError):
                    if node.call("GET", "sys/leader", token="").get("is_self"):
                        return node
            time.sleep(0.1)
        raise AssertionError("nobody leads")

    def _steady(self, size: int) -> None:
        until = time.monotonic() + 40
        while time.monotonic() < until:
            with contextlib.suppress(BaoError, OSError):
                state = self.nodes[0].call("GET", "sys/storage/raft/autopilot/state")
                if state["healthy"] and len(state["voters"] or ()) == size:
                    return
            time.sleep(0.2)
        raise AssertionError("the nodes do not come together")

    def stop(self) -> None:
        """End all of them."""
        for node in self.nodes:
            node.stop()


def make_certificates(where: Path) -> None:
    """An authority, and one certificate for 127.0.0.1."""
    now = datetime.datetime.now(datetime.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())

    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    def build(subject: str, public: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        made = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(name("tests")).public_key(public)
        return (
            made.serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(1))
            .not_valid_after(now + datetime.timedelta(30))
        )

    usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
    own = x509.SubjectKeyIdentifier.from_public_key(authority.public_key())
    ca = (
        build("tests", authority.public_key())
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(usage, critical=True)
    )
    ca = ca.add_extension(own, critical=False)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    node = build("node", key.public_key()).add_extension(host, critical=False)
    node = node.add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own), critical=False)
    for file, cert in (("ca.pem", ca), ("node.pem", node)):
        (where / file).write_bytes(cert.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (where / "node.key").write_bytes(key.private_bytes(*pem))
