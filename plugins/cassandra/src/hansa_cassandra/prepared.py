"""Statements that the cluster has prepared, by the names of the settings or by their text."""

from __future__ import annotations

import difflib
import re
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cassandra.cluster import Session
from cassandra.query import BoundStatement, PreparedStatement
from hansa import HansaError, Invalid, Misused, Undefined, call_within

from .faults import CassandraFault

KEPT = 1000
"""Statements given as text that are kept prepared."""

_FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|//[^\n]*\n|/\*.*?\*/)*(\w+)", re.DOTALL)
_TEXTS = frozenset(
    (
        "ALTER",
        "BEGIN",
        "CREATE",
        "DELETE",
        "DROP",
        "GRANT",
        "INSERT",
        "LIST",
        "REVOKE",
        "SELECT",
        "TRUNCATE",
        "UPDATE",
    )
)
"""Words with which a text begins that is no name."""
_UNFIT = (TypeError, ValueError, OverflowError, AttributeError, KeyError, struct.error)
"""What the driver raises for a value that a parameter cannot have."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A prepared statement, and the names of its parameters, in order."""

    statement: PreparedStatement
    names: list[str]
    expected: frozenset[str]


class Prepared:
    """Prepares statements, once for each session.

    `translate` makes errors of Hansa of those of the driver.
    """

    def __init__(
        self,
        session: Session,
        named: Mapping[str, str],
        label: str,
        translate: Callable[[BaseException, float], HansaError],
    ) -> None:
        self._session = session
        self._named = named
        self._label = label
        self._translate = translate
        self._guard = threading.Lock()
        self._known: dict[str, Ready] = {}

    def prepare_named(self, timeout: float) -> None:
        """Prepare the statements of the settings.

        Raises `Invalid` with what Cassandra says of each that it refuses.
        """
        faults: dict[str, str] = {}
        for name in self._named:
            try:
                self.get(name, timeout)
            except CassandraFault as error:
                faults[f"statements.{name}"] = error.reason
            except Misused as error:
                faults[f"statements.{name}"] = error.detail
        if faults:
            raise Invalid(faults)

    def get(self, statement: str, timeout: float) -> Ready:
        """Return a statement by its name or text; raises `Undefined` for what is neither, and what
        preparing it raises.
        """
        known = self._known.get(statement)
        if known is not None:
            return known
        text = self._named.get(statement) or statement
        self._check(text, named=statement in self._named)
        made = self._prepare(text, timeout)
        with self._guard:
            self._known[statement] = made
            texts = [one for one in self._known if one not in self._named]
            for one in texts[:-KEPT]:
                del self._known[one]
        return made

    def _prepare(self, text: str, timeout: float) -> Ready:
        def prepare() -> PreparedStatement:
            return self._session.prepare(text)

        try:
            # the driver's own limit cannot be set for this
            made = call_within(timeout, self._label, prepare, lambda late: None)
        except Exception as error:
            raise self._translate(error, timeout) from None
        made.is_idempotent = first_word(text) == "SELECT"
        names = [column.name for column in made.column_metadata or ()]
        return Ready(made, names, frozenset(names))

    def _check(self, text: str, *, named: bool) -> None:
        word = first_word(text)
        if word == "USE":
            fault = "USE would change the keyspace of other calls: set keyspace, or name it"
            raise Misused({"statement": fault})
        if word in _TEXTS or named:
            return
        near = difflib.get_close_matches(text, self._named, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise Undefined(f"{self._label} has no statement {text!r}{hint}")


def first_word(text: str) -> str:
    """Return the first word of a statement in upper case; empty if it has none."""
    found = _FIRST_WORD.match(text)
    return found[1].upper() if found else ""


def bound(ready: Ready, parameters: Mapping[str, object]) -> BoundStatement:
    """Return a statement with the values of its parameters.

    Raises `Misused` for parameters that are missing or unknown, and `Invalid` for values that do not
    fit, each by its name.
    """
    if parameters.keys() != ready.expected:
        raise Misused(_faults_of_names(ready.expected, parameters))
    statement = ready.statement
    try:
        return BoundStatement(statement).bind([parameters[name] for name in ready.names])
    except _UNFIT as error:
        faults = _faults_of(statement.column_metadata, parameters, statement.protocol_version)
        raise Invalid(faults or {"parameters": str(error)}) from None


def _faults_of_names(expected: frozenset[str], parameters: Mapping[str, object]) -> dict[str, str]:
    faults = dict.fromkeys(expected - parameters.keys(), "is in the statement and was not given")
    faults |= dict.fromkeys(parameters.keys() - expected, "was given and is not in the statement")
    return faults


def _faults_of(
    columns: Any, parameters: Mapping[str, object], protocol_version: int
) -> dict[str, str]:
    faults = {}
    for column in columns:
        value = parameters[column.name]
        if value is None:
            continue
        try:
            column.type.serialize(value, protocol_version)
        except _UNFIT:
            kind = column.type.cql_parameterized_type()
            faults[column.name] = f"a value of the type {type(value).__name__} does not fit {kind}"
    return faults
