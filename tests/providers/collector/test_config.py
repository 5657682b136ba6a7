"""The configuration: what a file may say, and the one line that a person gets for whatever is wrong in it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import certifi
import msgspec
import pytest

from posture.fault import ConfigError
from posture.policy import KeyMode
from providers.aws.settings import AwsSettings, aws_profiles
from providers.collector.config import Config, ambient, find, load, parse
from providers.collector.durations import seconds
from providers.paths import settled
from tests.providers.collector.wrong_config import WRONG, aws, excepting, policy, tenant

EXAMPLE = """
[poll]                       # optional; these are the defaults
live = "60s"
warm = "15m"
cold = "6h"

[[tenant]]
name = "acme"

  [[tenant.aws]]
  profile = "acme-prod"               # or role_arn (+ external_id), or neither: the default chain
  regions = ["us-east-1", "eu-west-1"]  # or "all" (the enabled ones); default: the profile's region
  endpoint_url = "http://127.0.0.1:5000"  # optional, any AWS-compatible endpoint; AWS_ENDPOINT_URL works too

  [tenant.policy]
  keys = "provider-managed"           # provider-managed | customer-managed | either | double
  strict = true
  mfa = "supported"                   # supported | required
  [[tenant.policy.exception]]
  control = "aws.ebs.volume-encrypted"
  resource = "arn:aws:ec2:us-east-1:111122223333:volume/vol-0abc"
  until = 2027-01-31
  reason = "scratch volume, no tenant data"
  approved_by = "j.doe"
"""


@pytest.fixture(autouse=True)
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The AWS configuration of this machine: two profiles, a session and a service."""
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "config").write_text(
        '[default]\nregion = us-east-1\n[profile acme-prod]\n[profile "with space"]\n[sso-session corp]\n[services'
        " local]\n[no-profile]\n"
    )
    (folder / "credentials").write_text("[acme-test]\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    return folder


@pytest.mark.parametrize(("text", "says"), WRONG, ids=[says.partition(";")[0][:70] for _, says in WRONG])
def test_each_mistake_has_its_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert str(caught.value) == f"{file}: {says}"
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "where"), [("[[tenant]\n", "at line 1"), ("x = 1\nname acme", "at line 2"), ("a = 1\na = 2", "")]
)
def test_what_is_not_toml_is_told_with_its_line(text: str, where: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "enctop.toml")
    assert str(caught.value).startswith("enctop.toml: not TOML: ")
    assert where in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    def said(path: Path) -> str:
        with pytest.raises(ConfigError) as caught:
            load(path)
        return str(caught.value)

    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    (tmp_path / "mine.toml").touch(0o000)
    assert said(tmp_path / "latin.toml") == f"{tmp_path}/latin.toml: cannot be read: not UTF-8"
    assert said(tmp_path) == f"{tmp_path}: cannot be read: Is a directory"
    assert said(tmp_path / "none.toml") == f"{tmp_path}/none.toml: cannot be read: No such file or directory"
    assert said(tmp_path / "loop.toml") == f"{tmp_path}/loop.toml: cannot be read: Too many levels of symbolic links"
    assert said(Path("/proc/self/mem")) == "/proc/self/mem: cannot be read: Input/output error"  # not even root
    if os.geteuid() != 0:
        assert said(tmp_path / "mine.toml") == f"{tmp_path}/mine.toml: cannot be read: Permission denied"


def test_the_file_that_is_named_is_taken_or_missed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: no such file"):
        find(tmp_path / "none.toml")
    assert find(tmp_path) == (tmp_path, None)  # told when it is read


def test_without_a_name_the_users_file_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert find(None) is None
    (tmp_path / "home/enctop").mkdir(parents=True)
    (tmp_path / "home/enctop/enctop.toml").write_text(tenant())
    assert find(None) == (tmp_path / "home/enctop/enctop.toml", None)


# ---------------------------------------------------------------- what is allowed


def test_the_example_of_the_interface_loads() -> None:
    config = parse(EXAMPLE, "enctop.toml")
    tenants: tuple[Any, ...] = config.tenant  # its blocks are declared by the systems
    (only,) = tenants
    assert (only.name, only.aws[0].profile, only.aws[0].regions) == ("acme", "acme-prod", ("us-east-1", "eu-west-1"))
    assert only.policy.mode("aws.s3.default-encryption") is KeyMode.PROVIDER_MANAGED
    assert str(only.policy.exception[0].until) == "2027-01-31"
    cadence = config.poll.cadence()
    assert (cadence.live, cadence.warm, cadence.cold) == (60.0, 900.0, 21600.0)


@pytest.mark.parametrize(
    "text",
    [
        aws('endpoint_url = "http://127.0.0.1:5000"'),
        aws('endpoint_url = "http://127.0.0.2"'),
        aws('endpoint_url = "http://[::1]:5000"'),
        aws('endpoint_url = "http://localhost:5000/path"'),
        aws('endpoint_url = "http://LOCALHOST"'),
        aws('endpoint_url = "http://aws.example"\nallow_plaintext = true'),
        aws('endpoint_url = "https://aws.example"'),
        aws('regions = "all"'),
        aws('regions = ["us-gov-west-1", "eusc-de-east-1", "cn-north-1", "ap-southeast-7"]'),
        aws('profile = "with space"'),
        aws('profile = "acme-test"'),
        aws('profile = "default"'),
        aws('role_arn = "arn:aws-us-gov:iam::111122223333:role/path/x"\nexternal_id = "x"'),
        aws('tag = "tenant=acme"') + tenant('[[tenant.aws]]\ntag = "tenant=beta"', 'name = "beta"'),
        tenant() + tenant(name='name = "B_2.x-y"'),
        excepting(control='"aws"', approved_by=None),
        excepting(until='"2027-01-31"'),
        policy('overrides = { "aws.s3" = "either", "aws.kms.rotation" = "double" }'),
        "\ufeff" + tenant(),
        tenant().replace("\n", "\r\n"),
    ],
)
def test_this_is_allowed(tmp_path: Path, text: str) -> None:
    file = tmp_path / "enctop.toml"
    file.write_bytes(text.encode())
    assert load(file).tenant


def test_profiles_are_those_the_sdk_would_find(profiles: Path) -> None:
    assert aws_profiles() == {"default", "acme-prod", "acme-test", "with space"}
    (profiles / "config").write_text("not an INI file")
    assert aws_profiles() == {"acme-test"}


def test_a_control_is_looked_up_only_where_a_policy_names_one() -> None:
    code = """
import sys
from providers.collector.config import parse
parse('[[tenant]]\\nname = "a"', "x")
print("posture.controls.registry" in sys.modules, "boto3" in sys.modules, "textual" in sys.modules)
"""
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "False False False\n"
    )


def test_only_the_tenants_that_are_named_are_left() -> None:
    config = parse(aws("") + tenant("[[tenant.azure]]", 'name = "beta"') + tenant(name='name = "bare"'), "x")
    assert [one.name for one in config.only(["beta"]).tenant] == ["beta"]
    assert config.only([]) == config
    with pytest.raises(ConfigError) as caught:
        config.only(["acmee"])
    assert str(caught.value) == "--tenant acmee: no such tenant, did you mean acme?; there are acme, beta, bare"
    with pytest.raises(
        ConfigError, match=r"nothing to ask about bare; add at least one of \[\[tenant.aws\]\], \[\[tenant.azure\]\]"
    ):
        config.only(["bare"])
    with pytest.raises(ConfigError, match="there are none"):
        Config().only(["x"])


def test_who_shares_an_account_with_the_tenants_that_are_named_stays_and_is_not_shown() -> None:
    blocks = {"acme": "acme-prod", "beta": "acme-prod", "gamma": "acme-test"}
    text = "".join(
        f'[[tenant]]\nname = "{name}"\n[[tenant.aws]]\nprofile = "{way}"\ntag = "tenant={name}"\n'
        for name, way in blocks.items()
    )
    config = parse(text, "x")
    assert [one.name for one in config.only(["beta"]).tenant] == ["acme", "beta"]
    assert config.only(["beta"]).narrowed("status:fail", ["beta"]) == "tenant:beta status:fail"
    assert config.only(["gamma"]).narrowed("", ["gamma"]) == ""
    assert config.narrowed("status:fail", []) == "status:fail"


def test_without_a_file_there_is_one_tenant_of_the_credentials_that_are_there() -> None:
    found = ambient()
    assert [one.name for one in found.tenant] == ["default"]
    assert [(block.tenant, block.settings) for block in found.blocks("aws")] == [("default", AwsSettings())]


@pytest.mark.parametrize(
    ("text", "is_"), [("60s", 60), ("15m", 900), ("6h", 21600), ("1d", 86400), (" 1.5 m ", 90), ("0s", 0)]
)
def test_durations(text: str, is_: float) -> None:
    assert seconds(text) == is_


# ---------------------------------------------------------------- files that are named


def _settings(shape: Any, where: str = "") -> Iterator[tuple[str, Any]]:
    for option in (shape, *get_args(shape)):
        for field in msgspec.structs.fields(option) if hasattr(option, "__struct_fields__") else ():
            yield f"{where}{field.name}", field.type
            yield from _settings(field.type, f"{where}{field.name}.")


JUNK = (b"", b"-----BEGIN CERTIFICATE-----\nAA", b"\xff\x00")
FILES = {where: type_ for where, type_ in _settings(Config) if where.endswith(("_file", ".credentials"))}


@pytest.mark.parametrize(("where", "type_"), FILES.items(), ids=list(FILES))
def test_a_setting_that_names_a_file_says_so_by_its_type(where: str, type_: Any, tmp_path: Path) -> None:
    home = str(Path.home())
    assert settled("a/b.pem", type_, tmp_path) == f"{tmp_path}/a/b.pem"
    assert settled("~/b.pem", type_, tmp_path) == f"{home}/b.pem"
    assert settled("/b.pem", type_, tmp_path) == "/b.pem"


def test_a_file_is_sought_beside_the_file_that_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf"
    folder.mkdir()
    (folder / "sa.json").write_text("{}")
    (folder / "ca.pem").write_bytes(Path(certifi.where()).read_bytes())
    (folder / "enctop.toml").write_text(
        tenant(
            '[[tenant.vault]]\naddress = "https://v"\ntoken_file = "t/token"\nca_file = "ca.pem"\n'
            '[[tenant.gcp]]\nproject = "acme-prod"\ncredentials = "sa.json"'
        )
        + tenant(
            '[[tenant.gcp]]\nproject = "other-prod"\n[[tenant.tls]]\nendpoints = ["a.example"]\nca_file ='
            ' "../conf/ca.pem"',
            'name = "b"',
        )
    )
    monkeypatch.chdir(tmp_path)
    tenants: tuple[Any, ...] = load(Path("conf/enctop.toml")).tenant
    acme, other = tenants
    assert (acme.vault[0].token_file, acme.vault[0].ca_file) == (f"{folder}/t/token", f"{folder}/ca.pem")
    assert (acme.gcp[0].credentials, other.gcp[0].credentials) == (f"{folder}/sa.json", "default")
    assert other.tls[0].ca_file == f"{folder}/../conf/ca.pem"


@pytest.mark.parametrize(
    "room", ['[[tenant.vault]]\naddress = "https://v"', "[[tenant.azure]]", '[[tenant.tls]]\nendpoints = ["a.example"]']
)
@pytest.mark.parametrize(
    ("content", "says"), [(None, "no such file"), *((junk, "holds no certificate") for junk in JUNK)]
)
def test_a_file_of_roots_that_holds_none_is_one_line(
    tmp_path: Path, room: str, content: bytes | None, says: str
) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_bytes(content)
    (tmp_path / "enctop.toml").write_text(tenant(f'{room}\nca_file = "ca.pem"'))
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "enctop.toml")
    assert f"[0].ca_file: {tmp_path}/ca.pem: {says}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_home_that_is_nobodys_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "enctop.toml").write_text(
        tenant('[[tenant.tls]]\nendpoints = ["a.example"]\nca_file = "~nobody-of-that-name/ca.pem"')
    )
    with pytest.raises(ConfigError, match=r"~nobody-of-that-name/ca\.pem: no such file"):
        load(tmp_path / "enctop.toml")


@pytest.mark.parametrize("words", [["check"], ["snapshot"], ["snapshot", "--require-complete"]])
def test_a_tenant_of_which_nothing_is_asked_ends_in_one_line_that_says_what_to_add(
    tmp_path: Path, words: list[str]
) -> None:
    file = tmp_path / "enctop.toml"
    file.write_text(tenant())
    done = subprocess.run(
        [sys.executable, "-m", "tui.cli.main", *words, "--config", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "nothing to ask about acme; add at least one of [[tenant.aws]]" in done.stderr
