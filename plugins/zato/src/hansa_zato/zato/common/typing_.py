"""Type names that 3.x services use in their models."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Set, Tuple, Union, cast  # noqa: UP035 (Zato's)

__all__ = [
    "any_",
    "anydict",
    "anydictnone",
    "anylist",
    "anylistnone",
    "anynone",
    "boolnone",
    "bytesnone",
    "callable_",
    "cast_",
    "dataclass",
    "date_",
    "datetime_",
    "datetimez",
    "decimal_",
    "dict_",
    "dict_field",
    "dictlist",
    "dictnone",
    "dictorlist",
    "field",
    "floatlist",
    "floatnone",
    "intdict",
    "intlist",
    "intlistnone",
    "intnone",
    "intset",
    "list_",
    "list_field",
    "listnone",
    "optional",
    "set_",
    "stranydict",
    "strdict",
    "strdictlist",
    "strdictnone",
    "strint",
    "strintdict",
    "strlist",
    "strlistdict",
    "strlistnone",
    "strnone",
    "strset",
    "strstrdict",
    "tuple_",
    "union_",
]

any_ = Any
callable_ = Callable[..., Any]
cast_ = cast
dict_ = Dict  # noqa: UP006 (Zato's)
list_ = List  # noqa: UP006 (Zato's)
optional = Optional
set_ = Set  # noqa: UP006 (Zato's)
tuple_: object = Tuple  # noqa: UP006 (Zato's)
union_ = Union

anylist = list[any_]
anydict = dict[any_, any_]
strdict = dict[str, any_]
stranydict = strdict
dictlist = list[anydict]
intlist = list[int]
strlist = list[str]

boolnone = bool | None
dictnone = anydict | None
floatnone = float | None
intnone = int | None
listnone = anylist | None
strnone = str | None

anydictnone = anydict | None
anylistnone = anylist | None
anynone = any_ | None
bytesnone = bytes | None
dictorlist = anydict | anylist
floatlist = list[float]
intdict = dict[int, int]
intlistnone = intlist | None
intset = set[int]
strdictlist = list[strdict]
strdictnone = strdict | None
strint = str | int
strintdict = dict[str, int]
strlistdict = dict[str, strlist]
strlistnone = strlist | None
strset = set[str]
strstrdict = dict[str, str]

date_ = datetime.date
datetime_ = datetime.datetime
datetimez = datetime.datetime
decimal_ = decimal.Decimal


def list_field() -> Any:
    """Return the field of a model whose default is a new, empty list."""
    return field(default_factory=list)


def dict_field() -> Any:
    """Return the field of a model whose default is a new, empty dictionary."""
    return field(default_factory=dict)
