"""Imports a file: first what would change, then the change, both by the admin API as one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from ..mapping import Key
from ..mapping.parts import all_settings
from ..mapping.pubsub import TOPIC
from ..payloads import PlainDict
from .findings import Finding, ZatoObject
from .passwords import Ask, fill
from .reading import read
from .translation import Translation, translate

_REFERENCES: Final = frozenset(
    {"security", "login", "tls_ca", "publishers", "subscribers", "response_cache"}
)
PAUSE: Final = 0.5
"""Seconds between two looks whether services are there."""


class Api(Protocol):
    """Calls services of the admin API."""

    def call(self, service: str, data: Mapping[str, object] | None = None) -> PlainDict:
        """Return the answer of a service; raises `ServerRefused`."""


class ServerRefused(Exception):
    """The server refuses a configuration; `errors` has the fault of each setting, by its path."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("; ".join(errors.values()))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a file is to be imported.

    With `keep_variables`, passwords stay references to the environment of the servers; with
    `replace_passwords`, those that are kept as hashes are replaced. `wait` is how many seconds
    services may take to appear. `sections` and `names` say which objects are imported, all by default,
    and `without` which keys of the file are left out.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    ask: Ask | None = None
    keep_variables: bool = False
    replace_passwords: bool = False
    wait: float = 0.0
    sections: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


@dataclass
class Plan:
    """What a file would change, and what is to be said about it."""

    translation: Translation
    config: PlainDict = field(default_factory=dict)
    changes: list[PlainDict] = field(default_factory=list)
    unchanged: int = 0

    @property
    def findings(self) -> list[Finding]:
        """Everything that is to be said, errors first."""
        found = self.translation.findings
        return sorted(found, key=lambda one: (one.severity, one.file, one.line, one.code))

    @property
    def has_errors(self) -> bool:
        """Whether nothing may be changed."""
        return any(one.severity == "error" for one in self.translation.findings)

    @property
    def is_whole(self) -> bool:
        """Whether every object of the file is carried over."""
        return not self.translation.left_out

    def show(self) -> PlainDict:
        """Return it as JSON has it."""
        return {
            "changes": self.changes,
            "unchanged": self.unchanged,
            "findings": [one.show() for one in self.findings],
        }


def plan(path: Path, api: Api, wishes: Wishes) -> Plan:
    """Return what importing a file would change; nothing is changed."""
    document = read(path)
    document.objects = [one for one in document.objects if _is_wanted(one, wishes)]
    made = translate(document, wishes.variables, keep_variables=wishes.keep_variables)
    current = dict(_definitions(api.call("admin.config.export", {})))
    _keep_names(made, current)
    fill(made, current, wishes.variables, ask=wishes.ask, replace=wishes.replace_passwords)
    found = Plan(made, config_of(made, current))
    _ask_server(found, api, wishes.wait)
    return found


def _is_wanted(one: ZatoObject, wishes: Wishes) -> bool:
    if one.section in wishes.without:
        return False
    in_section = not wishes.sections or one.section in wishes.sections
    return in_section and (not wishes.names or one.name in wishes.names)


def _keep_names(made: Translation, current: Mapping[Key, PlainDict]) -> None:
    """Have topics be the definitions that they are on the server, which files name by their topic.

    A definition is not renamed if another topic of the file has its name: the server refuses that.
    """
    there = {
        settings.get("topic"): key for key, settings in current.items() if key[0] == TOPIC.kind
    }
    for key, definition in list(made.definitions.items()):
        known = there.get(definition.settings.get("topic")) if key[0] == TOPIC.kind else None
        if known is not None and known not in made.definitions:
            definition.key = known
            made.definitions[known] = made.definitions.pop(key)


def apply(found: Plan, api: Api) -> PlainDict:
    """Make the changes of a plan, all of them or none, and return the server's answer.

    Raises `ServerRefused` if it does not take them.
    """
    if not found.changes:
        return {"changes": [], "unchanged": found.unchanged, "revision": None}
    return api.call("admin.config.apply", {"config": found.config})


def config_of(made: Translation, current: Mapping[Key, PlainDict]) -> PlainDict:
    """Return the definitions of a file as one configuration.

    What Zato has no word for stays as it is in definitions that are there.
    """
    config: PlainDict = {}
    for (kind, type, name), definition in made.definitions.items():
        there = current.get((kind, type, name), {})
        covered = set(all_settings(definition.mapping.every_part()))
        kept = {setting: value for setting, value in there.items() if setting not in covered}
        of_type = config.setdefault(kind, {}).setdefault(type, {})
        of_type[name] = _with_kept(kept, definition.settings)
    return config


def _with_kept(kept: PlainDict, settings: PlainDict) -> PlainDict:
    """Return settings with those that stay as they are, also in a section that has both."""
    found = {**kept, **settings}
    for name, section in settings.items():
        there = kept.get(name)
        if isinstance(there, dict) and isinstance(section, dict):
            found[name] = {**there, **section}
    return found


def _definitions(config: PlainDict) -> Iterator[tuple[Key, PlainDict]]:
    for kind, types in config.items():
        for type, definitions in types.items():
            for name, settings in definitions.items():
                yield (kind, type, name), settings


def _ask_server(found: Plan, api: Api, wait: float) -> None:
    """Ask the server for its plan, again while services are missing that may yet appear."""
    deadline = time.monotonic() + wait
    while True:
        try:
            answer = api.call("admin.config.plan", {"config": found.config})
        except ServerRefused as refused:
            faults = list(_faults(found.translation, refused.errors))
            only_services = all(one.code == "E12" for one in faults)
            if only_services and not found.has_errors and time.monotonic() < deadline:
                time.sleep(PAUSE)
                continue
            told = {(one.name, one.key) for one in found.findings if one.severity == "error"}
            found.translation.findings += [one for one in faults if (one.name, one.key) not in told]
            return
        found.changes = list(answer["changes"])
        found.unchanged = int(answer["unchanged"])
        return


def _faults(made: Translation, errors: Mapping[str, str]) -> Iterator[Finding]:
    """Return what the server refuses, by the objects of the file that it is about."""
    by_path = {".".join(key): definition for key, definition in made.definitions.items()}
    for path, fault in errors.items():
        owner = next((above for above in _upwards(path) if above in by_path), "")
        if not owner:
            yield Finding("E13", f"{path}: {fault}" if path else fault)
            continue
        setting = path.removeprefix(owner).removeprefix(".")
        yield by_path[owner].source.finding(_code(setting), fault, setting)


def _upwards(path: str) -> Iterator[str]:
    """Return a path, and what it is below, the nearest first; names may have points themselves."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _code(setting: str) -> str:
    first = setting.partition(".")[0]
    return "E12" if first == "service" else "E05" if first in _REFERENCES else "E13"
