"""Objects as services see them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class S3Object:
    """An object: `size` in bytes, `modified` in seconds of the Unix epoch, `etag` without quotes.

    Listings have no `content_type`, `metadata`, `encryption` and `version`.
    """

    bucket: str
    key: str
    size: int
    modified: float
    etag: str
    storage_class: str = ""
    content_type: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)
    encryption: str = ""
    version: str = ""

    @classmethod
    def of(cls, bucket: str, key: str, answer: Mapping[str, Any]) -> S3Object:
        """Return what the answer to HEAD or GET, or an entry of a listing, says of an object."""
        modified = answer.get("LastModified")
        return cls(
            bucket=bucket,
            key=key,
            size=int(answer.get("Size", answer.get("ContentLength", 0))),
            modified=modified.timestamp() if isinstance(modified, datetime) else 0.0,
            etag=str(answer.get("ETag", "")).strip('"'),
            storage_class=str(answer.get("StorageClass") or ""),
            content_type=str(answer.get("ContentType") or ""),
            metadata=dict(answer.get("Metadata") or {}),
            encryption=str(answer.get("ServerSideEncryption") or ""),
            version=str(answer.get("VersionId") or ""),
        )
