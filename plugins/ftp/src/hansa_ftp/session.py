"""One connection to an FTP server (RFC 959, 3659), encrypted where asked (RFC 4217), as a `FileSystem`."""

from __future__ import annotations

import contextlib
import ftplib
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from ftputil.error import ParserError
from ftputil.stat import MSParser, UnixParser
from hansa import Forbidden, Invalid, NotFound, Unavailable
from hansa_connect.files import BLOCK, Entry, FileSystem, Kind, Stream, dial, said
from hansa_connect.transfer import read_all, reading

LONGEST_LISTING = 64 * 1024 * 1024


class _Client(ftplib.FTP_TLS):
    """Python's client; `prepare` is called with each data connection."""

    prepare: Callable[[socket.socket], socket.socket]

    def ntransfercmd(
        self, cmd: str, rest: int | str | None = None
    ) -> tuple[socket.socket, int | None]:
        data, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        return self.prepare(data), size


class FtpFiles(FileSystem):
    """One connection; `config` are the settings, and `context` that of TLS, None for none."""

    def __init__(self, config: Any, context: ssl.SSLContext | None) -> None:
        super().__init__(config)
        self.context = context
        self.client = _Client(encoding=config.encoding)
        self.client.set_pasv(config.passive)
        self.client.prepare = lambda data: self._prepare(data, config.tls)
        self.modern, self.home = False, "/"

    def open(self, timeout: float) -> None:
        client, config = self.client, self.config
        with self.told():
            self._converse(dial(config.host, config.port, timeout), config.tls and config.implicit)
            client.welcome = client.getresp()
            if config.tls and not config.implicit:
                client.voidcmd("AUTH TLS")
                self._converse(self.sockets[0], True)
            ftplib.FTP.login(client, config.username, str(config.password or ""), config.account)
            if config.tls:
                client.prot_p()
            with contextlib.suppress(ftplib.error_perm):
                self.modern = "MLST" in client.sendcmd("FEAT").upper()
                if config.encoding == "utf-8":
                    client.sendcmd("OPTS UTF8 ON")
            client.voidcmd("TYPE I")
            self.home = client.pwd()
            self.sockets[0].settimeout(config.timeout)

    def _converse(self, connection: socket.socket, encrypt: bool) -> None:
        self.sockets = []
        self.client.sock = connection = self._prepare(connection, encrypt)
        self.client.af = connection.family
        # what cannot be decoded must not end the connection; such names are refused later
        self.client.file = connection.makefile(
            "r", encoding=self.config.encoding, errors="surrogateescape"
        )

    def _prepare(self, connection: socket.socket, encrypt: bool) -> socket.socket:
        """Note a connection, so that `abort` reaches it, and encrypt it; for data resume the session, as many servers demand."""
        self.sockets.append(connection)
        if encrypt and self.context:
            session = getattr(self.sockets[0], "session", None)
            options: Any = {
                "server_hostname": self.config.host,
                "session": session,
                "do_handshake_on_connect": False,
            }
            self.sockets[-1] = secure = self.context.wrap_socket(connection, **options)
            secure.do_handshake()
            return secure
        return connection

    def close(self) -> None:
        self.client.close()
        super().close()

    def check(self) -> None:
        self._do("NOOP")

    def list(self, path: str) -> list[Entry]:
        """What MLSD tells where the server has it, else LIST."""
        self._do("CWD", path)  # in an argument of LIST, servers see options and patterns
        with reading(self._begin("MLSD" if self.modern else "LIST")) as stream:
            listed = read_all(stream, LONGEST_LISTING, path)
        with self.told(path):
            lines = re.split("\r?\n", listed.decode(self.config.encoding, "surrogateescape"))
            read = _fact if self.modern else _line
            return [entry for entry in map(read, lines) if entry and entry.name not in (".", "..")]

    def stat(self, path: str) -> Entry:
        """What SIZE and MDTM tell, or CWD of a folder."""
        name = path.rpartition("/")[2]
        with self.told(path):
            try:
                return Entry(
                    name, int(self._do("SIZE", path)[4:]), _time(self._do("MDTM", path)[4:]), "file"
                )
            except Forbidden:  # there is one, and it has no size
                return Entry(name, 0, 0.0, "folder")

    def reader(self, path: str, offset: int = 0) -> Stream:
        return self._begin("RETR", path, offset)

    def writer(self, path: str, offset: int = 0) -> Stream:
        return self._begin("STOR", path, offset, new=True)

    def rename(self, old: str, new: str) -> None:
        self._do("RNFR", old)
        self._do("RNTO", new, new=True)

    def delete(self, path: str) -> None:
        self._do("DELE", path)

    def make_folder(self, path: str) -> None:
        self._do("MKD", path, new=True)

    def remove_folder(self, path: str) -> None:
        self._do("RMD", path)

    @contextmanager
    def told(self, path: str = "", *, new: bool = False) -> Iterator[None]:
        """Tell what goes wrong as an error of Hansa: of the path, which may be `new` to the server, or of the server."""
        try:
            yield
        except (ftplib.error_perm, ftplib.error_temp) as error:
            text = said(error)
            if text.startswith("55") and path:
                if new or self._there(path):
                    raise Forbidden(f"{self.where} refuses {path}: {text}") from error
                raise NotFound(f"{self.where} has no {path}: {text}") from error
            self.broken = self.broken or text.startswith("421")
            of = f" the credentials of {self.config.username}" if text.startswith("530") else ""
            raise Unavailable(f"{self.where} refuses{of}: {text}") from error
        except UnicodeEncodeError:
            raise Invalid(
                {"path": f"cannot be written in {self.config.encoding}: {path!a}"}
            ) from None
        except (OSError, EOFError, ValueError, ftplib.Error) as error:
            raise self.failed(error) from error

    def _command(self, verb: str, path: str) -> str:
        whole = (
            path
            if path.startswith("/")
            else f"{self.home.rstrip('/')}/{'' if path == '.' else path}"
        )
        return f"{verb} {whole}" if path else verb

    def _do(self, verb: str, path: str = "", *, new: bool = False) -> str:
        with self.told(path, new=new):
            return self.client.sendcmd(self._command(verb, path))

    def _there(self, path: str) -> bool:
        for verb in ("SIZE", "CWD"):
            with self.told(), contextlib.suppress(ftplib.error_perm):
                return bool(self.client.sendcmd(self._command(verb, path)))
        return False

    def _begin(self, verb: str, path: str = "", offset: int = 0, *, new: bool = False) -> _Data:
        self.client.timeout = min(self.config.timeout, self.remaining())
        with self.told(path, new=new):
            return _Data(self, self.client.transfercmd(self._command(verb, path), offset or None))


class _Data(Stream):
    """A data connection."""

    takes_views = True

    def __init__(self, files: FtpFiles, connection: socket.socket) -> None:
        super().__init__(files)
        self.connection, self.client = connection, files.client

    def read(self, size: int = BLOCK, /) -> bytes:
        with self.files.told():
            return self.connection.recv(size)

    def write(self, data: bytes, /) -> None:
        with self.files.told():
            self.connection.sendall(data)

    def close(self) -> None:
        """End the data, and wait until the server confirms that it has, or sent, all of it."""
        if isinstance(self.connection, ssl.SSLSocket):
            with contextlib.suppress(
                OSError
            ):  # not all servers say good-bye; what counts is their answer
                self.connection.unwrap()
        self.connection.close()
        del self.files.sockets[1:]
        with self.files.told():
            self.client.voidresp()


def _fact(line: str) -> Entry | None:
    """The entry that a line of MLSD describes (RFC 3659, 7)."""
    facts, _, name = line.partition(" ")
    fact = dict(each.lower().partition("=")[::2] for each in facts.split(";"))
    kind = fact.get("type", "")
    known: Kind = (
        "file"
        if kind == "file"
        else "folder"
        if kind == "dir"
        else "link"
        if "link" in kind
        else "other"
    )
    entry = Entry(name, int(fact.get("size", 0)), _time(fact.get("modify", "")), known)
    return None if not name or kind in ("cdir", "pdir") else entry


def _line(line: str) -> Entry | None:
    """The entry that a line of LIST describes, in the form of Unix or of Windows; None for any other line."""
    for parser in (UnixParser(), MSParser()):
        with contextlib.suppress(ParserError, ValueError):
            found = parser.parse_line(line[:4096])
            return Entry.of(found._st_name, found)
    return None


def _time(text: str) -> float:
    """Unix seconds of a time as YYYYMMDDHHMMSS, fractions allowed (RFC 3659, 2.3); 0 for what is none."""
    with contextlib.suppress(ValueError):
        return datetime.strptime(text.strip()[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()
    return 0.0
