"""The hooks of hansa-xml in workers: the format `xml`, and the limits of documents."""

from __future__ import annotations

from hansa import Format, Server, hookimpl

from .early import XmlSection
from .format import XmlFormat
from .parser import set_limits


@hookimpl
def hansa_formats() -> list[type[Format]]:
    """Return the format `xml`."""
    return [XmlFormat]


@hookimpl
def hansa_startup(server: Server) -> None:
    """Read documents within the limits that the section sets."""
    set_limits(server.section(XmlSection))
