"""What commands do where nobody answers, or the answer to a change is lost, whoever says so."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hansa import prepare_odb
from hansa.odb.database import Database
from hansa.odb.engine import open_engine
from hansa_cli.client import Client
from hansa_cli.location import Located
from sqlalchemy import NullPool

if TYPE_CHECKING:
    from plugins.cli.tests.conftest import CommandLine

GATEWAY = {
    502: {"status": 502, "title": "Bad gateway", "detail": "the request may have run", "cid": "X"},
    503: {"status": 503, "title": "Service unavailable", "detail": "no server", "cid": "X"},
}
"""Answers of a load-balancer: they have no code, other than those of a server."""
CREATE = ("outgoing", "sql", "create", "db", "--database", "db.sqlite", "--engine", "sqlite")
LOST = None
"""In place of an answer: the connection ends without one."""
ENDED = "ended"
"""In place of an answer: as `LOST`, and nobody was asked."""


class Front(ThreadingHTTPServer):
    """What stands before a server, and passes requests on unless it is told otherwise.

    `scripted` has the answers to the next requests of a service: a status, and the body unless it
    is the gateway's own; `LOST` passes the request on and loses its answer, `ENDED` does not even
    pass it on. `asked` are the services that were asked for, in order.
    """

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind = behind
        self.scripted: dict[str, list[Any]] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class Passing(BaseHTTPRequestHandler):
    """Answers one request."""

    server: Front

    def do_GET(self) -> None:
        """Answer as scripted, or pass it on."""
        self._respond("GET", None)

    def do_POST(self) -> None:
        """Answer as scripted, or pass it on."""
        self._respond("POST", self.rfile.read(int(self.headers["Content-Length"])))

    def _respond(self, method: str, body: bytes | None) -> None:
        service = self.path.rpartition("/")[2]
        self.server.asked.append(service)
        answers = self.server.scripted.get(service)
        if not answers:
            self._pass_on(method, body)
            return
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if answer == ENDED:
            return
        if answer is LOST:
            self._ask(method, body)
        elif isinstance(answer, int):
            self._answer(answer, json.dumps(GATEWAY[answer]).encode())
        else:
            self._answer(200, json.dumps(answer).encode())

    def _ask(self, method: str, body: bytes | None) -> requests.Response:
        headers = {
            key: self.headers[key]
            for key in ("Authorization", "Content-Type")
            if key in self.headers
        }
        url = self.server.behind + self.path
        return requests.request(method, url, data=body, headers=headers, timeout=30)

    def _pass_on(self, method: str, body: bytes | None) -> None:
        answer = self._ask(method, body)
        self._answer(answer.status_code, answer.content)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is logged."""


@pytest.fixture
def front(cli: CommandLine) -> Iterator[Front]:
    """A load-balancer before the server that runs, whose folder the commands are told of."""
    made = Front(cli.server.url)
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def test_a_plugin_is_let_in_again_while_a_load_balancer_says_that_nobody_is_there(
    cli: CommandLine, front: Front, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansa_cli.lost.PATIENCE", 0.2)
    monkeypatch.setattr("hansa_cli.lost.POLL", 0.01)
    url = f"sqlite:///{tmp_path}/odb.sqlite"
    prepare_odb(url)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "server.json").write_text(json.dumps({"http": front.url}))
    folder = ("--dir", str(tmp_path))
    front.scripted = {"admin.plugin.block": [503], "admin.server.status": [503]}
    odb = Database(open_engine(url, poolclass=NullPool))
    assert "json: blocked from the next start on" in cli.ok("plugin", "block", "json", *folder)
    assert odb.blocked_plugins() == {"json"}
    front.scripted = {"admin.plugin.block": [502], "admin.server.status": [502]}
    assert "may be loaded again" in cli.ok("plugin", "block", "json", "--off", *folder)
    assert odb.blocked_plugins() == set()
    # where a server answers by then, it is not done behind its back
    front.scripted = {"admin.plugin.block": [502], "admin.server.status": [503, {"workers": {}}]}
    refused = cli.run("plugin", "block", "json", *folder)
    assert refused.exit_code == 1
    assert "stop it by hansa stop, then block the plugin once more" in refused.stderr
    assert odb.blocked_plugins() == set()
    # as where the worker that was asked has ended, and the next one answers
    front.scripted = {"admin.plugin.block": [ENDED], "admin.server.status": [{"workers": {}}]}
    refused = cli.run("plugin", "block", "json", *folder)
    assert refused.exit_code == 3
    assert f"no server answers at {front.url}" in refused.stderr
    assert "stop it by hansa stop, then block the plugin once more" in refused.stderr
    assert odb.blocked_plugins() == set()


def test_a_change_whose_answer_is_lost_is_asked_for_and_not_repeated(
    cli: CommandLine, front: Front
) -> None:
    service = "admin.outgoing.sql."
    behind = {"HANSA_SERVER": front.url}
    front.scripted = {service + "create": [LOST]}
    created = cli.run(*CREATE, **behind)
    assert created.exit_code == 0
    assert "created outgoing sql db, revision" in created.stdout
    assert "the answer was lost" in created.stderr
    assert front.asked.count(service + "create") == 1

    front.scripted = {service + "edit": [502]}
    edited = cli.run("outgoing", "sql", "edit", "db", "--database", "other.sqlite", **behind)
    assert edited.exit_code == 3
    assert "was not changed as asked" in edited.stderr and "database='db.sqlite'" in edited.stderr
    front.scripted = {service + "delete": [502]}
    deleted = cli.run("outgoing", "sql", "delete", "db", **behind)
    assert deleted.exit_code == 3 and "db is still there" in deleted.stderr
    front.scripted = {service + "delete": [LOST]}
    assert "deleted outgoing sql db" in cli.ok("outgoing", "sql", "delete", "db", **behind)
    front.scripted = {service + "create": [502]}
    refused = cli.run(*CREATE, **behind)
    assert refused.exit_code == 3 and "db is not there: nothing was changed" in refused.stderr


def test_a_description_whose_answer_is_lost_is_asked_for_again(
    cli: CommandLine, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hansa_cli.client.PAUSES", (0.01, 0.01))
    monkeypatch.setattr("hansa_cli.definitions._known", {})
    front.scripted = {"openapi.json": [502]}
    refused = cli.run("outgoing", "sql", "list", HANSA_SERVER=front.url)
    assert refused.exit_code == 1 and "Bad gateway (502)" in refused.stderr
    front.scripted = {"openapi.json": [502, LOST, {"paths": {}}]}
    assert Client(Located(front.url, "this test"), None).openapi() == {"paths": {}}
    assert front.asked == ["openapi.json"] * 6


def test_what_ended_the_worker_that_answered_is_told(cli: CommandLine, front: Front) -> None:
    why = {"state": "quarantined", "why": "3 processes ended while it was started", "since": 0}
    waiting = {"state": "pending", "why": "", "since": 0}
    found = {"name": "db", "revision": 9, "builtin": False, "state": "quarantined"}
    front.scripted = {
        "admin.outgoing.sql.create": [502],
        "admin.outgoing.sql.get": [
            502,
            {**found, "states": {"server1/0.1": waiting}},
            {**found, "states": {"server1/0.2": why}},
        ],
    }
    created = cli.run(*CREATE, HANSA_SERVER=front.url)
    assert created.exit_code == 3
    assert "created outgoing sql db, revision 9" in created.stdout
    assert "does not run:\n  quarantined: 3 processes ended" in created.stderr


def test_where_nobody_can_tell_the_command_says_how_to_find_out(
    cli: CommandLine, front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hansa_cli.lost.LIMIT", 0.1)
    behind = {"HANSA_SERVER": front.url}
    front.scripted = {"admin.outgoing.sql.create": [502], "admin.outgoing.sql.get": [503]}
    lost = cli.run(*CREATE, **behind)
    assert lost.exit_code == 3
    assert "whether the change was made is not known: `hansa outgoing sql get db`" in lost.stderr
    file = tmp_path / "config.json"
    file.write_text("{}")
    front.scripted = {"admin.config.apply": [502]}
    lost = cli.run("apply", str(file), **behind)
    assert lost.exit_code == 3 and f"`hansa plan {file}` shows what is left" in lost.stderr
