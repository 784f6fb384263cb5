"""The settings of dictionaries and of translations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from hansa import Invalid, Model, setting

LONGEST_WORD = 45
"""Characters of the name of a system or a key: four of them fit into the name of a definition."""
LONGEST_VALUE = 1000
MOST_ROWS = 100_000
WORD = rf"^[^\x00-\x1f\x7f/]{{1,{LONGEST_WORD}}}(?![\s\S])"
"""The name of a system or a key: no control characters, not even a line break at its end, and no
slash. JSON Schema and Python read it the same.
"""


class DictionarySettings(Model):
    """Dictionary.

    The values that one system knows for one key.
    """

    system: Annotated[str, setting("Name of the system", example="crm", pattern=WORD)]
    key: Annotated[str, setting("Name of what the values are of", example="currency", pattern=WORD)]
    values: Annotated[
        list[Annotated[str, setting("A value", min_length=1, max_length=LONGEST_VALUE)]],
        setting("Values that the system knows", example=["USD", "EUR"], max_length=MOST_ROWS),
    ] = []

    def check(self) -> None:
        """Refuse a value that is there twice; raises `Invalid`."""
        refuse_twice("values", self.values)


class TranslationRow(Model):
    """A value of the first system, and what it is in the second one."""

    value1: Annotated[
        str, setting("Value in the first system", min_length=1, max_length=LONGEST_VALUE)
    ]
    value2: Annotated[str, setting("Value in the second system", max_length=LONGEST_VALUE)]


class TranslationSettings(Model):
    """Translation.

    What values of a key of one system are in another system, or for another key.
    """

    system1: Annotated[str, setting("System to translate from", example="crm", pattern=WORD)]
    key1: Annotated[str, setting("Key to translate from", example="currency", pattern=WORD)]
    system2: Annotated[str, setting("System to translate to", example="iso", pattern=WORD)]
    key2: Annotated[str, setting("Key to translate to", example="number", pattern=WORD)]
    rows: Annotated[
        list[TranslationRow],
        setting(
            "Values with their translations",
            example=[{"value1": "USD", "value2": "840"}],
            max_length=MOST_ROWS,
        ),
    ] = []
    default: Annotated[
        str | None,
        setting("Translation of values that have none; without it, there is none"),
    ] = None

    def check(self) -> None:
        """Refuse a value that is translated twice; raises `Invalid`."""
        refuse_twice("rows", [row.value1 for row in self.rows])


def refuse_twice(name: str, values: Iterable[str]) -> None:
    """Raise `Invalid` for values of a list that stand before in it."""
    seen: set[str] = set()
    faults: dict[str, str] = {}
    for number, value in enumerate(values):
        if value in seen:
            faults[f"{name}.{number}"] = f"{value!r} is there twice"
        seen.add(value)
    if faults:
        raise Invalid(faults)
