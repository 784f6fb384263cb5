"""Type names that 3.x services use in their models."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Set, Tuple, Union, cast  # noqa: UP035

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
dict_, list_, optional, set_, tuple_, union_ = Dict, List, Optional, Set, Tuple, Union  # noqa: UP006
callable_ = Callable[..., Any]
cast_ = cast
anydict = dict[Any, Any]
anylist = list[Any]
stranydict = strdict = dict[str, Any]
dictlist = list[dict[Any, Any]]
intlist, strlist = list[int], list[str]
boolnone, dictnone, floatnone, intnone = (
    bool | None,
    dict[Any, Any] | None,
    float | None,
    int | None,
)
listnone, strnone = list[Any] | None, str | None
date_, datetime_, datetimez, decimal_ = (
    datetime.date,
    datetime.datetime,
    datetime.datetime,
    decimal.Decimal,
)
