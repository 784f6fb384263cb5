"""The sections of a form: the fields of each group with what they show, and what is folded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hansa_cli.schema import Schema

from ..visit import Form
from .fields import FieldGroup, FormField, field_groups
from .values import Shown, shown_again, shown_of, stored_value


@dataclass(frozen=True)
class Row:
    """A field and what it shows."""

    field: FormField
    shown: Shown

    @property
    def must_be_seen(self) -> bool:
        """Whether no fold may hide it: it is required, set or faulty."""
        return bool(self.field.required or self.shown.is_set or self.shown.fault)


@dataclass(frozen=True)
class Section:
    """A group of the form: its rows, and those in its fold.

    The settings of a section of their own, such as `cors`, are folded as a whole (`is_folded`).
    """

    title: str
    help: str
    common: list[Row]
    advanced: list[Row]
    is_folded: bool = False

    @property
    def rows(self) -> list[Row]:
        """All rows."""
        return [*self.common, *self.advanced]

    @property
    def set_count(self) -> int:
        """The number of settings in the fold that differ from their default."""
        return sum(1 for row in self.advanced if row.shown.is_set)

    @property
    def whole_set_count(self) -> int:
        """The number of settings of the section that differ from their default."""
        return sum(1 for row in self.rows if row.shown.is_set)

    @property
    def is_open(self) -> bool:
        """Whether the fold hides something that must be seen."""
        return any(row.must_be_seen for row in self.advanced)

    @property
    def is_wholly_open(self) -> bool:
        """Whether the fold of the whole section hides something that must be seen."""
        return any(row.must_be_seen for row in self.rows)


def stored_sections(schema: Schema, settings: Mapping[str, object]) -> list[Section]:
    """Return the form with stored settings."""
    return [
        section_of(
            group, {one.path: shown_of(one, stored_value(settings, one)) for one in group.fields}
        )
        for group in field_groups(schema)
    ]


def posted_sections(schema: Schema, form: Form, faults: Mapping[str, str]) -> list[Section]:
    """Return the form as it was posted, with its faults."""
    return [
        section_of(
            group,
            {one.path: shown_again(one, form, faults) for one in group.fields},
        )
        for group in field_groups(schema)
    ]


def section_of(group: FieldGroup, shown: Mapping[str, Shown]) -> Section:
    """Return the section of a group, with what each of its fields shows by its path."""
    return Section(
        group.title,
        group.help,
        [Row(one, shown[one.path]) for one in group.common],
        [Row(one, shown[one.path]) for one in group.advanced],
        is_folded=group.is_section,
    )
