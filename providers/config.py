"""The configuration file: strict, and with one clear line for whatever is wrong in it."""

import configparser
import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from posture.fault import ConfigError
from posture.policy import Policy
from providers.aws.settings import AwsSettings
from providers.cadence import Cadence
from providers.durations import seconds
from providers.gcp.settings import GcpSettings, TwoStep, ambient, shared_badly

SECRETS = (
    "access_key_id",
    "secret_access_key",
    "session_token",
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "password",
    "secret",
    "token",
)
SHORTEST = 1.0
"""A shorter cadence than this many seconds only hurts the provider."""


class Poll(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[poll]`: the cadences, as durations."""

    live: str = "60s"
    warm: str = "15m"
    cold: str = "6h"

    def __post_init__(self) -> None:
        for name in ("live", "warm", "cold"):
            try:
                value = seconds(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
            if value < SHORTEST:
                raise ValueError(f"{name}: {getattr(self, name)!r} is shorter than {SHORTEST:g}s")

    def cadence(self) -> Cadence:
        """In seconds."""
        return Cadence(seconds(self.live), seconds(self.warm), seconds(self.cold))


class Tenant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[[tenant]]`: one customer's deployment and what it is meant to have."""

    name: str
    aws: tuple[AwsSettings, ...] = ()
    gcp: tuple[GcpSettings, ...] = ()
    policy: Policy = msgspec.field(default_factory=Policy)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name) or self.name == "unassigned":
            raise ValueError(f"name: {self.name!r} is not a tenant's name; letters, digits, dots, dashes and underscores are, except unassigned")


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `simulated` and `ambient` are never written in it: the demo, and credentials that were simply there."""

    tenant: tuple[Tenant, ...] = ()
    poll: Poll = msgspec.field(default_factory=Poll)

    def only(self, names: Sequence[str]) -> "Config":
        """The configuration of these tenants; all of them for none. Raises `ConfigError`."""
        known = [tenant.name for tenant in self.tenant]
        for name in names:
            if name not in known:
                raise ConfigError(f"--tenant {name}: no such tenant{_nearest(name, known)}; there are {', '.join(known) or 'none'}")
        return msgspec.structs.replace(self, tenant=tuple(tenant for tenant in self.tenant if not names or tenant.name in names))

    @property
    def aws(self) -> list[tuple[str, AwsSettings]]:
        """Every way into AWS, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.aws]

    @property
    def gcp(self) -> list[tuple[str, GcpSettings]]:
        """Every Google Cloud project, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.gcp]


AMBIENT = Config(tenant=(Tenant("default", aws=(AwsSettings(),), gcp=ambient()),))
"""Without a file: one tenant, from the credentials that are there."""


def find(explicit: Path | None) -> Path | None:
    """The file to read: `--config`, else ./enctop.toml, else the user's; None where there is none. Raises `ConfigError`."""
    if explicit is not None:
        if not explicit.is_file():
            raise ConfigError(f"{explicit}: no such file")
        return explicit
    from platformdirs import user_config_path

    return next((path for path in (Path("enctop.toml"), user_config_path("enctop") / "enctop.toml") if path.is_file()), None)


def load(path: Path) -> Config:
    """Read and check a file. Raises `ConfigError` with file, key, what is wrong and what is allowed."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    return parse(text, str(path))


def parse(text: str, where: str) -> Config:
    """Read and check the text of a file named `where`. Raises `ConfigError`."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not TOML: {error}") from None
    _no_secrets(data, where)
    try:
        config = msgspec.convert(data, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_explained(str(error))}") from None
    _check(config, where)
    return config


def _no_secrets(data: Any, where: str, path: str = "") -> None:
    if isinstance(data, dict):
        for key, value in data.items():
            if key.lower() in SECRETS:
                raise ConfigError(f"{where}: {path}{key}: refused, no secret ever stands in this file; use a profile, a role_arn or the environment")
            _no_secrets(value, where, f"{path}{key}.")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _no_secrets(value, where, f"{path.rstrip('.')}[{index}].")


def _check(config: Config, where: str) -> None:
    names = [tenant.name for tenant in config.tenant]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: tenant: the name {name!r} is used twice")
    if not names:
        raise ConfigError(f"{where}: tenant: there is none; write [[tenant]] with a name and at least one [[tenant.aws]] or [[tenant.gcp]]")
    ways: dict[tuple[object, ...], list[tuple[str, AwsSettings]]] = {}
    for tenant, settings in config.aws:
        ways.setdefault(settings.connection, []).append((tenant, settings))
    for members in ways.values():
        tags = [settings.tag for _, settings in members]
        if len(members) > 1 and (None in tags or len(set(tags)) < len(tags)):
            first, second = members[0][0], members[1][0]
            raise ConfigError(f'{where}: tenant.aws: {first} and {second} name the same account; give each a tag of its own, as in tag = "tenant={first}"')
    _check_profiles(config, where)
    if wrong := shared_badly(config.gcp):
        raise ConfigError(f"{where}: {wrong}")


def _check_profiles(config: Config, where: str) -> None:
    wanted = sorted({settings.profile for _, settings in config.aws if settings.profile})
    if not wanted:
        return
    known = sorted(aws_profiles())
    for profile in wanted:
        if profile not in known:
            missing = f"{where}: tenant.aws.profile: no profile {profile!r} in the AWS configuration{_nearest(profile, known)}"
            raise ConfigError(f"{missing}; there are {', '.join(known) or 'none'}")


def aws_profiles() -> set[str]:
    """Names of the profiles in the AWS configuration and credentials files, which are found as the SDK finds them.

    Read here so that a wrong name is said at once, before the SDK is loaded.
    """
    found: set[str] = set()
    for variable, default in (("AWS_CONFIG_FILE", "~/.aws/config"), ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(Path(os.environ.get(variable, default)).expanduser(), "utf-8")
        except (configparser.Error, UnicodeDecodeError):
            continue
        found |= {section.removeprefix("profile ").strip().strip("\"'") for section in parser.sections()}
    return found


# What msgspec says, in the words of the file.
_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_WORDS = (
    ("`object`", "a table"),
    ("`array`", "a list"),
    ("`str`", "text in quotes"),
    ("`bool`", "true or false"),
    ("`int`", "a whole number"),
    ("`null`", "nothing"),
)
_TABLES: dict[str, type] = {"": Config, "poll": Poll, "tenant[]": Tenant, "tenant[].aws[]": AwsSettings, "tenant[].policy": Policy}
_TABLES |= {"tenant[].gcp[]": GcpSettings, "tenant[].gcp[].two_step": TwoStep}


def _explained(message: str) -> str:
    match = _AT.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    path = path.replace("[...]", "[]")
    if unknown := _UNKNOWN.match(what):
        allowed = _fields(path)
        return f"{_joined(path, unknown[1])}: unknown key{_nearest(unknown[1], allowed)}; allowed here: {', '.join(allowed)}"
    if missing := _MISSING.match(what):
        return f"{_joined(path, missing[1])}: is missing"
    for word, plain in _WORDS:
        what = what.replace(word, plain)
    key, colon, rest = what.partition(": ")
    if colon and re.fullmatch(r"[a-z_]+", key):
        return f"{_joined(path, key)}: {rest}"
    return f"{path or 'file'}: {what[:1].lower()}{what[1:]}"


def _fields(path: str) -> list[str]:
    table = _TABLES.get(re.sub(r"\[\d*\]", "[]", path))
    if table is None and path.endswith("]"):
        table = next((hint for name, hint in _exceptions().items() if re.sub(r"\[\d*\]", "[]", path) == name), None)
    if table is None:
        return []
    return sorted(field.encode_name for field in msgspec.structs.fields(table))


def _exceptions() -> dict[str, type]:
    from posture.policy import ExceptionRule

    return {"tenant[].policy.exception[]": ExceptionRule}


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f", did you mean {near[0]}?" if near else ""
