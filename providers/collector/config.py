"""The configuration file: strict, and with one clear line for whatever is wrong in it."""

import configparser
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from posture.fault import ConfigError
from posture.policy import Policy
from posture.text import one_line
from providers.aws.settings import AwsSettings
from providers.azure.settings import AzureSettings
from providers.azure.settings import ambient as ambient_azure
from providers.cadence import Cadence
from providers.collector.config_errors import explained, nearest
from providers.collector.durations import seconds
from providers.collector.trust import File, read, trusted
from providers.gcp.settings import GcpSettings, shared_badly
from providers.gcp.settings import ambient as ambient_gcp
from providers.paths import roots, settled, unusable
from providers.tls.settings import TlsSettings, endpoint_id
from providers.vault.settings import VaultSettings

SECRETS = frozenset(
    {
        *(
            "access_key",
            "access_key_id",
            "secret_access_key",
            "session_token",
            "aws_access_key_id",
            "aws_secret_access_key",
            "aws_session_token",
        ),
        *(
            "secret",
            "secret_key",
            "secret_id",
            "client_secret",
            "private_key",
            "password",
            "passphrase",
            "token",
            "bearer",
            "api_key",
            "jwt",
        ),
    }
)
"""Keys that ask for a secret; dashes and capitals make no difference. `token_env` and `token_file` say where one is,
and are none.
"""
_SECRET = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bhv[sb]\.[\w-]{20,}|\bya29\.[\w.-]{20,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
)
"""Values that give themselves away: an AWS access key, a Vault token, a Google access token, a private key."""
_ROOMS = ", ".join(f"[[tenant.{room}]]" for room in ("aws", "azure", "gcp", "tls", "vault"))
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
    tls: tuple[TlsSettings, ...] = ()
    vault: tuple[VaultSettings, ...] = ()
    azure: tuple[AzureSettings, ...] = ()
    gcp: tuple[GcpSettings, ...] = ()
    policy: Policy = msgspec.field(default_factory=Policy)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name) or self.name == "unassigned":
            raise ValueError(
                f"name: {self.name!r} is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
                " unassigned"
            )


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    tenant: tuple[Tenant, ...] = ()
    poll: Poll = msgspec.field(default_factory=Poll)

    def only(self, names: Sequence[str]) -> "Config":
        """The configuration of these tenants and of whoever shares an account with them, for half an account cannot be
        polled; all for none.

        Raises `ConfigError`.
        """
        known = [tenant.name for tenant in self.tenant]
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"--tenant {name}: no such tenant{nearest(name, known)}; there are {', '.join(known) or 'none'}"
                )
        wanted = set(names) or set(known)
        ways = [
            {name for name, settings in blocks if settings.connection == way}
            for blocks in (self.aws, self.gcp)
            for way in _ways(blocks)
        ]
        while more := set().union(*(members for members in ways if members & wanted)) - wanted:
            wanted |= more
        chosen = msgspec.structs.replace(self, tenant=tuple(tenant for tenant in self.tenant if tenant.name in wanted))
        if not any((chosen.aws, chosen.azure, chosen.gcp, chosen.tls, chosen.vault)):
            names = ", ".join(tenant.name for tenant in chosen.tenant) or "none"
            raise ConfigError(f"tenant: there is nothing to ask about {names}; add at least one of {_ROOMS}")
        return chosen

    def narrowed(self, query: str, names: Sequence[str]) -> str:
        """A filter that shows these tenants only, where others had to stay beside them (`only`)."""
        beside = names and any(tenant.name not in names for tenant in self.tenant)
        return f"tenant:{','.join(names)} {query}".strip() if beside else query

    @property
    def aws(self) -> list[tuple[str, AwsSettings]]:
        """Every way into AWS, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.aws]

    @property
    def tls(self) -> list[tuple[str, TlsSettings]]:
        """Every block of TLS endpoints, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.tls]

    @property
    def gcp(self) -> list[tuple[str, GcpSettings]]:
        """Every Google Cloud project, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.gcp]

    @property
    def azure(self) -> list[tuple[str, AzureSettings]]:
        """Every way into Azure, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.azure]

    @property
    def vault(self) -> list[tuple[str, VaultSettings]]:
        """Every way into a Vault, with its tenant's name."""
        return [(tenant.name, settings) for tenant in self.tenant for settings in tenant.vault]


def _ways(blocks: Sequence[tuple[str, AwsSettings]] | Sequence[tuple[str, GcpSettings]]) -> set[tuple[object, ...]]:
    return {settings.connection for _, settings in blocks}


def _ambient_vault() -> tuple[VaultSettings, ...]:
    """The Vault that VAULT_ADDR names; none where that is no address one may send a token to."""
    address = os.environ.get("VAULT_ADDR") or os.environ.get("BAO_ADDR")
    try:
        return (VaultSettings(address, os.environ.get("VAULT_NAMESPACE", "")),) if address else ()
    except ValueError:
        return ()


AMBIENT = Config(
    tenant=(Tenant("default", aws=(AwsSettings(),), azure=ambient_azure(), gcp=ambient_gcp(), vault=_ambient_vault()),)
)
"""Without a file: one tenant, from the credentials that are there."""


def configured(explicit: Path | None, digest: str | None = None) -> tuple[Config, File | None]:
    """The configuration to use and its file; without one what the credentials lead to. Raises `ConfigError`.

    `digest` is that of the bytes which were trusted, in another process: a file that has another by now is refused.
    """
    if digest is not None and explicit is not None:
        file: File | None = File(explicit, read(explicit))
        if file is not None and file.digest != digest:
            raise ConfigError(f"{one_line(str(explicit))}: changed since enctop was started; start it again")
    else:
        file = find(explicit)
    return (AMBIENT if file is None else load(file.path, file.body)), file


def find(explicit: Path | None) -> File | None:
    """The file to read: `--config`, else ./enctop.toml, which must be trusted (`providers.collector.trust`), else the
    user's; None where there is none.

    Raises `ConfigError`.
    """
    if explicit is not None:
        if not explicit.exists():
            raise ConfigError(f"{explicit}: no such file")
        return File(explicit)
    from platformdirs import user_config_path

    own, here = user_config_path("enctop") / "enctop.toml", Path("enctop.toml")
    # a relative XDG_CONFIG_HOME would be the working directory
    mine = own if own.is_absolute() and own.is_file() else None
    if os.path.lexists(here) and not (mine is not None and here.exists() and here.samefile(mine)):
        return trusted(here)  # one that may not be used is told, never passed over for another
    return None if mine is None else File(mine)


def load(path: Path, body: bytes | None = None) -> Config:
    """Read and check a file, or its `body` where that was read already. Raises `ConfigError` with file, key, what is
    wrong and what is allowed.
    """
    try:
        text = path.read_text("utf-8-sig") if body is None else body.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None
    return parse(text, str(path), path.absolute().parent)


def parse(text: str, where: str, base: Path | None = None) -> Config:
    """Read and check the text of a file named `where`; relative paths in it are beside `base` (else the working
    directory). Raises `ConfigError`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{where}: not TOML: {error}") from None
    _no_secrets(data, where)
    try:
        config = msgspec.convert(settled(data, Config, base or Path.cwd()), Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {explained(str(error), data, Config)}") from None
    _check(config, where)
    return config


_INSTEAD = {
    "vault": "token_env, token_file, secret_id_env, secret_id_file, jwt_env or jwt_file",
    "azure": "token_env or the environment",
    "gcp": "credentials, the path of a file, or the environment",
}


def _no_secrets(data: Any, where: str, path: str = "") -> None:
    room = re.match(r"tenant(?:\[\d+\])?\.(\w+)", path)
    instead = _INSTEAD.get(room[1] if room else "", "a profile, a role_arn or the environment")
    refused = f"refused, no secret ever stands in this file; use {instead}"
    if isinstance(data, dict):
        for key, value in data.items():
            if key.lower().replace("-", "_") in SECRETS:
                raise ConfigError(one_line(f"{where}: {path}{key}: {refused}"))
            _no_secrets(value, where, f"{path}{key}.")
    elif isinstance(data, list):
        for index, value in enumerate(data):
            _no_secrets(value, where, f"{path.rstrip('.')}[{index}].")
    elif isinstance(data, str) and _SECRET.search(data):
        raise ConfigError(one_line(f"{where}: {path.rstrip('.')}: this value is a credential: {refused}"))


def _check(config: Config, where: str) -> None:
    names = [tenant.name for tenant in config.tenant]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"{where}: tenant: the name {name!r} is used twice")
    if not names:
        raise ConfigError(f"{where}: tenant: there is none; write [[tenant]] with a name and at least one of {_ROOMS}")
    ways: dict[tuple[object, ...], list[tuple[str, AwsSettings]]] = {}
    identities: dict[tuple[object, ...], tuple[str, AwsSettings]] = {}
    for tenant, settings in config.aws:
        ways.setdefault(settings.connection, []).append((tenant, settings))
        before, known = identities.setdefault(settings.identity, (tenant, settings))
        if known.regions != settings.regions:
            raise ConfigError(
                f"{where}: tenant.aws: {before} and {tenant} reach one account with different regions; name its regions"
                " in one block"
            )
    for members in ways.values():
        tags = [settings.tag for _, settings in members]
        if len(members) > 1 and (None in tags or len(set(tags)) < len(tags)):
            first, second = members[0][0], members[1][0]
            raise ConfigError(
                f"{where}: tenant.aws: {first} and {second} name the same account; give each a tag of its own, as in"
                f' tag = "tenant={first}"'
            )
    for key, file in roots(config):
        if (why := unusable(file)) is not None:
            raise ConfigError(one_line(f"{where}: {key}: {why}"))
    _check_endpoints(config, where)
    places = [settings.place for _, settings in config.vault]
    for place in places:
        if places.count(place) > 1:
            raise ConfigError(
                f"{where}: tenant.vault: {place} is there twice; tenants share a server by a namespace each"
            )
    _check_profiles(config, where)
    if wrong := shared_badly(config.gcp):
        raise ConfigError(f"{where}: {wrong}")
    _check_controls(config, where)


def _check_endpoints(config: Config, where: str) -> None:
    """An endpoint is one resource: named twice, it would be two tenants', or be trusted by two sets of roots."""
    named: dict[tuple[str, int], str] = {}
    for tenant, settings in config.tls:
        for target in settings.targets:
            if target in named:
                raise ConfigError(
                    f"{where}: tenant.tls.endpoints: {endpoint_id(*target)} is named by {named[target]} and by"
                    f" {tenant}; name it once"
                )
            named[target] = tenant


def _check_profiles(config: Config, where: str) -> None:
    named = {
        settings.profile: f"tenant[{number}].aws[{index}].profile"
        for number, tenant in enumerate(config.tenant)
        for index, settings in enumerate(tenant.aws)
        if settings.profile
    }
    known = sorted(aws_profiles()) if named else []
    for profile, key in named.items():
        if profile not in known:
            missing = f"{where}: {key}: no profile {profile!r} in the AWS configuration{nearest(profile, known)}"
            raise ConfigError(f"{missing}; there are {', '.join(known) or 'none'}")


def _check_controls(config: Config, where: str) -> None:
    """What a policy says of a control that does not exist would hold for nothing, and nobody would be told."""
    named = list(_named_controls(config))
    if not named:
        return
    from posture.controls.registry import registry

    known = [control.id for control in registry()]
    for key, name in named:
        if not any(control == name or control.startswith(f"{name}.") for control in known):
            families = {control.rpartition(".")[0] for control in known}
            raise ConfigError(
                f"{where}: {key}: no control {name!r}{nearest(name, [*known, *families])}; `enctop controls` lists them"
            )


def _named_controls(config: Config) -> Iterator[tuple[str, str]]:
    for number, tenant in enumerate(config.tenant):
        yield from ((f"tenant[{number}].policy.overrides", name) for name in tenant.policy.overrides)
        yield from (
            (f"tenant[{number}].policy.exception[{index}].control", rule.control)
            for index, rule in enumerate(tenant.policy.exception)
        )


def aws_profiles() -> set[str]:
    """Names of the profiles in the AWS configuration and credentials files, which are found as the SDK finds them.

    Read here so that a wrong name is said at once, before the SDK is loaded.
    """
    shared = set(_sections("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
    return shared | {name for section in _sections("AWS_CONFIG_FILE", "~/.aws/config") if (name := _profile(section))}


def _sections(variable: str, default: str) -> list[str]:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read(Path(os.path.expandvars(os.environ.get(variable, default))).expanduser(), "utf-8")
    except (configparser.Error, UnicodeDecodeError, RuntimeError):  # RuntimeError: there is no home
        return []
    return parser.sections()


def _profile(section: str) -> str | None:
    """The profile that a section of the configuration file is; others are sessions and services."""
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "profile" else "default" if words == ["default"] else None
