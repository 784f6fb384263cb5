"""The application on a real socket: channels by path and method, parameters, errors as problem
details, cids, own addresses.
"""

from __future__ import annotations

import gc
import json
import logging
from decimal import Decimal
from typing import Any

import pytest
from hansa import (
    Forbidden,
    Invalid,
    Misused,
    Model,
    NotFound,
    Request,
    Response,
    ResultTooLarge,
    Service,
    Unavailable,
    Undefined,
)
from hansa_devkit.harness.waiting import wait_until
from hansa_http.channel import HttpChannel, HttpSettings
from hansa_http.proxies import Proxies


class Typed(Service):
    class Input(Model):
        id: int
        name: str = ""

    def handle(self):
        return {"id": self.request.input.id, "name": self.request.input.name}


class Echo(Service):
    def handle(self):
        return "None" if self.request.input is None else self.request.input


class Ordered(Service):
    class Input(Model):
        id: int
        tags: list[str] = []
        amount: Decimal = Decimal(0)

    def handle(self):
        return self.request.input


class Optional(Service):
    class Input(Model):
        name: str = "none given"

    def handle(self):
        return self.request.input.name


def is_problem(answer, status):
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json()
    assert found["status"] == status
    assert found["cid"] == answer.headers["X-Hansa-CID"]
    assert found["title"]
    return found


def test_what_a_service_sees(site):
    site.add(url_path="/a/{id}/b").dispatch = _shown
    found = site.ask(
        "PUT",
        "/a/%C5%BC/b?q=1&q=2&id=x",
        content=b"raw\xff",
        headers={"X-Key": "1", "Content-Type": "a/b"},
    ).json()
    assert found["method"] == "PUT"
    assert found["path"] == "/a/ż/b"
    assert found["params"] == {"id": "x", "q": ["1", "2"]}
    assert found["extra"] == {"path_params": {"id": "ż"}, "query": {"q": ["1", "2"], "id": "x"}}
    assert found["body"] == "raw\xff"
    assert found["peer"] == "127.0.0.1"
    assert found["headers"]["x-key"] == "1"
    assert found["headers"]["content-type"] == "a/b"
    assert found["headers"]["content-length"] == "4"


def test_a_request_is_freed_once_it_is_answered_without_the_collector(site):
    site.add(Typed, url_path="/typed")
    gc.collect()
    before = {id(one) for one in gc.get_objects() if isinstance(one, Request | Response)}
    gc.disable()
    try:
        for path, content in (("/typed", b'{"id": 1}'), ("/typed", b"{"), ("/nowhere", b"")):
            for _ in range(5):
                site.ask("POST", path, content=content)
        wait_until(
            lambda: (
                not [
                    one
                    for one in gc.get_objects()
                    if isinstance(one, Request | Response) and id(one) not in before
                ]
            )
        )
    finally:
        gc.enable()


def _shown(request):
    response = Response(cid=request.cid, content_type="application/json")
    response.raw = json.dumps(
        {
            "method": request.method,
            "path": request.path,
            "params": dict(request.params),
            "extra": {key: dict(value) for key, value in request.extra.items()},
            "body": request.raw.decode("latin-1"),
            "peer": request.peer,
            "headers": dict(request.headers),
            "scheme": request.environ["wsgi.url_scheme"],
        }
    ).encode()
    return response


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        ({}, {"id": "query", "other": "1"}),
        ({"url_params_pri": "path-over-query"}, {"id": "path", "other": "1"}),
        ({"merge_url_params_req": False}, {}),
    ],
)
def test_path_and_query_are_merged_as_set(site, settings, params):
    site.add(url_path="/a/{id}", **settings).dispatch = _shown
    found = site.ask("GET", "/a/path?id=query&other=1").json()
    assert found["params"] == params
    assert found["extra"] == {"path_params": {"id": "path"}, "query": {"id": "query", "other": "1"}}


def test_typed_input_comes_from_path_query_and_body(site):
    site.add(Typed, url_path="/a/{id}")
    assert site.ask("GET", "/a/7?name=x").json() == {"id": 7, "name": "x"}
    assert site.ask("POST", "/a/7", json={"name": "y"}).json() == {"id": 7, "name": "y"}
    assert is_problem(site.ask("GET", "/a/seven"), 400)["errors"].keys() == {"id"}
    assert is_problem(site.ask("POST", "/a/7", content=b"{"), 400)


def test_a_body_is_read_alike_with_parameters_and_without(site):
    site.add(Ordered, name="alone", url_path="/order")
    site.add(Ordered, name="merged", url_path="/order/{id}")
    body = b'{"id": 1, "amount": 9007199254740993.25}'
    answers = [site.ask("POST", path, content=body) for path in ("/order", "/order/1?x=1")]
    expected = b'{"id":1,"tags":[],"amount":"9007199254740993.25"}'
    assert [answer.content for answer in answers] == [expected, expected]
    assert site.ask("GET", "/order?id=5&tags=a").json()["tags"] == ["a"]
    for path in ("/order", "/order?tags=a"):
        refused = is_problem(site.ask("POST", path, content=b'{"id":"1"}'), 400)
        assert refused["errors"].keys() == {"id"}


def test_an_array_with_a_query_is_refused_with_the_name_of_the_setting(site):
    site.add(Echo, name="merging", url_path="/merging")
    site.add(Echo, name="apart", url_path="/apart", merge_url_params_req=False)
    refused = is_problem(site.ask("POST", "/merging?a=1", content=b"[1]"), 400)
    assert "merge_url_params_req" in refused["detail"]
    assert site.ask("POST", "/apart?a=1", content=b"[1]").json() == [1]
    assert site.ask("POST", "/merging", content=b"[1]").json() == [1]


@pytest.mark.parametrize("content_type", ["application/json", "text/json", "application/xml", ""])
def test_an_empty_body_is_no_input_whatever_its_content_type(site, content_type):
    site.add(Echo, name="untyped", url_path="/untyped")
    site.add(Typed, name="typed", url_path="/typed")
    site.add(Optional, name="optional", url_path="/optional")
    headers = {"Content-Type": content_type} if content_type else {}
    assert site.ask("POST", "/untyped", content=b"", headers=headers).json() == "None"
    assert site.ask("POST", "/optional", content=b"", headers=headers).json() == "none given"
    refused = is_problem(site.ask("POST", "/typed", content=b"", headers=headers), 400)
    assert refused["errors"] == {"id": "required, and missing"}


def test_an_unknown_path_is_not_found(site):
    site.add(url_path="/a")
    for path in ("/", "/b", "/a/", "/a/b", "/%00", "/a%0d%0aX: y"):
        is_problem(site.ask("GET", path), 404)
    is_problem(site.ask("GET", "/%ff"), 400)


def test_an_inactive_channel_is_not_found(site):
    channel = site.add(url_path="/a")
    channel.dispatch = _shown
    assert site.ask("GET", "/a").status_code == 200
    channel.stop()
    is_problem(site.ask("GET", "/a"), 404)


def test_methods(site, http_server):
    site.add(name="read", url_path="/a", method="get").dispatch = _shown
    site.add(name="write", url_path="/a", method=["POST", "PUT"]).dispatch = _shown
    site.add(name="any", url_path="/b").dispatch = _shown
    refused = site.ask("DELETE", "/a")
    is_problem(refused, 405)
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS, POST, PUT"
    assert site.ask("PUT", "/a").json()["method"] == "PUT"
    head = site.ask("HEAD", "/a")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 10
    options = site.ask("OPTIONS", "/a")
    assert (options.status_code, options.headers["allow"], options.content) == (
        204,
        "GET, HEAD, OPTIONS, POST, PUT",
        b"",
    )
    assert site.ask("OPTIONS", "/b").json()["method"] == "OPTIONS"
    assert site.ask("BREW", "/b").json()["method"] == "BREW"
    is_problem(site.ask("BREW", "/a"), 405)
    if http_server == "waitress":  # a name that falcon keeps for itself
        is_problem(site.ask("WEBSOCKET", "/b"), 400)
    assert site.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n")[0][0] == 204


def test_cids_are_made_passed_on_and_checked(site):
    site.add(url_path="/a").dispatch = _shown
    seen = {site.ask("GET", "/a").headers["X-Hansa-CID"] for _ in range(20)}
    assert len(seen) == 20
    assert site.ask("GET", "/a", headers={"X-Hansa-CID": "abc-1"}).headers["X-Hansa-CID"] == "abc-1"
    other = {"X-Request-ID": "abc-2"}
    assert site.ask("GET", "/a", headers=other).headers["X-Hansa-CID"] != "abc-2"
    site.frontend.handler.take_cid_from("X-Request-ID")
    assert site.ask("GET", "/a", headers=other).headers["X-Hansa-CID"] == "abc-2"
    both = {**other, "X-Hansa-CID": "abc-1"}
    assert site.ask("GET", "/a", headers=both).headers["X-Hansa-CID"] == "abc-1"
    for bad in ("a b", "x" * 65, "<b>", "a\tb"):
        assert site.ask("GET", "/a", headers={"X-Hansa-CID": bad}).headers["X-Hansa-CID"] not in (
            bad,
            "",
        )
    sent = b"GET /a HTTP/1.1\r\nHost: x\r\nX-Hansa-CID: abc\r\nConnection: close\r\n\r\n"
    assert b"x-hansa-cid: abc" in _bytes(site, sent).lower()


def _bytes(site, sent):
    with site.connect() as client:
        client.sendall(sent)
        found = b""
        while data := client.recv(65536):
            found += data
        return found


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Forbidden("no"), 403),
        (NotFound("none"), 404),
        (Unavailable("down", 7), 503),
        (ValueError("canary"), 500),
        (Undefined("no outgoing sql is named canary"), 500),
        (Misused({"canary": "is not in the statement"}), 500),
        (ResultTooLarge("more than 3 rows of canary"), 500),
    ],
)
def test_errors_of_services_keep_their_status_and_show_nothing_internal(site, error, status):
    class Fails(Service):
        def handle(self):
            raise error

    site.add(Fails)
    answer = site.ask("GET", "/test")
    is_problem(answer, status)
    assert "canary" not in answer.text
    assert answer.headers.get("retry-after") == ("7" if status == 503 else None)


def test_a_response_is_sent_as_the_service_made_it(site):
    class Made(Service):
        def handle(self):
            self.response.status = 201
            headers: dict[str, Any] = {
                "X-One": "1",
                "Location": "/x",
                "Connection": "close",
                "Set-Cookie": ["a=1", "b=2"],
                "Content-Length": "7",
            }
            self.response.headers = headers
            self.response.content_type = "text/csv; charset=utf-8"
            return b"a,b\n"

    site.add(Made)
    answer = site.ask("GET", "/test")
    assert (answer.status_code, answer.content) == (201, b"a,b\n")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["x-one"] == "1"
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert answer.headers["content-length"] == "4"


def test_browsers_are_not_to_guess_the_type_of_an_answer(site):
    class Plain(Service):
        def handle(self):
            return "<script>alert(1)</script>"

    class Own(Service):
        def handle(self):
            self.response.headers["X-Content-Type-Options"] = "none"

    site.add(Plain)
    site.add(Own, "own", url_path="/own")
    assert site.ask("GET", "/test").headers.get_list("x-content-type-options") == ["nosniff"]
    assert site.ask("GET", "/nothing").headers.get_list("x-content-type-options") == ["nosniff"]
    assert site.ask("GET", "/own").headers.get_list("x-content-type-options") == ["none"]


def test_text_without_a_format_is_plain_text(site):
    class Text(Service):
        def handle(self):
            return "zażółć"

    class Nothing(Service):
        def handle(self):
            self.response.status = 204

    site.add(Text, format="")
    answer = site.ask("GET", "/test")
    assert (answer.text, answer.headers["content-type"]) == ("zażółć", "text/plain; charset=utf-8")
    site.add(Nothing, url_path="/nothing")
    answer = site.ask("GET", "/nothing")
    assert (answer.status_code, answer.content) == (204, b"")
    assert "content-type" not in answer.headers


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: r.headers.update({"X-A": "b\r\nX-Evil: 1"}),
        lambda r: r.headers.update({"X A": "b"}),
        lambda r: r.headers.update({"X-A": "ż♥"}),
        lambda r: setattr(r, "content_type", "a/b\r\nX-Evil: 1"),
        lambda r: setattr(r, "status", 99),
        lambda r: setattr(r, "status", "200 OK"),
        lambda r: setattr(r, "raw", "text"),
    ],
)
def test_a_response_that_cannot_be_sent_is_an_unexpected_error(site, spoil, caplog):
    def dispatch(request):
        response = Response(cid=request.cid)
        spoil(response)
        return response

    site.add().dispatch = dispatch
    with caplog.at_level(logging.ERROR):
        answer = site.ask("GET", "/test")
    is_problem(answer, 500)
    assert "x-evil" not in answer.headers
    assert answer.json()["cid"] in caplog.text


def test_a_channel_that_raises_does_not_take_the_server_down(site, caplog):
    def dispatch(request):
        raise RuntimeError("canary")

    site.add().dispatch = dispatch
    answer = site.ask("GET", "/test")
    is_problem(answer, 500)
    assert "canary" not in answer.text
    assert "canary" in caplog.text


def test_own_addresses(site):
    assert site.ask("GET", "/hansa/ping").json()["pong"] == "hansa"
    assert site.ask("POST", "/hansa/ping").json()["pong"] == "hansa"
    assert site.ask("GET", "/hansa/live").json()["live"] is True
    assert site.ask("GET", "/hansa/ready").json()["ready"] is True
    assert site.ask("HEAD", "/hansa/ready").status_code == 200
    assert site.ask("OPTIONS", "/hansa/ping").status_code == 204
    site.gate.unready = lambda: "three deployments are missing"
    assert "three" in is_problem(site.ask("GET", "/hansa/ready"), 503)["detail"]
    site.gate.unready = lambda: ""
    site.gate.draining = True
    is_problem(site.ask("GET", "/hansa/ready"), 503)
    assert site.ask("GET", "/hansa/live").status_code == 200


def test_only_trusted_proxies_say_who_calls(sites):
    forged = {
        "X-Forwarded-For": "10.9.9.9, 192.0.2.7, 127.0.0.1",
        "X-Forwarded-Proto": "https",
        "Forwarded": "for=1.2.3.4",
    }
    plain = sites()
    plain.add().dispatch = _shown
    found = plain.ask("GET", "/test", headers=forged).json()
    assert (found["peer"], found["scheme"]) == ("127.0.0.1", "http")
    assert not {"x-forwarded-for", "x-forwarded-proto", "forwarded"} & found["headers"].keys()
    behind = sites(trusted_proxies=["127.0.0.0/8"])
    behind.add().dispatch = _shown
    found = behind.ask("GET", "/test", headers=forged).json()
    assert (found["peer"], found["scheme"]) == ("192.0.2.7", "https")
    assert behind.ask("GET", "/test").json()["peer"] == "127.0.0.1"


def test_a_proxy_with_a_secret_is_one_that_sends_it(sites):
    site = sites(trusted_proxies=["127.0.0.1"], proxy_secret="0123456789abcdef")
    site.add().dispatch = _shown
    forwarded = {"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"}
    for proof, peer in (
        ({}, "127.0.0.1"),
        ({"X-Hansa-Proxy": "0123456789abcdeF"}, "127.0.0.1"),
        ({"X-Hansa-Proxy": "z" * 2000}, "127.0.0.1"),
        ({"X-Hansa-Proxy": "0123456789abcdef"}, "192.0.2.7"),
    ):
        headers = {**forwarded, **proof}
        found = site.ask("GET", "/test", headers=headers).json()
        assert found["peer"] == peer
        assert "x-hansa-proxy" not in found["headers"]
        assert ("x-forwarded-for" in found["headers"]) == (peer != "127.0.0.1")


def test_a_local_proxy_without_a_secret_is_warned_of():
    assert Proxies(["127.0.0.1"]).any_local_program
    assert not Proxies(["127.0.0.1"], "0123456789abcdef").any_local_program
    assert not Proxies(["10.0.0.0/8"]).any_local_program


def test_proxies_count_networks_of_both_families():
    proxies = Proxies(["10.0.0.0/8", "fd00::/8"])
    assert (
        proxies.peer({"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "192.0.2.1"})
        == "192.0.2.1"
    )
    assert (
        proxies.peer({"REMOTE_ADDR": "fd00::1", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}) == "192.0.2.1"
    )
    assert (
        proxies.peer({"REMOTE_ADDR": "11.1.2.3", "HTTP_X_FORWARDED_FOR": "192.0.2.1"}) == "11.1.2.3"
    )
    assert (
        proxies.peer({"REMOTE_ADDR": "10.1.2.3", "HTTP_X_FORWARDED_FOR": "10.1.1.1"}) == "10.1.1.1"
    )
    assert proxies.peer({"REMOTE_ADDR": "", "HTTP_X_FORWARDED_FOR": "10.1.1.1"}) == ""


def test_a_subclass_may_tell_channels_apart_by_more_than_the_method(site):
    class ByAction(HttpChannel):
        @property
        def rank(self):
            return 2

        def accepts(self, environ):
            return (
                environ.get("HTTP_SOAPACTION", "") == self.name or environ["QUERY_STRING"] == "wsdl"
            )

        def answer(self, request):
            if request.method == "GET":
                response = Response(cid=request.cid, content_type="text/xml")
                response.raw = f"<wsdl of='{self.name}'/>".encode()
                return response
            return self.dispatch(request)

        def mismatch(self, environ, others):
            return Invalid(
                f"no action {environ.get('HTTP_SOAPACTION')} among {sorted(c.name for c in others)}"
            )

        def fail(self, error, request):
            response = Response(status=500, cid=request.cid, content_type="text/xml")
            response.raw = f"<fault>{error.detail}</fault>".encode()
            return response

    for name in ("one", "two"):
        site.add(name=name, cls=ByAction, url_path="/soap").dispatch = lambda request, name=name: (
            _named(request, name)
        )
    assert site.ask("POST", "/soap", headers={"SOAPAction": "one"}).text == "one"
    assert site.ask("POST", "/soap", headers={"SOAPAction": "two"}).text == "two"
    assert site.ask("GET", "/soap?wsdl").text == "<wsdl of='two'/>"
    wrong = site.ask("POST", "/soap", headers={"SOAPAction": "three"})
    assert (wrong.status_code, wrong.text) == (
        500,
        "<fault>no action three among ['one', 'two']</fault>",
    )


def _named(request, name):
    response = Response(cid=request.cid)
    response.raw = name.encode()
    return response


def test_settings_are_checked_all_at_once():
    with pytest.raises(Invalid) as caught:
        HttpSettings(url_path="a{", method="GET, NO WAY").check()
    assert set(caught.value.errors) == {"url_path", "method"}
    with pytest.raises(Invalid):
        HttpSettings(url_path="/hansa/ping").check()
    HttpSettings(url_path="/hansa/{other}", method=["get", "POST"]).check()


def test_claims_are_methods_on_paths():
    assert list(HttpChannel.claims(HttpSettings(url_path="/a/{x}", method="post,GET"))) == [
        "GET /a/{}",
        "POST /a/{}",
    ]
    assert list(HttpChannel.claims(HttpSettings(url_path="/a"))) == ["any method /a"]
