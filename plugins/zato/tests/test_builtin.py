"""What the plugin brings along: ping, helpers, Zato's API, the visible packages, few imports."""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
from typing import Any

import pytest
from hansa import load
from hansa_http.channel import HttpSettings
from hansa_http.early import HttpSection
from hansa_http.frontend import HttpFrontend
from hansa_zato import anyjson, bunch, plugin, visible
from hansa_zato.administration.catalogue import classes
from hansa_zato.dialect.channel import stable_id
from hypothesis import given, strategies as st
from zato.server.service import Service

from plugins.zato.tests.facade import Facade

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


class Rate(Service):
    """A service to be invoked."""

    name = "rates.get"

    class SimpleIO:
        input_required = ("day",)
        output_required = ("rate",)

    def handle(self) -> None:
        if self.request.input.day == "boom":
            raise RuntimeError("internal matters")
        self.response.payload.rate = self.request.input.day


@pytest.fixture
def builtin(server: Facade) -> Any:
    server.add(Rate, *plugin.hansa_services())
    return server


def call(server: Facade, name: str, raw: bytes | str = b"", **request: Any) -> Any:
    cls = server.registry.service(name).cls
    return server.call(cls, raw, cid="K1", **request)


# -- definitions -----------------------------------------------------------------------------------


def test_names_of_services() -> None:
    names = [cls.get_name() for cls in plugin.hansa_services()]
    derived = [cls.get_name() for cls in classes()]
    assert names[-len(derived) :] == derived
    assert names[: -len(derived)] == [
        "zato.ping",
        "zato.ping2",
        "zato.helpers.echo",
        "zato.helpers.input-logger",
        "zato.cache.builtin.pubapi.single-key-service",
        "zato.cache.builtin.pubapi.multi-key-service",
        "zato.json-gateway",
        "zato.api-gateway",
        "zato.soap-gateway",
        "zato.service.invoke",
        "zato.gateway.any-service",
        "zato.lb-alive",
        "zato.wsdl",
        "zato.target.call",
        "zato.target.spread",
        "zato.pubsub.pubapi.topic-service",
        "zato.pubsub.pubapi.subscribe-service",
        "zato.pubsub.rest-handler",
    ]


def test_definitions(server: Facade) -> None:
    assert (
        plugin.hansa_definitions(server.as_server) == []
    )  # the facade of these tests has no channel http
    from hansa_http.channel import HttpChannel
    from hansa_soap.channel import SoapChannel

    server.registry.add_types("http", [HttpChannel, SoapChannel])
    found = plugin.hansa_definitions(server.as_server)
    assert [
        (kind, type, name, data["url_path"], data.get("security"))
        for kind, type, name, data in found
    ] == [
        ("channel", "http", "zato.ping", "/zato/ping", None),
        ("channel", "http", "zato.lb-alive", "/zato-lb-alive", None),
        ("channel", "http", "zato.wsdl", "/zato/wsdl", None),
        ("channel", "http", "zato.json-gateway", "/zato/json/{service}", ["admin"]),
        ("channel", "http", "zato.api-gateway", "/zato/api/invoke/{service}", ["admin"]),
        ("channel", "http", "zato.service.invoke", "/zato/admin/invoke", ["admin"]),
        ("channel", "soap", "zato.soap-gateway", "/zato/soap", ["admin"]),
    ]
    for kind, type, _, data in found:
        load(server.registry.type(kind, type).model, data)
    server.plugins.loaded = ["zato"]
    assert [name for _, _, name, _ in plugin.hansa_definitions(server.as_server)] == [
        "zato.ping",
        "zato.lb-alive",
        "zato.wsdl",
    ]  # nothing unguarded
    server.plugins.loaded = ["admin", "roles", "zato"]
    guarded = [data for *_, data in plugin.hansa_definitions(server.as_server)[3:]]
    assert {data["security"] for data in guarded} == {"admin-accounts"}


def test_what_calls_any_service_is_administrative() -> None:
    administrative = [cls.get_name() for cls in plugin.hansa_services() if cls.is_administrative()]
    derived = [cls.get_name() for cls in classes()]
    gateways = ["zato.json-gateway", "zato.api-gateway", "zato.soap-gateway", "zato.service.invoke"]
    assert administrative == [
        *gateways,
        "zato.gateway.any-service",
        "zato.target.call",
        "zato.target.spread",
        *derived,
    ]


# -- correlation ids -------------------------------------------------------------------------------


def ping_over_http(frontend: HttpFrontend, **headers: str) -> str:
    """The correlation id of the answer to a request with these headers."""
    environ = {"PATH_INFO": "/hansa/ping", "REQUEST_METHOD": "GET", **headers}
    response, _ = frontend.handler(environ)
    return response.cid


def test_correlation_ids_of_callers(server: Facade) -> None:
    frontend = HttpFrontend(HttpSection())
    server.resources.append(frontend)
    assert ping_over_http(frontend, HTTP_X_ZATO_CID="K1") != "K1"
    plugin.hansa_serve(server.as_server)
    assert ping_over_http(frontend, HTTP_X_ZATO_CID="K1") == "K1"
    assert ping_over_http(frontend, HTTP_X_ZATO_CID="K1", HTTP_X_HANSA_CID="K2") == "K2"
    assert ping_over_http(frontend, HTTP_X_ZATO_CID="no id") != "no id"


def test_no_correlation_ids_without_http(server: Facade) -> None:
    assert plugin.hansa_serve(server.as_server) is None  # the plugin is installed, but not loaded
    assert server.resources == []


# -- services --------------------------------------------------------------------------------------


@pytest.mark.parametrize("raw", ["", "{}"])
def test_ping(builtin: Any, raw: str) -> None:
    response = call(builtin, "zato.ping", raw, method="GET")
    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(response.raw) == {
        "zato_env": {"details": "", "result": "ZATO_OK", "cid": "K1"},
        "zato_ping_response": {"pong": "zato"},
    }
    assert response.headers["X-Zato-CID"] == "K1"


def test_ping_from_a_service(builtin: Any) -> None:
    assert builtin.invoke("zato.ping") == {"zato_ping_response": {"pong": "zato"}}
    assert builtin.invoke("zato.ping2") == {"zato_ping2_response": {"pong": "zato"}}


def test_a_ping_of_ones_own(server: Facade, deploy: Any) -> None:
    source = "from zato.server.service.internal import Ping\nclass Mine(Ping):\n    pass\n"
    (mine,) = deploy(source).values()
    assert mine.get_name() == "my-service.mine"
    assert json.loads(server.call(mine, "").raw)["zato_ping_response"] == {"pong": "zato"}


def test_echo_and_input_logger(builtin: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert call(builtin, "zato.helpers.echo", '{"a":1}').raw == b'{"a":1}'
    assert builtin.invoke("zato.helpers.echo", {"a": 1}) == {"a": 1}
    with caplog.at_level("INFO"):
        assert call(builtin, "zato.helpers.input-logger", '{"a": "seen"}').raw == b""
    assert "seen" in caplog.text


def gateway(server: Facade, name: str, body: str) -> Any:
    config = load(HttpSettings, {"url_path": "/zato/json/{service}"})
    return call(
        server,
        "zato.json-gateway",
        body,
        extra={"path_params": {"service": name}},
        params={"service": name},
        config=config,
    )


def test_services_by_name_in_json(builtin: Any) -> None:
    response = gateway(builtin, "rates.get", '{"day": "1"}')
    assert json.loads(response.raw) == {
        "zato_env": {"result": "ZATO_OK", "cid": "K1", "details": ""},
        "response": {"rate": "1"},
    }
    assert json.loads(gateway(builtin, "zato.ping", "").raw)["zato_ping_response"] == {
        "pong": "zato"
    }
    assert json.loads(gateway(builtin, "zato.helpers.input-logger", "{}").raw) == {
        "zato_env": {"result": "ZATO_OK", "cid": "K1", "details": ""}
    }
    assert json.loads(gateway(builtin, "zato.helpers.echo", "[1]").raw)["response"] == [1]


@pytest.mark.parametrize(
    ("name", "body", "status", "details"),
    [
        ("rates.gone", "{}", 404, "no service is named"),
        ("zato.pingg", "{}", 404, "hansa-zato does not have this one of Zato's"),
        ("rates.get", "{}", 400, "day: required, and missing"),
        ("rates.get", "{", 400, ""),
        ("rates.get", '{"day": "boom"}', 500, "An error has occurred"),
    ],
)
def test_errors_in_json(builtin: Any, name: str, body: str, status: int, details: str) -> None:
    response = gateway(builtin, name, body)
    env = json.loads(response.raw)["zato_env"]
    assert (response.status, env["result"], env["cid"]) == (status, "ZATO_ERROR", "K1")
    assert details in env["details"]
    assert b"internal matters" not in response.raw


def invoke(server: Facade, **asked: Any) -> Any:
    if "payload" in asked:
        asked["payload"] = base64.b64encode(asked["payload"].encode()).decode()
    return call(server, "zato.service.invoke", json.dumps(asked))


def answered(response: Any) -> str:
    found = json.loads(response.raw)
    assert found["zato_env"]["result"] == "ZATO_OK"
    return base64.b64decode(found["zato_service_invoke_response"]["response"]).decode()


def test_admin_invoke(builtin: Any) -> None:
    day = '{"day": "1"}'
    assert json.loads(
        answered(invoke(builtin, name="rates.get", payload=day, data_format="json"))
    ) == {"response": {"rate": "1"}}
    assert json.loads(
        answered(invoke(builtin, id=stable_id("rates.get"), payload=day, data_format="json"))
    )["response"] == {"rate": "1"}
    xml = answered(
        invoke(
            builtin, name="rates.get", payload="<request><day>1</day></request>", data_format="xml"
        )
    )
    assert "<item><rate>1</rate></item>" in xml
    assert (
        answered(invoke(builtin, name="zato.helpers.echo", payload="text", data_format="dict"))
        == "text"
    )
    assert answered(invoke(builtin, name="zato.helpers.input-logger")) == ""


def test_admin_invoke_later(builtin: Any) -> None:
    cid = answered(
        invoke(
            builtin, name="rates.get", payload='{"day": "1"}', data_format="json", **{"async": True}
        )
    )
    assert cid == "K1"
    (response,) = builtin.work()
    assert response.payload == {"response": {"rate": "1"}}


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"name": "rates.get", "id": 5}, 400),
        ({"name": "nope"}, 404),
        ({"id": 5}, 404),
        ({"name": "rates.get", "data_format": "json", "payload": ""}, 400),
        ({"name": "rates.get", "data_format": "nonsense", "payload": ""}, 404),
    ],
)
def test_admin_invoke_refuses(builtin: Any, asked: dict[str, Any], status: int) -> None:
    assert invoke(builtin, **asked).status == status


def test_admin_invoke_wants_base64(builtin: Any) -> None:
    assert (
        call(builtin, "zato.service.invoke", '{"name": "rates.get", "payload": "*"}').status == 400
    )
    assert call(builtin, "zato.service.invoke", "[1]").status == 400


# -- imports ---------------------------------------------------------------------------------------

PATHS = {
    "zato.common": "ZatoException HTTPException Inactive TimeoutException KVDB CHANNEL DATA_FORMAT "
    "SIMPLE_IO ZATO_OK TRACE1 zato_namespace",
    "zato.common.api": "CHANNEL DATA_FORMAT ZATO_NONE",
    "zato.common.exception": "BadRequest Conflict Forbidden NotFound Reportable Unauthorized "
    "InternalServerError ServiceUnavailable",
    "zato.common.json_": "loads dumps",
    "zato.common.marshal_.api": "Model",
    "zato.common.nav": "DictNav ListNav",
    "zato.common.typing_": "any_ anylist list_ optional strnone",
    "zato.common.util": "new_cid uncamelify",
    "zato.common.util.api": "new_cid",
    "zato.server.connection.http_soap": "BadRequest ClientHTTPError TooManyRequests",
    "zato.server.service": "Service AsIs Bool Boolean CSV Dict Float ForceType Int Integer List "
    "ListOfDicts Nested Opaque Unicode UTC Date DateTime Decimal DictList Text UUID Secret Model "
    "dataclass ChannelInfo CHANNEL DATA_FORMAT RESTAdapter",
    "zato.server.service.adapter": "JSONAdapter RESTAdapter ADAPTER_PARAMS",
    "zato.server.service.internal": "AdminService AdminSIO Ping",
    "zato.server.service.internal.helpers": "Service Echo InputLogger HTMLService",
    "zato.server.service.reqresp": "Request Response ForceType ValidationException",
    "zato.server.service.reqresp.sio": "AsIs ForceType ValidationException",
    "bunch": "Bunch bunchify unbunchify",
    "anyjson": "loads dumps serialize deserialize",
}


@pytest.mark.parametrize("path", PATHS)
def test_import_paths(path: str) -> None:
    module = importlib.import_module(path)
    for name in PATHS[path].split():
        assert hasattr(module, name), name
    assert module is importlib.import_module(
        visible.ALIASES[path.partition(".")[0]] + path[len(path.partition(".")[0]) :]
    )


def test_a_trial_import_stays_light() -> None:
    code = (
        "import sys, importlib, hansa_zato.early as early\n"
        "[importlib.import_module(module) for module in early.hansa_modules()]\n"
        "import zato.server.service, bunch, anyjson\n"
        "heavy = 'lxml falcon httpx2 requests redis arrow dateutil sqlalchemy'.split()\n"
        "print(*(name for name in heavy if name in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == []


def test_uncamelify() -> None:
    from zato.common.util import asbool, uncamelify, utcnow

    assert (
        uncamelify("GetWSDLDoc"),
        uncamelify("GetRate", "_"),
        asbool("yes"),
        utcnow().tzinfo,
    ) == (
        "get-wsdl-doc",
        "get_rate",
        True,
        None,
    )


# -- shims -----------------------------------------------------------------------------------------


@given(VALUES)
def test_bunchify_and_back(value: Any) -> None:
    made = bunch.bunchify(value)
    assert made == value
    assert bunch.unbunchify(made) == value
    if isinstance(value, dict):
        assert type(made) is bunch.Bunch
        assert made.toDict() == value
        assert type(made.toDict()) is dict
        assert all(
            made[key] == getattr(made, key)
            for key in value
            if key.isidentifier() and not hasattr(dict, key) and key not in dir(bunch.Bunch)
        )


def test_bunch() -> None:
    made = bunch.Bunch(a=1)
    made.b = {"c": 2}
    assert (made["b"], made.a, repr(bunch.Bunch(x=1)), "b" in dir(made)) == (
        {"c": 2},
        1,
        "Bunch(x=1)",
        True,
    )
    del made.a
    with pytest.raises(AttributeError):
        _ = made.a
    with pytest.raises(AttributeError):
        del made.a
    assert type(made.copy()) is bunch.Bunch
    assert bunch.Bunch.fromDict({"a": {"b": 1}}).a.b == 1
    assert json.loads(made.toJSON()) == {"b": {"c": 2}}


@given(VALUES)
def test_anyjson(value: Any) -> None:
    assert anyjson.loads(anyjson.dumps(value)) == value
    assert anyjson.deserialize(anyjson.serialize(value).encode()) == value
    anyjson.force_implementation("cjson")
