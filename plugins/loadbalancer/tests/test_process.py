"""A reload is over when a process answers that did not before, whatever HAProxy misses and whoever
of its older processes still answers.
"""

from __future__ import annotations

import time

import pytest
from hansa import Invalid
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer import process
from hansa_loadbalancer.files import SOURCE
from hansa_loadbalancer.generate import generate
from hansa_loadbalancer.process import Haproxy
from hansa_loadbalancer.program import find_program
from hansa_loadbalancer.settings import LoadBalancerSection


@pytest.fixture
def haproxy(tmp_path, program):
    """An HAProxy without servers, which runs."""
    section = LoadBalancerSection(bind=f"127.0.0.1:{free_port()}", haproxy=program)
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    (tmp_path / "logs").mkdir()
    (run_folder / SOURCE).write_text(generate(section, tmp_path).text)
    made = Haproxy(find_program(program), tmp_path, lambda: False)
    made.start()
    yield made
    made.end(0)


def test_an_older_process_that_still_answers_is_not_taken_for_the_new_one(haproxy, monkeypatch):
    first = haproxy.runtime.pid()
    haproxy.reload()
    answer = haproxy.runtime.pid
    answers = [first, answer(), first]
    monkeypatch.setattr(haproxy.runtime, "pid", lambda: answers.pop(0) if answers else answer())
    haproxy.reload()
    assert not answers, "none of the older ones was believed"


def test_a_reload_right_after_another_is_not_lost(haproxy):
    began = time.monotonic()
    pids = {haproxy.runtime.pid()}
    for _ in range(8):
        haproxy.reload()
        pids.add(wait_until(lambda: next(iter({haproxy.runtime.pid()} - pids), None)))
    assert len(pids) == 9
    assert time.monotonic() - began < process.START_LIMIT


def test_an_end_right_after_a_reload_is_heard(haproxy):
    haproxy.reload()
    began = time.monotonic()
    haproxy.end(10.0)
    assert haproxy.status == 0
    assert time.monotonic() - began < process.END_LIMIT


def test_a_reload_that_never_comes_is_an_error(haproxy, monkeypatch):
    monkeypatch.setattr(process, "START_LIMIT", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(haproxy._child, "send_signal", lambda number: None)
        with pytest.raises(Invalid, match="did not take the configuration"):
            haproxy.reload()
