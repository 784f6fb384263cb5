"""What hansa-redaction adds: the section `redaction` of every channel."""

from __future__ import annotations

from hansa import Model, hookimpl

from .settings import RedactionSettings


@hookimpl
def hansa_channel_settings() -> dict[str, type[Model]]:
    """Return the section that every channel gets."""
    return {"redaction": RedactionSettings}
