"""The client of one object store: boto3 with the settings of a definition, deadlines and errors."""

from __future__ import annotations

import functools
import os
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hansa import Definition, Login, Unavailable
from hansa_connect.remote import RemoteForbidden, RemoteNotFound

from .faults import late, translated
from .objects import S3Object
from .settings import S3ServerSettings
from .streams import ObjectStream, TimedSource

if TYPE_CHECKING:
    from botocore.config import Config

_making = threading.Lock()
"""Making a client is not safe in many threads; using one is."""
_SYSTEM_AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
_NOWHERE = (None, None, None, None)
_NO_FILE = (None, None, os.devnull, None)
# neither profiles nor environment variables of this machine say who asks, or where
_VARIABLES = {"profile": _NOWHERE, "config_file": _NO_FILE, "credentials_file": _NO_FILE}


class Store:
    """Calls of one object store; safe in many threads.

    `trouble` is told when the server does not answer or refuses the key, and an empty text when it
    answers again.
    """

    def __init__(
        self, config: S3ServerSettings, login: Login | None, trouble: Callable[[str], None]
    ) -> None:
        self.config = config
        self.where = urlsplit(config.address).netloc or f"Amazon S3 in {config.region}"
        self.tls = not config.address.startswith("http://")
        self._login = login
        self._report = trouble
        self._troubled = ""
        self._local = threading.local()
        self._client: Any = None

    @property
    def who(self) -> str:
        """Who asks: the identifier of the access key."""
        found = self._login.username if self._login else self.config.access_key_id
        return found or "nobody"

    @property
    def client(self) -> Any:
        """The client of boto3; raises `Unavailable` before `open`."""
        if self._client is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._client

    # -- life --------------------------------------------------------------------------------------

    def open(self) -> None:
        """Make the client; nothing is sent yet."""
        config = self.config
        login = self._login
        key = login.username if login else config.access_key_id
        secret = login.password if login else config.secret_access_key
        token = login.token if login else config.session_token
        with _making:
            self._client = _session().client(
                "s3",
                region_name=config.region,
                endpoint_url=config.address or None,
                aws_access_key_id=key or None,
                aws_secret_access_key=str(secret) if key and secret else None,
                aws_session_token=str(token) if key and token else None,
                verify=config.tls_ca or system_authorities(),
                config=self._options(signed=bool(key)),
            )
        self._client.meta.events.register_first("before-send.s3", self._check_deadline)

    def _options(self, *, signed: bool) -> Config:
        with Definition.importing:
            from botocore import UNSIGNED
            from botocore.config import Config

        config = self.config
        certificate = (config.tls_certificate, config.tls_key) if config.tls_certificate else None
        # servers other than Amazon's may not know the checksums that boto3 adds by itself
        checksums = "when_required" if config.address else "when_supported"
        return Config(
            signature_version="s3v4" if signed else UNSIGNED,
            connect_timeout=min(config.connect_timeout, config.timeout),
            read_timeout=config.timeout,
            max_pool_connections=config.max_connections,
            retries={"total_max_attempts": config.retries + 1, "mode": "standard"},
            s3={"addressing_style": "path" if config.path_style else "virtual"},
            client_cert=certificate,
            proxies={},
            ignore_configured_endpoint_urls=True,
            request_checksum_calculation=checksums,
            response_checksum_validation=checksums,
        )

    def close(self) -> None:
        """Close all connections; may be called more than once."""
        client = self._client
        self._client = None
        if client is not None:
            client.close()

    # -- calls -------------------------------------------------------------------------------------

    @contextmanager
    def call(self, what: str, timeout: float = 0.0) -> Iterator[Any]:
        """Lend the client to requests about an object or bucket, `what`, within `timeout` seconds.

        By default the setting `timeout`. What boto3 raises is raised as an error of Hansa.
        """
        self._local.ends = time.monotonic() + (timeout or self.config.timeout)
        try:
            with translated(self, what):
                yield self.client
        finally:
            self._local.ends = None
        self.trouble("")

    def stream(self, about: S3Object, body: Any, ends: float) -> ObjectStream:
        """Return the content of an object as a stream; `ends` is of a steady clock."""
        return ObjectStream(self, about, body, ends)

    def timed(self, source: Any, ends: float) -> TimedSource:
        """Return what an upload reads from; `ends` is of a steady clock."""
        return TimedSource(self, source, ends)

    def link(self, operation: str, given: dict[str, str], expires: int) -> str:
        """Return a URL with which anybody may make a request for `expires` seconds."""
        with translated(self, given["Key"]):
            found = self.client.generate_presigned_url(operation, Params=given, ExpiresIn=expires)
        return str(found)

    def _check_deadline(self, **about: object) -> None:
        """Send no request once the call is over its deadline, or the store closed; least of all a
        retry.
        """
        if self._client is None:
            raise Unavailable(f"{self.where} is not connected")
        ends = getattr(self._local, "ends", None)
        if ends is not None and time.monotonic() >= ends:
            raise late(self)

    def trouble(self, why: str) -> None:
        """Report that the server does not answer, or that it does again."""
        if why != self._troubled:
            self._troubled = why
            self._report(why)

    def check(self, bucket: str = "") -> None:
        """Ask the server whether it is there and knows the key; raises what is wrong.

        That the key permits no listing is no fault.
        """
        try:
            if bucket:
                with self.call(bucket) as client:
                    client.list_objects_v2(Bucket=bucket, MaxKeys=1)
            else:
                with self.call("list of buckets") as client:
                    client.list_buckets()
        except RemoteForbidden:
            return
        except RemoteNotFound as error:
            raise Unavailable(f"{self.where}: {error}; check the setting bucket") from error


@functools.cache
def _session() -> Any:
    """Return what clients are made of: it keeps the description of S3, and no key."""
    # PERF: a client is made in 16 ms, and in ten times as much where it reads that description itself
    with Definition.importing:
        import boto3
        import botocore.session

    return boto3.session.Session(botocore_session=botocore.session.Session(_VARIABLES))


def system_authorities() -> str | bool:
    """Return the file of the authorities that the system trusts; else those of boto3 are used."""
    found = ssl.get_default_verify_paths().cafile or _SYSTEM_AUTHORITIES
    return found if os.path.isfile(found) else True
