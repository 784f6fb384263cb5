"""Hosts that are namespaces of this machine: an address, processes, a name and a /tmp of their own,
and a bridge between them.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest

from tools.project import TOP

NETWORK: Final = "10.77.0.0/24"
FLOATING: Final = "10.77.0.100"
"""The address that two load-balancers share."""
_CLONE_NEWNET: Final = 0x40000000
_TIMEOUT: Final = 180.0
_FOLDERS: Final = Path("/var/tmp")
_FOLDER: Final = "hansa-hosts-"
_FIRST_PROCESS: Final = (
    "import os, signal\n"
    "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
    "while True:\n"
    "    try:\n"
    "        os.wait()\n"
    "    except ChildProcessError:\n"
    "        signal.sigtimedwait([signal.SIGUSR1], 0.02)\n"
)
"""The first process of a host: it waits for those that have lost their parents."""
_SET_UP: Final = (
    # the project itself is seen there, too, where it lies in /tmp
    'case "$5" in /tmp/*) mkdir -p "$2${5#/tmp}" && mount --bind "$5" "$2${5#/tmp}" ;; esac && '
    'hostname "$1" && mount --rbind "$2" /tmp && exec "$3" -c "$4"'
)
_libc = ctypes.CDLL(None, use_errno=True)


def why_not() -> str:
    """Return why this machine has no namespaces for hosts; empty if it has."""
    if os.getuid() != 0:
        return "hosts are namespaces, which only root makes"
    missing = [name for name in ("ip", "nsenter", "unshare") if not shutil.which(name)]
    if missing:
        return f"there is no {', '.join(missing)} here: run tools/test-needs.sh"
    namespace, link = f"hansa-try-{os.getpid()}", f"ht{os.getpid()}"
    attempts = (
        ("ip", "netns", "add", namespace),
        ("ip", "link", "add", f"{link}b", "type", "bridge"),
        ("ip", "link", "add", link, "type", "veth", "peer", "name", "e0", "netns", namespace),
        (*_entry(namespace), "mount", "--bind", "/var/tmp", "/tmp"),
    )
    try:
        for attempt in attempts:
            done = subprocess.run(attempt, capture_output=True, text=True, check=False)
            if done.returncode:
                said = done.stderr.strip()
                return f"this machine does not allow `{' '.join(attempt)}`: {said}"
        return ""
    finally:
        _clean("ip", "netns", "del", namespace)
        _clean("ip", "link", "del", link)
        _clean("ip", "link", "del", f"{link}b")


def remove_leftovers() -> None:
    """Remove the hosts of runs that were killed: those of processes that are no more."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=False)
    for namespace in (line.split()[0] for line in listed.stdout.splitlines() if line.strip()):
        if _is_leftover(namespace, r"hansa-hb(\d+)n\d+-"):
            _end_all(namespace)
            _clean("ip", "netns", "del", namespace)
    for link in os.listdir("/sys/class/net"):
        if _is_leftover(link, r"h[bv](\d+)n\d+"):
            _clean("ip", "link", "del", link)
    for folder in _FOLDERS.glob(f"{_FOLDER}*"):
        if _is_leftover(folder.name, rf"{_FOLDER}(\d+)n\d+-"):
            shutil.rmtree(folder, ignore_errors=True)


def _is_leftover(name: str, pattern: str) -> bool:
    found = re.match(pattern, name)
    return found is not None and not Path(f"/proc/{found[1]}").exists()


def _end_all(namespace: str) -> None:
    """End the processes that use the network of a namespace, engines of a host among them."""
    listed = subprocess.run(
        ["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False
    )
    for pid in {*listed.stdout.split()} - {str(os.getpid())}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


class Network:
    """A bridge, and the hosts at it; a context manager that leaves nothing behind."""

    _numbers = itertools.count(1)

    def __init__(self) -> None:
        self._mark = f"{os.getpid()}n{next(self._numbers)}"
        self.bridge = f"hb{self._mark}"
        # outside of /tmp, since each host has its own
        self.folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{self._mark}-", dir=_FOLDERS))
        self.folder.chmod(0o755)
        self.hosts: dict[str, Host] = {}

    def __enter__(self) -> Network:
        remove_leftovers()
        try:
            _run("ip", "link", "add", self.bridge, "type", "bridge")
            _run("ip", "link", "set", self.bridge, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for host in self.hosts.values():
            host.end()
            _end_all(host.namespace)
            _clean("ip", "netns", "del", host.namespace)
            _clean("ip", "link", "del", host.link)
        _clean("ip", "link", "del", self.bridge)
        shutil.rmtree(self.folder, ignore_errors=True)

    def host(self, name: str) -> Host:
        """Make a host of this name, with the next address."""
        made = Host(self, name, len(self.hosts) + 1)
        self.hosts[name] = made
        made.connect(self.bridge)
        made.begin()
        return made

    def link(self, number: int) -> str:
        """Return the name of this machine's end of the cable of a host."""
        return f"hv{self._mark}h{number}"


class Host:
    """One host: `address` is its own, `folder` holds what it writes."""

    def __init__(self, network: Network, name: str, number: int) -> None:
        self.name = name
        self.address = f"10.77.0.{number}"
        self.folder = network.folder / name
        self.namespace = f"hansa-{network.bridge}-{name}"
        self.link = network.link(number)
        self._first: subprocess.Popen[bytes] | None = None
        self._inside = 0

    def connect(self, bridge: str) -> None:
        """Make it, with a cable to a bridge."""
        (self.folder / "tmp").mkdir(parents=True)
        _run("ip", "netns", "add", self.namespace)
        _run("ip", "link", "add", self.link, "type", "veth", "peer", "name", "e0")
        _run("ip", "link", "set", "e0", "netns", self.namespace)
        _run("ip", "link", "set", self.link, "master", bridge, "up")
        inner = ("ip", "-n", self.namespace)
        _run(*inner, "addr", "add", f"{self.address}/24", "dev", "e0")
        _run(*inner, "link", "set", "e0", "up")
        _run(*inner, "link", "set", "lo", "up")

    def begin(self) -> None:
        """Switch it on: it has its first process."""
        words = [self.name, str(self.folder / "tmp"), sys.executable, _FIRST_PROCESS, str(TOP)]
        self._first = subprocess.Popen(
            [*_entry(self.namespace), "sh", "-c", _SET_UP, "host", *words]
        )
        self._inside = _only_child(self._first.pid)

    def end(self) -> None:
        """Switch it off: all of its processes end at once, and nobody is told."""
        if self._first is not None:
            self._first.kill()
            self._first.wait()
            self._first = None

    def cut_off(self) -> None:
        """Have the firewall drop whatever it sends and is sent."""
        _run("ip", "link", "set", self.link, "down")

    def reconnect(self) -> None:
        """Let it be reached again."""
        _run("ip", "link", "set", self.link, "up")

    def run(
        self, *command: str, check: bool = True, variables: Mapping[str, str] | None = None
    ) -> str:
        """Run a command there, and return what it prints; fails the test if the command does."""
        done = subprocess.run(
            self._entered(command),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            cwd="/",
            env=_environment(variables or {}),
            check=False,
        )
        said = done.stdout + done.stderr
        if check and done.returncode:
            pytest.fail(f"{self.name}: {' '.join(command)} ended with {done.returncode}:\n{said}")
        return said

    def launch(self, *command: str) -> None:
        """Start a program there, which ends with the host; what it prints is in its folder."""
        with open(self.folder / f"{Path(command[0]).name}.log", "ab") as output:
            subprocess.Popen(
                self._entered(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_environment({}),
            )

    def hansa(
        self, *words: str, check: bool = True, variables: Mapping[str, str] | None = None
    ) -> str:
        """Run a command of Hansa there."""
        command = (sys.executable, "-m", "hansa", *words)
        return self.run(*command, check=check, variables=variables)

    def _entered(self, command: tuple[str, ...]) -> list[str]:
        target = str(self._inside)
        # the wait until it is set up: /tmp is its own then
        return ["nsenter", "-t", target, "--mount", "--uts", "--net", "--pid", "--", *command]

    @contextlib.contextmanager
    def network(self) -> Iterator[None]:
        """Have this thread, and what it starts, use the network of the host meanwhile."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        other = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _enter(other)
            yield
        finally:
            _enter(own)
            os.close(own)
            os.close(other)


def _enter(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _only_child(pid: int) -> int:
    from hansa_devkit.harness.waiting import wait_until

    children = Path(f"/proc/{pid}/task/{pid}/children")
    wait_until(lambda: bool(children.read_text().split()), 30, "the host has its first process")
    child = int(children.read_text().split()[0])
    program = Path(f"/proc/{child}/cmdline")
    wait_until(lambda: b"os.wait" in program.read_bytes(), 30, "the host is set up")
    wait_until(lambda: program.read_bytes().startswith(sys.executable.encode()), 30)
    return child


def _entry(namespace: str) -> tuple[str, ...]:
    """Return what runs a command as the first process of a host, with the network of a namespace."""
    unshared = ("--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc")
    return ("ip", "netns", "exec", namespace, "unshare", *unshared)


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "HANSA_CONSOLE": "off", **variables}


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")


def _clean(*command: str) -> None:
    """Run what removes something, which may be gone."""
    subprocess.run(command, capture_output=True, check=False)
