"""The store: definitions, references, service sources and the change log, in SQL. What it holds is the truth of a cluster."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from ..contract.packages import PackageVersion
from ..contract.records import (
    DefinitionRecord,
    Edit,
    Key,
    ObjectState,
    Reference,
    WorkerReport,
    label,
)
from ..foundation.errors import Conflict, HansaError, Invalid, NotFound
from ..odb import tables as odb

log = logging.getLogger("hansa.store")
BATCH = 500  # values and rows in one statement


@dataclass(frozen=True, slots=True)
class Change:
    """One numbered line of the change log; `kind` is a definition's kind, or `service` or `plugin`."""

    revision: int
    kind: str
    type: str
    name: str
    action: str


Names = Mapping[str, Mapping[str, str]]
Sources = Mapping[str, str | None]
# an edit whose data is as it is to be stored, what it refers to, and what it claims
Checked = tuple[Edit, Collection[Reference], Collection[str]]


_SERVING = select(odb.package.c.file, odb.package.c.version).where(odb.package.c.current)


class Stale(Conflict):
    """Something else was deployed since a deployment was tried."""


class Reading:
    """What must be known of the store to judge changes, read on one connection."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def run(self, statement: Any) -> Any:
        """Execute a statement."""
        return self.connection.execute(statement)

    def there(self, edits: Sequence[Checked], errors: Mapping[Key, HansaError]) -> dict[Key, int]:
        """Return the revisions of the definitions that edits concern or refer to; those in `errors` are not looked for."""
        d = odb.definition.c
        names = {reference.name for _, references, _ in edits for reference in references}
        names |= {edit.key[2] for edit, *_ in edits if edit.key not in errors}
        found = self.each(select(d.kind, d.type, d.name, d.revision), d.name, names)
        return {(row.kind, row.type, row.name): row.revision for row in found}

    def each(self, statement: Any, column: Any, values: Iterable[str]) -> list[Any]:
        """Execute a statement for these values of a column; gives all rows found."""
        wanted, rows = sorted(set(values)), list[Any]()
        for start in range(0, len(wanted), BATCH):
            found = self.run(statement.where(column.in_(wanted[start : start + BATCH])))
            rows += found if found.returns_rows else ()
        return rows

    def deployed(self) -> dict[str, str]:
        """The names of deployed services, with the file that gives each."""
        p = odb.package.c
        rows = self.run(select(p.file, p.services).where(p.current))
        return {name: row.file for row in rows for name in json.loads(row.services).values()}

    def users(
        self, kind: str, type: str, names: Iterable[str], besides: Collection[Key] = ()
    ) -> dict[str, set[str]]:
        """The definitions that use what has these names, by name; those of `besides` do not count."""
        r, users = odb.reference.c, dict[str, set[str]]()
        for u in self.each(
            select(odb.reference).where(r.to_kind == kind, r.to_type.in_(["", type])),
            r.to_name,
            names,
        ):
            if (u.kind, u.type, u.name) not in besides:
                users.setdefault(u.to_name, set()).add(
                    f"{u.kind} {u.type} {u.name!r} ({u.setting} = {u.to_name})"
                )
        return users

    def errors(
        self, edits: Sequence[Checked], there: Mapping[Key, int], builtin: Any
    ) -> dict[Key, HansaError]:
        """What speaks against each of these changes, given that all others of them are made."""
        touched, gone = {e.key for e, *_ in edits}, {e.key for e, *_ in edits if e.data is None}
        after = {*there, *touched} - gone
        known = {*after, *((kind, "", name) for kind, _, name in after)}
        if any(r.kind == "service" for _, references, _ in edits for r in references):
            known |= {("service", "", name) for name in self.deployed()}
        c = odb.claim.c
        wanted = {f"{edit.key[0]} {claim}" for edit, _, claims in edits for claim in claims}
        has = {
            f.claim: (f.kind, f.type, f.name) for f in self.each(select(odb.claim), c.claim, wanted)
        }
        has = {claim: owner for claim, owner in has.items() if owner not in touched}
        users: dict[Key, set[str]] = {}
        for kind, type in {key[:2] for key in gone}:
            found = self.users(
                kind, type, [key[2] for key in gone if key[:2] == (kind, type)], touched
            )
            users |= {(kind, type, name): using for name, using in found.items()}
        errors: dict[Key, HansaError] = {}
        for edit, references, claims in edits:
            key, missing = (
                edit.key,
                [r for r in references if (r.kind, r.type, r.name) not in known],
            )
            missing = [r for r in missing if not (builtin and builtin(r))]
            taken = [
                (claim, owner)
                for claim in claims
                if (owner := has.setdefault(f"{key[0]} {claim}", key)) != key
            ]
            if edit.seen_revision not in (None, there.get(key)):
                now = f"is at revision {there[key]}" if key in there else "was deleted"
                why = f"{label(key)} was changed by somebody else: you saw revision {edit.seen_revision}, it {now}"
                errors[key] = Conflict(why)
            elif edit.mode == "create" and key in there:
                errors[key] = Conflict(f"{label(key)} exists already")
            elif (edit.mode == "edit" or key in gone) and key not in there:
                errors[key] = NotFound(f"{label(key)} does not exist")
            elif key in users:
                errors[key] = Conflict(f"in use by {', '.join(sorted(users[key]))}")
            elif missing:
                names = {
                    r.setting: f"{r.kind} {r.type} named {r.name!r}".replace("  ", " ")
                    for r in missing
                }
                errors[key] = Invalid(
                    {setting: f"there is no {name}" for setting, name in names.items()}
                )
            elif taken:
                claim, owner = taken[0]
                errors[key] = Conflict(
                    f"{label(key)} needs {claim}, which {label(owner)} has already"
                )
        return errors


class Transaction(Reading):
    """One transaction with the next revision; its first statement puts all writers of the cluster in one line."""

    def __init__(self, connection: Connection, by: str) -> None:
        super().__init__(connection)
        self.by = by
        self._new: dict[Table, list[dict[str, Any]]] = {}
        self.run(update(odb.cluster).values(revision=odb.cluster.c.revision + 1))
        self.revision = int(self.run(select(odb.cluster)).one().revision)

    def run(self, statement: Any) -> Any:
        """Execute a statement, after the insertions that were asked for before it."""
        self.flush()
        return super().run(statement)

    def flush(self) -> None:
        """Carry out the insertions."""
        while self._new:  # PERF: many rows at once, each table in one go
            table, rows = self._new.popitem()
            for start in range(0, len(rows), BATCH):
                self.connection.execute(insert(table), rows[start : start + BATCH])

    def add(self, table: Table, key: Key | None = None, **values: Any) -> None:
        """Insert a row, whose kind, type and name are those of `key`."""
        identity = dict(zip(("kind", "type", "name"), key, strict=True)) if key else {}
        self._new.setdefault(table, []).append({**identity, **values})

    def log(self, key: Key, action: str, data: Any = None) -> None:
        """Write the change row."""
        text = None if data is None else json.dumps(data, sort_keys=True)
        self.add(
            odb.change,
            key,
            revision=self.revision,
            action=action,
            data=text,
            by=self.by,
            at=time.time(),
        )

    def declare(self, digests: Mapping[Key, str]) -> None:
        """Remember what a configuration file declared."""
        self.forget(digests, odb.declared)
        for key, digest in digests.items():
            self.add(odb.declared, key, sha256=digest)

    def forget(self, keys: Iterable[Key], *tables: Table) -> None:
        """Delete what these tables have of these definitions."""
        names: dict[tuple[str, str], list[str]] = {}
        for kind, type, name in keys:
            names.setdefault((kind, type), []).append(name)
        for table in tables:
            for (kind, type), found in names.items():
                self.each(
                    delete(table).where(table.c.kind == kind, table.c.type == type),
                    table.c.name,
                    found,
                )

    def give_names(self, services: Names, gone: Collection[str]) -> None:
        """Check the service names that packages are to give from now on, where others are gone."""
        deployed, taken = self.deployed(), set[str]()
        given = {
            name: file
            for name, file in deployed.items()
            if file not in services and file not in gone
        }
        for file, found in services.items():
            taken |= {
                f"the service {n} is already given by {given[n]}"
                for n in found.values()
                if n in given
            }
            given |= dict.fromkeys(found.values(), file)
        if taken:
            raise Conflict("; ".join(sorted(taken)))
        if users := self.users("service", "", set(deployed) - set(given)):
            raise Conflict(f"in use by {', '.join(sorted(set().union(*users.values())))}")


class Store:
    """The ODB of a cluster. `key` authenticates stored sources, so that who can write to the database cannot run code."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self.engine = engine
        self._key = key
        self._reading = engine.execution_options(isolation_level="AUTOCOMMIT")

    @contextmanager
    def _change(self, by: str = "") -> Iterator[Transaction]:
        with self.engine.begin() as connection:
            change = Transaction(connection, by)
            yield change
            change.flush()

    @odb.guarded
    def _all(self, query: Any) -> list[Any]:
        with self._reading.connect() as connection:
            return list(connection.execute(query))

    def revision(self) -> int:
        """The newest revision."""
        return int(self._all(select(odb.cluster))[0].revision)

    def changes(self, after: int) -> list[Change]:
        """The change log after a revision, in order."""
        c = odb.change.c
        query = select(c.revision, c.kind, c.type, c.name, c.action).where(c.revision > after)
        return [Change(*row) for row in self._all(query.order_by(*odb.change.primary_key.columns))]

    def definitions(
        self, kind: Any = None, type: Any = None, name: Any = None, *, after: int = 0
    ) -> list[DefinitionRecord]:
        """Stored definitions, sorted by kind, type, name; `after` leaves those of a later revision."""
        d, query = odb.definition.c, select(odb.definition)
        for column, value in ((d.kind, kind), (d.type, type), (d.name, name)):
            query = query if value is None else query.where(column == value)
        found = self._all(query.where(d.revision > after) if after else query)
        # PERF: sorted here, since ordered by its key a database would read it all
        rows = (
            DefinitionRecord(f.kind, f.type, f.name, json.loads(f.data), f.revision) for f in found
        )
        return sorted(rows, key=lambda row: row.key)

    def definition(self, kind: str, type: str, name: str) -> DefinitionRecord | None:
        """One stored definition, or None."""
        return next(iter(self.definitions(kind, type, name)), None)

    def claims(self, kind: str) -> dict[str, Key]:
        """What definitions of a kind claim, and which of them does."""
        found = self._all(select(odb.claim).where(odb.claim.c.kind == kind))
        return {c.claim.removeprefix(f"{kind} "): (c.kind, c.type, c.name) for c in found}

    @odb.guarded
    def errors(
        self,
        edits: Sequence[Checked],
        *,
        builtin: Callable[[Reference], bool],
        errors: Mapping[Key, HansaError],
    ) -> dict[Key, HansaError]:
        """Return what `change` would refuse, without changing anything."""
        with self._reading.connect() as connection:
            reading = Reading(connection)
            there = reading.there(edits, errors)
            return {**reading.errors(edits, there, builtin), **errors}

    @odb.guarded
    def change(
        self,
        edits: Sequence[Checked],
        *,
        builtin: Any = None,
        errors: Any = None,
        paths: bool = False,
        by: str = "",
    ) -> int:
        """Store and delete definitions, all or none of them, each once, as one revision, which it gives.

        They may refer to each other in any order; `builtin` tells of a reference whether it is to something outside the store,
        `errors` by key are those that are known already. Raises `Conflict`, `NotFound`, `Invalid`; with `paths` one `Invalid`: faults by `kind.type.name.setting`.
        """
        errors = errors or {}
        with self._change(by) as change:
            there = change.there(edits, errors)
            refuse({**change.errors(edits, there, builtin), **errors}, paths)
            change.forget(
                [e.key for e, *_ in edits if e.key in there],
                odb.definition,
                odb.reference,
                odb.claim,
            )
            change.declare({e.key: e.declared for e, *_ in edits if e.declared})
            for edit, references, claims in edits:
                change.log(edit.key, "define" if edit.data is not None else "delete", edit.data)
                if edit.data is not None:
                    data = json.dumps(edit.data, sort_keys=True)
                    change.add(odb.definition, edit.key, data=data, revision=change.revision)
                for r in set(references):
                    to = {"to_kind": r.kind, "to_type": r.type, "to_name": r.name}
                    change.add(odb.reference, edit.key, setting=r.setting, **to)
                for claim in set(claims):
                    change.add(odb.claim, edit.key, claim=f"{edit.key[0]} {claim}")
            return change.revision

    @odb.guarded
    def deploy(
        self,
        changes: Sources,
        services: Names,
        *,
        seen: Any = None,
        by: str = "",
        declared: bool = False,
    ) -> tuple[dict[str, int], int]:
        """Have these sources serve, all or none; gives the versions by package, and the revision.

        A source that was deployed before is that version again; None takes a package out. `services` maps class names to
        service names, of what changes and of what imports it. Raises `Stale` if not what was `seen` serves, and `Conflict`
        if another package gives one of the names, or if a service that is in use would be gone.
        """
        p, versions = odb.package.c, dict[str, int]()
        with self._change(by) as change:
            if seen not in (None, {r.file: r.version for r in change.run(_SERVING)}):
                raise Stale("others deploy at the same time; try again")
            change.give_names(services, [file for file in changes if changes[file] is None])
            for file in changes:
                change.run(update(odb.package).where(p.file == file).values(current=False))
            for file, names in services.items():
                source, key = changes.get(file), ("service", "package", file)
                given: dict[str, Any] = {"services": json.dumps(names)}
                if source is None:  # it only imports what changes
                    change.run(update(odb.package).where(p.file == file, p.current).values(**given))
                    continue
                mac, digest = self._mac(file, source), hashlib.sha256(source.encode()).hexdigest()
                there = {
                    r.mac: r.version
                    for r in change.run(select(p.mac, p.version).where(p.file == file))
                }
                version = versions[file] = there.get(mac) or max(there.values(), default=0) + 1
                if mac in there:
                    found = update(odb.package).where(p.file == file, p.version == version)
                    change.run(found.values(current=True, **given))
                else:
                    given |= {"source": source, "sha256": digest, "mac": mac, "by": by}
                    change.add(
                        odb.package,
                        file=file,
                        version=version,
                        current=True,
                        at=time.time(),
                        **given,
                    )
                change.log(
                    key,
                    "rollback" if mac in there else "deploy",
                    {"version": version, "sha256": digest},
                )
                change.declare({key: digest} if declared else {})
            for file in changes.keys() - services.keys():
                change.log(("service", "package", file), "delete")
            return versions, change.revision

    def serving(self) -> dict[str, int]:
        """The packages that serve, and the version of each."""
        return {r.file: r.version for r in self._all(_SERVING)}

    def packages(
        self, file: str | None = None, version: int | None = None, *, current: bool = False
    ) -> list[PackageVersion]:
        """All versions of all packages or of one, or the current ones; a forged one is left out and logged."""
        p, found = odb.package.c, []
        wanted = ((file, p.file == file), (version, p.version == version), (current, p.current))
        query = select(odb.package).where(*(condition for given, condition in wanted if given))
        for r in self._all(query.order_by(p.file, p.version)):
            if hmac.compare_digest(r.mac, self._mac(r.file, r.source)):
                services = json.loads(r.services)
                found.append(
                    PackageVersion(
                        r.file, r.version, r.source, r.sha256, services, r.by, r.at, bool(r.current)
                    )
                )
            else:
                log.critical(
                    "%s version %s was changed in the database: refused", r.file, r.version
                )
        return found

    def package(self, file: str, version: int | None = None) -> PackageVersion | None:
        """One version of a file, by default the current one."""
        return next(iter(self.packages(file, version, current=not version)), None)

    def _mac(self, file: str, source: str) -> str:
        return hmac.new(self._key, f"{file}\0{source}".encode(), hashlib.sha256).hexdigest()

    @odb.guarded
    def log_action(self, kind: str, name: str, action: str, *, by: str = "") -> int:
        """Write a change that concerns no definition, such as the blocking of a plugin."""
        with self._change(by) as change:
            change.log((kind, "", name), action)
            return change.revision

    def blocked_plugins(self) -> set[str]:
        """The plugins blocked live; those of config.toml not included."""
        c = odb.change.c
        blocking = select(c.name, c.action).where(
            c.kind == "plugin", c.action.in_(("block", "unblock"))
        )
        last = {row.name: row.action for row in self._all(blocking.order_by(c.revision))}
        return {name for name, action in last.items() if action == "block"}

    def declared(self) -> dict[Key, str]:
        """The digests of what configuration files declared, by kind, type, name."""
        return {(r.kind, r.type, r.name): r.sha256 for r in self._all(select(odb.declared))}

    @odb.guarded
    def report_applied(
        self,
        worker: str,
        server: str,
        revision: int,
        states: Mapping[str, ObjectState] | None = None,
    ) -> None:
        """Keep what a worker has applied, and the states of its objects."""
        a = odb.applied
        values = {
            "server": server,
            "revision": revision,
            "at": time.time(),
            "states": json.dumps({key: asdict(state) for key, state in (states or {}).items()}),
        }
        with self.engine.begin() as connection:
            if not connection.execute(
                update(a).where(a.c.worker == worker).values(**values)
            ).rowcount:
                connection.execute(insert(a).values(worker=worker, **values))

    @odb.guarded
    def forget_applied(self, worker: str) -> None:
        """Drop the report of a worker that has ended."""
        with self.engine.begin() as connection:
            connection.execute(delete(odb.applied).where(odb.applied.c.worker == worker))

    def reports(self) -> dict[str, WorkerReport]:
        """Return the last report of each worker, by worker."""
        rows = self._all(select(odb.applied).order_by(odb.applied.c.worker))
        return {
            row.worker: WorkerReport(
                row.worker, row.server, row.revision, row.at, _states(row.states)
            )
            for row in rows
        }


def _states(text: str) -> dict[str, ObjectState]:
    return {key: ObjectState(**state) for key, state in json.loads(text).items()}


def faults_by_path(errors: Mapping[Key, HansaError]) -> dict[str, str]:
    """Return the faults of definitions by `kind.type.name.setting`."""
    faults: dict[str, str] = {}
    for key, error in errors.items():
        found = error.errors if isinstance(error, Invalid) else {"": error.detail}
        for setting, fault in found.items():
            faults[".".join((*key, setting)).rstrip(".")] = fault
    return faults


def refuse(errors: Mapping[Key, HansaError], paths: bool) -> None:
    """Raise the errors of definitions, if any: as they are, or with `paths` as one `Invalid` with all faults by path."""
    if not errors:
        return
    if not paths:
        raise next(iter(errors.values()))
    raise Invalid(faults_by_path(errors))
