"""config.toml: one server's bootstrap, read by the same settings as everything else.

All faults are reported at once.
"""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ..contract.records import Key, PlainSettings
from ..contract.registry import Registry
from ..foundation.errors import HansaError, Invalid
from ..settings.model import Model, fields
from ..settings.resolve import resolve
from ..settings.validate import load
from .sections import (
    CORE_SECTIONS,
    LogSection,
    OdbSection,
    PluginsSection,
    ServerSection,
    ServicesSection,
)

log = logging.getLogger("hansa.plugins")

LISTEN_VARIABLE = "HANSA_LISTEN_"
"""The environment variable, followed by the name of a socket, with the address that a server listens
at, such as `HANSA_LISTEN_HTTP`; servers set it for their own definitions, which may refer to it as
`{"$env": "HANSA_LISTEN_HTTP"}`.
"""

SectionT = TypeVar("SectionT", bound=Model)
Document = dict[str, Any]
"""What a TOML file holds."""


@dataclass(frozen=True)
class Absent:
    """Plugins that are installed and not loaded: what the file says for them is left unread.

    `names` are those that are known; with `unknown`, any section may be theirs.
    """

    names: Set[str]
    unknown: bool = False

    def may_own(self, section: str) -> bool:
        """Whether a section of config.toml, or a type, may be one of theirs."""
        return self.unknown or section in self.names


ALL_PRESENT = Absent(frozenset())


class Config:
    """A read configuration: core's sections as attributes, those of plugins by `section(MODEL)`.

    `definitions` holds (kind, type, name, settings) from tables such as `[channel.http.NAME]`;
    `path` is the file, `dir` the server's directory, both absolute. `listening` gets the addresses
    of bound sockets by name. A section that is named as a kind has its settings beside the tables
    of definitions, as `[security] minimum_secret` beside `[security.basic.NAME]`.
    """

    def __init__(self, path: Path, data: Document, directory: Path | None = None) -> None:
        self.path = path
        self.data = data
        self.definitions: list[tuple[str, str, str, PlainSettings]] = []
        self.listening: dict[str, str] = {}
        self._models: Mapping[str, type[Model]] = CORE_SECTIONS
        self._sections: dict[str, Model] = {}
        self._kinds: Set[str] = frozenset()
        self._directory = directory

    # -- read --------------------------------------------------------------------------------------

    def section(self, model: type[SectionT]) -> SectionT:
        """Return a section by the model that `hansa_settings` declared for it.

        It has its defaults where the file has none. KeyError for a section that no plugin declared.
        """
        for name, declared in self._models.items():
            if declared is model:
                found = self._section(name)
                assert isinstance(found, model)
                return found
        raise KeyError(f"no plugin declares a section of config.toml as {model.__name__}")

    def _section(self, name: str) -> Model:
        # core's own may be needed before the plugins have declared theirs
        if name not in self._sections:
            self._sections[name] = self._load(name)
        return self._sections[name]

    def _load(self, name: str) -> Model:
        model = self._models[name]
        content = self.data.get(name, {})
        if name in self._kinds and isinstance(content, dict):
            own = {field.name for field in fields(model)}
            content = {key: value for key, value in content.items() if key in own}
        return load(model, resolve(content))

    @property
    def server(self) -> ServerSection:
        """The section `[server]`."""
        return self.section(ServerSection)

    @property
    def odb(self) -> OdbSection:
        """The section `[odb]`."""
        return self.section(OdbSection)

    @property
    def plugins(self) -> PluginsSection:
        """The section `[plugins]`."""
        return self.section(PluginsSection)

    @property
    def log(self) -> LogSection:
        """The section `[log]`."""
        return self.section(LogSection)

    @property
    def services(self) -> ServicesSection:
        """The section `[services]`."""
        return self.section(ServicesSection)

    @property
    def dir(self) -> Path:
        """The directory of everything that this server writes."""
        return self._directory or (self.path.parent / self.server.dir).resolve()

    @property
    def odb_url(self) -> str:
        """The SQLAlchemy URL of the operational database."""
        return str(self.odb.url or f"sqlite:///{self.dir / 'odb.sqlite'}")

    # -- validate ----------------------------------------------------------------------------------

    def validate(
        self,
        sections: Mapping[str, type[Model]],
        kinds: Iterable[str],
        registry: Registry | None = None,
        absent: Absent = ALL_PRESENT,
    ) -> None:
        """Read every section by its model, and with a `registry` every definition; what may belong
        to plugins that are `absent` is left out.

        Raises `Invalid` with all faults, each by the file and its key.
        """
        faults: dict[str, str] = {}
        self._models = {**CORE_SECTIONS, **sections}
        self._kinds = frozenset(kinds)
        self.definitions = []
        known = sorted({*self._models, *self._kinds})
        for name, content in self.data.items():
            if name in self._kinds:
                faults.update(self._read_definitions(name, content))
            elif name not in self._models and absent.may_own(name):
                log.warning(
                    "%s: the section [%s] is not read: no loaded plugin has it", self.path, name
                )
            elif name not in self._models:
                faults[name] = f"unknown section (there are: {', '.join(known)})"
        for name in self._models:
            try:
                self._sections[name] = self._load(name)
            except Invalid as invalid:
                for key, fault in invalid.errors.items():
                    faults[f"{name}.{key}".strip(".")] = fault
        if registry is not None:
            self._leave_out(registry, absent)
            for kind, type, name, data in self.definitions:
                faults.update(_definition_faults(registry, (kind, type, name), data))
        self.refuse(faults)

    def _leave_out(self, registry: Registry, absent: Absent) -> None:
        """Leave out definitions of types that are not registered and may be of absent plugins."""
        there = {(one.kind, one.type) for one in registry.types()}
        kept = []
        for definition in self.definitions:
            kind, type, name, _ = definition
            if (kind, type) in there or not absent.names:
                kept.append(definition)
            else:
                log.warning(
                    "%s: no loaded plugin has the type of %s %s %s", self.path, kind, type, name
                )
        self.definitions = kept

    def _read_definitions(self, kind: str, content: object) -> dict[str, str]:
        """Take the definitions of a kind; returns the faults of what is not one, by key."""
        faults: dict[str, str] = {}
        expected = f"a definition is a table [{kind}.TYPE.NAME]"
        model = self._models.get(kind)
        own = {field.name for field in fields(model)} if model else set()
        if own:
            expected += f", a setting one of: {', '.join(sorted(own))}"
        if not isinstance(content, dict):
            return {kind: expected}
        for type, named in content.items():
            if type in own:
                continue
            if not isinstance(named, dict):
                faults[f"{kind}.{type}"] = expected
                continue
            for name, settings in named.items():
                if isinstance(settings, dict):
                    self.definitions.append((kind, type, name, settings))
                else:
                    faults[f"{kind}.{type}.{name}"] = expected
        return faults

    def refuse(self, faults: Mapping[str, str]) -> None:
        """Raise `Invalid` with the faults, if any, each by the file and its key."""
        if faults:
            raise Invalid({f"{self.path}: {key}": fault for key, fault in faults.items()})


def _definition_faults(registry: Registry, key: Key, data: PlainSettings) -> dict[str, str]:
    """Return the faults of one definition by path.

    What only a plugin can resolve is judged when it is defined.
    """
    kind, type, _ = key
    unresolved: list[str] = []

    def note(reference: str, value: object) -> None:
        unresolved.append(reference)

    try:
        model = registry.type(kind, type).model
        load(model, resolve(model.upgrade(data), note), strict=False)
    except HansaError as error:
        if unresolved:
            return {}
        found = error.errors if isinstance(error, Invalid) else {"": error.detail}
        return {".".join((*key, setting)).strip("."): fault for setting, fault in found.items()}
    return {}


def read_config(
    path: str | os.PathLike[str],
    *,
    directory: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> Config:
    """Parse a file, not yet validated.

    `overrides` maps `section.key` to a value that goes before the file's. Raises `Invalid` naming
    the file when it is missing or not TOML.
    """
    absolute = Path(path).resolve()
    try:
        data = tomllib.loads(absolute.read_text())
    except OSError as error:
        raise Invalid({str(absolute): f"cannot be read: {error.strerror}"}) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid({str(absolute): f"is not valid TOML: {error}"}) from None
    for key, value in (overrides or {}).items():
        section, _, name = key.partition(".")
        content = data.setdefault(section, {})
        if isinstance(content, dict):
            content[name] = value
    return Config(absolute, data, Path(directory).resolve() if directory else None)
