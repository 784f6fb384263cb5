"""Changes of the configuration: live where that can be, by a reload without loss otherwise, and
never half.
"""

from __future__ import annotations

import signal
import time

import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

from plugins.loadbalancer.tests.support import Backend, Posts, both


def settled(balancer, attempt: int):
    """Wait until the load-balancer has looked at its configuration so many times."""
    return wait_until(lambda: (about := balancer.control.about()).attempt >= attempt and about)


def exactly_once(posts: Posts, *backends: Backend) -> None:
    """Every request was answered, and ran once."""
    assert not posts.faults, posts.faults[:5]
    runs = [body for backend in backends for body in backend.seen.elements()]
    assert len(runs) == len(set(runs)) == posts.sent


@pytest.mark.proof
@both
def test_twenty_reloads_under_load_lose_nothing_and_repeat_nothing(start, backends):
    balancer = start()
    runtime = balancer.control.runtime
    pids = {runtime.pid()}
    with Posts(balancer.port) as posts:
        for count in range(1, 21):
            balancer.process.send_signal(signal.SIGHUP)
            about = settled(balancer, count)
            assert about.how == "reload", (about.faults, balancer.end_of_log())
            # until the process before has let go of the socket, either may answer
            found = wait_until(
                lambda: next(iter({runtime.pid()} - pids), None), what=balancer.end_of_log
            )
            pids.add(found)
            posts.wait_for(20)
    assert len(pids) == 21
    assert posts.sent > 400
    exactly_once(posts, *backends)


@both
def test_an_idle_connection_survives_a_reload_until_its_next_request(start, backends):
    import http.client

    balancer = start()
    connection = http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=10)
    connection.request("GET", "/1")
    connection.getresponse().read()
    balancer.control.reload()
    time.sleep(0.3)  # the old process has every reason to close it
    connection.request("POST", "/2", "{}")
    answer = connection.getresponse()
    assert answer.status == 200
    assert answer.getheader("connection") == "close"
    connection.close()


@both
def test_weights_states_and_servers_change_live(start, backends):
    balancer = start({"one": backends[0].address})
    pid = balancer.control.runtime.pid()
    control = balancer.control
    with Posts(balancer.port) as posts:
        assert control.add(_server(backends[1])) == "live"
        wait_until(lambda: sum(backends[1].seen.values()) > 20)
        assert control.set("one", weight=10) == "live"
        assert control.set("one", weight=10) == ""
        assert control.runtime.servers()["one"].weight == 10
        assert control.set("one", state="drain") == "live"
        assert balancer.status("one").startswith("DRAIN")
        count = _quiet(backends[0])
        posts.wait_for(50)
        assert sum(backends[0].seen.values()) == count
        assert control.set("one", state="maint") == "live"
        assert balancer.status("one").startswith("MAINT")
        assert control.set("one", state="ready", weight=50) == "live"
        wait_until(lambda: sum(backends[0].seen.values()) > count)
        assert control.remove("two") == "live"
        count = _quiet(backends[1])
        posts.wait_for(50)
        assert sum(backends[1].seen.values()) == count
    exactly_once(posts, *backends)
    assert control.runtime.pid() == pid
    assert list(control.runtime.servers()) == ["one"]
    text = balancer.config.read_text()
    assert "# kept" in text
    assert "# one" in text
    assert "two" not in text
    assert "weight = 50" in text


def test_health_checks_that_change_are_in_force(start, backends):
    balancer = start()
    text = balancer.config.read_text()
    balancer.config.write_text(text.replace("interval = 0.2", "interval = 0.3"))
    assert settled(balancer, 1).how == "reload", "HAProxy cannot change checks live"


def _server(backend: Backend):
    from hansa_loadbalancer.settings import BalancedServer

    return BalancedServer(name=backend.name, address=backend.address)


def _quiet(backend: Backend) -> int:
    wait_until(lambda: backend.busy == 0)
    return sum(backend.seen.values())


@both
def test_live_changes_survive_reload_crash_and_restart(start, backends):
    balancer = start({"one": backends[0].address})
    control = balancer.control
    control.add(_server(backends[1]))
    control.set("one", state="drain")
    control.set("two", weight=7)

    def as_left() -> bool:
        live = control.runtime.servers()
        return (live["one"].weight, live["two"].weight) == (0, 7)

    assert as_left()
    control.reload()
    assert as_left()
    pid = control.runtime.pid()
    for process in balancer.processes():
        process.kill()
    wait_until(lambda: _answers(control) and control.runtime.pid() != pid and as_left())
    balancer.stop()
    balancer.start()
    assert as_left()
    control.set("one", state="ready")
    assert control.runtime.servers()["one"].weight == 100


def _answers(control) -> bool:
    from hansa import Unavailable

    try:
        return bool(control.runtime.pid())
    except Unavailable:
        return False


@both
def test_a_server_that_is_busy_is_removed_by_a_reload_and_finishes(start, backends):
    import threading

    balancer = start({"one": backends[0].address})
    backends[0].delay = 3.0
    answers = []
    caller = threading.Thread(target=lambda: answers.append(balancer.get("/slow")[0]))
    caller.start()
    wait_until(lambda: backends[0].busy)
    assert balancer.control.remove("one") == "reload"
    assert not balancer.control.runtime.servers()
    assert balancer.get("/x")[0] == 503
    caller.join()
    assert answers == [200]


def test_an_edit_by_hand_is_taken_and_a_faulty_one_is_not(start, backends):
    balancer = start()
    pid = balancer.control.runtime.pid()
    text = balancer.config.read_text()
    balancer.config.write_text(text + "weight = 9\n")
    assert settled(balancer, 1).how == "live"
    assert balancer.control.runtime.servers()["two"].weight == 9
    balancer.config.write_text(text + "wait = 9\n")
    about = settled(balancer, 2)
    assert about.faults == {
        f"{balancer.config}: loadbalancer.servers[1].wait": "unknown setting; did you mean weight?"
    }
    balancer.config.write_text(text.replace(backends[0].address, "no-such-host.invalid:1"))
    assert "HAProxy refuses it" in settled(balancer, 3).faults["loadbalancer.servers"]
    assert balancer.control.runtime.pid() == pid
    # what HAProxy would be started with is the last good one
    assert "no-such-host" not in (balancer.dir / "run" / "haproxy.cfg").read_text()
    balancer.config.unlink()
    assert balancer.get("/x")[0] == 200
    balancer.config.write_text(text.replace(backends[0].address, f"127.0.0.1:{free_port()}"))
    assert settled(balancer, 4).how == "reload"


def test_another_port_is_taken_over_and_a_taken_one_refused(start, backends):
    balancer, other = start(), start()
    text = balancer.config.read_text()
    balancer.config.write_text(text.replace(balancer.bind, other.bind))
    about = settled(balancer, 1)
    assert "is in use by another program" in about.faults["loadbalancer.bind"]
    port = free_port()
    balancer.config.write_text(text.replace(balancer.bind, f"127.0.0.1:{port}"))
    about = settled(balancer, 2)
    assert (about.how, about.url) == ("reload", f"http://127.0.0.1:{port}")
    assert balancer.get("/x", port)[0] == 200
    wait_until(lambda: _refused(balancer))


def _refused(balancer) -> bool:
    try:
        balancer.get("/x")
    except ConnectionRefusedError:
        return True
    return False


def test_a_change_that_is_refused_is_not_stored(start, backends):
    from hansa import Conflict, Invalid, NotFound

    balancer = start()
    control, text = balancer.control, balancer.config.read_text()
    with pytest.raises(Conflict, match="has a server 'one' already"):
        control.add(_server(backends[0]))
    with pytest.raises(NotFound, match=r"no server 'three' \(there are: one, two\)"):
        control.remove("three")
    three = _server(backends[0])
    object.__setattr__(three, "name", "three")
    object.__setattr__(three, "address", "no-such-host.invalid:80")
    with pytest.raises(Invalid, match="HAProxy refuses it"):
        control.add(three)
    assert balancer.config.read_text() == text
    assert list(control.runtime.servers()) == ["one", "two"]
    assert balancer.get("/x")[0] == 200
