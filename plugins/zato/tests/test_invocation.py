"""Calls between services: answers, failures, and asynchronous calls with callbacks."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from hansa import Service as NativeService, current_cid
from hansa_zato.bunch import Bunch
from hansa_zato.dialect.channel import stable_id
from zato.common import ParsingException, TimeoutException
from zato.common.exception import NotFound, ServiceMissingException
from zato.server.service import Model, Service

from plugins.zato.tests.facade import Facade


class Rate(Service):
    """With SimpleIO."""

    name = "rates.get"

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate",)

    def handle(self) -> None:
        if self.request.input.day == "never":
            raise NotFound(self.cid, "no such day")
        self.response.payload.rate = f"{self.request.input.day}!"


class Seen(Service):
    """Tells what it was called with."""

    name = "seen"
    found: Any = None

    def handle(self) -> None:
        type(self).found = self
        self.response.payload = self.request.payload


class Slow(Service):
    """Waits until it is told to go on."""

    name = "slow"
    go_on = threading.Event()

    def handle(self) -> None:
        self.go_on.wait(10)
        self.response.payload = current_cid.get()


class Native(NativeService):
    """A service that knows nothing of Zato."""

    name = "native"

    def handle(self) -> Any:
        return {"got": self.request.payload}


class Caller(Service):
    """Does what the test says."""

    name = "caller"
    act: Any = None

    def handle(self) -> None:
        type(self).result = type(self).act(self)


@pytest.fixture
def run(server: Facade) -> Any:
    """Run a function with a service as its argument, inside a message."""
    server.add(Rate, Seen, Slow, Native, Caller)

    def call(act: Any) -> Any:
        Caller.act = staticmethod(act)
        response = server.call(Caller, "{}", cid="K1")
        if response.error is not None:
            raise response.error
        return Caller.result

    return call


def test_the_answer_is_in_its_response_element(run: Any) -> None:
    assert run(lambda self: self.invoke("rates.get", {"day": "1"})) == {"response": {"rate": "1!"}}


@pytest.mark.parametrize("name", [Rate, f"{__name__}.Rate", Rate()])
def test_services_by_class_and_implementation_name(run: Any, name: Any) -> None:
    if isinstance(name, str):
        name = Rate.get_impl_name()
    assert run(lambda self: self.invoke(name, {"day": "1"}))["response"] == {"rate": "1!"}


def test_by_impl_name_and_id(run: Any) -> None:
    assert (
        run(lambda self: self.invoke_by_impl_name(Rate.get_impl_name(), {"day": "1"}))["response"][
            "rate"
        ]
        == "1!"
    )
    assert (
        run(lambda self: self.invoke_by_id(stable_id("rates.get"), {"day": "1"}))["response"][
            "rate"
        ]
        == "1!"
    )
    for act in (lambda self: self.invoke_by_id(5), lambda self: self.invoke_by_impl_name("x.Y")):
        with pytest.raises(ServiceMissingException):
            run(act)


def test_options_of_the_answer(run: Any) -> None:
    day = {"day": "1"}
    assert run(lambda self: self.invoke("rates.get", day, skip_response_elem=True)) == {
        "rate": "1!"
    }
    assert run(lambda self: self.invoke("rates.get", day, as_bunch=True)).response.rate == "1!"
    assert json.loads(run(lambda self: self.invoke("rates.get", day, serialize=True))) == {
        "response": {"rate": "1!"}
    }
    assert run(lambda self: self.invoke("rates.get", day="1")) == {"response": {"rate": "1!"}}
    assert run(lambda self: self.invoke("native", 5, skip_response_elem=True)) == {"got": 5}


def test_payloads_as_text(run: Any) -> None:
    answer = {"response": {"rate": "1!"}}
    assert run(lambda self: self.invoke("rates.get", '{"day": "1"}', data_format="json")) == answer
    assert run(lambda self: self.invoke("rates.get", '{"day": "1"}')) == answer
    assert (
        run(
            lambda self: self.invoke(
                "rates.get", "<request><day>1</day></request>", data_format="xml"
            )
        )
        == answer
    )
    text = run(
        lambda self: self.invoke(
            "rates.get", "<request><day>1</day></request>", data_format="xml", serialize=True
        )
    )
    assert "<item><rate>1!</rate></item>" in text


def test_objects_are_handed_over_as_they_are(run: Any) -> None:
    given = {"a": object()}
    assert run(lambda self: self.invoke("seen", given)) is given
    assert run(lambda self: self.invoke("native", given)) == {"got": given}
    assert run(lambda self: self.invoke("seen")) == ""


def test_the_cid_is_the_same_and_environ_is_shared(run: Any) -> None:
    environ = Bunch(a=1)
    run(lambda self: self.invoke("seen", environ=environ))
    assert (Seen.found.cid, Seen.found.environ is environ) == ("K1", True)
    assert (Seen.found.channel, Seen.found.data_format) == ("invoke", "dict")
    run(lambda self: self.invoke("seen", channel="worker", cid="K2"))
    assert (Seen.found.cid, Seen.found.channel) == ("K2", "worker")


def test_exceptions_come_through(run: Any) -> None:
    with pytest.raises(NotFound, match="no such day"):
        run(lambda self: self.invoke("rates.get", {"day": "never"}))
    with pytest.raises(ParsingException, match="day: required"):
        run(lambda self: self.invoke("rates.get", {}))
    with pytest.raises(ParsingException, match="day: required"):
        run(lambda self: self.invoke("rates.get", "{}", data_format="json"))


def test_unknown_services(run: Any) -> None:
    with pytest.raises(KeyError):
        run(lambda self: self.invoke("rates.gett"))
    with pytest.raises(ServiceMissingException, match=r"rates\.get"):
        run(lambda self: self.invoke("rates.gett"))
    with pytest.raises(ServiceMissingException):
        run(lambda self: self.invoke_async("rates.gett"))


def test_a_model_as_payload(run: Any) -> None:
    class Day(Model):
        day: str

    assert (
        run(lambda self: self.invoke("rates.get", Day.from_dict({"day": "1"})))["response"]["rate"]
        == "1!"
    )


def test_timeout(run: Any) -> None:
    Slow.go_on.clear()
    began = time.monotonic()
    with pytest.raises(TimeoutException, match=r"slow did not answer within 0\.05 s") as caught:
        run(lambda self: self.invoke("slow", timeout=0.05))
    assert run(lambda self: self.invoke("slow", timeout=0.05, raise_timeout=False)) is None
    assert time.monotonic() - began < 5
    assert (caught.value.status, caught.value.cid) == (504, "K1")
    Slow.go_on.set()
    assert run(lambda self: self.invoke("slow", timeout=10)) == "K1"
    with pytest.raises(NotFound):
        run(lambda self: self.invoke("rates.get", {"day": "never"}, timeout=10))


# -- asynchronous ----------------------------------------------------------------------------------


def test_async_gives_a_new_cid_at_once(run: Any, server: Facade) -> None:
    Seen.found = None
    cid = run(lambda self: self.invoke_async("seen", {"a": (1, 2)}))
    assert (Seen.found, cid != "K1", len(cid)) == (None, True, 28)
    server.work()
    assert (Seen.found.cid, Seen.found.channel, Seen.found.request.payload) == (
        cid,
        "invoke-async",
        {"a": [1, 2]},
    )
    assert Seen.found.in_reply_to is None
    assert run(lambda self: self.invoke_async("seen", "", cid="K9")) == "K9"


def test_async_options(run: Any, server: Facade) -> None:
    run(
        lambda self: self.invoke_async(
            "seen", {"a": 1}, to_json_string=True, environ={"x": 1}, channel="publish"
        )
    )
    server.work()
    assert (Seen.found.request.payload, Seen.found.environ, Seen.found.channel) == (
        '{"a": 1}',
        {"x": 1},
        "publish",
    )
    run(
        lambda self: self.invoke_async(
            "rates.get", '{"day": "1"}', data_format="json", callback="seen"
        )
    )
    server.work()
    assert Seen.found.request.payload == {"response": {"rate": "1!"}}


@pytest.mark.parametrize("callback", ["seen", Seen, ["seen"], (Seen,)])
def test_callbacks(run: Any, server: Facade, callback: Any) -> None:
    cid = run(lambda self: self.invoke_async("rates.get", {"day": "1"}, callback=callback))
    assert [response.status for response in server.work()] == [200, 200]
    assert Seen.found.request.payload == {"response": {"rate": "1!"}}
    assert (Seen.found.in_reply_to, Seen.found.channel) == (cid, "invoke-async-callback")


def test_no_callback_after_a_failure(run: Any, server: Facade) -> None:
    Seen.found = None
    run(lambda self: self.invoke_async("rates.get", {"day": "never"}, callback="seen"))
    assert [response.outcome for response in server.work()] == ["reject"]
    assert Seen.found is None


def test_itself_as_callback(run: Any, server: Facade) -> None:
    answers: list[Any] = []

    def act(self: Any) -> None:
        if self.in_reply_to:
            answers.append(self.request.payload)
        else:
            self.invoke_async("rates.get", {"day": "1"}, callback=self)

    run(act)
    server.work()
    assert answers == [{"response": {"rate": "1!"}}]


def test_the_callback_that_is_named_after_the_caller(run: Any, server: Facade) -> None:
    got: list[Any] = []
    implied = type(
        "Implied",
        (Service,),
        {"name": "caller-async-callback", "handle": lambda self: got.append(self.request.payload)},
    )
    server.add(implied)
    run(lambda self: self.invoke_async("rates.get", {"day": "2"}))
    server.work()
    assert got == [{"response": {"rate": "2!"}}]
