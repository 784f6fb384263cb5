"""Logs: one line for each event, whatever is logged, and the correlation id on it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hansa.logs import set_up
from hansa.service import current_cid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

log = logging.getLogger("hansa.test")


@pytest.fixture
def lines(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    set_up(tmp_path, "INFO")
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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(max_size=30), st.sampled_from(["\n", "\r", "\r\n", "\x85", "\u2028", "\x1b[31m", "\u202e", "\0", "\x0b"])
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


def test_a_line_that_cannot_be_built_ends_nothing(lines: Path, capsys: pytest.CaptureFixture[str]):
    root = logging.getLogger()
    # pytest's own handler makes an error of it
    root.handlers[:] = [handler for handler in root.handlers if not type(handler).__module__.startswith("_pytest")]
    log.info("%s %s", "only one")
    log.info("after it")
    assert lines.read_text().splitlines()[-1].endswith("after it")
