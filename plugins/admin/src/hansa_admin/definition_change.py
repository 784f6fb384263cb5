"""The admin service of many edits at once: `admin.definition.change`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from hansa import DefinitionRecord, Edit, Invalid, Key, Model, NotFound, setting

from .administration import Administration
from .answers import PlainData, applied_data
from .configuration import NOTHING_DONE, Applied
from .operation import Operation
from .outcome import Outcome
from .plan import Step, differences, differing
from .settings import completed


class WantedEdit(Model):
    """One edit."""

    kind: Annotated[str, setting("Kind of the definition", example="channel", min_length=1)]
    type: Annotated[str, setting("Type of the definition", example="http", min_length=1)]
    name: Annotated[str, setting("Name of the definition", min_length=1, max_length=200)]
    settings: Annotated[
        dict[str, Any], setting("Settings, without those that stay as they are in an edit")
    ] = {}
    mode: Annotated[
        Literal["create", "edit", "set", "delete"],
        setting(
            "create: must not exist yet; edit: the given settings replace the stored ones, and others "
            "stay; set: exactly these settings; delete"
        ),
    ] = "edit"
    seen_revision: Annotated[
        int | None,
        setting("Revision that the edit builds on; refused if the definition was changed since"),
    ] = None

    def check(self) -> None:
        """Refuse settings of what is to be deleted."""
        if self.mode == "delete" and self.settings:
            raise Invalid({"settings": "are of no use to a definition that is to be deleted"})

    @property
    def key(self) -> Key:
        """Kind, type and name."""
        return self.kind, self.type, self.name

    def edit(self) -> Edit:
        """Return the edit for the store."""
        if self.mode == "delete":
            return Edit(self.key, seen_revision=self.seen_revision)
        return Edit(self.key, self.settings, self.mode, self.seen_revision)


class WantedEdits(Model):
    """Edits that are made together."""

    edits: Annotated[
        list[WantedEdit],
        setting("Edits, each of another definition", min_length=1, max_length=10_000),
    ]
    plan: Annotated[bool, setting("Only show what would change, and change nothing")] = False

    def check(self) -> None:
        """Refuse two edits of one definition."""
        counts = Counter(edit.key for edit in self.edits)
        twice = sorted(" ".join(key) for key, count in counts.items() if count > 1)
        if twice:
            raise Invalid({"edits": f"more than one of {', '.join(twice)}"})


class DefinitionChange(Operation):
    """Create, edit and delete definitions of any type together: all of them or none, as one
    revision.
    """

    name = "admin.definition.change"
    right = "develop"
    final = "sometimes"
    Input = WantedEdits
    Output = Applied

    def handle(self) -> PlainData:
        """Make the edits, or plan them; raises `Invalid` with all faults by
        `kind.type.name.setting`.
        """
        asked: WantedEdits = self.request.input
        edits = [wanted.edit() for wanted in asked.edits]
        judges = self.server.resource(Administration)
        judges.require_edits(self.request.principal, edits)
        prepared = self.server.definitions.prepare(edits)
        steps = [step for edit in prepared for step in self._steps(edit)]
        shown: PlainData = {
            "changes": [step.show() for step in steps],
            "unchanged": len(edits) - len(steps),
        }
        if asked.plan or not steps:
            return {**shown, **NOTHING_DONE}
        judges.require_proof(self.request.principal, edits)
        outcome = Outcome(self.server)
        applied = self.server.definitions.change(prepared, by=self.caller)
        changed = [edit.key for edit in prepared if edit.data is not None]
        failures = outcome.failures(applied, definitions=changed)
        return {**shown, **applied_data(applied), "not_running": failures}

    def _steps(self, edit: Edit) -> Iterator[Step]:
        """Return the step that an edit is; none if it changes nothing."""
        kind, type, _ = edit.key
        stored = self._stored(edit.key)
        try:
            model = self.server.registry.type(kind, type).model
        except NotFound:
            yield Step("delete", edit.key)  # nothing else was prepared
            return
        old = completed(model, stored.data) if stored is not None else {}
        if edit.data is None:
            yield Step("delete", edit.key, differences(model, sorted(old), old, {}))
            return
        new = completed(model, edit.data)
        if stored is None:
            yield Step("create", edit.key, differences(model, edit.data, {}, new))
            return
        names = differing(self.server.definitions, old, new)
        if names:
            yield Step("edit", edit.key, differences(model, names, old, new))

    def _stored(self, key: Key) -> DefinitionRecord | None:
        try:
            return self.server.definitions.get(*key)
        except NotFound:
            return None


OPERATIONS: tuple[type[Operation], ...] = (DefinitionChange,)
