"""`zato.security.*`: how callers prove who they are, and calls are signed."""

from __future__ import annotations

from typing import Final

from hansa import DefinitionRecord

from ...mapping import MAPPINGS, by_definition
from ...payloads import PlainDict
from ..call import Call
from ..crud import CRUD, Action, ObjectType, declared
from ..declaration import Declared, missing
from ..listing import is_true, listed
from ..numbers import number_of
from ..objects import SEC_TYPES, SECURITY
from ..reasons import not_carried

_BY_KEY: Final = {mapping.zato: mapping for mapping in MAPPINGS}
PASSWORD: Final[tuple[Action, ...]] = (*CRUD, "change-password")
USED: Final = (
    "one that an outgoing connection uses signs, and has its password encrypted, not hashed"
)

ROLES: Final = (
    "Zato permits the verbs of a service to a role, and roles here permit services and channels as a"
    " whole; instead: admin.role.create, or a file of enmasse, whose roles are carried over"
)
AS_BASIC: Final = "it is a security basic, which lists it, too"


def of(
    name: str, key: str, actions: tuple[Action, ...] = PASSWORD, differs: str = ""
) -> ObjectType:
    """Return the type of security definitions whose key in files is this."""
    return ObjectType(f"zato.security.{name}", (_BY_KEY[key],), actions, differs=differs)


TYPES: Final = (
    of("apikey", "def_sec.apikey"),
    of("aws", "def_sec.aws"),
    of("basic-auth", "def_sec.basic_auth", differs=USED),
    of("ntlm", "def_sec.ntlm"),
    of("oauth", "def_sec.oauth"),
    of("openstack", "def_sec.openstack", differs=AS_BASIC),
    of("tech-account", "def_sec.tech_acc", (*PASSWORD, "get-by-id"), differs=AS_BASIC),
    of("jwt", "def_sec.jwt", differs=AS_BASIC),
    of("wss", "def_sec.wss"),
    of("xpath", "def_sec.xpath_sec"),
    of("tls.ca-cert", "tls_ca_cert", CRUD),
    of("tls.key-cert", "def_sec.tls_key_cert", CRUD),
)


def get_list(call: Call) -> list[PlainDict]:
    """List the security definitions of all types, or of some."""
    asked = call.input.get("sec_type")
    words = asked if isinstance(asked, list) else call.text("sec_type").split(",")
    wanted = {str(word).strip() for word in words}
    needs_internal = is_true(call.input.get("needs_internal"))
    found = []
    for item in call.all("admin.definition.list", kind=SECURITY):
        sec_type = SEC_TYPES.get(item["type"], str(item["type"]))
        if item["builtin"] and not needs_internal:
            continue
        if wanted == {""} or sec_type in wanted:
            found.append(row_of(call, item, sec_type))
    return listed(call, found)


def row_of(call: Call, item: PlainDict, sec_type: str) -> PlainDict:
    """Return a definition as the list shows it."""
    record = call.server.definitions.get(SECURITY, item["type"], item["name"])
    return {
        "id": number_of(record),
        "name": record.name,
        "is_active": record.data.get("active", True),
        "sec_type": sec_type,
        "username": username_of(record),
    }


def username_of(record: DefinitionRecord) -> str:
    """Return what Zato calls the username of a definition: that of an API key is its header."""
    settings = dict(record.data)
    mapping = by_definition(SECURITY, record.type, "3.x")
    if mapping is None:
        return str(settings.get("username", ""))
    written, _ = mapping.write(record.name, settings, "3.x")
    return str(written.item.get("username", ""))


SERVICES: Final = (
    Declared(
        "zato.security.get-list",
        get_list,
        ("admin.definition.list",),
        optional=("sec_type", "needs_internal"),
        output=("id", "name", "is_active", "sec_type", "username"),
        is_list=True,
    ),
    *declared(TYPES),
    *not_carried("def_sec.tls_channel_sec", "zato.security.tls.channel", CRUD),
    *missing(
        ROLES,
        *(
            f"zato.security.rbac.{name}.{action}"
            for name in ("role", "permission")
            for action in CRUD
        ),
        *(
            f"zato.security.rbac.{name}.{action}"
            for name in ("client-role", "role-permission")
            for action in ("create", "delete", "get-list")
        ),
    ),
)
