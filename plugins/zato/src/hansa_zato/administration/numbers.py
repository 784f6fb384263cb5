"""The ids of Zato: numbers, which Hansa derives from names.

They are the same on all servers and after each restart, export and import, and nothing has to be
written down before the first list. A definition that is deleted and made again has the same one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..dialect.channel import definition_id
from ..dialect.exceptions import HTTPException

if TYPE_CHECKING:
    from hansa import DefinitionRecord

    from .call import Call

__all__ = ["CONFLICT", "definition_id", "find", "number_of"]

CONFLICT = 409


def number_of(record: DefinitionRecord) -> int:
    """Return the number of a definition that is stored."""
    return definition_id(record.kind, record.type, record.name)


def find(call: Call, records: Iterable[DefinitionRecord], what: str) -> DefinitionRecord:
    """Return the definition that the input names by its `id`; raises `HTTPException`.

    In the rare case that two have the same number, neither is touched.
    """
    wanted = str(call.input.get("id"))
    found = [record for record in records if str(number_of(record)) == wanted]
    if len(found) > 1:
        names = " and ".join(record.name for record in found)
        raise HTTPException(call.cid, f"{names} have the same id, {wanted}", CONFLICT)
    if not found:
        raise call.not_found(what, wanted)
    return found[0]
