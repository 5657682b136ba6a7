"""No chain is a PASS that is not good, by three judges: OpenSSL inside the handshake, `cryptography`'s verifier, and
the `openssl verify` of this machine.
"""

import asyncio
import functools
import shutil
import ssl
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from posture.verdict import Status, Verdict
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.demo.tls.server import Doors, context_for
from providers.tls.certificates import Library
from providers.tls.probe import ASIDE
from providers.tls.protocol.strict import Contexts
from providers.tls.replay import verified
from providers.tls.trust import Roots, described
from tests.posture.controls.tls.world import address, endpoint
from tests.posture.controls.world import World
from tests.world.tlschains import HOST, Chain, bad, good
from tests.world.tlscrafted import crafted

PASS = Status.PASS


@functools.cache
def chains() -> dict[str, Chain]:
    found = [*good(), *bad(), *crafted()]
    assert len({chain.name for chain in found}) == len(found)
    return {chain.name: chain for chain in found}


NAMES = list(chains())
CONTROLS = ("tls.chain-trust", "tls.cert-expiry", "tls.key-strength", "tls.signature", "tls.hostname")


class Now(World):
    """Judges by today's clock: the certificates are made today."""

    @property
    def now(self) -> float:
        return time.time()


def seen(chain: Chain, folder: Path) -> dict[str, Any]:
    """What the probe would note of it."""
    file = folder / "trusted.pem"
    file.write_bytes(b"".join(one.pem for one in chain.trusted))
    contexts = Contexts(str(file))
    sent = [one.der for one in chain.sent]
    code, text = verified(contexts.verifying, sent)
    fields: dict[str, Any] = {"VerifyCode": code, "VerifyText": text}
    if code in ASIDE:
        fields["RestCode"], fields["RestText"] = verified(contexts.lenient, sent)
    return {
        **fields,
        "Trust": described(Roots(contexts.roots, contexts.system, contexts.store).trust(sent), contexts.store),
    }


def judged(chain: Chain, folder: Path) -> tuple[dict[str, Verdict], dict[str, Any]]:
    library, fields = Library(), seen(chain, folder)
    names = [library.read(one.der)[0] for one in chain.sent]
    resource = endpoint(
        address(Chain=names, **fields), host=HOST, Certificates={name: library.get(name) for name in names}
    )
    return {control: Now().ask(control, resource) for control in CONTROLS}, fields


def test_there_are_sixty_chains_and_more() -> None:
    assert len(NAMES) >= 80


@pytest.mark.parametrize("name", NAMES)
def test_a_chain_is_judged_as_it_is(name: str, tmp_path: Path) -> None:
    chain = chains()[name]
    verdicts, fields = judged(chain, tmp_path)
    found = verdicts.pop("tls.chain-trust")
    assert (found.status, chain.word in found.reason) == (
        chain.status,
        True,
    ), f"{found.status.word}: {found.reason}; {fields}"
    assert {control: verdict.status for control, verdict in verdicts.items()} == {
        control: chain.others.get(control, PASS) for control in verdicts
    }


@pytest.mark.parametrize("name", NAMES)
def test_openssl_shown_a_chain_says_what_its_command_line_says(name: str, tmp_path: Path) -> None:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("openssl is not installed")
    chain = chains()[name]
    files = {"leaf": chain.sent[:1], "rest": chain.sent[1:], "trusted": chain.trusted}
    for file, some in files.items():
        (tmp_path / file).write_bytes(b"".join(one.pem for one in some))
    more = ["-untrusted", str(tmp_path / "rest")] if chain.sent[1:] else []
    command = [
        program,
        "verify",
        "-partial_chain",
        "-purpose",
        "sslserver",
        "-auth_level",
        "2",
        "-CAfile",
        str(tmp_path / "trusted"),
    ]
    done = subprocess.run(
        [*command, "-no-CApath", "-no-CAstore", *more, str(tmp_path / "leaf")],
        capture_output=True,
        text=True,
        check=False,
    )
    if (code := seen(chain, tmp_path)["VerifyCode"]) is None:
        pytest.skip("no TLS handshake has a place for such a key")
    assert (done.returncode == 0) == (code == 0) == chain.taken, f"{code}; {done.stderr}"


END_TO_END = [
    "all of ed25519",
    "with nothing but basic constraints",
    "leaf trusted, signed by itself",
    "intermediate trusted, not sent",
    "directory name permitted",
    "root expired",
    "root expired and names not permitted",
    "intermediate of RSA 1024",
    "leaf expired and names not permitted",
    "leaf for clients",
    "intermediate without keyCertSign",
    "path too long",
    "names excluded",
    "leaf expired",
]


@pytest.mark.parametrize("old", [False, True], ids=["TLS 1.3", "TLS 1.0 only"])
def test_a_server_with_such_a_chain_is_judged_as_it_is(old: bool, tmp_path: Path) -> None:
    """Also where the verified handshake fails before any certificate is seen: then OpenSSL is shown the chain that
    another hello brought.
    """
    doors, text, wanted = Doors(), '[[tenant]]\nname = "t"\n', {}
    try:
        for number, name in enumerate(END_TO_END):
            chain = chains()[name]
            ends = {"lowest": ssl.TLSVersion.TLSv1, "highest": ssl.TLSVersion.TLSv1} if old else {}
            if old and "Ed25519" in type(chain.sent[0].key).__name__:
                continue
            context = context_for(
                chain.pair, chain=b"".join(one.pem for one in chain.sent), ciphers="ECDHE+AES:@SECLEVEL=0", **ends
            )
            file, host = tmp_path / f"{number}.pem", f"e{number}.example"
            file.write_bytes(b"".join(one.pem for one in chain.trusted))
            port = doors.open(context)
            wanted[f"tls://{host}:{port}"] = chain
            text += (
                f'[[tenant.tls]]\nendpoints = ["{host}:{port}"]\nresolve = {{ "{host}" = "127.0.0.1" }}\nhttp_port ='
                f' 0\nca_file = "{file}"\n'
            )
        collector = Collector(parse(text, "test"))
        asyncio.run(collector.once(60))
    finally:
        doors.close()
    for resource, chain in wanted.items():
        entry = collector.model.entry(resource)
        assert entry is not None
        found = entry.findings["tls.chain-trust"]
        assert (found.status, chain.word in found.reason) == (
            chain.status,
            True,
        ), f"{chain.name}: {found.status.word}: {found.reason}; {dict(found.evidence)}"
