"""AWS, Azure and Google Cloud in one configuration, with Vault and TLS endpoints: what the collector holds, and when
the dashboard stands on the screen.
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest

from posture.rows import Place
from providers.collector.collector import NICE
from providers.collector.frames import Decoder, Frame, Places, Rows, Settled
from providers.demo.aws.accounts import REGIONS
from tests.bench.latency import Screen
from tests.bench.recorded import replaying
from tests.world.aws import Aws
from tests.world.azure import Azure
from tests.world.big import big
from tests.world.gcp import Google
from tests.world.memory import peak_mb
from tests.world.raft import Raft
from tests.world.vault import TOKEN_ENV

pytestmark = pytest.mark.bench
ROOT = Path(__file__).parents[2]
VOLUMES, BUCKETS = 10_000, 2_000
ROUNDS = 5


@pytest.fixture
def clouds(aws: Aws, azure: Azure, google: Google) -> Iterator[dict[str, str]]:
    """Block of the configuration by cloud: 10,000 disks and 2,000 buckets or accounts each, answered from memory."""
    big(volumes=2 * VOLUMES, snapshots=400, buckets=2 * BUCKETS)  # over two accounts; the one that is polled holds half
    azure.fill(VOLUMES, BUCKETS)
    google.fill(VOLUMES, BUCKETS)
    with replaying(aws.url) as one, replaying(azure.server.url) as two, replaying(google.server.url) as three:
        yield {
            "aws": f'[[tenant.aws]]\nregions = {json.dumps(list(REGIONS))}\nendpoint_url = "{one}"\n',
            "azure": (
                azure.text()
                .partition("[[tenant.azure]]")[2]
                .join(("[[tenant.azure]]", ""))
                .replace(azure.server.url, two)
            ),
            "gcp": f'[[tenant.gcp]]\nproject = "acme-prod"\nendpoint = "{three}"\ncredentials = "anonymous"\n',
        }


async def _collected(file: Path) -> tuple[Counter[str], float, float]:
    """Rows by provider and kind, MB at most, and seconds until everything had answered, of the collector that the
    dashboard starts.
    """
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "providers.collector", "--config", str(file), stdin=pipe, stdout=pipe, cwd=ROOT
    )
    assert process.stdin is not None
    assert process.stdout is not None
    decoder, places, rows = Decoder(Frame), dict[int, Place](), dict[str, int]()
    started, settled = asyncio.get_running_loop().time(), False
    while not settled:  # of Azure, each account is asked for its encryption scopes
        data = await process.stdout.read(1 << 16)
        assert data, "the collector ended"
        for frame in decoder.feed(data):
            match frame:
                case Places():
                    places |= dict(enumerate(frame.places, frame.first))
                case Rows():
                    rows |= {row.id: row.place for row in frame.rows}
                case Settled():
                    settled = True
    took = asyncio.get_running_loop().time() - started
    entry = peak_mb(process.pid)
    process.stdin.close()
    await process.wait()
    return Counter(f"{places[number].provider} {places[number].kind}" for number in rows.values()), entry, took


async def test_a_collector_of_three_clouds_holds_300_mb_at_most(
    clouds: dict[str, str], tls_bao: Raft, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Started cold; what an earlier run has left is read beside what is asked, and may take a tenth more."""
    file = tmp_path / "enctop.toml"
    vault = f'[[tenant.vault]]\naddress = "{tls_bao.url}"\nca_file = "{tls_bao.ca_file}"\ntoken_env = "{TOKEN_ENV}"\n'
    said = []
    for names in (("aws",), ("azure",), ("gcp",), ("aws", "azure", "gcp")):
        file.write_text(
            '[[tenant]]\nname = "acme"\n' + "".join(clouds[name] for name in names) + (vault if len(names) == 3 else "")
        )
        await _collected(file)  # the servers learn the answers
        with monkeypatch.context() as cold:
            cold.setenv("XDG_STATE_HOME", str(tmp_path / "cold"))
            rows, entry, took = await _collected(file)
        _, again, _ = await _collected(file)
        said.append(f"{' + '.join(names)} {entry:.0f} MB in {took:.1f} s, {again:.0f} MB over a warm start")
    sys.stderr.write(f"\ncollector: {'; '.join(said)} (the last with Vault and its TLS endpoint)\n")
    for provider, bucket in (("aws", "bucket"), ("azure", "bucket"), ("gcp", "bucket")):
        assert (rows[f"{provider} volume"], rows[f"{provider} {bucket}"]) == (VOLUMES, BUCKETS)
    assert min(rows["vault vault"], rows["tls endpoint"]) >= 1
    assert entry <= 300
    assert again <= 325


def test_the_first_paint_does_not_wait_for_any_cloud(
    clouds: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With three clouds as with none of them: a file of one TLS endpoint that nobody answers, in turns."""
    few, all_ = tmp_path / "few.toml", tmp_path / "all.toml"
    few.write_text('[[tenant]]\nname = "acme"\n[[tenant.tls]]\nendpoints = ["127.0.0.1:9"]\n')
    all_.write_text('[[tenant]]\nname = "acme"\n' + "".join(clouds.values()))
    waits: dict[Path, list[float]] = {few: [], all_: []}
    for number in range(ROUNDS):
        for file in (few, all_):
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"cold-{number}"))
            screen = Screen([sys.executable, "-m", "tui.cli.main", "--config", str(file)], 120, 40)
            try:
                waits[file].append(screen.until("Volumes", 20))
            finally:
                screen.close()
    one, three = median(waits[few]), median(waits[all_])
    sys.stderr.write(
        f"\nfirst paint: {one * 1000:.0f} ms without a cloud, {three * 1000:.0f} ms with three; the collector runs at"
        f" nice {NICE}\n"
    )
    assert three <= 1.3 * one
