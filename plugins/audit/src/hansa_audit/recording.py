"""The recording of calls: around admin services, whoever calls them, and of refused attempts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from hansa import Dispatch, HansaError, Request, Response, Server, Service, Undefined
from hansa_admin.administration import Administration, name_of
from hansa_admin.rights import right_of

from .early import AuditSection
from .naming import input_of, names_in, settings_in
from .record import BEGUN, OK, Entry
from .trail import AuditTrail, code_of, current

READ_RIGHTS = {"view", "payloads"}
"""The rights that admin services declare which change nothing."""
REFUSALS = {"unauthorized", "forbidden"}
"""Outcomes that `Refusals` records, whatever was called."""
WINDOW = 60.0
"""Seconds for which refused attempts from one address are one record."""
MOST_HELD = 100
"""Addresses whose refused attempts are recorded at once within a window; others are only counted.
"""


def entry_of(request: Request, service: str) -> Entry:
    """Return what is known of a call before it is made."""
    principal = request.principal
    entry = Entry(
        by=name_of(principal),
        definition=str(getattr(principal, "definition", "")),
        address=request.peer,
        service=service,
        cid=request.cid,
    )
    binding = request.channel
    if binding is not None:
        entry.channel = f"{binding.type} {binding.channel}".strip()
    if binding is not None and principal is not None:
        _identify(entry, binding.server, principal)
    return entry


def _identify(entry: Entry, server: Server, principal: object) -> None:
    """Add the account and the roles of a caller, if it has some."""
    try:
        identity = server.resource(Administration).identify(principal)
    except Undefined:
        return  # the plugin admin is blocked
    if identity.account:
        entry.more["account"] = identity.account
    if identity.roles:
        entry.more["roles"] = list(identity.roles)


def name_what(entry: Entry, request: Request) -> None:
    """Fill in what a call is about."""
    given = input_of(request)
    entry.names = names_in(given)
    entry.settings = settings_in(given)


def is_recorded(section: AuditSection, service: type[Service]) -> bool:
    """Whether calls of an admin service are recorded, also when they are not refused."""
    if section.reads:
        return True
    right = right_of(service)
    if right in READ_RIGHTS:
        return right == "payloads" and section.payload_reads
    return bool(getattr(service, "recorded", True))


def recorded(
    trail_of: Callable[[Request], AuditTrail], service: type[Service], call: Dispatch
) -> Dispatch:
    """Wrap a call of an admin service so that it is recorded before its caller is answered."""
    name = service.get_name()

    def record(request: Request) -> Response:
        trail = trail_of(request)
        if not is_recorded(trail.section, service):
            return call(request)
        entry = entry_of(request, name)
        name_what(entry, request)
        if trail.section.required:
            trail.write(replace(entry, outcome=BEGUN, more=dict(entry.more)))
        token = current.set(entry)
        try:
            response = call(request)
            entry.outcome = OK if response.error is None else code_of(response.error)
        except BaseException as error:
            entry.outcome = code_of(error)
            raise
        finally:
            current.reset(token)
            if entry.outcome not in REFUSALS or entry.changes:
                trail.note(entry)
        return response

    return record


@dataclass
class RefusalCount:
    """Refused attempts that are one record: the first, how many came after it, and until when they
    are counted.
    """

    entry: Entry
    until: float
    more: int = 0


class Refusals:
    """Attempts that were refused.

    Those of a caller who is known are recorded one by one. Of others, those from one address, at
    one channel and with one outcome are recorded at once, and then once in a minute with their
    number, so that whoever guesses does not fill the log, and costs no transaction each time.
    """

    def __init__(
        self, note: Callable[[Entry], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._note = note
        self._clock = clock
        self._held: dict[tuple[str, str, str], RefusalCount] = {}
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def tell(self, service: type[Service], request: Request, error: HansaError) -> None:
        """Note an attempt."""
        asked = request.extra.get("path_params", {}).get("service") or service.get_name()
        entry = entry_of(request, str(asked))
        entry.outcome = error.code
        if request.principal is not None:
            name_what(entry, request)
            self._note(entry)
            return
        now = self._clock()
        with self._lock:
            notes = self._take(now)
            if self._count(entry, now):
                notes.append(entry)
        for one in notes:
            self._note(one)
        self._watch()

    def flush(self) -> None:
        """Record what was counted."""
        self._record(float("inf"))

    def _watch(self) -> None:
        """Have what was counted recorded at the end of its window, also if nobody is refused then."""
        with self._lock:
            if self._held and self._timer is None:
                first = min(held.until for held in self._held.values())
                timer = threading.Timer(max(0.0, first - self._clock()), self._end_window)
                timer.daemon = True
                timer.start()
                self._timer = timer

    def _end_window(self) -> None:
        with self._lock:
            self._timer = None
        self._record(self._clock())
        self._watch()

    def _record(self, now: float) -> None:
        """Record what was counted long enough."""
        with self._lock:
            notes = self._take(now)
        for one in notes:
            self._note(one)

    def _count(self, entry: Entry, now: float) -> bool:
        """Count an attempt; returns whether it is to be recorded by itself."""
        key = (entry.address, entry.outcome, entry.channel)
        if key not in self._held and len(self._held) >= MOST_HELD:
            key = ("", entry.outcome, "")
            if key not in self._held:
                others = Entry(service=entry.service, outcome=entry.outcome)
                self._held[key] = RefusalCount(others, now + WINDOW)
        held = self._held.get(key)
        if held is not None:
            held.more += 1
            return False
        self._held[key] = RefusalCount(entry, now + WINDOW)
        return True

    def _take(self, now: float) -> list[Entry]:
        """Take out what was counted long enough, as entries with their number."""
        ended = [key for key, held in self._held.items() if held.until <= now]
        taken = [self._held.pop(key) for key in ended]
        return [replace(held.entry, count=held.more, more={}) for held in taken if held.more]
