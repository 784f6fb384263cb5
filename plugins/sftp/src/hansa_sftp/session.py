"""One connection to an SFTP server, over SSH (RFC 4251 to 4254), as a `FileSystem`."""

from __future__ import annotations

import contextlib
import io
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import paramiko
from hansa import Forbidden, Invalid, NotFound, Unavailable
from hansa_connect.files import BLOCK, Entry, FileSystem, Stream, dial, said
from paramiko.hostkeys import HostKeyEntry, InvalidHostKey
from paramiko.sftp import CMD_DATA, CMD_READ, int64

LOG = "hansa_sftp.paramiko"
logging.getLogger(LOG).setLevel(
    logging.CRITICAL
)  # it logs tracebacks of what is raised here anyway, and told in one line
AHEAD, PIECE = 64, 32 * 1024  # pieces that are asked for before the first has come, and their bytes


class _Client(paramiko.SFTPClient):  # type: ignore[misc]
    """Paramiko's client, which a name that is no UTF-8 does not keep from reading a folder; such names are refused later."""

    def _request(self, t: Any, *arg: Any) -> Any:
        t, message = super()._request(t, *arg)
        if message is not None:
            message.get_text = lambda: message.get_string().decode("utf-8", "surrogateescape")
        return t, message


class SftpFiles(FileSystem):
    """One connection; `config` are the settings."""

    ssh: Any = None
    sftp: Any = None

    def open(self, timeout: float) -> None:
        config = self.config
        with self.told():
            self.sockets = [dial(config.host, config.port, timeout)]
            self.ssh = paramiko.SSHClient()
            self.ssh.set_log_channel(LOG)
            self.ssh.set_missing_host_key_policy(paramiko.RejectPolicy())
            for name, key in known_keys(config.known_hosts, config.host, config.port):
                self.ssh.get_host_keys().add(name, key.get_name(), key)
            password = None if config.password is None else str(config.password)
            key = None if config.key is None else private_key(config.key, config.passphrase)
            steps: dict[str, Any] = dict.fromkeys(
                ("timeout", "banner_timeout", "auth_timeout", "channel_timeout"), timeout
            )
            steps |= {"sock": self.sockets[0], "allow_agent": False, "look_for_keys": False}
            self.ssh.connect(config.host, config.port, config.username, password, key, **steps)
            self.sftp = _Client.from_transport(self.ssh.get_transport())
            self.sftp.get_channel().settimeout(config.timeout)

    def close(self) -> None:
        if self.ssh is not None:
            self.ssh.close()
        super().close()

    def alive(self) -> bool:
        return bool(self.sockets) and self.ssh.get_transport().is_active()

    def check(self) -> None:
        with self.told():
            self.sftp.stat(".")

    def list(self, path: str) -> list[Entry]:
        with self.told(path):
            return [Entry.of(found.filename, found) for found in self.sftp.listdir_attr(path)]

    def stat(self, path: str) -> Entry:
        with self.told(path):
            return Entry.of(path.rpartition("/")[2], self.sftp.lstat(path))

    def reader(self, path: str, offset: int = 0) -> Stream:
        with self.told(path):
            return _Reading(self, self.sftp.open(path, "rb"), offset)

    def writer(self, path: str, offset: int = 0) -> Stream:
        with self.told(path):
            return _Writing(self, self.sftp.open(path, "r+b" if offset else "wb"), offset)

    def rename(self, old: str, new: str) -> None:
        """As POSIX does it where the server can, which replaces what has the new name."""
        with self.told(old):
            try:
                self.sftp.posix_rename(old, new)
            except OSError:
                self.sftp.rename(old, new)

    def delete(self, path: str) -> None:
        with self.told(path):
            self.sftp.remove(path)

    def make_folder(self, path: str) -> None:
        with self.told(path):
            self.sftp.mkdir(path)

    def remove_folder(self, path: str) -> None:
        with self.told(path):
            self.sftp.rmdir(path)

    @contextmanager
    def told(self, path: str = "") -> Iterator[None]:
        """Tell what goes wrong as an error of Hansa: of the path, or of the server."""
        try:
            yield
        except FileNotFoundError as error:
            raise NotFound(f"{self.where} has no {path}") from error
        except paramiko.AuthenticationException as error:
            raise Unavailable(
                f"{self.where} refuses the credentials of {self.config.username}: {error}"
            ) from error
        except (
            TimeoutError,
            EOFError,
            ValueError,
            paramiko.SSHException,
            paramiko.SFTPError,
        ) as error:
            raise self.failed(error) from error
        except OSError as error:
            if not path or not self.alive():
                raise self.failed(error) from error
            raise Forbidden(f"{self.where} refuses {path}: {said(error)}") from error


class _Reading(Stream):
    """A file being read, many pieces ahead."""

    def __init__(self, files: SftpFiles, file: Any, offset: int) -> None:
        super().__init__(files)
        self.file, self.left, self.come = file, b"", dict[int, bytes]()
        self.pieces = self._ask(files.sftp, offset, file.stat().st_size)

    def _ask(self, sftp: Any, at: int, size: int) -> Iterator[bytes]:
        # PERF: Paramiko's prefetch asks for the whole file from a thread, which dies noisily with the connection
        asked: deque[int] = deque()
        while at < size or asked:
            while at < size and len(asked) < AHEAD:
                asked.append(
                    sftp._async_request(
                        self, CMD_READ, self.file.handle, int64(at), min(PIECE, size - at)
                    )
                )
                at += PIECE
            while asked[0] not in self.come:
                sftp._read_response()
            yield self.come.pop(asked.popleft())

    def _async_response(self, kind: int, message: Any, number: int) -> None:
        self.come[number] = (
            message.get_string() if kind == CMD_DATA else b""
        )  # nothing is left there: it was cut short

    def read(self, size: int = BLOCK, /) -> bytes:
        with self.files.told():
            self.left = self.left or next(self.pieces, b"")
        data, self.left = self.left[:size], self.left[size:]
        return data

    def close(self) -> None:
        with self.files.told():
            self.file.close()


class _Writing(Stream):
    """A file being written, without waiting for the answer to each piece."""

    def __init__(self, files: SftpFiles, file: Any, offset: int) -> None:
        super().__init__(files)
        self.file, self.size = file, offset
        file.seek(offset)
        file.set_pipelined(True)

    def write(self, data: bytes, /) -> None:
        with self.files.told():
            self.file.write(data)
        self.size += len(data)

    def close(self) -> None:
        """Wait for all answers, and see that the file has the size that was sent."""
        with self.files.told():
            size = self.file.stat().st_size
            self.file.close()
        if size != self.size:
            raise Unavailable(
                f"{self.files.where} has {size} bytes of the {self.size} that were sent"
            )


def private_key(text: str, passphrase: str | None) -> paramiko.PKey:
    """The key that a text in OpenSSH's or PEM form is; raises `Invalid`."""
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        with contextlib.suppress(paramiko.SSHException, ValueError):
            return kind.from_private_key(io.StringIO(text.strip() + "\n"), passphrase)
    raise Invalid(
        {
            "key": "is no private key of a kind that is known (Ed25519, ECDSA, RSA), or the passphrase is wrong"
        }
    )


def known_keys(text: str, host: str, port: int) -> list[tuple[str, paramiko.PKey]]:
    """The host keys in lines of known_hosts, by name; a line without names is for this host. Raises `Invalid`."""
    here, found = host if port == 22 else f"[{host}]:{port}", []
    for line in (line.strip() for line in text.splitlines()):
        if line and not line.startswith("#"):
            entry = None
            with contextlib.suppress(InvalidHostKey, paramiko.SSHException, ValueError):
                entry = HostKeyEntry.from_line(
                    f"{here} {line}" if line.startswith(("ssh-", "ecdsa-")) else line
                )
            if entry is None:
                raise Invalid({"known_hosts": f"is no line of known_hosts: {line[:80]!r}"})
            found += [(name, entry.key) for name in entry.hostnames]
    return found
