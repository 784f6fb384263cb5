"""What ends workers in its start is left out after three deaths, what hangs there at once, and
everything else serves.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.core.conftest import ProbedServer

DEADLY = """
    import os, threading
    class Flag(Model):
        flag: str
        tag: str = ""
    class DeadlyOutgoing(Outgoing):
        type, Config = "deadly", Flag
        def start(self):
            if not os.path.exists(self.config.flag):
                threading.Timer(0.5, os._exit, [70]).start()
        def ping(self):
            return "alive"
    @hookimpl
    def hansa_transports():
        return [DeadlyOutgoing]
"""
KEY = ("outgoing", "deadly", "d")
QUICK = "[server]\nstart_limit = 3\n"
HUNG = "its start hung (it had not returned after 3 s, in plugin.py:5 (hansa_startup))"


def states(server: ProbedServer, name: str) -> list[str]:
    """The states of something in all workers that say that it does not run, sorted."""
    found: dict[str, Any] = {}
    with contextlib.suppress(OSError, ValueError):  # the worker that is asked may be ending
        found = server.raw("reports").get("answer") or {}
    states = [report["states"].get(name) for report in found.values()]
    return sorted(state["state"] for state in states if state)


def test_a_definition_that_ends_workers_soon_after_its_start(
    start_probed: Callable[..., ProbedServer], make_plugin: Any, until: Any, tmp_path: Path
):
    flag = tmp_path / "flag"
    more = make_plugin("deadly", DEADLY)
    server = start_probed(plugins=("deadly",), more=more)
    harmless = {"file": str(tmp_path / "journal")}
    server.call("define", "outgoing", "journal", "harmless", harmless)
    server.call("define", *KEY, {"flag": str(flag)}, wait=False)
    until(lambda: states(server, "outgoing deadly d") == ["quarantined"], 60)
    state = server.call("state", *KEY)
    told = (
        r"^3 processes ended while it was started or soon after \(the last ended with status 70\); "
    )
    assert re.search(told, state["why"])
    assert "`hansa outgoing deadly release`" in state["why"]
    assert server.output().count("while it started [\"outgoing deadly 'd' at revision 2\"]") <= 4
    ended_by = r"os\._exit\(70\) ends .* begun by outgoing deadly 'd' at revision 2:"
    assert re.search(ended_by, server.output())
    harmless_key = ("outgoing", "journal", "harmless")
    until(lambda: server.raw("ping", *harmless_key).get("answer") == "pong", 20)
    before = {worker.pid for worker in server.workers()}

    flag.touch()
    server.call("release", *KEY)
    until(lambda: states(server, "outgoing deadly d") == [], 20)
    assert server.call("ping", *KEY) == "alive"
    assert {worker.pid for worker in server.workers()} == before
    until(lambda: json.loads((server.dir / "run/starts/deaths.json").read_text()) == {}, 20)
    assert server.stop() == 0

    flag.unlink()
    server.before = len(server.output())
    server.start()
    until(lambda: states(server, "outgoing deadly d") == ["quarantined"], 60)
    server.call("define", *KEY, {"flag": str(tmp_path)}, mode="edit")
    assert server.call("ping", *KEY) == "alive", "an edit tries it again"
    assert server.stop() == 0


def test_a_plugin_that_ends_workers_in_its_start(
    start_probed: Callable[..., ProbedServer], make_plugin: Any, until: Any
):
    source = "import os, time\n@hookimpl\ndef hansa_startup(server): {}"
    make_plugin("hangs", source.format("time.sleep(600)"))
    more = make_plugin("deadly", source.format("os.abort()"))
    server = start_probed(QUICK, plugins=("deadly", "hangs"), more=more)
    until(lambda: states(server, "plugin  deadly") == ["quarantined"], 60)
    assert states(server, "plugin  hangs") == ["quarantined"]
    found = re.findall(r"plugin hangs \(hansa_startup\) is quarantined: (.*)", server.output())
    assert found == [HUNG], "the first worker that it held up was enough"
    assert "plugin hangs (hansa_startup) hangs: it had not returned after 3 s" in server.output()
    assert "the last was ended by SIGABRT" in server.output()
    assert "Fatal Python error: Aborted" in server.output()
    make_plugin("deadly", source.format("return 5"))
    server.call("log_action", "plugin", "deadly", "reload")
    until(lambda: states(server, "plugin  deadly") == [], 30)
    assert server.stop() == 0


ENGINE = """
    import sys
    class Bad(Engine):
        name, address, directory = "bad", "", "/"
        def command(self): return [sys.executable, "-S", "-c", "import sys; sys.exit(7)"]
        def environment(self): return {}
        def ready(self): return False
    @hookimpl
    def hansa_engines(config): return [Bad()]
"""
EARLY = {
    "exits": ("quarantined", "the last ended with status 3", "import os\nos._exit(3)"),
    "ends": (
        "quarantined",
        "the last with the server",
        "import os\n@hookimpl\ndef hansa_engines(config): os._exit(4)",
    ),
    "hangs": (
        "quarantined",
        "its start hung (it had not returned after 3 s, in early.py:5 (hansa_listen))",
        "import time\n@hookimpl\ndef hansa_listen(config): time.sleep(600)",
    ),
    "listens": (
        "failed",
        "OSError: no such port",
        "@hookimpl\ndef hansa_listen(config): raise OSError('no such port')",
    ),
    "runs": ("failed", "engine bad: did not start (exit status 7)", ENGINE),
}


def test_early_modules_that_would_end_the_server(
    start_probed: Callable[..., ProbedServer], make_plugin: Any, until: Any
):
    full = "@hookimpl\ndef hansa_serve(server): 1 / 0"
    for name, (_, _, early) in EARLY.items():
        more = make_plugin(name, full, early)
    server = start_probed(QUICK, plugins=tuple(EARLY), more=more, wait=False)
    locked = {"plugins": {"hansa-gone": {"version": "1.0", "hash": ""}}}
    (server.folder / "plugins.lock").write_text(json.dumps(locked))
    for _ in range(3):
        assert server.supervisor.wait(60) == 4, server.output()
        server.launch()
    server.wait_ready()

    def reported() -> dict[str, Any]:
        (report,) = server.call("reports").values()
        return dict(report["states"])

    states = until(lambda: (found := reported()) and len(found) == len(EARLY) and found)
    for name, (state, why, _) in EARLY.items():
        found = states[f"plugin  {name}"]
        assert found["state"] == state and why in found["why"], found
        assert f"`hansa plugin block {name}`" in found["why"]
    assert "restart the server" in states["plugin  runs"]["why"]
    assert "plugins.lock: hansa-gone 1.0 is locked and not installed" in server.output()
    assert server.stop() == 0


def test_a_plugin_without_which_nothing_serves_is_tried_again_by_the_next_start(
    start_probed: Callable[..., ProbedServer], make_plugin: Any
):
    source = "import time\n@hookimpl\ndef hansa_startup(server): {}"
    more = make_plugin("needed", source.format("time.sleep(600)"), required=True)
    server = start_probed(QUICK, plugins=("needed",), more=more, wait=False)
    assert server.supervisor.wait(60) == 1
    assert HUNG in server.output().rpartition("The server cannot start")[2]
    make_plugin("needed", source.format("return 5"), required=True)
    server.before = len(server.output())
    server.start()
    assert server.call("status") is True
    assert server.stop() == 0
