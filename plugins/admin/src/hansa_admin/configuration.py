"""The admin services of the whole configuration: `admin.config.{export,plan,apply}`, and those that
compare it.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hansa import Model, PlainSettings, setting

from .administration import Administration
from .answers import NotRunning, PlainData, applied_data
from .comparison_services import OPERATIONS as COMPARING
from .export import export
from .operation import Operation
from .outcome import Outcome
from .placeholders import Placeholders
from .plan import Plan

NOTHING_DONE: PlainData = {"revision": None, "applied": [], "pending": [], "not_running": []}


class ExportInput(Model):
    """What to export."""

    services: Annotated[bool, setting("Include the sources of deployed files")] = False
    secrets: Annotated[
        Literal["encrypted", "env"],
        setting(
            "encrypted: for servers with the same key; env: placeholders such as "
            '{"$env": "OUTGOING_SQL_CRM_PASSWORD"}, for any other cluster'
        ),
    ] = "encrypted"


class Wanted(Model):
    """A configuration as it is to be."""

    config: Annotated[
        dict[str, Any],
        setting(
            "Definitions by kind, type and name, as admin.config.export returns them",
            example={
                "security": {
                    "basic": {
                        "partner": {"username": "partner", "password": {"$env": "PARTNER_PASSWORD"}}
                    }
                }
            },
        ),
    ]
    prune: Annotated[bool, setting("Also delete what the configuration does not name")] = False


class Setting(Model):
    """How one setting changes; secrets are masked."""

    old: Annotated[Any, setting("Value before; null if there was none")]
    new: Annotated[Any, setting("Value after; null if there is none")]


class Change(Model):
    """One step of a plan."""

    action: Annotated[Literal["create", "edit", "delete"], setting("Action of the step")]
    kind: Annotated[str, setting("Kind of the definition, or service for a source file")]
    type: Annotated[str, setting("Type of the definition")]
    name: Annotated[str, setting("Name of the definition, or of the file")]
    settings: Annotated[dict[str, Setting], setting("Changed settings, by name")]


class Planned(Model):
    """What applying a configuration would do."""

    changes: Annotated[list[Change], setting("The steps")]
    unchanged: Annotated[int, setting("Number of definitions that are as wanted already")]


class Applied(Planned):
    """What was done."""

    revision: Annotated[
        int | None, setting("Revision of the last change; null if there was nothing to do")
    ]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that have yet to apply it")]
    not_running: Annotated[
        list[NotRunning],
        setting("Created and edited definitions that do not run, and packages that are not loaded"),
    ]


class ConfigExport(Operation):
    """Export all definitions as one document for apply; secrets are encrypted or placeholders,
    defaults left out.
    """

    name = "admin.config.export"
    right = "develop"
    Input = ExportInput
    Output = PlainData

    def handle(self) -> PlainData:
        """Return the document."""
        asked: ExportInput = self.request.input
        placeholders = Placeholders() if asked.secrets == "env" else None
        return export(self.server, services=asked.services, placeholders=placeholders)


class ConfigPlan(Operation):
    """Show what applying a configuration would change, and change nothing."""

    name = "admin.config.plan"
    right = "develop"
    Input = Wanted
    Output = Planned

    def handle(self) -> PlainData:
        """Return the steps; raises `Invalid` with all faults of the configuration."""
        asked: Wanted = self.request.input
        return shown(Plan(self.server, asked.config, self.request.principal, prune=asked.prune))


class ConfigApply(Operation):
    """Turn the definitions into those of a configuration, all of them or none.

    Every fault is reported before anything is changed.
    """

    name = "admin.config.apply"
    right = "develop"
    final = "sometimes"
    Input = Wanted
    Output = Applied

    @classmethod
    def is_final(cls, data: PlainSettings) -> bool:
        """Whether it deletes what the configuration does not name."""
        return data.get("prune") is True

    def handle(self) -> PlainData:
        """Take the steps, and return them with the revision of the last one."""
        asked: Wanted = self.request.input
        plan = Plan(self.server, asked.config, self.request.principal, prune=asked.prune)
        judges = self.server.resource(Administration)
        judges.require_edits(self.request.principal, plan.asked_edits)
        judges.require_proof(self.request.principal, plan.asked_edits)
        outcome = Outcome(self.server)
        applied = plan.apply(by=self.caller)
        if applied is None:
            return {**shown(plan), **NOTHING_DONE}
        changed = [edit.key for edit in plan.edits if edit.data is not None]
        failures = outcome.failures(applied, packages=plan.packages, definitions=changed)
        return {**shown(plan), **applied_data(applied), "not_running": failures}


def shown(plan: Plan) -> PlainData:
    """Return a plan as answers show it."""
    return {"changes": [step.show() for step in plan.steps], "unchanged": plan.unchanged}


OPERATIONS: tuple[type[Operation], ...] = (ConfigExport, ConfigPlan, ConfigApply, *COMPARING)
