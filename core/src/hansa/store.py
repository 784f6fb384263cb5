"""The store: definitions, references, service sources and the change log, in SQL. What it holds is the truth of a cluster."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, and_, delete, insert, select, update

from . import odb
from .errors import Conflict, Invalid, NotFound

log = logging.getLogger("hansa.store")
Key = tuple[str, str, str]


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


class Transaction:
    """One transaction with the next revision; its first statement puts all writers of the cluster in one line."""

    def __init__(self, connection: Connection, by: str) -> None:
        self.connection, self.by = connection, by
        self.run(update(odb.cluster).values(revision=odb.cluster.c.revision + 1))
        self.revision = int(self.first(select(odb.cluster)).revision)

    def run(self, statement: Any) -> Any:
        """Execute a statement."""
        return self.connection.execute(statement)

    def first(self, query: Any) -> Any:
        """The first row, or None."""
        return self.run(query).first()

    def add(self, table: Table, key: Key | None = None, **values: Any) -> None:
        """Insert a row, whose kind, type and name are those of `key`."""
        identity = dict(zip(("kind", "type", "name"), key, strict=True)) if key else {}
        self.run(insert(table).values(**identity, **values))

    def log(self, key: Key, action: str, data: Any = None) -> None:
        """Write the change row."""
        text = None if data is None else json.dumps(data, sort_keys=True)
        self.add(odb.change, key, revision=self.revision, action=action, data=text, by=self.by, at=time.time())

    def declare(self, key: Key, digest: str | None) -> None:
        """Remember what a configuration file declared."""
        if digest is not None:
            self.run(delete(odb.declared).where(_same(odb.declared, key)))
            self.add(odb.declared, key, sha256=digest)

    def definition(self, key: Key, seen_revision: int | None = None) -> Row | None:
        """A definition; raises `Conflict` if it is not at the revision that the author of a change has seen."""
        found = self.first(select(odb.definition).where(_same(odb.definition, key)))
        row = _row(found) if found else None
        if seen_revision is not None and (row is None or row.revision != seen_revision):
            there = f"is at revision {row.revision}" if row else "was deleted"
            raise Conflict(f"{label(key)} was changed by somebody else: you saw revision {seen_revision}, it {there}")
        return row

    def forget(self, key: Key) -> None:
        """Delete a definition with its references and claims."""
        for table in (odb.definition, odb.reference, odb.claim):
            self.run(delete(table).where(_same(table, key)))

    def deployed(self) -> dict[str, str]:
        """The names of deployed services, with the file that gives each."""
        p = odb.package.c
        return {
            n: r.file
            for r in self.run(select(p.file, p.services).where(p.current))
            for n in json.loads(r.services).values()
        }

    def exists(self, reference: Reference) -> bool:
        """Whether what a setting names is there."""
        if reference.kind == "service":
            return reference.name in self.deployed()
        d = odb.definition.c
        query = select(d.name).where(d.kind == reference.kind, d.name == reference.name)
        return self.first(query.where(d.type == reference.type) if reference.type else query) is not None

    def refuse_used(self, kind: str, type: str, names: Iterable[str]) -> None:
        """Raise `Conflict` naming the definitions that use one of these."""
        r = odb.reference.c
        using = select(odb.reference).where(r.to_kind == kind, r.to_type.in_(["", type]), r.to_name.in_(list(names)))
        used = self.run(using).all()
        if used:
            users = {f"{u.kind} {u.type} {u.name!r} ({u.setting} = {u.to_name})" for u in used}
            raise Conflict(f"in use by {', '.join(sorted(users))}")

    def make_current(self, file: str, services: dict[str, str]) -> None:
        """Check the names that a file is to give from now on, and leave no version of it current."""
        deployed = self.deployed()
        taken = sorted((name, deployed[name]) for name in services.values() if deployed.get(name, file) != file)
        if taken:
            raise Conflict("; ".join(f"the service {name} is already given by {other}" for name, other in taken))
        self.refuse_used("service", "", {n for n, other in deployed.items() if other == file} - set(services.values()))
        self.run(update(odb.package).where(odb.package.c.file == file).values(current=False))


class Store:
    """The ODB of a cluster. `key` authenticates stored sources, so that who can write to the database cannot run code."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self.engine = engine
        self._key = key
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _change(self, by: str = "") -> Iterator[Transaction]:
        with self.engine.begin() as connection:
            yield Transaction(connection, by)

    def _all(self, query: Any) -> list[Any]:
        with self._reading.connect() as connection:
            return list(connection.execute(query))

    def revision(self) -> int:
        """The newest revision."""
        return int(self._all(select(odb.cluster))[0].revision)

    def changes(self, after: int) -> list[Change]:
        """The change log after a revision, in order."""
        c = odb.change.c
        query = select(c.revision, c.kind, c.type, c.name, c.action).where(c.revision > after).order_by(c.revision)
        return [Change(*row) for row in self._all(query)]

    def definitions(self, kind: str | None = None, type: str | None = None) -> list[Row]:
        """Stored definitions, sorted by kind, type, name."""
        d = odb.definition.c
        query = select(odb.definition).order_by(d.kind, d.type, d.name)
        for column, value in ((d.kind, kind), (d.type, type)):
            query = query if value is None else query.where(column == value)
        return [_row(found) for found in self._all(query)]

    def definition(self, kind: str, type: str, name: str) -> Row | None:
        """One stored definition, or None."""
        found = self._all(select(odb.definition).where(_same(odb.definition, (kind, type, name))))
        return _row(found[0]) if found else None

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
        with self._change(by) as change:
            old = change.definition(row.key, seen_revision)
            if mode == "create" and old is not None:
                raise Conflict(f"{label(row.key)} exists already")
            if mode == "edit" and old is None:
                raise NotFound(f"{label(row.key)} does not exist")
            missing = [r for r in references if not builtin(r) and not change.exists(r)]
            if missing:
                raise Invalid(
                    {r.setting: f"there is no {r.kind} {r.type} named {r.name!r}".replace("  ", " ") for r in missing}
                )
            change.forget(row.key)
            data = json.dumps(row.data, sort_keys=True)
            change.add(odb.definition, row.key, data=data, revision=change.revision)
            for r in set(references):
                change.add(odb.reference, row.key, setting=r.setting, to_kind=r.kind, to_type=r.type, to_name=r.name)
            for claim in sorted(set(claims)):
                taken = change.first(select(odb.claim).where(odb.claim.c.claim == f"{row.kind} {claim}"))
                if taken is not None:
                    other = label((taken.kind, taken.type, taken.name))
                    raise Conflict(f"{label(row.key)} needs {claim}, which {other} has already")
                change.add(odb.claim, row.key, claim=f"{row.kind} {claim}")
            change.log(row.key, "define", row.data)
            change.declare(row.key, declared)
            return change.revision

    def delete(self, kind: str, type: str, name: str, *, seen_revision: int | None = None, by: str = "") -> int:
        """Delete a definition; raises `NotFound`, and `Conflict` naming its users when it is in use."""
        key = (kind, type, name)
        with self._change(by) as change:
            if change.definition(key, seen_revision) is None:
                raise NotFound(f"{label(key)} does not exist")
            change.refuse_used(kind, type, [name])
            change.forget(key)
            change.log(key, "delete")
            return change.revision

    def deploy(
        self, file: str, source: str, services: dict[str, str], *, by: str = "", declared: str | None = None
    ) -> tuple[int, int]:
        """Store a new version of a file and make it current; gives (version, revision).

        `services` maps class names to service names. Raises `Conflict` if another file gives one of the names, or if a
        service that is in use is missing from the new version.
        """
        p, key = odb.package.c, ("service", "package", file)
        with self._change(by) as change:
            last = change.first(select(p.version).where(p.file == file).order_by(p.version.desc()))
            version = last.version + 1 if last else 1
            change.make_current(file, services)
            digest = hashlib.sha256(source.encode()).hexdigest()
            values: dict[str, Any] = {
                "source": source,
                "sha256": digest,
                "mac": self._mac(file, source),
                "services": json.dumps(services),
            }
            change.add(odb.package, file=file, version=version, current=True, by=by, at=time.time(), **values)
            change.log(key, "deploy", {"version": version, "sha256": digest})
            change.declare(key, declared)
            return version, change.revision

    def rollback(self, file: str, version: int | None = None, *, by: str = "") -> tuple[int, int]:
        """Make an older version current again (by default the one before); gives (version, revision)."""
        p = odb.package.c
        with self._change(by) as change:
            current = change.first(select(p.version).where(p.file == file, p.current))
            if current is None:
                raise NotFound(f"no file {file!r} is deployed")
            wanted = p.version == version if version else p.version < current.version
            found = change.first(select(p.version, p.services).where(p.file == file, wanted).order_by(p.version.desc()))
            if found is None:
                raise NotFound(f"{file} has no version {version or f'before {current.version}'}")
            change.make_current(file, json.loads(found.services))
            change.run(update(odb.package).where(p.file == file, p.version == found.version).values(current=True))
            change.log(("service", "package", file), "rollback", {"version": found.version})
            return int(found.version), change.revision

    def undeploy(self, file: str, *, by: str = "") -> int:
        """Take a file out of service, its versions are kept; raises `Conflict` naming the users of its services."""
        p = odb.package.c
        with self._change(by) as change:
            if change.first(select(p.version).where(p.file == file, p.current)) is None:
                raise NotFound(f"no file {file!r} is deployed")
            change.make_current(file, {})
            change.log(("service", "package", file), "delete")
            return change.revision

    def packages(self, *, current: bool = False) -> list[Package]:
        """All versions of all files, or the current ones; a forged one is left out and logged."""
        p = odb.package.c
        query = select(odb.package).order_by(p.file, p.version)
        found = map(self._package, self._all(query.where(p.current) if current else query))
        return [package for package in found if package is not None]

    def package(self, file: str, version: int | None = None) -> Package | None:
        """One version of a file, by default the current one."""
        p = odb.package.c
        found = self._all(select(odb.package).where(p.file == file, p.version == version if version else p.current))
        return self._package(found[0]) if found else None

    def _package(self, row: Any) -> Package | None:
        if not hmac.compare_digest(row.mac, self._mac(row.file, row.source)):
            log.critical("%s version %s was changed in the database: refused", row.file, row.version)
            return None
        services = json.loads(row.services)
        return Package(row.file, row.version, row.source, row.sha256, services, row.by, row.at, bool(row.current))

    def _mac(self, file: str, source: str) -> str:
        return hmac.new(self._key, f"{file}\0{source}".encode(), hashlib.sha256).hexdigest()

    def log_action(self, kind: str, name: str, action: str, *, by: str = "") -> int:
        """Write a change that concerns no definition, such as the blocking of a plugin."""
        with self._change(by) as change:
            change.log((kind, "", name), action)
            return change.revision

    def blocked_plugins(self) -> set[str]:
        """The plugins blocked live; those of config.toml not included."""
        c = odb.change.c
        blocking = select(c.name, c.action).where(c.kind == "plugin", c.action.in_(("block", "unblock")))
        last = {row.name: row.action for row in self._all(blocking.order_by(c.revision))}
        return {name for name, action in last.items() if action == "block"}

    def declared(self) -> dict[Key, str]:
        """The digests of what configuration files declared, by kind, type, name."""
        return {(r.kind, r.type, r.name): r.sha256 for r in self._all(select(odb.declared))}

    def report_applied(self, worker: str, server: str, revision: int, states: Any = None) -> None:
        """Keep what a worker has applied, and the states of its objects."""
        a = odb.applied
        values = {"server": server, "revision": revision, "at": time.time(), "states": json.dumps(states or {})}
        with self.engine.begin() as connection:
            if not connection.execute(update(a).where(a.c.worker == worker).values(**values)).rowcount:
                connection.execute(insert(a).values(worker=worker, **values))

    def forget_applied(self, worker: str) -> None:
        """Drop the report of a worker that has ended."""
        with self.engine.begin() as connection:
            connection.execute(delete(odb.applied).where(odb.applied.c.worker == worker))

    def reports(self) -> dict[str, dict[str, Any]]:
        """The last report of each worker: server, revision, at, states."""
        rows = self._all(select(odb.applied).order_by(odb.applied.c.worker))
        return {r.worker: {**r._mapping, "states": json.loads(r.states)} for r in rows}


def label(key: Key) -> str:
    """How messages name a definition."""
    return f"{key[0]} {key[1]} {key[2]!r}"


def _same(table: Table, key: Key) -> Any:
    return and_(table.c.kind == key[0], table.c.type == key[1], table.c.name == key[2])


def _row(found: Any) -> Row:
    return Row(found.kind, found.type, found.name, json.loads(found.data), found.revision)
