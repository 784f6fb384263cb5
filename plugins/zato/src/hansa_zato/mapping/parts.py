"""The parts of a mapping: which keys of an object of Zato are which settings, in both directions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, TypeAlias

from ..payloads import PlainDict
from .values import BOOLEAN, TEXT, Unfit, Value

Generation = Literal["2.0", "3.x", "minimal"]
"""The form of an enmasse file: JSON of 1.1 and 2.0, YAML of 3.x, or the minimal YAML since 3.2."""

RemarkKind = Literal["fault", "lost", "differs"]

NO_SECURITY: Final = "zato-no-security"
"""What Zato calls it that nothing guards a channel."""

Key: TypeAlias = tuple[str, str, str]

_PLAIN: Final[dict[str, object]] = {"True": True, "False": False}


@dataclass(frozen=True, slots=True)
class Remark:
    """What is to be said about a key: it is at fault, it is not carried over, or it differs."""

    kind: RemarkKind
    key: str
    why: str
    instead: str = ""
    code: str = ""


@dataclass
class Reading:
    """One object of Zato as it is read: its settings so far, and what is to be said about it."""

    item: PlainDict
    generation: Generation = "2.0"
    name: str = ""
    groups: dict[str, list[str]] = field(default_factory=dict)
    settings: PlainDict = field(default_factory=dict)
    more: dict[Key, PlainDict] = field(default_factory=dict)
    signs: set[str] = field(default_factory=set)
    security: set[str] = field(default_factory=set)
    remarks: list[Remark] = field(default_factory=list)

    def fault(self, key: str, why: str, code: str = "E08") -> None:
        """Say that a key cannot be as it is."""
        self.remarks.append(Remark("fault", key, why, code=code))

    def lost(self, key: str, why: str, instead: str = "") -> None:
        """Say that a key is not carried over."""
        self.remarks.append(Remark("lost", key, why, instead))

    def differs(self, key: str, why: str, instead: str = "") -> None:
        """Say that a key means something else here."""
        self.remarks.append(Remark("differs", key, why, instead))

    def first(self, keys: Iterable[str]) -> object:
        """Return the value of the first of these keys that has one, else None."""
        return next((self.item[key] for key in keys if self.item.get(key) is not None), None)


@dataclass
class Writing:
    """One definition as it is written for Zato."""

    settings: PlainDict
    generation: Generation
    name: str = ""
    others: dict[Key, PlainDict] = field(default_factory=dict)
    item: PlainDict = field(default_factory=dict)
    groups: dict[str, list[str]] = field(default_factory=dict)
    permissions: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    is_part: bool = False
    """Whether it has been written with another definition, and is no object of its own."""

    def lost(self, key: str, why: str) -> None:
        """Say that a setting is not carried over."""
        self.remarks.append(Remark("lost", key, why))

    def put(self, key: str, value: object, minimal: str = "") -> None:
        """Write a key, by its name in this form of a file."""
        name = minimal if minimal and self.generation == "minimal" else key
        self.item[name] = value


class Part(Protocol):
    """Some keys of an object of Zato, and the settings that they are here."""

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in Zato, in all their spellings."""

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings here."""

    def read(self, reading: Reading) -> None:
        """Set the settings that the keys are."""

    def write(self, writing: Writing) -> None:
        """Write the keys that the settings are."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key that is one setting.

    `default` is the value in Zato that is Hansa's default: it is written where a file must have the
    key, which those of 2.0 must. `also` are other spellings, `minimal` the one in minimal files.
    """

    zato: str
    setting: str
    value: Value = TEXT
    default: object = None
    also: tuple[str, ...] = ()
    minimal: str = ""
    required: bool = False
    secret: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in Zato, in all their spellings."""
        return tuple(filter(None, (self.zato, *self.also, self.minimal)))

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings here."""
        return (self.setting,)

    def read(self, reading: Reading) -> None:
        """Set the settings that the keys are."""
        given = reading.first(self.keys)
        if given is None or (given == "" and not self.required):
            if self.required:
                reading.fault(self.zato, "is required")
            return
        if isinstance(given, dict) and "$env" in given:
            reading.settings[self.setting] = given
            return
        try:
            reading.settings[self.setting] = self.value.read(given)
        except Unfit as unfit:
            why = "is not a text; a secret is quoted" if self.secret else str(unfit)
            reading.fault(self.zato, why)

    def write(self, writing: Writing) -> None:
        """Write the keys that the settings are."""
        value = writing.settings.get(self.setting)
        if value is None:
            if self.default is not None and (self.required or writing.generation != "minimal"):
                writing.put(self.zato, self.default, self.minimal)
            return
        if self.secret and writing.generation == "2.0":
            return  # exports of 2.0 have no passwords
        if isinstance(value, dict) and "$env" in value:
            writing.put(self.zato, f"Zato_Enmasse_Env.{value['$env']}", self.minimal)
            return
        try:
            writing.put(self.zato, self.value.write(value), self.minimal)
        except Unfit as unfit:
            writing.lost(self.setting, str(unfit))


@dataclass(frozen=True, slots=True)
class Choice:
    """One key whose words each stand for values of several settings; None is the default."""

    zato: str
    names: tuple[str, ...]
    choices: dict[str, tuple[object, ...]]
    default: str = ""
    also: tuple[str, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in Zato, in all their spellings."""
        return (self.zato, *self.also)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings here."""
        return self.names

    def read(self, reading: Reading) -> None:
        """Set the settings that the keys are."""
        given = reading.first(self.keys)
        word = self.default if given in (None, "") else str(given)
        if word not in self.choices:
            reading.fault(self.zato, f"{word!r} is none of {', '.join(filter(None, self.choices))}")
            return
        for name, value in zip(self.names, self.choices[word], strict=True):
            if value is not None:
                reading.settings[name] = value

    def write(self, writing: Writing) -> None:
        """Write the keys that the settings are."""
        wanted = tuple(writing.settings.get(name) for name in self.names)
        for word, values in self.choices.items():
            if values == wanted:
                if word and not (writing.generation == "minimal" and word == self.default):
                    writing.put(self.zato, _PLAIN.get(word, word))
                return
        writing.lost(self.names[0], f"Zato has no {self.zato} for it")


@dataclass(frozen=True, slots=True)
class Unused:
    """A key that nothing here corresponds to; it is told, unless its value is one of `quiet`."""

    zato: str
    why: str
    instead: str = ""
    quiet: tuple[object, ...] = (None, "", False, 0)
    fatal: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in Zato, in all their spellings."""
        return (self.zato,)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings here."""
        return ()

    def read(self, reading: Reading) -> None:
        """Set the settings that the keys are."""
        if reading.item.get(self.zato) in self.quiet:
            return
        if self.fatal:
            reading.remarks.append(Remark("lost", self.zato, self.why, self.instead, "W20"))
        else:
            reading.lost(self.zato, self.why, self.instead)

    def write(self, writing: Writing) -> None:
        """Write the keys that the settings are."""


@dataclass(frozen=True, slots=True)
class Custom:
    """Keys and settings that a pair of functions turns into each other.

    `optional` are settings that stay as they are here where a file does not name their keys.
    """

    keys: tuple[str, ...]
    settings: tuple[str, ...]
    reader: Callable[[Reading], None]
    writer: Callable[[Writing], None]
    optional: tuple[str, ...] = ()

    def read(self, reading: Reading) -> None:
        """Set the settings that the keys are."""
        self.reader(reading)

    def write(self, writing: Writing) -> None:
        """Write the keys that the settings are."""
        self.writer(writing)


ACTIVE: Final = Field("is_active", "active", BOOLEAN, default=True)
"""Whether a definition is in service; all types have it."""


def all_keys(parts: Iterable[Part]) -> Iterator[str]:
    """Return the keys of parts in Zato."""
    for part in parts:
        yield from part.keys


def all_settings(parts: Iterable[Part]) -> Iterator[str]:
    """Return the settings of parts."""
    for part in parts:
        yield from part.settings


def written_settings(parts: Iterable[Part]) -> Iterator[str]:
    """Return the settings that parts write, with those that a file need not name."""
    for part in parts:
        yield from part.settings
        if isinstance(part, Custom):
            yield from part.optional
