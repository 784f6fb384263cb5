"""Dictionaries and translations hold the contract of all types."""

from __future__ import annotations

from hansa_devkit.contract import Contract
from hansa_dictionary.kinds import Dictionary, Translation


class TestDictionary(Contract):
    cls = Dictionary
    good = {"system": "crm", "key": "currency", "values": ["USD", "EUR"]}


class TestTranslation(Contract):
    cls = Translation
    good = {
        "system1": "crm",
        "key1": "currency",
        "system2": "ledger",
        "key2": "code",
        "rows": [{"value1": "USD", "value2": "840"}, {"value1": "$", "value2": "840"}],
        "default": "999",
    }
