"""Who uses what: what definitions refer to, and the services of deployed packages."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable

from sqlalchemy import select

from ..contract.records import Key, label
from ..odb import tables
from ..odb.transaction import Reader


def users_of(
    reader: Reader, kind: str, type: str, names: Iterable[str], besides: Collection[Key] = ()
) -> dict[str, set[str]]:
    """Return the definitions that refer to these names, by name, without those of `besides`."""
    table = tables.reference
    found: dict[str, set[str]] = {}
    query = select(table).where(table.c.to_kind == kind, table.c.to_type.in_(["", type]))
    for row in reader.select_in(query, table.c.to_name, names):
        key = (row.kind, row.type, row.name)
        if key not in besides:
            user = f"{label(key)} ({row.setting} = {row.to_name})"
            found.setdefault(row.to_name, set()).add(user)
    return found


def in_use(users: Iterable[Iterable[str]]) -> str:
    """Return the text that names users, each once."""
    names = {name for some in users for name in some}
    return f"in use by {', '.join(sorted(names))}"


def deployed_services(reader: Reader) -> dict[str, str]:
    """Return the services of the packages that serve, with the file of each."""
    table = tables.package
    rows = reader.run(select(table.c.file, table.c.services).where(table.c.current))
    return {name: row.file for row in rows for name in json.loads(row.services).values()}
