"""The settings of connections to object stores with the protocol of S3."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from hansa import Invalid, Model, Secret, setting
from hansa_connect.login import ChannelLogin, OutgoingLogin, login_source
from hansa_connect.object_settings import MIB, ObjectSendingSettings, ObjectWatchSettings
from hansa_connect.pooled import PoolSettings
from hansa_connect.tls import TlsTrust

_HEADER = re.compile(r"[!-~][ -~]*")


class S3AddressSettings(Model):
    """Address.

    Where an object store is.
    """

    address: Annotated[
        str,
        setting(
            "Address of the server, https:// or http://; empty for Amazon S3 in the region",
            pattern=r"^(https?://[^/?#@\s]+/?)?$",
            example="https://objects.example.com",
        ),
    ] = ""
    region: Annotated[
        str,
        setting("Region of the bucket", pattern=r"^[a-z0-9-]{1,64}$", example="eu-central-1"),
    ] = "us-east-1"
    addressing: Annotated[
        Literal["auto", "path", "virtual"],
        setting(
            "Whether the bucket is a part of the path or of the host name; auto: of the path where "
            "an address is given",
            advanced=True,
        ),
    ] = "auto"

    @property
    def path_style(self) -> bool:
        """Whether the bucket is a part of the path."""
        return self.addressing == "path" or (self.addressing == "auto" and bool(self.address))


class S3KeySettings(Model):
    """Login.

    An access key; without one, requests are not signed.
    """

    access_key_id: Annotated[
        str, setting("Identifier of the access key", pattern=r"^[A-Za-z0-9_.-]{0,128}$")
    ] = ""
    secret_access_key: Annotated[Secret | None, setting("Secret access key")] = None
    session_token: Annotated[
        Secret | None, setting("Session token, for temporary credentials", advanced=True)
    ] = None

    def check(self) -> None:
        """Refuse half a key, and a key that is given twice; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        source, name = login_source(self)
        if bool(self.access_key_id) != (self.secret_access_key is not None):
            missing = "secret_access_key" if self.access_key_id else "access_key_id"
            faults[missing] = "access_key_id and secret_access_key belong together"
        if name and self.access_key_id:
            faults[source] = "give either this or access_key_id and secret_access_key"
        if self.session_token is not None and not self.access_key_id:
            faults["session_token"] = "belongs to access_key_id and secret_access_key"
        if faults:
            raise Invalid(faults)


class S3ServerSettings(PoolSettings, TlsTrust, S3KeySettings, S3AddressSettings):
    """Object store."""

    retries: Annotated[
        int,
        setting("Maximum retries of a request that the server could not answer", ge=0, le=20),
    ] = 2


class S3SendingSettings(OutgoingLogin, ObjectSendingSettings, S3ServerSettings):
    """Storing."""

    bucket: Annotated[
        str, setting("Bucket of calls that name none", example="archive", max_length=255)
    ] = ""
    content_type: Annotated[
        str, setting("Media type of objects whose call names none", max_length=200)
    ] = "application/octet-stream"
    storage_class: Annotated[
        str,
        setting(
            "Storage class of objects whose call names none; empty for that of the bucket",
            pattern=r"^[A-Z_]{0,40}$",
            example="STANDARD_IA",
        ),
    ] = ""
    encryption: Annotated[
        Literal["", "AES256", "aws:kms", "aws:kms:dsse"],
        setting("How the server is to encrypt objects; empty for what the bucket says"),
    ] = ""
    kms_key: Annotated[
        str, setting("Key of the key management service that objects are encrypted with")
    ] = ""
    part_size: Annotated[
        int,
        setting(
            "Bytes of a part of an upload; a larger object is sent in parts. There may be 10,000 of "
            "them, so a stream of unknown length may have 10,000 times as much",
            ge=5 * MIB,
            le=1024 * MIB,
        ),
    ] = 8 * MIB
    parallel_parts: Annotated[
        int, setting("Parts of one upload that are sent at the same time", ge=1, le=32)
    ] = 4

    def check(self) -> None:
        """Refuse metadata that no header can carry, and a key that nothing uses; raises `Invalid`."""
        super().check()
        faults: dict[str, str] = {}
        if fault_of_metadata(self.metadata):
            faults["metadata"] = fault_of_metadata(self.metadata)
        if self.kms_key and not self.encryption.startswith("aws:kms"):
            faults["kms_key"] = "belongs to encryption = aws:kms"
        if faults:
            raise Invalid(faults)


class S3WatchSettings(ObjectWatchSettings, ChannelLogin, S3ServerSettings):
    """Watched bucket."""

    bucket: Annotated[
        str, setting("Bucket that is watched", example="orders", min_length=3, max_length=255)
    ]


def fault_of_metadata(metadata: dict[str, str]) -> str:
    """Return what keeps metadata from being sent; empty if nothing."""
    for name, value in metadata.items():
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name):
            return f"{name!r} is not a name of letters, digits, _ . and -"
        if value and not _HEADER.fullmatch(value):
            return f"the value of {name} must be printable ASCII"
    return ""
