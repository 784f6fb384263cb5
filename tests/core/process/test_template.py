"""A fork of a template is as good as a new interpreter: it has the same files, signals and limits,
its own random numbers, and the code that is installed when workers are replaced.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil
import pytest
from hansa_devkit.harness.distribution import install_plugin

if TYPE_CHECKING:
    from tests.core.conftest import ProbedServer

Start: TypeAlias = "Callable[..., ProbedServer]"

# run as the supervisor, it shows its workers as the kernel shows them
SHOWS = """
import json, os, signal, socket, sys, time
from pathlib import Path
from hansa.process import spawning
from hansa.process.spawning import Spawner
from hansa.process.restart import RestartSchedule
from hansa.process.template import early, fork_template, spawn_template
class Ledger:
    add = remove = lambda self, pid: None
how = sys.argv[1]
mine = [socket.socket(), open("/dev/null"), open("/dev/zero")]
os.set_inheritable(mine[1].fileno(), True)
if how == "forked":
    early.append(fork_template())
elif how == "none":
    def spawn_template(): raise OSError
    spawning.spawn_template = spawn_template
signal.signal(signal.SIGTERM, lambda *_: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
spawner = Spawner(Ledger(), RestartSchedule())
spawner.begin()
assert spawner.settled(60)
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (777, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
spawned = spawner.spawn()
pid = spawned.child.pid
def look():
    files = []
    for one in Path(f"/proc/{pid}/fd").iterdir():
        flags = Path(f"/proc/{pid}/fdinfo/{one.name}").read_text().split("flags:")[1].split()[0]
        number = one.name if int(one.name) < 3 else "more"
        what = os.readlink(one).partition(":[")[0]
        files.append(f"{number} {what} {bool(int(flags, 8) & os.O_CLOEXEC)}")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t") for line in lines)
    limits = Path(f"/proc/{pid}/limits").read_text().splitlines()
    return {
        "name": status["Name"],
        "files": sorted(files),
        "signals": [status["SigBlk"], status["SigIgn"], status["SigCgt"]],
        "threads": status["Threads"],
        "session": os.getsid(pid) == pid,
        "parent": int(status["PPid"]) == os.getpid(),
        "folder": os.readlink(f"/proc/{pid}/cwd"),
        "limits": [line for line in limits if "open files" in line],
    }
def is_waiting():
    try:
        found = look()
        time.sleep(0.1)
        ready = found["name"] == "hansa-worker" and "0 /dev/null False" in found["files"]
        return ready and look() == found
    except FileNotFoundError:
        return False  # it has just closed a file
deadline = time.monotonic() + 60
while not is_waiting():
    assert time.monotonic() < deadline, look()
print(json.dumps(look()))
"""
TELLS = """
    from hansa import Service
    import os, random, secrets, ssl, uuid
    own = random.Random(7)
    random.seed(3)
    class Tells(Service):
        name = "probe.tells"
        def handle(self):
            return {
                "random": random.random(),
                "own": own.random(),
                "secret": secrets.token_hex(),
                "openssl": ssl.RAND_bytes(8).hex(),
                "uuid": str(uuid.uuid4()),
                "imported by": IMPORTED_BY,
                "listens": LISTENS,
            }
    IMPORTED_BY = os.getpid()
    LISTENS = sorted(name for name in os.environ if name.startswith("HANSA_LISTEN_"))
    VERSION = 1
    class Version(Service):
        name = "probe.version"
        def handle(self):
            return VERSION
    @hookimpl
    def hansa_services():
        return [Tells, Version]
"""


def shown(how: str, folder: Path) -> dict[str, Any]:
    """What the kernel shows of a worker."""
    done = subprocess.run(
        [sys.executable, "-c", SHOWS, how],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_fork_has_what_a_new_interpreter_has(tmp_path: Path):
    new = shown("none", tmp_path)
    assert len(new["files"]) == 4, new["files"]
    assert (new["session"], new["parent"], new["threads"]) == (True, True, "1")
    assert "777" in new["limits"][0]
    assert shown("forked", tmp_path) == new
    assert shown("spawned", tmp_path) == new


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The module of a plugin."""
    return install_plugin(tmp_path_factory.mktemp("tells"), "tells", TELLS)


@pytest.fixture(scope="module")
def server(start_probed: Start, source: Path) -> ProbedServer:
    return start_probed(workers=2, plugins=("tells",), more=str(source.parent.parent))


def write(source: Path, text: str) -> None:
    """Change a module so that its compiled file is out of date."""
    changed = source.stat().st_mtime + 10
    source.write_text(text)
    os.utime(source, (changed, changed))


def answers(server: ProbedServer, service: str) -> dict[int, Any]:
    """What each worker answers, by its process id."""
    found: dict[int, Any] = {}
    while len(found) < 2:
        answer = server.raw("invoke", service)
        found[answer["pid"]] = answer["answer"]
    return found


def template(server: ProbedServer) -> psutil.Process | None:
    """The template, if there is one."""
    children = psutil.Process(server.pid).children()
    found = [child for child in children if child.name() == "hansa-template"]
    return found[0] if len(found) == 1 else None


def kill_worker(server: ProbedServer, until: Any, victim: int = 0) -> None:
    """Kill a worker, any unless told otherwise, and wait until another serves in its place."""
    before = {worker.pid for worker in server.workers()}
    os.kill(victim or min(before), signal.SIGKILL)
    until(lambda: server.raw("status")["pid"] not in before, 60)


def test_each_has_random_numbers_of_its_own(server: ProbedServer, until: Any):
    """All but the first are forks of the template, which has imported what they have in common."""
    made = template(server)
    assert made is not None
    found = answers(server, "probe.tells")
    (first,) = [pid for pid, told in found.items() if told["imported by"] != made.pid]
    kill_worker(server, until, first)
    one, other = answers(server, "probe.tells").values()
    assert one.pop("listens") == other.pop("listens") == found[first]["listens"] != []
    assert one.pop("imported by") == other.pop("imported by") == made.pid
    assert not set(one.values()) & set(other.values())


def test_a_killed_template_is_followed_by_another(server: ProbedServer, until: Any):
    first = template(server)
    assert first is not None
    listed = server.dir / "run/processes.json"
    assert str(first.pid) in json.loads(listed.read_text())
    first.kill()
    second = until(lambda: (found := template(server)) != first and found, 60)
    kill_worker(server, until)
    assert template(server) == second
    until(lambda: str(first.pid) not in json.loads(listed.read_text()))
    assert "the template of workers was ended by SIGKILL" in server.log()


def test_workers_run_the_code_of_the_last_replacement(
    server: ProbedServer, source: Path, until: Any
):
    former = template(server)
    assert former is not None
    write(source, source.read_text().replace("VERSION = 1", "VERSION = 2"))
    kill_worker(server, until)
    assert set(answers(server, "probe.version").values()) == {1}, "all run the same"
    before = {worker.pid for worker in server.workers()}
    server.call("reload")
    until(lambda: not {worker.pid for worker in server.workers()} & before, 60)
    until(lambda: template(server) not in (None, former))
    assert set(answers(server, "probe.version").values()) == {2}
    kill_worker(server, until)
    assert set(answers(server, "probe.version").values()) == {2}


def test_code_that_ends_workers_leaves_them_as_they_were(
    server: ProbedServer, source: Path, until: Any
):
    kept = template(server)
    write(source, "import os; os._exit(7)\n" + source.read_text())
    server.call("reload")
    until(lambda: "the old ones go on" in server.log(), 60)
    until(lambda: template(server) == kept)
    kill_worker(server, until)
    assert set(answers(server, "probe.version").values()) == {2}
    assert server.stop() == 0
