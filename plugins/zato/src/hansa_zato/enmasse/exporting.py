"""Writes definitions as a file of enmasse, in the form of 2.0, 3.x, or the minimal one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml

from ..mapping import NO_SECURITY, Generation, Key, Mapping, by_definition
from ..mapping.pubsub import PERMISSION
from ..payloads import PlainDict
from .findings import Finding
from .guards import Guards

FORMS: Final[dict[str, Generation]] = {"2.0": "2.0", "3.x": "3.x", "minimal": "minimal"}
_ORDER: Final = ("security", "outgoing", "channel")


@dataclass
class Exported:
    """The objects of a file by the keys that they are under, and what could not be written."""

    sections: dict[str, list[PlainDict]] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    bases: dict[str, dict[str, PlainDict]] = field(default_factory=dict)

    def add(self, section: str, item: PlainDict) -> None:
        """Add an object under a key."""
        self.sections.setdefault(section, []).append(item)

    def permit(self, security: str, access: dict[str, list[str]]) -> None:
        """Let the callers of a security definition publish or subscribe to further topics."""
        for item in self.sections.get(PERMISSION, []):
            if item["security"] == security:
                break
        else:
            item = {"security": security}
            self.add(PERMISSION, item)
        for key, topics in access.items():
            item.setdefault(key, []).extend(topics)

    def base_name(self, section: str, wanted: str, item: PlainDict) -> str:
        """Return the name of a base with these keys, which is added if there is none yet."""
        there = self.bases.setdefault(section, {})
        for name, other in there.items():
            if other == item:
                return name
        name, number = wanted, 1
        while name in there:
            number += 1
            name = f"{wanted}-{number}"
        there[name] = item
        self.add(section, {"name": name, **item})
        return name


def export(config: PlainDict, generation: Generation) -> Exported:
    """Return the objects that definitions are, as `admin.config.export` returns these with
    placeholders for secrets.
    """
    made = Exported()
    definitions = dict(_definitions(config))
    guards = Guards(definitions, generation)
    for key in sorted(definitions, key=lambda key: (_place(key[0]), key)):
        why = _left_out(key, guards)
        if why:
            made.findings.append(Finding("W20", why, f"{key[0]} {key[1]}", key[2]))
        else:
            _export(made, key, definitions, generation, guards)
    return made


def text_of(made: Exported, generation: Generation) -> str:
    """Return the text of a file: JSON for 2.0, else YAML; the same bytes for the same."""
    if generation == "2.0":
        return json.dumps(made.sections, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    ordered = {section: made.sections[section] for section in sorted(made.sections)}
    text: str = yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=100)
    return text


def _definitions(config: PlainDict) -> Iterator[tuple[Key, PlainDict]]:
    for kind, types in config.items():
        for type, definitions in types.items():
            for name, settings in definitions.items():
                yield (kind, type, name), settings


def _place(kind: str) -> int:
    return _ORDER.index(kind) if kind in _ORDER else len(_ORDER)


def _left_out(key: Key, guards: Guards) -> str:
    """Return why a definition is not written, since roles are not; empty if it is."""
    if key[0] == "role":
        return guards.fault_of(key[2])
    return guards.fault_of_channel(key) if key[0] == "channel" else ""


def _export(
    made: Exported,
    key: Key,
    definitions: dict[Key, PlainDict],
    generation: Generation,
    guards: Guards,
) -> None:
    kind, type, name = key
    mapping = by_definition(kind, type, generation)
    if mapping is None:
        why = f"files of the form {generation} have nothing for {kind} {type}"
        made.findings.append(Finding("W20", why, f"{kind} {type}", name))
        return
    writing, base = mapping.write(name, definitions[key], generation, definitions)
    made.findings += [
        Finding("W21", remark.why, f"{kind} {type}", name, remark.key) for remark in writing.remarks
    ]
    if writing.is_part:
        return
    if _is_open(mapping, definitions[key], writing.item):
        why = "Zato has no security for it, without which it would be open to more callers"
        made.findings.append(Finding("W20", why, f"{kind} {type}", name))
        return
    if mapping.base is not None:
        named = made.base_name(mapping.base.zato, name, base)
        writing.item[mapping.base.keys[0]] = named
    if kind == "channel" and guards.of_channel(key):
        writing.item["has_rbac"] = True
    made.add(_section(mapping, generation), writing.item)
    for section, item in guards.parts_of(name) if kind == "role" else ():
        made.add(section, item)
    for group, members in writing.groups.items():
        made.add("groups", {"name": group, "members": members})
    for security, access in writing.permissions.items():
        made.permit(security, access)
    if mapping.zato == "def_cassandra":
        _export_statements(made, name, definitions[key])


def _is_open(mapping: Mapping, settings: PlainDict, item: PlainDict) -> bool:
    """Whether a channel with security would be written without: it must not be."""
    if mapping.kind != "channel" or not settings.get("security"):
        return False
    keys = ("sec_def", "security_name", "security", "groups")
    return all(item.get(key) in (None, NO_SECURITY) for key in keys)


def _section(mapping: Mapping, generation: Generation) -> str:
    if generation == "minimal":
        return mapping.minimal.partition(".")[0]
    return mapping.section


def _export_statements(made: Exported, name: str, settings: PlainDict) -> None:
    for statement, text in (settings.get("statements") or {}).items():
        made.add(
            "query_cassandra",
            {"name": statement, "def_name": name, "is_active": True, "value": text},
        )
