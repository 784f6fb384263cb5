"""One connection to an SFTP server, over SSH (RFC 4251 to 4254)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from hansa import Unavailable
from hansa_connect.files import Entry, FileSystem, Stream, one_line
from hansa_connect.remedies import advised, remedy_of
from hansa_connect.remote import RemoteForbidden, RemoteNotFound
from hansa_connect.sockets import dial

from .keys import parse_known_hosts, parse_private_key
from .settings import SftpSettings
from .streams import ReadingStream, WritingStream

LOG = "hansa_sftp.paramiko"

# Paramiko logs tracebacks of what is raised here anyway, in one line
logging.getLogger(LOG).setLevel(logging.CRITICAL)


class _Client(paramiko.SFTPClient):  # type: ignore[misc]
    """Paramiko's client, but a name that is not UTF-8 does not keep it from reading a folder.

    Such names are refused later.
    """

    def _request(self, t: Any, *arg: Any) -> Any:
        kind, message = super()._request(t, *arg)
        if message is not None:
            message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")
        return kind, message


class SftpFiles(FileSystem):
    """One connection."""

    lists_as_stat = True

    def __init__(self, config: SftpSettings) -> None:
        super().__init__(f"{config.host}:{config.port}")
        self.config = config
        self._logged_in = False
        self._ssh: paramiko.SSHClient | None = None
        self._sftp: paramiko.SFTPClient | None = None

    @property
    def sftp(self) -> paramiko.SFTPClient:
        """Paramiko's client; raises `Unavailable` before `open`."""
        if self._sftp is None:
            raise Unavailable(f"{self.where} is not connected")
        return self._sftp

    def open(self, timeout: float) -> None:
        """Connect and log in."""
        config = self.config
        with self.translated():
            connection = dial(config.host, config.port, timeout)
            self.sockets = [connection]
            self._ssh = self._new_client()
            self._ssh.connect(
                config.host,
                config.port,
                config.username,
                password=str(config.password) if config.password is not None else None,
                pkey=parse_private_key(config.key, config.passphrase) if config.key else None,
                sock=connection,
                allow_agent=False,
                look_for_keys=False,
                timeout=timeout,
                banner_timeout=timeout,
                auth_timeout=timeout,
                channel_timeout=timeout,
            )
            self._logged_in = True
            self._sftp = _Client.from_transport(self._ssh.get_transport())
            self._sftp.get_channel().settimeout(config.timeout)

    def _remedy_of_login(self, error: paramiko.AuthenticationException) -> str:
        if isinstance(error, paramiko.BadAuthenticationType):
            taken = ["key" if one == "publickey" else one for one in error.allowed_types]
            return f"set what it takes: {', '.join(taken)}"
        given = "key" if self.config.key else "password"
        return f"check the settings username and {given}"

    def remedy_of(self, error: BaseException) -> str:
        """Return which setting to change where it cannot be logged in."""
        if self._logged_in:
            return ""
        text = str(error)
        if isinstance(error, paramiko.BadHostKeyException) or "known_hosts" in text:
            return (
                "put the key of the server into the setting known_hosts, "
                "if it has a new one: ssh-keyscan prints it"
            )
        if "banner" in text:
            return "it does not speak SSH here: check the setting port"
        return remedy_of(error)

    def _new_client(self) -> paramiko.SSHClient:
        """Return a client that accepts the host keys of the settings, and no others."""
        config = self.config
        client = paramiko.SSHClient()
        client.set_log_channel(LOG)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        for name, key in parse_known_hosts(config.known_hosts, config.host, config.port):
            client.get_host_keys().add(name, key.get_name(), key)
        return client

    def close(self) -> None:
        """Close what is open."""
        if self._ssh is not None:
            self._ssh.close()
        super().close()

    def alive(self) -> bool:
        """Return whether the server has not closed it, and no transfer was given up."""
        if not self.sockets or self._ssh is None:
            return False
        transport = self._ssh.get_transport()
        return transport is not None and bool(transport.is_active())

    def check(self) -> None:
        """Ask the server whether it is there."""
        with self.translated():
            self.sftp.stat(".")

    def list(self, path: str) -> list[Entry]:
        """Return what is in a folder."""
        with self.translated(path):
            return [Entry.of(found.filename, found) for found in self.sftp.listdir_attr(path)]

    def stat(self, path: str) -> Entry:
        """Return what is at a path."""
        with self.translated(path):
            return Entry.of(path.rpartition("/")[2], self.sftp.lstat(path))

    def reader(self, path: str, offset: int = 0, size: int | None = None) -> Stream:
        """Begin to read a file."""
        with self.translated(path):
            return ReadingStream(self, self.sftp.open(path, "rb"), offset, size)

    def writer(self, path: str, offset: int = 0) -> Stream:
        """Begin to write a file."""
        mode = "r+b" if offset else "wb"
        with self.translated(path):
            return WritingStream(self, self.sftp.open(path, mode), offset)

    def rename(self, old: str, new: str) -> None:
        """Rename as POSIX does where the server can, which replaces what has the new name."""
        with self.translated(old):
            try:
                self.sftp.posix_rename(old, new)
            except OSError:
                self.sftp.rename(old, new)

    def delete(self, path: str) -> None:
        """Delete a file."""
        with self.translated(path):
            self.sftp.remove(path)

    def make_folder(self, path: str) -> None:
        """Make a folder in one that exists."""
        with self.translated(path):
            self.sftp.mkdir(path)

    def remove_folder(self, path: str) -> None:
        """Remove an empty folder."""
        with self.translated(path):
            self.sftp.rmdir(path)

    @contextmanager
    def translated(self, path: str = "") -> Iterator[None]:
        """Raise what goes wrong as an error of Hansa: of the path, or of the server."""
        try:
            yield
        except FileNotFoundError as error:
            missing = RemoteNotFound(f"there is no {path}")
            missing.reason = self.where
            raise missing from error
        except paramiko.AuthenticationException as error:
            fault = f"{self.where} refuses the credentials of {self.config.username}: {error}"
            raise Unavailable(advised(fault, self._remedy_of_login(error))) from error
        except (
            TimeoutError,
            EOFError,
            ValueError,
            paramiko.SSHException,
            paramiko.SFTPError,
        ) as error:
            raise self.connection_error(error) from error
        except OSError as error:
            if not path or not self.alive():
                raise self.connection_error(error) from error
            refused = RemoteForbidden(f"{path} is refused")
            refused.reason = f"{self.where}: {one_line(error)}"
            raise refused from error
