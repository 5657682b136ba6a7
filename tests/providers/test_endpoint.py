"""No address gets a token past the rule of plain http: held against how the clients' own libraries read it."""

import ipaddress
from collections.abc import Callable
from itertools import product

import pytest
import requests
import yarl
from urllib3.util import parse_url

from providers.aws.settings import AwsSettings
from providers.azure.settings import AzureSettings
from providers.endpoint import check_endpoint, keeps_secret, parted
from providers.gcp.settings import GcpSettings
from providers.vault.settings import VaultSettings

HOSTS = [
    *(
        "localhost",
        "LOCALHOST",
        "localhost.",
        "127.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
    ),
    *(
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "xn--bcher-kva.example",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[2001:db8::1]",
    ),
    *(
        "localhost@evil.example",
        "127.0.0.1:80@evil.example",
        "evil.example\\@localhost",
        "localhost\\.evil.example",
        "localhost#@evil.example",
    ),
    *(
        "localhost%00.evil.example",
        "localhost%2eevil.example",
        "localhost%20",
        "127.0.0.1%0aevil.example",
        "lo\tcalhost",
        "local\nhost",
        " localhost",
        "localhost ",
    ),
    *(
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.01",
        "0",
        "0.0.0.0",
        "127.0.0.1.",
        "1e3",
        "127.0.0.256",
    ),
    *(
        "127。0。0。1",
        "127．0．0．1",
        "①②⑦.0.0.1",
        "lоcalhost",
        "ｌｏｃａｌｈｏｓｔ",
        "bücher.example",
        "localhost\u200b",
        "localhost\u202e",
        "ß.example",
    ),
    *(
        "[::1",
        "::1",
        "[::1]evil.example",
        "[::1%25lo]",
        "[::1%lo]",
        "[v1.x]",
        "[127.0.0.1]",
        "[localhost]",
        "",
        ".",
        "..",
        "-a.example",
        "a..b.example",
        "a" * 64 + ".example",
    ),
    *(
        "{host}",
        "lo|calhost",
        "<localhost>",
        '"localhost"',
        "local^host",
        "local`host",
        "localhost,evil.example",
        "localhost;evil.example",
        "$HOST",
    ),
]
SHAPES = ["http://{}", "http://{}:8200", "http://{}/"]
MORE = [
    *(
        "HTTP://localhost",
        "hTTp://evil.example",
        "http:/localhost",
        "http:localhost",
        "http:\\\\localhost",
        "http:///localhost",
        "http:////evil.example",
        "//localhost",
    ),
    *(
        "ftp://localhost",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "unix:///run/x",
        "localhost",
        "localhost:8200",
        "",
        " http://localhost",
        "http://localhost ",
    ),
    *(
        "http://localhost:0",
        "http://localhost:65536",
        "http://localhost:99999",
        "http://localhost:x",
        "http://localhost:-1",
        "http://localhost:8200:8201",
        "http://localhost:",
    ),
    *(
        "http://localhost:8200\r\nHost: evil.example",
        "http://localhost\x00",
        "http://localhost?x@evil.example",
        "http://localhost/@evil.example",
        "http://user@localhost",
    ),
    *(
        "http://user:secret@localhost",
        "https://user:secret@evil.example",
        "http://:@localhost",
        "http://@localhost",
        "https://evil.example:443",
        "https://evil.example",
    ),
    *(
        "https://[2001:db8::1]:8200",
        "https://evil.example#x",
        "https://evil.example?x=1",
        "http://localhost:+80",
        "http://localhost:８０",
        "http://localhost:8_0",
    ),
]
ADDRESSES = [shape.format(host) for shape, host in product(SHAPES, HOSTS)] + MORE
SETTINGS: dict[str, Callable[[str], object]] = {
    "aws": lambda url: AwsSettings(endpoint_url=url),
    "azure": lambda url: AzureSettings(endpoint=url),
    "gcp": lambda url: GcpSettings("acme-prod", endpoint=url, credentials="anonymous"),
    "vault": lambda url: VaultSettings(url),
}
READERS: dict[str, Callable[[str], str]] = {
    "yarl (aiohttp)": lambda url: str(yarl.URL(url).host),
    "urllib3": lambda url: str(parse_url(url).host).strip("[]"),
    "requests": lambda url: str(parse_url(str(requests.Request("GET", url).prepare().url)).host).strip("[]"),
}


def _is_this_machine(host: str) -> bool:
    name = host.rstrip(".").lower()
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def test_there_are_more_addresses_than_anybody_tries_by_hand() -> None:
    assert len(set(ADDRESSES)) >= 207


@pytest.mark.parametrize("system", SETTINGS)
@pytest.mark.parametrize("url", sorted(set(ADDRESSES)), ids=ascii)
def test_an_address_is_refused_in_one_line_or_leads_where_the_rule_took_it_to_lead(system: str, url: str) -> None:
    try:
        SETTINGS[system](url)
    except ValueError as refused:
        text = str(refused)
        assert text.isprintable()
        assert "secret" not in text.replace("no secret ever stands", "")
        return
    for reader, host in READERS.items():
        if url.lower().startswith("http:"):
            assert _is_this_machine(host(url)), f"{reader} goes to {host(url)}"
        parts = parted(url)
        assert parts is not None
        assert host(url).rstrip(".").lower() == (parts.hostname or "").rstrip(".") or _same(
            host(url), parts.hostname
        ), f"{reader} goes to {host(url)}"


def _same(one: str, other: str | None) -> bool:
    try:
        return ipaddress.ip_address(one) == ipaddress.ip_address(other or "")
    except ValueError:
        return False


@pytest.mark.parametrize(
    "url",
    [
        "https://vault.acme.example:8200",
        "https://10.1.2.3",
        "https://[2001:db8::1]:8200/",
        "http://127.0.0.2:1",
        "http://localhost:8200",
        "https://my_host.internal",
    ],
)
def test_what_people_write_is_taken(url: str) -> None:
    check_endpoint("address", url, allow_plaintext=False, path=False)


def test_plain_http_elsewhere_goes_where_it_was_asked_for() -> None:
    assert not keeps_secret("http://vault.acme.example", allow_plaintext=False)
    check_endpoint("address", "http://vault.acme.example", allow_plaintext=True)


def test_no_setting_leads_into_the_clear_because_of_the_room_it_is_in() -> None:
    for make in SETTINGS.values():
        with pytest.raises(ValueError, match=r"plain http to vault\.acme\.example is refused"):
            make("http://vault.acme.example")
