"""Imports what the `hansa` command, servers and their workers import, for processes that are forked
from one which has done so; and reads the settings that are declared there, which would take each
worker 0.1 s.

What cannot be imported or read is left to whoever needs it.
"""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from importlib.metadata import distribution, entry_points

from hansa import Model, fields

OF_CORE = ("hansa.cli", "hansa.process.supervisor", "hansa.process.worker")
LIBRARIES = ("sqlalchemy.dialects.sqlite", "encodings.idna", "packaging.version")
"""What is imported late by every worker."""


def modules() -> list[str]:
    """Return the modules of core and of all plugins that are installed."""
    entries = [*entry_points(group="hansa.early"), *entry_points(group="hansa")]
    return [*OF_CORE, *LIBRARIES, *(entry.module for entry in entries)]


for module in modules():
    with contextlib.suppress(Exception):
        loaded = importlib.import_module(module)
        for name in getattr(loaded, "hansa_modules", list)():
            importlib.import_module(name)


def declared(model: type[Model]) -> None:
    """Read the settings of a model, and of those that inherit them."""
    with contextlib.suppress(Exception):
        fields(model)
    for each in model.__subclasses__():
        declared(each)


declared(Model)

(command,) = distribution("hansa").entry_points.select(group="console_scripts", name="hansa")
hansa: Callable[[], object] = command.load()
"""What the `hansa` command runs."""
