"""The deployed packages as they are stored: every version of every source, and which of them serve."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Collection, Mapping
from typing import TypeAlias

from sqlalchemy import Select, select, update

from ..contract.packages import PackageVersion
from ..contract.records import Key
from ..definitions.usage import deployed_services, in_use, users_of
from ..foundation.errors import Conflict
from ..odb import tables
from ..odb.database import Database
from ..odb.engine import guarded
from ..odb.key_check import use_current_key
from ..odb.keys import Keys, signed_source
from ..odb.transaction import Transaction

log = logging.getLogger("hansa.store")
package = tables.package

Sources: TypeAlias = Mapping[str, str | None]
"""Sources by package; None takes a package out of service."""
Services: TypeAlias = Mapping[str, Mapping[str, str]]
"""Service names by class name, by package."""
Serving: TypeAlias = dict[str, int]
"""The version that serves, by package."""

_SERVING = select(package.c.file, package.c.version).where(package.c.current)


class Stale(Conflict):
    """Something else was deployed since a deployment was tried."""


class PackageStore:
    """The packages in the ODB. `keys` authenticate their sources, so writing rows runs no code."""

    def __init__(self, database: Database, keys: Keys) -> None:
        self.database = database
        self._keys = keys

    def serving(self) -> Serving:
        """Return the packages that serve, and the version of each."""
        return {row.file: row.version for row in self.database.rows(_SERVING)}

    def versions(
        self, file: str = "", version: int = 0, *, current: bool = False
    ) -> list[PackageVersion]:
        """Return versions of packages, or those that serve; a forged one is left out and logged."""
        query: Select[tuple[object, ...]] = select(package)
        if file:
            query = query.where(package.c.file == file)
        if version:
            query = query.where(package.c.version == version)
        if current:
            query = query.where(package.c.current)
        found = []
        for row in self.database.rows(query.order_by(package.c.file, package.c.version)):
            if not self._keys.verify(row.mac, signed_source(row.file, row.source)):
                changed = "%s version %s was changed in the database: refused"
                log.critical(changed, row.file, row.version)
                continue
            found.append(
                PackageVersion(
                    file=row.file,
                    version=row.version,
                    source=row.source,
                    sha256=row.sha256,
                    services=json.loads(row.services),
                    by=row.by,
                    at=row.at,
                    current=bool(row.current),
                )
            )
        return found

    def get(self, file: str, version: int = 0) -> PackageVersion | None:
        """Return one version of a package, by default the one that serves."""
        found = self.versions(file, version, current=version == 0)
        return found[0] if found else None

    @guarded
    def deploy(
        self,
        changes: Sources,
        services: Services,
        *,
        seen: Serving | None = None,
        by: str = "",
        declared: bool = False,
        more: Callable[[Transaction], None] | None = None,
    ) -> tuple[Serving, int]:
        """Have these sources serve, all or none; returns their versions by package, and the
        revision.

        A source that was deployed before is that version again. `services` has those of what
        changes and of what imports it. `more` changes definitions by the same transaction. Raises
        `Stale` if not what was `seen` serves, and `Conflict` if another package provides one of the
        services, or if a service that is in use afterwards would be gone.
        """
        with self.database.transaction(by) as transaction:
            use_current_key(transaction, self._keys)
            if seen is not None and seen != _serving(transaction):
                raise Stale("others deploy at the same time; try again")
            removed = {file for file, source in changes.items() if source is None}
            gone = _services_gone(transaction, services, removed)
            for file in changes:
                retire = update(package).where(package.c.file == file)
                transaction.run(retire.values(current=False))
            versions: Serving = {}
            for file, names in services.items():
                source = changes.get(file)
                if source is None:
                    _rename_services(transaction, file, names)
                else:
                    versions[file] = self._store(transaction, file, source, names, declared)
            for file in changes.keys() - services.keys():
                transaction.log(_key(file), "delete")
            if more is not None:
                more(transaction)
            _refuse_gone(transaction, gone)
            return versions, transaction.revision

    def _store(
        self,
        transaction: Transaction,
        file: str,
        source: str,
        services: Mapping[str, str],
        declared: bool,
    ) -> int:
        """Have a source serve, as the version that it was or as a new one; returns the version."""
        mac = self._keys.sign(signed_source(file, source))
        digest = hashlib.sha256(source.encode()).hexdigest()
        query = select(package.c.mac, package.c.version).where(package.c.file == file)
        known = {row.mac: row.version for row in transaction.run(query)}
        if mac in known:
            action = "rollback"
            version = int(known[mac])
            again = update(package).where(package.c.file == file, package.c.version == version)
            transaction.run(again.values(current=True, services=json.dumps(dict(services))))
        else:
            action = "deploy"
            version = max(known.values(), default=0) + 1
            transaction.add(
                package,
                file=file,
                version=version,
                current=True,
                source=source,
                services=json.dumps(dict(services)),
                sha256=digest,
                mac=mac,
                by=transaction.by,
                at=time.time(),
            )
        transaction.log(_key(file), action, {"version": version, "sha256": digest})
        if declared:
            transaction.declare({_key(file): digest})
        return version


def _key(file: str) -> Key:
    """Return the key of a package in the change log."""
    return "service", "package", file


def _serving(transaction: Transaction) -> Serving:
    return {row.file: row.version for row in transaction.run(_SERVING)}


def _rename_services(transaction: Transaction, file: str, names: Mapping[str, str]) -> None:
    """Note the services of a package that only imports what changes: their names may depend on it."""
    serving = update(package).where(package.c.file == file, package.c.current)
    transaction.run(serving.values(services=json.dumps(dict(names))))


def _services_gone(transaction: Transaction, services: Services, removed: set[str]) -> set[str]:
    """Return the services that will be gone; raises `Conflict` for those that two packages would
    provide.
    """
    deployed = deployed_services(transaction)
    provided = {
        name: file
        for name, file in deployed.items()
        if file not in services and file not in removed
    }
    taken = set()
    for file, found in services.items():
        for name in found.values():
            if name in provided:
                taken.add(f"the service {name} is already given by {provided[name]}")
        provided |= dict.fromkeys(found.values(), file)
    if taken:
        raise Conflict("; ".join(sorted(taken)))
    return deployed.keys() - provided.keys()


def _refuse_gone(transaction: Transaction, gone: Collection[str]) -> None:
    """Raise `Conflict` if definitions use services that are gone."""
    users = users_of(transaction, "service", "", gone)
    if users:
        raise Conflict(in_use(users.values()))
