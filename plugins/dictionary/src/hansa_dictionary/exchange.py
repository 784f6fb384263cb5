"""Files of dictionaries and translations: JSON as they are defined, Zato's JSON, and CSV with a row
for each value.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, TypeAlias

from hansa import Invalid, Model, PlainSettings, dump, load, setting

from .settings import DictionarySettings, TranslationRow, TranslationSettings
from .tables import Tables

Part: TypeAlias = Literal["dictionaries", "translations"]
VALUE_COLUMNS = ("system", "key", "value")
TRANSLATION_COLUMNS = ("system1", "key1", "value1", "system2", "key2", "value2")
_BYTE_ORDER_MARK = "\ufeff"


class Document(Model):
    """Dictionaries and translations."""

    dictionaries: Annotated[list[DictionarySettings], setting("The dictionaries")] = []
    translations: Annotated[list[TranslationSettings], setting("The translations")] = []


def document_of(tables: Tables) -> Document:
    """Return all tables, sorted."""
    return Document(
        dictionaries=[
            DictionarySettings(system=system, key=key, values=list(table.values))
            for (system, key), table in sorted(tables.dictionaries.items())
        ],
        translations=[
            TranslationSettings(
                system1=system1,
                key1=key1,
                system2=system2,
                key2=key2,
                rows=[
                    TranslationRow(value1=value1, value2=value2)
                    for value1, value2 in table.rows.items()
                ],
                default=table.default,
            )
            for (system1, key1, system2, key2), table in sorted(tables.translations.items())
        ],
    )


# -- writing ---------------------------------------------------------------------------------------


def write_json(document: Document) -> str:
    """Return a document as JSON."""
    return json.dumps(dump(document), indent=1, ensure_ascii=False) + "\n"


def write_csv(document: Document, part: Part) -> str:
    """Return the dictionaries or the translations of a document as CSV (RFC 4180); defaults are not
    in it.
    """
    written = io.StringIO(newline="")
    rows = csv.writer(written)
    if part == "dictionaries":
        rows.writerow(VALUE_COLUMNS)
        for one in document.dictionaries:
            rows.writerows([one.system, one.key, value] for value in one.values)
    else:
        rows.writerow(TRANSLATION_COLUMNS)
        for each in document.translations:
            rows.writerows(
                [each.system1, each.key1, row.value1, each.system2, each.key2, row.value2]
                for row in each.rows
            )
    return written.getvalue()


# -- reading ---------------------------------------------------------------------------------------


def read_document(text: str) -> Document:
    """Return what a file has: JSON of ours or of Zato, or CSV; raises `Invalid` with all faults."""
    text = text.removeprefix(_BYTE_ORDER_MARK)
    if text.lstrip().startswith("{"):
        return _read_json(text)
    return _read_csv(text)


def _read_json(text: str) -> Document:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Invalid({"text": f"is not JSON: {error}"}) from None
    if "data" in found:
        return _read_zato(found["data"])
    return load(Document, found)


def _read_zato(data: object) -> Document:
    """Return what an export of Zato has: a row for each value."""
    if not isinstance(data, Mapping):
        raise Invalid({"text": "is not an export of Zato: its data is not an object"})
    values = _rows(data, "dict_list")
    translations = _rows(data, "translation_list")
    return _collected(values, translations)


def _rows(data: Mapping[str, object], name: str) -> list[PlainSettings]:
    found = data.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Invalid({"text": f"is not an export of Zato: {name} is not a list of objects"})
    return found


def _read_csv(text: str) -> Document:
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = tuple(reader.fieldnames or ())
        rows = list(reader)
    except csv.Error as error:
        raise Invalid({"text": f"is not CSV: {error}"}) from None
    if set(columns) == set(VALUE_COLUMNS):
        return _collected(rows, [])
    if set(columns) == set(TRANSLATION_COLUMNS):
        return _collected([], rows)
    known = f"{','.join(VALUE_COLUMNS)} or {','.join(TRANSLATION_COLUMNS)}"
    raise Invalid({"text": f"is neither JSON nor CSV with the columns {known}"})


def _collected(
    values: Iterable[Mapping[str, object]], translations: Iterable[Mapping[str, object]]
) -> Document:
    """Return rows as tables; raises `Invalid` with the faults of all rows, by their numbers."""
    faults: dict[str, str] = {}
    dictionaries: dict[tuple[str, str], dict[str, None]] = {}
    for words in _texts(values, VALUE_COLUMNS, "values", faults):
        system, key, value = words
        dictionaries.setdefault((system, key), {})[value] = None
    directions: dict[tuple[str, str, str, str], dict[str, str]] = {}
    for words in _texts(translations, TRANSLATION_COLUMNS, "translations", faults):
        system1, key1, value1, system2, key2, value2 = words
        rows = directions.setdefault((system1, key1, system2, key2), {})
        if rows.setdefault(value1, value2) != value2:
            path = f"{system1} {key1} {value1} to {system2} {key2}"
            faults[path] = f"is translated twice, to {rows[value1]!r} and to {value2!r}"
    if faults:
        raise Invalid(faults)
    data = {
        "dictionaries": [
            {"system": system, "key": key, "values": list(known)}
            for (system, key), known in dictionaries.items()
        ],
        "translations": [
            {
                "system1": system1,
                "key1": key1,
                "system2": system2,
                "key2": key2,
                "rows": [{"value1": value1, "value2": value2} for value1, value2 in rows.items()],
            }
            for (system1, key1, system2, key2), rows in directions.items()
        ],
    }
    return load(Document, data)


def _texts(
    rows: Iterable[Mapping[str, object]],
    columns: tuple[str, ...],
    name: str,
    faults: dict[str, str],
) -> Iterable[list[str]]:
    """Yield the texts of the columns of each row, and note what rows lack."""
    for number, row in enumerate(rows, 1):
        missing = [column for column in columns if row.get(column) is None]
        if missing:
            faults[f"{name}.{number}"] = f"has no {', '.join(missing)}"
            continue
        yield [str(row[column]) for column in columns]
