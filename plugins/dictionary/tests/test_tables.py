"""Rows changed in tables, and the edits of definitions that a change amounts to."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hansa import Conflict, DefinitionRecord, Invalid, NotFound
from hansa_dictionary.exchange import document_of, read_document, write_csv, write_json
from hansa_dictionary.exchange_services import row_changes, take_in
from hansa_dictionary.tables import Tables
from hypothesis import given, strategies as st

CRM = ("crm", "currency")
LEDGER = ("ledger", "code")
DIRECTION = (*CRM, *LEDGER)
RECORDS = [
    DefinitionRecord(
        "data",
        "dictionary",
        "crm currency",
        {"system": "crm", "key": "currency", "values": ["USD", "EUR"]},
        3,
    ),
    DefinitionRecord(
        "data",
        "translation",
        "money",
        {
            "system1": "crm",
            "key1": "currency",
            "system2": "ledger",
            "key2": "code",
            "rows": [{"value1": "USD", "value2": "840"}],
            "default": "999",
        },
        5,
    ),
]


def changed(act: Callable[[Tables], object]) -> list[tuple[str, str, object, int | None]]:
    """What a change amounts to: type, name, settings and the revision that was seen."""
    tables = Tables(RECORDS)
    act(tables)
    return [
        (edit.key[1], edit.key[2], edit.data, edit.seen_revision)
        for edit in tables.edits_since(Tables(RECORDS))
    ]


def test_a_value_is_added_to_its_dictionary_or_makes_one():
    values = ["USD", "EUR", "CHF"]
    assert changed(lambda tables: tables.add_value(CRM, "CHF")) == [
        ("dictionary", "crm currency", {"values": values}, 3)
    ]
    assert changed(lambda tables: tables.add_value(LEDGER, "840")) == [
        (
            "dictionary",
            "ledger code",
            {"system": "ledger", "key": "code", "values": ["840"]},
            None,
        )
    ]


def test_a_name_that_is_taken_gets_a_number():
    record = DefinitionRecord(
        "data", "dictionary", "ledger code", {"system": "a", "key": "b", "values": ["1"]}, 2
    )
    tables = Tables([record])
    tables.add_value(LEDGER, "840")
    assert [edit.key[2] for edit in tables.edits_since(Tables([record]))] == ["ledger code 2"]


def test_a_renamed_value_is_renamed_in_translations_in_its_place():
    assert changed(lambda tables: tables.rename_value(CRM, "USD", "US$")) == [
        ("dictionary", "crm currency", {"values": ["US$", "EUR"]}, 3),
        (
            "translation",
            "money",
            {"rows": [{"value1": "US$", "value2": "840"}], "default": "999"},
            5,
        ),
    ]
    assert changed(lambda tables: tables.rename_value(CRM, "USD", "USD")) == []


def test_the_last_row_takes_a_table_with_it_unless_it_has_a_default():
    def empty(tables: Tables) -> None:
        tables.remove_translation(DIRECTION, "USD")
        tables.remove_value(CRM, "USD")
        tables.remove_value(CRM, "EUR")

    assert changed(empty) == [
        ("dictionary", "crm currency", None, 3),
        ("translation", "money", {"rows": [], "default": "999"}, 5),
    ]


@pytest.mark.parametrize(
    ("act", "error", "text"),
    [
        (lambda tables: tables.add_value(CRM, "USD"), Conflict, "has 'USD' already"),
        (lambda tables: tables.rename_value(CRM, "USD", "EUR"), Conflict, "has 'EUR' already"),
        (lambda tables: tables.rename_value(CRM, "X", "Y"), NotFound, "has no value 'X'"),
        (
            lambda tables: tables.remove_value(CRM, "USD"),
            Conflict,
            "'USD' of crm currency is used by crm currency to ledger code",
        ),
        (lambda tables: tables.remove_value(LEDGER, "840"), NotFound, "ledger code has no value"),
        (
            lambda tables: tables.add_translation(DIRECTION, "USD", "841"),
            Conflict,
            "'USD' is translated already, to '840'",
        ),
        (
            lambda tables: tables.add_translation(DIRECTION, "XXX", "1"),
            Invalid,
            "value1: 'XXX' is not in the dictionary of crm currency",
        ),
        (
            lambda tables: tables.change_translation(DIRECTION, "EUR", "EUR", "1"),
            NotFound,
            "'EUR' has no translation",
        ),
        (
            lambda tables: tables.remove_translation((*LEDGER, *CRM), "840"),
            NotFound,
            "ledger code to crm currency: '840' has no translation",
        ),
    ],
)
def test_what_cannot_be_is_refused(
    act: Callable[[Tables], None], error: type[Exception], text: str
):
    with pytest.raises(error, match=text):
        act(Tables(RECORDS))


def test_a_file_counts_more_and_what_it_lacks_goes_only_if_it_replaces():
    document = read_document(
        json.dumps(
            {
                "dictionaries": [{"system": "crm", "key": "currency", "values": ["CHF", "USD"]}],
                "translations": [
                    {
                        "system1": "crm",
                        "key1": "currency",
                        "system2": "ledger",
                        "key2": "code",
                        "rows": [{"value1": "CHF", "value2": "756"}],
                    }
                ],
            }
        )
    )
    added = Tables(RECORDS)
    take_in(added, document, replace=False)
    assert list(added.dictionaries[CRM].values) == ["USD", "EUR", "CHF"]
    assert added.translations[DIRECTION].rows == {"USD": "840", "CHF": "756"}
    assert added.translations[DIRECTION].default == "999"
    replaced = Tables(RECORDS)
    take_in(replaced, document, replace=True)
    assert list(replaced.dictionaries[CRM].values) == ["CHF", "USD"]
    found = [
        (change.action, change.of, change.value, change.old, change.new)
        for change in row_changes(Tables(RECORDS), replaced)
    ]
    of = "translation crm currency to ledger code"
    assert found == [
        ("delete", "dictionary crm currency", "EUR", None, None),
        ("create", "dictionary crm currency", "CHF", None, None),
        ("delete", of, "USD", "840", None),
        ("delete", of, "", "999", None),
        ("create", of, "CHF", None, "756"),
    ]


def test_an_import_is_refused_whose_translations_are_in_no_dictionary():
    document = read_document(
        "system1,key1,value1,system2,key2,value2\ncrm,currency,XXX,ledger,code,1\n"
    )
    with pytest.raises(Invalid, match="XXX: this value1 is not in its dictionary"):
        take_in(Tables(RECORDS), document, replace=False)


ZATO = {
    "meta": {"current_host": "zato1", "user": "admin"},
    "data": {
        "dict_list": [
            {"id": "1", "system": "crm", "key": "currency", "value": "USD"},
            {"id": "2", "system": "ledger", "key": "code", "value": "840"},
        ],
        "translation_list": [
            {
                "id": "1",
                "system1": "crm",
                "key1": "currency",
                "value1": "USD",
                "system2": "ledger",
                "key2": "code",
                "value2": "840",
                "id1": "1",
                "id2": "2",
            }
        ],
        "last_dict_id": 2,
        "last_translation_id": 1,
    },
}


def test_an_export_of_zato_is_read():
    document = read_document(json.dumps(ZATO))
    assert [(one.system, one.key, one.values) for one in document.dictionaries] == [
        ("crm", "currency", ["USD"]),
        ("ledger", "code", ["840"]),
    ]
    (translation,) = document.translations
    assert [(row.value1, row.value2) for row in translation.rows] == [("USD", "840")]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is not JSON"),
        ('{"data": 1}', "its data is not an object"),
        ('{"data": {"dict_list": [1]}}', "dict_list is not a list of objects"),
        ('{"data": {"dict_list": [{"system": "a"}]}}', "values.1: has no key, value"),
        ('{"dictionaries": [{"system": "a/b", "key": "c"}]}', r"dictionaries\[0\]\.system"),
        ('{"dictionary": []}', "dictionary"),
        ("a,b\n1,2\n", "neither JSON nor CSV with the columns system,key,value or"),
        ("system,key,value\ncrm,currency\n", "values.1: has no value"),
        ('system,key,value\ncrm,currency,"USD', "is not CSV"),
        (
            "system1,key1,value1,system2,key2,value2\na,b,1,c,d,2\na,b,1,c,d,3\n",
            "a b 1 to c d: is translated twice, to '2' and to '3'",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(text: str, fault: str):
    with pytest.raises(Invalid, match=fault):
        read_document(text)


VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.dictionaries(VALUES, VALUES, max_size=10))
def test_what_is_written_is_read_the_same(rows: dict[str, str]):
    tables = Tables([])
    for value1, value2 in rows.items():
        tables.add_translation(DIRECTION, value1, value2)
        tables.add_value(("erp", "unit"), value1)
    document = document_of(tables)
    assert read_document(write_json(document)) == document
    read = [
        read_document(write_csv(document, "dictionaries")).dictionaries,
        read_document(write_csv(document, "translations")).translations,
    ]
    assert read == [document.dictionaries, document.translations]
