"""Outgoing HTTP: what is sent, what comes back, retries, redirects, and deadlines against peers
that misbehave.
"""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from hansa import (
    Invalid,
    Response,
    Security,
    TimedOut,
    TraceContext,
    Unavailable,
    current_cid,
    current_trace,
    load,
)
from hansa_devkit import LocalServer
from hansa_devkit.harness.waiting import wait_until
from hansa_http.address import HttpAddress
from hansa_http.remedy import remedy_of
from hansa_http.response import BadAnswer
from hansa_http.retry import pause
from hypothesis import given, strategies as st

from plugins.http.tests.scripted_peer import answer, scripted


def shown(request):
    response = Response(cid=request.cid, content_type="application/json")
    body = {
        "method": request.method,
        "path": request.path,
        "raw_path": request.environ["REQUEST_URI"],
        "query": dict(request.extra["query"]),
        "headers": dict(request.headers),
        "body": request.raw.decode("latin-1"),
    }
    response.raw = json.dumps(body).encode()
    return response


@pytest.fixture
def peer(site):
    site.add(url_path="/{path}", match_slash=True).dispatch = shown
    site.add(url_path="/", name="root").dispatch = shown
    return site


def hang(client, stop):
    stop.wait(20)


def drip(head):
    def script(client, stop):
        client.sendall(head)
        while not stop.wait(0.05):
            client.sendall(b"x")

    return script


# -- what is sent ----------------------------------------------------------------------------------


def test_every_method_sends_what_it_should(peer, connections):
    outgoing = connections(
        peer.url + "/base/", url_path="/orders/{id}", format="json", headers={"X-Fixed": "1"}
    )
    for method in ("get", "head", "options"):
        found = getattr(outgoing, method)(
            {"id": "a/b c", "q": [1, 2], "flag": True, "none": None}, headers={"X-Own": "2"}
        )
        assert found.ok
        if method == "get":
            assert found.data["raw_path"] == "/base/orders/a%2Fb%20c?q=1&q=2&flag=true"
            assert found.data["headers"]["x-fixed"] == "1"
            assert found.data["headers"]["x-own"] == "2"
    for method in ("post", "put", "patch", "delete"):
        found = getattr(outgoing, method)({"é": [1]}, {"id": 7}).data
        assert (found["method"], found["path"]) == (method.upper(), "/base/orders/7")
        assert found["headers"]["content-type"] == "application/json"
        assert json.loads(found["body"].encode("latin-1")) == {"é": [1]}
    assert outgoing.request("BREW", b"raw", {"id": 1}).data["body"] == "raw"


def test_data_without_a_format(peer, connections):
    outgoing = connections(peer.url)
    assert outgoing.post("zażółć").data["headers"]["content-type"] == "text/plain; charset=utf-8"
    assert "content-type" not in outgoing.post(b"\x00").data["headers"]
    form = outgoing.post(
        {"a": [1, 2], "b": "x y"}, headers={"Content-Type": "application/x-www-form-urlencoded"}
    ).data
    assert form["body"] == "a=1&a=2&b=x+y"
    with pytest.raises(Invalid, match="no format"):
        outgoing.post({"a": 1})


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
        lambda t: t not in (".", "..")
    ),
    st.text(max_size=5),
)
def test_values_stay_in_their_place_in_the_url(value, other):
    from hansa_http.outgoing import HttpOutgoing

    outgoing = HttpOutgoing(
        "x", HttpAddress(address="http://h/base", url_path="/a/{id}/b?fixed=1"), SimpleNamespace()
    )
    other = other.encode("utf-8", "replace").decode()
    parts = urlsplit(outgoing.url({"id": value, "q": other}))
    assert (parts.netloc, parts.path.count("/")) == ("h", 4)
    assert parts.path.startswith("/base/a/")
    assert parse_qs(parts.query, keep_blank_values=True) == {"fixed": ["1"], "q": [other]}


@pytest.mark.parametrize("value", ["..", ".", "", None])
def test_a_value_that_would_change_the_path_is_refused(connections, value):
    with pytest.raises(Invalid) as caught:
        connections("http://127.0.0.1:1", url_path="/a/{id}").get({"id": value})
    assert set(caught.value.errors) == {"id"}


def test_the_cid_goes_along(peer, connections):
    outgoing = connections(peer.url)
    assert "x-hansa-cid" not in outgoing.get().data["headers"]
    token = current_cid.set("Kabc")
    try:
        assert outgoing.get().data["headers"]["x-hansa-cid"] == "Kabc"
        assert outgoing.get(cid="Kown").data["headers"]["x-hansa-cid"] == "Kown"
    finally:
        current_cid.reset(token)


def test_the_trace_goes_along(peer, connections):
    outgoing = connections(peer.url)
    assert "traceparent" not in outgoing.get().data["headers"]
    token = current_trace.set(TraceContext(0xABC, 0xDEF, state="a=1"))
    expected = f"00-{'0' * 29}abc-{'0' * 13}def-01"
    try:
        headers = outgoing.get().data["headers"]
        assert (headers["traceparent"], headers["tracestate"]) == (expected, "a=1")
        # a trace of the caller's own is not mixed with it
        headers = outgoing.get(headers={"Traceparent": "mine"}).data["headers"]
        assert headers["traceparent"] == "mine"
        assert "tracestate" not in headers
    finally:
        current_trace.reset(token)


def test_security_signs_each_call(peer, connections):
    class Key(Security):
        def sign(self, headers):
            headers["X-API-Key"] = "secret"

        def sign_query(self, query):
            query["key"] = "s&cret"

    key = Key("key", None, LocalServer())
    assert connections(peer.url, security=key).get().data["headers"].get("x-api-key") is None
    outgoing = connections(peer.url, security=key)
    object.__setattr__(outgoing.config, "security", "key")
    found = outgoing.get({"a": 1})
    assert found.data["headers"]["x-api-key"] == "secret"
    assert found.data["raw_path"] == "/?a=1&key=s%26cret"
    assert found.url == f"{peer.url}?a=1"


def test_security_may_sign_the_whole_request(peer, connections):
    class Signature(Security):
        def sign_request(self, request):
            signed.append((request.method, request.url, request.body))
            request.headers["X-Signature"] = "signature"
            request.query["key"] = "secret"

    signed: list[tuple[str, str, bytes]] = []
    outgoing = connections(peer.url, security=Signature("signature", None, LocalServer()))
    object.__setattr__(outgoing.config, "security", "signature")
    found = outgoing.post(b"\x00body", {"a": 1}, headers={"Content-Type": "text/plain"})
    assert signed == [("POST", f"{peer.url}?a=1", b"\x00body")]
    assert found.data["headers"]["x-signature"] == "signature"
    assert found.data["raw_path"] == "/?a=1&key=secret"
    assert found.url == f"{peer.url}?a=1"


def test_a_call_is_sent_once_more_where_its_proof_was_replaced(connections):
    class Token(Security):
        number = 0

        def sign(self, headers):
            headers["Authorization"] = f"Bearer {self.number}"

        def renew(self, rejected):
            assert rejected.headers["Authorization"] == f"Bearer {self.number}"
            self.number += 1
            return self.number < 3

    token = Token("token", None, LocalServer())
    with scripted(answer(401), answer(200), answer(401)) as (address, seen):
        outgoing = connections(address, security=token)
        object.__setattr__(outgoing.config, "security", "token")
        # once, whatever is answered then, and not where nothing was replaced
        assert [outgoing.post(b"body").status for _ in range(3)] == [200, 401, 401]
        sent = [request.partition(b"Bearer ")[2][:1] for request in seen]
        assert sent == [b"0", b"1", b"1", b"2", b"2"]
        assert all(request.endswith(b"body") for request in seen)


@pytest.mark.parametrize("headers", [{"X-A": "b\r\nX-Evil: 1"}, {"X A": "b"}, {"X": "♥"}])
def test_headers_that_cannot_be_sent_are_refused(peer, connections, headers):
    with pytest.raises(Invalid, match="cannot be sent"):
        connections(peer.url).get(headers=headers)


# -- what comes back -------------------------------------------------------------------------------


def test_answers(connections):
    body = json.dumps({"a": 1}).encode()
    scripts = [
        answer(200, body, Content_Type="application/json; charset=utf-8"),
        answer(404, body, Content_Type="application/problem+json"),
        answer(200, "zażółć".encode("iso-8859-2"), Content_Type="text/plain; charset=iso-8859-2"),
        answer(200, b"{", Content_Type="application/json"),
        answer(204),
        answer(200, gzip.compress(body), Content_Type="application/json", Content_Encoding="gzip"),
    ]
    with scripted(*scripts) as (address, _):
        outgoing = connections(address)
        found = outgoing.get()
        assert (found.status, found.ok, found.data, found.json(), len(found)) == (
            200,
            True,
            {"a": 1},
            {"a": 1},
            len(body),
        )
        found = outgoing.get()
        assert (found.status, found.ok, found.data) == (404, False, {"a": 1})
        with pytest.raises(BadAnswer, match=r"outgoing http 'peer': GET .* status 404"):
            found.raise_for_status()
        assert outgoing.get().text == "zażółć"
        found = outgoing.get()
        with pytest.raises(BadAnswer):
            _ = found.data
        with pytest.raises(BadAnswer):
            found.json()
        assert outgoing.get().data is None
        found = outgoing.get().raise_for_status()
        assert (found.content, found.headers["CONTENT-TYPE"]) == (body, "application/json")


def test_an_answer_that_is_too_large_is_refused(connections):
    bomb = gzip.compress(b"\0" * 10_000_000)
    with scripted(
        answer(200, b"x" * 2001),
        answer(200, bomb, Content_Encoding="gzip"),
        answer(200, b"x" * 2000),
    ) as (
        address,
        _,
    ):
        outgoing = connections(address, max_response=2000)
        for _ in range(2):
            with pytest.raises(BadAnswer, match="larger than 2000"):
                outgoing.get()
        assert len(outgoing.get()) == 2000


def test_cookies_are_not_kept(connections):
    with scripted(answer(200, Set_Cookie="a=1; Path=/"), answer(200)) as (address, seen):
        outgoing = connections(address)
        outgoing.get()
        outgoing.get()
        assert b"ookie" not in seen[1]


# -- when it fails ---------------------------------------------------------------------------------


def test_a_peer_that_is_down_is_unavailable_by_name(connections):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outgoing = connections(f"http://127.0.0.1:{port}", name="rates", retry_delay=0)
    with pytest.raises(Unavailable, match="outgoing http 'rates'"):
        outgoing.post(b"x")
    with pytest.raises(Unavailable):
        outgoing.ping()
    with pytest.raises(Unavailable, match="cannot be reached"):
        connections("http://no-such-host.invalid", retries=0).get()


def test_the_state_is_told_when_it_changes(connections):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    outgoing = connections(f"http://127.0.0.1:{port}", retries=0)
    with pytest.raises(Unavailable):
        outgoing.get()
    (told,) = outgoing.server.told
    assert told.startswith("outgoing http 'peer': the server cannot be reached (")
    assert told.endswith(f": GET http://127.0.0.1:{port}")
    with scripted(answer(500)) as (url, _):
        outgoing.config = HttpAddress(address=url)
        outgoing.get()
        outgoing.get()
    assert outgoing.server.told == [told, ""]
    with pytest.raises(Unavailable):
        outgoing.get()
    with scripted(answer(200)) as (url, _):
        outgoing.config = HttpAddress(address=url)
        outgoing.ping()
    assert outgoing.server.told[2:] and outgoing.server.told[-1] == "", "a ping heals it, too"


@pytest.mark.parametrize(
    "script",
    [
        hang,
        drip(b""),
        drip(b"HTTP/1.1 200 OK\r\nX: "),
        drip(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"),
        drip(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n"),
        drip(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_call_answers_within_its_deadline(connections, script, method):
    with scripted(script) as (address, _):
        outgoing = connections(address, timeout=0.4, deadline=0.8)
        began = time.monotonic()
        with pytest.raises(TimedOut, match="outgoing http 'peer'"):
            outgoing.request(method, b"x" if method == "POST" else None)
        assert time.monotonic() - began < 1.8


def test_the_timeout_of_a_call_replaces_the_connection_s(connections):
    with scripted(hang) as (address, _):
        outgoing = connections(address, retries=0)
        began = time.monotonic()
        with pytest.raises(TimedOut):
            outgoing.get(timeout=0.2)
        assert time.monotonic() - began < 1


def hold(outgoing):
    with pytest.raises(TimedOut):
        outgoing.get(timeout=1.5)


def test_a_pool_that_is_used_up_is_told(connections):
    with scripted(hang) as (address, _):
        outgoing = connections(address, pool_size=1, timeout=0.5, retries=0)
        first = threading.Thread(target=hold, args=(outgoing,))
        first.start()
        time.sleep(0.2)
        with pytest.raises(TimedOut, match="1 connections are busy"):
            outgoing.get()
        first.join()


def breaks(client, stop):
    """Close the connection without an answer."""


@pytest.mark.proves("outgoing http", "guarantee")
def test_calls_that_may_be_repeated_are_repeated(connections):
    with scripted(breaks, answer(503), answer(200, b"third")) as (address, seen):
        assert connections(address, retry_delay=0.01).get().content == b"third"
        assert len(seen) == 3
    with scripted(answer(503, b"1"), answer(502, b"2"), answer(429, b"3"), answer(200)) as (
        address,
        seen,
    ):
        assert connections(address, retry_delay=0.01).put(b"x").status == 429
        assert len(seen) == 3


@pytest.mark.proves(
    "outgoing http",
    "guarantee",
    "at most once; calls that may be repeated (RFC 9110, 9.2.2) at least once, within their deadline",
)
def test_calls_that_may_not_be_repeated_are_not(connections):
    with scripted(breaks, answer(200)) as (address, seen):
        with pytest.raises(Unavailable):
            connections(address, retry_delay=0.01).post(b"x")
        assert len(seen) == 1
    with scripted(answer(503), answer(200)) as (address, seen):
        assert connections(address).post(b"x").status == 503
        assert len(seen) == 1


def test_retry_after_is_honoured_within_the_deadline(connections):
    with scripted(answer(503, Retry_After="1"), answer(200, b"late")) as (address, _):
        began = time.monotonic()
        assert connections(address, retry_delay=0).get().content == b"late"
        assert time.monotonic() - began >= 1
    with scripted(answer(503, b"soon", Retry_After="60")) as (address, seen):
        began = time.monotonic()
        assert connections(address, deadline=1).get().content == b"soon"
        assert time.monotonic() - began < 1
        assert len(seen) == 1


def test_pauses_grow_and_differ():
    assert 0.08 <= pause(0, 0.1, {}) <= 0.12
    assert 0.32 <= pause(2, 0.1, {}) <= 0.48
    assert len({pause(0, 0.1, {}) for _ in range(10)}) > 1
    assert pause(0, 0.1, {"retry-after": "7"}) == 7
    assert (
        8
        < pause(
            0,
            0.1,
            {
                "retry-after": format_datetime(
                    datetime.now(UTC) + timedelta(seconds=10), usegmt=True
                )
            },
        )
        <= 10
    )
    assert (
        pause(
            0,
            0.1,
            {
                "retry-after": format_datetime(
                    datetime.now(UTC) - timedelta(seconds=10), usegmt=True
                )
            },
        )
        == 0
    )
    for odd in ("soon", "\u00b2", "-1", "1.5"):
        assert pause(0, 0.1, {"retry-after": odd}) < 1


# -- redirects -------------------------------------------------------------------------------------


def test_redirects_lead_only_to_the_same_host(connections):
    with scripted(answer(200, b"elsewhere")) as (other, other_seen):
        with scripted(
            answer(302, Location="/new?a=1"),
            answer(200, b"found"),
            answer(302, Location=other),
            answer(302, Location="/x"),
            answer(200),
        ) as (address, seen):
            outgoing = connections(address)
            found = outgoing.get()
            assert (found.content, found.url) == (b"found", address + "/new?a=1")
            assert seen[1].startswith(b"GET /new?a=1 ")
            elsewhere = outgoing.get()
            assert (elsewhere.status, elsewhere.ok) == (302, False)
            with pytest.raises(BadAnswer, match=r"'peer': GET was redirected .* another server"):
                elsewhere.raise_for_status()
            posted = outgoing.post(b"x")
            assert (posted.status, posted.ok) == (302, False)
            with pytest.raises(BadAnswer, match=r"POST was redirected \(status 302\), which is"):
                posted.raise_for_status()
            assert len(seen) == 4
        assert other_seen == []


def test_redirects_keep_or_change_the_method_as_they_should(connections):
    with scripted(answer(307, Location="/a"), answer(303, Location="/b"), answer(200)) as (
        address,
        seen,
    ):
        connections(address).post(b"body")
        assert [one.split()[0] for one in seen] == [b"POST", b"POST", b"GET"]
        assert seen[1].endswith(b"body")
        assert not seen[2].endswith(b"body")
    with scripted(answer(302, Location="/loop")) as (address, seen):
        endless = connections(address).get()
        assert (endless.status, endless.ok) == (302, False)
        assert len(seen) == 5
        with pytest.raises(BadAnswer, match="GET was redirected 5 times without an end"):
            endless.raise_for_status()
    with scripted(answer(302)) as (address, seen):
        nowhere = connections(address).get()
        assert (nowhere.status, nowhere.ok) == (302, False)
        with pytest.raises(
            BadAnswer, match=r"GET was redirected \(status 302\) without a Location"
        ):
            nowhere.raise_for_status()
    with scripted(answer(302, Location="/a")) as (address, seen):
        wanted = connections(address, follow_redirects=False).get().raise_for_status()
        assert (wanted.status, wanted.ok) == (302, True)
        assert len(seen) == 1


# -- life ------------------------------------------------------------------------------------------


def test_ping(peer, connections):
    assert "status 200" in connections(peer.url, url_path="/a/{id}").ping()
    with scripted(answer(405), answer(500)) as (address, seen):
        outgoing = connections(address, ping_path="/alive", ping_method="GET")
        assert "status 405" in outgoing.ping()
        assert seen[0].startswith(b"GET /alive ")
        with pytest.raises(Unavailable, match="status 500"):
            outgoing.ping()


def test_a_refusal_names_the_setting_to_change(connections):
    with scripted(answer(501)) as (address, _):
        with pytest.raises(Unavailable, match="set ping_method to GET"):
            connections(address).ping()
    for address in ("http://127.0.0.1:1", "http://nobody.invalid"):
        with pytest.raises(Unavailable, match="check the setting address"):
            connections(address).ping()
    assert "check the port in address" in remedy_of("wrong version number", "https://x")
    assert "begin address with https:" in remedy_of("Connection reset by peer", "http://x")
    assert "set tls_ca to" in remedy_of("self-signed certificate", "https://x")


def test_one_pool_serves_many_threads(peer, connections):
    outgoing, faults = connections(peer.url, url_path="/{n}", pool_size=4), []

    def ask(number):
        for _ in range(20):
            if outgoing.get({"n": number}).data["path"] != f"/{number}":
                faults.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert peer.listener.connections <= 4


def test_after_stop_calls_are_refused_by_name(peer, connections):
    outgoing = connections(peer.url)
    outgoing.get()
    outgoing.stop()
    outgoing.stop()
    with pytest.raises(Unavailable, match="is not running"):
        outgoing.get()
    wait_until(lambda: not peer.listener.connections)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({}, {"address"}),
        ({"address": "ftp://x"}, {"address"}),
        ({"address": "http://"}, {"address"}),
        ({"address": "http://u:p@h"}, {"address"}),
        ({"address": "http://h?a=1"}, {"address"}),
        ({"address": "http://h:99999"}, {"address"}),
        (
            {
                "address": "http://h",
                "url_path": "a",
                "ping_path": "b",
                "tls_ca": "x",
                "verify": False,
            },
            {"url_path", "ping_path", "tls_ca"},
        ),
        ({"address": "http://h", "url_path": "/{a"}, {"url_path"}),
        (
            {"address": "http://h", "timeout": 0, "retries": -1, "pool_size": 0},
            {"timeout", "retries", "pool_size"},
        ),
    ],
)
def test_settings_are_checked_all_at_once(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(HttpAddress, settings)
    assert set(caught.value.errors) == faults


@pytest.mark.parametrize(
    ("stored", "authorities"), [("/etc/ssl/ca.pem", "/etc/ssl/ca.pem"), ("ca.pem", "./ca.pem")]
)
def test_authorities_that_were_stored_as_verify_are_trusted_as_before(stored, authorities):
    old = {"address": "https://x", "verify": stored}
    new = HttpAddress.upgrade(old)
    assert new == {"address": "https://x", "verify": True, "tls_ca": authorities}
    assert HttpAddress.upgrade(new) == new
    assert load(HttpAddress, new).tls_ca == authorities


def test_verify_off_is_stored_as_it_was():
    old = {"address": "https://x", "verify": False}
    assert HttpAddress.upgrade(old) == old
