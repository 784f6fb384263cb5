"""The certificate by which a server speaks TLS: read again when its file is replaced."""

from __future__ import annotations

import logging
import ssl
import time
from pathlib import Path

from hansa import Invalid

log = logging.getLogger("hansa.http")

LOOK = 1.0
"""Seconds between looks at the file."""


class ServerCertificate:
    """The file with certificate chain and key (PEM) of a server, and the TLS context made of it:
    TLS 1.2 and 1.3, HTTP/1.1.

    With a `client_ca` (PEM) clients are asked for a certificate, `required` or not, which OpenSSL
    verifies. Both files are read again when one of them is replaced.

    One that is replaced by what cannot be used is refused, with a line in the log, and the one
    before serves on. Raises `Invalid` for the first one.
    """

    def __init__(
        self, file: Path, client_ca: Path | None = None, *, required: bool = False
    ) -> None:
        self._file = file
        self._client_ca = client_ca
        self._required = required
        self._stamp = self._look()
        try:
            self._context = _context(file)
        except (OSError, ValueError) as error:
            raise Invalid({"http.certificate": f"{file} cannot be used: {error}"}) from None
        try:
            self._ask_clients(self._context)
        except (OSError, ValueError) as error:
            raise Invalid({"http.client_ca": f"{client_ca} cannot be used: {error}"}) from None
        self._next_look = time.monotonic() + LOOK

    @property
    def file(self) -> Path:
        """The file."""
        return self._file

    @property
    def context(self) -> ssl.SSLContext:
        """The context for a connection that begins now."""
        if time.monotonic() > self._next_look:
            self._next_look = time.monotonic() + LOOK
            self._read_again()
        return self._context

    def _read_again(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            context = _context(self._file)
            self._ask_clients(context)
            self._context = context
            log.info("the certificate in %s was replaced", self._file)
        except (OSError, ValueError) as error:
            log.error("%s is refused, and the certificate before serves on: %s", self._file, error)

    def _look(self) -> list[tuple[int, int, int]]:
        files = [self._file] if self._client_ca is None else [self._file, self._client_ca]
        return [_state(file) for file in files]

    def _ask_clients(self, context: ssl.SSLContext) -> None:
        if self._client_ca is None:
            return
        context.load_verify_locations(self._client_ca)
        context.verify_mode = ssl.CERT_REQUIRED if self._required else ssl.CERT_OPTIONAL
        # a session that is resumed has the certificate of the client without the intermediate ones
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET


def _state(file: Path) -> tuple[int, int, int]:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _context(file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    # renegotiation would have a writer wait for a reader
    context.options |= ssl.OP_NO_RENEGOTIATION
    # with a password, even an empty one, nobody is asked for the passphrase of a key
    context.load_cert_chain(file, password="")
    return context
