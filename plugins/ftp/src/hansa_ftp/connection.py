"""One connection to an FTP server (RFC 959, 3659), encrypted where asked for (RFC 4217)."""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hansa import HansaError, Invalid, Unavailable
from hansa_connect.files import BLOCK, Entry, FileSystem, Stream, one_line
from hansa_connect.remedies import CHECK_LOGIN, SET_TLS, advised, remedy_of
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_connect.sockets import dial
from hansa_connect.transfer import read_all, reading

from .listing import parse_facts, parse_line, parse_time, split_lines
from .settings import MAYBE_IMPLICIT, FtpSettings

LONGEST_LISTING = 64 * 1024 * 1024
"""Bytes of a listing that are read, at most."""
_ENCRYPTION = re.compile(r"\b(?:TLS|SSL|encrypt\w*|secure)\b", re.IGNORECASE)
"""What a refusal says that is for want of encryption."""
UNDECODABLE = "surrogateescape"
"""How bytes are kept that are no text in the encoding; such names are refused later."""


class _Client(ftplib.FTP_TLS):
    """Python's client, whose data connections go through `prepare`."""

    prepare: Callable[[socket.socket], socket.socket]

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.prepare(data), size


class FtpFiles(FileSystem):
    """One connection; `context` is that of TLS, None without it."""

    def __init__(self, config: FtpSettings, context: ssl.SSLContext | None) -> None:
        super().__init__(f"{config.host}:{config.port}")
        self.config = config
        self.context = context
        self.client = _Client(encoding=config.encoding)
        self.client.set_pasv(config.passive)
        self.client.prepare = self._prepare_data
        self.logged_in = False
        self.has_facts = False  # whether it has MLSD (RFC 3659)
        self.home = "/"

    def open(self, timeout: float) -> None:
        """Connect and log in."""
        client = self.client
        config = self.config
        with self.translated():
            connection = dial(config.host, config.port, timeout)
            self._converse(connection, encrypt=config.tls and config.implicit)
            client.welcome = client.getresp()
            if config.tls and not config.implicit:
                self._ask_for_tls()
                self._converse(self.sockets[0], encrypt=True)
            ftplib.FTP.login(client, config.username, str(config.password or ""), config.account)
            self.logged_in = True
            if config.tls:
                client.prot_p()
            self._negotiate()
            client.voidcmd("TYPE I")
            self.home = client.pwd()
            self.sockets[0].settimeout(config.timeout)

    def _ask_for_tls(self) -> None:
        try:
            self.client.voidcmd("AUTH TLS")
        except ftplib.error_perm as error:
            fault = f"{self.where} does not offer TLS (AUTH TLS: {one_line(error)})"
            remedy = "set tls to false, which sends password and files in clear text"
            raise Unavailable(advised(fault, remedy)) from error

    def _negotiate(self) -> None:
        with contextlib.suppress(ftplib.error_perm):  # a server without extensions
            self.has_facts = "MLST" in self.client.sendcmd("FEAT").upper()
            if self.config.encoding == "utf-8":
                self.client.sendcmd("OPTS UTF8 ON")

    def _converse(self, connection: socket.socket, *, encrypt: bool) -> None:
        """Talk to the server over a connection, which is encrypted first if asked for."""
        self.sockets = []
        connection = self._prepare(connection, encrypt=encrypt)
        self.client.sock = connection
        self.client.af = connection.family
        # what cannot be decoded must not end the connection
        self.client.file = connection.makefile(
            "r", encoding=self.config.encoding, errors=UNDECODABLE
        )

    def _prepare_data(self, connection: socket.socket) -> socket.socket:
        return self._prepare(connection, encrypt=self.config.tls)

    def _prepare(self, connection: socket.socket, *, encrypt: bool) -> socket.socket:
        """Note a connection, so that `abort` reaches it, and encrypt it.

        A data connection resumes the TLS session of the first one, as many servers demand.
        """
        self.sockets.append(connection)
        if not encrypt or self.context is None:
            return connection
        first = self.sockets[0]
        secure = self.context.wrap_socket(
            connection,
            server_hostname=self.config.host,
            session=first.session if isinstance(first, ssl.SSLSocket) else None,
            do_handshake_on_connect=False,
        )
        self.sockets[-1] = secure
        secure.do_handshake()
        return secure

    def close(self) -> None:
        """Close what is open."""
        self.client.close()
        super().close()

    def check(self) -> None:
        """Ask the server whether it is there."""
        self._command("NOOP")

    def list(self, path: str) -> list[Entry]:
        """Return what MLSD says of a folder where the server has it, else LIST."""
        # in an argument of LIST, servers would see options and patterns
        self._command("CWD", path)
        with reading(self._begin("MLSD" if self.has_facts else "LIST")) as stream:
            content = read_all(stream, LONGEST_LISTING, path)
        parse = parse_facts if self.has_facts else parse_line
        with self.translated(path):
            text = content.decode(self.config.encoding, UNDECODABLE)
            entries = [parse(line) for line in split_lines(text)]
        return [entry for entry in entries if entry and entry.name not in (".", "..")]

    def stat(self, path: str) -> Entry:
        """Return what SIZE and MDTM say of a file, or CWD of a folder."""
        name = path.rpartition("/")[2]
        with self.translated(path):
            try:
                size = int(self._command("SIZE", path)[4:])
                modified = parse_time(self._command("MDTM", path)[4:])
            except RemoteForbidden:  # there is something, and it has no size
                return Entry(name, 0, 0.0, "folder")
        return Entry(name, size, modified, "file")

    def reader(self, path: str, offset: int = 0, size: int | None = None) -> Stream:
        """Begin to read a file."""
        return self._begin("RETR", path, offset)

    def writer(self, path: str, offset: int = 0) -> Stream:
        """Begin to write a file."""
        return self._begin("STOR", path, offset, new=True)

    def rename(self, old: str, new: str) -> None:
        """Rename in one step."""
        self._command("RNFR", old)
        self._command("RNTO", new, new=True)

    def delete(self, path: str) -> None:
        """Delete a file."""
        self._command("DELE", path)

    def make_folder(self, path: str) -> None:
        """Make a folder in one that exists."""
        self._command("MKD", path, new=True)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        self._command("RMD", path)

    @contextmanager
    def translated(self, path: str = "", *, new: bool = False) -> Iterator[None]:
        """Raise what goes wrong as an error of Hansa: of the path, or of the server.

        A `new` path is one that the server does not have yet.
        """
        try:
            yield
        except (ftplib.error_perm, ftplib.error_temp) as error:
            raise self._refusal(error, path, new) from error
        except UnicodeEncodeError:
            fault = f"cannot be written in {self.config.encoding}: {path!a}"
            raise Invalid({"path": fault}) from None
        except (OSError, EOFError, ValueError, ftplib.Error) as error:
            raise self.connection_error(error) from error

    def _refusal(self, error: ftplib.Error, path: str, new: bool) -> HansaError:
        """Return what to raise for a reply that is a refusal (RFC 959, section 4.2)."""
        text = one_line(error)
        if text.startswith("55") and path:
            refusal: HansaError = RemoteNotFound(f"there is no {path}")
            if new or self._is_there(path):
                refusal = RemoteForbidden(f"{path} is refused")
            refusal.reason = f"{self.where}: {text}"
            return refusal
        if text.startswith("421"):
            self.broken = True
        if text.startswith("530"):
            fault = f"{self.where} refuses the credentials of {self.config.username}: {text}"
            return Unavailable(advised(fault, self._remedy_of_login(text) or CHECK_LOGIN))
        fault = f"{self.where} refuses: {text}"
        if text.startswith("425"):
            return Unavailable(advised(fault, "set passive to the opposite"))
        return Unavailable(advised(fault, self._remedy_of_login(text)))

    def _remedy_of_login(self, text: str) -> str:
        """Return what to change where a server refuses a login for want of encryption."""
        if self.logged_in or self.config.tls:
            return ""
        demanded = _ENCRYPTION.search(text)
        return SET_TLS if demanded else ""

    def remedy_of(self, error: BaseException) -> str:
        """Return which setting to change where it cannot be logged in."""
        if self.logged_in:
            return ""
        config = self.config
        if config.tls and config.implicit and not isinstance(error, ssl.SSLCertVerificationError):
            return "set implicit to false, unless the server begins with TLS at this port"
        if config.tls and isinstance(error, TimeoutError):
            return MAYBE_IMPLICIT
        return remedy_of(error, tls=config.tls)

    def _is_there(self, path: str) -> bool:
        for verb in ("SIZE", "CWD"):
            with self.translated(), contextlib.suppress(ftplib.error_perm):
                return bool(self.client.sendcmd(self._line(verb, path)))
        return False

    def _line(self, verb: str, path: str) -> str:
        """Return a command line; paths are sent whole, since CWD changes what others refer to."""
        if not path:
            return verb
        if path.startswith("/"):
            return f"{verb} {path}"
        below = "" if path == "." else path
        return f"{verb} {self.home.rstrip('/')}/{below}"

    def _command(self, verb: str, path: str = "", *, new: bool = False) -> str:
        """Send a command and return the reply."""
        with self.translated(path, new=new):
            return self.client.sendcmd(self._line(verb, path))

    def _begin(
        self, verb: str, path: str = "", offset: int = 0, *, new: bool = False
    ) -> _DataStream:
        """Begin a transfer."""
        self.client.timeout = min(self.config.timeout, self.remaining())
        with self.translated(path, new=new):
            connection = self.client.transfercmd(self._line(verb, path), offset or None)
        return _DataStream(self, connection)


class _DataStream(Stream):
    """A data connection."""

    takes_views = True

    def __init__(self, files: FtpFiles, connection: socket.socket) -> None:
        super().__init__(files)
        self.client = files.client
        self.connection = connection

    def read(self, size: int = BLOCK, /) -> bytes:
        with self.files.translated():
            return self.connection.recv(size)

    def write(self, data: bytes | memoryview, /) -> None:
        with self.files.translated():
            self.connection.sendall(data)

    def close(self) -> None:
        """End the data, and wait until the server confirms that it has, or has sent, all of it."""
        if isinstance(self.connection, ssl.SSLSocket):
            # not all servers say goodbye; what counts is their reply
            with contextlib.suppress(OSError):
                self.connection.unwrap()
        self.connection.close()
        del self.files.sockets[1:]
        with self.files.translated():
            self.client.voidresp()
