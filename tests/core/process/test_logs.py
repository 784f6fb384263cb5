"""Logs: one line for each event, whatever is logged, and the correlation id on it."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hansa.contract.service import current_cid
from hansa.plugins.sections import LogSection
from hansa.process.logs import rotate_log, rotate_output, set_up
from hypothesis import HealthCheck, given, settings, strategies as st

log = logging.getLogger("hansa.test")


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    set_up(tmp_path, LogSection())
    yield tmp_path / "logs" / "server.log"
    for handler in root.handlers:
        if handler not in handlers:
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def test_time_level_process_name_cid_and_text(lines: Path):
    token = current_cid.set("K1")
    log.info("hello %s", "you")
    current_cid.reset(token)
    log.warning("without")
    log.debug("too little")
    first, second = lines.read_text().splitlines()
    assert " - INFO - " in first
    assert first.endswith(" - hansa.test - K1 - hello you")
    assert second.endswith(" - - - without")


def test_a_name_of_a_file_that_is_not_utf8_is_written(lines: Path):
    log.info("cannot read %s", "caf\udce9.txt")
    assert lines.read_text().endswith("cannot read caf\\udce9.txt\n")


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.text(max_size=30),
    st.sampled_from(["\n", "\r", "\r\n", "\x85", "\u2028", "\x1b[31m", "\u202e", "\0", "\x0b"]),
)
def test_nothing_forges_a_line(lines: Path, text: str, control: str):
    lines.write_text("")
    log.error("%s%s2026-01-01 - INFO - forged", text.encode(errors="replace").decode(), control)
    written = lines.read_text()
    assert written.count("\n") == len(written.splitlines()) == 1
    assert not set(written[:-1]) & set("\r\x85\u2028\x1b\u202e\0\x0b")


def test_a_traceback_stands_on_the_line_of_its_event(lines: Path):
    try:
        raise ValueError("two\nlines\x1b[31m\r\u2028")
    except ValueError:
        log.exception("it failed")
    (line,) = lines.read_text().splitlines()
    assert "it failed | Traceback" in line
    assert "\\nlines" in line
    assert "\x1b" not in line


def test_the_file_may_be_moved_away(lines: Path):
    log.info("one")
    lines.rename(lines.with_suffix(".1"))
    log.info("two")
    assert lines.read_text().endswith("two\n")
    assert lines.read_text().count("\n") == 1


def test_a_structured_line_is_an_object(lines: Path):
    set_up(lines.parent.parent, LogSection(format="json"))
    try:
        raise ValueError("two\nlines")
    except ValueError:
        log.exception("it failed\x1b for %s", "K")
    (line,) = lines.read_text().splitlines()
    found = json.loads(line)
    assert (
        found["message"] == "it failed\x1b for K"
        and found["logger"] == "hansa.test"
        and found["level"] == "ERROR"
    )
    assert "two\nlines" in found["trace"] and found["cid"] == "-"
    at = datetime.fromisoformat(found["at"])
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)


@pytest.mark.parametrize(
    "text",
    [
        "password=s3cr3t",
        "{'password': 's3cr3t', 'a': 1}",
        'token: "s3cr3t"',
        "api_key=s3cr3t&x=1",
        "X-API-Key: s3cr3t",
        "'HTTP_AUTHORIZATION': 'Basic s3cr3t'",
        "Authorization: Bearer s3cr3t",
        "postgresql+psycopg://me:s3cr3t@db/x",
        "client_secret=s3cr3t; next",
    ],
)
def test_secrets_are_masked(lines: Path, text: str):
    log.info("it is %s", text)
    (line,) = lines.read_text().splitlines()
    assert "s3cr3t" not in line and "********" in line


def test_rotated_by_size_without_loss_while_many_write(lines: Path):
    def write(writer: int) -> None:
        for number in range(300):
            log.info("line %s %s", writer, number)

    writing = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in writing:
        thread.start()
    while any(thread.is_alive() for thread in writing):
        rotate_log(lines, 4000, 1000)
    files = list(lines.parent.glob("server.log*"))
    found = [line.rpartition(" - ")[2] for file in files for line in file.read_text().splitlines()]
    assert sorted(found) == sorted(f"line {n} {i}" for n in range(4) for i in range(300))
    assert len(files) > 3


def test_only_so_many_are_kept(tmp_path: Path):
    path = tmp_path / "server.log"
    for number in range(6):
        path.write_text(str(number) * 10)
        rotate_log(path, 5, 3)
    rotate_log(path, 5, 3)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "server.log.1",
        "server.log.2",
        "server.log.3",
    ]
    assert (tmp_path / "server.log.1").read_text() == "5" * 10


def test_a_line_that_cannot_be_built_ends_nothing(lines: Path, capsys: pytest.CaptureFixture[str]):
    root = logging.getLogger()
    # pytest's own handler makes an error of it
    root.handlers[:] = [
        handler for handler in root.handlers if not type(handler).__module__.startswith("_pytest")
    ]
    log.info("%s %s", "only one")
    log.info("after it")
    assert lines.read_text().splitlines()[-1].endswith("after it")


def test_what_a_library_quotes_of_a_peer_is_cut_off(lines: Path):
    log.warning("answered %s", "x" * 11_000_000)
    try:
        raise ValueError("y" * 11_000_000)
    except ValueError:
        log.exception("unexpected")
    written = lines.read_text()
    assert len(written) < 80_000
    assert "more characters)" in written


def test_a_log_that_cannot_be_opened_anew_ends_nothing(lines: Path):
    log.info("before")
    lines.rename(lines.with_name("moved"))
    lines.mkdir()  # as a full disk, it keeps the file from being made
    log.info("lost")
    lines.rmdir()
    log.info("after")
    assert [line.rpartition(" - ")[2] for line in lines.read_text().splitlines()] == ["after"]


def test_what_programs_print_is_copied_away_and_they_go_on(tmp_path: Path):
    path = tmp_path / "console.log"
    with open(path, "ab", buffering=0) as console:
        for number in range(4):
            console.write(b"%d" % number * 60)
            rotate_output(path, 50, 2)
        console.write(b"end")
    assert path.read_bytes() == b"end"
    assert (tmp_path / "console.log.1").read_bytes() == b"3" * 60
    assert (tmp_path / "console.log.2").read_bytes() == b"2" * 60
    assert len(list(tmp_path.iterdir())) == 3
    rotate_output(tmp_path / "missing", 0, 2)


def test_output_that_cannot_be_copied_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "console.log"
    path.write_bytes(b"text")

    def full(*arguments: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(OSError, match="no space"):
        rotate_output(path, 0, 2)
    assert path.read_bytes() == b"text"
    assert len(list(tmp_path.iterdir())) == 1
