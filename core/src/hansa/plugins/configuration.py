"""config.toml: one server's bootstrap, read by the same settings as everything else, with all
faults told at once.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from ..contract.records import Key, PlainSettings
from ..contract.registry import Registry
from ..foundation.errors import HansaError, Invalid
from ..settings.model import Model, Secret, setting
from ..settings.resolve import resolve
from ..settings.validate import load

SectionT = TypeVar("SectionT", bound=Model)
_NAME = r"^[A-Za-z0-9_.-]{1,64}$"


class ServerSection(Model):
    """The server itself: `[server]`."""

    name: Annotated[str, setting("Name of this server, unique in its cluster", pattern=_NAME)] = (
        "server1"
    )
    cluster: Annotated[str, setting("Name of the cluster it belongs to", pattern=_NAME)] = "hansa"
    workers: Annotated[int, setting("Number of worker processes", ge=1, le=64)] = 2
    dir: Annotated[
        str, setting("Folder of everything this server writes; relative to the configuration file")
    ] = "var"
    grace: Annotated[
        float, setting("Seconds that requests get to finish when a worker ends", ge=0, le=3600)
    ] = 30.0
    trial_timeout: Annotated[
        float, setting("Seconds a deployed source may take to import", gt=0, le=300)
    ] = 10.0
    say: Annotated[
        list[str], setting("Lines to print once it is ready; {http} is where it listens for HTTP")
    ] = []
    secret_key: Annotated[
        Secret | None,
        setting(
            "Key that encrypts secrets in the ODB; by default in the file secret.key", advanced=True
        ),
    ] = None


class OdbSection(Model):
    """The ODB, where definitions, service sources and the change log live: `[odb]`."""

    url: Annotated[
        Secret | None,
        setting(
            "SQLAlchemy URL; by default an SQLite file in the folder",
            example="postgresql://user:pw@db/hansa",
        ),
    ] = None


class PluginsSection(Model):
    """Which plugins are loaded: `[plugins]`."""

    enabled: Annotated[
        list[str] | None, setting("Load only these plugins; by default all that are installed")
    ] = None
    blocked: Annotated[list[str], setting("Never load these plugins")] = []


class LogSection(Model):
    """What is logged: `[log]`."""

    level: Annotated[str, setting("Least level", pattern="^(DEBUG|INFO|WARNING|ERROR)$")] = "INFO"
    format: Annotated[
        Literal["text", "json"], setting("Lines of server.log: text, or JSON objects")
    ] = "text"
    max_size: Annotated[
        int, setting("Bytes after which a file is moved to FILE.1, and a new one begun", ge=1)
    ] = 2**26
    kept: Annotated[int, setting("How many files moved away are kept", ge=1, le=1000)] = 10


class ServicesSection(Model):
    """Service sources that come with this configuration: `[services]`."""

    files: Annotated[
        list[str], setting("Python files to deploy at start; relative to the configuration file")
    ] = []


_SECTIONS: list[type[Model]] = [
    ServerSection,
    OdbSection,
    PluginsSection,
    LogSection,
    ServicesSection,
]
CORE_SECTIONS = {model.__name__.removesuffix("Section").lower(): model for model in _SECTIONS}


class Config:
    """A read configuration: `server`, `odb`, `plugins`, `log`, `services`, `section(NAME)` for a
    plugin's, `definitions`.

    `definitions` holds (kind, type, name, settings) from tables such as `[channel.http.NAME]`;
    `path` is the file, `dir` the server's folder, both absolute.
    """

    def __init__(self, path: Path, data: dict[str, Any], directory: Path | None = None) -> None:
        self.path = path
        self.data = data
        self._models: Mapping[str, type[Model]] = CORE_SECTIONS
        self._sections: dict[str, Model] = {}
        self._directory = directory
        self.definitions: list[tuple[str, str, str, dict[str, Any]]] = []
        self.listening: dict[str, str] = {}

    def validate(
        self,
        sections: Mapping[str, type[Model]],
        kinds: Mapping[str, type],
        registry: Registry | None = None,
    ) -> None:
        """Read every section by its model, and with a `registry` every definition; raises `Invalid`
        with all faults.
        """
        faults: dict[str, str] = {}
        self._models = {**CORE_SECTIONS, **sections}
        self.definitions = []
        for name, content in self.data.items():
            if name in kinds:
                self._read_definitions(name, content, faults)
            elif name not in self._models:
                faults[name] = (
                    f"unknown section (there are: {', '.join(sorted([*self._models, *kinds]))})"
                )
        for name, model in self._models.items():
            try:
                self._sections[name] = load(model, resolve(self.data.get(name, {})))
            except Invalid as invalid:
                faults.update(
                    {f"{name}.{key}".strip("."): fault for key, fault in invalid.errors.items()}
                )
        if registry is not None:
            for key, data in self._by_key():
                faults.update(_definition_faults(registry, key, data))
        self.refuse(faults)

    def _by_key(self) -> list[tuple[Key, PlainSettings]]:
        return [((kind, type, name), data) for kind, type, name, data in self.definitions]

    def refuse(self, faults: dict[str, str]) -> None:
        """Raise `Invalid` with the faults, if any, each by the file and its key."""
        if faults:
            raise Invalid({f"{self.path}: {key}": fault for key, fault in faults.items()})

    def _read_definitions(self, kind: str, content: Any, faults: dict[str, str]) -> None:
        for type, named in content.items() if isinstance(content, dict) else [("", None)]:
            for name, settings in named.items() if isinstance(named, dict) else [("", None)]:
                if isinstance(settings, dict):
                    self.definitions.append((kind, type, name, settings))
                else:
                    faults[f"{kind}.{type}.{name}".strip(".")] = (
                        f"a definition is a table [{kind}.TYPE.NAME]"
                    )

    def section(self, model: type[SectionT]) -> SectionT:
        """Return a section by the model that `hansa_settings` declared for it; defaults where the
        file has none.

        KeyError for a section that no plugin declared.
        """
        for name, declared in self._models.items():
            if declared is model:
                found = self._section(name)
                assert isinstance(found, model)
                return found
        raise KeyError(f"no plugin declares a section of config.toml as {model.__name__}")

    def _section(self, name: str) -> Model:
        if (
            name not in self._sections
        ):  # core's own may be needed before the plugins have declared theirs
            self._sections[name] = load(self._models[name], resolve(self.data.get(name, {})))
        return self._sections[name]

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
        """The folder of everything this server writes."""
        return self._directory or (self.path.parent / self.server.dir).resolve()

    @property
    def odb_url(self) -> str:
        """The SQLAlchemy URL of the ODB."""
        return str(self.odb.url or f"sqlite:///{self.dir / 'odb.sqlite'}")


def _definition_faults(registry: Registry, key: Key, data: PlainSettings) -> dict[str, str]:
    """Return the faults of one definition by path; what only a plugin can resolve is judged when it
    is defined.
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
    """Parse a file, not yet validated; `overrides` maps `section.key` to a value that goes before
    the file's.

    Raises `Invalid` naming the file when it is missing or not TOML.
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
        if isinstance(data.setdefault(section, {}), dict):
            data[section][name] = value
    return Config(absolute, data, Path(directory).resolve() if directory else None)
