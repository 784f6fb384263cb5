"""What the load-balancer does with requests: headers, strictness, errors, repetition, and the
health of servers.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time

import pytest
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

from plugins.loadbalancer.tests.support import Backend, Posts, both, call

pytestmark = pytest.mark.evidence("real_server", "kills")

FORGED = {
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Client-Cert": "Subject=admin",
    "Forwarded": "for=192.0.2.1;proto=https",
    "X-Real-IP": "192.0.2.1",
    "X_Forwarded_For": "192.0.2.1",
    "x_real_ip": "192.0.2.1",
    "X-SSL-Client-DN": "CN=admin",
    "SSL-Client-Verify": "SUCCESS",
    "X-Client-Cert": "x",
    "Client-Cert": ":x:",
    "Client-Cert-Chain": ":x:",
    "Proxy": "http://evil.example",
    "X-Zato-Forwarded-For": "192.0.2.1",
    "X-Hansa-Proxy": "a-secret-192.0.2.1",
}


def raw(port: int, sent: bytes, seconds: float = 10) -> bytes:
    """Everything that comes back until the other side closes, or the time is over."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(seconds)
        connection.sendall(sent)
        found = b""
        try:
            while part := connection.recv(65536):
                found += part
        except TimeoutError:
            pass
    return found


@both
def test_forged_headers_are_dropped_and_the_true_address_told(start):
    balancer = start()
    status, _, answer = call(
        balancer.port,
        "GET",
        "/x",
        "",
        {**FORGED, "X-Other": "stays", "Authorization": "Basic eA=="},
    )
    assert status == 200
    told = {name.lower(): value for name, value in answer["headers"].items()}
    assert told["x-forwarded-for"] == "127.0.0.1"
    assert told["x-forwarded-proto"] == "http"
    assert (told["x-other"], told["authorization"]) == ("stays", "Basic eA==")
    left = {name.lower() for name in FORGED} & set(told) | {name for name in told if "_" in name}
    assert left == {"x-forwarded-for", "x-forwarded-proto"}
    assert "192.0.2.1" not in json.dumps(told)


@pytest.mark.parametrize(
    ("given", "same"),
    [
        ({"X-Hansa-CID": "Kabc-1"}, True),
        ({"X-Zato-CID": "Kzato"}, True),
        ({"X-Hansa-CID": 'a"}\t'}, False),
        ({}, False),
    ],
)
def test_a_request_has_a_correlation_id(shared, given, same):
    answer = call(shared.port, "GET", "/x", "", given)[2]
    cid = {name.lower(): value for name, value in answer["headers"].items()}["x-hansa-cid"]
    assert (cid in given.values()) == same
    assert same or (cid[0] == "K" and len(cid) == 28 and set(cid[1:]) <= set("0123456789ABCDEF"))


@both
def test_without_any_server_there_is_a_problem_document(start):
    balancer = start({})
    status, headers, problem = balancer.get("/x", X_Hansa_CID="Kme")
    assert (status, headers["content-type"], headers["retry-after"]) == (
        503,
        "application/problem+json",
        "1",
    )
    assert problem == {
        "status": 503,
        "title": "Service unavailable",
        "detail": "no server is available",
        "cid": "Kme",
    }
    assert headers["x-hansa-cid"] == "Kme"
    status, headers, problem = balancer.get("/x")
    assert problem["cid"] == headers["x-hansa-cid"]
    assert len(problem["cid"]) == 28


@both
def test_a_head_sent_in_part_reaches_no_server_and_is_cut(start, backends):
    balancer = start(run=False)
    balancer.config.write_text(
        balancer.config.read_text() + "[loadbalancer.timeouts]\nhttp_request = 0.5\n"
    )
    balancer.start()
    before = [backend.connections for backend in backends]
    slow = [socket.create_connection(("127.0.0.1", balancer.port)) for _ in range(100)]
    for connection in slow:
        connection.sendall(b"POST /slow HTTP/1.1\r\nHost: x\r\nX-Part")
    began = time.monotonic()
    assert balancer.get("/quick")[0] == 200
    assert time.monotonic() - began < 0.4
    for connection in slow:
        connection.settimeout(5)
        answer = connection.recv(4096)
        assert answer.startswith(b"HTTP/1.1 408"), answer
        connection.close()
    assert sum(backend.seen["/slow"] for backend in backends) == 0
    # checks and one request, and not one connection for each of the hundred
    assert sum(backend.connections for backend in backends) - sum(before) < 50


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\x00x HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /x HTTP/1.1\r\nHost : a\r\n\r\n",
        b"G@T /x HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_no_valid_http_is_refused(shared, shared_backends, sent):
    before = [backend.seen.total() for backend in shared_backends]
    answer = raw(shared.port, sent, 3)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert [backend.seen.total() for backend in shared_backends] == before


def test_a_smuggled_request_is_no_second_one(shared, shared_backends):
    inner = b"GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
    body = b"0\r\n\r\n" + inner
    head = (
        "POST /x HTTP/1.1\r\n"
        "Host: a\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Transfer-Encoding: chunked\r\n"
        "Connection: close\r\n"
        "\r\n"
    )
    answer = raw(shared.port, head.encode() + body, 3)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert sum(backend.seen["/smuggled"] for backend in shared_backends) == 0


@both
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.proves(
    "channel http", "duplicates", "none: what was sent to a server is never sent to another"
)
def test_a_request_that_may_have_run_is_never_repeated(start, backends, method):
    balancer = start()
    for backend in backends:
        backend.broken = True  # takes the request, and hangs up without an answer
    status, headers, problem = call(balancer.port, method, "/once", "", {"Content-Length": "0"})
    assert (status, headers["content-type"]) == (502, "application/problem+json")
    assert "may have run" in problem["detail"]
    assert sum(backend.seen["/once"] for backend in backends) == 1


@both
def test_a_server_that_leaves_and_comes_back_costs_no_request(start, backends):
    balancer = start()
    with Posts(balancer.port) as posts:
        posts.wait_for(50)
        backends[0].ready = False
        wait_until(lambda: balancer.status("one") == "DOWN")
        wait_until(lambda: balancer.sessions("one") == 0)
        backends[0].stop()
        posts.wait_for(100)
        backends[0].ready = True
        backends[0].start()
        wait_until(lambda: balancer.status("one").startswith("UP"))
        posts.wait_for(100)
    assert not posts.faults
    runs = backends[0].seen + backends[1].seen
    assert set(runs.values()) == {1}
    assert sum(runs.values()) == posts.sent


@both
@pytest.mark.proves(
    "channel http", "loss window", "what a killed worker had in hand; its client gets no success"
)
def test_a_server_that_is_killed_costs_at_most_what_it_had_in_hand(start, backends, tmp_path):
    """What was sent to it is not sent again; what could not be sent goes to the other one."""
    script = "import sys, time\nfrom plugins.loadbalancer.tests.support import Backend\n"
    script += "import json\nb = Backend('killed'); b.delay = 0.05\nprint(b.port, flush=True)\n"
    script += (
        "while True:\n"
        "    time.sleep(0.02)\n"
        "    open(sys.argv[1] + '.new', 'w').write(json.dumps(b.seen))\n"
    )
    script += "    __import__('os').replace(sys.argv[1] + '.new', sys.argv[1])\n"
    file = tmp_path / "seen"
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(file)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        port = int(child.stdout.readline())
        balancer = start({"two": backends[1].address, "killed": f"127.0.0.1:{port}"})
        with Posts(balancer.port, clients=6) as posts:
            posts.wait_for(60)
            child.kill()
            child.wait()
            dying = len(
                posts.faults
            )  # while a busy machine ends it, a client may be refused and come to it once more
            posts.wait_for(300)
        assert dying <= 12 and len(posts.faults) - dying <= 6, posts.faults
        # on a connection that its client has used before, HAProxy hangs up in place of a 502
        hung_up = (" 502 ", "RemoteDisconnected", "ConnectionReset")
        others = [fault for fault in posts.faults if not any(one in fault for one in hung_up)]
        assert not others
        seen = json.loads(file.read_text())
        again = [body for body in seen if body in backends[1].seen]
        assert not again
        assert set(backends[1].seen.values()) == {1}
    finally:
        child.kill()
        child.wait()
        child.stdout.close()


def test_a_server_that_is_not_ready_gets_nothing_new_and_finishes_what_it_has(start, backends):
    balancer = start()
    one, two = backends
    one.delay = two.delay = 0.1
    with Posts(balancer.port) as posts:
        posts.wait_for(20)
        one.ready = False
        wait_until(lambda: balancer.status("one") == "DOWN")
        wait_until(lambda: one.busy == 0)
        before = sum(one.seen.values())
        posts.wait_for(40)
        assert sum(one.seen.values()) == before
        one.ready = True
        wait_until(lambda: sum(one.seen.values()) > before)
    assert not posts.faults


def test_a_silent_server_is_answered_for_with_504(start, backends):
    balancer = start(run=False)
    balancer.config.write_text(
        balancer.config.read_text() + "[loadbalancer.timeouts]\nserver = 0.3\n"
    )
    balancer.start()
    for backend in backends:
        backend.delay = 2.0
    status, headers, problem = call(balancer.port, "POST", "/x", "{}")
    assert (status, problem["title"], headers["content-type"]) == (
        504,
        "Timed out",
        "application/problem+json",
    )


def test_a_limit_on_a_server_queues(start):
    backend = Backend("one")
    backend.delay = 0.1
    balancer = start({}, run=False)
    balancer.config.write_text(
        balancer.config.read_text()
        + f'[[loadbalancer.servers]]\nname = "one"\naddress = "{backend.address}"\nmaxconn = 1\n'
    )
    balancer.start()
    most = 0
    with Posts(balancer.port, clients=4) as posts:
        while posts.sent < 15:
            most = max(most, backend.busy)
            time.sleep(0.005)
    backend.stop()
    assert not posts.faults
    assert most == 1


def test_a_connection_that_cannot_be_made_is_tried_elsewhere(start, backends):
    """A server that has just died, and that checks have not found out about yet."""
    balancer = start(run=False)
    text = (
        balancer.config.read_text()
        .replace("interval = 0.2", "interval = 60")
        .replace("fast_", "rise = 1 #")
    )
    balancer.config.write_text(text)
    balancer.start()
    backends[0].stop()
    answers = [call(balancer.port, "POST", "/x", f"{n}")[2].get("server") for n in range(20)]
    assert answers == ["two"] * 20
    assert balancer.status("one").startswith("UP")
    assert set(backends[1].seen.values()) == {1}
    backends[0].start()


@pytest.mark.parametrize("reuse", [True, False])
def test_connections_to_servers_are_used_again_only_if_that_is_wanted(start, backends, reuse):
    balancer = start({"one": backends[0].address}, reuse=reuse)
    connection = http.client.HTTPConnection("127.0.0.1", balancer.port, timeout=10)
    before = backends[0].connections
    for _ in range(100):
        connection.request("POST", "/x", "{}")
        assert connection.getresponse().read()
    connection.close()
    # checks connect too
    assert (backends[0].connections - before < 50) == reuse
    assert (backends[0].connections - before >= 100) != reuse


def test_no_server_listens(start):
    balancer = start({"one": f"127.0.0.1:{free_port()}"})
    wait_until(lambda: balancer.status("one") == "DOWN")
    assert balancer.get("/x")[0] == 503
