"""What ends workers in its start is left out after three deaths, and everything else serves."""

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
    source = "import os\n@hookimpl\ndef hansa_startup(server): {}"
    more = make_plugin("deadly", source.format("os.abort()"))
    server = start_probed(plugins=("deadly",), more=more)
    until(lambda: states(server, "plugin  deadly") == ["quarantined"], 60)
    assert "the last was ended by SIGABRT" in server.output()
    make_plugin("deadly", source.format("return 5"))
    server.call("log_action", "plugin", "deadly", "reload")
    until(lambda: states(server, "plugin  deadly") == [], 30)
    assert server.stop() == 0
