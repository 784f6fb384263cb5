"""`zato.kvdb.*`: commands for Redis, dictionaries and translations."""

from __future__ import annotations

import bz2
import json
import logging
from typing import Final

from hansa import Invalid

from ...dialect.channel import stable_id
from ...dialect.exceptions import HTTPException
from ...payloads import PlainDict
from ...sio.types import AsIs
from ..call import Call
from ..declaration import Declared
from ..listing import listed
from ..texts import decoded

log = logging.getLogger("hansa.zato.kvdb")

VALUE: Final = ("system", "key", "value")
DIRECTION: Final = ("system1", "key1", "system2", "key2")
TRANSLATION: Final = ("system1", "key1", "value1", "system2", "key2", "value2")
LARGEST: Final = 64 * 1024 * 1024
"""Maximum size of a file to import once it is unpacked, in bytes."""


def execute(call: Call) -> PlainDict:
    """Run a Redis command, which reads or writes."""
    command = call.text("command")
    try:
        return {"result": call.admin("admin.redis.command", command=command)["answer"]}
    except Invalid as refusal:
        if "admin.redis.write" not in refusal.detail:
            raise
    return {"result": call.admin("admin.redis.write", command=command)["answer"]}


def log_connection_info(call: Call) -> None:
    """Log where the Redis of the cluster is."""
    pool = call.server.redis.connection_pool.connection_kwargs
    shown = {name: pool.get(name) for name in ("host", "port", "db", "path") if pool.get(name)}
    log.info("Redis: %s", shown)


# -- dictionaries ----------------------------------------------------------------------------------


def values(call: Call, **asked: str) -> list[PlainDict]:
    """Return all values of dictionaries, each with its id."""
    found = call.all("admin.dictionary.list", **asked)
    return [{**item, "id": value_id(item)} for item in found]


def value_id(item: PlainDict) -> int:
    """Return the number of a value."""
    return stable_id("\0".join(item[name] for name in VALUE))


def value_list(call: Call) -> list[PlainDict]:
    """List the values of all dictionaries."""
    return listed(call, values(call), by="value")


def create_value(call: Call) -> PlainDict:
    """Add a value."""
    asked = {name: call.text(name) for name in VALUE}
    call.admin("admin.dictionary.create", **asked)
    return {"id": value_id(asked)}


def edit_value(call: Call) -> PlainDict:
    """Change a value, in all translations, too."""
    old = by_id(call, values(call), "value of a dictionary")
    asked = {name: call.text(name) for name in VALUE}
    if (old["system"], old["key"]) != (asked["system"], asked["key"]):
        raise call.refuse("system, key: a value stays where it is; create another one")
    if old["value"] != asked["value"]:
        former = {name: old[name] for name in VALUE}
        call.admin("admin.dictionary.edit", **former, renamed=asked["value"])
    return {"id": value_id(asked)}


def delete_value(call: Call) -> PlainDict:
    """Delete a value that no translation uses."""
    old = by_id(call, values(call), "value of a dictionary")
    call.admin("admin.dictionary.delete", **{name: old[name] for name in VALUE})
    return {"id": old["id"]}


def by_id(call: Call, items: list[PlainDict], what: str) -> PlainDict:
    """Return the item that the input names by its `id`; raises `HTTPException`."""
    wanted = str(call.input.get("id"))
    for item in items:
        if str(item["id"]) == wanted:
            return item
    raise call.not_found(what, wanted)


def systems(call: Call) -> list[PlainDict]:
    """List the systems that have dictionaries."""
    return names(call, {item["system"] for item in values(call)})


def keys(call: Call) -> list[PlainDict]:
    """List the keys of a system."""
    return names(call, {item["key"] for item in values(call, system=call.text("system"))})


def values_of(call: Call) -> list[PlainDict]:
    """List the values of a key of a system."""
    asked = {"system": call.text("system"), "key": call.text("key")}
    return names(call, {item["value"] for item in values(call, **asked)})


def names(call: Call, found: set[str]) -> list[PlainDict]:
    """Return names as items."""
    return listed(call, [{"name": name} for name in found])


def last_value_id(call: Call) -> PlainDict:
    """Return the largest id."""
    return {"value": max((item["id"] for item in values(call)), default=0)}


# -- translations ----------------------------------------------------------------------------------


def translations(call: Call) -> list[PlainDict]:
    """Return all values that are translated, each with its id and those of both values."""
    found = []
    for item in call.all("admin.translation.list"):
        first = {name: item[f"{name}1"] for name in VALUE}
        second = {name: item[f"{name}2"] for name in VALUE}
        ids = {"id": translation_id(item), "id1": value_id(first), "id2": value_id(second)}
        found.append({**item, **ids})
    return found


def translation_id(item: PlainDict) -> int:
    """Return the number of a translation: what is translated, and to where."""
    return stable_id("\0".join([*(item[name] for name in DIRECTION), item["value1"]]))


def translation_list(call: Call) -> list[PlainDict]:
    """List the values that are translated."""
    return listed(call, translations(call), by="value1")


def create_translation(call: Call) -> PlainDict:
    """Translate a value."""
    asked = {name: call.text(name) for name in TRANSLATION}
    call.admin("admin.translation.create", **asked)
    return {"id": translation_id(asked)}


def edit_translation(call: Call) -> PlainDict:
    """Change what a value is in another system."""
    old = by_id(call, translations(call), "translation")
    asked = {name: call.text(name) for name in TRANSLATION}
    if any(old[name] != asked[name] for name in DIRECTION):
        raise call.refuse("systems and keys of a translation stay; create another one")
    renamed = "" if old["value1"] == asked["value1"] else asked["value1"]
    former = {**asked, "value1": old["value1"]}
    call.admin("admin.translation.edit", **former, renamed=renamed)
    return {"id": translation_id(asked)}


def delete_translation(call: Call) -> PlainDict:
    """Translate a value no more."""
    old = by_id(call, translations(call), "translation")
    asked = {name: old[name] for name in (*DIRECTION, "value1")}
    call.admin("admin.translation.delete", **asked)
    return {"id": old["id"]}


def last_translation_id(call: Call) -> PlainDict:
    """Return the largest id."""
    return {"value": max((item["id"] for item in translations(call)), default=0)}


def translate(call: Call) -> PlainDict:
    """Translate a value as services do."""
    asked = {name: call.text(name) for name in (*DIRECTION, "value1")}
    found: PlainDict = call.admin("admin.translation.translate", **asked)
    return found


def import_file(call: Call) -> None:
    """Import a file that Zato has exported, in place of all dictionaries and translations."""
    packed = decoded(call, "data")
    unpacking = bz2.BZ2Decompressor()
    try:
        text = unpacking.decompress(packed, LARGEST).decode()
        json.loads(text)
    except (OSError, ValueError):
        raise call.refuse("data: is no JSON, packed by bz2") from None
    if not unpacking.eof:
        raise HTTPException(call.cid, f"data: is over {LARGEST:,} bytes, or cut off", 413)
    call.admin("admin.dictionary.import", text=text, replace=True)


DICTIONARY: Final = "zato.kvdb.data-dict.dictionary"
TRANSLATIONS: Final = "zato.kvdb.data-dict.translation"
LISTS: Final = ("admin.dictionary.list",)
WITH_ID: Final = ("id", *VALUE)
STAYS: Final = "of a value, and not of its system and key"
LAST: Final = "ids are derived from names: the largest one is not that of the last"

SERVICES: Final = (
    Declared(
        "zato.kvdb.remote-command.execute",
        execute,
        ("admin.redis.command", "admin.redis.write"),
        required=("command",),
        output=("result",),
    ),
    Declared("zato.kvdb.log-connection-info", log_connection_info, right="operate"),
    Declared(f"{DICTIONARY}.get-list", value_list, LISTS, output=WITH_ID, is_list=True),
    Declared(
        f"{DICTIONARY}.create",
        create_value,
        ("admin.dictionary.create",),
        required=VALUE,
        output=("id",),
    ),
    Declared(
        f"{DICTIONARY}.edit",
        edit_value,
        ("admin.dictionary.edit",),
        required=WITH_ID,
        output=("id",),
        differs=STAYS,
    ),
    Declared(
        f"{DICTIONARY}.delete",
        delete_value,
        ("admin.dictionary.delete",),
        required=("id",),
        output=("id",),
    ),
    Declared(f"{DICTIONARY}.get-system-list", systems, LISTS, output=("name",), is_list=True),
    Declared(
        f"{DICTIONARY}.get-key-list",
        keys,
        LISTS,
        required=("system",),
        output=("name",),
        is_list=True,
    ),
    Declared(
        f"{DICTIONARY}.get-value-list",
        values_of,
        LISTS,
        required=("system", "key"),
        output=("name",),
        is_list=True,
    ),
    Declared(
        f"{DICTIONARY}.get-last-id", last_value_id, LISTS, output=(AsIs("value"),), differs=LAST
    ),
    Declared(
        f"{TRANSLATIONS}.get-list",
        translation_list,
        ("admin.translation.list",),
        output=("id", *TRANSLATION, AsIs("id1"), AsIs("id2")),
        is_list=True,
    ),
    Declared(
        f"{TRANSLATIONS}.create",
        create_translation,
        ("admin.translation.create",),
        required=TRANSLATION,
        output=("id",),
    ),
    Declared(
        f"{TRANSLATIONS}.edit",
        edit_translation,
        ("admin.translation.edit",),
        required=("id", *TRANSLATION),
        output=("id",),
        differs="of both values, and not of systems and keys",
    ),
    Declared(
        f"{TRANSLATIONS}.delete",
        delete_translation,
        ("admin.translation.delete",),
        required=("id",),
        output=("id",),
    ),
    Declared(
        f"{TRANSLATIONS}.get-last-id",
        last_translation_id,
        ("admin.translation.list",),
        output=(AsIs("value"),),
        differs=LAST,
    ),
    Declared(
        f"{TRANSLATIONS}.translate",
        translate,
        ("admin.translation.translate",),
        required=(*DIRECTION, "value1"),
        output=("value2", "repr", "hex", "sha1", "sha256"),
    ),
    Declared(
        "zato.kvdb.data-dict.impexp.import",
        import_file,
        ("admin.dictionary.import",),
        required=("data",),
    ),
)
