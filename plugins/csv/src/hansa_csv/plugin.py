"""What the plugin csv adds to Hansa: the format `csv`, and the section `csv` of every channel."""

from __future__ import annotations

from hansa import Format, Model, hookimpl

from .format import CsvFormat
from .settings import CsvSettings


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `csv`."""
    return [CsvFormat]


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that every channel gets."""
    return {"csv": CsvSettings}
