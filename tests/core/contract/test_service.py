"""Services: their names, what reaches them and what leaves them, with a format and without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hansa import (
    Binding,
    Invalid,
    Model,
    NotFound,
    Request,
    Response,
    Secret,
    Service,
    automatic_name,
)
from hansa.contract.kinds import Format
from hansa_devkit import LocalServer, run_service


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("my_service", "GetRate", "my-service.get-rate"),
        ("my_service", "getrate", "my-service.getrate"),
        ("a", "GetHTTPRate", "a.get-http-rate"),
        ("a", "HTTPRate", "a.http-rate"),
        ("a", "Get_Rate", "a.get_rate"),
        ("a", "GetRate2", "a.get-rate2"),
        ("a", "X", "a.x"),
        ("a", "_Hidden", "a._hidden"),
    ],
)
def test_automatic_names(module: str, name: str, expected: str):
    assert automatic_name(module, name) == expected


def test_names_of_classes():
    class GetRate(Service):
        pass

    class Named(Service):
        name = "my.name"

    GetRate.__module__ = "my_service@3"
    assert GetRate.get_name() == "my-service.get-rate"
    GetRate.__module__ = "hansa_stats.services"
    assert GetRate.get_name() == "services.get-rate"
    assert Named.get_name() == "my.name"
    assert Service.abstract
    assert not GetRate.abstract


class Pair(Model):
    number: int
    text: str = ""


def answer_of(
    cls: type[Service], request: Request, format: Format | None = None, server: Any = None
) -> Response:
    return cls.compile(Binding("name", server, format))(request)


class Echo(Service):
    def handle(self) -> Any:
        return self.request.input


class Typed(Service):
    Input = Pair
    Output = Pair

    def handle(self) -> Any:
        return self.request.input


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(b"raw"), b"raw"),
        (Request(payload={"a": 1}), {"a": 1}),
        (Request(payload=0), 0),
        (Request(payload=[], params={}), []),
        (Request(), None),
        (Request(params={"a": "1"}), {"a": "1"}),
        (Request(payload={"b": 2}, params={"a": "1"}), {"a": "1", "b": 2}),
        (Request(b"raw", params={"a": "1"}), b"raw"),
    ],
)
def test_what_an_untyped_service_gets_without_a_format(request_: Request, expected: Any):
    answer_of(Echo, request_)
    assert request_.input == expected


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (Request(b'{"a": 1}'), {"a": 1}),
        (Request(b'{"a": 1}', params={"b": "2"}), {"a": 1, "b": "2"}),
        (Request(b"[1]"), [1]),
        (Request(payload=[1]), [1]),
        (Request(params={"b": "2"}), {"b": "2"}),
    ],
)
def test_what_an_untyped_service_gets_with_a_format(
    request_: Request, expected: Any, plain: type[Format]
):
    answer_of(Echo, request_, plain())
    assert request_.input == expected


@pytest.mark.parametrize(
    "request_",
    [
        Request(b'{"number": 5, "other": 1}'),
        Request(b'{"text": ""}', params={"number": "5"}),
        Request(params={"number": "5"}),
        Request(payload={"number": 5}),
        Request(payload=Pair(number=5)),
    ],
)
def test_a_declared_input_is_its_model(request_: Request, plain: type[Format]):
    response = answer_of(Typed, request_, plain())
    assert request_.input == response.payload == Pair(number=5)
    assert response.raw == b'{"number": 5, "text": ""}'
    assert response.content_type == "application/x-plain"


@pytest.mark.parametrize(
    "request_",
    [
        Request(b"{"),
        Request(b'{"number": "5"}'),
        Request(b"{}"),
        Request(b"[]", params={"number": "5"}),
        Request(payload={"number": "5"}),
        Request(payload=7),
        Request(),
        Request(params={"number": "x"}),
    ],
)
def test_input_that_does_not_fit_is_refused(request_: Request, plain: type[Format]):
    with pytest.raises(Invalid):
        answer_of(Typed, request_, plain())


def test_bytes_need_a_format_to_become_a_model():
    with pytest.raises(Invalid, match="format"):
        answer_of(Typed, Request(b"{}"))


def test_a_model_of_another_version_of_the_same_file_is_taken_over():
    class Other(Model):
        number: int
        password: Secret = Secret("p")

    class Wants(Echo):
        Input = type("Pair", (Model,), {"__annotations__": {"number": int, "password": Secret}})

    request = Request(payload=Other(number=3))
    answer_of(Wants, request)
    assert (request.input.number, request.input.password) == (3, "p")


def test_input_and_output_of_other_types():
    class Numbers(Echo):
        Input = list[int]
        Output = list[int]

    request = Request(payload=(1, 2))
    assert answer_of(Numbers, request).payload == [1, 2]
    with pytest.raises(Invalid):
        answer_of(Numbers, Request(payload=["x"]))

    class Structured(Echo):
        Input = msgspec.defstruct("Structure", [("a", int)])

    request = Request(payload={"a": 1})
    answer_of(Structured, request)
    assert request.input.a == 1


@pytest.mark.parametrize("wrong", [{"number": "5"}, {}, 7, "text"])
def test_an_answer_that_breaks_its_declaration_is_the_services_fault(
    wrong: Any, plain: type[Format]
):
    class Wrong(Typed):
        def handle(self) -> Any:
            return wrong

    with pytest.raises(TypeError, match="declared output"):
        answer_of(Wrong, Request(payload={"number": 1}), plain())


def test_an_answer_that_cannot_be_written_is_the_services_fault(plain: type[Format]):
    class Unwritable(Service):
        def handle(self) -> Any:
            return {(1, 2): 3}

    with pytest.raises(TypeError, match="written"):
        answer_of(Unwritable, Request(), plain())


@pytest.mark.parametrize(
    ("payload", "raw"),
    [("é", "é".encode()), (b"\0", b"\0"), ({"a": 1}, b""), (None, b""), ("", b"")],
)
def test_answers_without_a_format(payload: Any, raw: bytes):
    class Gives(Service):
        def handle(self) -> Any:
            self.response.payload = payload

    response = answer_of(Gives, Request())
    assert (response.payload, response.raw, response.status) == (payload, raw, 200)


def test_bytes_are_written_as_they_are_and_a_content_type_given_stays(plain: type[Format]):
    class Gives(Service):
        def handle(self) -> Any:
            self.response.content_type, self.response.status = "image/png", 201
            return b"png"

    response = answer_of(Gives, Request(), plain())
    assert (response.raw, response.content_type, response.status) == (b"png", "image/png", 201)


def test_each_message_has_its_own_instance_and_calls_keep_its_cid():
    calls: list[Any] = []

    class Server:
        outgoing = object()

        def invoke(self, name: str, payload: Any, **options: Any) -> str:
            calls.append(("invoke", name, payload, options))
            return "answer"

        invoke_async = invoke_async_many = invoke

    class Calls(Service):
        def handle(self) -> Any:
            calls.append(self)
            assert self.outgoing is Server.outgoing
            self.invoke_async_many("third", [2, 3])
            return self.invoke("other", 1), self.invoke_async("another")

    assert answer_of(Calls, Request(cid="K1"), server=Server()).payload == ("answer", "answer")
    answer_of(Calls, Request(cid="K2"), server=Server())
    assert calls[1] == ("invoke", "third", [2, 3], {"cid": "K1"})
    assert calls[2] == ("invoke", "other", 1, {"cid": "K1"})
    assert calls[3] == ("invoke", "another", None, {"cid": "K1"})
    assert calls[0] is not calls[4]


def test_a_service_without_handle_and_errors_come_through():
    class Empty(Service):
        pass

    class Fails(Service):
        def handle(self) -> Any:
            raise NotFound("nothing")

    with pytest.raises(NotImplementedError, match="Empty"):
        answer_of(Empty, Request())
    with pytest.raises(NotFound):
        answer_of(Fails, Request())


class Shout(Service):
    shout: Callable[[str], str]
    shuot: object

    def handle(self) -> object:
        return [self.shout("a"), hasattr(self, "_shout"), self.shuot]


def test_what_plugins_give_services_is_an_attribute():
    server = LocalServer(attributes={"shout": str.upper, "_shout": str.upper})
    with pytest.raises(AttributeError, match="'Shout' object has no attribute 'shuot'"):
        run_service(Shout, server=server)
    server = LocalServer(attributes={"shout": str.upper, "_shout": str.upper, "shuot": 1})
    assert run_service(Shout, server=server).payload == ["A", False, 1]
    with pytest.raises(AttributeError):
        _ = Shout().shout  # it is in no server yet


class Odd(Service):
    @property
    def shout(self) -> object:
        return self.response.nothing  # type: ignore[attr-defined]  # it is what is tried

    def handle(self) -> object:
        return self.shout


def test_an_attribute_error_inside_a_property_is_that_of_the_property():
    server = LocalServer(attributes={"shout": str.upper})
    with pytest.raises(AttributeError, match="'Response' object has no attribute 'nothing'"):
        run_service(Odd, server=server)
