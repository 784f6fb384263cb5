"""Early hooks of the zato plugin: the visible packages `zato`, `bunch` and `anyjson`, and the section `[zato]` of config.toml."""

from __future__ import annotations

from hansa import Model, hookimpl

from .section import ZatoSection


@hookimpl
def hansa_modules() -> list[str]:
    """Have the finder of `zato`, `bunch` and `anyjson` installed before any source is imported."""
    return ["hansa_zato.visible"]


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Declare the section `[zato]`."""
    return {"zato": ZatoSection}
