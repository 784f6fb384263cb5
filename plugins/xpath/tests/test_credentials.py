"""Credentials in messages: what is found, what is refused, and what a message costs."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hansa import Invalid, Misused, Refused, Request, load
from hansa_devkit import LocalServer
from hansa_security.throttle import Throttle
from hansa_xml.document import take_document
from hansa_xml.parser import parse
from hansa_xpath.location import Location, fault_of_path
from hansa_xpath.security import XPathSecurity
from hansa_xpath.settings import XPathSettings

from plugins.xpath.tests.messages import AUTH, PATHS, order

WRONG = "the user name or the password is wrong"
MISSING = "credentials inside of an XML message are required"


def make(**settings: Any) -> XPathSecurity:
    given = {"username": "alice", "password": "correct horse", **PATHS, **settings}
    config = XPathSecurity.prepare(load(XPathSettings, given))
    return XPathSecurity("partner", config, LocalServer(resources=[Throttle()]))


def call(security: XPathSecurity, raw: bytes, peer: str = "192.0.2.1") -> object:
    return security.authenticate(Request(raw, peer=peer))


def refused(security: XPathSecurity, raw: bytes, detail: str) -> Refused:
    with pytest.raises(Refused) as caught:
        call(security, raw, "192.0.2.2")
    assert caught.value.detail == detail
    assert caught.value.headers["WWW-Authenticate"] == 'XPath realm="hansa"'
    return caught.value


@pytest.mark.parametrize(
    "path",
    [
        "//user",
        "/order/a:login/@user",
        "/order/*/a:*/@a:user",
        "//a:login[2]/a:password/text()",
        "//*[local-name()='Password']",
        '//*[local-name()="login" and namespace-uri() = "http://example.com//a"]/@user',
        "/order/login[@kind='a:b//c']/użytkownik",
        "/order//login",
    ],
)
def test_location_paths_are_accepted(path: str) -> None:
    assert fault_of_path(path, {"a": AUTH}) == ""
    Location(path, {"a": AUTH})


@pytest.mark.parametrize(
    "path",
    [
        "",
        "user",
        "/",
        "//",
        "//@user",
        "/order/",
        "/order/..",
        "/order | /login",
        "string(//user)",
        "//user[contains(., 'a')]",
        "//user[. = 'alice']",
        "//user[password = 'secret']",
        "//user[0]",
        "//user[position() < 3]",
        "//user[//login]",
        "//a:login/following::user",
        "/descendant::user",
        "id('user')",
        "document('http://example.com')",
        "//*//*",
        "/order//login//user",
        "//b:login",
        "//user[@b:kind='x']",
        "//user[@kind='x' or @kind='y']",
        "//user\n",
        f"/{'a' * 1024}",
    ],
)
def test_everything_else_of_xpath_is_refused(path: str) -> None:
    assert fault_of_path(path, {"a": AUTH})
    with pytest.raises(Invalid) as caught:
        make(username_expr=path)
    assert set(caught.value.errors) == {"username_expr"}


def test_all_faults_of_settings_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        make(
            username="a\nb",
            password="",
            username_expr="a",
            password_expr="b",
            namespaces={"a": "", "": "urn:a", "b c": "urn:a"},
        )
    assert set(caught.value.errors) == {
        "username",
        "password",
        "username_expr",
        "password_expr",
        "namespaces.a",
        "namespaces",
        "namespaces.b c",
    }
    with pytest.raises(Invalid, match="characters"):
        make(password="short")
    assert make().config.password.startswith("$argon2id$")
    with pytest.raises(Misused, match="does not sign"):
        make().sign({})


def test_where_the_paths_lead_the_text_is_compared_as_it_is() -> None:
    security = make(password="a<b> &amp;c")
    principal = call(security, order(password="a<b> &amp;c"))
    assert (principal, getattr(principal, "definition", "")) == ("alice", "partner")
    pieces = order(password="PLACE").replace(b"PLACE", b"<![CDATA[a<b> ]]>&amp;amp;<!-- x -->c")
    assert call(security, pieces) == "alice"
    refused(security, order(password=" a<b> &amp;c"), WRONG)
    by_text = make(password_expr="//*[local-name()='password']/text()")
    assert call(by_text, order()) == "alice"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{}",
        b"<order/>",
        order(user=""),
        order(password=""),
        order(password="x" * 1025),
        order(user="a" * 1025),
        order().replace(AUTH.encode(), b"urn:other"),
        order()[:-1],
        order(more="<x:login><x:password>correct horse</x:password></x:login>"),
        order(more='<x:login user="alice"/>'),
        order().replace(b"correct horse", b"correct <b>horse</b>"),
        b"<!DOCTYPE order>" + order(),
        b'<!DOCTYPE order [<!ENTITY e "correct horse">]>' + order(password="PLACE"),
        order() + order(),
        b"<order>" + b"<a>" * 200 + b"</a>" * 200 + b"</order>",
    ],
)
def test_messages_without_credentials_in_one_place(raw: bytes) -> None:
    security = make()
    refused(security, raw, MISSING)
    assert call(security, order()) == "alice"


@pytest.mark.parametrize("user", ["bob", "Alice", "alice "])
def test_a_wrong_user_is_told_what_a_wrong_password_is_told(user: str) -> None:
    security = make()
    refused(security, order(user), WRONG)
    refused(security, order(password="guess"), WRONG)


def test_who_guesses_is_held_up_and_who_is_known_is_not() -> None:
    security = make(password="Zk3v plain")
    assert call(security, order(password="Zk3v plain"), "192.0.2.9") == "alice"
    for number in range(10):
        with pytest.raises(Refused, match="is wrong"):
            call(security, order(password=f"guess {number}"))
    with pytest.raises(Refused, match="too many") as caught:
        call(security, order(password="guess"))
    assert int(caught.value.headers["Retry-After"]) > 0
    assert call(security, order(password="Zk3v plain")) == "alice"


def test_the_format_gets_the_tree_of_an_accepted_message() -> None:
    security = make()
    raw = order()
    request = Request(raw, peer="192.0.2.1")
    request.format = "xml"
    security.authenticate(request)
    shared = take_document(raw)
    assert shared.findtext("sku") == "007"
    assert take_document(raw) is not shared
    # what is not taken is dropped by the next document
    security.authenticate(request)
    assert take_document(b"<a/>").tag == "a"
    request.format = "json"
    security.authenticate(request)
    assert take_document(raw) is not shared


def test_a_message_of_many_candidates_costs_no_more_than_parsing_it() -> None:
    raw = b'<order xmlns:x="' + AUTH.encode() + b'">' + b"<x:login user='a'/>" * 100_000
    raw += b"</order>"
    began = time.thread_time()
    root = parse(raw)
    parsing = time.thread_time() - began
    location = Location("//a:login/@user", {"a": AUTH})
    began = time.thread_time()
    with pytest.raises(Invalid, match="exactly once"):
        location.text_in(root)
    assert time.thread_time() - began < 5 * parsing + 0.1
