"""Outgoing HTTP as services of the Zato dialect use it, over the real plugin http and a real
server.
"""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
import requests
from hansa import Undefined
from hansa_zato.outgoing import Outgoing
from hansa_zato.outgoing.reply import Reply
from hypothesis import given, strategies as st
from lxml import etree, objectify
from zato.common import ConnectionException, Inactive, TimeoutException
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


@pytest.fixture
def out(server: Facade, backend: Any) -> Any:
    server.connect("CRM", address=backend.url, url_path="/customers/{id}")
    server.connect("Plain", address=backend.url, format="json")
    server.objects["outgoing", "http", "Off"] = None
    return Outgoing(server.as_server)


def test_get_with_path_and_query(out: Any, backend: Any) -> None:
    params = {"id": "7/8", "q": "a b", "many": [1, 2]}
    response = out.plain_http.get("CRM").conn.get("K1", params)
    assert (response.status_code, response.text, response.content, response.ok) == (
        200,
        "hello",
        b"hello",
        True,
    )
    (asked,) = backend.requests
    assert (asked.method, asked.path) == ("GET", "/customers/7%2F8?q=a+b&many=1&many=2")
    assert params == {"id": "7/8", "q": "a b", "many": [1, 2]}
    assert (asked.headers["X-Zato-CID"], asked.headers["X-Zato-Component"]) == ("K1", "server1")
    assert asked.headers["X-Zato-Msg-TS"].endswith("Z")
    assert response.url.endswith(asked.path)


def test_a_path_variable_without_a_value(out: Any) -> None:
    with pytest.raises(ValueError, match=r"id is needed for the path.*K1"):
        out.plain_http["CRM"].conn.get("K1")


@pytest.mark.parametrize("verb", ["post", "put", "patch", "send", "delete", "options"])
def test_verbs_with_a_body(out: Any, backend: Any, verb: str) -> None:
    getattr(out.plain_http["CRM"].conn, verb)("K1", "body", {"id": 1}, headers={"X-Mine": "1"})
    (asked,) = backend.requests
    assert asked.method == ("POST" if verb == "send" else verb.upper())
    assert (asked.body, asked.path, asked.headers["X-Mine"]) == (b"body", "/customers/1", "1")


@pytest.mark.parametrize("verb", ["get", "head", "delete"])
def test_verbs_without_a_body(out: Any, backend: Any, verb: str) -> None:
    getattr(out.plain_http["CRM"].conn, verb)("K1", {"id": 1})
    assert (backend.requests[0].method, backend.requests[0].path, backend.requests[0].body) == (
        verb.upper(),
        "/customers/1",
        b"",
    )


@pytest.mark.parametrize(
    ("data", "sent", "kind"),
    [
        ({"a": [1, None]}, b'{"a": [1, null]}', "application/json"),
        ("text", b"text", "text/plain; charset=utf-8"),
        (b"\xff", b"\xff", None),
        (
            etree.fromstring("<a>1</a>"),
            b"<?xml version='1.0' encoding='UTF-8'?>\n<a>1</a>",
            "application/xml",
        ),
    ],
)
def test_what_is_sent(out: Any, backend: Any, data: Any, sent: bytes, kind: str | None) -> None:
    out.plain_http["CRM"].conn.post("K1", data, {"id": 1})
    assert (backend.requests[0].body, backend.requests[0].headers["Content-Type"]) == (sent, kind)


def test_the_format_of_the_connection(out: Any, backend: Any) -> None:
    out.plain_http["Plain"].conn.post("K1", {"a": 1})
    assert (backend.requests[0].body, backend.requests[0].headers["Content-Type"]) == (
        b'{"a":1}',
        "application/json",
    )


def test_the_container(out: Any) -> None:
    found = out.plain_http
    assert (
        [name for name, _ in found.items()]
        == found.keys()
        == list(found)
        == ["CRM", "Off", "Plain"]
    )
    assert (len(found), "CRM" in found, "Nope" in found, len(found.values())) == (3, True, False, 3)
    assert out.rest.keys() == found.keys()
    assert (found.get("Nope", None), found.get("Nope", 5)) == (None, 5)
    with pytest.raises(KeyError, match="Nope"):
        found["Nope"]
    entry = found["CRM"]
    assert (entry.name, entry.config.name, entry.config.url_path, entry.config.is_active) == (
        "CRM",
        "CRM",
        "/customers/{id}",
        True,
    )
    assert entry.conn.config.timeout == 10.0


def test_an_unknown_name_is_told_with_the_nearest(
    out: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(Undefined, match="CRN") as told:
        out.plain_http.get("CRN")
    assert "did you mean CRM?" in told.value.explanation
    assert out.plain_http.get("CRN", None) is None
    assert "did you mean CRM?" in caplog.text
    with pytest.raises(KeyError, match="did you mean CRM"):
        out.plain_http["CRN"]


def test_inactive(out: Any) -> None:
    entry = out.plain_http["Off"]
    assert entry.config.is_active is False
    with pytest.raises(Inactive, match="Off is inactive") as caught:
        entry.conn.get("K1")
    assert caught.value.status == 503


def test_other_types_are_those_of_hansa(out: Any, server: Facade) -> None:
    server.objects["outgoing", "ldap", "bank"] = thing = type(
        "Thing", (), {"search": lambda self: 5, "config": None, "stop": lambda self: None}
    )()
    assert out.ldap["bank"].conn is thing
    assert out.ldap.get("bank").search() == 5
    assert out.ldap["bank"].config.name == "bank"


def test_timeout(out: Any, server: Facade, backend: Any) -> None:
    def answer_late(request: Any) -> Any:
        time.sleep(1.5)
        return 200, {}, b"late"

    backend.answer = answer_late
    server.connect("Slow", address=backend.url, timeout=0.1, retries=0)
    began = time.monotonic()
    with pytest.raises(TimeoutException) as caught:
        out.plain_http["Slow"].conn.get("K1")
    assert time.monotonic() - began < 1.4
    assert (caught.value.cid, caught.value.status) == ("K1", 504)
    assert isinstance(caught.value, requests.exceptions.Timeout)


def test_nobody_there(out: Any, server: Facade) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server.connect("Gone", address=f"http://127.0.0.1:{port}", retries=0)
    with pytest.raises(ConnectionException) as caught:
        out.plain_http["Gone"].conn.get("K1")
    assert (caught.value.cid, caught.value.status) == ("K1", 503)
    assert isinstance(caught.value, requests.exceptions.ConnectionError)
    with pytest.raises(ConnectionException):
        out.plain_http["Gone"].conn.ping("K1")


def test_ping(out: Any) -> None:
    assert "200" in out.plain_http["Plain"].conn.ping("K1")


def test_rest_knows_the_cid(out: Any, server: Facade, backend: Any) -> None:
    def act(self: Any) -> None:
        self.rest["CRM"].get({"id": 1})
        self.rest.Plain.post({"a": 1})
        with pytest.raises(AttributeError):
            _ = self.rest.nope

    response = server.call(type("Some", (Service,), {"handle": act}), "{}", cid="K5")
    assert response.status == 200
    assert [asked.headers["X-Zato-CID"] for asked in backend.requests] == ["K5", "K5"]


# -- what comes back -------------------------------------------------------------------------------


def reply(content: bytes = b"", status: int = 200, kind: str = "") -> Reply:
    return Reply(content, status, {"Content-Type": kind, "X-Other": "1"}, "http://x/y")


def test_parsers_take_it_as_it_is() -> None:
    made = reply(
        '<?xml version="1.0" encoding="iso-8859-1"?><a>é</a>'.encode("latin-1"),
        kind="application/xml",
    )
    assert etree.fromstring(made).text == "é"
    assert objectify.fromstring(made).text == "é"
    assert made.data.text == "é"


@given(st.binary())
def test_it_is_the_body(content: bytes) -> None:
    made = reply(content)
    assert (made, made.content, len(made), type(made.content)) == (
        content,
        content,
        len(content),
        bytes,
    )
    assert b"".join(made.iter_content(3)) == content
    assert isinstance(made.text, str)


def test_json_and_text() -> None:
    made = reply(b'{"a": "\xc5\xbc"}', kind="application/json; charset=utf-8")
    assert made.json() == made.data == {"a": "ż"}
    assert (made.encoding, made.text) == ("utf-8", '{"a": "ż"}')
    assert reply(b"\xbf", kind='text/plain; charset="iso-8859-2"').text == "ż"
    assert reply(b"x", kind="text/plain; charset=nonsense").text == "x"
    assert reply(b"", kind="application/json").data is None
    assert reply(b"a\nb").data == "a\nb"
    assert list(reply(b"a\nb").iter_lines()) == [b"a", b"b"]
    with pytest.raises(ValueError):
        reply(b"{").json()
    with pytest.raises(ValueError, match="is not XML"):
        _ = reply(b"<a>", kind="text/xml").data


def test_headers_in_any_case() -> None:
    made = reply(kind="text/plain")
    assert (
        made.headers["content-type"],
        made.headers.get("X-OTHER"),
        "x-other" in made.headers,
    ) == (
        "text/plain",
        "1",
        True,
    )
    assert made.headers.get("nope", 5) == 5


def test_status() -> None:
    good, bad = reply(status=204), reply(status=404)
    good.raise_for_status()
    assert (bool(good), good.ok, good.reason, bool(bad), bad.ok) == (
        True,
        True,
        "No Content",
        False,
        False,
    )
    assert (repr(bad), str(bad)) == ("<Response [404]>", "<Response [404]>")
    with pytest.raises(
        requests.HTTPError, match="404 Client Error: Not Found for url: http://x/y"
    ) as caught:
        bad.raise_for_status()
    assert caught.value.response is bad
    assert (good.history, good.is_redirect, good.apparent_encoding) == ([], False, "utf-8")
    good.close()


def test_status_where_nobody_knows_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    from zato.common import HTTPException

    monkeypatch.delitem(__import__("sys").modules, "requests")
    for status in (404, 500):
        with pytest.raises(HTTPException) as caught:
            reply(status=status).raise_for_status()
        assert caught.value.status == status
