"""Zato's objects as definitions: what a call says becomes settings, and settings are listed as Zato
lists them, by the mapping that files of enmasse are read by.
"""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Iterable, Mapping as Mapped
from typing import Final

from hansa import DefinitionRecord, dump

from ..dialect.channel import stable_id
from ..mapping import MAPPINGS, NO_SECURITY, Key, Mapping, Reading
from ..mapping.parts import Field
from ..payloads import PlainDict
from .call import Call
from .numbers import definition_id, number_of

SECURITY: Final = "security"
NO_ID: Final = ("", "0", "ZATO_NONE", NO_SECURITY)
"""What callers send in place of the id of a security definition if there is to be none."""
SEC_TYPES: Final = {
    mapping.type: mapping.zato.partition(".")[2] or mapping.zato
    for mapping in MAPPINGS
    if mapping.kind == SECURITY and mapping.exported
}
"""What Zato calls the types of security definitions."""
SIGNS: Final = "signs"
"""The setting of a security definition that says whether calls are signed by it."""
SIGNS_LATER: Final = "signs calls as soon as change-password has set its password"
REFUSED: Final = "W20"
"""The code of what would open a channel if it was left out."""


@dataclasses.dataclass(frozen=True)
class Read:
    """What a call says of an object: its settings, those of further definitions that it needs, and
    what of it has no effect.
    """

    settings: PlainDict
    more: Mapped[Key, PlainDict]
    remarks: str = ""


def read(call: Call, mapping: Mapping, item: PlainDict) -> Read:
    """Return the settings that an object of Zato is; raises `BadRequest` with all faults."""
    found: Reading = mapping.read(item, "3.x", base=item)
    faults = [
        f"{one.key}: {one.why}"
        for one in found.remarks
        if one.kind == "fault" or one.code == REFUSED
    ]
    if faults:
        raise call.refuse("; ".join(faults))
    remarks = [f"{one.key}: {one.why}" for one in found.remarks if one.key and one.kind == "lost"]
    remarks += [f"{name}: {SIGNS_LATER}" for name in sorted(found.signs) if must_sign(call, name)]
    return Read(found.settings, found.more, "; ".join(remarks))


def must_sign(call: Call, name: str) -> bool:
    """Whether a security definition does not sign, since its password is kept as a hash."""
    for record in call.server.definitions.all(SECURITY):
        if record.name == name:
            return can_sign(call, record) and not record.data.get(SIGNS)
    return False


def can_sign(call: Call, record: DefinitionRecord) -> bool:
    """Whether it is said of a definition of this type if it signs."""
    model = call.server.registry.type(record.kind, record.type).model
    return any(field.name == SIGNS for field in dataclasses.fields(model))


def item_of(call: Call, given: PlainDict) -> PlainDict:
    """Return what a call says as files say it: with the names of what it names by ids."""
    item = dict(given)
    wanted = item.pop("security_id", None)
    if wanted is not None:
        item["security_name"] = security_name(call, str(wanted))
    wanted = item.pop("sec_tls_ca_cert_id", None)
    if wanted is not None:
        item["sec_tls_ca_cert"] = authority_name(call, str(wanted))
    wanted = item.pop("service_id", None)
    if wanted not in (None, "") and not item.get("service"):
        item["service"] = service_name(call, str(wanted))
    return item


def security_name(call: Call, wanted: str) -> str:
    """Return the name of the security definition with an id; raises `HTTPException`."""
    if wanted in NO_ID:
        return NO_SECURITY
    for record in call.server.definitions.all(SECURITY):
        if wanted in (str(number_of(record)), record.name):
            return record.name
    raise call.not_found("security definition", wanted)


def authority_name(call: Call, wanted: str) -> str:
    """Return the name of the certificate authority with an id; a word of Zato's as it is."""
    return security_name(call, wanted) if wanted.isdigit() and wanted != "0" else wanted


def service_name(call: Call, wanted: str) -> str:
    """Return the name of the service with an id; raises `HTTPException`."""
    for registered in call.server.registry.services():
        if str(stable_id(registered.name)) == wanted:
            return registered.name
    raise call.not_found("service", wanted)


def with_password(mapping: Mapping, settings: PlainDict) -> PlainDict:
    """Return settings with a random password, as Zato makes one for what is made without it."""
    name = secret_of(mapping)
    if mapping.kind != SECURITY or not name or settings.get(name):
        return settings
    return {**settings, name: new_password()}


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(32)


def secret_of(mapping: Mapping) -> str:
    """Return the setting that is the password of an object; empty if it has none."""
    parts = [*mapping.parts, *(mapping.base.parts if mapping.base else ())]
    found = (part.setting for part in parts if isinstance(part, Field) and part.secret)
    return next(found, "")


def own_login(mapping: Mapping, name: str, settings: PlainDict) -> Key | None:
    """Return the security definition that was made for an object, to hold its user and its password;
    None for one that holds them itself, or names a definition of others.
    """
    login = f"{mapping.type}.{name}"
    return ("security", "basic", login) if settings.get("security") == login else None


def shown(call: Call, mapping: Mapping, definition: PlainDict) -> PlainDict:
    """Return a definition, as the admin API shows it, as Zato lists one."""
    settings = {name: value for name, value in definition.items() if name not in NOT_SETTINGS}
    name = definition["name"]
    login = own_login(mapping, name, settings)
    others = {login: dict(call.server.definitions.get(*login).data)} if login else {}
    writing, base = mapping.write(name, settings, "3.x", others)
    item = {**base, **writing.item}
    if login:
        del item["security"]
    item["id"] = definition_id(mapping.kind, mapping.type, name)
    item["is_active"] = definition.get("active", True)
    if mapping.kind == "channel":
        service = definition.get("service", "")
        item |= {"service_id": stable_id(service), "service_name": service, "service": service}
    return item


NOT_SETTINGS: Final = frozenset(
    {"name", "revision", "builtin", "state", "states", "delivery", "next_run", "last_used"}
)
"""What the admin API shows of a definition besides its settings."""


def defaults(call: Call, mapping: Mapping, names: Iterable[str]) -> PlainDict:
    """Return the defaults of those of these settings that have one."""
    model = call.server.registry.type(mapping.kind, mapping.type).model
    found: PlainDict = {}
    for field in dataclasses.fields(model):
        if field.name not in names:
            continue
        if field.default is not dataclasses.MISSING:
            found[field.name] = field.default
        elif field.default_factory is not dataclasses.MISSING:
            found[field.name] = dump(field.default_factory())
    return found


def with_security(call: Call, mapping: Mapping, item: PlainDict) -> PlainDict:
    """Return an item with the number and the type of the security definition that it names."""
    name = str(item.get("security_name") or "")
    for record in call.server.definitions.all(SECURITY) if name else ():
        if record.name == name:
            sec_type = SEC_TYPES.get(record.type, record.type)
            return {**item, "security_id": number_of(record), "sec_type": sec_type}
    return {**item, "security_id": None, "sec_type": None}


def stored(call: Call, mappings: Iterable[Mapping]) -> list[DefinitionRecord]:
    """Return the definitions of these types, without those that come with plugins."""
    pairs = dict.fromkeys((mapping.kind, mapping.type) for mapping in mappings)
    found: list[DefinitionRecord] = []
    for kind, type in pairs:
        found += [one for one in call.server.definitions.all(kind, type) if not one.builtin]
    return found
