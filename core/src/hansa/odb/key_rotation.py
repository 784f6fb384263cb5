"""The cluster goes over to another of the keys that its servers have: everything that is stored is
encrypted and signed anew, in one transaction.
"""

from __future__ import annotations

import json

from sqlalchemy import Table, select, update

from ..foundation.errors import Invalid
from . import tables
from .database import Database
from .engine import guarded
from .key_file import SETTING
from .keys import ENCRYPTED, Keys, SecretKey, signed_source
from .transaction import Transaction

KEY_CHANGE = ("server", "", "")
"""What the line of the change log by which workers learn of another key is about."""


@guarded
def rotate(database: Database, keys: Keys, fingerprint: str, *, by: str = "") -> int:
    """Have the cluster use the key with this fingerprint, which is one of `keys`; returns the
    revision.

    Either all that is stored is encrypted with it afterwards, or nothing is. Raises `Invalid` for a
    key that is not there.
    """
    keys.refresh(fingerprint)
    key = keys.find(fingerprint)
    if key is None:
        raise Invalid({SETTING: f"this server does not hold the key {fingerprint[:12]}"})
    with database.transaction(by) as transaction:
        _renew_secrets(transaction, tables.definition, keys, key)
        _renew_secrets(transaction, tables.change, keys, key)
        _sign_packages(transaction, keys, key)
        transaction.run(update(tables.cluster).values(key_check=fingerprint))
        transaction.log(KEY_CHANGE, "rotate")
    return transaction.revision


def renewed(data: object, keys: Keys, key: SecretKey) -> object:
    """Return settings, at any depth, with their secrets encrypted with `key`.

    What none of `keys` can read stays as it is.
    """
    if isinstance(data, dict):
        return {
            name: _renewed_token(value, keys, key)
            if name == ENCRYPTED and isinstance(value, str)
            else renewed(value, keys, key)
            for name, value in data.items()
        }
    if isinstance(data, list):
        return [renewed(value, keys, key) for value in data]
    return data


def _renewed_token(token: str, keys: Keys, key: SecretKey) -> str:
    try:
        return key.encrypt(keys.decrypt(token))
    except Invalid:
        return token


def _renew_secrets(transaction: Transaction, table: Table, keys: Keys, key: SecretKey) -> None:
    """Encrypt the secrets in the settings of a table anew."""
    own = list(table.primary_key.columns)
    query = select(*own, table.c.data).where(table.c.data.contains(f'"{ENCRYPTED}"'))
    for row in transaction.run(query).all():
        data = renewed(json.loads(row.data), keys, key)
        this = [column == row._mapping[column] for column in own]
        text = json.dumps(data, sort_keys=True)
        transaction.run(update(table).where(*this).values(data=text))


def _sign_packages(transaction: Transaction, keys: Keys, key: SecretKey) -> None:
    """Sign the sources of all versions anew; a forged one stays forged."""
    package = tables.package
    for each in transaction.run(select(package.c.file, package.c.version)).all():
        this = (package.c.file == each.file, package.c.version == each.version)
        row = transaction.run(select(package.c.source, package.c.mac).where(*this)).one()
        content = signed_source(each.file, row.source)
        if keys.verify(row.mac, content):
            transaction.run(update(package).where(*this).values(mac=key.sign(content)))
