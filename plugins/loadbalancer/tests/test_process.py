"""A reload is over when a process answers that did not before, whatever HAProxy misses and whoever
of its older processes still answers.
"""

from __future__ import annotations

import signal

import pytest
from hansa import Invalid
from hansa_devkit.harness.ports import free_port
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


def test_a_signal_that_haproxy_missed_is_sent_again(haproxy, monkeypatch):
    monkeypatch.setattr(process, "RELOAD_LIMIT", 0.3)
    before = haproxy.runtime.pid()
    sent: list[int] = []
    send = haproxy._child.send_signal

    def lossy(number: int) -> None:
        sent.append(number)
        if len(sent) > 1:
            send(number)

    monkeypatch.setattr(haproxy._child, "send_signal", lossy)
    haproxy.reload()
    assert len(sent) > 1
    assert set(sent) == {signal.SIGUSR2}
    assert haproxy.runtime.pid() != before


def test_a_reload_that_never_comes_is_an_error(haproxy, monkeypatch):
    monkeypatch.setattr(process, "RELOAD_LIMIT", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(haproxy._child, "send_signal", lambda number: None)
        with pytest.raises(Invalid, match="did not take the configuration"):
            haproxy.reload()
