"""What the plugin s3 adds to Hansa: the types channel s3 and outgoing s3."""

from __future__ import annotations

import logging

from hansa import Channel, Outgoing, Server, hookimpl

from .channel import S3Channel
from .outgoing import S3Outgoing


@hookimpl
def hansa_transports() -> list[type[Channel] | type[Outgoing]]:
    """Return both types."""
    return [S3Channel, S3Outgoing]


@hookimpl
def hansa_startup(server: Server) -> None:
    """Keep boto3 from logging what it signs and sends, which has the session token in it."""
    for name in ("boto3", "botocore", "s3transfer"):
        logging.getLogger(name).setLevel(logging.INFO)
