"""The access log: a line per request with what an operator asks for, through rotations, bursts and
a full disk.
"""

from __future__ import annotations

import json
import logging
import os
import threading
import time

import pytest
from hansa import Refused, Response, Service, rotate_log
from hansa_devkit.harness.waiting import wait_until
from hansa_http import access as module
from hansa_http.access import AccessLog
from hansa_http.app import create_app


class Hello(Service):
    def handle(self):
        return {"hello": "you"}


@pytest.fixture
def logged(site, tmp_path):
    """A site whose application writes an access log: ask, and the lines."""
    site.access = access = AccessLog(tmp_path / "access.log")
    site.listener.application = create_app(site.frontend.handler, access)

    def lines():
        return (
            [json.loads(line) for line in access.path.read_text().splitlines()]
            if access.path.exists()
            else []
        )

    yield site, lines
    access.close()


def test_who_called_what_how_it_ended_and_how_long_it_took(logged):
    site, lines = logged
    site.add(Hello, url_path="/hello/{id}", name="hello")
    before = time.time()
    answer = site.ask("POST", "/hello/5?a=1", content=b"{}", headers={"X-Hansa-CID": "K1"})
    wait_until(lines)
    (line,) = lines()
    assert line["cid"] == "K1" == answer.headers["X-Hansa-CID"]
    assert (line["method"], line["path"], line["status"]) == ("POST", "/hello/5", 200)
    assert (line["peer"], line["channel"], line["bytes"]) == (
        "127.0.0.1",
        "hello",
        len(answer.content),
    )
    assert 0 < line["ms"] < 1000 * (time.time() - before) + 1
    assert line["at"].startswith(time.strftime("%Y-%m-%dT%H:", time.gmtime(before))) and line[
        "at"
    ].endswith("Z")


def test_the_caller_is_named_and_what_failed_is_there_too(logged):
    site, lines = logged

    class Fails(Service):
        def handle(self):
            raise ValueError("no")

    site.add(Fails, url_path="/fails")
    site.ask("GET", "/fails")
    site.ask("GET", "/nowhere")
    site.ask("GET", "/hansa/ping")
    wait_until(lambda: len(lines()) == 3)
    assert [(line["path"], line["status"]) for line in lines()] == [
        ("/fails", 500),
        ("/nowhere", 404),
        ("/hansa/ping", 200),
    ]

    def dispatch(request):
        request.principal = "anna"
        raise Refused("not her")

    site.add(url_path="/secured", name="secured").dispatch = dispatch
    site.ask("GET", "/secured")
    wait_until(lambda: len(lines()) == 4)
    assert lines()[-1]["status"] == 401


@pytest.mark.parametrize(
    "path", ["/a%0d%0aforged", "/%E2%80%AEb", "/%1b[31m", "/%ff%fe", "/" + "x" * 5000]
)
def test_nothing_forges_a_line(logged, path):
    site, lines = logged
    site.ask("GET", path)
    site.ask("GET", "/hansa/ping")
    wait_until(lambda: len(lines()) == 2)
    text = (lines()[0]["path"]).encode()
    assert text.isascii()


def test_no_line_is_lost_while_it_is_rotated_and_many_write(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LOOK", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    access = AccessLog(tmp_path / "access.log")

    def write(number):
        for index in range(3000):
            environ = {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{number}/{index}"}
            access.write(environ, None, Response(cid="K"), time.time())
            if index % 100 == 0:
                wait_until(lambda: not access._lines)

    writing = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in writing:
        thread.start()
    while any(thread.is_alive() for thread in writing):
        rotate_log(access.path, 10_000, 1000)
        time.sleep(0)
    access.close()
    found = [
        json.loads(line)["path"]
        for file in tmp_path.iterdir()
        for line in file.read_text().splitlines()
    ]
    assert sorted(found) == sorted(
        f"/{number}/{index}" for number in range(4) for index in range(3000)
    )
    assert len(list(tmp_path.iterdir())) > 2


def test_lines_that_a_hung_disk_keeps_waiting_are_bounded_counted_and_told(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(module, "MOST", 5)
    monkeypatch.setattr(module, "PAUSE", 60.0)
    access = AccessLog(tmp_path / "access.log")
    for index in range(8):
        access.write(
            {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{index}"},
            None,
            Response(cid="K"),
            time.time(),
        )
    assert access.lost == 3
    assert [record.getMessage().rpartition(": ")[2] for record in caplog.records] == [
        "5 lines wait for the disk"
    ]
    access.close()
    assert "is written again, 3 lines are missing" in caplog.records[-1].getMessage()
    lines = access.path.read_text().splitlines()
    assert [json.loads(line)["path"] for line in lines] == [f"/{index}" for index in range(5)]


def test_a_disk_that_is_full_within_a_line(tmp_path, monkeypatch):
    """What is left of a line is written first, so that every line of the file is whole; the others
    are counted.
    """
    access, room, write = AccessLog(tmp_path / "access.log"), [150], os.write

    def full(file, text):
        if room and not (taken := min(room[0], len(text))):
            raise OSError(28, "No space left on device")
        if room:
            room[0] -= taken
        return write(file, text[:taken] if room else text)

    monkeypatch.setattr(os, "write", full)
    for index in range(4):
        access.write(
            {"REQUEST_METHOD": "GET", "PATH_INFO": f"/{index}"},
            None,
            Response(cid="K"),
            time.time(),
        )
    wait_until(lambda: access.lost)
    lost = access.lost
    room.clear()
    access.write(
        {"REQUEST_METHOD": "GET", "PATH_INFO": "/last"}, None, Response(cid="K"), time.time()
    )
    access.close()
    found = [json.loads(line)["path"] for line in access.path.read_text().splitlines()]
    assert found == [*[f"/{index}" for index in range(4 - lost)], "/last"] and 0 < lost < 4


def test_what_is_missing_at_the_end_is_told(tmp_path, caplog):
    (tmp_path / "access.log").mkdir()
    access = AccessLog(tmp_path / "access.log")
    access.write({"REQUEST_METHOD": "GET", "PATH_INFO": "/"}, None, Response(cid="K"), time.time())
    access.close()
    assert caplog.records[-1].getMessage().endswith("ends, 1 lines are missing in it")


def test_a_log_that_cannot_be_written_fails_no_request(logged, tmp_path, caplog):
    site, lines = logged
    (tmp_path / "access.log").mkdir()
    assert site.ask("GET", "/hansa/ping").status_code == 200
    assert site.ask("GET", "/hansa/ping").status_code == 200
    wait_until(lambda: site.access.lost == 2)
    (tmp_path / "access.log").rmdir()
    assert site.ask("GET", "/hansa/ping").status_code == 200
    wait_until(lambda: (tmp_path / "access.log").is_file() and lines())
    assert len(lines()) == 1
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any("cannot be written" in error for error in errors) and any(
        "2 lines are missing" in e for e in errors
    )
