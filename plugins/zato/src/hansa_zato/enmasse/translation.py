"""Turns the objects of a file into definitions, and says what becomes of each."""

from __future__ import annotations

from collections.abc import Mapping as Environment
from dataclasses import dataclass, field
from typing import Final

from ..mapping import (
    BUILT_IN,
    DELETED,
    NOT_CARRIED,
    Generation,
    Key,
    Mapping,
    Reading,
    Remark,
    by_definition,
    by_section,
    security_types,
)
from ..mapping.pubsub import PERMISSION
from ..mapping.roles import CHANNELS, ROLE
from ..payloads import PlainDict
from .environment import with_values
from .findings import Finding, ZatoObject
from .permissions import Permissions
from .reading import Document
from .roles import PARTS, Roles

GROUPS: Final = "groups"
QUERIES: Final = "query_cassandra"
_PART_OF_OTHERS: Final = frozenset({"def_amqp", "def_jms_wmq", GROUPS, QUERIES, PERMISSION, *PARTS})
"""Keys whose objects are no definitions of their own, but parts of others."""

_OWN: Final = frozenset({"admin.invoke", "ide_publisher", "metrics"})
"""Names of definitions that come with Zato, beside those that begin with `zato.`"""

_CODES: Final = {"fault": "E08", "lost": "W21", "differs": "W22"}
_MASKS: Final = ("gAAAA", "zato+secret://", "zato.enc.", "****")
"""How a password begins that Zato has encrypted, or masked."""


@dataclass
class Translated:
    """A definition, the object that it comes from, and the mapping between the two."""

    key: Key
    settings: PlainDict
    source: ZatoObject
    mapping: Mapping


@dataclass
class Translation:
    """The definitions of a file, and what is to be said about it."""

    definitions: dict[Key, Translated] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    signs: set[str] = field(default_factory=set)
    generation: Generation = "2.0"
    left_out: list[ZatoObject] = field(default_factory=list)


def translate(
    document: Document, variables: Environment[str, str], *, keep_variables: bool = False
) -> Translation:
    """Return the definitions of a file. `variables` is the environment that values may name."""
    made = Translation(generation=document.generation, findings=list(document.findings))
    objects = [
        with_values(one, variables, made.findings, keep=keep_variables) for one in document.objects
    ]
    context = _Context(made, objects)
    root = context.roles.of_root(objects[0]) if objects else None
    for one in [*objects, *filter(None, [root])]:
        if one.section not in _PART_OF_OTHERS:
            context.translate(one)
    context.tell_unused()
    for (kind, _, name), definition in made.definitions.items():
        if kind == "security" and name in made.signs and _can_sign(definition.key[1]):
            definition.settings["signs"] = True
    return made


def _can_sign(type: str) -> bool:
    return type in ("basic", "apikey", "wss", "oauth1")


class _Context:
    """The objects of a file by what others name them by."""

    def __init__(self, made: Translation, objects: list[ZatoObject]) -> None:
        self.made = made
        self.by_name = {(one.section, one.name): one for one in objects}
        self.used: set[tuple[str, str]] = set()
        self.groups = {one.name: self._members(one) for one in objects if one.section == GROUPS}
        self.permissions = Permissions(objects, made)
        self.roles = Roles(objects, made)
        self.queries = [one for one in objects if one.section == QUERIES]

    def _members(self, one: ZatoObject) -> list[str]:
        """Return the members of a group."""
        members = one.item.get("members") or []
        if isinstance(members, list):
            return [str(member) for member in members]
        self._tell(one.finding("E08", "is not a list", "members"))
        return []

    def translate(self, one: ZatoObject) -> None:
        """Add the definition that an object is."""
        mapping = self._mapping(one)
        if mapping is None:
            return
        if not one.name:
            self._tell(one.finding("E04", "has no name", "name"))
            return
        base = self._base(one, mapping)
        if mapping.base is not None and base is None:
            return
        item = self._without_encrypted(one, self._with_others(one))
        if base is not None:
            base = self._without_encrypted(one, base)
        reading = mapping.read(item, self.made.generation, base=base, groups=self.groups)
        if self._has_lost_it(one, reading):
            return
        self.made.signs |= reading.signs
        key = (mapping.kind, mapping.type, one.name)
        self._add(Translated(key, reading.settings, one, mapping))
        for more, settings in reading.more.items():
            of_more = by_definition(more[0], more[1], "3.x") or mapping
            settings = self._without_encrypted(one, settings)
            self._add(Translated(more, settings, one, of_more))

    def _add(self, definition: Translated) -> None:
        if definition.key in self.made.definitions:
            self._tell(definition.source.finding("E01", "is in the file twice"))
            return
        self.made.definitions[definition.key] = definition

    def _mapping(self, one: ZatoObject) -> Mapping | None:
        """Return the mapping of an object; None, and a finding, if it is not carried over."""
        if one.section in ("def_sec", "security") and not one.security_type:
            self._tell(one.finding("E04", "has no type", "type"))
            return None
        if one.item.get("should_delete") is True:
            self._leave_out(one, DELETED.why, DELETED.instead)
            return None
        if _is_built_in(one):
            self._leave_out(one, BUILT_IN.why, BUILT_IN.instead)
            return None
        found = by_section(one.section, one.security_type)
        if found is not None:
            return found
        reason = NOT_CARRIED.get(one.type) or NOT_CARRIED.get(f"def_sec.{one.security_type}")
        if reason is not None:
            self._leave_out(one, reason.why, reason.instead)
        elif one.security_type:
            known = ", ".join(sorted(security_types()))
            self._tell(one.finding("E09", f"there is no type {one.security_type!r} ({known})"))
        else:
            self._tell(one.finding("E10", "is no key of enmasse"))
        return None

    def _base(self, one: ZatoObject, mapping: Mapping) -> PlainDict | None:
        """Return the keys of the definition that an object names; None if there is none."""
        if mapping.base is None:
            return None
        named = next((one.item[key] for key in mapping.base.keys if one.item.get(key)), None)
        found = self.by_name.get((mapping.base.zato, str(named)))
        if found is None:
            code = "E05" if named else "E08"
            why = f"there is no {mapping.base.zato} {named!r}" if named else "is required"
            self._tell(one.finding(code, why, mapping.base.keys[0]))
            return None
        self.used.add((found.section, found.name))
        return {key: value for key, value in found.item.items() if key not in ("name", "is_active")}

    def _with_others(self, one: ZatoObject) -> PlainDict:
        """Return an object with what further objects of the file say of it."""
        if one.section == "def_cassandra":
            return self._with_queries(one)
        if one.section == "pubsub_topic":
            return {**one.item, **self.permissions.of_topic(one.name)}
        if one.section == ROLE:
            return self.roles.of_role(one)
        if one.section in CHANNELS and self.roles.is_guarded(one):
            return self._with_callers(one)
        return one.item

    def _with_callers(self, one: ZatoObject) -> PlainDict:
        """Return a channel that roles guard as they do here, or as it is if none can."""
        found = self.roles.of_channel(one)
        if found is None:
            return one.item
        item, callers = found
        if not callers:
            return item
        group = f"callers of {one.name}"
        self.groups[group] = callers
        return {**item, "groups": [group]}

    def _with_queries(self, one: ZatoObject) -> PlainDict:
        """Return a definition of Cassandra with the statements that name it."""
        mine = [query for query in self.queries if _definition_of(query) == one.name]
        for query in mine:
            self.used.add((QUERIES, query.name))
        return {**one.item, "queries": {query.name: query.item.get("value", "") for query in mine}}

    def _without_encrypted(self, one: ZatoObject, item: PlainDict) -> PlainDict:
        """Return an object without passwords that only Zato can read."""
        kept = {}
        for key, value in item.items():
            if isinstance(value, str) and value.startswith(_MASKS):
                self._tell(one.finding("W24", "is encrypted by Zato's own key", key))
            else:
                kept[key] = value
        return kept

    def _has_lost_it(self, one: ZatoObject, reading: Reading) -> bool:
        """Tell the remarks about an object, and whether one of them leaves it out."""
        fatal = [remark for remark in reading.remarks if remark.code == "W20"]
        for remark in fatal:
            self._leave_out(one, remark.why, remark.instead, remark.key)
        if fatal:
            return True
        for remark in reading.remarks:
            self._tell(_finding(one, remark))
        return False

    def _leave_out(self, one: ZatoObject, why: str, instead: str, key: str = "") -> None:
        self.made.left_out.append(one)
        self._tell(one.finding("W20", why, key, instead))

    def _tell(self, finding: Finding) -> None:
        self.made.findings.append(finding)

    def tell_unused(self) -> None:
        """Say which parts of others no object names."""
        for (section, name), one in self.by_name.items():
            if section in ("def_amqp", "def_jms_wmq", QUERIES) and (section, name) not in self.used:
                why = "no channel or connection that is carried over names it"
                self._leave_out(one, why, "")
        for one, key, why, instead in self.permissions.unused():
            self._leave_out(one, why, instead, key)


def _definition_of(query: ZatoObject) -> str:
    return str(
        query.item.get("def_name") or query.item.get("sec_def") or query.item.get("def") or ""
    )


def _is_built_in(one: ZatoObject) -> bool:
    own = one.name.startswith("zato.") or one.name in _OWN
    return own or one.item.get("is_internal") is True


def _finding(one: ZatoObject, remark: Remark) -> Finding:
    code = remark.code or _CODES[remark.kind]
    return one.finding(code, remark.why, remark.key, remark.instead)
