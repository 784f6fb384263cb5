"""The hook of hansa-xml: the format `xml`."""

from __future__ import annotations

from hansa import Format, hookimpl

from .format import XmlFormat


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `xml`."""
    return [XmlFormat]
