"""The admin services of dictionaries, row by row: `admin.dictionary.{list,create,edit,delete}`."""

from __future__ import annotations

from typing import Annotated

from hansa import Model, setting
from hansa_admin.operation import Operation

from .operation import Changed, DataOperation, Subject
from .settings import LONGEST_VALUE
from .tables import Tables


class AskedValues(Model):
    """Which values to list; all conditions hold."""

    system: Annotated[str, setting("Only of this system")] = ""
    key: Annotated[str, setting("Only of this key")] = ""
    filter: Annotated[
        str, setting("Only values that contain this text, in upper or lower case")
    ] = ""
    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=10_000)] = 1000


class ListedValue(Model):
    """A value that a system knows."""

    system: Annotated[str, setting("Name of the system")]
    key: Annotated[str, setting("Name of what the value is of")]
    value: Annotated[str, setting("The value")]


class ListedDictionary(Model):
    """A dictionary."""

    system: Annotated[str, setting("Name of the system")]
    key: Annotated[str, setting("Name of what the values are of")]
    count: Annotated[int, setting("Number of its values")]
    name: Annotated[str, setting("Name of the definition data dictionary that holds it")]


class Values(Model):
    """A page of values."""

    items: Annotated[list[ListedValue], setting("Values, by system and key")]
    total: Annotated[int, setting("Number of values on all pages")]
    dictionaries: Annotated[list[ListedDictionary], setting("All dictionaries there are")]


class Value(Subject):
    """A value of a dictionary."""

    value: Annotated[
        str, setting("The value", example="USD", min_length=1, max_length=LONGEST_VALUE)
    ]


class RenamedValue(Value):
    """A value, and what it is to be."""

    renamed: Annotated[
        str,
        setting("What the value is to be", example="EUR", min_length=1, max_length=LONGEST_VALUE),
    ]


class DictionaryList(DataOperation):
    """List the values of dictionaries."""

    name = "admin.dictionary.list"
    right = "view"
    Input = AskedValues
    Output = Values

    def handle(self) -> Values:
        """Return a page of the list."""
        asked: AskedValues = self.request.input
        tables = sorted(self.tables().dictionaries.items())
        text = asked.filter.lower()
        found = [
            ListedValue(system=system, key=key, value=value)
            for (system, key), table in tables
            if asked.system in ("", system) and asked.key in ("", key)
            for value in table.values
            if text in value.lower()
        ]
        listed = [
            ListedDictionary(system=system, key=key, count=len(table.values), name=table.name)
            for (system, key), table in tables
        ]
        page = found[asked.offset : asked.offset + asked.limit]
        return Values(items=page, total=len(found), dictionaries=listed)


class DictionaryCreate(DataOperation):
    """Add a value to the dictionary of a system and a key, which is made if there is none."""

    name = "admin.dictionary.create"
    right = "develop"
    Input = Value
    Output = Changed

    def handle(self) -> Changed:
        """Add it; raises `Conflict`."""
        asked: Value = self.request.input
        return self.change(lambda tables: tables.add_value(subject_of(asked), asked.value))


class DictionaryEdit(DataOperation):
    """Change a value of a dictionary, in all translations, too."""

    name = "admin.dictionary.edit"
    right = "develop"
    Input = RenamedValue
    Output = Changed

    def handle(self) -> Changed:
        """Change it; raises `NotFound` or `Conflict`."""
        asked: RenamedValue = self.request.input

        def act(tables: Tables) -> None:
            tables.rename_value(subject_of(asked), asked.value, asked.renamed)

        return self.change(act)


class DictionaryDelete(DataOperation):
    """Delete a value of a dictionary that no translation uses; the last one takes the dictionary
    with it.
    """

    name = "admin.dictionary.delete"
    right = "develop"
    Input = Value
    Output = Changed

    def handle(self) -> Changed:
        """Delete it; raises `NotFound`, or `Conflict` naming what uses it."""
        asked: Value = self.request.input
        return self.change(lambda tables: tables.remove_value(subject_of(asked), asked.value))


def subject_of(asked: Subject) -> tuple[str, str]:
    """Return the system and the key of an input."""
    return asked.system, asked.key


OPERATIONS: tuple[type[Operation], ...] = (
    DictionaryList,
    DictionaryCreate,
    DictionaryEdit,
    DictionaryDelete,
)
