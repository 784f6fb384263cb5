"""Whether a server still has the operational database (ODB) of its cluster, and a key that reads
it.
"""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import select

from ..foundation.errors import Invalid, Unavailable
from ..odb import tables
from ..odb.database import Database
from ..odb.engine import open_engine, sqlite_file
from ..odb.identity import NOTE, check_own, has_schema, known_identity
from ..odb.key_check import check_keys, key_fault
from ..odb.keys import Keys, read_keys
from ..plugins.configuration import read_config

log = logging.getLogger("hansa.server")


class OdbWatch:
    """What a running server finds wrong with its ODB, by looking at it again and again.

    One that does not answer at the moment is nothing wrong: what is configured goes on without it.
    """

    def __init__(self, database: Database, folder: Path, keys: Keys) -> None:
        self._database = database
        self._keys = keys
        self._file = sqlite_file(database.engine.url)
        self._identity = known_identity(folder)
        self._fault = ""
        self.revision: int | None = None
        """The newest revision when it was looked at last; None if the ODB did not answer."""

    def fault(self) -> str:
        """Return why the server cannot do its work; empty if it can."""
        found = self._look()
        if found and found != self._fault:
            log.error("not ready: %s", found)
        elif self._fault and not found:
            log.warning("the ODB is there again")
        self._fault = found
        return found

    def _look(self) -> str:
        self.revision = None
        if self._file is not None and not self._file.exists():
            return f"the operational database is missing: the file {self._file} is gone"
        try:
            (row,) = self._database.rows(select(tables.cluster))
        except (Unavailable, ValueError):
            return self._fault
        self.revision = int(row.revision)
        if self._identity and row.identity != self._identity:
            return "the operational database is another than the one this server has used"
        self._keys.follow(row.key_check)
        return key_fault(row.key_check, self._keys)


def check_odb(path: Path, folder: Path) -> None:
    """Check, for the server of a configuration file in a folder, that its ODB and its secret key
    are those of its cluster; changes nothing. Raises `Invalid` with all faults.
    """
    config = read_config(path, directory=str(folder))
    faults: dict[str, str] = {}
    keys: Keys | None = None
    try:
        keys = read_keys(config.dir, config.server.secret_key)
    except Invalid as invalid:
        # the first start makes one
        if (config.dir / NOTE).exists():
            faults.update(invalid.errors)
    engine = open_engine(config.odb_url)
    try:
        check_own(engine, config.dir)
        if keys is not None and has_schema(engine):
            check_keys(Database(engine), keys)
    except Invalid as invalid:
        faults.update(invalid.errors)
    finally:
        engine.dispose()
    if faults:
        raise Invalid(faults)
