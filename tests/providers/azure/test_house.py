"""How Azure stands in the house: what the file may say, what the role allows, what is imported when, and that the
SDK agrees with us.
"""

import inspect
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from posture.fault import ConfigError
from providers.azure.calls import CALLS, QUERY_RESOURCES, role
from providers.collector.collector import Collector
from providers.collector.config import parse
from providers.collector.systems import policy_text
from providers.demo import server
from providers.demo.answer import Answer, Environ
from providers.demo.azure import more
from providers.demo.azure.accounts import SUBSCRIPTION, TOKEN, TOKEN_ENV
from providers.limits import Limits
from tests.world.azure import Azure, Seen
from tests.world.tlsfront import in_front_of

HERE = Path(__file__).parents[3]


def _block(text: str) -> str:
    return f'[[tenant]]\nname = "acme"\n[[tenant.azure]]\n{text}\n'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('subscripton = "x"', "did you mean subscription"),
        ('subscription = "prod"', "not a subscription's id"),
        ("subscription = []", "the list is empty"),
        ('cloud = "moon"', "cloud"),
        ('endpoint = "http://management.example"', "plain http to management.example is refused"),
        ('endpoint = "https://user:pass@management.example"', "no secret ever stands in this file"),
        ('endpoint = "ftp://x"', "not an http or https URL"),
        ('endpoint = "https://management.example"\ncloud = "china"', "goes without cloud"),
        ('token_env = "eyJ0.abc.def"', "the token itself never stands in this file"),
        ('token = "eyJ0"', "no secret ever stands in this file"),
    ],
)
def test_what_is_wrong_in_the_file_is_said_in_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(says)) as caught:
        parse(_block(text), "enctop.toml")
    assert "\n" not in str(caught.value)
    assert "eyJ0.abc" not in str(caught.value)


def test_the_three_clouds_lead_to_their_own_endpoints() -> None:
    from providers.azure.client import ArmClient

    ends = {
        cloud: ArmClient(parse(_block(f'cloud = "{cloud}"'), "t").blocks("azure")[0].settings, "0")
        for cloud in ("public", "government", "china")
    }
    assert [ends[cloud].endpoint for cloud in ends] == [
        "https://management.azure.com",
        "https://management.usgovcloudapi.net",
        "https://management.chinacloudapi.cn",
    ]
    assert ends["government"].graph_endpoint == "https://graph.microsoft.us"
    private = ArmClient(parse(_block('endpoint = "https://arm.example/"'), "t").blocks("azure")[0].settings, "0")
    assert (private.endpoint, private.graph_endpoint) == (
        "https://arm.example",
        None,
    ), "a private Resource Manager has no Graph unless one is named"


def test_the_role_allows_the_declared_reads_and_nothing_else() -> None:
    actions = role()["Actions"]
    assert actions == sorted(CALLS)
    assert all(action.endswith("/read") for action in actions)
    assert role()["DataActions"] == []
    assert "Policy.Read.All" in role()["Description"]
    assert json.loads(policy_text("azure", frozenset())) == role()
    sampling = json.loads(policy_text("azure", frozenset({"blob_sample"})))
    assert sampling == {
        **role(),
        "DataActions": ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
    }


def test_api_versions_are_those_that_the_installed_sdk_sends() -> None:
    from azure.mgmt.cdn.aio import CdnManagementClient
    from azure.mgmt.compute.operations import _operations as compute
    from azure.mgmt.containerservice.aio import ContainerServiceClient
    from azure.mgmt.keyvault.aio import KeyVaultManagementClient
    from azure.mgmt.storage.aio import StorageManagementClient

    for call in CALLS.values():
        if call.switch == "Microsoft.Compute":
            name = re.sub(r"(?<!^)(?=[A-Z])", "_", call.permission.split("/")[1]).lower()
            builder = next(
                getattr(compute, f"build_{name}_{verb}_request")
                for verb in ("list_all", "list")
                if hasattr(compute, f"build_{name}_{verb}_request")
            )
            assert f'"{call.api_version}"' in inspect.getsource(builder), call.permission
    for client, switch in (
        (StorageManagementClient, "Microsoft.Storage"),
        (KeyVaultManagementClient, "Microsoft.KeyVault"),
        (ContainerServiceClient, "Microsoft.ContainerService"),
        (CdnManagementClient, "Microsoft.Cdn"),
    ):
        module = sys.modules[client.__module__.rpartition(".")[0] + "._configuration"]
        for call in CALLS.values():
            if call.switch == switch:
                assert f'"{call.api_version}"' in inspect.getsource(module), call.permission
    assert QUERY_RESOURCES.api_version == "2021-03-01"


def test_the_gateway_written_by_hand_reads_back_through_the_sdks_model(azure: Azure) -> None:
    """In a process of its own: those models take 315 MB."""
    gateway = azure.estate.get(more.gateway(azure.estate, "gw"))
    program = (
        "import json, sys; from azure.mgmt.network.models import ApplicationGateway as G; g = G(json.load(sys.stdin));p"
        " = g.properties; print(json.dumps([p.ssl_policy.policy_name, [l.properties.protocol for l in"
        " p.http_listeners],[bool(r.properties.redirect_configuration) for r in p.request_routing_rules],"
        " p.redirect_configurations[0].properties.target_listener.id[-5:]]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=json.dumps(gateway), capture_output=True, text=True, check=False
    )
    assert json.loads(done.stdout or "0") == [
        "AppGwSslPolicy20220101S",
        ["Https", "Http"],
        [False, True],
        "https",
    ], done.stderr


@pytest.mark.parametrize(("block", "loaded"), [("[[tenant.azure]]", "azure"), ("[[tenant.aws]]", "boto3")])
def test_an_sdk_is_imported_only_when_its_cloud_is_configured(block: str, loaded: str) -> None:
    program = (
        "import sys; from providers.collector.config import parse;"
        "from providers.collector.systems import open_systems;"
        f"open_systems(parse('[[tenant]]\\nname = \"a\"\\n{block}', 't'), '0');"
        "print(*[m for m in ('azure', 'boto3', 'azure.identity') if m in sys.modules])"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=HERE
    ).stdout.split()
    assert shown == [loaded], "and the identity library only when a token is wanted"


async def test_a_private_endpoint_with_its_own_authority_is_trusted_by_ca_file_and_by_nothing_else(
    azure: Azure, tmp_path: Path
) -> None:
    azure.estate.disk("pg-0")
    with pytest.raises(ConfigError, match=r"ca_file: .*/none\.pem: no such file"):
        await azure.poll(more=f'ca_file = "{tmp_path}/none.pem"')
    with in_front_of(azure.server.port, tmp_path) as (url, authority):
        trusted, stranger = (
            azure.text(SUBSCRIPTION, more=more).replace(azure.server.url, url)
            for more in (f'ca_file = "{authority}"', "")
        )
        collector = Collector(parse(trusted, "t"))
        await collector.once(30)
        assert Seen(collector.model).source("disks").state == "ok"
        assert set(Seen(collector.model).resources("azure.compute.disk")) == {"pg-0"}
        asked = len(azure.server.log)
        collector = Collector(parse(stranger, "t"))
        await collector.once(30)
        fault = Seen(collector.model).fault("disks")
        assert (fault.kind, "CERTIFICATE_VERIFY_FAILED" in fault.message) == ("unreachable", True)
        assert len(azure.server.log) == asked, "no token was sent to who is not trusted"


class _Identity:
    """The endpoint at which a managed identity's token is handed out (App Service, Functions, Container Apps):
    IDENTITY_ENDPOINT.
    """

    def __init__(self) -> None:
        self.resources: list[str] = []
        self.http = server.Server(0, self._serve)

    def _serve(self, environ: Environ) -> Answer:
        query = parse_qs(environ["QUERY_STRING"])
        assert environ["HTTP_X_IDENTITY_HEADER"] == "secret"
        self.resources += query["resource"]
        body = {
            "access_token": TOKEN,
            "expires_on": str(int(time.time()) + 3600),
            "resource": query["resource"][0],
            "token_type": "Bearer",
        }
        return Answer(200, json.dumps(body).encode(), {"content-type": "application/json"})


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Identity]:
    """A managed identity of this machine, which azure-identity's default chain finds."""
    made = _Identity()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"http://127.0.0.1:{made.http.port}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "secret")
    yield made
    made.http.stop()


async def test_azures_default_chain_finds_a_managed_identity(azure: Azure, identity: _Identity) -> None:
    azure.estate.disk("pg-0")
    collector = Collector(parse(azure.text(SUBSCRIPTION).replace(f'token_env = "{TOKEN_ENV}"', ""), "t"))
    await collector.once(30)
    assert Seen(collector.model).source("disks").state == "ok"
    assert set(identity.resources) == {"https://management.azure.com"}


@pytest.mark.parametrize(
    ("cloud", "audience"),
    [
        ("public", "https://management.azure.com"),
        ("government", "https://management.usgovcloudapi.net"),
        ("china", "https://management.chinacloudapi.cn"),
    ],
)
async def test_a_token_is_asked_for_the_cloud_that_it_is_sent_to(
    cloud: str, audience: str, identity: _Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nothing leaves this machine
    config = parse(_block(f'subscription = "{SUBSCRIPTION}"\ncloud = "{cloud}"\nentra = false'), "t")
    collector = Collector(config, limits=Limits(transient_attempts=1))
    await collector.once(30)
    assert set(identity.resources) == {audience}
    assert {
        source.fault.kind.value
        for source in collector.model.sources.values()
        if source.service == "disks" and source.fault
    } == {"unreachable"}


def test_a_collector_with_azure_stays_small(azure: Azure) -> None:
    azure.estate.disk("pg-0")
    program = (
        "import asyncio, sys; from providers.collector.collector import Collector; from providers.collector.config"
        " import parse;from tests.world.memory import peak_mb;asyncio.run(Collector(parse(sys.stdin.read(),"
        " 't')).once(60));print(peak_mb())"
    )
    text = azure.text(SUBSCRIPTION)
    done = subprocess.run(
        [sys.executable, "-c", program], input=text, capture_output=True, text=True, check=True, cwd=HERE
    )
    assert float(done.stdout) <= 200
