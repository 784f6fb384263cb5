"""What requests say beside the name: headers of an object that is stored, ranges, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from hansa import Invalid

from .settings import SwiftSendingSettings, fault_of_metadata, is_container

LONGEST_NAME = 1024
"""Bytes that the name of an object may have, as Swift is mostly set up."""


class PutOptions(TypedDict, total=False):
    """What may be said of an object that is stored; else the settings of the definition hold.

    `delete_after` is the seconds until Swift deletes it.
    """

    content_type: str
    metadata: Mapping[str, str]
    delete_after: int


def headers_of(config: SwiftSendingSettings, options: PutOptions) -> dict[str, str]:
    """Return the headers of a request that stores an object; raises `Invalid`."""
    metadata = {**config.metadata, **options.get("metadata", {})}
    fault = fault_of_metadata(metadata)
    if fault:
        raise Invalid({"metadata": fault})
    headers = {f"x-object-meta-{name.lower()}": value for name, value in metadata.items()}
    headers["content-type"] = options.get("content_type") or config.content_type
    seconds = options.get("delete_after", 0)
    if seconds < 0:
        raise Invalid({"delete_after": "must be at least 1 second"})
    if seconds:
        headers["x-delete-after"] = str(seconds)
    return headers


def byte_range(offset: int, length: int | None) -> dict[str, str]:
    """Return the header for a range of bytes (RFC 9110, 14.1.2); nothing for all of them."""
    if offset < 0 or (length is not None and length < 1):
        raise Invalid({"offset": "must not be negative", "length": "must be at least 1"})
    if length is None:
        return {"range": f"bytes={offset}-"} if offset else {}
    return {"range": f"bytes={offset}-{offset + length - 1}"}


def checked_container(given: str, config: SwiftSendingSettings) -> str:
    """Return the container of a call; raises `Invalid` if none is named, or none may be called so."""
    found = given or config.container
    if not found:
        raise Invalid({"container": "name one in the call, or in the setting container"})
    if not is_container(found):
        raise Invalid({"container": "must have at most 256 bytes and no slash, and not be . or .."})
    return found


def checked_name(name: str) -> str:
    """Return the name of an object; raises `Invalid` if none may be called so."""
    if not name or len(name.encode(errors="replace")) > LONGEST_NAME:
        raise Invalid({"name": f"must have 1 to {LONGEST_NAME} bytes"})
    # a proxy on the way may take it for a path, and leave the container
    if any(part in (".", "..") for part in name.split("/")):
        raise Invalid({"name": "must have no part that is . or .."})
    return name
