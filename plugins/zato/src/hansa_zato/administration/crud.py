"""The services that Zato has for each type of objects: create, edit, delete, get-list, and more where
the type has them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping as Mapped
from dataclasses import dataclass
from typing import Final, Literal

from hansa import DefinitionRecord

from ..mapping import Key, Mapping
from ..mapping.mapping import administered
from ..mapping.parts import Choice, Field, Part, Unused
from ..payloads import PlainDict
from ..sio.types import AsIs
from . import numbers, objects
from .call import Call, is_known
from .declaration import Declared, Names, Work
from .listing import listed

Action = Literal["create", "edit", "delete", "get-list", "get-by-id", "change-password", "ping"]
Choose = Callable[[Call], Mapping]

CRUD: Final[tuple[Action, ...]] = ("create", "edit", "delete", "get-list")
SECRET: Final = "password"
NO_RENAMING: Final = "an object keeps its name"
REFERENCES: Final = ("service_id", "security_id")
ALIASES: Final = frozenset({"secret", "security", "sec_name", "def", "groups", "security_groups"})
"""Keys of files that the admin API never had."""


@dataclass(frozen=True)
class ObjectType:
    """The services of one type of Zato's objects, below a prefix such as `zato.outgoing.ftp`.

    There is one mapping, or several of which `choose` takes one by what a call says.
    """

    prefix: str
    mappings: tuple[Mapping, ...]
    actions: tuple[Action, ...] = CRUD
    choose: Choose | None = None
    axes: tuple[str, ...] = ()
    differs: str = ""

    def declared(self) -> Iterator[Declared]:
        """Return the declarations of its services."""
        for action in self.actions:
            yield self._declared(action)

    def _declared(self, action: Action) -> Declared:
        names = ("id", "name")
        work: dict[Action, tuple[Work, Names, Names, Names]] = {
            "create": (self.create, ("name",), self.inputs(), names),
            "edit": (self.edit, ("id",), ("name", *self.inputs()), names),
            "delete": (self.delete, ("id",), (), ()),
            "get-list": (self.get_list, (), self.axes, self.outputs()),
            "get-by-id": (self.get_by_id, ("id",), (), self.outputs()),
            "change-password": (self.change_password, ("id", *PASSWORDS), (), ()),
            "ping": (self.ping, ("id",), (), ("info",)),
        }
        done, required, optional, output = work[action]
        return Declared(
            f"{self.prefix}.{action}",
            done,
            tuple(self.services(ADMIN[action])),
            required=required,
            optional=optional,
            output=output,
            is_list=action == "get-list",
            differs=self._difference(action),
        )

    def _difference(self, action: Action) -> str:
        if action not in ("create", "edit"):
            return ""
        own = [text for text in (self.differs, self.mappings[0].note) if text]
        return "; ".join([*own, NO_RENAMING] if action == "edit" else own)

    def services(self, action: str) -> Iterator[str]:
        """Return the admin services that do the work of an action."""
        for mapping in self.mappings:
            yield f"{mapping.administered}.{action}"

    def inputs(self) -> Names:
        """Return what `create` takes besides the name."""
        keys: dict[str, None] = dict.fromkeys(["is_active", *self.axes])
        for mapping in self.mappings:
            for part in mapping.every_part():
                keys |= dict.fromkeys(key for key in part.keys if key not in ALIASES)
            if "sec_def" in keys:
                keys["security_id"] = None
        # ids may be the words that Zato has for none
        return tuple(AsIs(key) if key.endswith("_id") else key for key in keys)

    def outputs(self) -> Names:
        """Return what `get-list` shows of each object, without its password."""
        keys: dict[str, None] = {"id": None, "name": None, "is_active": None}
        for mapping in self.mappings:
            for part in mapping.every_part():
                keys |= dict.fromkeys(key for key in written(part) if key not in HIDDEN)
            if mapping.kind == "channel":
                keys |= {"service_id": None, "service_name": None}
            if "host" in keys:
                keys.pop("address", None)
            if "security_name" in keys:
                keys |= {"security_id": None, "sec_type": None}
        typed = ("id", "name", "is_active")
        return tuple(key if key in typed else AsIs(key) for key in [*keys, *self.axes])

    def mapping_of(self, record: DefinitionRecord) -> Mapping:
        """Return the mapping of a definition."""
        for mapping in self.mappings:
            if (mapping.kind, mapping.type) == (record.kind, record.type):
                return mapping
        raise LookupError(record.type)

    def find(self, call: Call) -> tuple[DefinitionRecord, Mapping]:
        """Return the definition that the input names by its id; raises `HTTPException`."""
        record = numbers.find(call, objects.stored(call, self.mappings), self.prefix)
        return record, self.mapping_of(record)

    # -- what the services do ----------------------------------------------------------------------

    def create(self, call: Call) -> PlainDict:
        """Create a definition."""
        mapping = self.choose(call) if self.choose else self.mappings[0]
        name = call.text("name")
        item = {**objects.item_of(call, given(call)), "name": name}
        found = objects.read(call, mapping, item)
        settings = objects.with_password(mapping, found.settings)
        self._change(call, "create", (mapping.kind, mapping.type, name), settings, found.more)
        call.details = found.remarks
        return {"id": numbers.definition_id(mapping.kind, mapping.type, name), "name": name}

    def edit(self, call: Call) -> PlainDict:
        """Change what the call says, and leave all else as it is."""
        record, mapping = self.find(call)
        name = record.name
        if call.text("name") not in ("", name):
            raise call.refuse(f"name: {name!r} keeps its name; create another object")
        shown = call.admin(f"{mapping.administered}.get", name=name)
        before = objects.shown(call, mapping, shown)
        item = objects.item_of(call, given(call))
        merged = {**without_aliases(mapping, before, item), **item, "name": name}
        found = objects.read(call, mapping, merged)
        known = objects.read(call, mapping, before).settings
        gone = objects.defaults(call, mapping, known.keys() - found.settings.keys())
        changed = {
            key: value for key, value in found.settings.items() if known.get(key, ...) != value
        }
        if gone or changed or found.more:
            self._change(call, "edit", record.key, {**gone, **changed}, found.more)
        call.details = found.remarks
        return {"id": numbers.number_of(record), "name": name}

    def _change(
        self, call: Call, mode: str, key: Key, settings: PlainDict, more: Mapped[Key, PlainDict]
    ) -> None:
        """Make or change a definition, with further ones that it needs."""
        kind, type, name = key
        if not more:
            call.admin(f"{administered(kind, type)}.{mode}", name=name, **settings)
            return
        edits = [edit_of(mode, other, found) for other, found in more.items()]
        if mode == "create":
            for edit in edits:
                edit["settings"].setdefault(SECRET, objects.new_password())
        call.admin("admin.definition.change", edits=[*edits, edit_of(mode, key, settings)])

    def delete(self, call: Call) -> None:
        """Delete a definition that nothing uses."""
        record, mapping = self.find(call)
        login = objects.own_login(mapping, record.name, dict(record.data))
        if login:
            edits = [edit_of("delete", key, {}) for key in (record.key, login)]
            call.admin("admin.definition.change", edits=edits)
        else:
            call.admin(f"{mapping.administered}.delete", name=record.name)

    def get_list(self, call: Call) -> list[PlainDict]:
        """List the definitions."""
        rows = []
        for mapping in self._wanted(call):
            name = f"{mapping.administered}.list"
            if len(self.mappings) > 1 and not is_known(call.server, name):
                continue  # the plugin of this one is not loaded
            items = call.all(name)
            rows += [self._row(call, mapping, item) for item in items if not item["builtin"]]
        return listed(call, rows)

    def _wanted(self, call: Call) -> Iterable[Mapping]:
        return self.mappings

    def _row(self, call: Call, mapping: Mapping, item: PlainDict) -> PlainDict:
        row = objects.shown(call, mapping, item)
        return objects.with_security(call, mapping, row)

    def get_by_id(self, call: Call) -> PlainDict:
        """Show one definition."""
        record, mapping = self.find(call)
        return self._row(call, mapping, call.admin(f"{mapping.administered}.get", name=record.name))

    def change_password(self, call: Call) -> None:
        """Set another password."""
        record, mapping = self.find(call)
        first, second = (call.text(name) for name in PASSWORDS)
        if not first:
            raise call.refuse("password1: must not be empty")
        if first != second:
            raise call.refuse("password2: is not the same as password1")
        login = objects.own_login(mapping, record.name, dict(record.data))
        if login:
            call.admin("admin.security.basic.edit", name=login[2], password=first)
            return
        settings: PlainDict = {objects.secret_of(mapping): first}
        if self._must_sign(call, record):
            settings[objects.SIGNS] = True
        call.admin(f"{mapping.administered}.edit", name=record.name, **settings)

    def _must_sign(self, call: Call, record: DefinitionRecord) -> bool:
        """Whether an outgoing connection presents a security definition that does not sign yet."""
        if record.kind != objects.SECURITY or not objects.can_sign(call, record):
            return False
        kind, type, name = record.key
        used = call.admin("admin.reference.users", kind=kind, type=type, name=name)
        return any(user["kind"] == "outgoing" for user in used["items"])

    def ping(self, call: Call) -> PlainDict:
        """Ask the other side whether it is there."""
        record, mapping = self.find(call)
        found = call.admin(f"{mapping.administered}.ping", name=record.name)
        return {"info": found["result"]}


PASSWORDS: Final = ("password1", "password2")
ADMIN: Final[dict[Action, str]] = {
    "create": "create",
    "edit": "edit",
    "delete": "delete",
    "get-list": "list",
    "get-by-id": "get",
    "change-password": "edit",
    "ping": "ping",
}
"""The admin service that does the work of each action."""
NOT_GIVEN: Final = frozenset({"id", "cluster_id", "name"})
SPELLINGS: Final = frozenset(
    {
        "sec_def",
        "sec_tls_ca_cert_id",
        "sec_tls_ca_cert_name",
        "serialization",
        "tls_ca_cert",
        "validate_tls",
    }
)
"""Keys that are read, and stand for another one that is written."""
HIDDEN: Final = ALIASES | SPELLINGS | {SECRET, "key", "auth_data"}
"""What lists do not show."""


def written(part: Part) -> tuple[str, ...]:
    """Return the keys that a part writes."""
    if isinstance(part, Unused):
        return ()
    return (part.zato,) if isinstance(part, Field | Choice) else part.keys


def given(call: Call) -> PlainDict:
    """Return what a call says of an object."""
    return call.given(*(name for name in call.input if name not in NOT_GIVEN))


def edit_of(mode: str, key: Key, settings: PlainDict) -> PlainDict:
    """Return one edit of several."""
    kind, type, name = key
    return {"kind": kind, "type": type, "name": name, "mode": mode, "settings": settings}


def without_aliases(mapping: Mapping, before: PlainDict, given: PlainDict) -> PlainDict:
    """Return what an object was, without the other spellings of what is given now."""
    hidden = {
        key
        for part in mapping.every_part()
        if not given.keys().isdisjoint(part.keys)
        for key in part.keys
    }
    return {key: value for key, value in before.items() if key not in hidden}


def declared(types: Iterable[ObjectType]) -> tuple[Declared, ...]:
    """Return the declarations of the services of all types."""
    return tuple(one for type in types for one in type.declared())
