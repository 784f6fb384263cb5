"""The store: definitions, references, service sources and the change log, in SQL. What it holds is the truth of a cluster."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, and_, delete, insert, select, update

from . import odb
from .errors import Conflict, Invalid, NotFound


@dataclass(frozen=True, slots=True)
class Row:
    """One definition as stored: secrets are `{"$encrypted": token}`, references such as `{"$env": "X"}` are kept."""

    kind: str
    type: str
    name: str
    data: dict[str, Any]
    revision: int = 0
    builtin: bool = False

    @property
    def key(self) -> tuple[str, str, str]:
        """Kind, type and name."""
        return self.kind, self.type, self.name


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered line of the change log; `kind` is a definition's kind, or `service` or `plugin`."""

    revision: int
    kind: str
    type: str
    name: str
    action: str


@dataclass(frozen=True, slots=True)
class Package:
    """One version of a deployed source file and the services found in it, by class name."""

    file: str
    version: int
    source: str
    sha256: str
    services: dict[str, str]
    by: str
    at: float
    current: bool


@dataclass(frozen=True, slots=True)
class Reference:
    """A setting that names something: the kind and the name, with the type where the declaration gives one."""

    setting: str
    kind: str
    type: str
    name: str


class Store:
    """The ODB of a cluster. `key` authenticates stored sources, so that who can write to the database cannot run code."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self.engine = engine
        self._key = key
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _changing(self) -> Iterator[tuple[Connection, int]]:
        """One transaction with the next revision; its first statement puts all writers in one line."""
        with self.engine.begin() as connection:
            connection.execute(update(odb.cluster).values(revision=odb.cluster.c.revision + 1))
            yield connection, int(connection.execute(select(odb.cluster.c.revision)).scalar_one())

    def revision(self) -> int:
        """The newest revision."""
        with self._reading.connect() as connection:
            return int(connection.execute(select(odb.cluster.c.revision)).scalar_one())

    def changes(self, after: int) -> list[Change]:
        """The change log after a revision, in order."""
        c = odb.change.c
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(c.revision, c.kind, c.type, c.name, c.action).where(c.revision > after).order_by(c.revision)
            )
            return [Change(*row) for row in rows]

    def history(self, kind: str, type: str, name: str) -> list[dict[str, Any]]:
        """All changes of one definition, newest first: revision, action, data, by, at."""
        c = odb.change.c
        with self._reading.connect() as connection:
            rows = connection.execute(
                select(c.revision, c.action, c.data, c.by, c.at)
                .where(c.kind == kind, c.type == type, c.name == name)
                .order_by(c.revision.desc())
            )
            return [{**row._mapping, "data": json.loads(row.data) if row.data else None} for row in rows]

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Row]:
        """Stored definitions, sorted by kind, type, name."""
        d = odb.definition
        query = select(d).order_by(d.c.kind, d.c.type, d.c.name)
        if kind is not None:
            query = query.where(d.c.kind == kind)
        if type is not None:
            query = query.where(d.c.type == type)
        with self._reading.connect() as connection:
            return [Row(r.kind, r.type, r.name, json.loads(r.data), r.revision) for r in connection.execute(query)]

    def definition(self, kind: str, type: str, name: str) -> Row | None:
        """One stored definition, or None."""
        with self._reading.connect() as connection:
            return _definition(connection, kind, type, name)

    def define(
        self,
        row: Row,
        *,
        mode: str = "set",
        references: Iterable[Reference] = (),
        claims: Iterable[str] = (),
        builtin: Callable[[Reference], bool] = lambda reference: False,
        seen_revision: int | None = None,
        by: str = "",
        declared: str | None = None,
    ) -> int:
        """Store a definition and give its revision.

        `mode` is `create` (must not exist), `edit` (must exist) or `set`; `builtin` knows what exists outside the store;
        `declared` is the digest of the configuration file's declaration it comes from. Raises `Conflict` and `Invalid`.
        """
        with self._changing() as (connection, revision):
            old = _definition(connection, *row.key)
            label = f"{row.kind} {row.type} {row.name!r}"
            if mode == "create" and old is not None:
                raise Conflict(f"{label} exists already")
            if mode == "edit" and old is None:
                raise NotFound(f"{label} does not exist")
            if seen_revision is not None and (old is None or old.revision != seen_revision):
                there = f"is at revision {old.revision}" if old else "was deleted"
                raise Conflict(f"{label} was changed by somebody else: you saw revision {seen_revision}, it {there}")
            faults = {
                r.setting: f"there is no {r.kind} {r.type + ' ' if r.type else ''}named {r.name!r}"
                for r in references
                if not builtin(r) and not _exists(connection, r)
            }
            if faults:
                raise Invalid(faults)
            _forget(connection, row.key)
            data = json.dumps(row.data, ensure_ascii=False, sort_keys=True)
            connection.execute(
                insert(odb.definition).values(kind=row.kind, type=row.type, name=row.name, data=data, revision=revision)
            )
            for r in {(r.setting, r.kind, r.name) for r in references}:
                connection.execute(
                    insert(odb.reference).values(
                        kind=row.kind, type=row.type, name=row.name, setting=r[0], to_kind=r[1], to_name=r[2]
                    )
                )
            for claim in sorted(set(claims)):
                taken = connection.execute(select(odb.claim).where(odb.claim.c.claim == f"{row.kind} {claim}")).first()
                if taken is not None:
                    raise Conflict(f"{label} needs {claim}, which {taken.kind} {taken.type} {taken.name!r} has already")
                connection.execute(
                    insert(odb.claim).values(claim=f"{row.kind} {claim}", kind=row.kind, type=row.type, name=row.name)
                )
            _log(connection, revision, row.key, "define", data, by)
            if declared is not None:
                _remember_declared(connection, row.key, declared)
            return revision

    def delete(self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = "") -> int:
        """Delete a definition; raises `NotFound`, and `Conflict` naming its users when it is in use."""
        with self._changing() as (connection, revision):
            old = _definition(connection, kind, type, name)
            if old is None:
                raise NotFound(f"{kind} {type} {name!r} does not exist")
            if seen_revision is not None and old.revision != seen_revision:
                raise Conflict(f"{kind} {type} {name!r} is at revision {old.revision}; you saw {seen_revision}")
            _refuse_used(connection, kind, [name])
            _forget(connection, old.key)
            _log(connection, revision, old.key, "delete", None, by)
            return revision

    def deploy(
        self, file: str, source: str, services: dict[str, str], *, by: str = "", declared: str | None = None
    ) -> tuple[int, int]:
        """Store a new version of a file and make it current; gives (version, revision).

        `services` maps class names to service names. Raises `Conflict` if another file gives one of the names, or if a
        service that is in use is missing from the new version. The same source as the current version makes no new one.
        """
        p = odb.package
        with self._changing() as (connection, revision):
            last = connection.execute(select(p.c.version).where(p.c.file == file).order_by(p.c.version.desc())).scalar() or 0
            _make_current(connection, file, services)
            digest = hashlib.sha256(source.encode()).hexdigest()
            values = {"file": file, "version": last + 1, "current": True, "source": source, "sha256": digest}
            values |= {"mac": self._mac(file, source), "services": json.dumps(services), "by": by, "at": time.time()}
            connection.execute(insert(p).values(**values))
            _log(
                connection,
                revision,
                ("service", "package", file),
                "deploy",
                json.dumps({"version": last + 1, "sha256": digest}),
                by,
            )
            if declared is not None:
                _remember_declared(connection, ("service", "package", file), declared)
            return last + 1, revision

    def rollback(self, file: str, version: int | None = None, *, by: str = "") -> tuple[int, int]:
        """Make an older version current again (by default the one before); gives (version, revision)."""
        p = odb.package
        with self._changing() as (connection, revision):
            current = connection.execute(select(p.c.version).where(p.c.file == file, p.c.current)).scalar()
            if current is None:
                raise NotFound(f"no file {file!r} is deployed")
            wanted = select(p.c.version, p.c.services).where(p.c.file == file)
            wanted = wanted.where(p.c.version == version) if version else wanted.where(p.c.version < current)
            row = connection.execute(wanted.order_by(p.c.version.desc())).first()
            if row is None:
                raise NotFound(f"{file} has no version {version}" if version else f"{file} has no version before {current}")
            _make_current(connection, file, json.loads(row.services))
            connection.execute(update(p).where(p.c.file == file, p.c.version == row.version).values(current=True))
            _log(connection, revision, ("service", "package", file), "rollback", json.dumps({"version": row.version}), by)
            return int(row.version), revision

    def undeploy(self, file: str, *, by: str = "") -> int:
        """Take a file out of service, its versions are kept; raises `Conflict` naming the users of its services."""
        p = odb.package
        with self._changing() as (connection, revision):
            if connection.execute(select(p.c.version).where(p.c.file == file, p.c.current)).first() is None:
                raise NotFound(f"no file {file!r} is deployed")
            _make_current(connection, file, {})
            _log(connection, revision, ("service", "package", file), "delete", None, by)
            return revision

    def packages(self, *, current: bool = False) -> list[Package]:
        """All versions of all files, or the current ones; raises nothing for a forged one, which is left out and logged."""
        p = odb.package
        query = select(p).order_by(p.c.file, p.c.version)
        if current:
            query = query.where(p.c.current)
        with self._reading.connect() as connection:
            return [package for row in connection.execute(query) if (package := self._package(row)) is not None]

    def package(self, file: str, version: int | None = None) -> Package | None:
        """One version of a file, by default the current one."""
        p = odb.package
        query = select(p).where(p.c.file == file, p.c.version == version if version else p.c.current)
        with self._reading.connect() as connection:
            row = connection.execute(query).first()
        return self._package(row) if row is not None else None

    def _package(self, row: Any) -> Package | None:
        if not hmac.compare_digest(row.mac, self._mac(row.file, row.source)):
            import logging

            logging.getLogger("hansa.store").critical("%s version %s was changed in the database: refused", row.file, row.version)
            return None
        services = json.loads(row.services)
        return Package(row.file, row.version, row.source, row.sha256, services, row.by, row.at, bool(row.current))

    def _mac(self, file: str, source: str) -> str:
        return hmac.new(self._key, f"{file}\0{source}".encode(), hashlib.sha256).hexdigest()

    def log_action(self, kind: str, name: str, action: str, *, data: Any = None, by: str = "") -> int:
        """Write a change that concerns no definition, such as the blocking of a plugin."""
        with self._changing() as (connection, revision):
            _log(connection, revision, (kind, "", name), action, json.dumps(data), by)
            return revision

    def blocked_plugins(self) -> set[str]:
        """The plugins blocked live; those of config.toml not included."""
        c = odb.change.c
        query = select(c.name, c.action).where(c.kind == "plugin", c.action.in_(("block", "unblock"))).order_by(c.revision)
        with self._reading.connect() as connection:
            last = {r.name: r.action for r in connection.execute(query)}
        return {name for name, action in last.items() if action == "block"}

    def declared(self) -> dict[tuple[str, str, str], str]:
        """The digests of what configuration files declared, by kind, type, name."""
        with self._reading.connect() as connection:
            return {(r.kind, r.type, r.name): r.sha256 for r in connection.execute(select(odb.declared))}

    def report_applied(self, worker: str, server: str, revision: int, states: Any = None) -> None:
        """Keep what a worker has applied, and the states of its objects."""
        a = odb.applied
        values = {"server": server, "revision": revision, "at": time.time(), "states": json.dumps(states)}
        with self.engine.begin() as connection:
            if not connection.execute(update(a).where(a.c.worker == worker).values(**values)).rowcount:
                connection.execute(insert(a).values(worker=worker, **values))

    def forget_applied(self, worker: str) -> None:
        """Drop the report of a worker that has ended."""
        with self.engine.begin() as connection:
            connection.execute(delete(odb.applied).where(odb.applied.c.worker == worker))

    def reports(self) -> dict[str, dict[str, Any]]:
        """The last report of each worker: server, revision, at, states."""
        with self._reading.connect() as connection:
            rows = connection.execute(select(odb.applied).order_by(odb.applied.c.worker))
            return {
                r.worker: {"server": r.server, "revision": r.revision, "at": r.at, "states": json.loads(r.states or "{}")}
                for r in rows
            }


def _key(table: Any, key: tuple[str, str, str]) -> Any:
    return and_(table.c.kind == key[0], table.c.type == key[1], table.c.name == key[2])


def _definition(connection: Connection, kind: str, type: str, name: str) -> Row | None:
    r = connection.execute(select(odb.definition).where(_key(odb.definition, (kind, type, name)))).first()
    return Row(r.kind, r.type, r.name, json.loads(r.data), r.revision) if r is not None else None


def _exists(connection: Connection, reference: Reference) -> bool:
    if reference.kind == "service":
        return reference.name in _deployed(connection)
    d = odb.definition
    query = select(d.c.name).where(d.c.kind == reference.kind, d.c.name == reference.name)
    if reference.type:
        query = query.where(d.c.type == reference.type)
    return connection.execute(query).first() is not None


def _deployed(connection: Connection) -> dict[str, str]:
    p = odb.package
    rows = connection.execute(select(p.c.file, p.c.services).where(p.c.current))
    return {name: row.file for row in rows for name in json.loads(row.services).values()}


def _refuse_used(connection: Connection, kind: str, names: Iterable[str]) -> None:
    r = odb.reference
    used = connection.execute(
        select(r).where(r.c.to_kind == kind, r.c.to_name.in_(list(names))).order_by(r.c.kind, r.c.name)
    ).all()
    if used:
        users = ", ".join(sorted({f"{u.kind} {u.type} {u.name!r} ({u.setting} = {u.to_name})" for u in used}))
        raise Conflict(f"in use by {users}")


def _make_current(connection: Connection, file: str, services: dict[str, str]) -> None:
    """Check the names that a file is to give from now on, and leave no version of it current."""
    deployed = _deployed(connection)
    taken = {name: deployed[name] for name in services.values() if deployed.get(name, file) != file}
    if taken:
        raise Conflict("; ".join(f"the service {name} is already given by {other}" for name, other in sorted(taken.items())))
    gone = {name for name, other in deployed.items() if other == file} - set(services.values())
    if gone:
        _refuse_used(connection, "service", gone)
    connection.execute(update(odb.package).where(odb.package.c.file == file).values(current=False))


def _forget(connection: Connection, key: tuple[str, str, str]) -> None:
    for table in (odb.definition, odb.reference, odb.claim):
        connection.execute(delete(table).where(_key(table, key)))


def _log(connection: Connection, revision: int, key: tuple[str, str, str], action: str, data: str | None, by: str) -> None:
    values = {"kind": key[0], "type": key[1], "name": key[2], "action": action, "data": data, "by": by, "at": time.time()}
    connection.execute(insert(odb.change).values(revision=revision, **values))


def _remember_declared(connection: Connection, key: tuple[str, str, str], digest: str) -> None:
    connection.execute(delete(odb.declared).where(_key(odb.declared, key)))
    connection.execute(insert(odb.declared).values(kind=key[0], type=key[1], name=key[2], sha256=digest))
