"""The logs of one server, read in place: both formats, rotated files, conditions, bounds, cursors."""

from __future__ import annotations

import json
import logging
import os
import time
from pathlib import Path

import msgspec
import pytest
from hansa import Invalid, load, rotate_log
from hansa.plugins.sections import LogSection
from hansa.process import logs as core_logs
from hansa_trace.log_commands import print_lines
from hansa_trace.logs import files, reading
from hansa_trace.logs.cursor import Cursor
from hansa_trace.logs.files import Budget
from hansa_trace.logs.grouping import Groups, pattern
from hansa_trace.logs.line import read_access, read_server
from hansa_trace.logs.query import LogAnswer, LogQuery, Position
from hansa_trace.logs.reading import read_logs
from hypothesis import given, strategies as st

ACCESS = (
    '{"at":"2026-11-30T04:00:00.250Z","cid":"K1","peer":"127.0.0.1","method":"GET",'
    '"path":"/orders","status":200,"bytes":12,"ms":3.5,"channel":"orders","principal":"paula"}'
)


def entry(at: float, message: str, cid: str = "K1", level: str = "INFO", logger: str = "a") -> str:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03}"
    found = {"at": f"{moment}+00:00", "level": level, "process": 1, "logger": logger}
    return json.dumps({**found, "thread": "t", "cid": cid, "message": message})


def write(folder: Path, *lines: str, name: str = "server.log") -> None:
    with (folder / name).open("a") as file:
        file.writelines(f"{line}\n" for line in lines)


def read(folder: Path, query: LogQuery | None = None, budget: Budget | None = None) -> LogAnswer:
    return read_logs("server1", folder, query or LogQuery(), budget)


def messages(folder: Path, query: LogQuery | None = None) -> list[str]:
    return [line.message for line in read(folder, query).lines]


@pytest.mark.parametrize("format", ["text", "json"])
def test_lines_are_read_as_they_are_written(tmp_path: Path, format: str):
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    began = time.time()
    try:
        core_logs.set_up(tmp_path, load(LogSection, {"format": format, "level": "DEBUG"}))
        try:
            raise ValueError("deep\nand wide - really")
        except ValueError:
            logging.getLogger("hansa.service.a").error(
                "failed - twice: password=hunter2", exc_info=True, extra={"cid": "K1"}
            )
        logging.getLogger("hansa.b").warning("größer\nforged")
    finally:
        for handler in root.handlers:
            handler.close()
        root.handlers[:], root.level = before
    failed, bigger = read(tmp_path / "logs").lines
    assert (failed.level, failed.logger, failed.cid) == ("ERROR", "hansa.service.a", "K1")
    assert failed.message.startswith("failed - twice: password=******** | Traceback")
    assert "hunter2" not in failed.message
    assert "ValueError" in failed.message
    assert (failed.process, failed.log) == (os.getpid(), "server")
    assert (bigger.level, bigger.cid) == ("WARNING", "-")
    assert bigger.message.startswith("größer")
    assert began - 0.01 <= failed.at <= bigger.at <= time.time() + 0.01


def test_a_line_of_the_access_log():
    line = read_access(ACCESS.encode())
    assert line is not None
    assert (line.at, line.cid, line.logger, line.log) == (
        1796011200.25,
        "K1",
        "access",
        "access",
    )
    expected = "GET /orders 200 in 3.5 ms from 127.0.0.1, channel orders, caller paula"
    assert line.message == expected


@given(st.binary(max_size=200))
def test_anything_else_is_no_line(line: bytes):
    for reader in (read_server, read_access):
        found = reader(line)
        assert found is None or found.at is not None


def test_conditions(tmp_path: Path):
    write(
        tmp_path,
        entry(100, "one", level="DEBUG"),
        entry(101, "Two of K1", cid="K2", level="WARNING", logger="a.b"),
        entry(102, "three", cid="K3", logger="ab"),
        entry(103, "four", level="ERROR"),
    )
    assert messages(tmp_path) == ["one", "Two of K1", "three", "four"]
    cases: list[tuple[dict[str, object], list[str]]] = [
        ({"cids": ["K1"]}, ["one", "Two of K1", "four"]),
        ({"cids": ["K2", "K3"]}, ["Two of K1", "three"]),
        ({"level": "WARNING"}, ["Two of K1", "four"]),
        ({"logger": "a"}, ["one", "Two of K1", "four"]),
        ({"logger": "a.b"}, ["Two of K1"]),
        ({"text": "tWO"}, ["Two of K1"]),
        ({"since": 101.0, "until": 102.0}, ["Two of K1", "three"]),
        ({"limit": 2}, ["three", "four"]),
    ]
    for settings, expected in cases:
        assert messages(tmp_path, msgspec.convert(settings, LogQuery)) == expected, settings
    assert read(tmp_path, LogQuery(limit=2)).more
    assert not read(tmp_path, LogQuery(limit=4)).more


def test_rotated_files_and_both_logs_are_merged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "BLOCK", 100)
    for number in range(6):
        write(tmp_path, entry(1796011200 + number, f"line {number}"))
        if number in (1, 3):
            rotate_log(tmp_path / "server.log", 1, 10)
    write(tmp_path, ACCESS, name="access.log")
    found = messages(tmp_path)
    assert [text for text in found if text.startswith("line")] == [f"line {n}" for n in range(6)]
    assert found[1].startswith("GET /orders")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "access.log",
        "server.log",
        "server.log.1",
        "server.log.2",
    ]


def test_what_has_no_line_feed_yet_is_read_later(tmp_path: Path):
    write(tmp_path, entry(1, "one"))
    with (tmp_path / "server.log").open("a") as file:
        file.write(entry(2, "two"))
    answer = read(tmp_path)
    assert [line.message for line in answer.lines] == ["one"]
    with (tmp_path / "server.log").open("a") as file:
        file.write("\n")
    assert messages(tmp_path, LogQuery(follow={"server1": answer.positions})) == ["two"]


def test_following_goes_on_through_rotation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "BLOCK", 150)
    write(tmp_path, entry(0, "begin"))
    positions = read(tmp_path).positions
    expected = []
    seen: list[str] = []
    for number in range(30):
        write(tmp_path, entry(number, f"line {number}"))
        expected.append(f"line {number}")
        if number % 7 == 3:
            rotate_log(tmp_path / "server.log", 1, 10)
        if number % 5 == 4:
            answer = read(tmp_path, LogQuery(follow={"server1": positions}))
            positions = answer.positions
            seen += [line.message for line in answer.lines]
            assert answer.faults == []
    assert seen == expected


def test_following_what_was_moved_away_says_so(tmp_path: Path):
    write(tmp_path, entry(0, "begin"))
    (tmp_path / "server.log").unlink()
    write(tmp_path, entry(1, "next"))
    gone = {"server1": {"server": Position(1, 10**9)}}
    answer = read(tmp_path, LogQuery(follow=gone))
    assert answer.faults == ["server.log was moved away before all of it was read"]
    assert [line.message for line in answer.lines] == ["next"]


def test_following_is_paged_without_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "BLOCK", 300)
    write(tmp_path, entry(0, "begin"))
    positions = read(tmp_path).positions
    write(tmp_path, *(entry(number, f"line {number}") for number in range(40)))
    seen: list[str] = []
    rounds = 0
    while len(seen) < 40:
        answer = read(tmp_path, LogQuery(follow={"server1": positions}, limit=3))
        positions = answer.positions
        seen += [line.message for line in answer.lines]
        rounds += 1
        assert rounds < 40
    assert seen == [f"line {number}" for number in range(40)]
    assert rounds > 5


def test_reading_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "BLOCK", 1000)
    write(tmp_path, *(entry(number, f"line {number}") for number in range(500)))
    answer = read(tmp_path, LogQuery(cids=["K7"]), Budget(size=5000))
    assert answer.lines == []
    assert answer.faults == ["server.log was not read to its beginning: it is too long"]
    assert answer.reaches is not None
    assert 0 < answer.reaches < 499
    late = read(tmp_path, LogQuery(), Budget(seconds=-1))
    assert late.faults == answer.faults


def test_answers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(reading, "LARGEST_ANSWER", 60_000)
    write(tmp_path, *(entry(number, "x" * 30_000) for number in range(20)))
    answer = read(tmp_path)
    assert answer.more
    assert 5 < len(answer.lines) < 10
    assert all(len(line.message) < 9000 for line in answer.lines)
    assert answer.lines[-1].at == 19


def test_no_logs_are_no_fault(tmp_path: Path):
    assert read(tmp_path / "nowhere") == LogAnswer()


def test_what_cannot_be_read_is_said(tmp_path: Path):
    (tmp_path / "server.log").mkdir()
    assert read(tmp_path).faults == ["server.log cannot be read: Is a directory"]


def test_groups(tmp_path: Path):
    cid = "K00C0FFEE00C0FFEE00C0FFEE00C"
    write(
        tmp_path,
        entry(1, f"order 17 of {cid} failed after 3.5 s", level="ERROR"),
        entry(2, "order 18 of 0x1f failed after 4 s", cid="K2", level="ERROR"),
        entry(3, "something else", level="ERROR"),
        entry(4, "order 1 of 2 failed after 3 s", logger="b", level="ERROR"),
        entry(5, "fine"),
    )
    groups = read(tmp_path, LogQuery(level="WARNING", grouped=True)).groups
    assert [(one.logger, one.pattern, one.count) for one in groups] == [
        ("a", "order * of * failed after * s", 2),
        ("a", "something else", 1),
        ("b", "order * of * failed after * s", 1),
    ]
    assert (groups[0].first, groups[0].last, groups[0].latest_cid) == (1.0, 2.0, "K2")
    both = Groups()
    for group in [*groups, *read(tmp_path, LogQuery(level="ERROR", grouped=True)).groups]:
        both.add(group)
    assert [one.count for one in both.sorted()] == [4, 2, 2]
    assert pattern(f"a 1\\nTraceback {cid}") == "a *"


def test_cursors():
    cursor = Cursor(1.5, {"server1": {"server": Position(7, 12)}})
    assert Cursor.read(cursor.text()) == cursor
    for text in ("x", "é", "AAAA", "eyJ9", "a" * 30_000, Cursor(1, {}).text()[:-4]):
        with pytest.raises(Invalid):
            Cursor.read(text)


@pytest.mark.parametrize("log", ["../../etc/passwd", "/etc/passwd", "server.log"])
def test_nothing_of_a_cursor_becomes_a_path(tmp_path: Path, log: str):
    write(tmp_path, entry(1, "one"))
    follow = {"server1": {log: Position(os.stat("/etc/passwd").st_ino, 0)}}
    answer = read(tmp_path, LogQuery(follow=follow))
    assert [line.message for line in answer.lines] == ["one"]
    assert set(answer.positions) == {"server"}


def test_a_server_that_is_new_returns_what_is_new(tmp_path: Path):
    write(tmp_path, entry(100, "old"), entry(200, "new"))
    follow = {"server2": {"server": Position(1, 1)}}
    assert messages(tmp_path, LogQuery(follow=follow, new_since=150.0)) == ["new"]


def test_a_line_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    line = {
        "at": 0.0,
        "server": "s",
        "level": "INFO",
        "logger": "l",
        "cid": "K",
        "message": "\x1b[2J",
    }
    print_lines({"items": [line]})
    assert capsys.readouterr().out.endswith("s INFO l K - \\x1b[2J\n")
