"""Whether a server has the key under which the secrets of its cluster are stored: the ODB has its
fingerprint.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import inspect, or_, select, update

from ..foundation.errors import Invalid, Unavailable
from . import tables
from .database import Database
from .key_file import REMEDY
from .keys import ENCRYPTED, RENEW, Keys
from .transaction import Transaction

_FEW = 20
"""Definitions with secrets that are tried where the ODB has no fingerprint yet."""


def adopt_keys(database: Database, keys: Keys) -> None:
    """Check a server's keys when it starts, use the one that the ODB names, and write its
    fingerprint unless the ODB has one.

    An ODB of an earlier version has none: then it counts whether secrets that are stored can be
    read. Raises `Invalid` for keys of another cluster.
    """
    check_keys(database, keys)
    column = tables.cluster.c.key_check
    if stored_fingerprint(database) in (None, RENEW):
        vacant = or_(column.is_(None), column == RENEW)
        # no change of what is configured, so no revision
        with database.engine.begin() as connection:
            connection.execute(
                update(tables.cluster).where(vacant).values(key_check=keys.fingerprint)
            )
        # of servers that start at once with different keys, one was first
        check_keys(database, keys)
    keys.follow(stored_fingerprint(database))


def check_keys(database: Database, keys: Keys) -> None:
    """Check whether these keys read what the cluster has stored; raises `Invalid`."""
    stored = stored_fingerprint(database)
    fault = key_fault(stored, keys)
    if stored is None and not _reads_secrets(database, keys):
        fault = _OTHER
    if fault:
        raise Invalid({"server.secret_key": fault})


def use_current_key(transaction: Transaction, keys: Keys) -> None:
    """Have what a transaction writes be encrypted with the key that the cluster uses at this
    moment; raises `Unavailable` where the server does not have it.
    """
    if not keys.follow(transaction.key_check):
        raise Unavailable(_OTHER)


def stored_fingerprint(database: Database) -> str | None:
    """Return the fingerprint of the key that the cluster uses; None if it is unknown.

    An ODB that the next start is yet to upgrade has no column for it.
    """
    columns = inspect(database.engine).get_columns(tables.cluster.name)
    if tables.cluster.c.key_check.name not in [column["name"] for column in columns]:
        return None
    (row,) = database.rows(select(tables.cluster.c.key_check))
    found: str | None = row.key_check
    return found


def key_fault(stored: str | None, keys: Keys) -> str:
    """Return what is wrong with a server's keys; empty if nothing is, or nothing is known."""
    return "" if keys.fits(stored) else _OTHER


_OTHER = (
    "the secret key is not the one of this cluster, whose stored secrets it cannot read: " + REMEDY
)


def _reads_secrets(database: Database, keys: Keys) -> bool:
    """Whether any of the secrets that are stored can be read, or none is stored."""
    data = tables.definition.c.data
    query = select(data).where(data.contains(f'"{ENCRYPTED}"')).limit(_FEW)
    tokens = [token for row in database.rows(query) for token in _tokens(json.loads(row.data))]
    return not tokens or any(_can_read(keys, token) for token in tokens)


def _tokens(data: object) -> Iterator[str]:
    """Yield the encrypted texts in the settings of a definition, at any depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name == ENCRYPTED:
                yield str(value)
            else:
                yield from _tokens(value)
    elif isinstance(data, list):
        for value in data:
            yield from _tokens(value)


def _can_read(keys: Keys, token: str) -> bool:
    try:
        keys.decrypt(token)
    except Invalid:
        return False
    return True
