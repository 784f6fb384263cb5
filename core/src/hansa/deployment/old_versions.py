"""Old versions of deployed packages, removed once nothing in the change log names them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import chain
from typing import Final

from sqlalchemy import delete, func, select, update

from ..contract.change_log import PACKAGE_KIND
from ..odb import tables
from ..odb.database import Database
from ..odb.engine import guarded
from ..odb.transaction import Reader

PACKAGE_TYPE: Final = "package"
package = tables.package
change = tables.change
cluster = tables.cluster


class OldVersions:
    """Removes versions of packages, in portions; the change log says which of them are needed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def prune(self, keep: int, *, portion: int) -> Iterator[int]:
        """Remove versions as `contract.server.Packages.prune` says."""
        for file in self._long_histories():
            number = portion
            while number == portion:
                number = self._prune(file, keep, portion)
                if number:
                    yield number

    def _long_histories(self) -> list[str]:
        """Return the packages with versions that do not serve."""
        query = select(package.c.file).group_by(package.c.file).having(func.count() > 1)
        return [row.file for row in self._database.rows(query.order_by(package.c.file))]

    @guarded
    def _prune(self, file: str, keep: int, portion: int) -> int:
        """Remove up to a portion of the versions of one package; returns how many."""
        # nobody waits while the change log is read, which may have many lines about a file
        with self._database.reader() as reader:
            if not _needless(reader, file, keep):
                return 0
        with self._database.engine.begin() as connection:
            writer = Reader(connection)
            # in one line with deployments: none may go back to a version that is being removed
            writer.run(update(cluster).values(revision=cluster.c.revision))
            found = _needless(writer, file, keep)[:portion]
            this = package.c.file == file
            writer.run(delete(package).where(this, package.c.version.in_(found)))
        return len(found)


def _needless(reader: Reader, file: str, keep: int) -> list[int]:
    """Return the versions that do not serve, are none of the newest, and are not in the change log."""
    of_package = select(package.c.version, package.c.current).where(package.c.file == file)
    rows = list(reader.run(of_package.order_by(package.c.version.desc())))
    serves = any(row.current for row in rows)
    # the highest number stays in any case: it is never given a second time
    newest = {row.version for row in rows[: keep if serves else 1]}
    candidates = {row.version for row in rows if not row.current} - newest
    if candidates:
        candidates -= _named(reader, file)
    return sorted(candidates)


def _named(reader: Reader, file: str) -> set[int]:
    """Return the versions of a package that lines of the change log name."""
    c = change.c
    about = (c.kind == PACKAGE_KIND, c.type == PACKAGE_TYPE, c.name == file, c.data.is_not(None))
    lines = reader.run(select(c.data).where(*about).distinct())
    return {int(json.loads(text)["version"]) for text in chain.from_iterable(lines)}
