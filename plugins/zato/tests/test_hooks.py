"""The order of hooks, and whose exceptions matter."""

from __future__ import annotations

from typing import Any

import pytest
from hansa import Unavailable
from zato.common.exception import BadRequest, Forbidden
from zato.server.service import Service

from plugins.zato.tests.facade import Facade

ALL = (
    "accept",
    "before_job",
    "before_one_time_job",
    "before_interval_based_job",
    "before_cron_style_job",
    "before_handle",
    "validate_input",
    "handle",
    "validate_output",
    "after_handle",
    "after_job",
    "after_one_time_job",
    "after_interval_based_job",
    "after_cron_style_job",
    "finalize_handle",
)


class Interval:
    """Settings of a job."""

    minutes = 5


def hooked(calls: list[str], failing: dict[str, BaseException] | None = None, **more: Any) -> Any:
    def method(name: str) -> Any:
        def run(self: Any) -> bool:
            calls.append(name)
            if name in (failing or {}):
                raise (failing or {})[name]
            return True

        return run

    return type("Hooked", (Service,), {**{name: method(name) for name in ALL}, **more})


def test_order(server: Facade) -> None:
    calls: list[str] = []
    server.call(hooked(calls), "{}")
    assert calls == [
        "accept",
        "before_handle",
        "validate_input",
        "handle",
        "validate_output",
        "after_handle",
        "finalize_handle",
    ]


def test_order_of_jobs(server: Facade) -> None:
    calls: list[str] = []
    server.call(hooked(calls), "", "", type="schedule", config=Interval)
    assert calls == [
        "accept",
        "before_job",
        "before_interval_based_job",
        "before_handle",
        "validate_input",
        "handle",
        "validate_output",
        "after_handle",
        "after_job",
        "after_interval_based_job",
        "finalize_handle",
    ]


@pytest.mark.parametrize("name", ["before_handle", "after_handle", "finalize_handle"])
def test_a_failing_hook_is_logged_and_goes_no_further(
    server: Facade, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[str] = []
    response = server.call(hooked(calls, {name: RuntimeError("oops")}), "{}")
    assert response.status == 200
    assert calls[-1] == "finalize_handle"
    assert f"the hook {name} failed" in caplog.text
    assert "oops" in caplog.text


def test_a_before_hook_may_refuse(server: Facade) -> None:
    calls: list[str] = []
    response = server.call(hooked(calls, {"before_handle": Forbidden("K1", "not you")}), "{}")
    assert (response.status, calls[-1]) == (403, "before_handle")


def test_an_after_hook_may_not(server: Facade) -> None:
    assert server.call(hooked([], {"after_handle": Forbidden("K1", "not you")}), "{}").status == 200


@pytest.mark.parametrize("name", ["validate_input", "handle", "validate_output"])
def test_validation_and_the_handler_end_it(server: Facade, name: str) -> None:
    calls: list[str] = []
    response = server.call(hooked(calls, {name: BadRequest("K1", "no")}), "{}")
    assert (response.status, calls[-1]) == (400, name)


def test_not_accepted(server: Facade) -> None:
    calls: list[str] = []
    response = server.call(hooked(calls, accept=lambda self: False), "{}")
    assert (response.status, response.raw, calls) == (400, b"", [])
    assert response.headers["X-Zato-CID"] == response.cid


def test_processing_time_is_known_at_the_end(server: Facade) -> None:
    found: list[Any] = []
    server.call(hooked([], finalize_handle=lambda self: found.append(self)), "{}")
    service = found[0]
    assert service.processing_time_raw == service.handle_return_time - service.invocation_time
    assert 0 <= service.processing_time < 60_000


def test_hooks_of_verbs(server: Facade) -> None:
    calls: list[str] = []
    server.call(hooked(calls, handle_GET=lambda self: calls.append("GET")), "", method="GET")
    assert calls[calls.index("validate_input") + 1] == "GET"


def test_before_and_after_add_to_store_run_once(server: Facade) -> None:
    calls: list[str] = []

    def before(logger: Any) -> bool:
        calls.append("before")
        return True

    cls = hooked(
        [],
        before_add_to_store=staticmethod(before),
        after_add_to_store=staticmethod(lambda logger: calls.append("after")),
    )
    for _ in range(3):
        assert server.call(cls, "{}").status == 200
    assert calls == ["before", "after"]


@pytest.mark.parametrize("answer", [lambda logger: False, lambda logger: 1 / 0])
def test_a_class_that_refuses_to_be_used(server: Facade, answer: Any) -> None:
    response = server.call(hooked([], before_add_to_store=staticmethod(answer)), "{}")
    assert response.status == 503
    assert b"before_add_to_store" in response.raw


def test_before_add_to_store_as_a_class_method(deploy: Any, server: Facade) -> None:
    source = """
from zato.server.service import Service
class A(Service):
    @classmethod
    def before_add_to_store(cls, logger):
        cls.prepared = 5
        return True
    def handle(self):
        self.response.payload = str(self.prepared)
class B(A):
    pass
"""
    found = deploy(source)
    assert [server.call(cls, "{}").raw for cls in found.values()] == [b"5", b"5"]


def test_a_handle_for_the_event_loop_is_refused(server: Facade) -> None:
    async def handle(self: Any) -> None:
        """Never called."""

    with pytest.raises(Unavailable, match=r"inherit from hansa\.Service"):
        server.call(type("Awaiting", (Service,), {"handle": handle}))
