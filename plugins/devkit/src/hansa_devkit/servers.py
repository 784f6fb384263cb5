"""Real servers for tests: a program started on free ports of 127.0.0.1 in a folder of its own, to
be used, hurt and ended.

`hansa_devkit.servers_sql` has PostgreSQL and MariaDB, `servers_redis` Redis and Valkey. A plugin
adds its own in its tests:

    class Mosquitto(RealServer):
        name, package, programs = "mosquitto", "mosquitto", ("mosquitto",)

        def prepare(self):
            self.write("mosquitto.conf", f"listener {self.port} 127.0.0.1\\nallow_anonymous true\\n")

        def command(self):
            return [self.program("mosquitto"), "-c", f"{self.folder}/mosquitto.conf"]

    @pytest.fixture(scope="session")
    def broker(real_server):
        return real_server(Mosquitto)

`ready` asks by default whether `port` accepts; override it where that is too early, as with a
broker that first loads its data. A server with several ports names them: `port_names = ("amqp",
"cluster")`, then `self.ports["amqp"]`; `self.port` is the first. A server whose programs are not
here fails the test and says how to get it, unless HANSA_TEST_WITHOUT names it (separated by
commas).
"""

from __future__ import annotations

import functools
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import psutil
import pytest
from hansa import spawn

from .harness.ports import free_port

WITHOUT_VARIABLE = "HANSA_TEST_WITHOUT"
"""The environment variable with the names, separated by commas, of the programs whose tests are left
out on a machine without them.
"""

used: dict[str, str] = {}
"""The versions of the servers that this run has started, by name: the terminal summary shows them.
"""


class RealServer:
    """A server program: a subclass says what to run; `start`, `stop`, `kill`, `restart`, `pause`
    and `resume` come with it.

    It runs as nobody where the tests run as root (`as_nobody`), and dies with them. Start it from
    the main thread: the kernel ends it with the thread that started it. As a context manager it is
    started, and at the end killed and its folder removed.
    """

    name: ClassVar[str] = ""
    """What the summary and HANSA_TEST_WITHOUT call it."""
    package: ClassVar[str] = ""
    """The Debian package that has it."""
    programs: ClassVar[tuple[str, ...]] = ()
    """The programs that must be here; the first one tells its version."""
    places: ClassVar[tuple[str, ...]] = ("/usr/lib/{name}/bin", "/usr/sbin", "/usr/local/sbin")
    """Paths of programs besides the PATH: `{name}` is replaced, wildcards are expanded, newest
    first.
    """
    port_names: ClassVar[tuple[str, ...]] = ("main",)
    patience: ClassVar[float] = 60.0
    """Seconds that a start or a stop may take."""
    stop_signal: ClassVar[int] = signal.SIGTERM
    as_nobody: ClassVar[bool] = True
    """Whether root runs it as nobody; False for programs that the user nobody may not read."""

    def __init__(self) -> None:
        self._ensure()
        self.ports = {name: free_port() for name in self.port_names}
        self.folder = Path(tempfile.mkdtemp(prefix=f"hansa-{self.name}-"))
        self.process: subprocess.Popen[bytes] | None = None
        self._prepared = False
        self._paused = False
        self._user: dict[str, Any] = {}
        if os.getuid() == 0 and self.as_nobody:
            nobody = pwd.getpwnam("nobody")
            self._user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
            os.chown(self.folder, nobody.pw_uid, nobody.pw_gid)

    # -- what a server gives -----------------------------------------------------------------------

    def prepare(self) -> None:
        """Make what the first start needs in `folder`; by default nothing."""

    def command(self) -> list[str]:
        """What to run, in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether it serves; by default whether `port` accepts connections."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def environment(self) -> dict[str, str]:
        """Environment variables besides the path."""
        return {}

    @classmethod
    def version(cls) -> str:
        """Its version, by default the first number in what the first program says to `--version`."""
        done = subprocess.run(
            [cls.program(cls.programs[0]), "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        found = re.search(r"\d+\.\d+[\w.]*", done.stdout + done.stderr)
        return found[0] if found else "of an unknown version"

    # -- what is given -----------------------------------------------------------------------------

    @property
    def port(self) -> int:
        """The first port; all of them stay the same as long as the server is in use."""
        return next(iter(self.ports.values()))

    @classmethod
    @functools.cache
    def program(cls, name: str) -> str:
        """The path of a program; empty if it is not here."""
        folders = [
            found
            for place in cls.places
            for found in sorted(glob.glob(place.format(name=cls.name)))[::-1]
        ]
        return (
            shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *folders])) or ""
        )

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be had here, and how to get it; empty if it can."""
        lacking = [name for name in cls.programs if not cls.program(name)]
        if not lacking:
            return ""
        return (
            f"{cls.name}: there is no {' and no '.join(lacking)} here: run tools/test-needs.sh "
            f"as root, or apt-get install {cls.package}; {WITHOUT_VARIABLE}={cls.name} leaves these tests out"
        )

    def start(self) -> Self:
        """Start it and wait until it is ready; fails the test with its output if it is not in time.

        One that runs already is only waited for.
        """
        if not self.is_running():
            self.launch()
        assert self.process is not None
        deadline = time.monotonic() + self.patience
        while not self.ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                pytest.fail(f"{self.name} did not start:\n{self.output()[-3000:]}")
            time.sleep(0.02)
        return self

    def launch(self) -> None:
        """Start it without waiting; fails the test if it runs already."""
        if self.process is not None and self.is_running():
            pytest.fail(f"{self.name} runs already, as process {self.process.pid}")
        if not self._prepared:
            self.prepare()
            self._prepared = True
        used[self.name] = self.version()
        with open(self.folder / "output", "ab") as output:
            # postgres tells its children by the death of their parent, so that SIGKILL leaves none
            self.process = spawn(
                self.command(),
                death_signal=signal.SIGKILL,
                cwd=self.folder,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **self._user,
            )

    def stop(self) -> None:
        """Ask it to end and wait; fails the test if it does not. Nothing happens if it is not
        running.
        """
        if self.process is None:
            return
        self.process.send_signal(self.stop_signal)
        try:
            self.process.wait(self.patience)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(
                f"{self.name} did not end within {self.patience:g} s:\n{self.output()[-3000:]}"
            )
        self.process = None

    def kill(self) -> None:
        """End it and all its processes at once, as a crash would, and wait until they are gone."""
        if self.process is not None:
            processes = self.processes()
            self._signal(signal.SIGKILL, processes)
            self.process.wait()
            psutil.wait_procs(processes, timeout=10)
            self.process = None

    def restart(self) -> None:
        """Stop it in good order, and start it with the same data at the same ports."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Stop its processes as they are (SIGSTOP): connections stay open, the kernel accepts new
        ones, and nothing answers.
        """
        self._signal(signal.SIGSTOP, self.processes())
        self._paused = True

    def resume(self) -> None:
        """Let paused processes go on (SIGCONT); does nothing if none are."""
        if self._paused:
            self._signal(signal.SIGCONT, self.processes())
            self._paused = False

    def close(self) -> None:
        """End it at once, since nobody needs its data any more, and remove its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether its process has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def processes(self) -> list[psutil.Process]:
        """Its process and all below it."""
        if self.process is None or not self.is_running():
            return []
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def run(self, command: Sequence[str], input: str = "", check: bool = True) -> str:
        """Run a program of the server's as its user in its folder and give its output; fails the
        test if the program does.
        """
        options: dict[str, Any] = {
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "timeout": self.patience,
        }
        done = subprocess.run(
            command,
            input=input,
            text=True,
            cwd=self.folder,
            env=self._environment(),
            check=False,
            **self._user,
            **options,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}")
        return str(done.stdout)

    def write(self, name: str, content: str) -> Path:
        """Write a file into its folder that only its user can read."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(content)
        if self._user:
            os.chown(path, self._user["user"], self._user["group"])
        return path

    def output(self) -> str:
        """What it has printed so far."""
        file = self.folder / "output"
        return file.read_text(errors="replace") if file.exists() else ""

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(self, *error: object) -> None:
        """End it."""
        self.close()

    @classmethod
    def _ensure(cls) -> None:
        if cls.name in [name.strip() for name in os.environ.get(WITHOUT_VARIABLE, "").split(",")]:
            pytest.skip(f"{WITHOUT_VARIABLE} leaves out {cls.name}")
        if why := cls.missing():
            pytest.fail(why, pytrace=False)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            **self.environment(),
        }

    def _signal(self, number: int, processes: list[psutil.Process]) -> None:
        for process in processes:
            try:
                process.send_signal(number)
            except psutil.NoSuchProcess:  # it ended by itself in between
                continue
