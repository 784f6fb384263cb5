"""Edits that are made together, judged by what is stored: by what there will be afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlalchemy import select

from ..contract.records import Key, Reference, label
from ..foundation.errors import Conflict, HansaError, Invalid, NotFound
from ..odb import tables
from ..odb.transaction import Reader
from .circles import find_circle
from .edit import CheckedEdit, Problems, is_name
from .usage import deployed_services, in_use, users_of

IsOutside: TypeAlias = Callable[[Reference], bool]
"""Whether a reference is to something that exists outside the store."""


class Judge:
    """Judges edits by what a reader finds.

    `there` holds the revisions of the definitions that the edits concern or refer to.
    """

    def __init__(self, reader: Reader, edits: Sequence[CheckedEdit], is_outside: IsOutside) -> None:
        self._edits = edits
        self._is_outside = is_outside
        self._touched = {each.key for each in edits}
        self._gone = {each.key for each in edits if each.deletes}
        self.there = self._revisions(reader)
        self._known = self._known_afterwards(reader)
        self._owners = self._claims(reader)
        self._users = self._users_of_deleted(reader)
        self._circle = find_circle(self._links(reader))

    def _revisions(self, reader: Reader) -> dict[Key, int]:
        names = {each.key[2] for each in self._edits}
        names |= {reference.name for each in self._edits for reference in each.references}
        c = tables.definition.c
        query = select(c.kind, c.type, c.name, c.revision)
        rows = reader.select_in(query, c.name, filter(is_name, names))
        return {(row.kind, row.type, row.name): row.revision for row in rows}

    def _known_afterwards(self, reader: Reader) -> set[Key]:
        """Return what may be referred to, definitions with and without their type."""
        after = (self.there.keys() | self._touched) - self._gone
        known = after | {(kind, "", name) for kind, _, name in after}
        if any(one.kind == "service" for each in self._edits for one in each.references):
            known |= {("service", "", name) for name in deployed_services(reader)}
        return known

    def _claims(self, reader: Reader) -> dict[str, Key]:
        """Return the owners of the claims that edits make, without those that are edited."""
        wanted = {claim_row(each.key, claim) for each in self._edits for claim in each.claims}
        rows = reader.select_in(select(tables.claim), tables.claim.c.claim, wanted)
        owners = {row.claim: (row.kind, row.type, row.name) for row in rows}
        return {claim: key for claim, key in owners.items() if key not in self._touched}

    def _users_of_deleted(self, reader: Reader) -> dict[Key, set[str]]:
        found: dict[Key, set[str]] = {}
        for kind, type in {(kind, type) for kind, type, _ in self._gone}:
            names = [key[2] for key in self._gone if key[:2] == (kind, type) and is_name(key[2])]
            for name, users in users_of(reader, kind, type, names, self._touched).items():
                found[kind, type, name] = users
        return found

    def _links(self, reader: Reader) -> dict[Key, set[Key]]:
        """Return what definitions refer to of their own kind afterwards, of the acyclic kinds where
        edits do so.
        """
        found: dict[Key, set[Key]] = {}
        for each in self._edits:
            own = {one for one in each.references if one.kind == each.key[0]}
            if own and each.acyclic:
                found[each.key] = {(one.kind, one.type, one.name) for one in own}
        c = tables.reference.c
        query = select(tables.reference).where(c.kind == c.to_kind)
        kinds = {kind for kind, _, _ in found}
        for row in reader.select_in(query, c.kind, kinds):
            key = (row.kind, row.type, row.name)
            if key not in self._touched:
                found.setdefault(key, set()).add((row.to_kind, row.to_type, row.to_name))
        return found

    def problems(self) -> Problems:
        """Return everything that speaks against each of the edits, given that all others are made."""
        found: Problems = {}
        for each in self._edits:
            errors = self._errors(each)
            if errors:
                found[each.key] = errors
        return found

    def _errors(self, each: CheckedEdit) -> list[HansaError]:
        errors = list(each.errors)
        if any(not isinstance(error, Invalid) for error in errors):
            return errors
        state = self._conflict(each)
        if state is not None:
            errors.append(state)
        missing = self._missing(each)
        if missing:
            errors.append(Invalid(missing))
        # an edit that is refused anyhow claims nothing
        if not errors:
            taken = self._taken(each)
            if taken is not None:
                errors.append(taken)
        return errors

    def _conflict(self, each: CheckedEdit) -> HansaError | None:
        """Return what the present state of the definition itself holds against an edit."""
        key = each.key
        seen = each.edit.seen_revision
        revision = self.there.get(key)
        if seen is not None and seen != revision:
            now = "was deleted" if revision is None else f"is at revision {revision}"
            changed = f"{label(key)} was changed by somebody else"
            return Conflict(f"{changed}: you saw revision {seen}, it {now}")
        if each.edit.mode == "create" and revision is not None and not each.deletes:
            return Conflict(f"{label(key)} exists already")
        if revision is None and (each.deletes or each.edit.mode == "edit"):
            return NotFound(f"{label(key)} does not exist")
        if key in self._users:
            return Conflict(in_use([self._users[key]]))
        return None

    def _missing(self, each: CheckedEdit) -> dict[str, str]:
        """Return the settings that name what does not exist."""
        missing: dict[str, list[str]] = {}
        for one in sorted(each.references, key=lambda one: (one.setting, one.name)):
            if (one.kind, one.type, one.name) in self._known or self._is_outside(one):
                continue
            missing.setdefault(one.setting, []).append(not_there(one))
        if missing:
            return {setting: "; ".join(faults) for setting, faults in missing.items()}
        return self._leading_back(each)

    def _leading_back(self, each: CheckedEdit) -> dict[str, str]:
        """Return the settings by which a definition refers to itself, perhaps through others."""
        if each.key not in self._circle:
            return {}
        start = self._circle.index(each.key)
        ring = self._circle[start:-1] + self._circle[: start + 1]
        path = " -> ".join(name for _, _, name in ring)
        following = ring[1]
        return {
            one.setting: f"leads back to itself: {path}"
            for one in each.references
            if (one.kind, one.name) == (following[0], following[2])
        }

    def _taken(self, each: CheckedEdit) -> HansaError | None:
        """Note the claims of an edit; returns the conflict over the first that is taken."""
        conflict: HansaError | None = None
        for claim in each.claims:
            owner = self._owners.setdefault(claim_row(each.key, claim), each.key)
            if owner != each.key and conflict is None:
                needs = f"{label(each.key)} needs {claim}"
                conflict = Conflict(f"{needs}, which {label(owner)} has already")
        return conflict


def claim_row(key: Key, claim: str) -> str:
    """Return a claim as it is stored: it is unique among the definitions of a kind."""
    return f"{key[0]} {claim}"


def not_there(reference: Reference) -> str:
    """Return the fault of a setting that names something which does not exist."""
    words = [reference.kind, reference.type, "named", repr(reference.name)]
    return f"there is no {' '.join(word for word in words if word)}"
