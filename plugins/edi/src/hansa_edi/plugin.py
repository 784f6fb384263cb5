"""What the plugin edi adds to Hansa: the formats `edifact` and `x12`, and the section `edi` of every
channel.
"""

from __future__ import annotations

from hansa import Format, Model, hookimpl

from .format import EdifactFormat, X12Format
from .settings import EdiSettings


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return both formats."""
    return [EdifactFormat, X12Format]


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that every channel gets."""
    return {"edi": EdiSettings}
