"""Calls of `NAME@TARGET`, and of single processes: to servers and workers that are named."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, ClassVar, Final

from hansa import Forbidden, HansaError, Service as CoreService, TimedOut, Unavailable, WorkerAnswer

from ..payloads import PlainDict, Value
from ..section import ZatoSection
from ..sio.models import as_json
from .exceptions import ServiceMissingException, TimeoutException, ZatoException

if TYPE_CHECKING:
    from hansa import Server

log = logging.getLogger("hansa.zato")

TARGETED: Final = "zato_target"
"""The key of `Request.extra` under which a call says where it goes; callers from outside have no way
to set it.
"""
PATIENCE: Final = 60.0
"""Seconds for which the answer of another server is waited for, unless the call says how long."""
_TAKEN: Final = "taken"


@dataclass(frozen=True)
class Targeted:
    """A call for some servers or processes: `target` is a server's name or a label, `pid` a process;
    `extra` is what the service gets as `Request.extra`.
    """

    service: str
    target: str = ""
    pid: int = 0
    extra: PlainDict | None = None

    def data(self) -> PlainDict:
        """Return it as plain data."""
        fields = {"service": self.service, "target": self.target, "pid": self.pid}
        return {TARGETED: {**fields, "extra": as_json(self.extra or {})}}


def split_target(cid: str, name: object, target: object = None) -> tuple[object, str]:
    """Return a service, and the target of a call of it, from `NAME@TARGET` or the argument; raises
    `ZatoException` for an empty target.
    """
    if not isinstance(name, str) or "@" not in name:
        return name, str(target or "")
    service, _, named = name.partition("@")
    if not named:
        raise ZatoException(cid, f"the target in {name!r} is empty")
    return service, named


def takes(server: Server, target: str) -> bool:
    """Whether a server takes calls for a target: its own name, or a label that it is configured
    with.
    """
    patterns = server.section(ZatoSection).invoke_targets
    return target == server.name or any(fnmatchcase(target, each) for each in patterns)


class TargetCall(CoreService):
    """Calls a service in this worker, if the call is for its server and process."""

    name: ClassVar[str] = "zato.target.call"

    @classmethod
    def is_administrative(cls) -> bool:
        """It calls any service."""
        return True

    def handle(self) -> PlainDict:
        """Return whether this worker has taken the call, and the answer."""
        call = _asked(self)
        if call.target and not takes(self.server, call.target):
            return {_TAKEN: False}
        if call.pid and call.pid != os.getpid():
            return {_TAKEN: False}
        answer = self.server.invoke(
            call.service, self.request.payload, cid=self.cid, extra=call.extra
        )
        return {_TAKEN: True, "answer": as_json(answer)}


class TargetSpread(CoreService):
    """Calls a service in each server that takes the target of a queued call; each at most once for
    each attempt of this one, which is made again if there is no such server.
    """

    name: ClassVar[str] = "zato.target.spread"

    @classmethod
    def is_administrative(cls) -> bool:
        """It calls any service."""
        return True

    def handle(self) -> None:
        """Call it, and have callbacks called with each answer."""
        call = _asked(self)
        callbacks = self.request.extra[TARGETED].get("callbacks", [])
        answers = spread(self.server, call, self.request.payload, self.cid)
        for found in _taken(answers):
            for callback in callbacks if found.ok else ():
                self.server.invoke_async(
                    callback,
                    found.payload["answer"],
                    cid=self.cid,
                    in_reply_to=self.cid,
                    extra=call.extra,
                )
        if not any(found.pid for found in _taken(answers)):
            raise _nobody(call, answers)


def _asked(service: CoreService) -> Targeted:
    given = service.request.extra.get(TARGETED)
    if not isinstance(given, dict):
        raise Forbidden("this service is called by calls of NAME@TARGET alone")
    return Targeted(given["service"], given["target"], given["pid"], given["extra"])


def spread(
    server: Server, call: Targeted, payload: object, cid: str, timeout: float = PATIENCE
) -> list[WorkerAnswer]:
    """Call a service in each server that takes a target, once: in a worker of each, in this one of
    its own; return all answers. Those who did not answer are logged.
    """
    by_server = {report.server: worker for worker, report in _reports(server)}
    by_server[server.name] = server.id
    named = [by_server[call.target]] if call.target in by_server else list(by_server.values())
    answers = server.invoke_on(
        named, TargetCall.name, as_json(payload), cid=cid, timeout=timeout, extra=call.data()
    )
    found = [answers[worker] for worker in named]
    # the one of this server counts first
    found.sort(key=lambda each: each.worker != server.id)
    for answer in found:
        if answer.error is not None:
            log.warning(
                "%s@%s (%s): %s: %s", call.service, call.target, cid, answer.worker, answer.error
            )
    return found


def invoke_target(
    server: Server, call: Targeted, payload: object, cid: str, timeout: float | None
) -> Value:
    """Call a service in each server that takes a target, and return the answer of the first, this
    one before others. Raises what it raised, `TimeoutException` if none answered in time, and
    `ServiceMissingException` if none takes the target.
    """
    seconds = PATIENCE if timeout is None else timeout
    answers = spread(server, call, payload, cid, seconds)
    taken = _taken(answers)
    if not taken:
        raise _nobody(call, answers)
    first = taken[0]
    if isinstance(first.error, TimedOut) and not first.pid:
        raise TimeoutException(cid, first.error.detail)
    answered: PlainDict = first.result()
    return answered["answer"]


def invoke_pid(
    server: Server, call: Targeted, payload: object, cid: str, timeout: float = PATIENCE
) -> Value:
    """Call a service in a process of this server, by its number, and return its answer; raises what
    it raised, and `ServiceMissingException` if there is no such process.
    """
    workers = server.cluster.workers(server.name)
    answers = server.invoke_on(
        workers, TargetCall.name, as_json(payload), cid=cid, timeout=timeout, extra=call.data()
    )
    for found in answers.values():
        if found.pid == call.pid and (not found.ok or found.payload[_TAKEN]):
            return found.result()["answer"]
    raise ServiceMissingException(cid, f"no process {call.pid} of {server.name} answered")


def invoke_all_pids(
    server: Server, service: str, payload: object, cid: str, timeout: float
) -> dict[object, PlainDict]:
    """Call a service in each process of this server; return by process number what each answered:
    `is_ok`, and `pid_data` or `error_info`. One that did not answer stands under its worker's name.
    """
    workers = server.cluster.workers(server.name)
    extra = Targeted(service).data()
    answers = server.invoke_on(
        workers, TargetCall.name, as_json(payload), cid=cid, timeout=timeout, extra=extra
    )
    return {found.pid or found.worker: _of_process(found) for found in answers.values()}


def _of_process(found: WorkerAnswer) -> PlainDict:
    if found.error is not None:
        return {"is_ok": False, "pid_data": None, "error_info": found.error.explanation}
    return {"is_ok": True, "pid_data": found.payload["answer"], "error_info": None}


def _reports(server: Server) -> Iterable[tuple[str, Value]]:
    """Return the reports of living workers, the last of each server last."""
    return sorted(server.cluster.reports().items(), reverse=True)


def _taken(answers: Iterable[WorkerAnswer]) -> list[WorkerAnswer]:
    """Return the answers of those who take the target, also where the service failed; of those who
    did not answer nobody knows, and they count where nobody else has.
    """
    known = [each for each in answers if each.pid and (not each.ok or each.payload[_TAKEN])]
    return known or [each for each in answers if isinstance(each.error, TimedOut)]


def _nobody(call: Targeted, answers: list[WorkerAnswer]) -> HansaError | ZatoException:
    """Return why a call was not made."""
    failed = [each.error for each in answers if each.error is not None]
    if failed:
        return Unavailable(f"{call.service}@{call.target} was not called: {failed[0].detail}")
    return ZatoException(
        None,
        f"no server takes the target {call.target!r} of {call.service}: it is the name of none, and "
        "in `invoke_targets` of `[zato]` of no config.toml",
    )
