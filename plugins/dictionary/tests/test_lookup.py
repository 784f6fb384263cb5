"""What services get of the tables in memory."""

from __future__ import annotations

import time

from hansa import Service
from hansa_devkit import LocalServer, run_service
from hansa_dictionary import Dictionaries, Translate
from hypothesis import given, strategies as st

DIRECTION = ("crm", "currency", "ledger", "code")


def test_a_value_has_its_own_translation_or_a_default():
    tables = Dictionaries()
    tables.put_translations("a", DIRECTION, {"USD": "840", "none": ""}, "999")
    assert tables.translate("crm", "currency", "USD", "ledger", "code", "?") == "840"
    assert tables.translate("crm", "currency", "none", "ledger", "code", "?") == ""
    assert tables.translate("crm", "currency", "XXX", "ledger", "code", "?") == "?"
    assert tables.translate("crm", "currency", "XXX", "ledger", "code") == "999"
    assert tables.translate("crm", "currency", "USD", "ledger", "name", "?") == "?"
    assert tables.translate("crm", "currency", "USD", "ledger", "name") == ""


def test_a_table_counts_until_its_owner_goes_or_another_one_takes_its_place():
    tables = Dictionaries()
    tables.put_values("old", ("crm", "currency"), ["USD"])
    tables.put_translations("old", DIRECTION, {"USD": "1"}, None)
    tables.put_values("new", ("crm", "currency"), ["EUR", "CHF"])
    tables.put_translations("new", DIRECTION, {"EUR": "2"}, None)
    tables.drop_values("old", ("crm", "currency"))
    tables.drop_translations("old", DIRECTION)
    assert tables.values("crm", "currency") == ("EUR", "CHF")
    assert (tables.systems(), tables.keys("crm"), tables.keys("x")) == (["crm"], ["currency"], [])
    assert tables.has("crm", "currency", "EUR") and not tables.has("crm", "currency", "USD")
    assert tables.translate(*DIRECTION[:2], "EUR", *DIRECTION[2:]) == "2"
    tables.drop_values("new", ("crm", "currency"))
    tables.drop_translations("new", DIRECTION)
    assert (tables.systems(), tables.translates(DIRECTION, "EUR")) == ([], False)


class Book(Service):
    translate: Translate
    dictionary: Dictionaries

    def handle(self) -> list[str]:
        code = self.translate("crm", "currency", "USD", "ledger", "code")
        return [code, *self.dictionary.values("crm", "currency")]


def test_services_use_them_as_attributes():
    tables = Dictionaries()
    tables.put_values("a", ("crm", "currency"), ["USD"])
    tables.put_translations("a", DIRECTION, {"USD": "840"}, None)
    attributes = {"dictionary": tables, "translate": tables.translate}
    server = LocalServer(attributes=attributes)
    assert run_service(Book, server=server).payload == ["840", "USD"]


@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=20), st.text(min_size=1))
def test_every_text_is_translated_to_what_is_said(rows: dict[str, str], other: str):
    tables = Dictionaries()
    tables.put_translations("a", DIRECTION, rows, None)
    for value1, value2 in rows.items():
        assert tables.translate("crm", "currency", value1, "ledger", "code", "?") == value2
    expected = rows.get(other, "?")
    assert tables.translate("crm", "currency", other, "ledger", "code", "?") == expected


def test_a_look_up_takes_no_longer_in_a_table_of_100_000_rows():
    tables = Dictionaries()
    small = {"1": "one"}
    large = {str(number): f"value {number}" for number in range(100_000)}
    tables.put_translations("a", ("a", "a", "b", "b"), small, None)
    tables.put_translations("b", ("c", "c", "d", "d"), large, None)

    def seconds(system1: str, system2: str) -> float:
        began = time.thread_time()
        for _ in range(20_000):
            tables.translate(system1, system1, "1", system2, system2)
        return time.thread_time() - began

    ratios = sorted(seconds("c", "d") / seconds("a", "b") for _ in range(5))
    assert ratios[2] < 3
