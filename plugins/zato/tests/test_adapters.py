"""Declared services that hand what they get to an outgoing HTTP connection, over a real one."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from zato.common.marshal_.api import Model
from zato.server.service import RESTAdapter, dataclass
from zato.server.service.adapter import ADAPTER_PARAMS, JSONAdapter

from plugins.zato.tests.facade import Facade


@pytest.fixture
def call(server: Facade, backend: Any) -> Any:
    """Call an adapter of some attributes, and return its response and what the back end was asked."""
    server.connect("CRM", address=backend.url, url_path="/customers/{id}")
    backend.answer = lambda request: (200, {"Content-Type": "application/json"}, b'{"a": [1]}')

    def run(base: Any, message: Any, **attributes: Any) -> Any:
        response = server.call(type("Some", (base,), attributes), json.dumps(message))
        return response, backend.requests[-1] if backend.requests else None

    return run


def query(seen: Any) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(seen.path).query))


def test_a_request_goes_into_the_query_string_and_the_answer_comes_back(call: Any) -> None:
    response, seen = call(JSONAdapter, {"id": 7, "q": "é"}, outconn="CRM", params={"key": "k"})
    assert (response.status, json.loads(response.raw)) == (200, {"a": [1]})
    assert (seen.method, urlsplit(seen.path).path, seen.body) == ("GET", "/customers/7", b"")
    assert query(seen) == {"q": "é", "key": "k"}


def test_a_body_and_what_is_forced_into_the_query_string(call: Any) -> None:
    own = {"outconn": "CRM", "method": "post", "force_in_qs": ["id", "x"]}
    _, seen = call(JSONAdapter, {"id": 7, "x": 1, "y": 2}, **own)
    assert (seen.method, json.loads(seen.body), query(seen)) == ("POST", {"y": 2}, {"x": "1"})
    _, seen = call(JSONAdapter, {"id": 7, "y": 2}, **own, params_to_qs=True)
    assert (seen.body, query(seen)) == (b"", {"y": "2"})


@pytest.mark.parametrize(
    ("when", "wins"),
    [(ADAPTER_PARAMS.APPLY_AFTER_REQUEST, "own"), (ADAPTER_PARAMS.APPLY_BEFORE_REQUEST, "asked")],
)
def test_which_parameters_win(call: Any, when: str, wins: str) -> None:
    own = {"outconn": "CRM", "params": {"q": "own"}, "apply_params": when}
    _, seen = call(JSONAdapter, {"id": 7, "q": "asked"}, **own)
    assert query(seen) == {"q": wins}


def test_an_echo_asks_nobody(call: Any) -> None:
    response, seen = call(JSONAdapter, {"echo": True, "b": 1}, outconn="CRM")
    assert json.loads(response.raw) == {"echo": True, "b": 1} and seen is None


def test_errors_of_the_other_side(call: Any, backend: Any) -> None:
    backend.answer = lambda request: (404, {}, b"secret of the back end")
    for base, name in ((JSONAdapter, "outconn"), (RESTAdapter, "conn_name")):
        path = {"get_path_params": lambda self, params: {"id": 7}}
        response, _ = call(base, {"id": 7}, **{name: "CRM"}, **path)
        assert response.status == 502 and b"answered with 404" in response.raw
        assert b"secret" not in response.raw
    response, _ = call(
        JSONAdapter, {"id": 7}, outconn="CRM", raise_error_on=["5"], load_response=False
    )
    assert (response.status, response.raw) == (200, b"secret of the back end")


@pytest.mark.parametrize("base", [JSONAdapter, RESTAdapter])
def test_without_a_connection(call: Any, base: Any) -> None:
    response, seen = call(base, {})
    assert response.status == 500 and seen is None


def test_what_is_no_object(call: Any) -> None:
    response, seen = call(JSONAdapter, [1], outconn="CRM")
    assert response.status == 400 and b"an object is needed" in response.raw and seen is None


@dataclass(init=False)
class Found(Model):
    """What the back end answers with."""

    a: list[int]


def test_a_rest_adapter_says_what_it_sends(call: Any) -> None:
    def mapped(self: Any, data: Any, **kwargs: Any) -> Any:
        return {"first": data.a[0], "params": kwargs["params"]}

    response, seen = call(
        RESTAdapter,
        {"sent": 1},
        conn_name="CRM",
        method="POST",
        model=Found,
        get_path_params=lambda self, params: {"id": 7},
        get_query_string=lambda self, params: {"q": "é"},
        get_headers=lambda self: {"X-Mine": "1"},
        get_auth_bearer=lambda self: "token",
        map_response=mapped,
    )
    assert json.loads(response.raw) == {"first": 1, "params": {"id": 7, "q": "é"}}
    assert (seen.method, urlsplit(seen.path).path, query(seen)) == (
        "POST",
        "/customers/7",
        {"q": "é"},
    )
    assert json.loads(seen.body) == {"sent": 1}
    assert (seen.headers["X-Mine"], seen.headers["Authorization"]) == ("1", "Bearer token")


def test_a_rest_adapter_without_more(call: Any, backend: Any) -> None:
    backend.answer = lambda request: (200, {"Content-Type": "application/json"}, b'[{"a": [2]}]')
    response, seen = call(
        RESTAdapter,
        "",
        conn_name="CRM",
        model=Found,
        get_path_params=lambda self, params: {"id": 7},
        map_response=lambda self, data, **kwargs: {"sum": sum(sum(each.a) for each in data)},
    )
    assert json.loads(response.raw) == {"sum": 2}
    assert (seen.method, seen.body) == ("GET", b"")
