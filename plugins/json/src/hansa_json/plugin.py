"""The hook of hansa-json: the format `json`."""

from __future__ import annotations

from hansa import Format, hookimpl

from .format import JsonFormat


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `json`."""
    return [JsonFormat]
