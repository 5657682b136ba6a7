"""The printed policy grants what it says and nothing beside, whatever somebody named a mount."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import pytest

from providers.demo.vault.server import Bao
from providers.vault.calls import ACCESSOR, CALLS, Call, plain
from providers.vault.policy import policy
from providers.vault.source import Mount
from tests.tui.test_vault_cli import run
from tests.world.vault import configured

HOSTILE = (
    'x" { capabilities = ["sudo"] } path "*" { capabilities = ["create", "read", "update", "list", "sudo"] } path "y',
    *(
        "+",
        "*",
        "deep/+",
        "deep/*",
        "sec*",
        "+ret",
        "a b",
        "a{b",
        "a}b",
        "{{identity.entity.id}}",
        "a\\",
        "a$b",
        "${a}",
        "a#b",
        "a/*b",
        "a%2Fb",
        "it's",
        "a<b",
    ),
)
"""Names that a server takes for a mount."""
HONEST = ("transit", "deep/keys", "gr\u00f6\u00dfe", "a..b", "v1.2_x-y@z")
LINE = re.compile(r'path "([^"]+)" \{ capabilities = \[((?:"[a-z]+"(?:, )?)+)\] \}')


def granted(text: str) -> dict[str, set[str]]:
    """Path of each line -> its capabilities; every other line is a comment."""
    found: dict[str, set[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            match = LINE.fullmatch(line)
            assert match, line
            found[match[1]] = set(re.findall(r"[a-z]+", match[2]))
    return found


def says(lines: dict[str, set[str]], path: str) -> set[str]:
    """What the lines say of a path: `+` is one step, `*` at the end is the rest; no two of ours that fit differ."""
    fitting = [
        words
        for line, words in lines.items()
        if re.fullmatch(re.escape(line).replace(r"\+", "[^/]+").replace(r"\*", ".*"), path)
    ]
    return set().union(*fitting) if fitting else {"deny"}


def _asked(lines: Mapping[str, set[str]], namespaces: Sequence[str]) -> list[str]:
    """Paths that the policy names, and as many that it must not reach."""
    return sorted(
        {
            *(line.replace("+", "name").replace("*", "rest") for line in lines),
            *(
                "secret/keys/canary",
                "secret/data/x",
                "secret",
                "sys/seal",
                "sys/policies/acl/printed",
                "sys/raw/x",
                "auth/token/create",
                "auth/token/root",
            ),
            *(
                f"{path}/{rest}"
                for path in (*HOSTILE, *HONEST, 'x"', "y")
                for rest in ("keys", "keys/", "keys/a", "keys/a/b", "export/a", "encrypt/a")
            ),
            *(f"sys/mounts/{path}/tune" for path in (*HOSTILE, *HONEST, "secret", "new")),
            *(f"{name}/{path}/keys/a" for name in namespaces for path in ("transit", "+", 'q" {}', "secret", "other")),
            *(f"{name}/sys/mounts" for name in namespaces),
            *(
                "anything",
                "auth/u+/users",
                "auth/u+/users/a",
                "auth/ux/users/a",
                "identity/entity/id",
                "team-a/sys/namespaces/x",
                "transit/keys/a/rotate",
            ),
        }
    )


def test_a_token_made_from_the_printed_policy_may_do_just_what_it_says(bao: Bao, tmp_path: object) -> None:
    namespaces = ["team-a", 'n"s', "{n}"]
    for name in namespaces:
        bao.call("POST", f"sys/namespaces/{quote(name)}", {})
    bao.call("POST", "sys/mounts/secret", {"type": "kv"})
    bao.call("POST", "secret/keys/canary", {"value": "1"})
    for path in (*HOSTILE, *HONEST):
        bao.call("POST", f"sys/mounts/{quote(path)}", {"type": "transit"})
    bao.call("POST", f"sys/auth/{quote('u+')}", {"type": "userpass"})
    for name in namespaces:
        for path in ("transit", "+", 'q" {}'):
            bao.call("POST", f"sys/mounts/{quote(path)}", {"type": "transit"}, namespace=name)
    code, text = run(tmp_path, configured(bao.url), "policy", "vault")  # type: ignore[arg-type]
    lines = granted(text)
    assert code == 0
    assert lines["transit/keys/+"] == {"read"}
    assert lines["team-a/transit/keys/+"] == {"read"}
    assert not [line for line in lines if line.split("/")[0] == "+" or line == "*"]
    for path in (*HOSTILE, *namespaces[1:]):
        assert [line for line in text.splitlines() if line.startswith("# Left out") and path in line], (
            f"{path} is named"
        )
    bao.call("PUT", "sys/policies/acl/printed", {"policy": text})
    token = bao.call("POST", "auth/token/create-orphan", {"policies": ["printed"], "no_default_policy": True})["auth"][
        "client_token"
    ]
    asked = _asked(lines, namespaces)
    answer = bao.call("POST", "sys/capabilities", {"token": token, "paths": asked})
    assert {path: set(answer[path]) for path in asked} == {path: says(lines, path) for path in asked}


@pytest.mark.parametrize(
    "path",
    [
        "a\nb",
        "a\r\npath",
        "a\u2028b",
        "a\u2029b",
        "a\x85b",
        "a\x1b[2J",
        "a\x00b",
        "\u202eb",
        "a\x7f",
        "a/../b",
        "a/./b",
        "/a",
        "a//b",
        "a\tb",
        "",
        " ",
    ],
)
def test_what_no_server_should_name_ends_no_comment_and_no_line(path: str) -> None:
    text = policy([Mount("", f"{path}/", "transit", "x"), Mount(path, "transit/", "transit", "y")], ("", path))
    assert not [
        line
        for line in re.split(r"[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", text)
        if line and not line.startswith("#") and not LINE.fullmatch(line)
    ]
    assert text.replace("\n", "").isprintable()
    assert not plain(f"{path}/")


@pytest.mark.parametrize("call", CALLS.values(), ids=lambda call: call.operation)
def test_the_line_that_mends_a_denial_holds_no_name_that_means_more(call: Call) -> None:
    for path in HOSTILE:
        assert call.line(f"{path}/keys") == call.line(call.path)
    assert ACCESSOR.line("team-a/x") == 'path "team-a/x" { capabilities = ["create", "update"] }'
