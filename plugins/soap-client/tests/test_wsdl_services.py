"""The WSDL of services, channels and connections of a real server: shown, uploaded, used, forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hansa_devkit.harness.api_server import ApiError
from hansa_devkit.harness.ports import free_port
from hansa_devkit.harness.waiting import wait_until

SERVICES = """
from hansa import Model, Service


class GetRate(Service):
    class Input(Model):
        country: str

    class Output(Model):
        rate: str

    def handle(self):
        return self.Output(rate=self.request.input.country.upper())


class Ask(Service):
    def handle(self):
        given = self.request.input
        return self.outgoing.soap["rates"].service.GetRate(country=given["country"])
"""


@pytest.fixture(scope="module")
def server(start_shared_server: Any) -> Any:
    """A server with a SOAP channel, and a channel that calls it by an outgoing connection."""
    made = start_shared_server(workers=1, plugins=["soap", "soap-client", "xml"])
    made.deploy("wsdlrates.py", SERVICES)
    channel = {"url_path": "/wsdl-rates", "service": "wsdlrates.get-rate"}
    made.api("admin.channel.soap.create", name="wsdl-rates", **channel)
    ask = {"url_path": "/wsdl-ask", "service": "wsdlrates.ask", "format": "json"}
    made.api("admin.channel.http.create", name="wsdl-ask", **ask)
    return made


def served(server: Any) -> str:
    return str(server.get("/wsdl-rates?wsdl").text)


def test_a_derived_one_is_replaced_by_an_uploaded_one_and_comes_back(
    server: Any, tmp_path: Path
) -> None:
    channel = {"kind": "channel", "name": "wsdl-rates"}
    found = server.api("admin.wsdl.get", channel, address="https://api.example.com/")
    assert (found["origin"], found["file"]) == ("derived", "wsdl-rates.wsdl")
    assert found["subjects"] == ["channel soap wsdl-rates"]
    assert 'location="https://api.example.com/wsdl-rates"' in found["text"]
    of_service = server.api("admin.wsdl.get", service="wsdlrates.get-rate")
    assert f'location="{server.url}/wsdl-rates"' in of_service["text"]
    assert "agreed upon" not in served(server)
    ours = found["text"].replace('name="PortType">', 'name="PortType"><!-- agreed upon -->')
    ours = ours.replace("GetRate", "AgreedRate")
    done = server.api("admin.wsdl.set", service="wsdlrates.get-rate", text=ours)
    assert done["subjects"] == ["channel soap wsdl-rates"]
    wait_until(lambda: "AgreedRate" in served(server), 30, "the uploaded one is served")
    assert f'location="{server.url}/wsdl-rates"' in served(server)
    again = server.api("admin.wsdl.get", channel)
    assert (again["origin"], again["text"]) == ("uploaded", ours)
    # by command
    file = tmp_path / "rates.wsdl"
    said = server.cli("wsdl", "get", "channel", "wsdl-rates", "--out", str(file)).stdout
    assert said == f"{file}: the WSDL of wsdl-rates, uploaded\n"
    assert file.read_text() == ours
    file.write_bytes(ours.replace("UTF-8", "ISO-8859-1").replace("agreed", "ü").encode("latin-1"))
    said = server.cli("wsdl", "set", "channel", "wsdl-rates", str(file)).stdout
    assert said.startswith("channel soap wsdl-rates has this WSDL, revision ")
    assert "ü upon" in server.cli("wsdl", "get", "service", "wsdlrates.get-rate").stdout
    said = server.cli("wsdl", "delete", "service", "wsdlrates.get-rate").stdout
    assert "has no uploaded WSDL" in said
    wait_until(lambda: "AgreedRate" not in served(server), 30, "the derived one is served")
    assert server.api("admin.wsdl.get", channel)["origin"] == "derived"


def test_an_outgoing_connection_uses_what_was_uploaded(server: Any) -> None:
    text = server.api("admin.wsdl.get", service="wsdlrates.get-rate")["text"]
    outgoing = {"kind": "outgoing", "name": "rates"}
    settings = {"address": f"{server.url}/wsdl-rates"}
    server.api("admin.outgoing.soap.create", name="rates", **settings)
    with pytest.raises(ApiError) as none:
        server.api("admin.wsdl.get", outgoing)
    assert none.value.status == 404
    assert server.post("/wsdl-ask", {"country": "malta"}).status_code == 503
    server.api("admin.wsdl.set", outgoing, text=text)
    assert server.api("admin.wsdl.get", outgoing)["origin"] == "uploaded"

    last = [""]

    def answers() -> bool:
        last[0] = server.post("/wsdl-ask", {"country": "malta"}).text
        return "MALTA" in last[0]

    wait_until(answers, 3, lambda: last[0])
    # a fetched one instead, which no file keeps from here
    server.api("admin.outgoing.soap.edit", name="rates", wsdl=f"{server.url}/wsdl-rates?wsdl")
    server.api("admin.wsdl.delete", outgoing)
    wait_until(lambda: server.api("admin.wsdl.get", outgoing)["origin"] == "fetched", 30)
    assert "GetRate" in server.api("admin.wsdl.get", outgoing)["text"]
    wait_until(answers, 30, "it uses what it has fetched")
    # what cannot be used changes nothing
    imports = f'<import namespace="urn:x" location="file:///etc/passwd{free_port()}"/>'
    for bad, fault in (
        ("<a/>", "is no WSDL 1.1"),
        (text.replace("<wsdl:types>", f"<wsdl:{imports[1:]}<wsdl:types>", 1), "/etc/passwd"),
        (text.replace('type="tns:PortType"', 'type="tns:Nobody"'), "cannot be used"),
    ):
        with pytest.raises(ApiError) as refused:
            server.api("admin.wsdl.set", outgoing, text=bad)
        errors = refused.value.problem["errors"]
        [(key, said)] = errors.items()
        assert key.endswith("wsdl_document") and fault in said, errors
    assert server.api("admin.wsdl.get", outgoing)["origin"] == "fetched"


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        ({}, 400),
        ({"service": "a", "name": "b"}, 400),
        ({"name": "nobody"}, 404),
        ({"service": "wsdlrates.ask"}, 404),
        ({"kind": "security", "name": "x"}, 400),
    ],
)
def test_what_has_none_is_told(server: Any, asked: dict[str, str], status: int) -> None:
    for service in ("get", "delete"):
        with pytest.raises(ApiError) as refused:
            server.api(f"admin.wsdl.{service}", asked)
        assert refused.value.status == status
