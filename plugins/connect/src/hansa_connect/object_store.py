"""A channel that watches an object store and delivers each object at least once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import ClassVar, TypeVar, cast

from hansa import NotFound, TooLarge, Unavailable, problem

from .claims import Claim
from .delivery import Delivery
from .files import is_clean
from .object_settings import ObjectWatchSettings
from .objects import ObjectContent, ObjectDelivery, StoredObject
from .pulling import PullingChannel
from .remembered_objects import RememberedObjects
from .remote import RemoteConflict

LONGEST_NAME = 1024
"""Bytes that the name of an object may have (S3, Swift)."""
MARK = 64
"""Bytes that are added to the name of an object, and of the cause beside it, when it is moved."""
MOST_WARNINGS = 1000
"""Names that are warned of, at most."""
FULL = "as many objects are remembered as remember_limit allows, and all are still there"

WatchT = TypeVar("WatchT", bound=ObjectWatchSettings)


class ObjectChannel(PullingChannel[WatchT]):
    """Base of channels that watch an object store.

    A subclass defines `list_objects`, `read_object`, `current_object`, `delete_object`,
    `copy_object` and `write_object`, and opens and closes the store in `connect` and `disconnect`.
    They are called by several threads at a time, and raise `NotFound` for an object that is gone,
    and `RemoteConflict` for one that is another by now, as far as the store can tell; whatever else
    they raise means that the store is lost.
    """

    placement = "cluster"
    exclusive = True  # two objects would take the same messages
    flags_redelivery = False
    container_word: ClassVar[str] = "container"
    """What the store calls a container, in headers and payloads."""

    _readers: ThreadPoolExecutor | None = None

    def list_objects(self) -> Iterator[StoredObject]:
        """Yield the objects whose names begin with the prefix, page after page."""
        raise NotImplementedError

    def read_object(self, found: StoredObject) -> ObjectContent:
        """Return the content of an object, and what is stored with it.

        Raises `TooLarge` for more than `max_body`, whatever the store says of its size; see `joined`.
        """
        raise NotImplementedError

    def current_object(self, found: StoredObject) -> StoredObject:
        """Return what has the name of an object now."""
        raise NotImplementedError

    def delete_object(self, found: StoredObject) -> None:
        """Delete an object, if possible only if it is still the one that was found."""
        raise NotImplementedError

    def deletes_nothing_else(self) -> bool:
        """Return whether `delete_object` is known to delete no other object than the one found.

        Where it is, objects are not looked at once more before they are deleted.
        """
        return False

    def copy_object(self, found: StoredObject, name: str) -> None:
        """Copy an object to another name of its container, if possible only the one that was found."""
        raise NotImplementedError

    def write_object(self, container: str, name: str, body: bytes) -> None:
        """Write a small object of JSON."""
        raise NotImplementedError

    # -- life --------------------------------------------------------------------------------------

    def connect(self) -> None:
        """Make ready to read; the store is open."""
        self._guard = threading.Lock()
        self._taken: set[str] = set()
        self._due: dict[str, tuple[float, StoredObject]] = {}
        self._pass: Iterator[StoredObject] | None = None
        self._next_pass = 0.0
        self._found_some = False
        self._warned: set[str] = set()
        self._full = self._told_full = False
        config = self.config
        owner = f"{self.kind} {self.type} {self.name}"
        self._remembered = RememberedObjects(self.server, owner, config.remember_limit)
        self._readers = ThreadPoolExecutor(
            min(config.pool, config.prefetch), thread_name_prefix=f"{self.type} {self.name} get"
        )

    def disconnect(self) -> None:
        """End the threads that read."""
        if self._readers is not None:
            self._readers.shutdown(cancel_futures=True)

    # -- what is there -----------------------------------------------------------------------------

    def fetch(self, limit: int, wait: float) -> Iterable[Delivery]:
        """Return objects that nobody has in hand: those due again, then those found by listing."""
        ends = time.monotonic() + wait
        while not self._stopping.is_set():
            found = self._due_again(limit)
            found += self._new(limit - len(found), ends)
            deliveries = self._read_all(found)
            now = time.monotonic()
            if deliveries or now >= ends:
                return deliveries
            self._stopping.wait(max(0.01, min(ends, self._next_look()) - now))
        return []

    def _due_again(self, limit: int) -> list[StoredObject]:
        now = time.monotonic()
        with self._guard:
            due = [key for key, (moment, _) in self._due.items() if moment <= now][:limit]
            found = [self._due.pop(key)[1] for key in due]
            self._taken.update(due)
        return found

    def _next_look(self) -> float:
        with self._guard:
            moments = [moment for moment, _ in self._due.values()]
        return min([self._next_pass, *moments])

    def _new(self, limit: int, ends: float) -> list[StoredObject]:
        """Go on listing until there are `limit` objects to take, or all were listed."""
        found: list[StoredObject] = []
        if self._pass is None and time.monotonic() >= self._next_pass:
            self._remembered.begin_pass()
            self._found_some = self._full = False
            self._pass = self.list_objects()
        while self._pass is not None and len(found) < limit and not self._stopping.is_set():
            stored = next(self._pass, None)
            if stored is None:
                self._end_pass()
            elif self._is_wanted(stored):
                found.append(stored)
            elif not found and time.monotonic() > ends:
                break
        self._found_some = self._found_some or bool(found)
        return found

    def _end_pass(self) -> None:
        """Plan the next look: at once while there is more to come, unless what was found stays."""
        self._pass = None
        self._remembered.end_pass()
        again_at_once = self._found_some and self.config.after != "remember"
        self._next_pass = time.monotonic() + (0.0 if again_at_once else self.config.interval)
        if self._full != self._told_full:
            self._told_full = self._full
            self.trouble(FULL if self._full else "")

    def _is_wanted(self, stored: StoredObject) -> bool:
        """Return whether an object is to be taken, which is noted."""
        if not self._matches(stored.name):
            return False
        key = stored.identity
        stays = self.config.after == "remember"
        if stays:
            self._remembered.seen(stored)
        with self._guard:
            if key in self._taken or key in self._due:
                return False
        if stays and self._remembered.has(stored):
            return False
        if stays and not self._remembered.has_room(stored):
            self._full = True
            return False
        with self._guard:
            self._taken.add(key)
        return True

    def _matches(self, name: str) -> bool:
        config = self.config
        rest = name.removeprefix(config.prefix)
        if not rest or name.endswith("/") or name.startswith(config.kept_aside):
            return False
        if any(fnmatchcase(rest, pattern) for pattern in config.ignore):
            return False
        if not any(fnmatchcase(rest, pattern) for pattern in config.pattern):
            return False
        longest = max((len(place.encode()) for place in config.kept_aside), default=0)
        added = longest + MARK if longest else 0
        if is_clean(name) and len(name.encode()) + added <= LONGEST_NAME:
            return True
        self._warn_once(name)
        return False

    def _warn_once(self, name: str) -> None:
        if name not in self._warned and len(self._warned) < MOST_WARNINGS:
            self._warned.add(name)
            self.log.warning(
                "left where it is, since its name is too long or has control characters: %a", name
            )

    def _read_all(self, found: list[StoredObject]) -> list[Delivery]:
        """Return the objects as messages, several read at a time; those that are gone are left out."""
        assert self._readers is not None
        deliveries = list(self._readers.map(self._delivery, found))
        return [delivery for delivery in deliveries if delivery is not None]

    def _delivery(self, stored: StoredObject) -> Delivery | None:
        config = self.config
        content, fault = ObjectContent(b""), ""
        wanted = config.deliver == "content"
        if wanted and stored.size > config.max_body:
            fault = f"the object has {stored.size} bytes; max_body is {config.max_body}"
        elif wanted:
            try:
                content = self.read_object(stored)
            except NotFound:
                self.log.info("%a was taken away before it was read", stored.name)
                self._let_go(stored)
                return None
            except TooLarge as error:  # the store did not say so before
                fault = error.detail
        return ObjectDelivery(
            stored,
            content.body,
            dict(content.headers),
            identity=stored.identity,
            fault=fault,
            stored=stored,
            container_word=self.container_word,
            content=wanted,
        )

    # -- what becomes of it ------------------------------------------------------------------------

    def acknowledge(self, delivery: Delivery) -> None:
        """Remember, delete or move an object that was handled."""
        stored = cast(ObjectDelivery, delivery).stored
        if self.config.after == "remember":
            self._remembered.put(stored)
        else:
            self._take_away(stored, self.config.done)
        self._let_go(stored)

    def put_back(self, delivery: Delivery, delay: float) -> None:
        """Have an object be taken again; nothing tells the store of it."""
        stored = cast(ObjectDelivery, delivery).stored
        with self._guard:
            self._taken.discard(stored.identity)
            self._due[stored.identity] = (time.monotonic() + delay, stored)

    def give_up(self, delivery: Delivery, error: BaseException | None) -> None:
        """Move an object to the failed ones, with its cause beside it, or remember it."""
        stored = cast(ObjectDelivery, delivery).stored
        if self.config.after == "remember":
            self.log.error("%a is given up until it changes, cid %s", stored.name, delivery.cid)
            self._remembered.put(stored)
        else:
            self._take_away(stored, self.config.failed, self._cause(delivery, error))
        self._let_go(stored)

    def _let_go(self, stored: StoredObject) -> None:
        with self._guard:
            self._taken.discard(stored.identity)

    def _take_away(self, stored: StoredObject, place: str, cause: bytes = b"") -> None:
        """Delete an object, or without losing it move it; one that was replaced stays as it is."""
        try:
            sure = not place and self.deletes_nothing_else()
            if not sure and self.current_object(stored).etag != stored.etag:
                self.log.info("%a was replaced meanwhile, and is taken again", stored.name)
                return
            if place:
                folder, slash, last = stored.name.rpartition("/")
                name = f"{place}{folder}{slash}{Claim.new('', last).final}"
                self.copy_object(stored, name)
                if cause:
                    self.write_object(stored.container, f"{name}.cause.json", cause)
            self.delete_object(stored)
        except NotFound:
            self.log.info("%a was taken away meanwhile", stored.name)
        except RemoteConflict:
            self.log.info("%a was replaced at the last moment, and is taken again", stored.name)

    def _cause(self, delivery: Delivery, error: BaseException | None) -> bytes:
        stored = cast(ObjectDelivery, delivery).stored
        cause = {
            "object": stored.name,
            "channel": self.name,
            "service": self.settings.service,
            "attempts": delivery.attempt,
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "problem": problem(error or Unavailable("its service rejected it"), delivery.cid),
        }
        return json.dumps(cause, indent=2).encode()
