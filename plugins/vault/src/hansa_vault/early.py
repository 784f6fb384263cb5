"""The section `[vault]` of config.toml, declared where nothing heavy is imported."""

from __future__ import annotations

from hansa import Model, hookimpl

from .settings import VaultSection


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section of the vault."""
    return {"vault": VaultSection}
