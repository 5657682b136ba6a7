"""Every defect of the lab is found and named as itself, and nothing else is."""

import asyncio
from collections.abc import Iterator

import pytest

from posture.model import Model
from posture.verdict import Finding, Status
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.limits import Limits
from tests.world.tlsdoors import Endpoint
from tests.world.tlslab import Lab

QUIET = (Status.PASS, Status.NOT_APPLICABLE)


@pytest.fixture(scope="session")
def tls_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Some sixty servers."""
    lab = Lab(tmp_path_factory.mktemp("lab"))
    yield lab
    lab.stop()


@pytest.fixture(scope="session")
def seen(tls_lab: Lab) -> Model:
    """The lab, asked once; its authority counts as a public one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(tls_lab.roots))
        collector = Collector(parse(tls_lab.configuration(), "lab"), limits=Limits(whole=3.0))
        asyncio.run(collector.once(120))
    return collector.model


def findings(model: Model, door: Endpoint) -> dict[str, Finding]:
    entry = model.entry(f"tls://{door.target}")
    assert entry is not None
    return dict(entry.findings)


def test_the_lab_has_more_than_thirty_five_doors(tls_lab: Lab) -> None:
    assert len(tls_lab.endpoints) >= 45


def test_every_planted_defect_is_found_and_nothing_else(tls_lab: Lab, seen: Model) -> None:
    wrong = []
    for door in tls_lab.endpoints:
        for control, finding in findings(seen, door).items():
            expected = door.expected.get(control, door.expected.get("*"))
            if control == "tls.pq-group" and expected is None:
                expected = finding.status if finding.status in (Status.WARN, Status.UNKNOWN) else Status.FAIL
            right = finding.status in QUIET if expected is None else finding.status is expected
            if control == "tls.http-redirect" and "*" in door.expected:
                continue
            if control == "tls.edge-agrees":  # nothing names the doors of the lab
                right = finding.status in (Status.NOT_APPLICABLE, Status.UNKNOWN)
            if not right:
                wrong.append(
                    f"{door.name}: {control} is {finding.status.word}, not"
                    f" {expected.word if expected is not None else 'quiet'}: {finding.reason}"
                )
    assert not wrong, "\n" + "\n".join(wrong)


def test_every_defect_is_named_as_itself(tls_lab: Lab, seen: Model) -> None:
    wrong = []
    for door in tls_lab.endpoints:
        found = findings(seen, door)
        wrong += [
            f"{door.name}: {control}: {found[control].reason}"
            for control, word in door.words.items()
            if word not in found[control].reason
        ]
    assert not wrong, "\n" + "\n".join(wrong)


def test_what_the_lab_lacks_is_told(tls_lab: Lab) -> None:
    if tls_lab.missing:
        pytest.skip(f"not installed: {', '.join(tls_lab.missing)}")
