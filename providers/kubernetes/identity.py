"""Who asks in one context, and how its API server is known: the token, and the TLS context with the client's
certificate. Nothing of it is ever left on a disk.
"""

import asyncio
import base64
import binascii
import os
import ssl
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from posture.clock import Seconds, Utc
from posture.fault import Refused
from providers.kubernetes.faults import misconfigured, no_login
from providers.kubernetes.kubeconfig import SUCCESSORS, Access, User
from providers.kubernetes.plugins import Credential, Plugins

CONNECT = "k8s:connect"
"""What could not be done before anything was asked."""
TOKEN_FILE_HOLDS: Seconds = 60.0
EARLY: Seconds = 60.0
"""A credential is renewed that long before it ends, or in the last tenth of its life where that is shorter."""


class Identity:
    """The credentials of one context. `now` gives UTC seconds."""

    def __init__(self, access: Access, plugins: Plugins, now: Callable[[], Utc]) -> None:
        self.access = access
        self._plugins = plugins
        self._now = now
        self._held: Credential | None = None
        self._got_at: Utc = 0.0
        self._ran_at: Seconds = -plugins.holds
        self._failed: Refused | None = None
        self._running = asyncio.Lock()

    @property
    def over_tls(self) -> bool:
        """Whether credentials are used: kubectl sends none in the clear either."""
        return (self.access.cluster.server or "").startswith("https://")

    @property
    def secrets(self) -> list[str]:
        """What must not be repeated by anybody."""
        user, held, proxy = self.access.user, self._held or Credential(), self.access.cluster.proxy_url or ""
        hidden = proxy.partition("://")[2].rpartition("@")[0].partition(":")[2]
        said = (user.token, user.password, held.token, hidden, _basic(user) if user.username else "")
        return [secret for secret in said if secret]

    async def headers(self, refused: str | None = None) -> dict[str, Any]:
        """What says who asks; `refused` is the Authorization that was not taken, in whose place another is given
        where there is one. Raises `Refused`.
        """
        headers = _impersonation(self.access.user)
        if self.over_tls and (said := await self._authorization(refused)):
            headers["Authorization"] = said
        for value in headers.values():
            if any(not each.isprintable() for each in (value if isinstance(value, list) else [value])):
                raise no_login(CONNECT, f"user {self.access.user_name}: a token or name with a line end in it is none")
        return headers

    async def certificate(self) -> tuple[bytes, bytes] | None:
        """The client's certificate and key (PEM); None for none. Raises `Refused`."""
        user = self.access.user
        if not self.over_tls:
            return None
        if user.client_certificate_data or user.client_certificate:
            name = f"user {self.access.user_name}"
            certificate = await asyncio.to_thread(
                material, user.client_certificate_data, user.client_certificate, f"{name}: client-certificate"
            )
            key = await asyncio.to_thread(material, user.client_key_data, user.client_key, f"{name}: client-key")
            return certificate, key
        if self._by_plugin:
            held = await self._credential(None)
            return (held.certificate.encode(), held.key.encode()) if held.certificate else None
        return None

    @property
    def _by_plugin(self) -> bool:
        user = self.access.user
        return user.exec is not None and not (user.token or user.token_file or user.username)

    async def _authorization(self, refused: str | None) -> str:
        user = self.access.user
        if user.auth_provider is not None and user.exec is None:
            name = user.auth_provider.name
            successor = SUCCESSORS.get(name)
            mend = f"; install {successor}, and use it as exec" if successor else ""
            raise no_login(CONNECT, f"user {self.access.user_name}: auth-provider {name!r} is no more{mend}")
        if (user.token or user.token_file) and user.username:
            raise misconfigured(CONNECT, f"user {self.access.user_name}: has a token and a password; one of them")
        if user.token_file:
            return f"Bearer {await self._from_file(user.token_file, again=refused is not None)}"
        if user.token:
            return f"Bearer {user.token}"
        if user.username:
            return f"Basic {_basic(user)}"
        if self._by_plugin:
            held = await self._credential(refused)
            return f"Bearer {held.token}" if held.token else ""
        return ""

    async def _from_file(self, path: str, *, again: bool) -> str:
        at = time.monotonic()
        if self._held is None or again or at - self._ran_at > TOKEN_FILE_HOLDS:
            try:
                said = (await asyncio.to_thread(Path(path).read_text, "utf-8")).strip()
            except (OSError, UnicodeDecodeError) as error:
                why = getattr(error, "strerror", None) or "not text"
                raise no_login(CONNECT, f"token file {path}: {why}") from None
            if not said:
                raise no_login(CONNECT, f"token file {path}: is empty")
            if not said.isascii() or not said.isprintable():
                raise no_login(CONNECT, f"token file {path}: holds no token")
            self._held, self._ran_at = Credential(said), at
        return self._held.token

    async def _credential(self, refused: str | None) -> Credential:
        """What the plugin gave, once for all that ask at the same time. Raises `Refused`."""
        async with self._running:
            held, at = self._held, time.monotonic()
            fresh = at - self._ran_at < self._plugins.holds
            taken = held is not None and refused != f"Bearer {held.token}"
            if held is not None and (fresh or (taken and self._alive(held))):
                return held
            if fresh and self._failed is not None:
                raise Refused(self._failed.fault)
            self._held = self._failed = None
            try:
                self._held = await self._plugins.run(self.access, CONNECT, cluster_told(self.access))
            except Refused as failed:
                self._failed = failed
                raise
            finally:
                self._ran_at = time.monotonic()
            self._got_at = self._now()
            return self._held

    def _alive(self, held: Credential) -> bool:
        if held.expires is None:
            return True
        return self._now() < held.expires - min(EARLY, (held.expires - self._got_at) / 10)


def _basic(user: User) -> str:
    return base64.b64encode(f"{user.username}:{user.password or ''}".encode()).decode()


def _impersonation(user: User) -> dict[str, Any]:
    """As client-go sends it (`transport.NewImpersonatingRoundTripper`); several groups are several headers."""
    if not user.impersonate:
        return {}
    headers: dict[str, Any] = {"Impersonate-User": user.impersonate}
    if user.as_uid:
        headers["Impersonate-Uid"] = user.as_uid
    if user.as_groups:
        headers["Impersonate-Group"] = list(user.as_groups)
    for name, values in (user.as_user_extra or {}).items():
        headers[f"Impersonate-Extra-{quote(name.lower(), safe='')}"] = list(values)
    return headers


# ------------------------------------------------------------ TLS


def material(data: str | None, path: str | None, what: str) -> bytes:
    """PEM as it stands in a kubeconfig, or in the file that it names. Raises `Refused`, without a word of it."""
    if data:
        try:
            return base64.b64decode("".join(data.split()), validate=True)
        except (binascii.Error, ValueError):
            raise misconfigured(CONNECT, f"{what}-data: is not base64") from None
    if not path:
        raise misconfigured(CONNECT, f"{what}: is not there")
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise misconfigured(CONNECT, f"{what}: {path}: {error.strerror or type(error).__name__}") from None


async def tls_context(access: Access, pair: tuple[bytes, bytes] | None, *, allow_insecure: bool) -> ssl.SSLContext:
    """The TLS context of a context's server, with the client's certificate. Raises `Refused`."""
    return await asyncio.to_thread(partial(_tls_context, access, pair, allow_insecure=allow_insecure))


def _tls_context(access: Access, pair: tuple[bytes, bytes] | None, *, allow_insecure: bool) -> ssl.SSLContext:
    cluster, what = access.cluster, f"cluster {access.cluster_name}: certificate-authority"
    authority = bool(cluster.certificate_authority_data or cluster.certificate_authority)
    if cluster.insecure_skip_tls_verify:
        if authority:
            raise misconfigured(CONNECT, f"{what}: goes without insecure-skip-tls-verify")
        if not allow_insecure:
            raise misconfigured(
                CONNECT,
                f"cluster {access.cluster_name}: insecure-skip-tls-verify would give the credentials to whoever"
                " answers; name a certificate-authority, or set allow_insecure = true in [[tenant.kubernetes]]",
            )
    if authority and not cluster.insecure_skip_tls_verify:
        pem = material(cluster.certificate_authority_data, cluster.certificate_authority, what)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        try:
            context.load_verify_locations(cadata=pem.decode("ascii", "ignore"))
        except (ssl.SSLError, ValueError):
            raise misconfigured(CONNECT, f"{what}: holds no certificate (PEM)") from None
        if not context.get_ca_certs() and b"CERTIFICATE" not in pem:
            raise misconfigured(CONNECT, f"{what}: holds no certificate (PEM)")
    else:
        context = ssl.create_default_context()
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # clusters' own authorities lack what it wants
    if cluster.insecure_skip_tls_verify:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if pair is not None:
        load_pair(context, *pair, f"user {access.user_name}")
    return context


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes, whose: str) -> None:
    """Have a context use a certificate and its key, which OpenSSL reads only from a file: one in memory, or where
    there is none such, one that nobody else may read and that is gone when this returns. Raises `Refused`.
    """
    pem = certificate.rstrip() + b"\n" + key
    path, fd = _hidden(pem)
    try:
        context.load_cert_chain(path, password=lambda: "")  # else OpenSSL asks at the terminal
    except (ssl.SSLError, ValueError, OSError):
        raise misconfigured(
            CONNECT, f"{whose}: client certificate and key are not a pair that can be read (PEM, no passphrase)"
        ) from None
    finally:
        os.close(fd)
        if not path.startswith(("/proc/", "/dev/")):
            Path(path).unlink(missing_ok=True)


def _hidden(data: bytes) -> tuple[str, int]:
    """The path and descriptor of an unnamed file with this content."""
    if hasattr(os, "memfd_create") and Path("/proc/self/fd").is_dir():
        fd = os.memfd_create("pair", os.MFD_CLOEXEC)
        path = f"/proc/self/fd/{fd}"
    else:
        fd, path = tempfile.mkstemp()  # 0600
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
    return path, fd


def cluster_told(access: Access) -> Mapping[str, Any]:
    """What a plugin is told of the cluster (`Cluster` of client.authentication.k8s.io)."""
    cluster, told = access.cluster, dict[str, Any]()
    told["server"] = cluster.server
    if cluster.tls_server_name:
        told["tls-server-name"] = cluster.tls_server_name
    if cluster.insecure_skip_tls_verify:
        told["insecure-skip-tls-verify"] = True
    if cluster.certificate_authority_data or cluster.certificate_authority:
        pem = material(
            cluster.certificate_authority_data, cluster.certificate_authority, f"cluster {access.cluster_name}"
        )
        told["certificate-authority-data"] = base64.b64encode(pem).decode()
    if cluster.proxy_url:
        told["proxy-url"] = cluster.proxy_url
    if access.extensions is not None:
        told["config"] = access.extensions
    return told
