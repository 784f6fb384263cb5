"""What the plugin json gives to Hansa: the format `json`."""

from __future__ import annotations

from hansa import Format, hookimpl

from .format import JsonFormat


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """The format `json`."""
    return [JsonFormat]
