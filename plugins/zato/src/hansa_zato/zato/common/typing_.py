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
    "anylist",
    "boolnone",
    "callable_",
    "cast_",
    "dataclass",
    "date_",
    "datetime_",
    "datetimez",
    "decimal_",
    "dict_",
    "dictlist",
    "dictnone",
    "field",
    "floatnone",
    "intlist",
    "intnone",
    "list_",
    "listnone",
    "optional",
    "set_",
    "stranydict",
    "strdict",
    "strlist",
    "strnone",
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

date_ = datetime.date
datetime_ = datetime.datetime
datetimez = datetime.datetime
decimal_ = decimal.Decimal
