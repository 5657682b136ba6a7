"""Where the token comes from: a variable, a file, or a login by hvac's own methods."""

import os
from pathlib import Path
from typing import Any

import hvac.exceptions
import msgspec
import requests

from posture.fault import NO_CREDENTIALS, Fault, FaultKind, Refused
from providers.secret_file import checked_secret, read_secret
from providers.vault.calls import LOGIN
from providers.vault.faults import cause
from providers.vault.settings import KUBERNETES_JWT, VaultSettings


def token_from(settings: VaultSettings) -> str:
    """The token that the configuration points at; by default VAULT_TOKEN, BAO_TOKEN, or the file that `vault login`
    leaves. Raises `Refused`.
    """
    if settings.token_file is not None:
        return _read(settings.token_file, "token_file")
    names = (settings.token_env,) if settings.token_env else ("VAULT_TOKEN", "BAO_TOKEN")
    for name in names:
        if found := os.environ.get(name):
            return _checked(found, f"${name}")
    if settings.token_env is None and Path("~/.vault-token").expanduser().is_file():
        return _read("~/.vault-token", "~/.vault-token")
    raise _none(f"no token: {' and '.join(names)} {'is' if len(names) == 1 else 'are'} not set")


def log_in(client: Any, settings: VaultSettings) -> str:
    """A token by the configured method. Raises `Refused`; no answer of a login ever becomes part of a message."""
    mount = settings.mount or settings.auth
    operation = f"{LOGIN.method} {LOGIN.at(mount=f'{mount}/')}"
    sent: list[str] = []
    try:
        match settings.auth:
            case "approle":
                sent.append(secret := _secret(settings.secret_id_env, settings.secret_id_file, "secret_id"))
                response = client.auth.approle.login(settings.role_id, secret, use_token=False, mount_point=mount)
            case "jwt":
                sent.append(jwt := _secret(settings.jwt_env, settings.jwt_file, "jwt"))
                response = client.auth.jwt.jwt_login(settings.role, jwt, use_token=False, path=mount)
            case _:
                sent.append(
                    jwt := _secret(
                        settings.jwt_env, settings.jwt_file or (None if settings.jwt_env else KUBERNETES_JWT), "jwt"
                    )
                )
                response = client.auth.kubernetes.login(settings.role, jwt, use_token=False, mount_point=mount)
    except (requests.RequestException, OSError, ValueError) as error:
        raise Refused(Fault(FaultKind.UNREACHABLE, type(error).__name__, operation, cause(error, *sent))) from None
    except hvac.exceptions.VaultError as error:  # hvac's, one class a status; the text may quote what was sent
        raise _refusal(type(error).__name__, operation) from None
    auth = _auth(response.content)
    token = auth.get("client_token")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
        wants = "a second factor, which enctop cannot give" if auth.get("mfa_requirement") else "something else"
        raise Refused(
            Fault(FaultKind.DENIED, "NoToken", operation, f"the login was answered without a token: it wants {wants}")
        )
    return token


def _auth(body: bytes) -> dict[str, Any]:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    auth = answer.get("auth") if isinstance(answer, dict) else None
    return auth if isinstance(auth, dict) else {}


def _refusal(name: str, operation: str) -> Refused:
    kind = {
        "VaultDown": FaultKind.UNREACHABLE,
        "BadGateway": FaultKind.UNREACHABLE,
        "RateLimitExceeded": FaultKind.THROTTLED,
    }.get(name, FaultKind.EXPIRED)
    return Refused(
        Fault(
            kind,
            name,
            operation,
            "the login was refused" if kind is FaultKind.EXPIRED else "the server did not take the login",
        )
    )


def _secret(variable: str | None, file: str | None, what: str) -> str:
    if variable is not None:
        if not os.environ.get(variable):
            raise _none(f"no {what}: {variable} is not set")
        return _checked(os.environ[variable], f"${variable}")
    return _read(str(file), what)


def _read(file: str, what: str) -> str:
    try:
        return read_secret(file, what)
    except ValueError as error:
        raise _none(str(error)) from None


def _checked(text: str, where: str) -> str:
    try:
        return checked_secret(text, where, "token")
    except ValueError as error:
        raise _none(str(error)) from None


def _none(why: str) -> Refused:
    return Refused(
        Fault(FaultKind.EXPIRED, NO_CREDENTIALS, "GET auth/token/lookup-self", f"no credentials found: {why}")
    )
