"""`enctop policy vault`: the HCL that lets enctop read what it reads, a line for each path of each mount that was
found, and nothing of KV.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

from posture.fault import Refused
from posture.text import one_line
from providers.cadence import Cadence
from providers.source import TALLY, Tally
from providers.system import Blocks, Setup
from providers.vault.calls import CALLS, Call, plain
from providers.vault.discovery import cluster_of
from providers.vault.mounts import Mounts
from providers.vault.settings import VaultSettings
from providers.vault.source import Mount, Shared

HEAD = """\
# What enctop may read of {of}. Make it, and a token that carries it and nothing else:
#   vault policy write enctop enctop.hcl
#   vault token create -orphan -period=24h -no-default-policy -policy=enctop -display-name=enctop
"""
GLOBS = """\
# The mounts could not be read{why}: these lines take any mount, and so also a secret of KV version 1 whose path is
# <mount>/keys/<name>, <mount>/cert/<name> or the like. Where there is KV version 1, set VAULT_ADDR and a token that may
# read sys/mounts, and print this again: then every line names its mount.
"""
SUDO = """\
# Without sudo it sees no {lost}.
"""
LEFT_OUT = """\
# Left out, so that it stays without rights and is not read: {what} {path}
#   Its path holds what would mean something else in a policy.
"""
LONGEST_SHOWN = 200
LOST = {
    "GET sys/audit": "audit devices (vault.audit.enabled is UNKNOWN)",
    "GET sys/leases": "list of irrevocable leases with their errors (their number by mount remains)",
    "LIST sys/leases/lookup/<prefix>": "single leases",
    "LIST auth/token/accessors": "tokens but our own",
}


def policy(
    mounts: Sequence[Mount] | None, namespaces: Sequence[str] = ("",), *, sudo: bool = True, renew: bool = False
) -> str:
    """The lines, sorted by path; `mounts` None takes any mount. Only what is declared in `providers.vault.calls` is in
    it.

    A mount or namespace whose path means something in HCL or as a glob is named in a comment and granted nothing.
    """
    text = "".join(_left_out(mounts or (), namespaces))
    namespaces = [name for name in namespaces if not name or plain(name)]
    mounts = None if mounts is None else [mount for mount in mounts if plain(mount.shown)]
    granted: dict[str, set[str]] = {}
    for call in CALLS.values():
        if call.per == "open" or (call.sudo and not sudo) or (call.setting == "renew_token" and not renew):
            continue
        for path in _paths(call, mounts, namespaces):
            granted.setdefault(path, set()).update(call.capabilities)
    order = ("create", "read", "update", "list", "sudo")
    return text + "".join(
        f'path "{path}" {{ capabilities = [{", ".join(f"{chr(34)}{word}{chr(34)}" for word in order if word in words)}]'
        " }\n"
        for path, words in sorted(granted.items())
    )


def _left_out(mounts: Sequence[Mount], namespaces: Sequence[str]) -> Iterator[str]:
    """A comment for each of them that the policy cannot hold."""
    named = [("namespace", name) for name in namespaces if name and not plain(name)]
    named += [("mount", mount.shown) for mount in mounts if not plain(mount.shown)]
    for what, path in sorted(named):
        yield LEFT_OUT.format(what=what, path=one_line(path, LONGEST_SHOWN))


def _paths(call: Call, mounts: Sequence[Mount] | None, namespaces: Sequence[str]) -> Iterator[str]:
    globs = call.globs or (call.path,)
    if call.per != "mount":
        for namespace in namespaces if call.per == "namespace" else ("",):
            yield from (_below(namespace, glob) for glob in globs)
    elif mounts is None:
        for namespace in namespaces:
            for any_ in ("+/", "auth/+/") if call.engine == "*" else ("+/",):
                yield from (_below(namespace, glob.replace("{mount}", any_)) for glob in globs)
    else:
        for mount in mounts:
            if call.engine in {"*", mount.type}:
                path = mount.path if call.engine == "*" else mount.path.removeprefix("auth/")
                yield from (_below(mount.namespace, glob.replace("{mount}", path)) for glob in globs)


def _below(namespace: str, path: str) -> str:
    return "/".join(filter(None, (namespace, path)))


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy vault`: the policy of every configured Vault, per mount where its mounts can be read."""
    sudo, renew = "no-sudo" not in needs, "renew_token" in needs
    setup = Setup(version=version, cadence=Cadence(), now=time.time)
    texts = []
    for _, settings, _ in blocks:
        seen, why = asyncio.run(_discovered(settings, setup))
        texts.append(_text(settings.place, seen, why, sudo=sudo, renew=renew or settings.renew_token))
    return "\n".join(texts) or _text("any Vault", None, "", sudo=sudo, renew=renew)


def _text(of: str, seen: Shared | None, why: str, *, sudo: bool, renew: bool) -> str:
    text = HEAD.format(of=one_line(of))
    if seen is None:
        text += GLOBS.format(why=f" ({one_line(why)})" if why else "")
    if not sudo:
        text += "".join(SUDO.format(lost=lost) for lost in LOST.values())
    return text + policy(seen.mounts if seen else None, seen.namespaces if seen else ("",), sudo=sudo, renew=renew)


async def _discovered(settings: VaultSettings, setup: Setup) -> tuple[Shared | None, str]:
    """The mounts, with the token that is there; None and the reason where they may not be read."""
    TALLY.set(Tally())
    cluster = cluster_of("", settings, setup)
    try:
        for source in (cluster, Mounts("", cluster.client, cluster.seen, setup.cadence.warm)):
            async for _ in source.poll():
                pass
    except Refused as refused:
        return None, str(refused.fault)
    finally:
        await cluster.close()
    return (cluster.seen, "") if cluster.seen.mounts else (None, "no mount is readable")
