"""The objects of Zato's files of enmasse as a part of the table of Zato's names."""

from __future__ import annotations

from typing import Final

from ..mapping import MAPPINGS, NOT_CARRIED, Mapping
from .table import Row, Status, Subject

TITLE: Final = "Objects of enmasse"
NOTE: Final = (
    "Keys of files of enmasse, of security definitions with their type; `hansa import zato` and "
    "`hansa zato export` carry them over."
)
PROOF: Final = (
    "plugins/zato/tests/test_enmasse_roundtrip.py::test_any_part_of_a_configuration_is_stable"
)


def _carried(mapping: Mapping) -> Row:
    here = f"`{mapping.kind} {mapping.type}`"
    note = f"{here}; {mapping.note}" if mapping.note else here
    status: Status = "differs" if mapping.note else "works"
    return Row(mapping.zato, TITLE, "", status, note, proof=PROOF)


SUBJECTS: Final = (
    Subject(
        20,
        TITLE,
        NOTE,
        (
            *(_carried(mapping) for mapping in MAPPINGS if mapping.imported),
            *(
                Row(key, TITLE, "", "not", ": ".join(filter(None, (reason.why, reason.instead))))
                for key, reason in NOT_CARRIED.items()
            ),
        ),
    ),
)
