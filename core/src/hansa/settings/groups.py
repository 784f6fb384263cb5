"""The settings of a model by the class that declares them, as forms show them together."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

from .model import Model, fields

_VERSION = re.compile(r"@\w+")
_END_OF_SENTENCE = re.compile(r"(?<=[.!?])\s|\n\s*\n")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class SettingGroup:
    """The settings that one class declares: its name, which stays the same when a service is
    deployed anew, the first sentence of its docstring, and the settings in their order.
    """

    name: str
    title: str
    settings: list[str] = field(default_factory=list)


def groups_of(model: type[Model]) -> list[SettingGroup]:
    """Return the settings of a model by the class that declares them: its own ones first, then those
    of its bases, in the order in which Python looks them up.
    """
    found: dict[type, SettingGroup] = {}
    names: set[str] = set()
    declared = {one.name for one in fields(model)}
    for cls in model.__mro__:
        own = [name for name in inspect.get_annotations(cls) if name in declared - names]
        if not own:
            continue
        name = cls.__name__
        if any(group.name == name for group in found.values()):
            name = _VERSION.sub("", f"{cls.__module__}.{cls.__qualname__}")
        found[cls] = SettingGroup(name, title_of(cls), own)
        names.update(own)
    return list(found.values())


def title_of(cls: type) -> str:
    """Return the first sentence of a class's docstring, without its full stop; its name in words if
    it has none.
    """
    text = inspect.cleandoc(cls.__doc__ or "")
    # a dataclass without a docstring is given its signature as one
    if not text or text.startswith(f"{cls.__name__}("):
        words = " ".join(_WORD.findall(cls.__name__))
        return words.capitalize()
    sentence = _END_OF_SENTENCE.split(text, maxsplit=1)[0]
    return " ".join(sentence.split()).removesuffix(".")
