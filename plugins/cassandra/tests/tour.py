"""What holds for the stand-in and for a real cluster alike: a tour of all calls."""

from __future__ import annotations

import datetime
import ipaddress
import uuid
from decimal import Decimal
from typing import Any

import pytest
from hansa import Invalid, ResultTooLarge
from hansa_cassandra import CassandraFault

STATEMENTS = {
    "add order": "INSERT INTO orders (id, customer, amount) VALUES (:id, :customer, :amount)",
    "order": "SELECT * FROM orders WHERE id = :id",
    "all orders": "SELECT id, customer FROM orders",
    "change order": "UPDATE orders SET customer = :customer WHERE id = :id",
    "count": "UPDATE counts SET seen = seen + :more WHERE name = :name",
    "counted": "SELECT seen FROM counts WHERE name = :name",
}


def tour(shop: Any) -> None:
    """Run each call; `shop` has STATEMENTS, `page_size` 3 and `max_rows` 10."""
    shop.execute("TRUNCATE orders")
    assert shop.execute("add order", id=1, customer="Größe ✓", amount=Decimal("1.50"))
    found = {"id": 1, "customer": "Größe ✓", "amount": Decimal("1.50")}
    assert shop.one("order", id=1) == found and shop.one("order", id=2) is None
    assert str(shop.one("order", id=1)["amount"]) == "1.50"
    _conditions(shop)
    _batches(shop)
    _pages(shop)
    _refusals(shop)
    _values(shop)


def _conditions(shop: Any) -> None:
    new = "INSERT INTO orders (id, customer) VALUES (:id, :customer) IF NOT EXISTS"
    assert shop.execute(new, id=2, customer="Ada") is True
    assert shop.execute(new, id=2, customer="Alan") is False
    if_ada = "UPDATE orders SET customer = :new WHERE id = :id IF customer = :old"
    assert shop.execute(if_ada, id=2, old="Ada", new="Grace") is True
    assert shop.execute(if_ada, id=2, old="Ada", new="Grace") is False
    assert shop.one(if_ada, id=2, old="Ada", new="x") == {"[applied]": False, "customer": "Grace"}
    shop.execute("DELETE FROM orders WHERE id = :id", id=2)
    assert shop.one("order", id=2) is None


def _batches(shop: Any) -> None:
    several = [
        ("add order", {"id": number, "customer": f"c{number}", "amount": None})
        for number in range(2, 6)
    ]
    assert shop.batch(several) and len(shop.all("all orders")) == 5
    assert shop.batch([("change order", {"id": 1, "customer": "x"})], "unlogged")
    before = (shop.one("counted", name="a") or {"seen": 0})["seen"]
    counts = [("count", {"name": "a", "more": 2}), ("count", {"name": "a", "more": 3})]
    assert shop.batch(counts, "counter")
    assert shop.one("counted", name="a") == {"seen": before + 5}
    with pytest.raises(CassandraFault):
        shop.batch([*several, counts[0]])
    assert shop.batch([])


def _pages(shop: Any) -> None:
    rows = list(shop.rows("all orders"))
    assert sorted(row["id"] for row in rows) == [1, 2, 3, 4, 5]
    first = shop.page("all orders")
    assert len(first.rows) == 3 and first.state
    second = shop.page("all orders", first.state)
    assert [*first.rows, *second.rows] == rows and not second.state
    for number in range(10, 16):
        shop.execute("add order", id=number, customer="many", amount=1)
    with pytest.raises(ResultTooLarge, match="max_rows"):
        shop.all("all orders")
    assert len(shop.with_options(page_size=100).page("all orders").rows) == 11


def _refusals(shop: Any) -> None:
    for text in ("SELECT * FROM nowhere", "SELECT nothing FROM orders", "SELECT FROM"):
        with pytest.raises(CassandraFault) as caught:
            shop.all(text)
        assert caught.value.outcome == "reject" and caught.value.internal and caught.value.reason
    with pytest.raises(Invalid) as invalid:
        shop.execute("add order", id="1", customer=5, amount=None)
    expected = {
        "id": "a value of the type str does not fit int",
        "customer": "a value of the type int does not fit varchar",
    }
    assert invalid.value.errors == expected, invalid.value.errors


def _values(shop: Any) -> None:
    given = {
        "id": uuid.uuid4(),
        "born": datetime.date(1815, 12, 10),
        "clock": datetime.time(12, 30, 1, 500),
        "at": datetime.datetime(2026, 11, 30, 14, 5, 7, 9000, datetime.UTC),
        "data": b"\x00\xff",
        "tags": ["a", "ü"],
        "sizes": [3, 1, 3],
        "notes": {"one": 1, "two": 2},
        "pair": (5, "five"),
        "big": 2**100,
        "sum": Decimal("-0.10"),
        "yes": True,
        "ip": "2001:db8::1",
        "ratio": 0.5,
    }
    names = ", ".join(given)
    marks = ", ".join(f":{name}" for name in given)
    shop.execute(f"INSERT INTO kinds ({names}) VALUES ({marks})", **given)
    found = shop.one("SELECT * FROM kinds WHERE id = :id", id=given["id"])
    assert {**found, "pair": tuple(found["pair"])} == given
    there = ipaddress.ip_address(found["ip"])
    assert there == ipaddress.ip_address("2001:db8::1")
