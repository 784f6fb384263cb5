"""The admin services that export and import dictionaries and translations:
`admin.dictionary.{export,import}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Literal, TypeAlias

from hansa import Invalid, Model, setting
from hansa_admin.operation import Operation

from .exchange import Document, document_of, read_document, write_csv, write_json
from .operation import Changed, DataOperation
from .tables import Tables, arrow

MOST_SHOWN = 200
"""Changes of a plan, and faults, that an answer has; others are counted."""


class AskedExport(Model):
    """What to export."""

    format: Annotated[
        Literal["json", "csv"],
        setting("json has everything; csv has a row for each value of one part"),
    ] = "json"
    part: Annotated[
        Literal["dictionaries", "translations"], setting("Part that csv is written of")
    ] = "translations"


class Exported(Model):
    """The content of a file."""

    text: Annotated[str, setting("The file")]
    content_type: Annotated[str, setting("Its content type")]


class AskedImport(Model):
    """What to import."""

    text: Annotated[
        str,
        setting(
            "The file: JSON as admin.dictionary.export writes it, JSON of an export of Zato, or CSV "
            "with the columns system, key, value or system1, key1, value1, system2, key2, value2",
            multiline=True,
            min_length=1,
        ),
    ]
    replace: Annotated[bool, setting("Also delete what the file does not have")] = False
    plan: Annotated[bool, setting("Only return what would change")] = False


class RowChange(Model):
    """How one row changes."""

    action: Annotated[Literal["create", "edit", "delete"], setting("What becomes of it")]
    of: Annotated[str, setting("The dictionary or translation")]
    value: Annotated[str, setting("The value; empty for the default of a translation")]
    old: Annotated[str | None, setting("Its translation before; null if there was none")] = None
    new: Annotated[str | None, setting("Its translation after; null if there is none")] = None


class Imported(Changed):
    """What an import changes, or has changed."""

    created: Annotated[int, setting("Number of rows that are new")] = 0
    edited: Annotated[int, setting("Number of translations that are others")] = 0
    deleted: Annotated[int, setting("Number of rows that go")] = 0
    items: Annotated[list[RowChange], setting(f"The first {MOST_SHOWN} of these changes")] = []


class DictionaryExport(DataOperation):
    """Export all dictionaries and translations as the content of a file."""

    name = "admin.dictionary.export"
    right = "view"
    Input = AskedExport
    Output = Exported

    def handle(self) -> Exported:
        """Return the file."""
        asked: AskedExport = self.request.input
        document = document_of(self.tables())
        if asked.format == "csv":
            return Exported(text=write_csv(document, asked.part), content_type="text/csv")
        return Exported(text=write_json(document), content_type="application/json")


class DictionaryImport(DataOperation):
    """Import dictionaries and translations, all of them or none, or show what that would change."""

    name = "admin.dictionary.import"
    right = "develop"
    Input = AskedImport
    Output = Imported

    def handle(self) -> Imported:
        """Import them; raises `Invalid` with all faults."""
        asked: AskedImport = self.request.input
        document = read_document(asked.text)
        before = self.tables()
        after = self.tables()
        take_in(after, document, replace=asked.replace)
        changes = list(row_changes(before, after))
        done = Changed()
        if not asked.plan:
            done = self.change(lambda tables: take_in(tables, document, replace=asked.replace))
        counts = dict.fromkeys(("create", "edit", "delete"), 0)
        for change in changes:
            counts[change.action] += 1
        return Imported(
            revision=done.revision,
            applied=done.applied,
            pending=done.pending,
            created=counts["create"],
            edited=counts["edit"],
            deleted=counts["delete"],
            items=changes[:MOST_SHOWN],
        )


def take_in(tables: Tables, document: Document, *, replace: bool) -> None:
    """Take a document into tables; raises `Invalid` for translations whose values are in no
    dictionary, though there is one.
    """
    tables.take_in(document.dictionaries, document.translations, replace=replace)
    faults = {
        f"{arrow(direction)}: {value}": f"this {name} is not in its dictionary"
        for direction, name, value in islice(tables.unknown_values(), MOST_SHOWN)
    }
    if faults:
        raise Invalid(faults)


Rows: TypeAlias = Mapping[str, str | None]


def row_changes(before: Tables, after: Tables) -> Iterator[RowChange]:
    """Yield what differs, row by row."""
    for subject in sorted({*before.dictionaries, *after.dictionaries}):
        old = before.dictionaries.get(subject)
        new = after.dictionaries.get(subject)
        of = f"dictionary {' '.join(subject)}"
        old_values: Rows = old.values if old is not None else {}
        new_values: Rows = new.values if new is not None else {}
        yield from _changes(of, old_values, new_values)
    for direction in sorted({*before.translations, *after.translations}):
        was = before.translations.get(direction)
        now = after.translations.get(direction)
        of = f"translation {arrow(direction)}"
        old_rows = was.with_default if was is not None else {}
        new_rows = now.with_default if now is not None else {}
        yield from _changes(of, old_rows, new_rows)


def _changes(of: str, old: Rows, new: Rows) -> Iterator[RowChange]:
    for value in old:
        if value not in new:
            yield RowChange(action="delete", of=of, value=value, old=old[value])
    for value, translated in new.items():
        if value not in old:
            yield RowChange(action="create", of=of, value=value, new=translated)
        elif old[value] != translated:
            yield RowChange(action="edit", of=of, value=value, old=old[value], new=translated)


OPERATIONS: tuple[type[Operation], ...] = (DictionaryExport, DictionaryImport)
