"""Services over SQLite, MariaDB and PostgreSQL, each called through its channel."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from lxml import etree

from tests.scenarios.zato_services.servers import PASSWORD

ADA = {"name": "Ada", "email": "ada@example.com", "credit_limit": 500}
BOB = {"name": "Bob", "email": "bob@example.com", "credit_limit": 100}


@pytest.fixture(scope="module")
def ada(zato):
    answer = zato.ask("/customers", ADA)
    assert answer.status_code == 201, answer.text
    [made] = answer.json()["response"]
    assert answer.headers["Location"] == f"/customers/{made['id']}"
    return made["id"]


def test_customers_are_created_once(zato, ada):
    refused = zato.ask("/customers", ADA)
    assert refused.status_code == 409
    assert refused.json()["response"][0]["error"] == "There is already such a customer"


def test_customers_are_read_changed_and_deleted(zato):
    [made] = zato.call("/customers", BOB, 201)["response"]
    path = f"/customers/{made['id']}"
    read = zato.call(path)["response"]
    assert read == {**BOB, "id": made["id"], "is_active": True}
    url = zato.server.url + path
    changed = requests.put(url, json={"name": "Robert"}, timeout=20).json()["response"]
    assert (changed["name"], changed["email"]) == ("Robert", BOB["email"])
    assert requests.delete(url, timeout=20).status_code == 204
    assert requests.get(url, timeout=20).status_code == 404
    assert requests.patch(url, json={}, timeout=20).status_code == 405


def test_customers_are_searched_by_page(zato, ada):
    found = zato.call("/search/customers?query=AD&page_size=10", {})["customers"]
    assert found == [{"id": ada, "name": "Ada"}]
    assert zato.call("/search/customers?query=AD&page=2&page_size=10", {})["customers"] == []


def test_the_report_is_for_the_partner(zato, ada):
    assert zato.ask("/credit").status_code == 401
    report = zato.call("/credit", auth=("partner", PASSWORD))
    assert report["highest"] == 500 and report["total"] >= 500


@pytest.fixture(scope="module")
def tables(zato):
    assert zato.call("/orders/tables")["created"] == ["order_item", "orders"]


def test_orders_of_the_orm(zato, tables):
    items = [
        {"sku": "TEA", "quantity": 2, "price": "1.25"},
        {"sku": "MILK", "quantity": 1, "price": "0.50"},
    ]
    placed = zato.call("/orders/place", {"customer": "Zoë", "lines": items})
    assert placed["total"] == "3.00"
    number = placed["order_id"]
    assert zato.call(f"/orders/one/{number}") == {
        "order_id": number,
        "customer": "Zoë",
        "status": "new",
        "lines": [
            {"sku": "TEA", "quantity": 2, "price": "1.25"},
            {"sku": "MILK", "quantity": 1, "price": "0.50"},
        ],
    }
    assert zato.call(f"/orders/cancel/{number}") == {"status": "cancelled", "previous": "new"}
    listed = zato.call("/orders/of/Zoë?status=cancelled")["response"]
    assert listed == [{"id": number, "customer": "Zoë", "status": "cancelled"}]
    assert zato.call("/orders/of/Zoë?status=new")["response"] == []


def test_an_order_that_is_refused_leaves_nothing(zato, tables):
    items = [{"sku": "A", "quantity": 1, "price": "1"}, {"sku": "B", "quantity": 0, "price": "1"}]
    refused = zato.ask("/orders/place", {"customer": "Nobody", "lines": items})
    assert refused.status_code == 400 and "Quantity of B too low" in refused.text
    assert zato.call("/orders/of/Nobody")["response"] == []
    assert zato.ask("/orders/one/99999").status_code == 404


def test_stock_is_reserved_once(zato):
    request = "<reserve_request><sku>TEA</sku><pieces>4</pieces></reserve_request>"

    def reserve(_):
        return zato.ask("/stock/reserve", request).text

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(reserve, range(4)))
    reserved = [answer for answer in answers if "<is_reserved>true</is_reserved>" in answer]
    assert len(reserved) == 2, answers
    assert "<left>2</left>" in "".join(reserved)


def test_levels_in_xml_and_json(zato):
    root = etree.fromstring(zato.ask("/stock/levels").content)
    name = "{https://example.com/ns/stock}"
    assert root.tag == f"{name}stock_levels"
    skus = [sku.text for sku in root.iter(f"{name}sku")]
    assert skus == ["MILK", "RICE", "TEA"]
    milk = zato.call("/stock/levels.json")["stock_levels"][0]
    assert milk == {"sku": "MILK", "pieces": 3, "is_low": True}


def test_stock_is_moved_by_another_service(zato):
    moved = {"source": "RICE", "target": "MILK", "pieces": 0}
    assert zato.call("/stock/move", moved)["response"] == {"result": "moved"}
    moved["pieces"] = 1000
    assert zato.call("/stock/move", moved)["response"] == {"result": "not enough"}
