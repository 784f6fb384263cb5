"""Services are tested without a server: input, answers, connections, other services, errors."""

from __future__ import annotations

import gc
import json
from typing import Annotated, Any

import pytest
from hansa import (
    Format,
    Invalid,
    Model,
    NotFound,
    Request,
    Service,
    Unavailable,
    current_cid,
    setting,
)
from hansa_devkit import LocalServer, run_service


class Text(Format):
    """JSON by the standard library."""

    type, content_types = "text", ("application/json",)

    def parse(self, raw: bytes, model: Any = None) -> Any:
        from hansa import load

        data = json.loads(raw)
        return load(model, data, unknown=False) if model else data

    def render(self, value: Any, model: Any = None) -> bytes:
        from hansa import dump

        return json.dumps(dump(value, str)).encode()


class Asked(Model):
    """What to convert."""

    amount: Annotated[int, setting("Amount", ge=1)]
    currency: Annotated[str, setting("Currency")] = "EUR"


class Converted(Model):
    """What came of it."""

    amount: Annotated[float, setting("Amount")]


class Convert(Service):
    Input, Output = Asked, Converted

    def handle(self):
        rate = self.outgoing.http["rates"].get(self.request.input.currency)
        self.invoke_async("audit", {"amount": self.request.input.amount})
        return Converted(amount=self.request.input.amount * rate)


class Rates:
    """A fake connection."""

    def get(self, currency):
        if currency == "XXX":
            raise Unavailable("no rates")
        return 1.5


class Echo(Service):
    def handle(self):
        return {
            "input": self.request.input,
            "headers": dict(self.request.headers),
            "principal": self.request.principal,
            "attempt": self.request.attempt,
            "method": self.request.method,
            "format": self.request.format,
            "cid": self.cid,
            "current": current_cid.get(),
        }


class Caller(Service):
    def handle(self):
        return self.invoke(self.request.input["service"], self.request.input.get("payload"))


FAKES = {"outgoing": {"http": {"rates": Rates()}}, "services": {"audit": lambda payload: payload}}


def test_a_service_runs_with_the_connections_handed_in():
    assert run_service(Convert, {"amount": 2}, **FAKES).payload == Converted(amount=3.0)


def test_a_model_may_be_handed_in():
    assert run_service(Convert, Asked(amount=2), **FAKES).payload.amount == 3.0


def test_input_that_does_not_fit_is_refused_with_all_faults():
    with pytest.raises(Invalid) as caught:
        run_service(Convert, {"amount": 0, "currency": 1}, **FAKES)
    assert set(caught.value.errors) == {"amount", "currency"}


def test_errors_of_the_service_come_through():
    with pytest.raises(Unavailable, match="no rates"):
        run_service(Convert, {"amount": 2, "currency": "XXX"}, **FAKES)


def test_a_connection_that_was_not_handed_in_is_told_by_name():
    with pytest.raises(NotFound, match="no outgoing http is named 'rates'"):
        run_service(Convert, {"amount": 2})


def test_raw_messages_go_through_the_format():
    response = run_service(Convert, raw=b'{"amount": 4}', format=Text, **FAKES)
    assert (response.raw, response.content_type) == (b'{"amount": 6.0}', "application/json")


def test_everything_of_a_request_can_be_given():
    answer = run_service(
        Echo,
        {"a": 1},
        headers={"x-a": "b"},
        principal="ada",
        attempt=3,
        method="PUT",
        cid="K1",
        params={"p": "q"},
    ).payload
    assert answer == {
        "input": {"a": 1, "p": "q"},
        "headers": {"x-a": "b"},
        "principal": "ada",
        "attempt": 3,
        "method": "PUT",
        "format": "",
        "cid": "K1",
        "current": "K1",
    }
    assert current_cid.get() == "-"


@pytest.mark.parametrize(
    ("other", "answer"),
    [(Echo, 7), (lambda payload: {"input": payload}, 7), ({"input": 7}, 7)],
    ids=["service", "function", "answer"],
)
def test_other_services_are_classes_functions_or_answers(other, answer):
    server = LocalServer(services={"other": other})
    assert (
        run_service(Caller, {"service": "other", "payload": 7}, server=server, cid="K2").payload[
            "input"
        ]
        == answer
    )
    assert [(call.name, call.payload, call.cid) for call in server.invoked] == [("other", 7, "K2")]


def test_an_unknown_service_is_told():
    with pytest.raises(NotFound, match="no service is named 'other'"):
        run_service(Caller, {"service": "other"})


def test_asynchronous_calls_wait_until_they_are_run():
    done = []
    server = LocalServer(outgoing=FAKES["outgoing"], services={"audit": done.append})
    run_service(Convert, {"amount": 2}, server=server, cid="K3")
    assert done == []
    assert [(call.name, call.cid) for call in server.pending] == [("audit", "K3")]
    server.run_pending()
    assert done == [{"amount": 2}]
    assert server.pending == []
    with pytest.raises(NotFound):
        server.invoke_async("nobody")


def test_handle_never_raises():
    server = LocalServer(
        services={"convert": Convert}, formats={"text": Text}, outgoing=FAKES["outgoing"]
    )
    bad = server.handle("convert", Request(b'{"amount": 0}'), format="text")
    assert (bad.status, bad.outcome, bad.payload["errors"]) == (
        400,
        "reject",
        {"amount": "Expected `int` >= 1"},
    )
    assert server.handle("nobody", Request()).status == 404
    assert server.handle("convert", Request(b"{"), format="text").status == 500


def test_other_things_of_the_server_are_what_was_handed_in():
    redis = object()
    server = LocalServer(redis=redis, security={"partner": "p"}, sections={"http": "h"})
    assert server.redis is redis
    assert server.object("security", None, "partner") == "p"
    assert server.section("http") == "h"
    for missing in (
        lambda: server.section("x"),
        lambda: server.object("security", None, "x"),
        lambda: server.object("role", "r", "x"),
    ):
        with pytest.raises(NotFound):
            missing()


def test_its_folder_goes_with_it(tmp_path):
    assert LocalServer(directory=tmp_path).dir == tmp_path
    server = LocalServer()
    folder = server.dir
    assert folder.is_dir()
    server._temporary.cleanup()
    del server
    gc.collect()
    assert not folder.exists()
