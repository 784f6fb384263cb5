"""Routes: whatever a service, a wrap, an authenticator or a format does, a response with a status,
an outcome and a cid comes out.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hansa import (
    Binding,
    Channel,
    ChannelSettings,
    Forbidden,
    Format,
    HansaError,
    Invalid,
    NotFound,
    Refused,
    Request,
    Response,
    Service,
    TooMany,
    Unavailable,
    current_cid,
)
from hansa.runtime.inflight import InFlight
from hansa.runtime.routes import compile_route, failed
from hansa_devkit import LocalServer

BINDING = Binding("a.service", LocalServer(), None, "a channel", "test")


def service(handle: Callable[[Any], Any]) -> type[Service]:
    return type("Made", (Service,), {"handle": handle})


def raises(error: BaseException) -> type[Service]:
    def handle(self: Any) -> Any:
        raise error

    return service(handle)


def recurse(self: Any) -> Any:
    return recurse(self)


class Bare(Channel[ChannelSettings]):
    type = "bare"


class Odd(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even this")


@pytest.mark.parametrize(
    ("error", "status", "outcome"),
    [
        (ValueError("hush"), 500, "retry"),
        (SystemExit(3), 500, "retry"),
        (KeyboardInterrupt(), 500, "retry"),
        (GeneratorExit(), 500, "retry"),
        (MemoryError(), 500, "retry"),
        (Odd(), 500, "retry"),
        (ExceptionGroup("some", [ValueError("hush")]), 500, "retry"),
        (Invalid({"a": "is bad"}), 400, "reject"),
        (NotFound("gone"), 404, "reject"),
        (Unavailable("down", 9), 503, "retry"),
        (HansaError(), 500, "retry"),
    ],
)
def test_an_error_becomes_a_response(
    error: BaseException, status: int, outcome: str, plain: type[Format]
):
    for format in (None, plain()):
        route = compile_route(Binding("a", LocalServer(), format), raises(error))
        response = route(Request(cid="K1"))
        assert (response.status, response.outcome, response.cid, response.ok) == (
            status,
            outcome,
            "K1",
            False,
        )
        assert response.error is error
        assert b"K1" in response.raw
        assert b"hush" not in response.raw
        assert response.content_type
    assert response.content_type == "x/error"


def test_exiting_and_endless_recursion_end_in_a_response():
    for handle in (lambda self: sys.exit(), recurse, lambda self: self.missing):
        assert compile_route(BINDING, service(handle))(Request()).status == 500


def test_what_is_raised_comes_through_where_a_service_called():
    with pytest.raises(SystemExit):
        compile_route(BINDING, raises(SystemExit(1)), raising=True)(Request())
    assert current_cid.get() == "-"


def test_headers_of_the_error_go_out():
    response = compile_route(BINDING, raises(TooMany("slowly", 4)))(Request())
    assert (response.status, response.headers) == (429, {"Retry-After": "4"})


def test_a_request_is_told_where_it_came_in_and_the_cid_is_known_to_logs(plain: type[Format]):
    seen: list[Any] = []
    request = Request(cid="K1")
    binding = Binding("a", LocalServer(), plain(), "c", "t")
    compile_route(binding, service(lambda self: seen.append((current_cid.get(), self.cid))))(
        request
    )
    assert seen == [("K1", "K1")]
    assert (request.channel, request.format) == (binding, "plain")
    assert current_cid.get() == "-"


class TestErrorsOfRendering:
    """When the very telling of an error fails, the caller still gets one line of text."""

    def test_in_the_format(self, plain: type[Format]):
        class Broken(plain):  # type: ignore[valid-type]  # the base is a fixture
            def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
                raise ValueError("broken")

        response = compile_route(Binding("a", LocalServer(), Broken()), raises(NotFound("gone")))(
            Request(cid="K1")
        )
        assert (response.status, response.outcome, response.cid) == (404, "reject", "K1")
        assert b"gone" in response.raw
        assert response.content_type.startswith("text/plain")

    def test_in_the_service(self):
        made = raises(ValueError("first"))
        made = type("Made", (made,), {"fail": classmethod(lambda cls, *_: 1 / 0)})
        response = compile_route(BINDING, made)(Request(cid="K1"))
        assert (response.status, response.outcome) == (500, "retry")
        assert isinstance(response.error, ValueError)
        assert b"K1" in response.raw

    def test_a_service_may_shape_its_own(self):
        made = raises(NotFound("gone"))
        shaped = Response("shaped", status=299)
        made = type("Made", (made,), {"fail": classmethod(lambda cls, *_: shaped)})
        response = compile_route(BINDING, made)(Request(cid="K1"))
        assert (response.status, response.payload, response.outcome, response.cid) == (
            299,
            "shaped",
            "reject",
            "K1",
        )


@pytest.mark.parametrize("answer", [None, "text", 5])
def test_what_is_no_response_is_a_failure(answer: Any):
    route = compile_route(
        BINDING,
        service(lambda self: 1),
        wraps=[lambda channel, service, call: lambda request: answer],
    )
    response = route(Request(cid="K1"))
    assert (response.status, response.outcome, response.cid) == (500, "retry", "K1")


class TestAuthentication:
    @staticmethod
    def refuse(realm: str) -> Callable[[Request], Any]:
        def authenticate(request: Request) -> Any:
            raise Refused(f"not by {realm}", f'Basic realm="{realm}"')

        return authenticate

    def run(
        self, *authenticators: Callable[[Request], Any], fault: HansaError | None = None
    ) -> tuple[Response, Request]:
        request, calls = Request(b"not even parsed", fault=fault), []
        response = compile_route(
            BINDING, service(lambda self: calls.append(1)), authenticators=authenticators
        )(request)
        assert len(calls) == response.ok
        return response, request

    def test_none_asks_nobody(self):
        response, request = self.run()
        assert response.ok
        assert request.principal is None

    def test_one(self):
        response, request = self.run(lambda request: "jane")
        assert response.ok
        assert request.principal == "jane"
        response, request = self.run(self.refuse("a"))
        assert response.status == 401
        assert response.headers["WWW-Authenticate"] == 'Basic realm="a"'
        assert request.principal is None

    def test_any_of_several_will_do(self):
        response, request = self.run(
            self.refuse("a"), lambda request: "joe", lambda request: "jane"
        )
        assert response.ok
        assert request.principal == "joe"

    def test_the_first_refusal_is_told_if_all_refuse(self):
        response, _ = self.run(self.refuse("a"), self.refuse("b"), self.refuse("a"))
        assert response.status == 401
        assert str(response.error) == "not by a"
        assert response.headers["WWW-Authenticate"] == 'Basic realm="a", Basic realm="b"'

    def test_a_definition_that_knows_no_callers_offers_no_scheme(self):
        def unable(request: Request) -> Any:
            raise Refused("the caller cannot be authenticated")

        response, _ = self.run(unable)
        assert (response.status, response.headers["WWW-Authenticate"]) == (
            401,
            'Credentials realm="hansa"',
        )
        response, _ = self.run(unable, self.refuse("b"))
        assert response.headers["WWW-Authenticate"] == 'Basic realm="b"'

    def test_what_is_wrong_with_a_message_is_told_to_those_who_may_call(self):
        fault = Invalid("an unknown charset")
        assert self.run(self.refuse("a"), fault=fault)[0].status == 401
        assert self.run(lambda request: "jane", fault=fault)[0].error is fault

    @pytest.mark.parametrize(
        ("error", "status"), [(Forbidden(), 403), (ValueError("x"), 500), (SystemExit(), 500)]
    )
    def test_another_error_is_final(self, error: BaseException, status: int):
        def broken(request: Request) -> Any:
            raise error

        for authenticators in (
            (broken,),
            (broken, lambda request: "jane"),
            (self.refuse("a"), broken),
        ):
            response, request = self.run(*authenticators)
            assert response.status == status
            assert request.principal is None


class TestWraps:
    def test_they_stand_around_the_call_and_are_made_once(self):
        made: list[Any] = []
        order: list[str] = []

        def wrap(name: str) -> Any:
            def one(channel: Any, service: type[Service], call: Any) -> Any:
                made.append((name, channel, service))

                def around(request: Request) -> Response:
                    order.append(f"{name} in")
                    response: Response = call(request)
                    order.append(f"{name} out")
                    return response

                return around

            return one

        echo = service(lambda self: order.append("call"))
        wraps = [wrap("inner"), lambda channel, service, call: None, wrap("outer")]
        channel = Bare("c", ChannelSettings(service="s"), LocalServer())
        route = compile_route(BINDING, echo, channel=channel, wraps=wraps)
        for _ in range(2):
            assert route(Request()).ok
        assert made == [("inner", channel, echo), ("outer", channel, echo)]
        assert order == ["outer in", "inner in", "call", "inner out", "outer out"] * 2

    def test_one_that_fails_fails_the_request_only(self):
        def wrap(channel: Any, service: Any, call: Any) -> Any:
            return lambda request: 1 / 0

        assert (
            compile_route(BINDING, service(lambda self: 1), wraps=[wrap])(Request()).status == 500
        )


def test_guards_look_before_the_caller_is_authenticated():
    order: list[str] = []

    def guard(request: Request) -> None:
        order.append("guard")
        if request.path == "/shut":
            raise NotFound("nothing is here")

    def authenticate(request: Request) -> object:
        order.append("authenticate")
        return "somebody"

    made = service(lambda self: self.request.principal)
    route = compile_route(BINDING, made, guards=[guard], authenticators=[authenticate])
    assert route(Request(path="/open")).payload == "somebody"
    assert route(Request(path="/shut")).status == 404
    assert order == ["guard", "authenticate", "guard"]
    assert compile_route(BINDING, made, guards=[guard])(Request(path="/shut")).status == 404


def epochs(inflight: InFlight) -> list[int]:
    """The epochs of the requests in hand."""
    return sorted(call.epoch for call in inflight.requests.values())


class TestInFlight:
    """A request is known with its epoch for as long as it runs, so that what it uses is not
    stopped.
    """

    def test_for_its_time(self):
        inflight = InFlight()
        inflight.epoch = 7
        seen: list[Any] = []
        for made in (
            service(lambda self: seen.append(epochs(inflight))),
            raises(ValueError()),
        ):
            compile_route(BINDING, made, inflight=inflight)(Request())
            assert inflight.requests == {}
        assert seen == [[7]]
        assert inflight.oldest == 7

    def test_when_a_request_is_handed_on_as_it_is(self):
        inflight = InFlight()
        inflight.epoch = 1
        inside: list[Any] = []

        def look(self: Any) -> None:
            inside.append((epochs(inflight), inflight.oldest))

        inner = compile_route(BINDING, service(look), inflight=inflight)

        def handle(self: Any) -> Any:
            inflight.epoch = 2
            inner(self.request)
            look(self)

        response = compile_route(BINDING, service(handle), inflight=inflight)(Request())
        assert response.ok
        # the outer request still counts with its own, older epoch
        assert inside == [([1, 2], 1), ([1], 1)]
        assert inflight.requests == {}

    def test_of_many_threads(self):
        inflight = InFlight()
        gate = threading.Barrier(9)

        def handle(self: Any) -> None:
            gate.wait(10)
            gate.wait(10)

        route = compile_route(BINDING, service(handle), inflight=inflight)
        threads = [threading.Thread(target=route, args=(Request(),)) for _ in range(8)]
        for thread in threads:
            thread.start()
        gate.wait(10)
        assert len(inflight.requests) == 8
        gate.wait(10)
        for thread in threads:
            thread.join()
        assert inflight.requests == {}


def test_what_went_wrong_is_in_the_log_with_the_cid_and_what_was_asked_wrongly_is_no_error(
    caplog: pytest.LogCaptureFixture,
):
    caplog.set_level(logging.INFO)
    request = Request(cid="K1")
    failed(ValueError("hush"), request, None, None)
    failed(NotFound("gone"), request, None, None)
    failed(Unavailable("down"), request, None, None)
    assert [record.levelname for record in caplog.records] == ["ERROR", "INFO", "WARNING"]
    assert caplog.records[0].exc_info
    assert "hush" in caplog.text


def test_witnesses_learn_of_what_is_refused_and_of_nothing_else(caplog: pytest.LogCaptureFixture):
    seen: list[tuple[str, str]] = []

    def guard(request: Request) -> None:
        if request.path == "/guarded":
            raise Forbidden("not from there")

    def authenticate(request: Request) -> object:
        if request.path == "/unknown":
            raise Refused("who are you?")
        return "somebody"

    def act(self: Any) -> Any:
        if self.request.path == "/forbidden":
            raise Forbidden("by the service")
        if self.request.path == "/invalid":
            raise Invalid("no")
        return None

    def fail(request: Request, error: HansaError) -> None:
        raise ZeroDivisionError("a witness of bad habits")

    def witness(request: Request, error: HansaError) -> None:
        seen.append((request.path, error.code))

    route = compile_route(
        BINDING,
        service(act),
        guards=[guard],
        authenticators=[authenticate],
        witnesses=[fail, witness],
    )
    paths = {"/guarded": 403, "/unknown": 401, "/forbidden": 403, "/invalid": 400, "/": 200}
    assert {path: route(Request(path=path)).status for path in paths} == paths
    assert seen == [
        ("/guarded", "forbidden"),
        ("/unknown", "unauthorized"),
        ("/forbidden", "forbidden"),
    ]
    assert "of bad habits" in caplog.text
