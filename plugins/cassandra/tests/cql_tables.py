"""Tables of the stand-in, and the statements in CQL that it knows; all others are syntax errors.

What is changed is written to a file before it is answered, so that a killed stand-in loses nothing.
"""

from __future__ import annotations

import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.cassandra.tests.cql_wire import UNSET, Refusal

SYNTAX, INVALID = 0x2000, 0x2200
VALUE = r"(?:\?|:\w+|'[^']*'|-?\d+)"
CONDITION = rf"\w+\s*=\s*{VALUE}"
CONDITIONS = rf"{CONDITION}(?:\s+AND\s+{CONDITION})*"
SHAPES = {
    "create": r"CREATE TABLE (?:IF NOT EXISTS )?(\S+) \((.*), PRIMARY KEY \(([^)]*)\)\)",
    "insert": rf"INSERT INTO (\S+) \(([^)]*)\) VALUES \(({VALUE}(?:, {VALUE})*)\)( IF NOT EXISTS)?",
    "select": rf"SELECT (.+?) FROM (\S+)(?: WHERE ({CONDITIONS}))?(?: LIMIT ({VALUE}))?",
    "update": rf"UPDATE (\S+) SET (.+?) WHERE ({CONDITIONS})(?: IF ({CONDITIONS}))?",
    "delete": rf"DELETE FROM (\S+) WHERE ({CONDITIONS})",
    "truncate": r"TRUNCATE (?:TABLE )?(\S+)",
}
APPLIED = [("[applied]", "boolean")]
TABLES = (
    "CREATE TABLE IF NOT EXISTS orders (id int, customer text, amount decimal, PRIMARY KEY (id))",
    "CREATE TABLE IF NOT EXISTS counts (name text, seen counter, PRIMARY KEY (name))",
    "CREATE TABLE IF NOT EXISTS faults (fault text, number int, PRIMARY KEY (fault))",
    "CREATE TABLE IF NOT EXISTS kinds (id uuid, born date, clock time, at timestamp, data blob, "
    "tags set<text>, sizes list<int>, notes map<text, int>, pair frozen<tuple<int, text>>, "
    "big varint, sum decimal, yes boolean, ip inet, ratio double, PRIMARY KEY (id))",
)


@dataclass
class Table:
    name: str
    columns: dict[str, str]
    key: list[str]
    rows: dict[tuple[Any, ...], dict[str, bytes | None]] = field(default_factory=dict)

    def kind(self, column: str) -> str:
        if column not in self.columns:
            raise Refusal(INVALID, f"Undefined column name {column} in table shop.{self.name}")
        return self.columns[column]


@dataclass
class Statement:
    """A statement that was read: `markers` are the names and types of its values, in order."""

    text: str
    shape: str
    parts: tuple[str | None, ...]
    table: Table | None = None
    markers: list[tuple[str, str]] = field(default_factory=list)
    result: list[tuple[str, str]] = field(default_factory=list)


class Store:
    """All tables; `log` is the file that they are kept in."""

    def __init__(self, log: Path) -> None:
        self.tables: dict[str, Table] = {}
        for text in TABLES:
            self.run(self.read(text), [])
        if log.exists():
            for line in log.read_text().splitlines():
                text, values = json.loads(line)
                self.run(self.read(text), [one and bytes.fromhex(one) for one in values])
        self.file = log.open("a")

    def read(self, text: str) -> Statement:
        """Return what a text says; raises a syntax error, or one for a table that is not there."""
        plain = " ".join(text.split()).rstrip("; ")
        for shape, pattern in SHAPES.items():
            if found := re.fullmatch(pattern, plain, re.IGNORECASE):
                return self._known(Statement(plain, shape, found.groups()))
        raise Refusal(SYNTAX, f"line 1:0 no viable alternative at input '{plain[:20]}' (10.0.0.1)")

    def change(self, statement: Statement, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """Run a statement, and note it if it changes something."""
        if statement.shape != "select":
            kept = [None if one in (None, UNSET) else one.hex() for one in values]
            self.file.write(json.dumps([statement.text, kept]) + "\n")
            self.file.flush()
        return self.run(statement, values)

    # -- reading -------------------------------------------------------------------------------------

    def _known(self, statement: Statement) -> Statement:
        parts = statement.parts
        if statement.shape == "create":
            return statement
        name = (parts[1] if statement.shape == "select" else parts[0]) or ""
        statement.table = self.tables.get(name.removeprefix("shop."))
        if statement.table is None:
            raise Refusal(INVALID, f"table {name} does not exist (10.0.0.1)")
        table = statement.table
        for column, mark in self._marked(statement):
            if mark.startswith(("?", ":")):
                named = mark[1:] or ("[limit]" if column == "limit" else column)
                kind = "int" if column == "limit" else table.kind(column)
                statement.markers.append((named, kind))
            else:
                assert column == "limit" or table.kind(column)
        if statement.shape == "select":
            wanted = table.columns if parts[0] == "*" else _list(parts[0])
            statement.result = [(one, table.kind(one)) for one in wanted]
        return statement

    def _marked(self, statement: Statement) -> list[tuple[str, str]]:
        """Return the columns of a statement with the values beside them, in order."""
        parts = statement.parts
        if statement.shape == "insert":
            return list(zip(_list(parts[1]), _list(parts[2]), strict=True))
        if statement.shape == "select":
            limit = [("limit", parts[3])] if parts[3] else []
            return _pairs(parts[2]) + limit
        if statement.shape == "update":
            return _assigned(parts[1]) + _pairs(parts[2]) + _pairs(parts[3])
        return _pairs(parts[1]) if statement.shape == "delete" else []

    # -- running -------------------------------------------------------------------------------------

    def run(self, statement: Statement, values: list[Any]) -> tuple[list[Any], list[Any]]:
        """Return the columns and the rows of a statement; both are empty for most changes."""
        given = iter(values)
        marked = [
            (column, next(given) if mark.startswith(("?", ":")) else _literal(mark))
            for column, mark in self._marked(statement)
        ]
        return getattr(self, f"_{statement.shape}")(statement, marked)

    def _create(self, statement, marked):
        name, described, key = statement.parts
        specs = re.findall(r"(\w+) ([\w<>,: ]+?)(?=, \w+ \w|$)", described)
        made = Table(name.removeprefix("shop."), dict(specs), _list(key))
        self.tables.setdefault(made.name, made)
        return [], []

    def _insert(self, statement, marked):
        table = statement.table
        row = {column: one for column, one in marked if one is not UNSET}
        key = _key(table, row)
        if statement.parts[3]:
            if key in table.rows:
                there = table.rows[key]
                specs = APPLIED + list(table.columns.items())
                return specs, [[b"\0", *(there.get(one) for one in table.columns)]]
            table.rows[key] = row
            return APPLIED, [[b"\1"]]
        table.rows.setdefault(key, {}).update(row)
        return [], []

    def _select(self, statement, marked):
        table = statement.table
        wanted = [pair for pair in marked if pair[0] != "limit"]
        limit = next((struct.unpack(">i", one)[0] for name, one in marked if name == "limit"), None)
        names = [name for name, _ in statement.result]
        equal = dict(wanted)
        if equal.keys() >= set(table.key):
            rows = [table.rows.get(tuple(equal[one] for one in table.key))]
        else:
            rows = list(table.rows.values())
        found = [
            [row.get(name) for name in names]
            for row in rows
            if row is not None and all(row.get(name) == one for name, one in wanted)
        ]
        return statement.result, found[:limit]

    def _update(self, statement, marked):
        table = statement.table
        sets = len(_assigned(statement.parts[1]))
        wheres = len(_pairs(statement.parts[2]))
        key = _key(table, dict(marked[sets : sets + wheres]))
        there = table.rows.get(key)
        for name, one in marked[sets + wheres :]:
            if there is None or there.get(name) != one:
                return [*APPLIED, (name, table.kind(name))], [[b"\0", there and there.get(name)]]
        row = table.rows.setdefault(key, dict(marked[sets : sets + wheres]))
        for name, one in marked[:sets]:
            if table.kind(name) == "counter":
                before = struct.unpack(">q", row.get(name) or bytes(8))[0]
                one = struct.pack(">q", before + struct.unpack(">q", one)[0])
            if one is not UNSET:
                row[name] = one
        return (APPLIED, [[b"\1"]]) if statement.parts[3] else ([], [])

    def _delete(self, statement, marked):
        statement.table.rows.pop(_key(statement.table, dict(marked)), None)
        return [], []

    def _truncate(self, statement, marked):
        statement.table.rows.clear()
        return [], []


def _list(text: str | None) -> list[str]:
    return [one.strip() for one in (text or "").split(",")]


def _pairs(text: str | None) -> list[tuple[str, str]]:
    return re.findall(rf"(\w+)\s*=\s*({VALUE})", text or "")


def _assigned(text: str | None) -> list[tuple[str, str]]:
    return re.findall(rf"(\w+) = (?:\w+ \+ )?({VALUE})", text or "")


def _literal(mark: str) -> bytes:
    return mark[1:-1].encode() if mark.startswith("'") else struct.pack(">i", int(mark))


def _key(table: Table, row: dict[str, Any]) -> tuple[Any, ...]:
    missing = [one for one in table.key if row.get(one) in (None, UNSET)]
    if missing:
        raise Refusal(INVALID, f"Some partition key parts are missing: {', '.join(missing)}")
    return tuple(row[one] for one in table.key)
