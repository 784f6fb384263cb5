"""`zato.scheduler.job.*`: jobs of the scheduler."""

from __future__ import annotations

from typing import Final

from ...mapping import MAPPINGS
from ...payloads import PlainDict
from ...sio.types import Boolean
from ..call import Call
from ..crud import ObjectType
from ..declaration import Declared
from ..listing import is_true
from ..objects import shown

[JOB] = [mapping for mapping in MAPPINGS if mapping.zato == "scheduler"]
TYPE: Final = ObjectType("zato.scheduler.job", (JOB,))


def get_by_name(call: Call) -> PlainDict:
    """Show a job."""
    found = call.admin("admin.channel.schedule.get", name=call.text("name"))
    return shown(call, JOB, found)


def execute(call: Call) -> None:
    """Run a job now, besides its plan, and wait for its end."""
    record, _ = TYPE.find(call)
    call.admin("admin.channel.schedule.run", name=record.name)


def set_active_status(call: Call) -> None:
    """Switch a job on or off."""
    record, _ = TYPE.find(call)
    active = is_true(call.input["is_active"])
    call.admin("admin.channel.schedule.edit", name=record.name, active=active)


SERVICES: Final = (
    *TYPE.declared(),
    Declared(
        "zato.scheduler.job.get-by-name",
        get_by_name,
        ("admin.channel.schedule.get",),
        required=("name",),
        output=TYPE.outputs(),
    ),
    Declared(
        "zato.scheduler.job.execute",
        execute,
        ("admin.channel.schedule.run",),
        required=("id",),
        differs="it answers when the job has ended, and says if it failed",
    ),
    Declared(
        "zato.scheduler.job.set-active-status",
        set_active_status,
        ("admin.channel.schedule.edit",),
        required=("id", Boolean("is_active")),
    ),
)
