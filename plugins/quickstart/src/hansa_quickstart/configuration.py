"""Configuration files of components, changed without losing their comments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, TypeAlias, cast

import tomlkit
from hansa import replace_file

from .component import Component

Document: TypeAlias = MutableMapping[str, Any]
"""A configuration, or a section of one, as tomlkit holds it: plain values with their comments."""


def edit_configuration(component: Component, change: Callable[[Document], None]) -> None:
    """Change a component's configuration; the file is not written if nothing changes."""
    text = component.config.read_text()
    document = tomlkit.parse(text)
    change(document)
    changed = tomlkit.dumps(document)
    if changed != text:
        replace_file(component.config, changed)


def section_of(document: Document, name: str) -> Document:
    """Return a section of a configuration."""
    return cast(Document, document[name])


def merge(document: Document, sections: Mapping[str, object]) -> None:
    """Add sections to a configuration; in those that it has already, set what is given."""
    for name, content in sections.items():
        if name in document:
            section_of(document, name).update(cast(Mapping[str, object], content))
        else:
            document[name] = tomlkit.item(content)
