"""A mapping: one type of Zato's objects, and the type of definitions that they are here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ..payloads import PlainDict
from .parts import (
    ACTIVE,
    Generation,
    Key,
    Part,
    Reading,
    Remark,
    Writing,
    all_keys,
    written_settings,
)

SILENT: Final = frozenset(
    {
        "name",
        "id",
        "cluster_id",
        "cluster_name",
        "connection",
        "transport",
        "type",
        "type_",
        "is_internal",
        "is_default",
        "should_delete",
        "opaque1",
        "old_name",
        "sec_type",
        "sec_def_type",
        "security_id",
        "service_id",
        "def_id",
        "def_sec_id",
        "impl_name",
        "vault_conn_default_auth_method",
    }
)
"""Keys that say nothing of their own: numbers of rows, and what the type says already."""


def administered(kind: str, type: str) -> str:
    """Return what the names of the admin services of a type of definitions begin with."""
    return f"admin.{kind}" if kind == type else f"admin.{kind}.{type}"


@dataclass(frozen=True, slots=True)
class Base:
    """Another object that an object of Zato names, and whose settings it has here itself.

    Zato's connection definitions are such: here each channel and connection says where it connects to.
    """

    zato: str
    keys: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """How objects of one type of Zato are definitions of one type here, and the other way round.

    `zato` is the key in files of 2.0 and 3.x, with a security definition's type after a point;
    `minimal` is the key in minimal files, empty if these have none. One that is not `imported`
    writes what objects read by another mapping of the same key are, too.
    """

    zato: str
    kind: str
    type: str
    parts: tuple[Part, ...]
    minimal: str = ""
    base: Base | None = None
    note: str = ""
    exported: bool = True
    imported: bool = True
    only_minimal: bool = False
    quiet: frozenset[str] = field(default=frozenset())

    @property
    def is_minimal(self) -> bool:
        """Whether files of 2.0 and 3.x have no such objects, so that none are written to them."""
        return self.only_minimal or self.zato.startswith("security.")

    @property
    def administered(self) -> str:
        """What the names of the admin services of its definitions begin with."""
        return administered(self.kind, self.type)

    @property
    def section(self) -> str:
        """The key of a file under which its objects are."""
        return self.zato.partition(".")[0]

    @property
    def security_type(self) -> str:
        """The `type` of a security definition; empty for other objects."""
        return self.zato.partition(".")[2]

    def every_part(self) -> tuple[Part, ...]:
        """Return its parts, those of its base, and the one that all types have."""
        return (ACTIVE, *self.parts, *(self.base.parts if self.base else ()))

    def read(
        self,
        item: PlainDict,
        generation: Generation = "2.0",
        *,
        base: PlainDict | None = None,
        groups: dict[str, list[str]] | None = None,
    ) -> Reading:
        """Return an object as it reads here, with what is to be said about it."""
        reading = Reading(item, generation, str(item.get("name", "")), groups or {})
        for part in (ACTIVE, *self.parts):
            part.read(reading)
        if self.base is not None and base is not None:
            reading.item = base
            for part in self.base.parts:
                part.read(reading)
            reading.item = item
        self._tell_unknown(reading, item, base or {})
        if self.note:
            reading.differs("", self.note)
        return reading

    def _tell_unknown(self, reading: Reading, item: PlainDict, base: PlainDict) -> None:
        """Say which keys with a value are not known."""
        known = {*SILENT, *self.quiet, *all_keys(self.every_part())}
        if self.base is not None:
            known.update(self.base.keys)
        for key, value in {**base, **item}.items():
            if key not in known and value not in (None, "", False, [], {}):
                reading.lost(key, "is not known here")

    def write(
        self,
        name: str,
        settings: PlainDict,
        generation: Generation,
        others: dict[Key, PlainDict] | None = None,
    ) -> tuple[Writing, PlainDict]:
        """Return a definition as it is written for Zato, and its base, which has no name yet."""
        writing = Writing(settings, generation, name, others or {}, {"name": name})
        if self.security_type:
            writing.item["type"] = self.security_type
        for part in (ACTIVE, *self.parts):
            part.write(writing)
        base = Writing(settings, generation, name, others or {})
        if self.base is not None:
            for part in self.base.parts:
                part.write(base)
        writing.remarks += base.remarks
        covered = {*written_settings(self.every_part()), "signs"}
        writing.remarks += [
            Remark("lost", setting, "Zato has nothing of the kind")
            for setting in sorted(settings)
            if setting not in covered
        ]
        return writing, base.item
