"""CSV: typed records, dialects, and what is refused, with literal bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated

import pytest
from hansa import Invalid, Model, Secret, load, setting
from hansa_csv.format import CsvFormat
from hansa_csv.settings import CsvSettings

README = Path(__file__).parents[1] / "README.md"


class Order(Model):
    id: int
    name: str = ""
    amount: Decimal = Decimal(0)
    due: date | None = None
    note: str | None = None
    paid: bool = False


class Batch(Model):
    orders: Annotated[list[Order], setting("The orders")]


def csv(**settings):
    return CsvFormat(SimpleNamespace(csv=load(CsvSettings, settings)))


ORDERS = (
    b"id,name,amount,due,note,paid,unknown\r\n"
    b'1,"Ada, Countess",10.50,2026-12-01,,true,x\r\n'
    b"\r\n"
    b'2,,7,,"two\r\nlines",,\r\n'
)
EXPECTED = [
    Order(id=1, name="Ada, Countess", amount=Decimal("10.50"), due=date(2026, 12, 1), paid=True),
    Order(id=2, amount=Decimal(7), note="two\r\nlines"),
]


def test_records_become_what_the_input_declares():
    assert csv().parse(ORDERS, list[Order]) == EXPECTED
    assert csv().parse(ORDERS, Batch) == Batch(orders=EXPECTED)
    assert csv().parse(b"id\n5\n", Order) == Order(id=5)
    assert csv().parse(b"\xef\xbb\xbfid,name\n5,\n") == [{"id": "5", "name": ""}]


def test_all_faults_are_told_by_record():
    with pytest.raises(Invalid) as caught:
        csv().parse(b"id,amount,due\n,x,2026-13-01\n1,2,\ny,,\n", list[Order])
    assert {"[0].id", "[0].amount", "[0].due", "[2].id"} == set(caught.value.errors)
    with pytest.raises(Invalid) as caught:
        csv().parse(b"a,b\n1\n1,2\n\n1,2,3\n")
    assert caught.value.errors == {
        "line 2": "has 1 cells, and not 2",
        "line 5": "has 3 cells, and not 2",
    }
    with pytest.raises(Invalid, match="one record is expected, and there are 2"):
        csv().parse(ORDERS, Order)
    with pytest.raises(Invalid, match="there is no header"):
        csv().parse(b"")


def test_dialects_are_read_and_written():
    form = csv(delimiter=";", quote="'", line_end="\n", encoding="cp1252")
    raw = "id;name\n1;'Müller; & Söhne'\n".encode("cp1252")
    assert form.parse(raw) == [{"id": "1", "name": "Müller; & Söhne"}]
    assert form.render(form.parse(raw)) == raw
    assert form.content_type == "text/csv; charset=cp1252; header=present"
    with pytest.raises(Invalid, match="characters that cp1252 does not have"):
        form.render([{"a": "✓"}])
    bare = csv(header=False, columns=["id", "name"])
    assert bare.parse(b"1,a\r\n2,b\r\n") == [{"id": "1", "name": "a"}, {"id": "2", "name": "b"}]
    assert bare.render([{"name": "a", "id": 1, "other": 2}]) == b"1,a\r\n"
    chosen = csv(columns=["b"])
    assert chosen.parse(b"a,b,c\n1,2,3\n") == [{"b": "2"}]
    with pytest.raises(Invalid, match="the header lacks b"):
        chosen.parse(b"a,c\n1,3\n")


def test_values_become_texts():
    @dataclass
    class Point:
        x: int
        y: float

    form = csv()
    assert form.render(EXPECTED, list[Order]) == (
        b"id,name,amount,due,note,paid\r\n"
        b'1,"Ada, Countess",10.50,2026-12-01,,true\r\n'
        b'2,,7,,"two\r\nlines",false\r\n'
    )
    assert form.render(Batch(orders=EXPECTED[:1]), Batch) == form.render(EXPECTED[:1], Batch)
    assert form.render([], list[Order]) == b"id,name,amount,due,note,paid\r\n"
    assert form.render(None) == form.render([]) == b""
    assert form.render(Point(1, 2.5)) == b"x,y\r\n1,2.5\r\n"
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    rows = ({"at": moment, "key": Secret("hidden")} for _ in range(1))
    assert form.render(rows) == b"at,key\r\n2026-01-02T03:04:00+00:00,\r\n"


def test_what_no_cell_can_hold_is_refused_by_its_place():
    with pytest.raises(Invalid) as caught:
        csv().render([{"a": 1}, {"a": [1]}, {"a": b"x"}])
    assert set(caught.value.errors) == {"[1].a", "[2].a"}
    for wrong in ("text", 5, [1], ["text"]):
        with pytest.raises(Invalid):
            csv().render(wrong)
    with pytest.raises(Invalid, match="no such column"):
        csv().render([{"id": 1, "nope": 2}], list[Order])


def test_formulas_are_guarded_where_that_is_asked_for():
    rows = [{"a": '=cmd|"/c calc"!A1', "b": -5}]
    assert csv().render(rows) == b'a,b\r\n"=cmd|""/c calc""!A1",-5\r\n'
    assert csv(guard_formulas=True).render(rows) == b'a,b\r\n"\'=cmd|""/c calc""!A1",-5\r\n'


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"delimiter": ""}, {"delimiter"}),
        ({"delimiter": ",,"}, {"delimiter"}),
        ({"delimiter": '"'}, {"quote"}),
        ({"delimiter": "\n"}, {"delimiter"}),
        ({"header": False}, {"columns"}),
        ({"columns": ["a", "a"]}, {"columns"}),
        ({"encoding": "nope"}, {"encoding"}),
        ({"encoding": "hex"}, {"encoding"}),
        ({"line_end": "x"}, {"line_end"}),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings, faults):
    with pytest.raises(Invalid) as caught:
        load(CsvSettings, settings)
    assert set(caught.value.errors) == faults


def test_the_example_works_in_a_server(start_server):
    blocks = dict(re.findall(r"<!-- run: (\S+) -->\n```\w+\n(.*?)```", README.read_text(), re.S))
    [body] = re.findall(r"```text\n(.*?)```", README.read_text(), re.S)
    server = start_server(blocks["config.toml"], start=False, workers=1, plugins=["csv"])
    (server.folder / "orders.py").write_text(blocks["orders.py"])
    server.start()
    answer = server.post("/orders", data=body, headers={"Content-Type": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.text.splitlines() == body.splitlines()[:2]
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    wrong = server.post("/orders", data="id;name;amount\nx;Ada;1\n")
    assert wrong.status_code == 400 and "[0].id" in wrong.text
