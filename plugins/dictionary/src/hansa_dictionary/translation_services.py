"""The admin services of translations, row by row:
`admin.translation.{list,create,edit,delete,translate}`.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from hansa import Model, setting
from hansa_admin.operation import Operation

from .lookup import Dictionaries
from .operation import Changed, DataOperation, Direction, Value1, Value2
from .settings import LONGEST_VALUE
from .tables import Tables


class AskedTranslations(Model):
    """Which translations to list; all conditions hold."""

    system1: Annotated[str, setting("Only from this system")] = ""
    key1: Annotated[str, setting("Only from this key")] = ""
    system2: Annotated[str, setting("Only to this system")] = ""
    key2: Annotated[str, setting("Only to this key")] = ""
    filter: Annotated[
        str, setting("Only those with a value that contains this text, in upper or lower case")
    ] = ""
    offset: Annotated[int, setting("Number to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number to return", ge=1, le=10_000)] = 1000

    def wants(self, direction: tuple[str, str, str, str]) -> bool:
        """Whether translations of a direction are asked for."""
        asked = (self.system1, self.key1, self.system2, self.key2)
        return all(want in ("", have) for want, have in zip(asked, direction, strict=True))


class ListedTranslation(Model):
    """A value and what it is in another system."""

    system1: Annotated[str, setting("System to translate from")]
    key1: Annotated[str, setting("Key to translate from")]
    value1: Annotated[str, setting("Value in the first system")]
    system2: Annotated[str, setting("System to translate to")]
    key2: Annotated[str, setting("Key to translate to")]
    value2: Annotated[str, setting("Value in the second system")]


class ListedDirection(Model):
    """A translation from one key of a system to another."""

    system1: Annotated[str, setting("System to translate from")]
    key1: Annotated[str, setting("Key to translate from")]
    system2: Annotated[str, setting("System to translate to")]
    key2: Annotated[str, setting("Key to translate to")]
    count: Annotated[int, setting("Number of values that it translates")]
    default: Annotated[
        str | None, setting("Translation of all other values; null if there is none")
    ]
    name: Annotated[str, setting("Name of the definition data translation that holds it")]


class Translations(Model):
    """A page of translations."""

    items: Annotated[list[ListedTranslation], setting("Translations, by systems and keys")]
    total: Annotated[int, setting("Number of translations on all pages")]
    directions: Annotated[list[ListedDirection], setting("All directions there are")]


class EditedTranslation(Value2):
    """A value and its new translation."""

    renamed: Annotated[
        str,
        setting(
            "What the value in the first system is to be; empty if it stays",
            max_length=LONGEST_VALUE,
        ),
    ] = ""


class AskedTranslation(Direction):
    """A value to be translated."""

    value1: Annotated[
        str,
        setting("Value in the first system", example="USD", min_length=1, max_length=LONGEST_VALUE),
    ]
    default: Annotated[str, setting("What a value without a translation is to be")] = ""


class Translated(Model):
    """What a value is in another system."""

    value2: Annotated[str, setting("Value in the second system")]
    found: Annotated[
        Literal["row", "default", "nothing"],
        setting(
            "Whether the value has a translation of its own, or is what all others are, or neither"
        ),
    ]
    repr: Annotated[str, setting("The value as Python writes it")]
    hex: Annotated[str, setting("Its bytes in UTF-8, in hexadecimal")]
    sha1: Annotated[str, setting("SHA-1 of its bytes")]
    sha256: Annotated[str, setting("SHA-256 of its bytes")]


class TranslationList(DataOperation):
    """List the values that are translated."""

    name = "admin.translation.list"
    right = "view"
    Input = AskedTranslations
    Output = Translations

    def handle(self) -> Translations:
        """Return a page of the list."""
        asked: AskedTranslations = self.request.input
        tables = sorted(self.tables().translations.items())
        text = asked.filter.lower()
        found = [
            (direction, value1, value2)
            for direction, table in tables
            if asked.wants(direction)
            for value1, value2 in table.rows.items()
            if text in value1.lower() or text in value2.lower()
        ]
        page = found[asked.offset : asked.offset + asked.limit]
        return Translations(
            items=[_listed(*one) for one in page],
            total=len(found),
            directions=[
                ListedDirection(
                    **_named(direction),
                    count=len(table.rows),
                    default=table.default,
                    name=table.name,
                )
                for direction, table in tables
            ],
        )


def _named(direction: tuple[str, str, str, str]) -> dict[str, str]:
    names = ("system1", "key1", "system2", "key2")
    return dict(zip(names, direction, strict=True))


def _listed(direction: tuple[str, str, str, str], value1: str, value2: str) -> ListedTranslation:
    return ListedTranslation(**_named(direction), value1=value1, value2=value2)


class TranslationCreate(DataOperation):
    """Translate a value; both values must be in the dictionaries of their systems and keys, where
    there are such.
    """

    name = "admin.translation.create"
    right = "develop"
    Input = Value2
    Output = Changed

    def handle(self) -> Changed:
        """Add it; raises `Conflict` or `Invalid`."""
        asked: Value2 = self.request.input

        def act(tables: Tables) -> None:
            tables.add_translation(direction_of(asked), asked.value1, asked.value2)

        return self.change(act)


class TranslationEdit(DataOperation):
    """Change what a value is in another system."""

    name = "admin.translation.edit"
    right = "develop"
    Input = EditedTranslation
    Output = Changed

    def handle(self) -> Changed:
        """Change it; raises `NotFound`, `Conflict` or `Invalid`."""
        asked: EditedTranslation = self.request.input
        renamed = asked.renamed or asked.value1

        def act(tables: Tables) -> None:
            tables.change_translation(direction_of(asked), asked.value1, renamed, asked.value2)

        return self.change(act)


class TranslationDelete(DataOperation):
    """Translate a value no more."""

    name = "admin.translation.delete"
    right = "develop"
    Input = Value1
    Output = Changed

    def handle(self) -> Changed:
        """Delete it; raises `NotFound`."""
        asked: Value1 = self.request.input

        def act(tables: Tables) -> None:
            tables.remove_translation(direction_of(asked), asked.value1)

        return self.change(act)


class TranslationTranslate(DataOperation):
    """Translate a value as services do, to try it."""

    name = "admin.translation.translate"
    right = "view"
    Input = AskedTranslation
    Output = Translated

    def handle(self) -> Translated:
        """Return what it is; an empty text if it has no translation."""
        asked: AskedTranslation = self.request.input
        direction = direction_of(asked)
        value2, found = self._looked_up(direction, asked.value1, asked.default)
        raw = value2.encode()
        return Translated(
            value2=value2,
            found=found,
            repr=repr(value2),
            hex=raw.hex(),
            sha1=hashlib.sha1(raw, usedforsecurity=False).hexdigest(),
            sha256=hashlib.sha256(raw).hexdigest(),
        )

    def _looked_up(
        self, direction: tuple[str, str, str, str], value1: str, default: str
    ) -> tuple[str, Literal["row", "default", "nothing"]]:
        dictionaries = self.server.resource(Dictionaries)
        system1, key1, system2, key2 = direction
        value2 = dictionaries.translate(system1, key1, value1, system2, key2, default)
        if dictionaries.translates(direction, value1):
            return value2, "row"
        return value2, "default" if value2 else "nothing"


def direction_of(asked: Direction) -> tuple[str, str, str, str]:
    """Return the systems and keys of an input."""
    return asked.system1, asked.key1, asked.system2, asked.key2


OPERATIONS: tuple[type[Operation], ...] = (
    TranslationList,
    TranslationCreate,
    TranslationEdit,
    TranslationDelete,
    TranslationTranslate,
)
