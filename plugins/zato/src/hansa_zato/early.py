"""Early hooks of hansa-zato: its importable packages, and the section `[zato]` of config.toml."""

from __future__ import annotations

from hansa import Model, hookimpl

from .section import ZatoSection


@hookimpl
def hansa_modules() -> list[str]:
    """Return the module that installs the finder of `zato`, `bunch` and `anyjson`."""
    return ["hansa_zato.visible"]


@hookimpl
def hansa_settings() -> dict[str, type[Model]]:
    """Return the section `[zato]`."""
    return {"zato": ZatoSection}
