"""The services of Zato's admin API as a part of the table of Zato's names."""

from __future__ import annotations

from typing import Final

from ..compatibility.table import Row, Subject
from .catalogue import declared
from .declaration import Declared

TITLE: Final = "The admin API"
NOTE: Final = (
    "Services of Zato's admin API, over `POST /zato/json/NAME`, `POST /zato/soap` with the "
    "SOAPAction, `/zato/admin/invoke`, and as plain JSON `/zato/api/invoke/NAME`. Ids are numbers "
    "that are derived from names, the same on all servers; lists take `name_filter`, `query`, "
    "`paginate`, `cur_page` and `page_size`. What a caller may do is judged as in the admin API, by "
    "the services in the last column."
)


def row_of(one: Declared) -> Row:
    """Return what the table says of a service."""
    uses = ", ".join(f"`{name}`" for name in one.uses)
    why = one.why if not uses else f"{one.why}; {uses}" if one.why else uses
    return Row(one.name, TITLE, "", one.status, why, proof=PROOF)


ELSEWHERE: Final = {
    "zato.ping": "",
    "zato.ping2": "",
    "zato.helpers.echo": "",
    "zato.helpers.input-logger": "",
    "zato.service.invoke": "what is behind `/zato/admin/invoke`",
}
"""Services that are written as services of Zato are, with what is said of them."""
BUILTIN: Final = "plugins/zato/tests/test_builtin.py"
"""The test of these."""
PROOF: Final = (
    "plugins/zato/tests/test_administration.py::test_each_service_is_judged_or_does_nothing"
)
"""The test that calls every service."""
_ROWS: Final = [
    *(Row(name, TITLE, "", "works", why, proof=BUILTIN) for name, why in ELSEWHERE.items()),
    *map(row_of, declared().values()),
]
SUBJECTS: Final = (Subject(300, TITLE, NOTE, tuple(sorted(_ROWS, key=lambda row: row.name))),)
