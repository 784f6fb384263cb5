"""One connection to a mail server, over imaplib and imap-tools (RFC 3501, 9051)."""

from __future__ import annotations

import contextlib
import imaplib
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hansa import HansaError, Invalid, Unavailable
from hansa_connect.files import one_line
from hansa_connect.remedies import CHECK_LOGIN, advised, remedy_of
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_connect.sockets import dial, is_silent, shut_down
from imap_tools import BaseMailBox
from imap_tools.errors import ImapToolsError, MailboxFolderSelectError, MailboxLoginError
from imap_tools.utils import encode_folder

from .settings import ImapServerSettings, fault_of_criteria, is_clean_line, is_flag

IDLE_SLICE = 0.5
"""Seconds between two looks at whether waiting for new messages is to end."""
BEGINS_WITHOUT_TLS = "if the server begins without TLS there, set implicit to false"
BEGINS_WITH_TLS = (
    "check the setting port; if the server begins with TLS there, set tls to true, and implicit"
)
_SIZE = re.compile(rb"RFC822\.SIZE (\d+)")
_UID = re.compile(rb"UID (\d+)")


class _Client(imaplib.IMAP4):
    """imaplib's client, over a connection that is made within one time limit for all addresses."""

    def __init__(self, config: ImapServerSettings, seconds: float) -> None:
        self._implicit = config.context() if config.implicit else None
        super().__init__(config.host, config.effective_port, seconds)

    def _create_socket(self, timeout: float) -> socket.socket:
        connection = dial(self.host, self.port, timeout)
        if self._implicit is None:
            return connection
        try:
            return self._implicit.wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


class _MailBox(BaseMailBox):
    """imap-tools over a client that is connected already."""

    def __init__(self, client: imaplib.IMAP4) -> None:
        self._given = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._given


@dataclass(frozen=True, slots=True)
class Stored:
    """A message on the server: `raw` is None if it is larger than what was asked for."""

    uid: int
    size: int
    raw: bytes | None


class Connection:
    """A connection as `hansa_connect.pool` wants it, with the mailbox of the settings selected.

    `token` is sent by XOAUTH2.
    """

    def __init__(self, config: ImapServerSettings, *, token: bool = False) -> None:
        self.config = config
        self.token = token
        self.where = f"{config.host}:{config.effective_port}"
        self.broken = False
        self.ends = 0.0
        self.validity = 0
        self._logged_in = False
        self._box: _MailBox | None = None

    @property
    def box(self) -> _MailBox:
        """The mailbox of imap-tools; raises `Unavailable` before `open`."""
        if self._box is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._box

    # -- life --------------------------------------------------------------------------------------

    def open(self, timeout: float) -> None:
        """Connect, log in and select the mailbox within `timeout` seconds; raises `Unavailable`."""
        config = self.config
        with self.translated():
            seconds = min(timeout, config.connect_timeout)
            self._box = _MailBox(_Client(config, seconds))
            client = self._box.client
            if config.tls and not config.implicit:
                if "STARTTLS" not in client.capabilities:
                    fault = f"{self.where} does not offer STARTTLS"
                    raise self._lost(advised(fault, "set implicit to true, or tls to false"))
                client.starttls(config.context())
            self._log_in(self._box)
            self._logged_in = True
            self.select(config.mailbox)
            client.sock.settimeout(config.timeout)

    def _log_in(self, box: _MailBox) -> None:
        username = self.config.username
        password = str(self.config.password or "")
        if self.token:
            box.xoauth2(username, password, initial_folder=None)
        elif username.isascii() and password.isascii():
            box.login(username, password, initial_folder=None)
        else:
            box.login_utf8(username, password, initial_folder=None)

    def select(self, mailbox: str) -> None:
        """Select a mailbox; raises `RemoteNotFound`."""
        _encoded(mailbox)
        with self.translated(mailbox):
            self.box.folder.set(mailbox)
        _, found = self.box.client.response("UIDVALIDITY")
        self.validity = int(found[0]) if found and found[0] else 0

    def close(self) -> None:
        """Close the connection; may be called more than once."""
        box = self._box
        if box is None:
            return
        with contextlib.suppress(OSError, imaplib.IMAP4.error, AttributeError):  # it is closed
            box.client.shutdown()

    def abort(self) -> None:
        """Make a call that waits for the server fail, from any thread."""
        box = self._box
        if box is not None:
            with contextlib.suppress(OSError):  # it is closed
                shut_down(box.client.sock.fileno())

    def alive(self) -> bool:
        """Return whether the server has not closed it, nor said anything unasked."""
        box = self._box
        if box is None or self.broken:
            return False
        with contextlib.suppress(OSError):
            return is_silent(box.client.sock.fileno())
        return False

    def check(self) -> None:
        """Have the server answer; raises `Unavailable`."""
        with self.translated():
            self.box.client.noop()

    # -- messages ----------------------------------------------------------------------------------

    def search(self, criteria: str) -> list[int]:
        """Return the numbers of the messages that meet criteria, the oldest first.

        Raises `Invalid` for criteria that the server does not take.
        """
        fault = fault_of_criteria(criteria)
        if fault:
            raise Invalid({"criteria": fault})
        with self.translated():
            self._refresh()
            status, found = self._try(lambda: self.box.client.uid("SEARCH", criteria))
        if status != "OK":
            fault = f"{self.where} refuses the search: {_shown(found)}"
            raise Invalid({"criteria": fault}, fault)
        return sorted(int(uid) for line in found if line for uid in line.split())

    def _refresh(self) -> None:
        """Have the server look for messages that came since the last command: of those that a
        session was not told of, commands are passed over silently.
        """
        self.box.client.noop()

    def _try(self, command: Callable[[], tuple[str, list[bytes]]]) -> tuple[str, list[bytes]]:
        """Return the answer to a command, also one that imaplib raises an error for."""
        try:
            return command()
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error as error:
            return "BAD", [str(error).encode()]

    def fetch(self, uids: Sequence[int], limit: int) -> Iterator[Stored]:
        """Return messages, none of them marked as seen; of those over `limit` bytes, the size alone.

        Those that are gone are left out.
        """
        if not uids:
            return
        listed = ",".join(map(str, uids))
        with self.translated():
            _, answer = self.box.client.uid("FETCH", listed, "(RFC822.SIZE)")
        for line in answer:
            size, uid = _number(_SIZE, line), _number(_UID, line)
            if size is None or uid is None:
                continue
            if size > limit:
                yield Stored(uid, size, None)
                continue
            raw = self._body(uid)
            if raw is not None:
                yield Stored(uid, size, raw)

    def _body(self, uid: int) -> bytes | None:
        with self.translated():
            _, answer = self.box.client.uid("FETCH", str(uid), "(BODY.PEEK[])")
        for item in answer:
            if isinstance(item, tuple):
                return bytes(item[1])
        return None

    def flag(self, uid: int, flag: str) -> None:
        """Set a flag of a message; of one that is gone, nothing. Raises `Invalid` for no flag."""
        if not is_flag(flag):
            raise Invalid({"flag": f"{flag!r} is not a flag"})
        with self.translated(f"message {uid}"):
            self._refresh()
            self._expect(self.box.client.uid("STORE", str(uid), "+FLAGS.SILENT", f"({flag})"))

    def delete(self, uid: int) -> None:
        """Delete one message; others that are marked as deleted stay, where the server can."""
        self.flag(uid, "\\Deleted")
        client = self.box.client
        with self.translated(f"message {uid}"):
            if "UIDPLUS" in client.capabilities:
                self._expect(client.uid("EXPUNGE", str(uid)))
            else:
                self._expect(client.expunge())

    def move(self, uid: int, mailbox: str) -> None:
        """Move a message to another mailbox: in one step where the server can (RFC 6851)."""
        client = self.box.client
        target = _encoded(mailbox)
        with self.translated(mailbox):
            self._refresh()
            if "MOVE" in client.capabilities:
                self._expect(client.uid("MOVE", str(uid), target))
                return
            self._expect(client.uid("COPY", str(uid), target))
        self.delete(uid)

    def append(self, raw: bytes, mailbox: str, flag: str = "") -> None:
        """Put a message into a mailbox."""
        with self.translated(mailbox):
            flags = f"({flag})" if flag else None
            target = _encoded(mailbox)
            self._expect(self.box.client.append(target, flags, None, raw))

    def make_mailbox(self, mailbox: str) -> None:
        """Make a mailbox, unless it is there."""
        _encoded(mailbox)
        with self.translated(mailbox):
            if not self.box.folder.exists(mailbox):
                self.box.folder.create(mailbox)

    def mailboxes(self) -> list[str]:
        """Return the names of all mailboxes."""
        with self.translated():
            return [found.name for found in self.box.folder.list()]

    def wait(self, seconds: float, stopped: Callable[[], bool]) -> None:
        """Wait until the server tells of a change (RFC 2177), for some seconds, or until `stopped`."""
        ends = time.monotonic() + seconds
        idle = self.box.idle
        with self.translated():
            idle.start()  # type: ignore[no-untyped-call] # imap-tools does not type it
            while (left := ends - time.monotonic()) > 0 and not stopped():
                began = time.monotonic()
                step = min(IDLE_SLICE, left)
                told = idle.poll(step)
                # one that ended is readable, and has nothing to say
                if told or time.monotonic() - began < step / 2:
                    break
            idle.stop()  # type: ignore[no-untyped-call] # as above

    @property
    def can_idle(self) -> bool:
        """Whether the server tells of changes."""
        return "IDLE" in self.box.client.capabilities

    # -- what goes wrong ---------------------------------------------------------------------------

    def _expect(self, answer: tuple[str, Sequence[object]]) -> None:
        status, found = answer
        if status != "OK":
            raise imaplib.IMAP4.error(_shown(found))

    @contextlib.contextmanager
    def translated(self, what: str = "") -> Iterator[None]:
        """Raise what the libraries raise: of a mailbox or message, `what`, or of the server."""
        try:
            yield
        except HansaError:
            raise
        except MailboxLoginError as error:
            raise self._login_refused(_shown(error.command_result[1])) from error
        except MailboxFolderSelectError as error:
            missing = RemoteNotFound(f"there is no mailbox {what!r}")
            missing.reason = f"{self.where}: {_shown(error.command_result[1])}"
            raise missing from error
        except (imaplib.IMAP4.abort, OSError, EOFError, ssl.SSLError) as error:
            fault = f"the connection to {self.where} broke: {one_line(error)}"
            raise self._lost(advised(fault, self._remedy(error))) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            if not self._logged_in:
                raise self._login_refused(one_line(error)) from error
            refused = RemoteForbidden(f"{what or 'the command'} is refused")
            refused.reason = f"{self.where}: {one_line(error)}"
            raise refused from error

    def _login_refused(self, reply: str) -> Unavailable:
        who = self.config.username
        fault = f"{self.where} refuses the credentials of {who}: {reply}"
        return self._lost(advised(fault, CHECK_LOGIN))

    def _remedy(self, error: BaseException) -> str:
        if self._logged_in:
            return ""
        certificate = isinstance(error, ssl.SSLCertVerificationError)
        if self.config.implicit and isinstance(error, ssl.SSLError) and not certificate:
            return BEGINS_WITHOUT_TLS
        if not self.config.implicit and isinstance(error, TimeoutError):
            return BEGINS_WITH_TLS
        return remedy_of(error, tls=self.config.tls)

    def _lost(self, fault: str) -> Unavailable:
        self.broken = True
        return Unavailable(fault)


def _encoded(mailbox: str) -> str:
    """Return the name of a mailbox as the protocol has it; raises `Invalid` for what would be more
    than a name.
    """
    if not mailbox or not is_clean_line(mailbox):
        raise Invalid({"mailbox": f"{mailbox!r} is not the name of a mailbox"})
    return encode_folder(mailbox).decode("ascii")


def _number(pattern: re.Pattern[bytes], line: object) -> int | None:
    if not isinstance(line, bytes):
        return None
    found = pattern.search(line)
    return int(found[1]) if found else None


def _shown(answer: Sequence[object]) -> str:
    texts = [one.decode("utf-8", "replace") for one in answer if isinstance(one, bytes)]
    return one_line(Exception(" ".join(texts) or "no reason given"))
