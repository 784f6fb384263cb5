"""All dictionaries and translations as they are defined, changed row by row, and the edits of
definitions that a change amounts to.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hansa import Conflict, DefinitionRecord, Edit, Invalid, NotFound, PlainSettings

from .kinds import KIND, Dictionary, Translation
from .lookup import Direction, Subject
from .settings import DictionarySettings, TranslationSettings


@dataclass
class DictionaryTable:
    """The values of one system and key; with revision 0 it is not defined yet."""

    name: str = ""
    revision: int = 0
    values: dict[str, None] = field(default_factory=dict)


@dataclass
class TranslationTable:
    """The translations of one direction; with revision 0 it is not defined yet."""

    name: str = ""
    revision: int = 0
    rows: dict[str, str] = field(default_factory=dict)
    default: str | None = None

    @property
    def with_default(self) -> dict[str, str]:
        """The translations, with that of all other values under an empty text."""
        return self.rows if self.default is None else {**self.rows, "": self.default}


class Tables:
    """Dictionaries by system and key, translations by direction. Definitions whose system or key is
    looked up elsewhere, as by `{"$env": "X"}`, are not among them.
    """

    def __init__(self, records: Iterable[DefinitionRecord]) -> None:
        self.dictionaries: dict[Subject, DictionaryTable] = {}
        self.translations: dict[Direction, TranslationTable] = {}
        self._names: dict[str, set[str]] = {Dictionary.type: set(), Translation.type: set()}
        for record in records:
            self._names[record.type].add(record.name)
            if record.type == Dictionary.type:
                self._add_dictionary(record)
            else:
                self._add_translation(record)

    def _add_dictionary(self, record: DefinitionRecord) -> None:
        data = record.data
        subject = (data["system"], data["key"])
        if all(isinstance(word, str) for word in subject):
            values = dict.fromkeys(data.get("values", []))
            self.dictionaries[subject] = DictionaryTable(record.name, record.revision, values)

    def _add_translation(self, record: DefinitionRecord) -> None:
        data = record.data
        direction = (data["system1"], data["key1"], data["system2"], data["key2"])
        if all(isinstance(word, str) for word in direction):
            rows = {row["value1"]: row["value2"] for row in data.get("rows", [])}
            table = TranslationTable(record.name, record.revision, rows, data.get("default"))
            self.translations[direction] = table

    # -- values ------------------------------------------------------------------------------------

    def add_value(self, subject: Subject, value: str) -> None:
        """Add a value to a dictionary, which is made if there is none; raises `Conflict`."""
        table = self.dictionaries.setdefault(subject, DictionaryTable())
        if value in table.values:
            raise Conflict(f"the dictionary of {words(subject)} has {value!r} already")
        table.values[value] = None

    def rename_value(self, subject: Subject, value: str, renamed: str) -> None:
        """Give a value another name, in its place, in all translations, too; raises `NotFound` or
        `Conflict`.
        """
        table = self._dictionary_with(subject, value)
        if renamed == value:
            return
        if renamed in table.values:
            raise Conflict(f"the dictionary of {words(subject)} has {renamed!r} already")
        names = [renamed if one == value else one for one in table.values]
        table.values = dict.fromkeys(names)
        for direction, translations in self.translations.items():
            if direction[:2] == subject:
                _rename_first(direction, translations, value, renamed)
            if direction[2:] == subject:
                _rename_second(translations, value, renamed)

    def remove_value(self, subject: Subject, value: str) -> None:
        """Take a value out of a dictionary; raises `NotFound`, or `Conflict` naming the
        translations that use it.
        """
        table = self._dictionary_with(subject, value)
        users = [arrow(direction) for direction in self._translations_with(subject, value)]
        if users:
            raise Conflict(f"{value!r} of {words(subject)} is used by {'; '.join(users)}")
        del table.values[value]

    def _dictionary_with(self, subject: Subject, value: str) -> DictionaryTable:
        table = self.dictionaries.get(subject)
        if table is None or value not in table.values:
            raise NotFound(f"the dictionary of {words(subject)} has no value {value!r}")
        return table

    def _translations_with(self, subject: Subject, value: str) -> Iterator[Direction]:
        """Yield the directions whose rows, or whose default, have a value of a dictionary."""
        for direction, table in self.translations.items():
            is_first = direction[:2] == subject and value in table.rows
            is_second = direction[2:] == subject and value in (*table.rows.values(), table.default)
            if is_first or is_second:
                yield direction

    # -- translations ------------------------------------------------------------------------------

    def add_translation(self, direction: Direction, value1: str, value2: str) -> None:
        """Translate a value that has no translation yet; raises `Conflict`, or `Invalid` for values
        that are not in the dictionaries there are.
        """
        table = self.translations.setdefault(direction, TranslationTable())
        if value1 in table.rows:
            known = table.rows[value1]
            raise Conflict(f"{arrow(direction)}: {value1!r} is translated already, to {known!r}")
        self._refuse_unknown(direction, value1, value2)
        table.rows[value1] = value2

    def change_translation(
        self, direction: Direction, value1: str, renamed: str, value2: str
    ) -> None:
        """Translate a value, which may be another one now, to another value, in its place; raises
        `NotFound`, `Conflict` or `Invalid`.
        """
        table = self._translations_of(direction, value1)
        if renamed != value1 and renamed in table.rows:
            raise Conflict(f"{arrow(direction)}: {renamed!r} is translated already")
        self._refuse_unknown(direction, renamed, value2)
        rows: dict[str, str] = {}
        for first, second in table.rows.items():
            if first == value1:
                rows[renamed] = value2
            else:
                rows[first] = second
        table.rows = rows

    def remove_translation(self, direction: Direction, value1: str) -> None:
        """Translate a value no more; raises `NotFound`."""
        table = self._translations_of(direction, value1)
        del table.rows[value1]

    def _translations_of(self, direction: Direction, value1: str) -> TranslationTable:
        table = self.translations.get(direction)
        if table is None or value1 not in table.rows:
            raise NotFound(f"{arrow(direction)}: {value1!r} has no translation")
        return table

    def _refuse_unknown(self, direction: Direction, value1: str, value2: str) -> None:
        faults: dict[str, str] = {}
        for name, subject, value in (
            ("value1", direction[:2], value1),
            ("value2", direction[2:], value2),
        ):
            table = self.dictionaries.get(subject)
            if table is not None and value not in table.values:
                faults[name] = f"{value!r} is not in the dictionary of {words(subject)}"
        if faults:
            raise Invalid(faults)

    # -- whole tables ------------------------------------------------------------------------------

    def take_in(
        self,
        dictionaries: Iterable[DictionarySettings],
        translations: Iterable[TranslationSettings],
        *,
        replace: bool,
    ) -> None:
        """Add what others have, whose translations count more than those there are; with `replace`,
        what they do not have goes.
        """
        wanted = list(translations)
        if replace:
            for values in self.dictionaries.values():
                values.values = {}
            for table in self.translations.values():
                table.rows = {}
                table.default = None
        for one in dictionaries:
            subject = (one.system, one.key)
            known = self.dictionaries.setdefault(subject, DictionaryTable())
            known.values.update(dict.fromkeys(one.values))
        for each in wanted:
            direction = (each.system1, each.key1, each.system2, each.key2)
            table = self.translations.setdefault(direction, TranslationTable())
            table.rows.update({row.value1: row.value2 for row in each.rows})
            if each.default is not None:
                table.default = each.default

    def unknown_values(self) -> Iterator[tuple[Direction, str, str]]:
        """Yield the values of translations that the dictionaries there are do not have: direction,
        `value1` or `value2`, and the value.
        """
        for direction, table in self.translations.items():
            first = self.dictionaries.get(direction[:2])
            second = self.dictionaries.get(direction[2:])
            for value1, value2 in table.rows.items():
                if first is not None and value1 not in first.values:
                    yield direction, "value1", value1
                if second is not None and value2 not in second.values:
                    yield direction, "value2", value2

    # -- edits -------------------------------------------------------------------------------------

    def edits_since(self, before: Tables) -> list[Edit]:
        """Return the edits of definitions that lead here from how things were."""
        return [*self._dictionary_edits(before), *self._translation_edits(before)]

    def _dictionary_edits(self, before: Tables) -> Iterator[Edit]:
        for subject, table in self.dictionaries.items():
            old = before.dictionaries.get(subject, DictionaryTable())
            if list(table.values) == list(old.values):
                continue
            settings: PlainSettings = {"values": list(table.values)}
            if not table.revision:
                settings |= {"system": subject[0], "key": subject[1]}
            edited = settings if table.values else None
            name = table.name or " ".join(subject)
            yield self._edit(Dictionary.type, name, table.revision, edited)

    def _translation_edits(self, before: Tables) -> Iterator[Edit]:
        for direction, table in self.translations.items():
            old = before.translations.get(direction, TranslationTable())
            is_same = list(table.rows.items()) == list(old.rows.items())
            if is_same and table.default == old.default:
                continue
            name = table.name or arrow(direction)
            edited = _translation_settings(direction, table)
            yield self._edit(Translation.type, name, table.revision, edited)

    def _edit(self, type: str, name: str, revision: int, settings: PlainSettings | None) -> Edit:
        if revision:
            return Edit((KIND, type, name), settings, mode="edit", seen_revision=revision)
        free = _free_name(name, self._names[type])
        self._names[type].add(free)
        return Edit((KIND, type, free), settings, mode="create")


def _translation_settings(direction: Direction, table: TranslationTable) -> PlainSettings | None:
    """Return the settings of a translation; None for one that translates nothing."""
    if not table.rows and table.default is None:
        return None
    rows = [{"value1": first, "value2": second} for first, second in table.rows.items()]
    settings: PlainSettings = {"rows": rows, "default": table.default}
    if not table.revision:
        system1, key1, system2, key2 = direction
        settings |= {"system1": system1, "key1": key1, "system2": system2, "key2": key2}
    return settings


def _rename_first(direction: Direction, table: TranslationTable, value: str, renamed: str) -> None:
    if value not in table.rows:
        return
    if renamed in table.rows:
        raise Conflict(f"{arrow(direction)}: {renamed!r} is translated already")
    table.rows = {
        renamed if first == value else first: second for first, second in table.rows.items()
    }


def _rename_second(table: TranslationTable, value: str, renamed: str) -> None:
    table.rows = {
        first: renamed if second == value else second for first, second in table.rows.items()
    }
    if table.default == value:
        table.default = renamed


def _free_name(wanted: str, taken: set[str]) -> str:
    """Return a name for a new definition: what it is of, with a number where others have it."""
    name = wanted
    number = 2
    while name in taken:
        name = f"{wanted} {number}"
        number += 1
    return name


def words(subject: Subject) -> str:
    """Return a system and a key as messages have them."""
    return " ".join(subject)


def arrow(direction: Direction) -> str:
    """Return a direction as messages, and names of definitions, have it."""
    return f"{' '.join(direction[:2])} to {' '.join(direction[2:])}"
