"""The clients against a running server with services of the Zato dialect, and against a silent one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hansa_devkit.harness.api_server import RunningServer, servers
from hansa_devkit.harness.waiting import wait_until
from lxml import etree
from zato.client import (
    AnyServiceInvoker,
    JSONClient,
    JSONSIOClient,
    RawDataClient,
    SOAPClient,
    SOAPSIOClient,
    XMLClient,
    ZatoClient,
)

SERVICES = """
from zato.server.service import Service

CALLS = []

class GetRate(Service):
    class SimpleIO:
        input_required = "day"
        output_optional = "rate", "cid_of_call"

    def handle(self):
        CALLS.append(self.request.input.day)
        self.response.payload.rate = "1.22 " + self.request.input.day
        self.response.payload.cid_of_call = self.cid

class GetList(Service):
    class SimpleIO:
        input_optional = "count"
        output_optional = "name",
        output_repeated = True

    def handle(self):
        for number in range(int(self.request.input.get("count") or 2)):
            self.response.payload.append({"name": "n%s" % number})

class Own(Service):
    class SimpleIO:
        output_optional = "a"
        response_elem = "zato_own_response"

    def handle(self):
        self.response.payload.a = 1

class Calls(Service):
    def handle(self):
        self.response.payload = {"calls": CALLS}

class Echo(Service):
    def handle(self):
        self.response.payload = self.request.raw_request

class Fails(Service):
    def handle(self):
        raise ValueError("not shown")
"""
CHANNELS = """
[channel.http.json]
url_path = "/json/{service_name}"
service = "clients.get-rate"
format = "json"

[channel.http.list]
url_path = "/list"
service = "clients.get-list"
format = "json"

[channel.http.xml]
url_path = "/xml"
service = "clients.get-rate"
format = "xml"

[channel.http.raw]
url_path = "/raw"
service = "clients.echo"

[channel.http.fails]
url_path = "/fails"
service = "clients.fails"
format = "json"

[channel.soap.rate]
url_path = "/soap"
soap_action = "get-rate"
service = "clients.get-rate"

[channel.soap.list]
url_path = "/soap"
soap_action = "get-list"
service = "clients.get-list"
"""
ENVELOPE = '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>{}</e:Body></e:Envelope>'
CID = "K000000000000000000000000005"
REQUEST = "<request><day>żółć</day></request>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "server1").mkdir()
    (folder / "server1" / "clients.py").write_text(SERVICES)
    config = f'[services]\nfiles = ["clients.py"]\n{CHANNELS}'
    with servers(folder) as make:
        yield make(config, workers=1, plugins=["queue", "redis", "soap", "xml", "zato"])


@pytest.fixture
def anyone(server: RunningServer) -> ZatoClient:
    return ZatoClient(server.url, auth=("admin", server.password))


# -- by channels -----------------------------------------------------------------------------------


def test_json(server: RunningServer) -> None:
    response = JSONClient(server.url, "/json/x").invoke({"day": "żółć"})
    assert response.ok and response.has_data and response.inner.status_code == 200
    assert response.data["response"]["rate"] == "1.22 żółć"
    assert response.data["response"]["cid_of_call"] == response.cid
    assert list(response) == ["response"] and response.details == ""
    text = JSONClient(server.url, "/json/x").invoke('{"day": "5"}', {"X-Zato-CID": CID})
    assert text.data["response"]["rate"] == "1.22 5" and text.cid == CID
    shown = repr(text)
    assert shown.startswith("<Response ok:[True] inner.status_code:[200] cid:[K0000] ")


def test_json_that_is_refused(server: RunningServer) -> None:
    response = JSONClient(server.url, "/json/x").invoke({})
    assert not response.ok and not response.has_data and response.data is None
    assert list(response) == [] and response.inner.status_code == 400
    assert response.details == "day: required, and missing"
    fails = JSONClient(server.url, "/fails").invoke({})
    assert (fails.ok, fails.details) == (False, "An error has occurred")
    nothing = JSONClient(server.url, "/nothing").invoke({})
    assert not nothing.ok and nothing.inner.status_code == 404 and nothing.details


def test_keys_as_attributes(server: RunningServer) -> None:
    response = JSONClient(server.url, "/json/x", to_bunch=True).invoke({"day": "3"})
    assert response.data.response.rate == "1.22 3" == response.data["response"]["rate"]


def test_sio_in_json(server: RunningServer) -> None:
    response = JSONSIOClient(server.url, "/list").invoke({"count": 3})
    assert [item["name"] for item in response] == ["n0", "n1", "n2"]
    assert set(response.sio_result) == {"response"}
    admin = ("admin", server.password)
    own = JSONSIOClient(server.url, "/zato/json/clients.own", admin, to_bunch=True).invoke({})
    assert own.data.a == 1 and own.sio_result["zato_env"]["result"] == "ZATO_OK"
    refused = JSONSIOClient(server.url, "/json/x").invoke({})
    assert (refused.ok, refused.details) == (False, "day: required, and missing")
    missing = JSONSIOClient(server.url, "/zato/json/clients.none", admin).invoke({})
    assert not missing.ok and missing.inner.status_code == 404 and "clients.none" in missing.details


def test_raw_data(server: RunningServer) -> None:
    response = RawDataClient(server.url, "/raw").invoke("żółć".encode())
    assert (response.ok, response.data, response.has_data) == (True, "żółć", True)
    assert RawDataClient(server.url, "/raw").invoke("").has_data is False


@pytest.mark.parametrize("as_element", [False, True])
def test_xml(server: RunningServer, as_element: bool) -> None:
    payload = etree.fromstring(REQUEST) if as_element else REQUEST
    response = XMLClient(server.url, "/xml").invoke(payload)
    assert response.ok and response.has_data
    assert response.data.item.rate == "1.22 żółć" and response.data.zato_env.result == "ZATO_OK"
    refused = XMLClient(server.url, "/xml").invoke("<request/>")
    assert not refused.ok and "day: required, and missing" in refused.details


def test_soap(server: RunningServer) -> None:
    client = SOAPClient(server.url, "/soap")
    response = client.invoke("get-rate", ENVELOPE.format(REQUEST))
    assert response.ok and response.data.item.rate == "1.22 żółć"
    refused = client.invoke("get-rate", etree.fromstring(ENVELOPE.format("<request/>")))
    assert not refused.ok and "day: required, and missing" in refused.details
    assert not client.invoke("no-such-action", ENVELOPE.format(REQUEST)).ok


def test_sio_in_soap(server: RunningServer) -> None:
    client = SOAPSIOClient(server.url, "/soap")
    one = client.invoke("get-rate", ENVELOPE.format(REQUEST))
    assert one.data.rate == "1.22 żółć" and one.data.cid_of_call == one.cid
    several = client.invoke("get-list", ENVELOPE.format("<request><count>2</count></request>"))
    assert [item.name for item in several] == ["n0", "n1"]
    assert not client.invoke("get-rate", ENVELOPE.format("<request/>")).ok


# -- any service -----------------------------------------------------------------------------------


def test_any_service(server: RunningServer, anyone: ZatoClient) -> None:
    response = anyone.invoke("clients.get-rate", {"day": "3"})
    assert response.ok and response.data["response"]["rate"] == "1.22 3"
    assert anyone.invoke("clients.own").data == {"a": 1}
    assert anyone.invoke("zato.ping").data == {"pong": "zato"}
    assert anyone.invoke("clients.echo", "żółć", data_format="").data == "żółć"
    assert anyone.invoke("clients.echo", "").has_data is False
    found = anyone.invoke("clients.get-rate", REQUEST, data_format="xml").data
    assert found.item.rate == "1.22 żółć"
    element = etree.fromstring(REQUEST)
    assert anyone.invoke("clients.get-rate", element, data_format="xml").data.item.rate
    with_path = AnyServiceInvoker(
        server.url, "/zato/admin/invoke", ("admin", server.password), requests.Session(), True
    )
    assert with_path.invoke("clients.get-rate", {"day": "3"}).data.response.rate == "1.22 3"


def test_any_service_that_is_refused(server: RunningServer, anyone: ZatoClient) -> None:
    refused = anyone.invoke("clients.get-rate", {})
    assert not refused.ok and "day: required, and missing" in refused.details
    assert not anyone.invoke("clients.fails").ok
    missing = anyone.invoke("clients.none")
    assert missing.inner.status_code == 404 and "clients.none" in missing.details
    assert "either name or id" in anyone.invoke().details
    stranger = ZatoClient(server.url, auth=("admin", "wrong")).invoke("zato.ping")
    assert not stranger.ok and stranger.inner.status_code == 401
    with pytest.raises(TypeError, match="no argument pay"):
        anyone.invoke("zato.ping", pay=1)


def test_a_service_is_called_later(anyone: ZatoClient) -> None:
    first = anyone.invoke_async("clients.get-rate", {"day": "later 1"})
    options: Any = {"async": True}
    second = anyone.invoke("clients.get-rate", {"day": "later 2"}, **options)
    assert first.ok and first.data == first.cid and second.data == second.cid

    def both_came() -> bool:
        calls = anyone.invoke("clients.calls").data["calls"]
        return {"later 1", "later 2"} <= set(calls)

    wait_until(both_came, 30)


# -- the other side --------------------------------------------------------------------------------


def test_a_server_that_is_not_there_or_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(requests.Timeout):
            JSONClient(address, "/", timeout=0.3).invoke({})
    with pytest.raises(requests.ConnectionError):
        JSONClient(address, "/").invoke({})


def read(client: Any, content: bytes, status: int = 200) -> Any:
    """What a client makes of a body."""
    inner = requests.Response()
    inner._content, inner.status_code = content, status
    return client._answer(inner)


def test_what_is_no_answer() -> None:
    url = ("http://127.0.0.1", "/")
    for client, content in (
        (JSONClient(*url), b"<html>"),
        (JSONSIOClient(*url), b"[1]"),
        (XMLClient(*url), b"{}"),
        (SOAPClient(*url), b"<a/>"),
        (ZatoClient(*url), b"[]"),
    ):
        answer = read(client, content)
        assert not answer.ok and content.decode() in answer.details, client
    assert read(JSONClient(*url), b"broken", 502).details == "broken"
    assert read(JSONClient(*url), b"").data is None
    assert read(JSONSIOClient(*url), b"").data is None and read(SOAPClient(*url), b"").ok


def test_a_document_type_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbb">]><a>&b;</a>'
    for client in (XMLClient, SOAPClient):
        answer = read(client("http://127.0.0.1", "/"), bomb)
        assert (answer.ok, answer.details) == (False, "a DOCTYPE is not accepted")


def test_errors_in_other_envelopes() -> None:
    client = JSONSIOClient("http://127.0.0.1", "/")
    told = read(client, b'{"zato_env": {"result": "ZATO_ERROR", "details": "why"}}')
    assert (told.ok, told.details) == (False, "why")
    newer = read(client, b'{"result": "Error", "cid": "1", "details": "why"}', 400)
    assert newer.details == "why"
    several = read(client, b'{"zato_env": {"result": "ZATO_OK"}, "a": 1, "b": 2}')
    assert several.data == {"a": 1, "b": 2}


@pytest.mark.parametrize(
    "body",
    [b'{"zato_env": "x"}', b'{"zato_service_invoke_response": [1]}', b"[]", b"<a/>"]
    + [b'{"zato_service_invoke_response": {"response": %s}}' % one for one in (b"5", b'"x"')],
)
def test_an_answer_of_another_shape_is_an_error(body: bytes) -> None:
    inner = requests.Response()
    inner.status_code, inner._content = 200, body
    answer = AnyServiceInvoker("http://127.0.0.1:1", "/x")._answer(inner)
    assert not answer.ok and answer.details
