"""What the plugin form adds to Hansa: the format `form`, and the section `form` of every channel."""

from __future__ import annotations

from hansa import Format, Model, hookimpl

from .format import FormFormat
from .settings import FormSettings


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `form`."""
    return [FormFormat]


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that every channel gets."""
    return {"form": FormSettings}
