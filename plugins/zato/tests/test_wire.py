"""Shapes of responses and errors per format, as they go over the wire."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Any

import pytest
from hansa import Forbidden as NativeForbidden, Misused, Unavailable, Undefined, load
from hansa_zato.section import ZatoSection
from lxml import etree
from zato.common import ZATO_ERROR, HTTPException, ZatoException
from zato.common.exception import (
    BadRequest,
    Conflict,
    Forbidden,
    InternalServerError,
    MethodNotAllowed,
    NotFound,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from zato.server.service import Service
from zato.server.service.internal import AdminService, AdminSIO

from plugins.zato.tests.facade import Facade

SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def service(action: Any, base: Any = Service, **attributes: Any) -> Any:
    """A service whose handle does one thing."""
    sio = {"SimpleIO": type("SimpleIO", (), attributes)} if attributes else {}
    return type("Some", (base,), {"handle": lambda self: action(self), **sio})


def envelope(content: str) -> str:
    namespace = "http://schemas.xmlsoap.org/soap/envelope/"
    return f'<e:Envelope xmlns:e="{namespace}"><e:Body>{content}</e:Body></e:Envelope>'


def single(self: Any) -> None:
    self.response.payload.rate = "1.22"


def several(self: Any) -> None:
    self.response.payload.append({"provider": "x", "value": "1"})
    self.response.payload.append({"provider": "y", "value": "2"})


# -- 3.4: responses --------------------------------------------------------------------------------


def test_json_single(server: Facade) -> None:
    response = server.call(service(single, output_optional="rate"), "{}")
    assert (response.status, response.raw) == (200, b'{"response":{"rate":"1.22"}}')
    assert response.content_type.startswith("application/json")


def test_json_list_in_an_element_of_its_own(server: Facade) -> None:
    cls = service(several, output_required=("provider", "value"), response_elem="market_cap")
    assert json.loads(server.call(cls, "{}").raw) == {
        "market_cap": [{"provider": "x", "value": "1"}, {"provider": "y", "value": "2"}]
    }


def test_nothing_declared_nothing_answered(server: Facade) -> None:
    for format in ("json", "xml", ""):
        response = server.call(service(lambda self: None), "", format)
        assert (response.status, response.raw) == (200, b"")


def test_xml_single_and_list(server: Facade) -> None:
    env = b"<zato_env><cid>K1</cid><result>ZATO_OK</result></zato_env>"
    root = etree.fromstring(
        server.call(service(single, output_optional="rate"), "<request/>", "xml", cid="K1").raw
    )
    assert (
        etree.tostring(root) == b"<response>" + env + b"<item><rate>1.22</rate></item></response>"
    )
    cls = service(several, output_required=("provider", "value"), response_elem="market_cap")
    root = etree.fromstring(server.call(cls, "<request/>", "xml", cid="K1").raw)
    items = (
        b"<item><provider>x</provider><value>1</value></item>"
        b"<item><provider>y</provider><value>2</value></item>"
    )
    assert (
        etree.tostring(root)
        == b"<market_cap>" + env + b"<item_list>" + items + b"</item_list></market_cap>"
    )


def test_xml_values(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload = {
            "is_it": True,
            "user_id": 7,
            "none": None,
            "text": "<&>",
            "utf": "żółw".encode(),
        }

    cls = service(answer, output_required=("is_it", "user_id", "none", "text", "utf"))
    item = etree.fromstring(server.call(cls, "<request/>", "xml").raw).find("item")
    assert item is not None
    assert {child.tag: child.text for child in item} == {
        "is_it": "true",
        "user_id": "7",
        "none": None,
        "text": "<&>",
        "utf": "żółw",
    }


def test_xml_namespace(server: Facade) -> None:
    cls = service(single, output_optional="rate", namespace="urn:rates")
    root = etree.fromstring(server.call(cls, "<request/>", "xml").raw)
    assert [e.tag for e in root.iter()][:2] == ["{urn:rates}response", "{urn:rates}zato_env"]


def test_types_in_xml(server: Facade) -> None:
    from zato.server.service import Dict, List, ListOfDicts

    def answer(self: Any) -> None:
        self.response.payload = {
            "tags": ["x", "y"],
            "pairs": {"k": "v"},
            "rows": [{"k": 1}],
            "free": {"a": [1, {"b": 2}]},
        }

    cls = service(
        answer, output_required=(List("tags"), Dict("pairs"), ListOfDicts("rows"), "free")
    )
    item = etree.fromstring(server.call(cls, "<request/>", "xml").raw).find("item")
    assert item is not None
    assert b"".join(etree.tostring(child) for child in item) == (
        b"<tags><item>x</item><item>y</item></tags>"
        b"<pairs><item><key>k</key><value>v</value></item></pairs>"
        b"<rows><item_dict><item><key>k</key><value>1</value></item></item_dict></rows>"
        b"<free><a><item>1</item><item><b>2</b></item></a></free>"
    )


def test_soap(server: Facade) -> None:
    response = server.call(
        service(single, output_optional="rate"), envelope("<request/>"), "soap", type="soap"
    )
    root = etree.fromstring(response.raw)
    assert (root.tag, root[0].tag, root[0][0].tag) == (SOAP + "Envelope", SOAP + "Body", "response")
    assert root.xpath("//item/rate/text()") == ["1.22"]


def test_text_of_the_service_itself_in_soap(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload = "<own>1</own>"

    root = etree.fromstring(
        server.call(service(answer), envelope("<request/>"), "soap", type="soap").raw
    )
    assert root.xpath("//*[local-name() = 'Body']/own/text()") == ["1"]


def test_admin_envelope(server: Facade) -> None:
    cls = service(single, AdminService, output_optional="rate", response_elem="x_response")
    answer = json.loads(server.call(cls, "{}", cid="K1").raw)
    assert answer == {
        "zato_env": {"result": "ZATO_OK", "cid": "K1", "details": ""},
        "x_response": {"rate": "1.22"},
    }


def test_admin_envelope_without_output(server: Facade) -> None:
    cls = service(lambda self: None, AdminService)
    assert json.loads(server.call(cls, "{}", cid="K1").raw) == {
        "zato_env": {"result": "ZATO_OK", "cid": "K1", "details": ""}
    }
    root = etree.fromstring(server.call(cls, "<request/>", "xml", cid="K1").raw)
    assert (
        etree.tostring(root)
        == b"<response><zato_env><cid>K1</cid><result>ZATO_OK</result></zato_env></response>"
    )
    assert AdminSIO.namespace == "https://zato.io/ns/20130518"


def test_shorthand_is_not_wrapped(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload.total = self.request.input.user_id

    cls = type(
        "Some", (Service,), {"input": "user_id", "output": ("total", "-note"), "handle": answer}
    )
    assert json.loads(server.call(cls, '{"user_id": "5"}').raw) == {"total": 5}


@pytest.mark.parametrize(
    ("payload", "raw"),
    [
        ("as it is", b"as it is"),
        (b"\x00\xff", b"\x00\xff"),
        ({"a": [1, {"b": None}]}, b'{"a":[1,{"b":null}]}'),
        ([1, 2], b"[1,2]"),
        (5, b"5"),
        (False, b"false"),
        (0, b"0"),
        ("", b""),
        (None, b""),
    ],
)
def test_payload_without_declaration_in_json(server: Facade, payload: Any, raw: bytes) -> None:
    def answer(self: Any) -> None:
        self.response.payload = payload

    assert server.call(service(answer), "{}").raw == raw


def test_declared_output_without_a_format_is_json(server: Facade) -> None:
    response = server.call(service(single, output_optional="rate"), "", "")
    assert (response.raw, response.content_type) == (
        b'{"response":{"rate":"1.22"}}',
        "application/json",
    )


def test_an_element_as_payload(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.payload = etree.fromstring("<a>1</a>")

    for format in ("xml", ""):
        assert etree.fromstring(server.call(service(answer), "", format).raw).text == "1"


def test_status_headers_and_content_type(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.status_code = 201
        self.response.headers["Location"] = "/x"
        self.response.content_type = "text/plain"
        self.response.content_encoding = "identity"
        self.response.payload = "x"

    response = server.call(service(answer), "{}")
    assert (response.status, response.content_type) == (201, "text/plain")
    assert response.headers == {
        "Location": "/x",
        "Content-Encoding": "identity",
        "X-Zato-CID": response.cid,
    }

    def by_header(self: Any) -> None:
        self.response.content_type = "text/plain"
        self.response.headers["Content-Type"] = "text/csv"

    cls = service(by_header)
    assert server.call(cls, "{}").content_type == "text/csv"


def test_result_and_details(server: Facade) -> None:
    def answer(self: Any) -> None:
        self.response.result, self.response.result_details = "ZATO_WARNING", "look"

    env = json.loads(server.call(service(answer, AdminService), "{}", cid="K1").raw)["zato_env"]
    assert env == {"result": "ZATO_WARNING", "cid": "K1", "details": "look"}


# -- 3.5: errors -----------------------------------------------------------------------------------

ERRORS = [
    (BadRequest("K1", "no such day"), 400, "no such day"),
    (Unauthorized("K1", "who are you", 'Basic realm="x"'), 401, "who are you"),
    (Forbidden("K1", "not you"), 403, "not you"),
    (NotFound("K1", "not here"), 404, "not here"),
    (MethodNotAllowed("K1", "not so"), 405, "not so"),
    (Conflict("K1", "taken"), 409, "taken"),
    (TooManyRequests("K1"), 429, "Too many requests"),
    (InternalServerError("K1", "my own words"), 500, "my own words"),
    (ServiceUnavailable("K1"), 503, "Service unavailable"),
    (HTTPException("K1", "a teapot", 418), 418, "a teapot"),
    (NativeForbidden("native"), 403, "native"),
    (ZatoException("K1", "internal matters"), 500, "An error has occurred"),
    (RuntimeError("internal matters"), 500, "An error has occurred"),
    (Undefined("internal matters"), 500, "An error has occurred"),
    (Misused({"internal": "matters"}), 500, "An error has occurred"),
    (SystemExit(3), 500, "An error has occurred"),
]


def raising(error: BaseException) -> Any:
    def fail(self: Any) -> None:
        raise error

    return service(fail)


@pytest.mark.parametrize(("error", "status", "details"), ERRORS)
def test_errors_in_json(server: Facade, error: BaseException, status: int, details: str) -> None:
    response = server.call(raising(error), "{}", cid="K1")
    assert response.status == status
    assert json.loads(response.raw) == {
        "zato_env": {"result": ZATO_ERROR, "cid": "K1", "details": details}
    }
    assert response.headers["X-Zato-CID"] == "K1"
    assert response.outcome == ("reject" if 400 <= status < 500 and status != 429 else "retry")


@pytest.mark.parametrize(("error", "status", "details"), ERRORS)
@pytest.mark.parametrize("format", ["xml", ""])
def test_errors_in_xml_and_without_a_format_are_bare_text(
    server: Facade, format: str, error: BaseException, status: int, details: str
) -> None:
    response = server.call(raising(error), "", format, cid="K1")
    assert (response.status, response.raw.decode()) == (status, details)
    assert response.headers["X-Zato-CID"] == "K1"


@pytest.mark.parametrize(("error", "status", "details"), ERRORS)
def test_errors_in_soap_are_faults(
    server: Facade, error: BaseException, status: int, details: str
) -> None:
    response = server.call(raising(error), envelope("<request/>"), "soap", type="soap", cid="K1")
    root = etree.fromstring(response.raw)
    assert root.xpath("local-name(//*[local-name() = 'Body']/*)") == "Fault"
    code = root.findtext(f".//{SOAP}Fault/faultcode") or ""
    assert code.rpartition(":")[2] == ("Client" if status < 500 else "Server")
    assert b"internal matters" not in response.raw
    assert b"K1" in response.raw
    assert response.headers["X-Zato-CID"] == "K1"


def test_the_challenge_goes_out(server: Facade) -> None:
    assert (
        server.call(raising(Unauthorized("K1", "x", "zato-tech-acc")), "{}").headers[
            "WWW-Authenticate"
        ]
        == "zato-tech-acc"
    )
    assert server.call(raising(Unavailable("down", 7)), "{}").headers["Retry-After"] == "7"


def test_errors_of_3_x(server: Facade) -> None:
    cls = type("Some", (Service,), {"input": "a", "handle": lambda self: None})
    response = server.call(cls, "{}", cid="K1")
    assert response.status == 400
    assert json.loads(response.raw) == {
        "result": "Error",
        "cid": "K1",
        "details": "a: required, and missing",
    }


@pytest.mark.parametrize(
    ("raw", "format"),
    [
        ("{", "json"),
        ("[1]", "json"),
        ('{"a": NaN}', "json"),
        ('{"b": "\\ud800"}', "json"),
        ("<a>", "xml"),
        ("<!DOCTYPE a []><a/>", "xml"),
        ("x", ""),
    ],
)
def test_bad_input_is_a_400(server: Facade, raw: str, format: str) -> None:
    response = server.call(service(lambda self: None, input_required="a"), raw, format)
    assert (response.status, response.outcome) == (400, "reject")
    assert b"Traceback" not in response.raw


def test_output_that_does_not_fit_is_a_500_and_tells_nothing(server: Facade) -> None:
    response = server.call(service(lambda self: None, output_required="a"), "{}")
    assert response.status == 500
    assert json.loads(response.raw)["zato_env"]["details"] == "An error has occurred"


@pytest.mark.parametrize("format", ["json", ""])
def test_an_answer_with_a_number_that_json_does_not_have_is_a_500(
    server: Facade, format: str
) -> None:
    def measured(self: Any) -> None:
        self.response.payload = {"rates": [1.0, float("nan")]}

    response = server.call(service(measured), "{}", format)
    assert response.status == 500
    assert isinstance(response.error, TypeError)
    assert "rates[1]: nan is no number of JSON" in str(response.error)


def test_what_json_does_not_know_is_text_without_a_format(server: Facade) -> None:
    def measured(self: Any) -> None:
        self.response.payload = {"path": PurePosixPath("/a")}

    assert server.call(service(measured), "", "").raw == b'{"path":"/a"}'


def test_details_that_are_no_utf_8(server: Facade) -> None:
    response = server.call(raising(BadRequest("K1", "bad \ud800")), "{}")
    assert json.loads(response.raw)["zato_env"]["details"] == "bad ?"


@pytest.mark.parametrize(
    ("profile", "key"), [("auto", "zato_env"), ("2.0", "zato_env"), ("3.x", "result")]
)
def test_the_profile_of_the_configuration(server: Facade, profile: str, key: str) -> None:
    server._section = load(ZatoSection, {"profile": profile})
    assert key in json.loads(server.call(service(single, input_required="a"), "{}").raw)
    undeclared = server.call(raising(BadRequest("K1", "no")), "{}")
    assert key in json.loads(undeclared.raw)
