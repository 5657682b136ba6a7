"""A token follows a server only where the operator would have sent it."""

import pytest

from providers.vault.settings import VaultSettings

LOCAL, LOCAL_TLS, REMOTE, CLEAR = (
    VaultSettings("http://127.0.0.1:8200"),
    VaultSettings("https://localhost:8200"),
    VaultSettings("https://vault.acme.example:8200", nodes=("https://127.0.0.1:9200",)),
    VaultSettings("http://vault.acme.example:8200", allow_plaintext=True),
)
NO_ADDRESS: tuple[object, ...] = (
    "",
    "n1.acme.example:8200",
    "ftp://n1.acme.example",
    "file:///etc/passwd",
    "unix:///run/vault.sock",
    None,
    7,
    True,
    [],
    {},
    ["https://n1.acme.example"],
)


@pytest.mark.parametrize(
    ("named", "followed_by"),
    [
        ("https://n1.acme.example:8200", (LOCAL, LOCAL_TLS, REMOTE, CLEAR)),
        ("https://10.0.0.7:8200", (LOCAL, LOCAL_TLS, REMOTE, CLEAR)),
        ("https://[2001:db8::7]:8200/", (LOCAL, LOCAL_TLS, REMOTE, CLEAR)),
        ("http://n1.acme.example:8200", (CLEAR,)),
        ("http://127.0.0.1:8202", (LOCAL,)),
        ("http://[::1]:8202", (LOCAL,)),
        ("http://localhost:8202", (LOCAL,)),
        ("https://127.0.0.1:8202", (LOCAL, LOCAL_TLS)),
        ("https://127.0.0.1:9200", (LOCAL, LOCAL_TLS, REMOTE)),  # the operator names it
        *(
            (f"{scheme}://{host}", ())
            for scheme in ("http", "https")
            for host in (
                *(
                    "169.254.169.254",
                    "169.254.1.1:8200",
                    "[fe80::1]:8200",
                    "[fd00:ec2::254]",
                    "metadata.google.internal",
                    "METADATA.google.internal.",
                    "100.100.100.200",
                ),
                *(
                    "0.0.0.0:8200",
                    "[::]:8200",
                    "[::ffff:127.0.0.1]:8200",
                    "[::ffff:169.254.169.254]",
                    "224.0.0.1",
                    "255.255.255.255",
                ),
                *(
                    "2130706433:8200",
                    "0x7f000001",
                    "0x7f.1",
                    "127.1:8200",
                    "0177.0.0.1",
                    "017700000001",
                    "2852039166",
                    "0",
                ),
                *(
                    "foo.localhost:8200",
                    "localhost.localdomain",
                    "ip6-localhost",
                    "u:p@n1.acme.example",
                    "n1.acme.example:99999",
                    "n1.acme.example:0",
                    "n1:x",
                    "[::1",
                ),
                *(
                    "n1.acme.example/v1/../x",
                    "n1.acme.example?x=1",
                    "n1.acme.example#x",
                    "evil.example\\\\@n1.acme.example",
                    "n1 .example",
                    "n1\n.example",
                    "\uff11\uff12\uff17.0.0.1",
                ),
                *("", "/", "%31%32%37.0.0.1"),
            )
        ),
        *((odd, ()) for odd in NO_ADDRESS),
    ],
)
def test_a_token_follows_a_server_only_where_the_operator_would_have_sent_it(
    named: object, followed_by: tuple[VaultSettings, ...]
) -> None:
    assert [settings.address for settings in (LOCAL, LOCAL_TLS, REMOTE, CLEAR) if settings.follows(named)] == [
        settings.address for settings in followed_by
    ]
