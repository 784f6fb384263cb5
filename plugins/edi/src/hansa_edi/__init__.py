"""EDI for Hansa: the formats `edifact` and `x12`."""

from .interchange import (
    EdifactGroup,
    EdifactInterchange,
    EdifactMessage,
    EdifactSeparators,
    X12Group,
    X12Interchange,
    X12Separators,
    X12Transaction,
)

__all__ = [
    "EdifactGroup",
    "EdifactInterchange",
    "EdifactMessage",
    "EdifactSeparators",
    "X12Group",
    "X12Interchange",
    "X12Separators",
    "X12Transaction",
]
