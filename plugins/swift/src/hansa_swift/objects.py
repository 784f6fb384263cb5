"""Objects as services see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from hansa_connect.objects import StoredObject

_META = "x-object-meta-"


@dataclass(frozen=True, slots=True)
class SwiftObject:
    """An object: `size` in bytes, `modified` in seconds of the Unix epoch.

    `etag` is that of the content, and of a large object that of its manifest. `segmented` says
    whether it is a large object with a manifest of its segments (SLO). Listings have no `metadata`
    and do not know that.
    """

    container: str
    name: str
    size: int
    modified: float
    etag: str
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    segmented: bool = False

    @classmethod
    def of(cls, container: str, name: str, headers: Mapping[str, str]) -> SwiftObject:
        """Return what the answer to HEAD, GET or PUT says of an object, by names in lower case."""
        etag = headers.get("x-manifest-etag") or headers.get("etag", "")
        return cls(
            container=container,
            name=name,
            size=int(headers.get("content-length") or 0),
            modified=_moment(headers),
            etag=etag.strip('"'),
            content_type=headers.get("content-type", ""),
            metadata={
                key.removeprefix(_META): value
                for key, value in headers.items()
                if key.startswith(_META)
            },
            segmented=headers.get("x-static-large-object", "").lower() == "true",
        )

    @classmethod
    def listed(cls, container: str, entry: Mapping[str, str | int]) -> SwiftObject:
        """Return what an entry of a listing says of an object."""
        modified = datetime.fromisoformat(str(entry["last_modified"])).replace(tzinfo=UTC)
        return cls(
            container=container,
            name=str(entry["name"]),
            size=int(entry["bytes"]),
            modified=modified.timestamp(),
            etag=str(entry["hash"]),
            content_type=str(entry.get("content_type", "")),
        )

    def stored(self) -> StoredObject:
        """Return it as a channel sees it."""
        return StoredObject(self.container, self.name, self.size, self.modified, self.etag)


def _moment(headers: Mapping[str, str]) -> float:
    if "x-timestamp" in headers:
        return float(headers["x-timestamp"])
    told = headers.get("last-modified", "")
    return parsedate_to_datetime(told).timestamp() if told else 0.0
