"""Names for the values that messages carry.

Services of this dialect put into them what they like, of any type.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Value: TypeAlias = Any
"""A value that services use as what it is: plain data, a model, an XML element, text or bytes."""

PlainDict: TypeAlias = dict[str, Any]
"""An object of plain data, by its keys."""
