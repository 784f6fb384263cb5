"""What requests of boto3 say beside the key: options of an object, ranges, and how large the parts are."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, TypedDict

from hansa import Definition, Invalid

from .settings import S3SendingSettings, fault_of_metadata

if TYPE_CHECKING:
    from boto3.s3.transfer import TransferConfig


MOST_PARTS = 10_000


class PutOptions(TypedDict, total=False):
    """What may be said of an object that is stored; else the settings of the definition hold."""

    content_type: str
    metadata: Mapping[str, str]
    storage_class: str
    encryption: str
    kms_key: str


def arguments_of(config: S3SendingSettings, options: PutOptions) -> dict[str, Any]:
    """Return the arguments of a request that stores an object; raises `Invalid` for metadata."""
    metadata = {**config.metadata, **options.get("metadata", {})}
    fault = fault_of_metadata(metadata)
    if fault:
        raise Invalid({"metadata": fault})
    encryption = options.get("encryption") or config.encryption
    kms_key = options.get("kms_key") or config.kms_key
    given = {
        "ContentType": options.get("content_type") or config.content_type,
        "Metadata": metadata,
        "StorageClass": options.get("storage_class") or config.storage_class,
        "ServerSideEncryption": encryption,
        "SSEKMSKeyId": kms_key if encryption.startswith("aws:kms") else "",
    }
    return {name: value for name, value in given.items() if value}


def byte_range(offset: int, length: int | None) -> dict[str, str]:
    """Return the argument for a range of bytes (RFC 9110, 14.1.2); nothing for all of them."""
    if offset < 0 or (length is not None and length < 1):
        raise Invalid({"offset": "must not be negative", "length": "must be at least 1"})
    if length is None:
        return {"Range": f"bytes={offset}-"} if offset else {}
    return {"Range": f"bytes={offset}-{offset + length - 1}"}


def size_of(source: BinaryIO) -> int:
    """Return how many bytes are left of a local file; 0 where that is not known."""
    with suppress(AttributeError, OSError, io.UnsupportedOperation):
        return max(0, os.fstat(source.fileno()).st_size - source.tell())
    return 0


def transfer_config(config: S3SendingSettings, size: int) -> TransferConfig:
    """Return how an upload of `size` bytes, 0 if that is not known, is cut into parts, and how many
    of them are in memory.
    """
    with Definition.importing:
        from boto3.s3.transfer import TransferConfig

    part_size = max(config.part_size, -(-size // MOST_PARTS))
    made = TransferConfig(
        multipart_threshold=part_size,
        multipart_chunksize=part_size,
        max_concurrency=config.parallel_parts,
        use_threads=config.parallel_parts > 1,
        preferred_transfer_client="classic",
    )
    made.max_in_memory_upload_chunks = config.parallel_parts
    return made
