"""Whose roots judge: the system's, certifi's where this machine has none, and those of a `ca_file` beside them."""

import asyncio
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from posture.verdict import Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.pki import Authority
from providers.demo.tls.server import Doors, context_for
from providers.tls.protocol.strict import Contexts
from providers.tls.trust import Path as End
from providers.tls.trust import Roots
from tests.world.tlschains import Made, leaf, middle, root


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without roots."""
    (empty := tmp_path / "empty").mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    return tmp_path


@pytest.fixture
def doors() -> Iterator[Doors]:
    made = Doors()
    yield made
    made.close()


def asked(text: str) -> Collector:
    collector = Collector(parse(f'[[tenant]]\nname = "t"\n{text}', "test"))
    asyncio.run(collector.once(60))
    return collector


def block(port: int, more: str = "") -> str:
    return (
        f'[[tenant.tls]]\nendpoints = ["a.example:{port}"]\nresolve = {{ "a.example" = "127.0.0.1" }}\nhttp_port ='
        f" 0\n{more}"
    )


def test_a_machine_without_roots_takes_certifis_and_says_so(bare: Path) -> None:
    contexts = Contexts()
    assert contexts.store == "certifi"
    assert len(contexts.system) > 100
    assert len(contexts.lenient.get_ca_certs(True)) > 100


def test_the_roots_of_a_folder_are_the_systems_too(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL lists none of a folder's roots before it has used them."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed: nobody makes the names that a folder of roots needs")
    authority, folder = Authority("Folder"), bare / "empty"
    (folder / "root.pem").write_bytes(authority.root.pem)
    subprocess.run(["openssl", "rehash", str(folder)], check=True)
    contexts = Contexts()
    assert (contexts.store, contexts.roots) == ("system", [authority.root.certificate.public_bytes(Encoding.DER)])


@pytest.mark.parametrize("certifis", ["ours", "none"])
def test_a_chain_to_a_root_of_certifis_passes_and_without_any_roots_nothing_is_known(
    certifis: str, bare: Path, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority("Public")
    (bare / "certifi.pem").write_bytes(authority.root.pem)
    monkeypatch.setattr("certifi.where", lambda: str(bare / ("certifi.pem" if certifis == "ours" else "none.pem")))
    port = doors.open(context_for(authority.issue("a.example", crl=False)))
    entry = asked(block(port)).model.entry(f"tls://a.example:{port}")
    assert entry is not None
    found = entry.findings["tls.chain-trust"]
    wanted = (
        (Status.PASS, "by certifi's roots")
        if certifis == "ours"
        else (Status.UNKNOWN, "this machine has no trusted roots")
    )
    assert (found.status, wanted[1] in found.reason) == (wanted[0], True), found.reason
    assert found.evidence["trust"]["Store"] == ("certifi" if certifis == "ours" else "none")
    assert entry.findings["tls.cert-lifetime"].status is (Status.PASS if certifis == "ours" else Status.NOT_APPLICABLE)


def test_a_private_chain_on_a_machine_without_roots_says_whose_roots_judged(bare: Path, doors: Doors) -> None:
    port = doors.open(context_for(Authority("Private").issue("a.example", crl=False)))
    entry = asked(block(port)).model.entry(f"tls://a.example:{port}")
    assert entry is not None
    found = entry.findings["tls.chain-trust"]
    assert (found.status, "certifi's roots, since this machine has none" in found.reason) == (
        Status.FAIL,
        True,
    ), found.reason


def test_a_private_root_passes_on_a_machine_without_roots(bare: Path, doors: Doors) -> None:
    authority = Authority("Private")
    (bare / "private.pem").write_bytes(authority.root.pem)
    port = doors.open(context_for(authority.issue("a.example", crl=False)))
    entry = asked(block(port, f'ca_file = "{bare / "private.pem"}"\n')).model.entry(f"tls://a.example:{port}")
    assert entry is not None
    assert entry.findings["tls.chain-trust"].status is Status.PASS


def test_every_root_of_this_machine_and_of_certifi_is_one_that_the_second_verifier_can_judge() -> None:
    """A leaf in a root's name, signed by somebody else: what is said is that the signature is wrong, not that the
    root is of a form that is not judged.
    """
    import certifi

    from providers.tls.second import Second, stands_in

    ders = {
        *Contexts().system,
        *(ssl.PEM_cert_to_DER_cert(pem) for pem in _blocks(Path(certifi.where()).read_text("utf-8"))),
    }
    stranger = root(subject="Stranger")
    odd = []
    for der in ders:
        trusted = x509.load_der_x509_certificate(der)
        if trusted.not_valid_after_utc.timestamp() < time.time():
            continue
        forged = leaf(Made(middle(root(), subject=trusted.subject).certificate, stranger.key)).certificate
        _, why = Second([trusted]).path([forged], time.time())
        if (
            "signature does not match" not in why
            and "signature does not match" not in stands_in([forged, trusted], time.time())[1]
        ):
            odd.append((trusted.subject.rfc4514_string(), why))
    assert not odd


def _blocks(text: str) -> list[str]:
    end = "-----END CERTIFICATE-----"
    return [f"{part[part.index('-----BEGIN') :]}{end}\n" for part in text.split(end) if "-----BEGIN" in part]


def test_a_verdict_on_a_chain_is_kept_until_a_certificate_of_it_begins_or_ends() -> None:
    """The clock goes past the intermediate's end, and back."""
    top = root()
    above = middle(top, dates=(-10, 10))
    chain = [leaf(above, dates=(-10, 100)).der, above.der]
    clock = [time.time()]
    roots = Roots([top.der], [], now=lambda: clock[0])
    seconds = []
    for days in (0, 9.9, 10.1, 0):
        clock[0] = time.time() + days * 86400
        trust = roots.trust(chain)
        assert trust.end is End.TRUSTED
        seconds.append(trust.second)
        assert roots.trust(chain) is trust
    assert [second == "taken" for second in seconds] == [True, True, False, True]
