"""Every request enctop makes of Keycloak, and the role it takes. A call that is not declared here cannot be made.

Paths and roles: Keycloak Admin REST API, and "Server Administration Guide", "Fine-grained access to the Admin API".
"""

from typing import Literal

import msgspec

from providers.system import Blocks

Need = Literal["always", "server_info"]


class Call(msgspec.Struct, frozen=True):
    """One declared request. `path` is a template below the server's address; `role` is one of realm-management, empty
    for what needs none.
    """

    path: str
    role: str
    need: Need = "always"
    query: tuple[tuple[str, str], ...] = ()
    method: Literal["GET", "POST"] = "GET"

    @property
    def operation(self) -> str:
        """As errors and evidence name it: `GET /admin/realms/{realm}`."""
        return f"{self.method} {self.path}"


CALLS: dict[str, Call] = {}


def _call(path: str, role: str = "view-realm", **more: object) -> Call:
    call = Call(path, role, **more)  # type: ignore[arg-type]
    CALLS[call.operation] = call
    return call


TOKEN = _call("/realms/{realm}/protocol/openid-connect/token", "", method="POST")
REALM = _call("/admin/realms/{realm}")
ACTIONS = _call("/admin/realms/{realm}/authentication/required-actions")
EXECUTIONS = _call("/admin/realms/{realm}/authentication/flows/{flow}/executions")
FEDERATION = _call("/admin/realms/{realm}/components", query=(("type", "org.keycloak.storage.UserStorageProvider"),))
SERVER_INFO = _call("/admin/serverinfo", need="server_info")

RATE, PERIOD, AT_ONCE = 10, 1.0, 2
"""Requests a second, and how many under way. Keycloak publishes no limit; a poll of a realm is six."""


def printed(needs: frozenset[str], blocks: Blocks, version: str) -> str:
    """`enctop policy keycloak`: the commands that make the client and give it what it needs, for a shell."""
    asked = [call.operation for call in CALLS.values() if call.role and call.need in {"always", *needs}]
    return _COMMANDS.format(asked="\n".join(f"#   {operation}" for operation in asked), more=_more(needs))


def _more(needs: frozenset[str]) -> str:
    return _SERVER_INFO if "server_info" in needs else ""


_COMMANDS = """\
# A client of the realm that logs in as itself and reads the realm's settings, and nothing else. It asks:
{asked}
# After kcadm.sh config credentials --server https://sso.acme.example --realm master --user admin:
REALM=acme
kcadm.sh create clients -r "$REALM" -s clientId=enctop -s enabled=true -s publicClient=false \\
  -s serviceAccountsEnabled=true -s standardFlowEnabled=false -s directAccessGrantsEnabled=false
kcadm.sh add-roles -r "$REALM" --uusername service-account-enctop --cclientid realm-management --rolename view-realm
# Its secret, into the file that secret_file names:
umask 077
id=$(kcadm.sh get clients -r "$REALM" -q clientId=enctop --fields id --format csv --noquotes)
kcadm.sh get "clients/$id/client-secret" -r "$REALM" --fields value --format csv --noquotes > keycloak-secret
{more}"""
_SERVER_INFO = """\
# server_info: view-realm is enough for the version, but where the server keeps it from the administrators of a realm.
"""
