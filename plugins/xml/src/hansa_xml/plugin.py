"""What the plugin xml gives to Hansa: the format `xml`."""

from __future__ import annotations

from hansa import Format, hookimpl

from .format import XmlFormat


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """The format `xml`."""
    return [XmlFormat]
