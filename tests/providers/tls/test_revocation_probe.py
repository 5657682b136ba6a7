"""What was taken back, as the probe finds it: by the staple of a server and the lists of its authorities."""

import asyncio
import datetime
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from posture.verdict import Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.pki import Pair
from providers.source import TALLY, Tally
from providers.tls.revocation import Revocations
from tests.providers.tls.test_revocation import CASES, FAIL, PASS, UNKNOWN, Lists
from tests.world import tlsservers as servers
from tests.world.tlsrevoked import Authorities, crl


@pytest.mark.parametrize(
    ("name", "days", "status"),
    [
        ("a good list", 90, PASS),
        ("revoked by the list", 90, FAIL),
        ("a good staple, revoked by the list", 90, FAIL),
        ("a staple to come, revoked by the list", 90, FAIL),
        ("a list of another distribution point", 90, UNKNOWN),
        ("a delta", 90, UNKNOWN),
        ("a staple by a responder", 90, PASS),
        ("the intermediate revoked", 90, FAIL),
        ("the intermediate revoked", 6, FAIL),
        ("a good list", 6, Status.NOT_APPLICABLE),
    ],
)
def test_a_server_is_judged_by_its_staple_and_the_lists(
    name: str, days: float, status: Status, lists: Lists, tmp_path: Path
) -> None:
    of = Authorities(lists.port, dates=(-days / 3, days * 2 / 3))
    above = name == "the intermediate revoked"
    case = CASES["a good list" if above else name]
    lists.bodies["/root.crl"] = crl(of.root, of.middle) if above else crl(of.root)
    if case.list is not None:
        lists.bodies["/leaf.crl"] = case.list(of)
    stapled, pair = (
        b"" if case.staple is None else case.staple(of),
        Pair(of.leaf.certificate, of.leaf.key, (of.middle.certificate,)),
    )
    threads = servers.Threads()
    port = threads.listen(servers.stapling(pair.chain_pem, pair.key_pem, stapled, tmp_path))
    file = servers.write(tmp_path, "trusted.pem", of.root.pem)
    text = (
        f'[[tenant]]\nname = "t"\n[[tenant.tls]]\nendpoints = ["chain.example:{port}"]\nresolve = {{ "chain.example" ='
        ' "127.0.0.1" }\n'
    )
    try:
        collector = Collector(parse(f'{text}http_port = 0\nca_file = "{file}"\n', "test"))
        asyncio.run(collector.once(60))
    finally:
        threads.stop()
    entry = collector.model.entry(f"tls://chain.example:{port}")
    assert entry is not None
    found = entry.findings["tls.revocation"]
    assert found.status is status, found.reason
    assert entry.resource.fields["Addresses"]["127.0.0.1"]["Full"]["Staple"] == ("sent" if stapled else "none")
    certificate = next(
        one for one in collector.model.all() if one.resource.kind == "certificate" and not one.resource.fields["IsCa"]
    )
    assert certificate.findings["tls.revocation"].status is status


async def test_an_intermediate_that_is_not_asked_about_is_told() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    start = datetime.datetime.now(datetime.UTC)
    point = x509.DistributionPoint([x509.UniformResourceIdentifier("http://127.0.0.1:1/list.crl")], None, None, None)

    def made(number: int) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA {number}")])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(number)
        )
        builder = builder.not_valid_before(start).not_valid_after(start + datetime.timedelta(days=1))
        return builder.add_extension(x509.CRLDistributionPoints([point]), critical=False).sign(key, hashes.SHA256())

    TALLY.set(Tally())
    revocations = Revocations(time.time)
    told = [found async for found in revocations._above([made(number) for number in range(1, 8)])]
    assert [found["Certificate"] for found in told] == [f"CA {number}" for number in range(1, 7)], "all but the root"
    assert {found["Status"] for found in told} == {"unanswered"}
    assert told[-1]["Why"].startswith("not asked")
