"""The formats that an outgoing connection reads and writes bodies by, as their media types say."""

from __future__ import annotations

from hansa import Format, Model, Registry


class ConnectionFormats:
    """The formats of one connection: its own, named `own` if it has one, and all installed ones.

    The connection's own format has precedence for every media type that it reads.
    """

    def __init__(self, registry: Registry, own: str, config: Model) -> None:
        self._registry = registry
        self._own = own
        self._config = config

    @property
    def own(self) -> Format | None:
        """The connection's own format."""
        return self._make(self._own)

    def of(self, media_type: str) -> Format | None:
        """Return the format that reads a media type; None if none does.

        `application/problem+json` is read as `application/json` unless a format names it. Of
        several formats, it is the connection's own, else the one that is called as the media type
        is (`text/xml` is `xml`), else the first by name.
        """
        _, plus, suffix = media_type.rpartition("+")
        exact = self._readers(media_type)
        related = self._readers(f"application/{suffix}") if plus else set()
        if self._own in exact | related:
            return self.own
        found = exact or related
        name = (suffix if plus else media_type).rpartition("/")[2]
        return self._make(name if name in found else min(found, default=""))

    def _readers(self, media_type: str) -> set[str]:
        """Return the names of the formats that declare a media type."""
        found = set()
        for registered in self._registry.formats():
            declared = {one.partition(";")[0] for one in registered.cls.content_types}
            if media_type in declared:
                found.add(registered.type)
        return found

    def _make(self, name: str) -> Format | None:
        return self._registry.format(name).cls(self._config) if name else None
