"""Services are tested without a server: input, answers, connections, other services, errors."""

from __future__ import annotations

import gc
import json
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import pytest
from hansa import (
    Conflict,
    Edit,
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
from hansa_devkit.memory import MemoryOutgoing


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


FAKES: dict[str, Any] = {
    "outgoing": {"http": {"rates": Rates()}},
    "services": {"audit": lambda payload: payload},
}


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
    done: list[Any] = []
    server = LocalServer(outgoing=FAKES["outgoing"], services={"audit": done.append})
    run_service(Convert, {"amount": 2}, server=server, cid="K3")
    assert done == []
    assert [(call.name, call.cid) for call in server.pending] == [("audit", "K3")]
    server.run_pending()
    assert done == [{"amount": 2}]
    assert server.pending == []
    assert server.invoke_async_many("audit", [1, 2], cid="K4") == "K4"
    server.run_pending()
    assert done[1:] == [1, 2]
    with pytest.raises(NotFound):
        server.invoke_async("nobody")
    with pytest.raises(NotFound):
        server.invoke_async_many("nobody", [1])


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
    redis: Any = object()
    section = Asked(amount=2)
    server = LocalServer(redis=redis, security={"partner": "p"}, sections={"http": section})
    assert server.redis is redis
    assert server.objects.security("partner") == "p"
    assert server.objects.get("security", "", "partner") == "p"
    assert server.section(Asked) is section
    for missing in (
        lambda: server.objects.security("x"),
        lambda: server.objects.get("role", "r", "x"),
        lambda: server.definitions.get("channel", "http", "x"),
        lambda: server.registry.type("channel", "http"),
        lambda: server.plugins.reload("http"),
    ):
        with pytest.raises(NotFound):
            missing()
    with pytest.raises(Unavailable, match="redis="):
        _ = LocalServer().redis


def test_a_section_that_was_not_handed_in_has_its_defaults():
    class Section(Model):
        """A section."""

        size: Annotated[int, setting("Size")] = 3

    assert LocalServer().section(Section) == Section(size=3)


def test_definitions_are_validated_and_kept_in_memory():
    server = LocalServer(types=[MemoryOutgoing])
    definitions = server.definitions
    key = ("outgoing", "memory", "orders")
    applied = definitions.define(*key, {"queue": "q"}, mode="create")
    assert applied.revision == definitions.get(*key).revision == 1
    assert definitions.define(*key, {"timeout": 2.0}, mode="edit").revision == 2
    assert definitions.get(*key).data == {"queue": "q", "timeout": 2.0}
    assert [record.name for record in definitions.all("outgoing")] == ["orders"]
    assert definitions.exists("outgoing", "", "orders")
    with pytest.raises(Conflict):
        definitions.define(*key, {"queue": "q"}, mode="create")
    with pytest.raises(Conflict):
        definitions.delete(*key, seen_revision=1)
    with pytest.raises(Invalid):
        definitions.define(*key, {"queue": 7})
    faults = definitions.validate([Edit(key, {"queue": 7}), Edit(("outgoing", "memory", "x"))])
    assert sorted(faults) == ["outgoing.memory.orders.queue", "outgoing.memory.x"]
    with pytest.raises(Invalid):
        definitions.change([Edit(key), Edit(("outgoing", "memory", "x"))])
    assert definitions.change([Edit(key)]).revision == 3
    assert definitions.all() == []


def test_objects_are_made_and_report_losses_and_troubles():
    server = LocalServer(types=[MemoryOutgoing])
    made = server.objects.make("outgoing", "memory", "orders", {"queue": "q"})
    assert made.config.queue == "q"
    made.trouble("slow")
    assert server.objects.troubles == {made: "slow"}
    made.trouble("")
    error = OSError("gone")
    made.lost(error)
    assert (server.objects.troubles, server.losses) == ({}, {made: error})


def test_leases_and_records(tmp_path):
    server = LocalServer(directory=tmp_path)
    bus = server.bus
    assert bus.acquire("a", "one", 5) == bus.acquire("a", "one", 5) == 1
    assert bus.acquire("a", "two", 5) is None
    assert server.cluster.leases(["a", "b"])["a"].holder == "one"
    bus.release("a", "one")
    assert bus.acquire("a", "two", 5) == 2
    records = server.records("marks")
    records.write("x/y", b"1")
    assert records.count("x/y", 60) == 1
    again = LocalServer(directory=tmp_path).records("marks")
    assert again.read("x/y") == b"1"
    assert again.count("x/y", 60) == 2
    again.delete("x/y")
    assert records.read("x/y") is None
    assert records.count("x/y", 60) == 1


def test_packages_are_kept_in_memory():
    packages = LocalServer().packages
    assert packages.deploy({"a.py": "1", "b/__init__.py": ""}).packages[1].file == "b/"
    packages.deploy({"a.py": "2"})
    assert [one.version for one in packages.versions("a.py")] == [1, 2]
    current = packages.get("a.py")
    assert current is not None
    assert current.source == "2"
    packages.deploy({}, remove=["b/"])
    assert packages.serving() == {"a.py": 2}


def test_a_resource_is_handed_in_or_started_by_its_plugin():
    from hansa_pickup.watcher import Watcher

    server = LocalServer(resources=[Asked(amount=2)])
    assert server.resource(Asked).amount == 2
    watcher = server.resource(Watcher)
    assert server.resource(Watcher) is watcher
    server.close()
    assert server.resource(Watcher) is not watcher
    server.close()
    with pytest.raises(NotFound, match="Converted"):
        server.resource(Converted)


def test_its_folder_goes_with_it(tmp_path):
    assert LocalServer(directory=tmp_path).dir == tmp_path
    server = LocalServer()
    folder = server.dir
    assert folder.is_dir()
    assert server._temporary is not None
    server._temporary.cleanup()
    del server
    gc.collect()
    assert not folder.exists()


def test_threads_that_ask_for_its_folder_at_once_get_the_same(monkeypatch):
    made = []
    second = threading.Event()
    real = tempfile.TemporaryDirectory

    def slow(**options):
        made.append(real(**options))
        if len(made) == 2:
            second.set()
        second.wait(0.3)
        return made[-1]

    monkeypatch.setattr(tempfile, "TemporaryDirectory", slow)
    server = LocalServer()
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(lambda: server.dir) for _ in range(2)]
        found = {each.result(30) for each in asked}
    assert len(found) == len(made) == 1
