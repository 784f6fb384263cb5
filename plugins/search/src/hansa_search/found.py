"""What a search has found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = "bool | int | float | str | list[Value] | dict[str, Value] | None"
"""Plain data, as documents hold it."""
Document: TypeAlias = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Found:
    """The documents of one page, and how many there are in all.

    `ids` are those of `documents`, in the same order; `raw` is the whole answer. `complete` is
    false where parts of the cluster did not answer, which only a search with `partial` returns.
    """

    total: int
    ids: list[str]
    documents: list[Document]
    raw: Document = field(default_factory=dict, repr=False)
    complete: bool = True
