"""A client of the document: what it allows is accepted, and what it forbids is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator
from urllib3.filepost import encode_multipart_formdata

from plugins.admin.tests.described import Described

if TYPE_CHECKING:
    from plugins.admin.tests.conftest import Server

ORDERS = """
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

from hansa import Model, Service, setting
from hansa_http import UploadedFile


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Line(Model):
    sku: Annotated[str, setting("Article", pattern="^[A-Z]{2}[0-9]+$")]
    count: Annotated[int, setting("Number of pieces", ge=1, le=100)] = 1
    price: Decimal = Decimal(0)


class Sent(Service):
    class Input(Model):
        id: int
        name: Annotated[str, setting("Name", min_length=1, max_length=10)] = "x"
        due: datetime | None = None
        day: date | None = None
        ratio: float = 0.0
        weights: list[float | None] = []
        flags: dict[str, bool] = {}
        lines: list[Line] = []
        first: Line | None = None
        colour: Colour = Colour.RED
        key: UUID | None = None
        blob: bytes = b""
        numbers: set[int] = set()
        choice: int | str = 0
        anything: Any = None

    Output = Input

    def handle(self):
        return self.request.input


class Asked(Service):
    class Input(Model):
        id: int
        tags: list[str] = ["all"]
        limit: Annotated[int, setting("Most", ge=1)] = 10
        exact: bool = False
        amount: Decimal = Decimal(0)
        ratio: float = 0.0
        since: datetime | None = None

    Output = Input

    def handle(self):
        return self.request.input


class Filed(Service):
    class Input(Model):
        id: int
        scan: UploadedFile
        more: list[UploadedFile] = []

    def handle(self):
        return {}


class Ping(Service):
    class Input(Model):
        text: str = ""

    Output = Input

    def handle(self):
        return self.request.input
"""

CHANNELS: dict[str, dict[str, Any]] = {
    "sent": {"service": "orders.sent", "url_path": "/sent", "method": "POST"},
    "sent-to": {"service": "orders.sent", "url_path": "/sent/{id}", "method": "POST"},
    "asked": {"service": "orders.asked", "url_path": "/asked/{id}", "method": "GET"},
    "form": {
        "service": "orders.asked",
        "url_path": "/form/{id}",
        "method": "POST",
        "forms": {"enabled": True},
    },
    "filed": {
        "service": "orders.filed",
        "url_path": "/filed",
        "method": "POST",
        "forms": {"enabled": True},
    },
    "ping": {
        "service": "orders.ping",
        "url_path": "/pong",
        "method": "POST",
        "security": "partner",
    },
}
PARTNER = {"name": "partner", "username": "partner", "password": "s3cret-of-partner"}


class Client:
    """Sends what is generated over one connection."""

    def __init__(self, server: Server) -> None:
        self.place = urlsplit(server.url).netloc
        self.connection = HTTPConnection(self.place, timeout=30)
        self.document: Any = server.http("/hansa/api/openapi.json").json
        self.described = Described(self.document)

    def operation(self, path: str, method: str) -> Any:
        return self.document["paths"][path][method]

    def body_schema(self, path: str) -> Any:
        content = self.operation(path, "post")["requestBody"]["content"]
        return content["application/json"]["schema"]

    def send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "application/json"
    ) -> tuple[int, bytes]:
        self.connection.request(method, path, body, {"Content-Type": content_type})
        answer = self.connection.getresponse()
        return answer.status, answer.read()


@pytest.fixture(scope="module")
def client(running: Server) -> Iterator[Client]:
    running.call("admin.service.deploy", {"file": "orders.py", "source": ORDERS})
    running.call("admin.security.basic.create", PARTNER)
    for name, channel in CHANNELS.items():
        running.call("admin.channel.http.create", {"name": name, "format": "json", **channel})
    found = Client(running)
    yield found
    found.connection.close()
    running.wipe()


quick = settings(
    max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@pytest.mark.parametrize(("path", "address"), [("/sent", "/sent"), ("/sent/{id}", "/sent/5")])
@quick
@given(data=st.data())
def test_a_body_that_is_allowed_is_accepted(
    client: Client, path: str, address: str, data: st.DataObject
) -> None:
    schema = client.body_schema(path)
    value = data.draw(client.described.allowed(schema))
    status, raw = client.send("POST", address, json.dumps(value).encode())
    assert status == 200, (value, raw)
    answer = client.operation(path, "post")["responses"]["200"]["content"]["application/json"]
    assert client.described.allows(answer["schema"], json.loads(raw)), raw


@quick
@given(data=st.data())
def test_a_body_that_is_forbidden_is_refused(client: Client, data: st.DataObject) -> None:
    value = data.draw(client.described.forbidden(client.body_schema("/sent")))
    status, raw = client.send("POST", "/sent", json.dumps(value).encode())
    assert status == 400, (value, raw)


@quick
@given(data=st.data())
def test_parameters_that_are_allowed_are_accepted(client: Client, data: st.DataObject) -> None:
    values: dict[str, Any] = {}
    for parameter in client.operation("/asked/{id}", "get")["parameters"]:
        if parameter["required"] or data.draw(st.booleans()):
            allowed = client.described.allowed(parameter["schema"])
            values[parameter["name"]] = data.draw(allowed.filter(lambda one: one is not None))
    path = "/asked/" + quote(_text(values.pop("id")))
    query = urlencode({name: _texts(value) for name, value in values.items()}, doseq=True)
    status, raw = client.send("GET", f"{path}?{query}")
    assert status == 200, (values, raw)


@pytest.mark.parametrize("media_type", ["application/x-www-form-urlencoded", "multipart/form-data"])
@quick
@given(data=st.data())
def test_a_form_that_is_allowed_is_accepted(
    client: Client, media_type: str, data: st.DataObject
) -> None:
    content = client.operation("/form/{id}", "post")["requestBody"]["content"]
    assert set(content) == {"application/json", *FORMS}
    fields: dict[str, list[str]] = {}
    for name, schema in content[media_type]["schema"]["properties"].items():
        value = data.draw(st.none() | client.described.allowed(schema))
        if name != "id" and value is not None:
            fields[name] = _texts(value)
    body, content_type = FORMS[media_type](fields)
    status, raw = client.send("POST", "/form/5", body, content_type)
    assert status == 200, (fields, raw)


def _urlencoded(fields: dict[str, list[str]]) -> tuple[bytes, str]:
    return urlencode(fields, doseq=True).encode(), "application/x-www-form-urlencoded"


def _multipart(fields: dict[str, list[str]]) -> tuple[bytes, str]:
    pairs = [(name, value) for name, values in fields.items() for value in values]
    return encode_multipart_formdata(pairs)


FORMS = {"application/x-www-form-urlencoded": _urlencoded, "multipart/form-data": _multipart}


def test_a_form_with_files_is_described_and_accepted(client: Client) -> None:
    content = client.operation("/filed", "post")["requestBody"]["content"]
    assert list(content) == ["multipart/form-data"]
    properties = client.described.components["orders.Filed.Input"]["properties"]
    binary = {"type": "string", "format": "binary"}
    assert properties["scan"] == properties["more"]["items"] == binary
    body, content_type = encode_multipart_formdata({"id": "5", "scan": ("a.txt", b"x")})
    assert client.send("POST", "/filed", body, content_type)[0] == 200
    assert client.send("POST", "/filed", b'{"id": 5, "scan": "x"}')[0] == 400
    assert client.send("POST", "/sent", body, content_type)[0] == 415


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool | float) else str(value)


def _texts(value: object) -> list[str]:
    return [_text(one) for one in value] if isinstance(value, list) else [_text(value)]


@pytest.mark.parametrize(
    "service", ["admin.service.list", "admin.channel.http.list", "admin.channel.http.ping"]
)
@quick
@given(data=st.data())
def test_admin_services_agree(
    client: Client, running: Server, service: str, data: st.DataObject
) -> None:
    described = client.described
    schema = client.body_schema(f"/hansa/api/{service}")
    value = data.draw(described.allowed(schema) | described.forbidden(schema))
    answer = running.api(service, raw=json.dumps(value).encode())
    expected = (200, 404) if described.allows(schema, value) else (400,)
    assert answer.status in expected, (value, answer.raw)


def test_bodies_are_required_only_where_something_in_them_is(client: Client) -> None:
    assert client.operation("/sent", "post")["requestBody"]["required"]
    assert not client.operation("/sent/{id}", "post")["requestBody"]["required"]
    assert client.send("POST", "/sent/5") == client.send("POST", "/sent", b'{"id":5}')
    listing = client.operation("/hansa/api/admin.service.list", "post")
    assert not listing["requestBody"]["required"]
    creation = client.operation("/hansa/api/admin.channel.http.create", "post")
    assert creation["requestBody"]["required"]


def test_references_are_described_where_they_are_accepted(
    client: Client, running: Server, tmp_path: Any
) -> None:
    file = tmp_path / "value"
    file.write_text("/from-a-file")
    reference = {"$file": str(file)}
    schema = client.body_schema("/hansa/api/admin.channel.http.create")
    good = {"name": "referring", "service": "orders.ping", "url_path": reference}
    assert client.described.allows(schema, good)
    assert not client.described.allows(schema, {**good, "url_path": {"file": "x"}})
    assert not client.described.allows(schema, {**good, "name": reference})
    running.call("admin.channel.http.create", good)
    shown = running.call("admin.channel.http.get", {"name": "referring"})
    assert shown["url_path"] == reference
    answer = client.operation("/hansa/api/admin.channel.http.get", "post")["responses"]["200"]
    assert client.described.allows(answer["content"]["application/json"]["schema"], shown)


def test_security_formats_and_defaults_are_described(client: Client) -> None:
    assert client.operation("/pong", "post")["security"] == [{"partner": []}]
    assert client.operation("/sent", "post")["security"] == []
    scheme = {"type": "http", "scheme": "basic"}
    assert client.document["components"]["securitySchemes"]["partner"] == scheme
    sent = client.described.components["orders.Sent.Input"]["properties"]
    assert sent["due"]["anyOf"][0] == {"type": "string", "format": "date-time"}
    assert sent["numbers"]["default"] == []
    asked = client.described.components["orders.Asked.Input"]["properties"]
    assert asked["tags"]["default"] == ["all"]


def test_the_document_is_the_same_after_a_redeploy(client: Client, running: Server) -> None:
    before = running.http("/hansa/api/openapi.json").json
    running.call("admin.service.deploy", {"file": "orders.py", "source": ORDERS + "# changed\n"})
    assert running.http("/hansa/api/openapi.json").json == before


def test_callers_have_a_document_of_their_own(client: Client, running: Server) -> None:
    document = running.http("/hansa/openapi.json").json
    OpenAPIV31SpecValidator(document).validate()
    paths = {"/sent", "/sent/{id}", "/asked/{id}", "/form/{id}", "/filed", "/pong"}
    assert paths == set(document["paths"])
    assert not [name for name in document["components"]["schemas"] if name.startswith("Channel")]
    assert set(document["components"]["securitySchemes"]) == {"partner"}
    sent = running.http("/hansa/openapi.json?path=/sent").json
    assert set(sent["paths"]) == {"/sent", "/sent/{id}"}
    assert "orders.Asked.Input" not in sent["components"]["schemas"]
    assert running.http("/hansa/openapi.json?tag=orders").json == document
    assert running.http("/hansa/openapi.json?tag=other").json["paths"] == {}
    running.call("admin.channel.http.edit", {"name": "asked", "openapi": False})
    assert "/asked/{id}" not in running.http("/hansa/openapi.json").json["paths"]
    running.call("admin.channel.http.edit", {"name": "asked", "openapi": True})
    for path in ("/hansa/openapi.json", "/hansa/openapi"):
        assert running.http(path, password="").status == 401


def test_the_page_of_callers_makes_no_request(client: Client, running: Server) -> None:
    page = running.http("/hansa/openapi?path=/sent")
    text = page.raw.decode()
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<code>POST /sent/{id}</code>" in text
    assert "/asked/{id}" not in text
    assert '<a href="#orders.Sent.Input">' in text
    assert 'id="orders.Sent.Input"' in text
    assert 'href="openapi.json?path=%2Fsent"' in text
    assert not re.search(r"<script|<img|src=|https?://", text)
    assert "<b>" not in running.http("/hansa/openapi?tag=%3Cb%3E").raw.decode()


def test_a_channel_of_ones_own_shows_the_document_to_others(
    client: Client, running: Server
) -> None:
    settings = {"service": "openapi.document", "url_path": "/partner/openapi.json"}
    running.call("admin.channel.http.create", {"name": "shown", "security": "partner", **settings})
    address = "/partner/openapi.json?path=/pong"
    found = running.http(address, user="partner", password=PARTNER["password"])
    assert set(found.json["paths"]) == {"/pong"}
