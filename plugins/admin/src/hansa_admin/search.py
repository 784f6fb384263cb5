"""The admin service that finds anything by a part of its text: `admin.search`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Literal, TypeAlias

from hansa import DefinitionRecord, Model, RegisteredType, setting

from .administration import Administration
from .definitions import without_secrets
from .operation import Operation
from .settings import secret_names

Subject: TypeAlias = Literal["service", "definition", "setting", "type", "file"]
LONGEST = 200
"""Characters of a value that is shown."""


class SearchInput(Model):
    """What to look for."""

    text: Annotated[
        str,
        setting("Text to look for, in upper or lower case", min_length=1, max_length=200),
    ]
    limit: Annotated[int, setting("Maximum number of finds of each group", ge=1, le=1000)] = 20


class Find(Model):
    """One find."""

    group: Annotated[
        Subject,
        setting(
            "What was found: a service, a definition by its name or by a setting of it, a type, a "
            "deployed file"
        ),
    ]
    kind: Annotated[str, setting("Kind of the definition or of the type; else empty")]
    type: Annotated[str, setting("Type of the definition or of the type; else empty")]
    name: Annotated[str, setting("Name of the find")]
    where: Annotated[str, setting("Where the text is: name, help, or the path of the setting")]
    value: Annotated[str, setting("The text around it, at most 200 characters")]


class Finds(Model):
    """What was found."""

    items: Annotated[list[Find], setting("Finds, by group")]
    total: Annotated[int, setting("Number of finds that are returned")]
    more: Annotated[list[str], setting("Groups in which there is more")]


class Search(Operation):
    """Find services, definitions, values of settings, types and deployed files by a part of their
    text.
    """

    name = "admin.search"
    right = "view"
    Input = SearchInput
    Output = Finds

    def handle(self) -> Finds:
        """Return the finds; secrets are not searched."""
        asked: SearchInput = self.request.input
        text = asked.text.lower()
        items: list[Find] = []
        more: list[str] = []
        groups: dict[str, Iterator[Find]] = {
            "service": self._services(text),
            "definition": self._definitions(text),
            "setting": self._settings(text),
            "type": self._types(text),
            "file": self._files(text),
        }
        for group, finds in groups.items():
            found = list(islice(finds, asked.limit + 1))
            items += found[: asked.limit]
            if len(found) > asked.limit:
                more.append(group)
        return Finds(items=items, total=len(items), more=more)

    def _services(self, text: str) -> Iterator[Find]:
        for service in self.server.registry.services():
            if text in service.name.lower():
                help = (service.cls.__doc__ or "").strip().partition("\n")[0]
                yield _find("service", "", "", service.name, "name", help)

    def _records(self) -> list[DefinitionRecord]:
        return self.server.resource(Administration).index.current(self.server).records

    def _definitions(self, text: str) -> Iterator[Find]:
        for record in self._records():
            if text in record.name.lower():
                yield _find("definition", record.kind, record.type, record.name, "name", "")

    def _settings(self, text: str) -> Iterator[Find]:
        secrets = {one.model: frozenset(secret_names(one.model)) for one in self._registered()}
        models = {(one.kind, one.type): one.model for one in self._registered()}
        for record in self._records():
            model = models.get((record.kind, record.type))
            if model is None:
                continue  # nobody knows which of its settings are secret
            shown = without_secrets(record.data, secrets[model])
            for path, value in values_in(shown):
                if text in value.lower():
                    yield _find("setting", record.kind, record.type, record.name, path, value)

    def _registered(self) -> list[RegisteredType]:
        return list(self.server.registry.types())

    def _types(self, text: str) -> Iterator[Find]:
        for one in self._registered():
            help = (one.cls.__doc__ or "").strip().partition("\n")[0]
            if text in f"{one.kind} {one.type}".lower():
                yield _find("type", one.kind, one.type, one.type, "name", help)
            elif text in help.lower():
                yield _find("type", one.kind, one.type, one.type, "help", help)

    def _files(self, text: str) -> Iterator[Find]:
        for file in self.server.packages.serving():
            if text in file.lower():
                yield _find("file", "", "", file, "name", "")


def values_in(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield the texts and numbers in plain data with their paths, such as `retry.through`."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from values_in(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from values_in(inner, f"{path}[{index}]")
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        yield path, str(value)


def _find(group: Subject, kind: str, type: str, name: str, where: str, value: str) -> Find:
    return Find(group=group, kind=kind, type=type, name=name, where=where, value=value[:LONGEST])


OPERATIONS: tuple[type[Operation], ...] = (Search,)
