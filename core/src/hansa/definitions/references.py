"""What a definition refers to, read from the declaration of its settings."""

from __future__ import annotations

from ..contract.records import Reference
from ..contract.registry import Registry
from ..foundation.errors import Invalid, NotFound
from ..settings.model import Model, fields


def references(registry: Registry, model: type[Model], config: Model) -> list[Reference]:
    """Return what a definition refers to; raises `Invalid` for a format that no plugin gives."""
    found = []
    for setting in fields(model):
        kind, _, type = setting.refers.partition(" ")
        if not kind:
            continue
        value = getattr(config, setting.name)
        names = [value] if isinstance(value, str) else list(value or ())
        for name in filter(None, names):
            if kind != "format":
                found.append(Reference(setting.name, kind, type, name))
                continue
            try:
                registry.format(name)
            except NotFound as error:
                raise Invalid({setting.name: error.detail}) from None
    return found
