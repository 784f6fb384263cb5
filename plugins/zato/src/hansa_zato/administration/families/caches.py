"""`zato.cache.builtin.*`: caches and their entries, as Zato 3 has them."""

from __future__ import annotations

from typing import Final

from ...mapping import by_section
from ...payloads import PlainDict, Value
from ...sio.types import AsIs, Float
from .. import numbers
from ..call import Call
from ..crud import ObjectType
from ..declaration import Declared
from ..listing import listed
from ..objects import shown

_MAPPING: Final = by_section("cache_builtin")
assert _MAPPING is not None
CACHE: Final = _MAPPING
TYPE: Final = ObjectType("zato.cache.builtin", (CACHE,), ("create", "edit", "delete"))
PAGE: Final = 10_000


def get_list(call: Call) -> list[PlainDict]:
    """List the caches, and how many entries each has."""
    sizes = {one["name"]: one["items"] for one in call.admin("admin.cache.status")["items"]}
    rows = [shown(call, CACHE, item) for item in call.all(f"{CACHE.administered}.list")]
    return listed(call, [{**row, "current_size": sizes.get(row["name"], 0)} for row in rows])


def clear(call: Call) -> None:
    """Delete all entries of a cache."""
    call.admin("admin.cache.clear", cache=name_of(call, "id"))


def entries(call: Call) -> list[PlainDict]:
    """List the keys of a cache."""
    name = name_of(call, "cache_id")
    keys = call.all("admin.cache.list", cache=name)
    rows: list[PlainDict] = [{"cache_id": call.input["cache_id"], "key": key} for key in keys]
    return listed(call, rows, by="key")


def get(call: Call) -> PlainDict:
    """Read an entry."""
    name = name_of(call, "cache_id")
    found = call.admin("admin.cache.get", cache=name, key=call.text("key"))
    value: Value = found["base64"] if found["value"] is None else found["value"]
    return {"key": found["key"], "value": value, "expiry": found["expires"] or 0.0}


def write(call: Call) -> None:
    """Write an entry, whether there is one or not."""
    given = call.given("expiry", "value")
    call.admin("admin.cache.set", cache=name_of(call, "cache_id"), key=call.text("key"), **given)


def delete(call: Call) -> None:
    """Delete an entry."""
    call.admin("admin.cache.delete", cache=name_of(call, "cache_id"), key=call.text("key"))


def name_of(call: Call, key: str) -> str:
    """Return the name of the cache that the input names by its id; raises `HTTPException`."""
    wanted = call.text(key)
    for record in call.server.definitions.all(CACHE.kind, CACHE.type):
        if str(numbers.number_of(record)) == wanted:
            return record.name
    raise call.not_found("cache", wanted)


ENTRY: Final = ("cache_id", "key")
WRITTEN: Final = (AsIs("value"), Float("expiry"))
SERVICES: Final = (
    *TYPE.declared(),
    Declared(
        "zato.cache.builtin.get-list",
        get_list,
        (f"{CACHE.administered}.list", "admin.cache.status"),
        output=(*TYPE.outputs(), AsIs("current_size")),
        is_list=True,
    ),
    Declared("zato.cache.builtin.clear", clear, ("admin.cache.clear",), required=("id",)),
    Declared(
        "zato.cache.builtin.entry.get-list",
        entries,
        ("admin.cache.list",),
        required=("cache_id",),
        output=("cache_id", "key"),
        is_list=True,
        differs="it lists keys, and no values",
    ),
    Declared(
        "zato.cache.builtin.entry.get",
        get,
        ("admin.cache.get",),
        required=ENTRY,
        output=("key", *WRITTEN),
        differs="expiry is when the entry expires, in seconds of the Unix epoch, or 0",
    ),
    *(
        Declared(
            f"zato.cache.builtin.entry.{action}",
            write,
            ("admin.cache.set",),
            required=(*ENTRY, AsIs("value")),
            optional=(Float("expiry"),),
            differs="of an entry that is there or not",
        )
        for action in ("create", "update")
    ),
    Declared("zato.cache.builtin.entry.delete", delete, ("admin.cache.delete",), required=ENTRY),
)
