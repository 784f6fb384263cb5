"""`self.schedule`: calls of services at a later time, over the queue or hansa-scheduler."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from hansa import NotFound, Unavailable, new_cid

from ..constants import CHANNEL
from ..payloads import PlainDict
from ..sio.models import as_json, plain
from . import lookup
from .invocation import OPTIONS, CallOptions
from .lookup import ServiceLike

if TYPE_CHECKING:
    from hansa import Server


class Schedule:
    """`onetime(self, target, after_minutes=5, data={...})`."""

    def __init__(self, server: Server, cid: str) -> None:
        self._server = server
        self._cid = cid

    def onetime(
        self,
        invoking_service: object,
        target: ServiceLike,
        *,
        name: str = "",
        prefix: str = "",
        after_seconds: float = 0,
        after_minutes: float = 0,
        start_date: datetime | str | None = None,
        data: object = "",
    ) -> str:
        """Have a service called once, at `start_date` (UTC unless it says otherwise), or after so
        many seconds or minutes.

        `data` is its payload. The call waits in the queue of asynchronous calls, and its
        correlation id is returned. With a `name`, or where there is no queue, it is a job, whose
        name is returned, and which stays among the definitions of `channel schedule`. Raises
        `ServiceMissingException`, ValueError for a date that is none, and `hansa.Unavailable`
        without hansa-scheduler.
        """
        found = lookup.resolve(self._server, self._cid, target)
        start = _start(start_date, timedelta(seconds=after_seconds, minutes=after_minutes))
        if not name and self._server.queue is not None:
            return self._queue(found, start, data)
        job = name or f"{prefix}{found} {start:%Y-%m-%d %H:%M:%S} {new_cid()}"
        settings: PlainDict = {"job_type": "one_time", "service": found, "start": start.isoformat()}
        if isinstance(data, str):
            settings["payload"] = data
        else:
            settings["payload"] = json.dumps(plain(data))
            settings["format"] = "json"
        self._define(job, settings)
        return job

    def _queue(self, name: str, start: datetime, data: object) -> str:
        delay = max((start - datetime.now(UTC)).total_seconds(), 0.0)
        options = CallOptions(channel=CHANNEL.SCHEDULER)
        extra = {OPTIONS: options}
        payload = as_json(data)
        return self._server.invoke_async(name, payload, cid=new_cid(), delay=delay, extra=extra)

    def _define(self, job: str, settings: PlainDict) -> None:
        try:
            self._server.registry.type("channel", "schedule")
        except NotFound:
            raise Unavailable("self.schedule needs the plugin scheduler") from None
        self._server.definitions.define("channel", "schedule", job, settings, mode="create")


def _start(given: datetime | str | None, after: timedelta) -> datetime:
    """Return when a job is to run; raises ValueError."""
    if isinstance(given, str):
        given = datetime.fromisoformat(given)
    if given is None:
        return datetime.now(UTC) + after
    return given if given.tzinfo else given.replace(tzinfo=UTC)
