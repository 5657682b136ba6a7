"""The configuration file: strict, and with one clear line for whatever is wrong in it."""

import os
import re
import tomllib
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, cast

import msgspec

from posture.fault import ConfigError
from posture.policy import Policy
from posture.text import nearest, one_line
from providers.cadence import Cadence
from providers.collector.config_errors import explained
from providers.collector.durations import seconds
from providers.collector.trust import File, read, trusted
from providers.paths import FilePath, roots, settled, unusable
from providers.system import Block, Discover, System, systems

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


class History(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[history]`: how long and in how many megabytes what was seen is kept, and in which folder (None: the user's)."""

    days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 30
    max_mb: Annotated[int, msgspec.Meta(ge=16, le=1_000_000)] = 512
    path: FilePath | None = None


class Tenant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[tenant]]`: one customer's deployment and what it is meant to have. Its blocks stand under their system's name,
    in the subclass that `file_type` makes.
    """

    name: str
    policy: Policy = msgspec.field(default_factory=Policy)
    discover: Discover = msgspec.field(default_factory=Discover)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.name) or self.name == "unassigned":
            raise ValueError(
                f"name: {self.name!r} is not a tenant's name; letters, digits, dots, dashes and underscores are, except"
                " unassigned"
            )


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    tenant: tuple[Tenant, ...] = ()
    poll: Poll = msgspec.field(default_factory=Poll)
    history: History = msgspec.field(default_factory=History)

    def blocks(self, system: str) -> list[Block]:
        """Every block of a system, with its tenant and the key where it stands."""
        return [
            Block(tenant.name, settings, f"tenant[{number}].{system}[{index}]")
            for number, tenant in enumerate(self.tenant)
            for index, settings in enumerate(getattr(tenant, system, ()))
        ]

    def only(self, names: Sequence[str]) -> "Config":
        """The configuration of these tenants and of whoever shares an account with them, for half an account cannot
        be polled; all for none.

        Raises `ConfigError`.
        """
        known = [tenant.name for tenant in self.tenant]
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"--tenant {name}: no such tenant{nearest(name, known)}; there are {', '.join(known) or 'none'}"
                )
        wanted = set(names) or set(known)
        together = list(self._together())
        while more := set().union(*(members for members in together if members & wanted)) - wanted:
            wanted |= more
        chosen = msgspec.structs.replace(self, tenant=tuple(tenant for tenant in self.tenant if tenant.name in wanted))
        if not any(chosen.blocks(system.name) for system in systems()):
            asked = ", ".join(tenant.name for tenant in chosen.tenant) or "none"
            raise ConfigError(f"tenant: there is nothing to ask about {asked}; add at least one of {_headers()}")
        return chosen

    def _together(self) -> Iterator[set[str]]:
        """Names of tenants that are asked as one."""
        for system in systems():
            if system.shared_by is not None:
                ways: dict[object, set[str]] = {}
                for block in self.blocks(system.name):
                    ways.setdefault(system.shared_by(block.settings), set()).add(block.tenant)
                yield from ways.values()

    def narrowed(self, query: str, names: Sequence[str]) -> str:
        """A filter that shows these tenants only, where others had to stay beside them (`only`)."""
        beside = names and any(tenant.name not in names for tenant in self.tenant)
        return f"tenant:{','.join(names)} {query}".strip() if beside else query


def file_type() -> type[Config]:
    """`Config` with the blocks of every system there is."""
    made: type[Config] = _file_type(systems())
    return made


@cache
def _file_type(known: tuple[System, ...]) -> type[Config]:
    strict: dict[str, Any] = {"frozen": True, "kw_only": True, "forbid_unknown_fields": True}
    # The types are made while it runs, which mypy cannot follow.
    blocks = [(system.name, tuple[system.settings, ...], ()) for system in known]  # type: ignore[name-defined]
    tenant = msgspec.defstruct("Tenant", blocks, bases=(Tenant,), **strict)
    whole = [("tenant", tuple[tenant, ...], ())]  # type: ignore[valid-type]
    return cast(type[Config], msgspec.defstruct("Config", whole, bases=(Config,), **strict))


def _headers() -> str:
    """`[[tenant.aws]], [[tenant.azure]]`: every block there is."""
    return ", ".join(sorted(f"[[tenant.{system.name}]]" for system in systems()))


def ambient() -> Config:
    """Without a file: one tenant, from the credentials that are there."""
    tenant = {"name": "default", **{system.name: tuple(system.ambient()) for system in systems()}}
    return msgspec.convert({"tenant": [tenant]}, file_type())


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
    return (ambient() if file is None else load(file.path, file.body)), file


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
        config = msgspec.convert(settled(data, file_type(), base or Path.cwd()), file_type())
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {explained(str(error), data, file_type())}") from None
    _check(config, where)
    return config


def _no_secrets(data: Any, where: str, path: str = "") -> None:
    room = re.match(r"tenant(?:\[\d+\])?\.(\w+)", path)
    instead = {system.name: system.instead for system in systems()}.get(room[1] if room else "", systems()[0].instead)
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
        raise ConfigError(
            f"{where}: tenant: there is none; write [[tenant]] with a name and at least one of {_headers()}"
        )
    for system in systems():
        if wrong := system.check(config.blocks(system.name)):
            raise ConfigError(f"{where}: {wrong}")
    for key, file in roots(config):
        if (why := unusable(file)) is not None:
            raise ConfigError(one_line(f"{where}: {key}: {why}"))
    _check_controls(config, where)


def _check_controls(config: Config, where: str) -> None:
    """What a policy says of a control that does not exist would hold for nothing, and nobody would be told."""
    named, attested = list(_named_controls(config)), list(_attested_controls(config))
    if not named and not attested:
        return
    from posture.controls.registry import registry

    taken = [control.id for control in registry() if control.attestable]
    for key, name in attested:
        if name not in taken:
            raise ConfigError(
                f"{where}: {key}: {name!r} takes nobody's word{nearest(name, taken)}; {', '.join(taken)} do"
            )
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


def _attested_controls(config: Config) -> Iterator[tuple[str, str]]:
    for number, tenant in enumerate(config.tenant):
        for index, said in enumerate(tenant.policy.attestation):
            yield f"tenant[{number}].policy.attestation[{index}].control", said.control
