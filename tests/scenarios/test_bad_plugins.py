"""A server tells what is wrong with its plugins, and serves with those that load."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3

import pytest
from hansa_devkit.harness.api_server import ApiError, all_but
from hansa_devkit.harness.distribution import install_plugin
from hansa_devkit.harness.waiting import wait_until

from tests.commands import hansa

TWICE = (
    "class Mine(Outgoing):\n"
    '    """Ours."""\n'
    '    type = "mine"\n'
    "@hookimpl\n"
    "def hansa_transports():\n"
    "    return [Mine]\n"
)


def test_a_server_serves_without_the_plugins_that_do_not_load_and_says_why(start_server, tmp_path):
    install_plugin(tmp_path, "wrong", "@hookimpl\ndef hansa_transport():\n    return []\n")
    install_plugin(tmp_path, "first", TWICE)
    install_plugin(tmp_path, "second", TWICE)
    absent = install_plugin(tmp_path, "absent", "import no_such_library\n")
    install_plugin(tmp_path, "shut", "import no_such_library\n")
    worse = install_plugin(tmp_path, "worse", "")
    # the others only take time to load
    blocked = f"[plugins]\nblocked = {['shut', *all_but(['redis'])]!r}\n"
    server = start_server(blocked, env={"PYTHONPATH": str(tmp_path)}, workers=1)

    def listed() -> dict[str, dict[str, str]]:
        return {item["name"]: item for item in server.api("admin.plugin.list")["items"]}

    found = listed()
    assert [found[name]["status"] for name in ("http", "first")] == ["loaded", "loaded"]
    assert found["shut"]["status"] == "blocked"
    for name, why in {
        "wrong": "there is no hook hansa_transport; did you mean hansa_transports?",
        "second": "outgoing mine is given by the plugins first and second",
        "absent": "No module named 'no_such_library'",
    }.items():
        assert found[name]["status"] == "failed"
        assert why in found[name]["why"] and f"`hansa plugin block {name}`" in found[name]["why"]
    assert "plugin absent (hansa-absent 1.0) cannot be loaded" in server.output()

    worse.write_text("import no_such_library\n")
    (worker,) = server.workers()
    with pytest.raises(ApiError) as refused:
        server.api("admin.plugin.reload", name="worse")
    assert refused.value.status == 400
    assert "no_such_library" in str(refused.value.problem["errors"])
    assert server.workers() == [worker]
    assert server.ready()
    worse.write_text("")

    worker.kill()
    wait_until(lambda: worker.pid not in {one.pid for one in server.workers()} and server.ready())
    hansa(server, "plugin", "reload", "first")
    done = hansa(server, "plugin", "reload", "absent", check=False)
    assert done.returncode == 1 and "no_such_library" in done.stderr
    assert "server1/0: blocked" in hansa(server, "plugin", "block", "wrong").stdout
    absent.write_text("")
    assert "server1/0: loaded" in hansa(server, "plugin", "reload", "absent").stdout
    install_plugin(tmp_path, "late", "")
    shutil.rmtree(tmp_path / "hansa_first-1.0.dist-info")
    found = listed()
    assert {name: found[name]["status"] for name in ("wrong", "absent", "late", "first")} == {
        "wrong": "blocked",
        "absent": "loaded",
        "late": "installed",
        "first": "removed",
    }
    assert hansa(server, "plugin", "block", "wrong", "--off", check=False).returncode == 1
    shutil.rmtree(tmp_path / "hansa_wrong-1.0.dist-info")
    hansa(server, "plugin", "reload", "first")
    assert listed()["wrong"]["status"] == "blocked" and "not installed" in listed()["wrong"]["why"]
    assert "server1/0: removed" in hansa(server, "plugin", "block", "wrong", "--off").stdout
    assert "wrong" not in listed()


def test_a_server_that_is_ended_while_a_worker_starts_leaves_no_report(start_server, tmp_path):
    began = tmp_path / "began"
    slow = (
        "@hookimpl\n"
        "def hansa_serve(server):\n"
        "    if server.worker:\n"
        f"        open({str(began)!r}, 'w').close()\n"
    )
    install_plugin(tmp_path, "slow", f"import time\n{slow}        time.sleep(2)\n")
    server = start_server(start=False, env={"PYTHONPATH": str(tmp_path)}, plugins=())
    server.launch()
    wait_until(began.exists, 40, "the second worker has reported, and does not serve yet")
    server.signal(signal.SIGTERM)
    assert server.process.wait(40) == 0
    with contextlib.closing(sqlite3.connect(server.dir / "odb.sqlite")) as odb:
        assert odb.execute("SELECT worker FROM applied").fetchall() == [], (
            "else it would be listed as silent for a day"
        )
