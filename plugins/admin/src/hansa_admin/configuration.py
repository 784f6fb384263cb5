"""The admin services of the whole configuration: `admin.config.{export,plan,apply}`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from hansa import Model, setting

from .answers import PlainData, applied_data
from .export import export
from .operation import Operation
from .plan import Plan


class Export(Model):
    """What to export."""

    services: Annotated[bool, setting("Also the sources of deployed files")] = False


class Wanted(Model):
    """A configuration as it is to be."""

    config: Annotated[
        dict[str, Any],
        setting(
            "Definitions by kind, type and name, as admin.config.export gives them",
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

    action: Annotated[Literal["create", "edit", "delete"], setting("What is done")]
    kind: Annotated[str, setting("Kind of the definition, or service for a source file")]
    type: Annotated[str, setting("Type of the definition")]
    name: Annotated[str, setting("Name of the definition, or of the file")]
    settings: Annotated[dict[str, Setting], setting("What changes, by setting")]


class Planned(Model):
    """What applying a configuration would do."""

    changes: Annotated[list[Change], setting("The steps")]
    unchanged: Annotated[int, setting("How many definitions are as wanted already")]


class Applied(Planned):
    """What was done."""

    revision: Annotated[
        int | None, setting("Revision of the last change; null if there was nothing to do")
    ]
    applied: Annotated[list[str], setting("Workers that have applied it")]
    pending: Annotated[list[str], setting("Workers that are still to apply it")]


class ConfigExport(Operation):
    """Give all definitions as one document that apply takes; secrets are encrypted, defaults left out."""

    name, Input, Output = "admin.config.export", Export, dict[str, Any]

    def handle(self) -> Any:
        return export(self.server, services=self.request.input.services)


class ConfigPlan(Operation):
    """Show what applying a configuration would change, and change nothing."""

    name, Input, Output = "admin.config.plan", Wanted, Planned

    def handle(self) -> Any:
        plan = Plan(self.server, self.request.input.config, prune=self.request.input.prune)
        return {"changes": [step.show() for step in plan.steps], "unchanged": plan.unchanged}


class ConfigApply(Operation):
    """Turn the definitions into those of a configuration, all of them or none; every fault is told before anything is changed."""

    name, Input, Output = "admin.config.apply", Wanted, Applied

    def handle(self) -> Any:
        plan = Plan(self.server, self.request.input.config, prune=self.request.input.prune)
        applied = plan.apply(by=self.caller)
        done: PlainData = {"revision": None, "applied": [], "pending": []}
        if applied is not None:
            done = applied_data(applied)
        return {
            "changes": [step.show() for step in plan.steps],
            "unchanged": plan.unchanged,
            **done,
        }


OPERATIONS: tuple[type[Operation], ...] = (ConfigExport, ConfigPlan, ConfigApply)
