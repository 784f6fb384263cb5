"""One call of a method of a model, and what both protocols make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from hansa import Misused

from .values import Record, Value

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,200}")
RESERVED = frozenset(("ids", "context"))


@dataclass(frozen=True, slots=True)
class Call:
    """A method of a model, or of records of it; `parameters` are by name."""

    model: str
    method: str
    ids: Sequence[int] | None
    parameters: Record
    context: Mapping[str, Value]

    def __post_init__(self) -> None:
        """Refuse names that would lead to another path; raises `Misused`."""
        faults = {}
        for setting in ("model", "method"):
            name = getattr(self, setting)
            if not isinstance(name, str) or not _NAME.fullmatch(name) or ".." in name:
                faults[setting] = f"{name!r} is not the name of a {setting}"
        for name in RESERVED & self.parameters.keys():
            faults[name] = "is given by an argument of its own"
        if faults:
            raise Misused(faults)


class Caller(Protocol):
    """What carries calls out."""

    def call(self, call: Call) -> Value:
        """Return what a method answers; raises `OdooFault`, and what requests raise."""

    def check(self) -> str:
        """Log in, and return as whom; raises what keeps that from working."""
