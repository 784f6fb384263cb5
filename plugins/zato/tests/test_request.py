"""`self.request`: payload, raw text, input, HTTP data, for each kind of channel."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import Model
from hansa_zato.bunch import Bunch
from zato.server.service import Service

from plugins.zato.tests.facade import Facade


def seen(server: Facade, *args: Any, attributes: Any = None, **kwargs: Any) -> Any:
    """The request as a service saw it."""
    found: list[Any] = []
    cls = type(
        "Some",
        (Service,),
        {"handle": lambda self: found.append(self.request), **(attributes or {})},
    )
    response = server.call(cls, *args, **kwargs)
    assert response.status == 200, response.raw
    return found[0]


def test_json(server: Facade) -> None:
    request = seen(server, '{"a": [1, {"b": 2}]}')
    assert request.payload == {"a": [1, {"b": 2}]}
    assert request.raw_request == request.text == '{"a": [1, {"b": 2}]}'
    assert (request.data_format, request.transport) == ("json", "plain_http")
    bunch = request.bunchified()
    assert bunch.a[1].b == request.to_bunch().a[1].b == 2
    assert seen(server, "[1]").payload == [1]


def test_nothing(server: Facade) -> None:
    for format in ("json", "xml", ""):
        request = seen(server, "", format)
        assert (request.payload, request.raw_request, request.input) == ("", "", {})


def test_xml_is_objectified(server: Facade) -> None:
    request = seen(server, '<r xmlns="urn:x"><a>7</a><b><c>x</c></b></r>', "xml")
    assert request.payload.a == 7
    assert request.payload.b.c == "x"
    assert request.payload is request.payload
    assert request.data_format == "xml"
    assert request.raw_request.startswith("<r ")
    copy = request.deepcopy()
    copy.payload.a = 8
    assert request.payload.a == 7


def test_soap_gives_the_first_child_of_the_body(server: Facade) -> None:
    body = (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        '<z:r xmlns:z="urn:z"><z:a>7</z:a></z:r></e:Body></e:Envelope>'
    )
    request = seen(server, body, "soap", type="soap")
    assert request.payload.tag == "{urn:z}r"
    assert request.payload.a == 7
    assert (request.data_format, request.transport) == ("xml", "soap")


@pytest.mark.parametrize(
    ("raw", "expected"), [(b"text", "text"), (b"\xff\x00", b"\xff\x00"), (b"", "")]
)
def test_without_a_format_text_or_bytes(server: Facade, raw: bytes, expected: Any) -> None:
    request = seen(server, raw, "")
    assert (request.payload, request.raw_request, request.data_format) == (expected, expected, "")


def test_without_a_format_declared_input_is_json(server: Facade) -> None:
    sio = {"SimpleIO": type("S", (), {"input_optional": ("a",)})}
    assert seen(server, '{"a": "1"}', "", type="schedule", attributes=sio).input == {"a": "1"}
    assert seen(server, " ", "", type="schedule", attributes=sio).input == {"a": ""}


def test_without_declared_input_parameters_are_the_input(server: Facade) -> None:
    request = seen(server, '{"a": 1}', params={"b": "2"})
    assert request.input == {"b": "2"}
    assert request.channel_params == {"b": "2"}
    assert request.input.b == "2"


def test_params_pri(server: Facade) -> None:
    sio = {"SimpleIO": type("S", (), {"input_optional": ("a",)})}
    config = type("Config", (), {"params_pri": "msg-over-channel-params"})
    assert seen(server, '{"a": "1"}', params={"a": "2"}, attributes=sio).input.a == "2"
    assert (
        seen(server, '{"a": "1"}', params={"a": "2"}, attributes=sio, config=config).input.a == "1"
    )
    assert seen(server, "{}", params={"a": "2"}, attributes=sio, config=config).input.a == "2"


def test_http(server: Facade) -> None:
    request = seen(
        server,
        "a=1&b=2&b=3&c=",
        "",
        method="POST",
        path="/x/y",
        headers={
            "content-type": "application/x-www-form-urlencoded; charset=utf-8",
            "user-agent": "curl",
        },
        extra={"query": {"q": "1"}, "path_params": {"v": "2"}},
        params={"q": "1", "v": "2"},
    )
    http = request.http
    assert (http.method, http.path, http.user_agent) == ("POST", "/x/y", "curl")
    assert (http.GET.q, http.params.v) == ("1", "2")
    assert http.POST == http.get_form_data() == {"a": "1", "b": ["2", "3"], "c": ""}
    assert isinstance(http.GET, Bunch)
    assert request.headers["user-agent"] == "curl"
    assert seen(server, "a=1", "").http.POST == {}


@pytest.mark.parametrize("format", ["json", "xml", ""])
def test_forms_that_the_channel_has_read(server: Facade, format: str) -> None:
    form = {"number": "7", "scans": [object(), object()]}
    request = seen(
        server,
        "",
        format,
        params={"number": "8", "scans": form["scans"]},
        extra={"form": form, "query": {"number": "8"}},
        attributes={"input": ("number", "-scans")},
    )
    assert request.http.POST == request.payload == form
    assert request.http.GET == {"number": "8"}
    assert (request.input.number, request.input.scans) == ("8", form["scans"])


def test_called_with_objects(server: Facade) -> None:
    class Order(Model):
        number: int

    given = {"a": object()}
    assert seen_by_call(server, given).payload is given
    assert seen_by_call(server, given).raw_request is given
    assert seen_by_call(server, Order(number=5), input_required="number").input.number == 5
    assert seen_by_call(server, '{"number": "5"}', input_required="number").input.number == "5"
    assert seen_by_call(server, "", input_optional="number").input.number == ""


def seen_by_call(server: Facade, payload: Any, **sio: Any) -> Any:
    found: list[Any] = []
    attributes = {"SimpleIO": type("S", (), sio)} if sio else {}
    server.add(
        type(
            "Called", (Service,), {"handle": lambda self: found.append(self.request), **attributes}
        )
    )
    server.invoke(
        next(d.name for d in server.registry.services() if d.cls.__name__ == "Called"), payload
    )
    assert found[0].data_format == "dict"
    return found[0]
