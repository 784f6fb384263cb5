"""`cPickle`: data is written, and never read, since reading it runs whatever the data says."""

from __future__ import annotations

from pickle import (
    HIGHEST_PROTOCOL,
    PickleError,
    Pickler,
    PicklingError,
    UnpicklingError,
    dump,
    dumps,
)
from typing import NoReturn

__all__ = [
    "HIGHEST_PROTOCOL",
    "PickleError",
    "Pickler",
    "PicklingError",
    "Unpickler",
    "UnpicklingError",
    "dump",
    "dumps",
    "load",
    "loads",
]


def loads(*data: object, **options: object) -> NoReturn:
    """Raise `UnpicklingError`: whoever can change the data could run any code."""
    raise UnpicklingError("cPickle reads nothing here: pickled data can run any code; use JSON")


load = Unpickler = loads
