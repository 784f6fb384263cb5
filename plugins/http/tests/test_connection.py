"""Connections, by raw sockets: smuggling, floods, half-sent and pipelined requests, limits, and the
guards on waitress' inside.
"""

from __future__ import annotations

import json
import threading
import time

import pytest
from hansa import Request, Response, Service
from hansa_devkit.harness.waiting import wait_until

HOST = b"Host: x\r\n"


def problem_of(answer, status):
    found, headers, body = answer
    assert found == status
    assert headers["connection"] == "close"
    if "server" not in headers:  # granian's own refusal, which has the status alone
        return {}
    assert headers["content-type"] == "application/problem+json"
    details = json.loads(body)
    assert details["status"] == status
    assert details["cid"] == headers["x-hansa-cid"]
    return details


def said(request):
    response = Response(cid=request.cid)
    response.raw = request.raw or request.path.encode()
    return response


LENIENT = {
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n": [200],
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n": [200],
    b"Content-Length: 0\r\ntransfer-encoding:\tchunked\r\n": [200],
    b"X: a\nContent-Length: 0\r\n": [200, 400],
}
"""What granian reads as RFC 9112 allows it to: a body by its chunks alone (section 6.1), after which
the connection is closed, and a lone LF as the end of a line (section 2.2).
"""
SMUGGLED = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Content-Length: 0\r\ntransfer-encoding:\tchunked\r\n",
        b"Transfer-Encoding: chunked, chunked\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: identity, chunked\r\n",
        b"Transfer-Encoding: gzip, chunked\r\n",
        b"Transfer-Encoding: xchunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Content-Length: 3\r\nContent-Length: 5\r\n",
        b"Content-Length: 5, 5\r\n",
        b"Content-Length: +5\r\n",
        b"Content-Length: -1\r\n",
        b"Content-Length: 0x5\r\n",
        b"Content-Length: 5 5\r\n",
        b"Content-Length: \xc2\xb2\r\n",
        b"Content-Length : 5\r\n",
        b"Host: y\r\n",
        b"X: a\nContent-Length: 0\r\n",
        b"X: a\rb\r\n",
        b"X: a\x00b\r\n",
        b": a\r\n",
        b"No colon\r\n",
    ],
)
def test_a_request_whose_end_is_in_doubt_is_refused_and_nothing_after_it_is_served(
    site, http_server, head
):
    site.add().dispatch = said
    answers = site.raw(
        b"POST /test HTTP/1.1\r\n" + HOST + head + b"\r\n0\r\n\r\n" + SMUGGLED, answers=3
    )
    if http_server == "granian" and head in LENIENT:
        assert [answer[0] for answer in answers] == LENIENT[head]
        return
    assert len(answers) == 1
    problem_of(answers[0], 501 if answers[0][0] == 501 else 400)


def test_transfer_encoding_in_http_1_0_is_refused(site):
    site.add().dispatch = said
    answers = site.raw(
        b"POST /test HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"
        + SMUGGLED,
        3,
    )
    assert len(answers) == 1
    problem_of(answers[0], 400)


@pytest.mark.only_waitress
@pytest.mark.parametrize(
    "chunks",
    [
        b"x\r\n",
        b"-1\r\n\r\n",
        b"5\r\nabc\r\n0\r\n\r\n",
        b"3 ;\x00\r\nabc\r\n0\r\n\r\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
    ],
)
def test_broken_chunks_are_refused(site, chunks):
    site.add().dispatch = said
    answers = site.raw(
        b"POST /test HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: chunked\r\n\r\n"
        + chunks
        + b"\r\n\r\n"
        + SMUGGLED,
        3,
    )
    assert [answer[0] for answer in answers] == [400]


def test_a_chunked_body_is_read(site):
    site.add().dispatch = said
    sent = (
        b"POST /test HTTP/1.1\r\n"
        + HOST
        + b"Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
    )
    (answer,) = site.raw(sent)
    assert answer[::2] == (200, b"abcde")


@pytest.mark.parametrize(
    "line",
    [
        b"GET",
        b"GET /",
        b"get / HTTP/1.1",
        b"GET / HTTP/1.1 x",
        b"\xff\xfe / HTTP/1.1",
        b"GET  / HTTP/1.1",
    ],
)
def test_a_malformed_first_line_is_refused(site, line):
    site.add()
    (answer,) = site.raw(line + b"\r\n" + HOST + b"\r\n")
    assert answer[0] in (400, 404)
    if "server" in answer[1]:  # granian's own refusal has the status alone
        assert answer[1]["content-type"] == "application/problem+json"


def test_names_with_underscores_cannot_pass_for_others(site):
    site.add(format="").dispatch = lambda request: said_headers(request)
    (answer,) = site.raw(
        b"GET /test HTTP/1.1\r\n" + HOST + b"X_Forwarded_For: 1.2.3.4\r\nX-Good: 1\r\n\r\n"
    )
    assert b"1.2.3.4" not in answer[2]
    assert b"x-good" in answer[2]


def said_headers(request):
    response = Response(cid=request.cid)
    response.raw = repr(dict(request.headers)).encode()
    return response


def test_bodies_up_to_the_limit_are_taken_and_larger_ones_refused(sites, http_server):
    site = sites(max_body=1000)
    site.add().dispatch = said
    assert site.ask("POST", "/test", content=b"x" * 1000).status_code == 200
    head = b"POST /test HTTP/1.1\r\n" + HOST
    problem_of(site.raw(head + b"Content-Length: 1001\r\n\r\n")[0], 413)
    huge = site.raw(head + b"Content-Length: 99999999999999999999\r\n\r\n")[0]
    problem_of(huge, 400 if http_server == "granian" else 413)
    problem_of(
        site.raw(head + b"Transfer-Encoding: chunked\r\n\r\n" + b"400\r\n" + b"x" * 1024 + b"\r\n")[
            0
        ],
        413,
    )


def test_a_client_that_sends_a_huge_body_anyway_reads_the_refusal(sites):
    site = sites(max_body=1000)
    site.add()
    for _ in range(5):
        answer = site.ask("POST", "/test", content=b"x" * 3_000_000)
        assert answer.status_code == 413
        assert answer.json()["status"] == 413


def test_expect_continue(sites):
    site = sites(max_body=1000)
    site.add().dispatch = said
    head = b"POST /test HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\nContent-Length: "
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(head + b"3\r\n\r\n")
        assert stream.readline().startswith(b"HTTP/1.1 100")
        assert stream.readline() == b"\r\n"
        client.sendall(b"abc")
        assert site.read_answer(stream)[2] == b"abc"
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(head + b"1001\r\n\r\n")
        problem_of(site.read_answer(stream), 413)
        assert site.read_answer(stream) is None


def test_header_floods_are_refused(sites, http_server):
    site = sites(max_header=4096)
    site.add().dispatch = said
    for flood in (
        b"X: " + b"a" * 5000 + b"\r\n",
        b"".join(b"X-%d: 1\r\n" % n for n in range(1000)),
    ):
        problem_of(site.raw(b"GET /test HTTP/1.1\r\n" + HOST + flood + b"\r\n")[0], 431)
    flood = b"X: " + b"a" * (5000 if http_server == "waitress" else 9000)  # which reads 8 KiB
    problem_of(site.raw(b"GET /test HTTP/1.1\r\n" + HOST + flood)[0], 431)
    problem_of(site.raw(b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")[0], 431)
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(b"GET /test HTTP/1.1\r\n" + HOST)
        try:
            for _ in range(2000):
                client.sendall(b"X-Endless: " + b"a" * 2000 + b"\r\n")
        except OSError:
            return  # cut while it was flooding
        problem_of(site.read_answer(stream), 431)


def test_pipelined_requests_are_answered_in_order(site):
    def dispatch(request: Request) -> Response:
        if request.path == "/0":
            time.sleep(0.01)
        return said(request)

    site.add(url_path="/{n}").dispatch = dispatch
    answers = site.raw(
        b"".join(b"GET /%d HTTP/1.1\r\n" % n + HOST + b"\r\n" for n in range(30)), answers=30
    )
    assert [answer[2] for answer in answers] == [b"/%d" % n for n in range(30)]


def test_one_connection_serves_many_requests_byte_by_byte(site):
    site.add().dispatch = said
    with site.connect() as client, client.makefile("rb") as stream:
        for body in (b"a", b"bb", b""):
            for byte in (
                b"POST /test HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
            ):
                client.send(bytes((byte,)))
            assert site.read_answer(stream)[2] == (body or b"/test")


def test_half_sent_requests_are_cut_and_harm_nobody(sites, http_server):
    site = sites(channel_timeout=1, threads=2)
    site.add().dispatch = said
    heads = [
        b"GET /test HTTP/1.1\r\n" + HOST,
        b"POST /test HTTP/1.1\r\n" + HOST + b"Content-Length: 10\r\n\r\nabc",
        b"G",
    ]
    halves = [site.connect() for _ in range(60)]
    for index, half in enumerate(halves):
        half.sendall(heads[index % 3])
    began = time.monotonic()
    assert site.ask("GET", "/test").status_code == 200
    assert time.monotonic() - began < 1
    for index, half in enumerate(halves):
        with half, half.makefile("rb") as stream:
            answer = site.read_answer(stream)
            if http_server == "granian" and index % 3 != 1:
                assert answer is None  # a head is cut without an answer
            else:
                problem_of(answer, 408)
    assert time.monotonic() - began < 6
    wait_until(lambda: not site.listener.connections)


def test_a_request_that_drips_in_is_cut_although_it_is_never_idle(sites, http_server):
    site = sites(channel_timeout=1)
    site.add().dispatch = said
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(b"GET /test HTTP/1.1\r\n" + HOST)
        began, stop = time.monotonic(), threading.Event()

        def drip():
            while not stop.wait(0.1):
                try:
                    client.sendall(b"X: 1\r\n")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        dripping.start()
        answer = site.read_answer(stream)
        stop.set()
        dripping.join()
    if http_server == "granian":
        assert answer is None
    else:
        problem_of(answer, 408)
    assert 0.9 < time.monotonic() - began < 5


def test_idle_connections_are_closed_and_slow_services_are_not(sites):
    site = sites(channel_timeout=1)

    def dispatch(request: Request) -> Response:
        time.sleep(2.5)
        return said(request)

    site.add().dispatch = dispatch
    with site.connect() as idle, site.connect() as busy, busy.makefile("rb") as stream:
        busy.sendall(b"GET /test HTTP/1.1\r\n" + HOST + b"\r\n")
        idle.settimeout(5)
        assert idle.recv(1) == b""
        assert site.read_answer(stream)[0] == 200


def test_more_requests_than_may_wait_are_refused_at_once_and_told_when_to_come_again(sites):
    site = sites(threads=1, max_queue=2)
    release, begun = threading.Event(), threading.Event()

    def slow(request):
        begun.set()
        release.wait(10)
        return said(request)

    site.add().dispatch = slow
    clients = [site.connect() for _ in range(8)]
    streams = [client.makefile("rb") for client in clients]
    ask = b"GET /test HTTP/1.1\r\n" + HOST + b"\r\n"
    clients[0].sendall(ask)
    assert begun.wait(5)
    for number in (1, 2):
        clients[number].sendall(ask)
        wait_until(lambda number=number: len(site.listener.lanes.services.queue) == number)
    began = time.monotonic()
    for number in range(3, 8):
        clients[number].sendall(ask)
        answer = site.read_answer(streams[number])
        problem_of(answer, 503)
        assert int(answer[1]["retry-after"]) >= 1
    assert time.monotonic() - began < 2
    release.set()
    assert [site.read_answer(streams[number])[0] for number in range(3)] == [200, 200, 200]
    for thing in (*streams, *clients):
        thing.close()


def test_more_connections_than_select_can_hold_are_served(sites):
    site = sites(connection_limit=2000, connections_per_address=0)
    site.add().dispatch = said
    held = []
    try:
        for _ in range(1100):
            held.append(site.connect())
        assert site.ask("GET", "/test").status_code == 200
    finally:
        for one in held:
            one.close()


@pytest.mark.only_waitress
def test_a_client_that_leaves_while_waiting_costs_no_work(sites):
    site = sites(threads=1)
    release, served = threading.Event(), []

    def slow(request):
        served.append(request.raw)
        if request.raw == b"first":
            release.wait(10)
        return said(request)

    site.add().dispatch = slow

    def ask(body):
        client = site.connect()
        client.sendall(
            b"POST /test HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(body) + body
        )
        return client

    first = ask(b"first")
    wait_until(lambda: served)
    gone = ask(b"gone!")
    wait_until(lambda: len(site.listener.lanes.services.queue) == 1)
    gone.close()
    wait_until(lambda: site.listener.connections == 1)
    last = ask(b"last")
    wait_until(lambda: len(site.listener.lanes.services.queue) == 2)
    release.set()
    with last, last.makefile("rb") as stream:
        assert site.read_answer(stream)[2] == b"last"
    assert served == [b"first", b"last"]
    first.close()


def test_large_answers_arrive_whole_also_at_slow_readers(site):
    body = bytes(range(256)) * 40_000

    class Large(Service):
        def handle(self):
            return body

    site.add(Large, format="")
    assert site.ask("GET", "/test").content == body
    with site.connect() as client, client.makefile("rb") as stream:
        client.sendall(b"GET /test HTTP/1.1\r\n" + HOST + b"\r\n")
        time.sleep(0.3)
        assert site.ask("HEAD", "/test").status_code == 200
        assert site.read_answer(stream)[2] == body


def test_streams_are_sent_as_they_come(sites):
    """The one-write task must not hold back what an application yields piece by piece."""
    site = sites()
    go_on = threading.Event()

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"one"
        go_on.wait(10)
        yield b"two"

    site.listener.application = application
    with site.connect() as client:
        client.sendall(b"GET / HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
        client.settimeout(5)
        found = b""
        while b"one" not in found:
            found += client.recv(1000)
        assert b"two" not in found
        go_on.set()
        while data := client.recv(1000):
            found += data
        assert found.endswith(b"3\r\ntwo\r\n0\r\n\r\n")


@pytest.mark.only_waitress
def test_a_response_is_one_write(site, monkeypatch):
    writes = []
    original = site.listener.channel_class.write_soon

    def counted(self, data):
        if data:
            writes.append(bytes(data))
        return original(self, data)

    monkeypatch.setattr(site.listener.channel_class, "write_soon", counted)
    site.add().dispatch = said
    assert site.ask("POST", "/test", content=b"abc").content == b"abc"
    assert len(writes) == 1
    assert writes[0].endswith(b"\r\n\r\nabc")


def test_an_application_that_fails_is_answered_for(site, caplog):
    def application(environ, start_response):
        raise RuntimeError("canary")

    site.listener.application = application
    (answer,) = site.raw(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    problem_of(answer, 500)
    assert b"canary" not in answer[2]
