"""One connection to a mail server, over smtplib (RFC 5321)."""

from __future__ import annotations

import base64
import contextlib
import smtplib
import socket
import ssl
from collections.abc import Iterator
from typing import TYPE_CHECKING

from hansa import HansaError, Invalid, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import CHECK_LOGIN, advised, remedy_of
from hansa_connect.sockets import SHORTEST, dial, is_silent, shut_down

from .refusals import MailRefused

if TYPE_CHECKING:
    from .message import Envelope
    from .settings import SmtpServerSettings

NO_STARTTLS = "set tls to false if it may be without, or implicit to true if it begins with TLS"
BEGINS_WITH_TLS = (
    "check the setting port; if the server begins with TLS there, set implicit to true"
)
OK = 250
LOGGED_IN = 235
LOGIN_REFUSED = (530, 534, 535, 538)
"""Replies that refuse a login (RFC 4954, section 6)."""
PERMANENT = 500
"""Replies from here on will be the same next time (RFC 5321, section 4.2.1)."""


class _Client(smtplib.SMTP):
    """smtplib's client, over a connection that is made within one time limit for all addresses."""

    def __init__(self, config: SmtpServerSettings, context: ssl.SSLContext | None) -> None:
        super().__init__(local_hostname=config.local_hostname or None)
        self._implicit = context if config.implicit else None
        self._host = config.host  # what the certificate must be for

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = dial(host, port, timeout)
        if self._implicit is None:
            return connection
        try:
            return self._implicit.wrap_socket(connection, server_hostname=host)
        except BaseException:
            connection.close()
            raise


class Connection:
    """A connection as `hansa_connect.pool` wants it; `token` is sent by XOAUTH2."""

    def __init__(self, config: SmtpServerSettings, *, token: bool = False) -> None:
        self.config = config
        self.token = token
        self.where = f"{config.host}:{config.effective_port}"
        self.broken = False
        self.ends = 0.0
        self._client: _Client | None = None
        self._logged_in = False

    @property
    def client(self) -> _Client:
        """smtplib's client; raises `Unavailable` before `open`."""
        if self._client is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._client

    def open(self, timeout: float) -> None:
        """Connect, encrypt and log in within `timeout` seconds; raises `Unavailable`."""
        config = self.config
        with self.translated():
            context = config.context()
            client = _Client(config, context)
            client.timeout = min(timeout, config.connect_timeout)
            self._client = client
            client.connect(config.host, config.effective_port)
            client.ehlo_or_helo_if_needed()
            if context is not None and not config.implicit:
                self._start_tls(client, context)
            if config.username:
                self._log_in(client)
            self._logged_in = True

    def _start_tls(self, client: _Client, context: ssl.SSLContext) -> None:
        if not client.has_extn("starttls"):
            raise self._lost(advised(f"{self.where} does not offer STARTTLS", NO_STARTTLS))
        client.starttls(context=context)
        client.ehlo()

    def _log_in(self, client: _Client) -> None:
        username = self.config.username
        password = str(self.config.password or "")
        if not self.token and username.isascii() and password.isascii():
            client.login(username, password)
            return
        if not self.token:
            _log_in_by_utf8(client, username, password)
            return
        client.user = username
        response = f"user={username}\x01auth=Bearer {password}\x01\x01"
        # a second challenge has the cause of a refusal, and is answered by an empty line
        client.auth("XOAUTH2", lambda challenge=None: "" if challenge else response)

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        if self._client is not None:
            self._client.close()

    def abort(self) -> None:
        """Make a call that waits for the server fail, from any thread."""
        client = self._client
        if client is not None and client.sock is not None:
            with contextlib.suppress(OSError):  # it is closed
                shut_down(client.sock.fileno())

    def alive(self) -> bool:
        """Return whether the server has not closed it, or said that it will (421)."""
        client = self._client
        if client is None or client.sock is None:
            return False
        return is_silent(client.sock.fileno())

    def check(self) -> None:
        """Have the server answer; raises `Unavailable`."""
        with self.translated():
            code, text = self.client.noop()
            if code != OK:
                raise self._lost(f"{self.where} answers {code} {_text(text)}")

    def send(self, envelope: Envelope, seconds: float) -> dict[str, str]:
        """Send a message within some seconds.

        Returns the recipients that the server refused, with its reply. Raises `Invalid` for what
        the server cannot take, `MailRefused` if it takes it for nobody, and `Unavailable`.
        """
        client = self.client
        assert client.sock is not None
        client.sock.settimeout(max(SHORTEST, seconds))
        options = self._options(envelope)
        with self.translated():
            refused = client.sendmail(
                envelope.sender, list(envelope.recipients), envelope.data, options
            )
        return {address: _reply(*reply) for address, reply in refused.items()}

    def _options(self, envelope: Envelope) -> list[str]:
        offered = self.client.esmtp_features
        faults = {}
        limit = offered.get("size", "")
        if limit.isdigit() and 0 < int(limit) < len(envelope.data):
            size = len(envelope.data)
            faults["attachments"] = f"the message has {size} bytes, and {self.where} takes {limit}"
        if envelope.needs_utf8 and "smtputf8" not in offered:
            faults["to"] = f"{self.where} takes only addresses in ASCII (it has no SMTPUTF8)"
        if faults:
            raise Invalid(faults, "; ".join(faults.values()))
        return ["SMTPUTF8", "BODY=8BITMIME"] if envelope.needs_utf8 else []

    # -- what goes wrong ---------------------------------------------------------------------------

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Raise what smtplib raises as `MailRefused` or `Unavailable`, and note a broken connection."""
        try:
            yield
        except HansaError:
            raise
        except smtplib.SMTPRecipientsRefused as error:
            replies = {address: _reply(*reply) for address, reply in error.recipients.items()}
            permanent = all(code >= PERMANENT for code, _ in error.recipients.values())
            raise MailRefused(self.where, replies, permanent=permanent) from error
        except (smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            self._refuse(error)
        except smtplib.SMTPResponseException as error:
            raise self._refusal_of_connection(error) from error
        except (smtplib.SMTPException, OSError) as error:
            fault = f"the connection to {self.where} broke: {one_line(error)}"
            raise self._lost(advised(fault, self._remedy(error))) from error

    def _refuse(self, error: smtplib.SMTPResponseException) -> None:
        reply = _reply(error.smtp_code, error.smtp_error)
        if error.smtp_code in LOGIN_REFUSED or error.smtp_code == 421:
            raise self._refusal_of_connection(error) from error
        permanent = error.smtp_code >= PERMANENT
        raise MailRefused(self.where, {"": reply}, permanent=permanent) from error

    def _refusal_of_connection(self, error: smtplib.SMTPResponseException) -> Unavailable:
        reply = _reply(error.smtp_code, error.smtp_error)
        if error.smtp_code in LOGIN_REFUSED:
            who = self.config.username or "a client without login"
            return self._lost(
                advised(f"{self.where} refuses the credentials of {who}: {reply}", CHECK_LOGIN)
            )
        return self._lost(f"{self.where} answers {reply}")

    def _remedy(self, error: BaseException) -> str:
        if self._logged_in:
            return ""
        silent = isinstance(error, TimeoutError | smtplib.SMTPServerDisconnected)
        if silent and not self.config.implicit:
            return BEGINS_WITH_TLS
        if isinstance(error, smtplib.SMTPNotSupportedError):
            return (
                "set tls to true, since servers take logins over TLS alone, or leave username empty"
            )
        return remedy_of(error, tls=self.config.tls)

    def _lost(self, fault: str) -> Unavailable:
        self.broken = True
        return Unavailable(fault)


def _log_in_by_utf8(client: _Client, username: str, password: str) -> None:
    """Log in by PLAIN, in UTF-8 (RFC 4616), which smtplib refuses to encode."""
    proof = base64.b64encode(f"\0{username}\0{password}".encode()).decode("ascii")
    code, text = client.docmd("AUTH", f"PLAIN {proof}")
    if code != LOGGED_IN:
        raise smtplib.SMTPAuthenticationError(code, text)


def _reply(code: int, text: bytes | str) -> str:
    return f"{code} {_text(text)}"


def _text(text: bytes | str) -> str:
    shown = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return one_line(Exception(shown))
