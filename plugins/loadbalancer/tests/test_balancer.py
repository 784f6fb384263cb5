"""The component on the real HAProxy: starting, ending, crashing, and refusing to start with a plain
reason.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time

import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until
from hansa_loadbalancer.files import SOCKET
from hansa_loadbalancer.settings import BalancedServer

from plugins.loadbalancer.tests.support import Backend, both, call, self_signed


@both
def test_it_serves_hands_out_by_turns_and_ends_leaving_nothing(start, backends):
    balancer = start()
    told = [balancer.get(f"/{n}")[2]["server"] for n in range(4)]
    assert sorted(told) == ["one", "one", "two", "two"]
    assert (balancer.dir / "run" / SOCKET).stat().st_mode & 0o777 == 0o600
    assert (balancer.dir / "run").stat().st_mode & 0o777 == 0o700
    balancer.stop(signal.SIGINT)
    with pytest.raises(ConnectionRefusedError):
        balancer.get()


def test_a_server_gets_nothing_before_it_is_ready(start, backends):
    one, _ = backends
    one.ready = False
    balancer = start(run=False)
    balancer.launch()
    answers = []

    def ask() -> bool:
        with contextlib.suppress(OSError):
            answers.append(balancer.get("/early")[0])
        return answers.count(200) > 20

    wait_until(ask, 20, "it answers")
    assert not one.seen, "when it starts"
    balancer.control.reload()
    third = Backend("third")
    third.ready = False
    balancer.control.add(BalancedServer(name="third", address=third.address))
    for _ in range(20):
        answers.append(balancer.get("/early")[0])
    assert not one.seen and not third.seen, "when it reloads, and when it gets another one"
    assert set(answers[answers.index(200) :]) == {200}
    third.ready = True
    wait_until(lambda: balancer.get("/late")[2]["server"] == "third")
    third.stop()


@both
def test_requests_in_hand_are_answered_when_it_ends(start, backends):
    balancer = start()
    for backend in backends:
        backend.delay = 1.0
    answers = []
    caller = threading.Thread(target=lambda: answers.append(balancer.get("/slow")[0]))
    # an idle connection must not hold the end up
    idle = socket.create_connection(("127.0.0.1", balancer.port))
    idle.sendall(b"GET /hansa/load-balancer/alive HTTP/1.1\r\nHost: x\r\n\r\n")
    assert idle.recv(100).startswith(b"HTTP/1.1 200")
    caller.start()
    wait_until(lambda: any(backend.busy for backend in backends))
    began = time.monotonic()
    balancer.stop()
    caller.join()
    assert answers == [200]
    assert time.monotonic() - began < 5
    idle.close()


def test_grace_bounds_the_end(start, backends):
    balancer = start(grace=0.3)
    for backend in backends:
        backend.delay = 20.0
    connection = socket.create_connection(("127.0.0.1", balancer.port))
    connection.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_until(lambda: any(backend.busy for backend in backends))
    began = time.monotonic()
    balancer.stop()
    assert 0.3 <= time.monotonic() - began < 5
    connection.close()


@both
@pytest.mark.parametrize("victim", ["master", "worker"])
def test_a_haproxy_that_is_killed_is_started_again(start, victim):
    balancer = start()
    processes = sorted(balancer.processes(), key=lambda process: process.create_time())
    worker = balancer.control.runtime.pid()
    for process in processes:
        if (process.pid == worker) == (victim == "worker"):
            process.kill()

    def other() -> bool:
        try:
            return balancer.control.runtime.pid() != worker and balancer.get("/again")[0] == 200
        except Exception:
            return False

    wait_until(other, what="another HAProxy")
    assert {process.pid for process in processes}.isdisjoint(p.pid for p in balancer.processes())
    assert "starting it again in 0 s" in balancer.end_of_log()


@both
def test_haproxy_dies_with_its_load_balancer_and_the_next_one_starts(start):
    balancer = start()
    os.kill(balancer.process.pid, signal.SIGKILL)
    balancer.process.wait()
    balancer.start()  # at once, on the same port and in the same folder
    assert balancer.get("/x")[0] == 200
    assert len(balancer.processes()) == 2  # a master and a worker


def test_a_taken_port_is_told_by_setting(start):
    first = start()
    said = start(run=False, port=first.port).fail()
    assert f"loadbalancer.bind: {first.bind} is in use by another program" in said
    with socket.socket() as other:
        other.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEPORT, 1
        )  # as HAProxy does: the port could be shared
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = f"127.0.0.1:{other.getsockname()[1]}"
        assert (
            f"loadbalancer.admin_bind: {taken} is in use"
            in start(run=False, admin_bind=taken).fail()
        )
    assert first.get("/x")[0] == 200


def test_one_load_balancer_per_folder(start):
    first = start()
    second = start(run=False)
    second.dir = first.dir
    assert "another load-balancer runs in" in second.fail()
    assert first.get("/x")[0] == 200


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"haproxy": "/nowhere/haproxy"},
            "loadbalancer.haproxy: /nowhere/haproxy is not a program",
        ),
        (
            {"haproxy": "/bin/true"},
            "loadbalancer.haproxy: /bin/true is not an HAProxy of version 2.6 or newer",
        ),
        ({"certificate": "none.pem"}, "loadbalancer.certificate: HAProxy refuses it"),
        ({"template": "none"}, "loadbalancer.template"),
        ({"balance": "whim"}, "loadbalancer.balance"),
        ({"bynd": "x"}, "loadbalancer.bynd: unknown setting; did you mean bind?"),
        ({"admin_bind": "nowhere"}, "loadbalancer.admin_bind: 'nowhere' is not a valid HOST:PORT"),
        (
            {"admin_bind": "192.0.2.77:80"},
            "loadbalancer.admin_bind: 192.0.2.77:80 cannot be listened at",
        ),
        (
            {"maxconn": 1_000_000},
            "loadbalancer.maxconn: 1000000 connections need 2000300 open files",
        ),
        ({"socket": "/x/haproxy.sock"}, "loadbalancer.socket: is for servers"),
    ],
)
def test_what_is_wrong_is_told_by_setting(start, settings, said, monkeypatch):
    if "maxconn" in settings:
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        if hard > 2_000_000:
            pytest.skip("this system allows so many open files")
    assert said in start(run=False, **settings).fail()


def test_a_server_that_cannot_be_looked_up_is_told(start):
    assert (
        "loadbalancer.servers: HAProxy refuses it"
        in start({"one": "no-such-host.invalid:80"}, run=False).fail()
    )


def test_all_faults_are_told_at_once(start):
    balancer = start(
        {"one": "127.0.0.1:1", "two": "127.0.0.1:1", "th ree": "127.0.0.1:1"}, run=False, retries=-1
    )
    balancer.config.write_text(balancer.config.read_text() + "\n[other]\n")
    said = balancer.fail()
    for key in ("other", "loadbalancer.servers[2].name", "loadbalancer.retries"):
        assert f"{balancer.config}: {key}: " in said


def test_rules_across_settings_are_told_at_once(start):
    balancer = start(
        {"one": "127.0.0.1:1", "two": "x", "three": "127.0.0.1:65536"}, run=False, admin_bind="*:0"
    )
    balancer.config.write_text(
        balancer.config.read_text() + '[[loadbalancer.servers]]\nname = "one"\naddress = "a:1"\n'
    )
    said = balancer.fail()
    for key in ("admin_bind", "servers[1].address", "servers[2].address", "servers[3].name"):
        assert f"{balancer.config}: loadbalancer.{key}: " in said


@pytest.mark.evidence("tls")
@both
def test_https(start, backends, tmp_path):
    import ssl
    import urllib.request

    certificate, private = self_signed(1)
    file = tmp_path / "a b\"c'$d#.pem"  # names that need quotes
    file.write_bytes(certificate + private)
    balancer = start(run=False, certificate=str(file))
    balancer.launch()
    line = balancer.first_line()
    assert line == f"load-balancer: https://{balancer.bind}"
    context = ssl.create_default_context(cadata=certificate.decode())
    with urllib.request.urlopen(f"https://localhost:{balancer.port}/x", context=context) as answer:
        assert json.load(answer)["headers"]["x-forwarded-proto"] == "https"


@both
def test_the_admin_port_serves_the_admin_api_alone(start, backends):
    port = free_port()
    balancer = start(admin_bind=f"127.0.0.1:{port}", admin_in_front=False)
    status, headers, _ = balancer.get("/", port)
    assert (status, headers["location"]) == (302, "/hansa/api/docs")
    assert balancer.get("/hansa/api/docs", port)[2]["path"] == "/hansa/api/docs"
    for path in ("/x", "/hansa/apix", "/HANSA/api/docs"):
        status, headers, problem = balancer.get(path, port)
        assert (status, problem["title"], headers["content-type"]) == (
            404,
            "Not found",
            "application/problem+json",
        )
    for path in ("/hansa/api/docs", "/hansa/%61pi/docs", "/%68ansa/api"):
        assert balancer.get(path)[0] == 404, path
    status, _, echo = balancer.get("/hansa/ready-or-not")
    assert status == 200
    # servers shut every other door by it
    assert echo["headers"]["x-hansa-admin"] == "shut"


def test_the_access_log_has_a_line_per_request_without_the_query(start, backends):
    balancer = start()
    call(balancer.port, "POST", '/a"b\\c?password=secret', "{}", {"X-Hansa-CID": "Kmine"})
    file = balancer.dir / "logs" / "access.log"
    lines = wait_until(lambda: file.exists() and file.read_text().splitlines())
    told = json.loads(lines[-1])
    assert told["cid"] == "Kmine"
    assert (told["method"], told["path"], told["status"]) == ("POST", '/a"b\\c', 200)
    assert told["server"] in ("one", "two")
    assert "secret" not in file.read_text()
    file.rename(file.with_name("moved"))  # what rotates logs
    balancer.get("/after")
    wait_until(lambda: file.exists() and "after" in file.read_text())
