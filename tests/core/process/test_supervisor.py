"""The supervisor, from outside: what it starts it looks after, replaces and ends, and what keeps it
from starting it says.
"""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import psutil
import pytest
from hansa_devkit.harness.waiting import wait_until

if TYPE_CHECKING:
    from tests.core.conftest import ProbedServer

Start: TypeAlias = "Callable[..., ProbedServer]"


@pytest.fixture(scope="module")
def shared(start_probed: Start) -> Iterator[ProbedServer]:
    server = start_probed(workers=2)
    yield server
    assert server.stop() == 0


class TestRunning:
    def test_it_says_when_it_is_ready_and_where_it_listens(self, shared: ProbedServer):
        assert shared.output().count("probe is ready") == 1
        about = json.loads((shared.dir / "run/server.json").read_text())
        assert (about["pid"], about["name"]) == (shared.pid, "server1")
        assert re.fullmatch(r"probe://127\.0\.0\.1:\d+", about["probe"])
        assert shared.call("about")["environment"]["HANSA_LISTEN_PROBE"] == about["probe"]

    def test_its_folder_is_its_owners(self, shared: ProbedServer):
        assert stat.S_IMODE(shared.dir.stat().st_mode) == 0o700
        assert stat.S_IMODE((shared.dir / "secret.key").stat().st_mode) == 0o600

    def test_requests_are_served_by_all_workers(self, shared: ProbedServer, until: Any):
        seen: set[int] = set()

        def both() -> bool:
            seen.add(shared.raw("status")["worker"])
            return seen == {0, 1}

        until(both)
        assert len(shared.workers()) == 2

    def test_a_killed_worker_is_followed_by_another(self, shared: ProbedServer, until: Any):
        before = {process.pid for process in shared.workers()}
        victim = shared.raw("about")["pid"]
        os.kill(victim, signal.SIGKILL)

        def replaced() -> bool:
            after = {process.pid for process in shared.workers()}
            return len(after) == 2 and victim not in after

        until(replaced, 20)
        until(lambda: shared.raw("about")["pid"] not in before, 20)
        assert "was ended by SIGKILL, starting another" in shared.output()
        until(lambda: len(shared.call("reports")) == 2, 20)
        began = time.monotonic()
        answer = shared.call("define", "outgoing", "journal", "x", {"file": "/dev/null"})
        assert answer["pending"] == [] and len(answer["applied"]) == 2, (
            "the dead one is not waited for"
        )
        assert time.monotonic() - began < 4
        shared.call("delete", "outgoing", "journal", "x")

    def test_all_workers_are_replaced_and_no_request_is_lost(
        self, shared: ProbedServer, until: Any
    ):
        before = {process.pid for process in shared.workers()}
        done, answers = threading.Event(), Counter[str]()

        def ask() -> None:
            while not done.is_set():
                try:
                    found = shared.raw("invoke", "probe.sleep", 0.01)
                    answers["fine" if found["answer"] == found["pid"] else "odd"] += 1
                except Exception as error:
                    answers[repr(error)] += 1

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        shared.call("reload")
        until(
            lambda: (
                not before & {process.pid for process in shared.workers()}
                and len(shared.workers()) == 2
            ),
            30,
        )
        done.set()
        for thread in threads:
            thread.join()
        assert set(answers) == {"fine"} and answers["fine"] > 10

    def test_a_worker_that_dies_while_it_is_being_replaced_leaves_no_spare_one(
        self, shared: ProbedServer, until: Any
    ):
        """Both the successor of the dead one and the replacement would run, if nobody looked."""
        before = {process.pid for process in shared.workers()}
        first = until(lambda: (found := shared.raw("about"))["worker"] == 0 and found["pid"])
        shared.call("reload")
        os.kill(first, signal.SIGKILL)
        until(lambda: not before & {process.pid for process in shared.workers()}, 30)
        until(lambda: "replaced 2 workers" in shared.output().split("replacing 2 workers")[-1], 30)
        until(lambda: len(shared.workers()) == 2, 20)
        time.sleep(0.5)
        assert len(shared.workers()) == 2

    def test_another_server_does_not_start_in_the_same_folder(
        self, shared: ProbedServer, start_probed: Start
    ):
        other = start_probed(f"[server]\ndir = {str(shared.dir)!r}", wait=False)
        assert other.supervisor.wait(30) == 1
        assert "server.dir: another server runs in" in other.output()
        assert shared.call("about")["ready"]


class TestEnding:
    def test_what_was_accepted_is_answered(self, start_probed: Start, until: Any):
        server = start_probed(workers=2)
        answers: list[Any] = []
        threads = [
            threading.Thread(
                target=lambda: answers.append(server.call("invoke", "probe.sleep", 0.5))
            )
            for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        began = time.monotonic()
        assert server.stop(signal.SIGINT) == 0
        for thread in threads:
            thread.join()
        assert len(answers) == 6 and time.monotonic() - began < 8
        assert sorted((server.dir / "drained").read_text().splitlines()) == ["0 True", "1 True"]
        assert not (server.dir / "run/server.json").exists()

    def test_a_killed_supervisor_leaves_nothing_and_the_next_start_comes_up(
        self, start_probed: Start, until: Any
    ):
        """One worker finishes what it runs and ends by itself; the other is frozen, and ended by
        the next start.
        """
        server = start_probed(workers=2)
        server.call("define", "outgoing", "journal", "x", {"file": str(server.dir / "journal")})
        answers: list[Any] = []
        running = threading.Thread(
            target=lambda: answers.append(server.raw("invoke", "probe.sleep", 1.0))
        )
        running.start()
        busy = until(
            lambda: next(
                (
                    w
                    for w in server.workers()
                    if any(c.status == "ESTABLISHED" for c in w.net_connections())
                ),
                None,
            )
        )
        (frozen,) = [worker for worker in server.workers() if worker.pid != busy.pid]
        frozen.suspend()
        server.supervisor.kill()
        server.supervisor.wait()
        until(lambda: not busy.is_running() or busy.status() == "zombie", 15)
        running.join()
        assert (
            answers[0]["answer"] == busy.pid
            and (server.dir / "journal").read_text().count("stop") == 1
        )
        assert (server.dir / "drained").read_text().endswith("True\n")
        again = start_probed(workers=1, at=server.folder, wait=False)
        time.sleep(0.3)
        frozen.resume()
        again.wait_ready()
        assert not frozen.is_running() or frozen.status() == "zombie"
        assert again.call("definition", "outgoing", "journal", "x")
        assert again.stop() == 0

    def test_one_that_hangs_while_starting_is_not_waited_for(
        self, start_probed: Start, make_plugin: Any, until: Any
    ):
        more = make_plugin(
            "slow", "import time\n@hookimpl\ndef hansa_startup(server):\n    time.sleep(120)"
        )
        server = start_probed(plugins=("slow",), more=more, wait=False)
        until(lambda: (server.dir / "odb.sqlite").exists(), 20)
        time.sleep(0.3)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 5


CRASHING = """
    import os, sys, threading
    class Crashing(Engine):
        name, address, directory = "crashing", "", "/"
        def command(self): return [sys.executable, "-S", "-c", "import sys; sys.exit(7)"]
        def environment(self): return {}
        def ready(self): return True
    @hookimpl
    def hansa_engines(config): return [Crashing()]
"""
ENDING = """
    import os, threading
    @hookimpl
    def hansa_serve(server):
        if server.worker == 1:
            threading.Timer(0.05, os._exit, [5]).start()
"""


class TestStartingAgain:
    def test_what_keeps_crashing_is_started_ever_later(
        self, start_probed: Start, make_plugin: Any, until: Any
    ):
        more = make_plugin("crashing", ENDING, CRASHING)
        server = start_probed(workers=2, plugins=("crashing",), more=more, wait=False)
        for what in ("engine crashing ended with status 7", "worker 1 ended with status 5"):
            for delay in ("0.2", "0.4", "0.8"):
                until(
                    lambda line=f"{what}, starting another in {delay} s": line in server.output(),
                    30,
                )
            assert server.output().count(f"{what}, starting another in 0.2 s") == 1
        assert server.call("about")["ready"], "the other worker serves"
        assert server.stop() == 0


def restart(server: ProbedServer, name: str = "server1") -> int:
    return int(server.call("log_action", "server", name, "restart"))


class TestRestart:
    def test_it_is_the_same_process_and_everything_in_it_is_new(
        self, start_probed: Start, until: Any
    ):
        server = start_probed(workers=2)
        before = {worker.pid for worker in server.workers()}
        file = server.dir / "run/server.json"
        assert restart(server) > 0
        until(
            lambda: (
                not before & {worker.pid for worker in server.workers()}
                and len(server.workers()) == 2
            ),
            30,
        )
        until(lambda: file.exists() and json.loads(file.read_text()).get("workers") == 2, 30)
        assert json.loads(file.read_text())["pid"] == server.pid
        assert server.supervisor.poll() is None
        assert server.output().count("probe is ready") == 2
        assert sorted((server.dir / "drained").read_text().splitlines()) == ["0 True", "1 True"]
        assert restart(server, "another"), "is for another server"
        time.sleep(0.5)
        assert len(server.workers()) == 2 and server.output().count("probe is ready") == 2
        assert server.stop() == 0

    def test_one_that_could_not_start_again_goes_on(self, start_probed: Start, until: Any):
        server = start_probed()
        (worker,) = server.workers()
        config = server.folder / "config.toml"
        good = config.read_text()
        config.write_text(good + "[nonsense]\na = 1\n")
        restart(server)
        until(lambda: "nonsense: unknown section" in server.output(), 20)
        key = "server  server1"
        state = until(lambda: server.call("reports")["server1/0.1"]["states"].get(key))
        assert state["state"] == "failed" and "nonsense" in state["why"]
        assert server.workers() == [worker]
        config.write_text(good)
        restart(server)
        until(lambda: server.output().count("probe is ready") == 2, 30)
        assert server.stop() == 0

    def test_who_ends_it_meanwhile_ends_it(self, start_probed: Start, until: Any):
        server = start_probed()
        running = threading.Thread(target=lambda: server.call("invoke", "probe.sleep", 1.0))
        running.start()
        time.sleep(0.2)
        restart(server)
        until(lambda: "restarting, as was asked for" in server.output(), 20)
        assert server.stop() == 0
        running.join()
        assert server.output().count("probe is ready") == 1


BAD_ENGINE = """
    import sys
    class Bad(Engine):
        name, address, directory = "bad", "", "/"
        def command(self): return [sys.executable, "-c", "import sys; sys.exit(7)"]
        def environment(self): return {}
        def ready(self): return False
    @hookimpl
    def hansa_engines(config): return [Bad()]
"""


class TestWhatKeepsItFromStarting:
    def refused(self, server: ProbedServer, seconds: float = 30) -> str:
        began = time.monotonic()
        assert server.supervisor.wait(seconds) == 1, server.output()[-2000:]
        assert time.monotonic() - began < seconds
        # the kernel ends the worker that was started early with its supervisor, a moment later
        wait_until(lambda: not server.processes(), 5, "no process is left")
        output = server.output()
        assert "The server cannot start:" in output
        return str(output[output.index("The server cannot start:") :])

    def test_faults_of_the_configuration_all_at_once_by_file_and_key(self, start_probed: Start):
        text = (
            "[server]\n"
            "workers = 0\n"
            "nmae = 'x'\n"
            "[sevrer]\n"
            "[log]\n"
            "level = 'LOUD'\n"
            "[outgoing.journal.a]\n"
            "file = 5\n"
            "tga = 1\n"
        )
        server = start_probed(text, wait=False)
        said = self.refused(server)
        for key in (
            "server.nmae",
            "sevrer",
            "log.level",
            "outgoing.journal.a.file",
            "outgoing.journal.a.tga",
        ):
            assert f"{server.folder}/config.toml: {key}: " in said, said
        assert "Traceback" not in said and not (server.dir / "odb.sqlite").exists()

    def test_references_to_nothing_and_services_that_do_not_import(
        self, start_probed: Start, tmp_path: Path
    ):
        (tmp_path / "bad.py").write_text("x = 1\ny = = 2\n")
        text = f"""
            [services]
            files = ['{tmp_path}/bad.py', '{tmp_path}/none.py']
            [channel.probe.a]
            service = 'not.there'
            [channel.probe.b]
            service = 'probe.pid'
            security = ['none']
        """
        said = self.refused(start_probed(text, wait=False))
        assert "bad.py, line 2: SyntaxError" in said and "none.py" in said
        assert "channel.probe.a.service: there is no service named 'not.there'" in said
        assert "channel.probe.b.security: there is no security named 'none'" in said

    @pytest.mark.parametrize(
        ("full", "early", "why"),
        [
            (
                None,
                "@hookimpl\ndef hansa_listen(config): raise Invalid({'bad.address': 'in use'})",
                "bad.address: in use",
            ),
            (None, BAD_ENGINE, "engine bad: did not start (exit status 7)"),
            (
                "import os\n@hookimpl\ndef hansa_startup(server): os._exit(9)",
                None,
                "ended with status 9",
            ),
            (
                None,
                "@hookimpl\ndef hansa_redy(config): return []",
                "there is no hook hansa_redy; did you mean hansa_ready?",
            ),
        ],
    )
    def test_a_plugin_without_which_no_worker_serves(
        self, start_probed: Start, make_plugin: Any, full: str | None, early: str | None, why: str
    ):
        more = make_plugin("bad", full, early, required=True)
        server = start_probed(plugins=("bad",), more=more, wait=False)
        said = self.refused(server)
        assert why in said and ("bad" in said or "worker 0" in said or "ValueError" in said)
        assert not (server.dir / "run/server.json").exists()

    def test_a_folder_that_cannot_be_made(self, start_probed: Start, tmp_path: Path):
        (tmp_path / "file").write_text("")
        said = self.refused(start_probed(f"[server]\ndir = '{tmp_path}/file/var'", wait=False))
        assert "server.dir" in said and "Traceback" not in said

    def test_a_plugin_that_is_not_installed(self, start_probed: Start):
        said = self.refused(start_probed("[plugins]\nenabled = ['probe', 'nowhere']", wait=False))
        assert "plugins.enabled: nowhere: no such plugin is installed" in said


ONCE = """
    import os
    from hansa.cluster import leases
    # none ends by itself while the test runs
    leases.LEASE_TTL = 600.0

    class Once(Outgoing):
        type, placement = "once", "cluster"
        def start(self):
            with open(self.server.dir / "once", "a") as file:
                file.write(f"{os.getpid()}\\n")

    @hookimpl
    def hansa_transports(): return [Once]
"""


def test_what_runs_once_moves_on_as_soon_as_its_worker_has_ended(
    start_probed: Start, make_plugin: Any, until: Any
):
    server = start_probed(workers=2, plugins=("once",), more=make_plugin("once", ONCE))

    def holders() -> list[int]:
        file = server.dir / "once"
        return [int(line) for line in file.read_text().split()] if file.exists() else []

    server.call("define", "outgoing", "once", "x", {})
    until(lambda: len(holders()) == 1, 30)
    os.kill(holders()[0], signal.SIGKILL)
    until(lambda: len(holders()) == 2, 30)
    until(lambda: len(server.workers()) == 2, 30)
    for process in server.workers():
        process.kill()
    until(lambda: len(holders()) == 3, 30)
    # and so it does when everything was killed
    server.kill()
    server.start()
    until(lambda: len(holders()) == 4, 30)
    assert len({*holders()}) == 4
    assert server.stop() == 0


HELD_UP = """
    import time
    from hansa.cluster import cluster
    # none falls silent by itself while the test runs
    cluster.SILENT = 600.0

    @hookimpl
    def hansa_startup(server):
        while server.id.endswith(".3") and not (server.dir / "go").exists():
            time.sleep(0.05)
"""


def test_a_killed_worker_is_not_known_any_more_before_another_has_started(
    start_probed: Start, make_plugin: Any, until: Any
):
    server = start_probed(workers=2, plugins=("late",), more=make_plugin("late", HELD_UP))
    before = set(server.call("reports"))
    about = server.raw("about")
    os.kill(about["pid"], signal.SIGKILL)
    (left,) = (worker for worker in before if f"/{about['worker']}." not in worker)
    until(lambda: set(server.call("reports")) == {left}, 30)
    (server.dir / "go").touch()
    until(lambda: len(server.call("reports")) == 2, 30)
    assert server.stop() == 0


def test_an_engine_runs_beside_and_is_started_again(
    start_probed: Start, make_plugin: Any, until: Any, tmp_path: Path
):
    early = f"""
        import os, sys
        class Side(Engine):
            name, address, directory = "side", "side://here", "/"
            def command(self):
                code = (
                    "import os, sys, time; "
                    "open(sys.argv[1], 'w').write(f'{{os.getpid()}} ' + os.environ['A']); "
                    "time.sleep(120)"
                )
                return [sys.executable, "-c", code, {str(tmp_path / "pid")!r}]
            def environment(self): return {{"A": "b"}}
            def ready(self): return os.path.exists({str(tmp_path / "pid")!r})
        @hookimpl
        def hansa_engines(config): return [Side()]
    """

    def pid() -> int:
        text = (tmp_path / "pid").read_text().split()
        return int(text[0]) if len(text) == 2 and text[1] == "b" else 0

    server = start_probed(plugins=("side",), more=make_plugin("side", None, early))
    first = pid()
    os.kill(first, signal.SIGKILL)
    second = until(lambda: (now := pid()) != first and now)
    assert psutil.pid_exists(second)
    # the socket stays while nobody serves it
    os.kill(server.workers()[0].pid, signal.SIGKILL)
    assert server.call("invoke", "probe.pid")[1] == 0
    server.supervisor.kill()
    until(lambda: not server.processes(), 15)
    assert not psutil.pid_exists(second) or psutil.Process(second).status() == "zombie"
