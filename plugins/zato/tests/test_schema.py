"""`schema = "file.json"`: payloads are checked before a service runs."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hansa import Invalid
from zato.server.service import Service

from plugins.zato.tests.facade import Facade

ORDER = {
    "type": "object",
    "required": ["name", "pieces"],
    "properties": {
        "name": {"type": "string"},
        "pieces": {"type": "integer", "minimum": 1},
        "address": {"$ref": "parts/address.json"},
    },
}
ADDRESS = {"type": "object", "properties": {"city": {"type": "string"}}}


class Order(Service):
    name = "orders.place"
    schema = "order.json"
    runs: list[Any] = []

    def handle(self) -> None:
        Order.runs.append(self.request.payload)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config" / "repo" / "schema" / "json"
    (made / "parts").mkdir(parents=True)
    (made / "order.json").write_text(json.dumps(ORDER))
    (made / "parts" / "address.json").write_text(json.dumps(ADDRESS))
    Order.runs.clear()
    return made


def send(server: Facade, data: object) -> Any:
    return server.call(Order, json.dumps(data))


def test_what_fits_reaches_the_service(server: Facade, folder: Path) -> None:
    good = {"name": "ä", "pieces": 2, "address": {"city": "Kiel"}}
    assert send(server, good).ok
    assert server.invoke(Order.name, good) == ""
    assert Order.runs == [good, good]


def test_all_faults_are_told_by_their_place(server: Facade, folder: Path) -> None:
    answer = send(server, {"pieces": 0, "address": {"city": 5}})
    assert (answer.status, Order.runs) == (400, [])
    text = answer.raw.decode()
    for part in ("'name' is a required property", "pieces: 0 is less", "address.city: 5 is not of"):
        assert part in text, text
    assert isinstance(answer.error, Invalid) or answer.status == 400
    with pytest.raises(Invalid) as caught:
        server.invoke(Order.name, {"name": 5})
    assert set(caught.value.errors) == {"", "name"}


def test_a_file_that_changes_is_read_again(server: Facade, folder: Path) -> None:
    assert not send(server, {}).ok
    file = folder / "order.json"
    file.write_text(json.dumps({"type": "object"}))
    os.utime(file, (1, 1))
    assert send(server, {}).ok


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("{", "Expecting"),
        ("[]", "a schema is an object"),
        ('{"type": 5}', "5 is not valid"),
        ('{"$ref": "../../../../../etc/passwd"}', ""),
        ('{"$ref": "http://127.0.0.1:1/x.json"}', ""),
        ('{"$ref": "missing.json"}', ""),
    ],
)
def test_a_schema_that_cannot_be_used_is_the_servers_fault(
    server: Facade, folder: Path, text: str, part: str
) -> None:
    (folder / "order.json").write_text(text)
    answer = send(server, {})
    assert (answer.status, Order.runs) == (500, [])
    assert "order.json" not in answer.raw.decode()
    with pytest.raises(
        Invalid, match=r"the schema order\.json cannot be used: .*" + part
    ) as caught:
        server.invoke(Order.name, {})
    assert caught.value.internal


def test_a_file_or_a_library_that_is_missing_is_named(
    server: Facade, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "order.json").unlink()
    server.add(Order)
    with pytest.raises(Invalid, match="No such file"):
        server.invoke(Order.name, {})
    monkeypatch.setitem(sys.modules, "jsonschema.exceptions", None)
    with pytest.raises(Exception, match=r"pip install 'hansa-zato\[schema\]'"):
        server.invoke(Order.name, {})


def test_other_attributes_of_that_name_are_no_files(server: Facade) -> None:
    for value in ({"type": "object"}, "public", None):
        cls = type("Other", (Service,), {"schema": value, "handle": lambda self: None})
        assert server.call(cls, b"{}").ok
