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


def tenant(text: str = "", name: str = 'name = "acme"') -> str:
    return f"[[tenant]]\n{name}\n{text}\n"


def aws(text: str) -> str:
    return tenant(f"[[tenant.aws]]\n{text}")


def policy(text: str) -> str:
    return tenant(f"[tenant.policy]\n{text}")


def excepting(**changed: str | None) -> str:
    usual: dict[str, str | None] = {
        "control": '"aws.ebs.volume-encrypted"',
        "resource": '"*"',
        "until": "2027-01-31",
        "reason": '"r"',
        "approved_by": '"j.doe"',
    }
    lines = "\n".join(f"{key} = {value}" for key, value in (usual | changed).items() if value is not None)
    return tenant(f"[[tenant.policy.exception]]\n{lines}")


SECRET = "refused, no secret ever stands in this file; use a profile, a role_arn or the environment"
SECRET_OF_VAULT = (
    "refused, no secret ever stands in this file; use token_env, token_file, secret_id_env, secret_id_file, jwt_env or"
    " jwt_file"
)
IN_FILE, IN_TENANT, IN_POLL = (
    "allowed here: poll, tenant",
    "allowed here: aws, azure, gcp, name, policy, tls, vault",
    "allowed here: cold, live, warm",
)
IN_AWS = (
    "allowed here: allow_plaintext, endpoint_url, external_id, inventory, object_sample, profile, regions,"
    " role_arn, tag"
)
IN_POLICY = (
    "allowed here: exception, key_accounts, keys, mfa, overrides, regulated, required_keys, rotation_max_days, strict,"
    " tls, vault"
)
IN_EXCEPTION = "allowed here: approved_by, control, reason, resource, until"
MODES = "allowed here: provider-managed, customer-managed, either, double"
LIST_OF_TABLES = "expected a list of tables; its header stands in double brackets, [[...]]"
NO_DURATION = "is not a duration; write a number and s, m, h or d, as in 60s or 15m"
NO_REGION = 'is not a region name (us-east-1); "all" stands alone, without brackets'
NO_URL = "is not an http or https URL, as in https://HOST:PORT"

WRONG: list[tuple[str, str]] = [
    # unknown keys, at every level
    ("pol = 1", f"pol: unknown key, did you mean poll?; {IN_FILE}"),
    ('"new\\nline" = 1', f"new\\nline: unknown key; {IN_FILE}"),
    ('[poll]\nwarn = "1m"\n' + tenant(), f"poll.warn: unknown key, did you mean warm?; {IN_POLL}"),
    (tenant("azur = 1"), f"tenant[0].azur: unknown key, did you mean azure?; {IN_TENANT}"),
    (tenant() + tenant("polic = 1", 'name = "b"'), f"tenant[1].polic: unknown key, did you mean policy?; {IN_TENANT}"),
    (aws('region = "us-east-1"'), f"tenant[0].aws[0].region: unknown key, did you mean regions?; {IN_AWS}"),
    (aws('endpoint = "https://x"'), f"tenant[0].aws[0].endpoint: unknown key, did you mean endpoint_url?; {IN_AWS}"),
    (policy('key = "either"'), f"tenant[0].policy.key: unknown key, did you mean keys?; {IN_POLICY}"),
    (policy("exceptions = []"), f"tenant[0].policy.exceptions: unknown key, did you mean exception?; {IN_POLICY}"),
    (
        excepting(aproved_by='"x"'),
        f"tenant[0].policy.exception[0].aproved_by: unknown key, did you mean approved_by?; {IN_EXCEPTION}",
    ),
    # missing, twice, none
    (
        "",
        (
            "tenant: there is none; write [[tenant]] with a name and at least one of "
            "[[tenant.aws]], [[tenant.azure]], [[tenant.gcp]], [[tenant.tls]], [[tenant.vault]]"
        ),
    ),
    (tenant(name=""), "tenant[0].name: is missing"),
    (tenant() + tenant(), "tenant: the name 'acme' is used twice"),
    (excepting(until=None), "tenant[0].policy.exception[0].until: is missing"),
    (excepting(reason=None), "tenant[0].policy.exception[0].reason: is missing"),
    # wrong types
    ('tenant = "acme"', "tenant: expected a list, got text in quotes"),
    ("tenant = [1]", "tenant[0]: expected a table, got a whole number"),
    ('[tenant]\nname = "acme"', f"tenant: {LIST_OF_TABLES}"),
    (tenant("[tenant.aws]"), f"tenant[0].aws: {LIST_OF_TABLES}"),
    (tenant("[tenant.policy.exception]"), f"tenant[0].policy.exception: {LIST_OF_TABLES}"),
    (tenant("policy = []"), "tenant[0].policy: expected a table, got a list"),
    (tenant(name="name = 1"), "tenant[0].name: expected text in quotes, got a whole number"),
    (aws("profile = true"), "tenant[0].aws[0].profile: expected text in quotes, got true or false"),
    (aws('allow_plaintext = "yes"'), "tenant[0].aws[0].allow_plaintext: expected true or false, got text in quotes"),
    (aws("object_sample = 1.5"), "tenant[0].aws[0].object_sample: expected a whole number, got a number"),
    ("poll = 60", "poll: expected a table, got a whole number"),
    # names
    (
        tenant(name='name = ""'),
        (
            "tenant[0].name: '' is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
            " unassigned"
        ),
    ),
    (
        tenant(name='name = "a+b"'),
        (
            "tenant[0].name: 'a+b' is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
            " unassigned"
        ),
    ),
    (
        tenant(name='name = "unassigned"'),
        (
            "tenant[0].name: 'unassigned' is not a tenant's name; letters, digits, dots, dashes and underscores are,"
            " except unassigned"
        ),
    ),
    # secrets, in any place
    (aws('access_key_id = "x"'), f"tenant[0].aws[0].access_key_id: {SECRET}"),
    (aws('secret_access_key = "x"'), f"tenant[0].aws[0].secret_access_key: {SECRET}"),
    (aws('Aws-Session-Token = "x"'), f"tenant[0].aws[0].Aws-Session-Token: {SECRET}"),
    ('password = "x"', f"password: {SECRET}"),
    (tenant('[tenant.vault]\ntoken = "x"'), f"tenant[0].vault.token: {SECRET_OF_VAULT}"),
    (tenant('[[tenant.vault]]\nsecret_id = "x"'), f"tenant[0].vault[0].secret_id: {SECRET_OF_VAULT}"),
    (
        tenant('[[tenant.gcp]]\nprivate_key = "x"'),
        (
            f"tenant[0].gcp[0].private_key: {SECRET.partition(';')[0]}; use credentials, the path of a file, or the"
            " environment"
        ),
    ),
    # addresses that cannot be read, in every room
    *(
        (
            tenant(f'[[tenant.{room}]]\n{key} = "{url}"{more}'),
            f"tenant[0].{room}[0].{key}: {url!r} is not an http or https URL, as in https://{example}",
        )
        for room, key, more, example in (
            ("vault", "address", "", "vault.acme.example:8200"),
            ("azure", "endpoint", "", "HOST:PORT"),
            ("gcp", "endpoint", '\nproject = "acme-prod"', "HOST:PORT"),
        )
        for url in ("http://127.0.0.1:99999", "https://h:x", "https://h:0", "http://[::1", "HTTPS://[h]x:1")
    ),
    (
        tenant('[[tenant.vault]]\naddress = "https://v"\nnodes = ["https://n:-1"]'),
        "tenant[0].vault[0].nodes: 'https://n:-1' is not an http or https URL, as in https://vault.acme.example:8200",
    ),
    (policy('secret = "x"'), f"tenant[0].policy.secret: {SECRET}"),
    (tenant() + tenant('[[tenant.aws]]\nclient_secret = "x"'), f"tenant[1].aws[0].client_secret: {SECRET}"),
    (aws('profile = "AKIAIOSFODNN7EXAMPLE"'), f"tenant[0].aws[0].profile: this value is a credential: {SECRET}"),
    (
        aws('regions = ["hvs.CAESIJ0123456789abcdefgh"]'),
        f"tenant[0].aws[0].regions[0]: this value is a credential: {SECRET}",
    ),
    (
        aws('endpoint_url = "https://me:hidden@h"'),
        "tenant[0].aws[0].endpoint_url: carries a name or password; no secret ever stands in this file",
    ),
    (
        aws('endpoint_url = "ftp://me:hidden@h"'),
        "tenant[0].aws[0].endpoint_url: carries a name or password; no secret ever stands in this file",
    ),
    # endpoints
    (
        aws('endpoint_url = "http://aws.example:5000"'),
        (
            "tenant[0].aws[0].endpoint_url: plain http to aws.example is refused; use https, or allow_plaintext = true"
            " beside it"
        ),
    ),
    (
        aws('endpoint_url = "http://localhost.example"'),
        (
            "tenant[0].aws[0].endpoint_url: plain http to localhost.example is refused; use https, or allow_plaintext ="
            " true beside it"
        ),
    ),
    (aws('endpoint_url = "ftp://127.0.0.1"'), f"tenant[0].aws[0].endpoint_url: 'ftp://127.0.0.1' {NO_URL}"),
    (aws('endpoint_url = "127.0.0.1:5000"'), f"tenant[0].aws[0].endpoint_url: '127.0.0.1:5000' {NO_URL}"),
    (aws('endpoint_url = ""'), f"tenant[0].aws[0].endpoint_url: '' {NO_URL}"),
    (aws('endpoint_url = "http://[::1"'), f"tenant[0].aws[0].endpoint_url: 'http://[::1' {NO_URL}"),
    (
        aws('endpoint_url = "http://localhost:99999"'),
        f"tenant[0].aws[0].endpoint_url: 'http://localhost:99999' {NO_URL}",
    ),
    # profiles, roles, tags
    (
        aws('profile = "acme-prd"'),
        (
            "tenant[0].aws[0].profile: no profile 'acme-prd' in the AWS configuration, did you mean acme-prod?;"
            " there are acme-prod, acme-test, default, with space"
        ),
    ),
    (aws('profile = ""'), "tenant[0].aws[0].profile: is empty; leave it out for the default chain"),
    (
        aws('role_arn = "admin"'),
        "tenant[0].aws[0].role_arn: 'admin' is not a role's ARN (arn:aws:iam::111122223333:role/NAME)",
    ),
    (aws('external_id = "x"'), "tenant[0].aws[0].external_id: goes with role_arn"),
    (aws('tag = "tenant"'), "tenant[0].aws[0].tag: 'tenant' is not KEY=VALUE, as in \"tenant=acme\""),
    (aws("object_sample = -1"), "tenant[0].aws[0].object_sample: -1 is not between 0 and 100"),
    (
        aws("") + tenant("[[tenant.aws]]", 'name = "beta"'),
        'tenant.aws: acme and beta name the same account; give each a tag of its own, as in tag = "tenant=acme"',
    ),
    # regions
    (
        aws('regions = "us-east-1"'),
        "tenant[0].aws[0].regions: 'us-east-1' is not allowed; allowed here: all, or a list of names",
    ),
    (aws('regions = ["all"]'), f"tenant[0].aws[0].regions: 'all' {NO_REGION}"),
    (aws('regions = ["us-east-1a"]'), f"tenant[0].aws[0].regions: 'us-east-1a' {NO_REGION}"),
    (
        aws("regions = []"),
        'tenant[0].aws[0].regions: is empty; name at least one, write "all", or leave it out for the profile\'s own',
    ),
    (aws("regions = 1"), "tenant[0].aws[0].regions: expected text in quotes or a list, got a whole number"),
    (aws('regions = ["us-east-1", 2]'), "tenant[0].aws[0].regions[1]: expected text in quotes, got a whole number"),
    # durations
    ("[poll]\nlive = 60\n" + tenant(), "poll.live: expected text in quotes, got a whole number"),
    ('[poll]\nlive = "60"\n' + tenant(), f"poll.live: '60' {NO_DURATION}"),
    ('[poll]\ncold = "1 fortnight"\n' + tenant(), f"poll.cold: '1 fortnight' {NO_DURATION}"),
    ('[poll]\nwarm = "-5m"\n' + tenant(), f"poll.warm: '-5m' {NO_DURATION}"),
    ('[poll]\nlive = "0.5s"\n' + tenant(), "poll.live: '0.5s' is shorter than 1s"),
    # policy
    (
        policy('keys = "provider-manged"'),
        f"tenant[0].policy.keys: 'provider-manged' is not allowed, did you mean provider-managed?; {MODES}",
    ),
    (policy('mfa = "maybe"'), "tenant[0].policy.mfa: 'maybe' is not allowed; allowed here: supported, required"),
    (policy("rotation_max_days = 0"), "tenant[0].policy.rotation_max_days: expected a whole number >= 1"),
    (
        policy('overrides = { "aws.s3" = "mine" }'),
        f"tenant[0].policy.overrides.\"aws.s3\": 'mine' is not allowed; {MODES}",
    ),
    (
        policy('overrides = { "aws.s3" = 1 }'),
        'tenant[0].policy.overrides."aws.s3": expected text in quotes, got a whole number',
    ),
    (
        policy('overrides = { "aws.s3.*" = "either" }'),
        (
            "tenant[0].policy.overrides: 'aws.s3.*' is not a control; write its id, or the beginning of ids up to a"
            " dot, as in aws.s3"
        ),
    ),
    (
        policy('overrides = { "aws.s4" = "either" }'),
        "tenant[0].policy.overrides: no control 'aws.s4', did you mean aws.s3?; `enctop controls` lists them",
    ),
    # exceptions
    (excepting(until='"soon"'), "tenant[0].policy.exception[0].until: 'soon' is not a date; write it as 2027-01-31"),
    (
        excepting(until="2027-01-31T10:00:00Z"),
        "tenant[0].policy.exception[0].until: expected a date, got a date with a time; write it as 2027-01-31",
    ),
    (
        excepting(until="10:00:00"),
        "tenant[0].policy.exception[0].until: expected a date, got a time; write it as 2027-01-31",
    ),
    (
        excepting(control='"aws.ebs.volume-encryptd"'),
        (
            "tenant[0].policy.exception[0].control: no control 'aws.ebs.volume-encryptd', did you mean"
            " aws.ebs.volume-encrypted?; `enctop controls` lists them"
        ),
    ),
    (
        excepting(control='"aws.ebs.volume"'),
        (
            "tenant[0].policy.exception[0].control: no control 'aws.ebs.volume', did you mean"
            " aws.ebs.volume-encrypted?; `enctop controls` lists them"
        ),
    ),
    (
        excepting(control='"*"'),
        (
            "tenant[0].policy.exception[0].control: '*' is not a control; write its id, or the beginning of ids up to a"
            " dot, as in aws.s3"
        ),
    ),
    (
        excepting(resource='""'),
        (
            "tenant[0].policy.exception[0].resource: is empty; write a resource's id, or a glob such as"
            " arn:aws:s3:::scratch-*"
        ),
    ),
    (
        aws('regions = ["us-east-1"]') + tenant('[[tenant.aws]]\nregions = ["eu-west-1"]', 'name = "beta"'),
        "tenant.aws: acme and beta reach one account with different regions; name its regions in one block",
    ),
]


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
    (only,) = config.tenant
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
    acme, other = load(Path("conf/enctop.toml")).tenant
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
