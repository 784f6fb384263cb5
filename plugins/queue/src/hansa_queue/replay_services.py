"""The admin services of replays: `admin.replay.{list,get,stop,pause,resume}`."""

from __future__ import annotations

from typing import Annotated

import msgspec
from hansa import Model, PlainSettings, setting
from hansa_admin.operation import Operation

from .patterns import queue_of
from .replays import Replay, Replays
from .services import HIGHEST_RATE


class ReplaysPage(Model):
    """A part of the replays, the latest first."""

    offset: Annotated[int, setting("Number of replays to skip", ge=0)] = 0
    limit: Annotated[int, setting("Maximum number of replays", ge=1, le=1000)] = 100


class ReplayId(Model):
    """A replay, by id."""

    id: Annotated[
        str, setting("Id of the replay", example="5f0c2a91d3b4", min_length=1, max_length=100)
    ]


class ResumeRequest(ReplayId):
    """How a replay goes on."""

    batch: Annotated[
        int, setting("Messages to send before it pauses again; 0 for no pause", ge=0)
    ] = 0
    rate: Annotated[
        float,
        setting("Another rate, in messages per second; 0 for the same", ge=0, le=HIGHEST_RATE),
    ] = 0.0


class ReplayCause(Model):
    """A cause for which messages of a replay failed again."""

    group: Annotated[str, setting("Group of the failed messages")]
    service: Annotated[str, setting("Service that was called")]
    cause: Annotated[str, setting("The cause, with * for what differs between messages")]
    count: Annotated[int, setting("Number of messages")]


class ShownReplay(Model):
    """A replay and its tally: total = sent + missing + left, sent = succeeded + failed + pending."""

    id: Annotated[str, setting("Its id")]
    state: Annotated[
        str,
        setting(
            "running, paused, stopped (what was left stays failed), or finished (all is known)"
        ),
    ]
    by: Annotated[str, setting("Who began it")]
    what: Annotated[
        PlainSettings, setting("Which messages: the conditions, or how many ids, or all if empty")
    ]
    at: Annotated[float, setting("When it began, in seconds of the Unix epoch")]
    ended: Annotated[float | None, setting("When it ended, in seconds of the Unix epoch")]
    rate: Annotated[float, setting("Messages per second")]
    batch: Annotated[int, setting("Messages after which it was to pause; 0 for none")]
    total: Annotated[int, setting("Number of messages")]
    sent: Annotated[int, setting("Those that went back into the queue")]
    succeeded: Annotated[int, setting("Those of the sent ones that succeeded")]
    failed: Annotated[int, setting("Those of the sent ones that failed again")]
    pending: Annotated[int, setting("Those of the sent ones that wait, run or are retried")]
    missing: Annotated[
        int, setting("Those that were deleted or replayed by others before they were sent")
    ]
    left: Annotated[int, setting("Those that are still to be sent, or stayed failed at a stop")]
    worker: Annotated[str, setting("Worker that sends them, or did so last")]
    causes: Annotated[
        list[ReplayCause], setting("Why messages failed again, the most frequent first")
    ]


class ShownReplays(Model):
    """A page of replays."""

    items: Annotated[list[ShownReplay], setting("The replays, the latest first")]
    total: Annotated[int, setting("Total number, on all pages")]


class ReplayOperation(Operation):
    """Base of the operations on replays."""

    abstract = True

    @property
    def replays(self) -> Replays:
        """The replays of the cluster; raises `Unavailable` where there is no queue."""
        return queue_of(self.server).replays

    def changed(self, done: str, replay: Replay) -> PlainSettings:
        """Log what was done to a replay, and return it."""
        self.log.info("%s %s the replay %s", self.caller or "somebody", done, replay.id)
        return shown(replay)


def shown(replay: Replay) -> PlainSettings:
    """Return a replay as plain data."""
    found: PlainSettings = msgspec.to_builtins(replay)
    return found


class ReplayList(ReplayOperation):
    """List the replays of failed messages with their tallies, the latest first."""

    name = "admin.replay.list"
    right = "view"
    Input = ReplaysPage
    Output = ShownReplays

    def handle(self) -> PlainSettings:
        """Return a page of the list."""
        page: ReplaysPage = self.request.input
        found, total = self.replays.page(page.offset, page.limit)
        return {"items": [shown(replay) for replay in found], "total": total}


class ReplayGet(ReplayOperation):
    """Show a replay of failed messages: how far it is, and what became of the messages."""

    name = "admin.replay.get"
    right = "view"
    Input = ReplayId
    Output = ShownReplay

    def handle(self) -> PlainSettings:
        """Return the replay; raises `NotFound`."""
        return shown(self.replays.get(self.request.input.id))


class ReplayStop(ReplayOperation):
    """End a replay; the messages that it has not sent stay with the failed ones."""

    name = "admin.replay.stop"
    right = "operate"
    Input = ReplayId
    Output = ShownReplay

    def handle(self) -> PlainSettings:
        """Return the replay; raises `NotFound`, or `Conflict` if it had ended."""
        return self.changed("stopped", self.replays.stop(self.request.input.id))


class ReplayPause(ReplayOperation):
    """Have a replay send nothing until it is resumed."""

    name = "admin.replay.pause"
    right = "operate"
    Input = ReplayId
    Output = ShownReplay

    def handle(self) -> PlainSettings:
        """Return the replay; raises `NotFound`, or `Conflict` if it has ended."""
        return self.changed("paused", self.replays.pause(self.request.input.id))


class ReplayResume(ReplayOperation):
    """Have a replay go on, to its end or to another pause."""

    name = "admin.replay.resume"
    right = "operate"
    Input = ResumeRequest
    Output = ShownReplay

    def handle(self) -> PlainSettings:
        """Return the replay; raises `NotFound`, or `Conflict` if it has ended."""
        asked: ResumeRequest = self.request.input
        replay = self.replays.resume(asked.id, asked.batch, asked.rate)
        return self.changed("resumed", replay)


OPERATIONS: tuple[type[Operation], ...] = (
    ReplayList,
    ReplayGet,
    ReplayStop,
    ReplayPause,
    ReplayResume,
)
