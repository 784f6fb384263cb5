"""A worker and its facade, as plugins and services see them, in real processes that share one
change log.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hansa_devkit.harness.waiting import wait_until

if TYPE_CHECKING:
    from tests.core.conftest import ProbedServer

SOURCE = """
from __future__ import annotations
from hansa import Model, Service

class Answer(Model):
    version: int
    slow: bool = False

class Where(Service):
    name = "where"
    Output = Answer
    def handle(self):
        import time
        time.sleep(self.request.input or 0)
        return {{"version": {version}}}
"""
CONFIG = """
[server]
start_limit = 3

[outgoing.journal.declared]
file = "{file}"
tag = "from-file"

[services]
files = ["declared_service.py"]
"""
DECLARED = (
    "from hansa import Service\nclass Hello(Service):\n    def handle(self): return 'hello'\n"
)


@pytest.fixture(scope="module")
def server(
    start_probed: Callable[..., ProbedServer], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ProbedServer]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "declared_service.py").write_text(DECLARED)
    server = start_probed(CONFIG.format(file=folder / "journal"), workers=2, at=folder)
    yield server
    assert server.stop() == 0


def everywhere(server: ProbedServer, name: str, *arguments: Any, **options: Any) -> list[Any]:
    """What each of the two workers answers."""
    found: dict[int, Any] = {}

    def asked() -> bool:
        answer = server.raw(name, *arguments, **options)
        found[answer["worker"]] = answer.get("answer", answer.get("detail"))
        return len(found) == 2

    wait_until(asked, what="both workers answer")
    return [found[index] for index in sorted(found)]


def revision(server: ProbedServer) -> int:
    return max(int(report["revision"]) for report in server.call("reports").values())


class TestDefinitions:
    def test_made_edited_and_deleted_in_all_workers(self, server: ProbedServer, tmp_path: Path):
        journal = tmp_path / "journal"
        made = server.call(
            "define", "outgoing", "journal", "a", {"file": str(journal)}, mode="create"
        )
        assert len(made["applied"]) == 2 and made["pending"] == []
        assert everywhere(server, "state", "outgoing", "journal", "a")[0]["state"] == "running"
        assert everywhere(server, "ping", "outgoing", "journal", "a") == ["pong", "pong"]
        server.call("define", "outgoing", "journal", "a", {"tag": "2"}, mode="edit")
        server.call("delete", "outgoing", "journal", "a")
        assert (
            "there is no outgoing journal named 'a'"
            in everywhere(server, "ping", "outgoing", "journal", "a")[0]
        )

        def count(line: str) -> int:
            return len(re.findall(line, journal.read_text(), re.M))

        wait_until(lambda: count("^stop") >= 4)
        assert (count("^start  "), count("^start 2"), count("^stop  "), count("^stop 2")) == (
            2,
            2,
            2,
            2,
        )

    def test_faults_come_back_and_nothing_happens(self, server: ProbedServer):
        before = revision(server)
        found = server.raw("define", "outgoing", "journal", "b", {"tag": 5})
        assert (found["error"], found["detail"]) == (
            "Invalid",
            "file: required, and missing; tag: Expected `str`, got `int`",
        )
        assert revision(server) == before

    def test_tried_without_being_stored(self, server: ProbedServer, tmp_path: Path):
        assert (
            server.call("test", "outgoing", "journal", "x", {"file": str(tmp_path / "journal")})
            == "pong"
        )
        assert re.fullmatch(r"start  \d\nstop  \d\n", (tmp_path / "journal").read_text())
        found = server.raw("test", "outgoing", "journal", "x", {"file": "/nowhere/at/all"})
        assert found["error"] == "FileNotFoundError"

    def test_what_the_configuration_declares(self, server: ProbedServer):
        assert server.call("invoke", "declared-service.hello") == "hello"
        for state in everywhere(server, "state", "outgoing", "journal", "declared"):
            assert state["state"] == "running"

    def test_an_object_that_is_down_shows_why_in_each_worker(
        self, server: ProbedServer, until: Any
    ):
        server.call("define", "outgoing", "journal", "down", {"file": "/nowhere/x"})

        def known() -> list[Any]:
            return [
                report["states"].get("outgoing journal down")
                for report in server.call("reports").values()
            ]

        until(lambda: all(known()))
        states = known()
        assert [state["state"] for state in states] == ["retrying", "retrying"]
        assert all("No such file" in state["why"] for state in states)
        assert server.call("state", "outgoing", "journal", "down")["state"] == "retrying"
        server.call("delete", "outgoing", "journal", "down")

    def test_one_that_hangs_while_it_starts_holds_up_nothing(
        self, server: ProbedServer, tmp_path: Path, until: Any
    ):
        began = time.monotonic()
        server.call(
            "define", "outgoing", "journal", "hang", {"file": str(tmp_path / "j"), "hang": True}
        )
        why = "its start has not returned for over 3 s"
        until(lambda: server.call("state", "outgoing", "journal", "hang")["why"] == why)
        server.call("delete", "outgoing", "journal", "hang")
        until(
            lambda: server.call("deploy", {"quick.py": SOURCE.format(version=1)})["pending"] == [],
            30,
        )
        assert time.monotonic() - began < 30
        server.call("deploy", {}, remove=["quick.py"])


class TestServices:
    def test_versions_follow_each_other_in_all_workers(self, server: ProbedServer):
        for version in (1, 2, 3):
            answer = server.call("deploy", {"where.py": SOURCE.format(version=version)})
            told = {"file": "where.py", "version": version, "services": ["where"]}
            assert (answer["packages"], answer["pending"]) == ([told], [])
            answers = everywhere(server, "invoke", "where")
            assert [f"version={version}" in answer for answer in answers] == [True, True]
        answer = server.call("deploy", {"where.py": SOURCE.format(version=2)})
        assert answer["packages"][0]["version"] == 2, (
            "what was deployed before is that version again"
        )
        assert "version=2" in str(server.call("invoke", "where"))
        found = server.raw("deploy", {"where.py": "x = = 1"})
        assert found["error"] == "Invalid" and "where.py, line 1: SyntaxError" in found["detail"]
        assert "version=2" in str(server.call("invoke", "where"))

    def test_a_request_of_two_versions_ago_ends_in_the_version_it_began_with(
        self, server: ProbedServer
    ):
        """Its answer's model is looked up only at its end, when its module is no longer the newest."""
        server.call("deploy", {"where.py": SOURCE.format(version=10)})
        answers: list[Any] = []
        slow = threading.Thread(target=lambda: answers.append(server.raw("invoke", "where", 1.0)))
        slow.start()
        time.sleep(0.4)
        server.call("deploy", {"where.py": SOURCE.format(version=11)})
        assert "version=11" in str(server.call("invoke", "where"))
        slow.join()
        assert "version=10" in str(answers[0].get("answer", answers[0]))

    def test_a_service_in_use_stays(self, server: ProbedServer):
        server.call("deploy", {"used.py": SOURCE.format(version=1).replace('"where"', '"used"')})
        server.call("define", "channel", "probe", "c", {"service": "used"})
        found = server.raw("deploy", {}, remove=["used.py"])
        assert (
            found["error"] == "Conflict" and "channel probe 'c' (service = used)" in found["detail"]
        )
        server.call("delete", "channel", "probe", "c")
        server.call("deploy", {}, remove=["used.py"])
        assert "no service is named 'used'" in everywhere(server, "invoke", "used")[0]

    def test_one_that_imports_in_the_trial_only_is_reported_and_mended(
        self, server: ProbedServer, tmp_path: Path, until: Any
    ):
        flag = tmp_path / "flag"
        source = (
            "import os\n"
            "assert 'hansa-worker' not in open('/proc/self/comm').read() or "
            f"os.path.exists({str(flag)!r})\n"
        )
        server.call(
            "deploy",
            {
                "odd.py": source
                + SOURCE.format(version=1)
                .replace("from __future__ import annotations", "")
                .replace('"where"', '"odd"')
            },
        )
        states = [report["states"] for report in server.call("reports").values()]
        assert all("AssertionError" in state["service package odd.py"]["why"] for state in states)
        flag.write_text("")
        server.call(
            "deploy",
            {
                "odd.py": source
                + SOURCE.format(version=2)
                .replace("from __future__ import annotations", "")
                .replace('"where"', '"odd"')
            },
        )
        until(
            lambda: (
                not any(
                    "odd" in str(report["states"]) for report in server.call("reports").values()
                )
            )
        )
        assert "version=2" in str(server.call("invoke", "odd"))
        server.call("deploy", {}, remove=["odd.py"])

    def test_many_deployments_do_not_pile_up(self, server: ProbedServer):
        for version in range(20, 24):
            newest = server.call("deploy", {"where.py": SOURCE.format(version=version)})[
                "packages"
            ][0]["version"]
            everywhere(server, "invoke", "where")
        for alive in everywhere(server, "alive", "where@"):
            assert set(alive) == {f"where@{newest - 1}", f"where@{newest}"}

    def test_helpers_change_in_all_workers_and_what_runs_ends_with_the_old(
        self, server: ProbedServer
    ):
        uses = SOURCE.replace("from hansa", "import rates.tables\nfrom hansa").replace(
            '"where"', '"uses"'
        )
        uses = uses.format(version="rates.tables.VERSION")
        files = {"uses.py": uses, "rates/__init__.py": ""}
        answer = server.call("deploy", {**files, "rates/tables.py": "VERSION = 1"})
        assert ([p["file"] for p in answer["packages"]], answer["pending"]) == (
            ["rates/", "uses.py"],
            [],
        )
        assert all("version=1" in found for found in everywhere(server, "invoke", "uses"))
        answers: list[Any] = []
        slow = threading.Thread(target=lambda: answers.append(server.raw("invoke", "uses", 1.0)))
        slow.start()
        time.sleep(0.4)
        server.call("deploy", {"rates/__init__.py": "", "rates/tables.py": "VERSION = 2"})
        assert all("version=2" in found for found in everywhere(server, "invoke", "uses"))
        slow.join()
        assert "version=1" in str(answers[0].get("answer", answers[0]))
        server.call("deploy", {"rates/__init__.py": "", "rates/tables.py": "VERSION = 1"})
        assert all("version=1" in found for found in everywhere(server, "invoke", "uses"))
        found = server.raw("deploy", {"rates/__init__.py": "", "rates/other.py": ""})
        assert (
            "uses.py, line 3: ModuleNotFoundError: No module named 'rates.tables'"
            in found["detail"]
        )
        found = server.raw("deploy", {}, remove=["rates/"])
        assert found["error"] == "Conflict" and "rates is imported by uses.py" in found["detail"]
        for version in range(3, 7):
            server.call(
                "deploy",
                {"rates/__init__.py": "", "rates/tables.py": f"class X: pass\nVERSION = {version}"},
            )
            everywhere(server, "invoke", "uses")
        for alive in everywhere(server, "alive", "rates@"):
            assert set(alive) == {"rates@5.tables", "rates@6.tables"}
        for alive in everywhere(server, "alive", "uses@"):
            assert len(set(alive)) == 2
        server.call("deploy", {}, remove=["uses.py"])
        server.call("deploy", {}, remove=["rates/"])

    def test_where_a_helper_cannot_be_loaded_it_stays_what_it_was(self, server: ProbedServer):
        """Its trial was fine; in the workers neither it nor what imports it changes, until a
        version that loads.
        """
        odd = "assert 'hansa-worker' not in open('/proc/self/comm').read()\n"
        uses = (
            "from hansa import Service\n"
            "import rates\n"
            "class A(Service):\n"
            "    def handle(self): return rates.X\n"
        )
        server.call("deploy", {"rates.py": "X = 1", "uses.py": uses})
        server.call("deploy", {"rates.py": f"X = 2\n{odd}"})
        for report in server.call("reports").values():
            why = {name: state["why"] for name, state in report["states"].items()}
            assert "rates.py, line 2: AssertionError" in why["service package rates.py"]
            assert "(from uses.py, line 2)" in why["service package uses.py"]
        assert everywhere(server, "invoke", "uses.a") == [1, 1]
        server.call("deploy", {"rates.py": "X = 3"})
        assert everywhere(server, "invoke", "uses.a") == [3, 3]
        assert not any(
            "rates" in str(report["states"]) for report in server.call("reports").values()
        )
        server.call("deploy", {}, remove=["uses.py"])
        server.call("deploy", {}, remove=["rates.py"])

    def test_plugins_services(self, server: ProbedServer):
        found = server.raw(
            "deploy", {"p.py": SOURCE.format(version=1).replace('"where"', '"probe.pid"')}
        )
        assert found["error"] == "Conflict" and "comes with a plugin" in found["detail"]


class TestPlugins:
    def test_asynchronous_calls_need_a_queue(self, server: ProbedServer):
        found = server.raw("invoke_async", "probe.pid")
        assert found["error"] == "Unavailable" and "hansa-redis" in found["detail"]


def test_what_was_declared_and_changed_by_hand_stays_changed(
    start_probed: Callable[..., Any], tmp_path: Path
):
    text = CONFIG.format(file=tmp_path / "journal")
    (tmp_path / "declared_service.py").write_text(DECLARED)
    first = start_probed(text, at=tmp_path)
    first.call("define", "outgoing", "journal", "declared", {"tag": "by-hand"}, mode="edit")
    first.call("deploy", {"declared_service.py": DECLARED.replace("hello", "by hand")})
    assert first.stop() == 0
    second = start_probed(text.replace("from-file", "changed-in-file"), at=tmp_path)
    assert second.call("invoke", "declared-service.hello") == "by hand", (
        "what the file says as before is left alone"
    )
    assert (tmp_path / "journal").read_text().splitlines()[-1] == "start changed-in-file 0"


def test_helpers_come_from_the_store_when_a_server_starts(
    start_probed: Callable[..., Any], tmp_path: Path
):
    uses = (
        "from hansa import Service\n"
        "from aaa import X\n"
        "from zzz.deep import Y\n"
        "class A(Service):\n"
        "    def handle(self): return X + Y\n"
    )
    first = start_probed("[services]\nfiles = ['uses.py', 'aaa.py']\n", at=tmp_path, wait=False)
    assert first.process.wait(30) != 0
    assert "services.files" in first.output() and "No such file" in first.output()
    (tmp_path / "aaa.py").write_text("X = 1")
    (tmp_path / "uses.py").write_text(uses.replace("from zzz.deep import Y", "Y = 1"))
    second = start_probed("[services]\nfiles = ['uses.py', 'aaa.py']\n", at=tmp_path)
    assert second.call("invoke", "uses.a") == 2
    second.call("deploy", {"uses.py": uses, "zzz/__init__.py": "", "zzz/deep.py": "Y = 10"})
    assert second.stop() == 0
    third = start_probed("[services]\nfiles = ['uses.py', 'aaa.py']\n", at=tmp_path)
    assert third.call("invoke", "uses.a") == 11, (
        "what was deployed over what the file declares stays"
    )


def test_a_plugin_reloaded_and_blocked_in_a_running_server(
    start_probed: Callable[..., Any], make_plugin: Any, until: Any, tmp_path: Path
):
    flag = tmp_path / "flag"

    def source(answer: int) -> str:
        return f"""
            import os
            class S(Service):
                name = "more"
                def handle(self): return {answer}
            @hookimpl
            def hansa_services(): return [S]
            @hookimpl
            def hansa_startup(server): assert not os.path.exists({str(flag)!r}), "not now"
        """

    more = make_plugin("more", source(1))
    server = start_probed(plugins=("more",), more=more)
    assert server.call("invoke", "more") == 1
    flag.write_text("")
    server.call("reload")
    until(
        lambda: (
            "did not start, the old ones go on: plugin more (hansa-more 1.0): AssertionError: not now"
            in server.output()
        )
    )
    flag.unlink()
    make_plugin("more", "1 / 0")
    server.call("log_action", "plugin", "more", "reload")
    until(lambda: "ZeroDivisionError: division by zero" in server.output())
    assert server.call("invoke", "more") == 1
    make_plugin("more", source(22))
    server.call("log_action", "plugin", "more", "reload")
    until(lambda: server.raw("invoke", "more").get("answer") == 22)
    server.call("log_action", "plugin", "more", "block")
    until(lambda: server.raw("invoke", "more").get("error") == "Undefined")
    until(lambda: len(server.workers()) == 1)
