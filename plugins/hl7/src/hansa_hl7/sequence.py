"""The sequence numbers of senders (HL7 version 2, chapter 2.10.1), kept across restarts."""

from __future__ import annotations

import hashlib
import re
import threading
from dataclasses import dataclass
from typing import Literal

from hansa import Server

from .header import Header

Step = Literal["handle", "repeated", "begin", "refuse"]
RESET = -1
LOCKS = 64
"""Senders share so many locks, however many there are."""
MOST_KNOWN = 1000
"""Senders whose numbers are kept in memory."""
_NUMBER = re.compile(r"-1|[0-9]{1,15}")


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is to be done with a message, the number that is expected after it, and why."""

    step: Step
    expected: int | None
    fault: str = ""


class Sequences:
    """The last number of each sender (MSH-3 and MSH-4) of one channel."""

    def __init__(self, server: Server, owner: str) -> None:
        self._records = server.records("hl7")
        self._owner = owner
        self._known: dict[str, int] = {}
        self._locks = tuple(threading.Lock() for _ in range(LOCKS))
        self._guard = threading.Lock()

    def lock(self, header: Header) -> threading.Lock:
        """Return what keeps two messages of one sender from being handled at a time."""
        return self._locks[hash(header.sender) % LOCKS]

    def judge(self, header: Header) -> Judgement:
        """Return what to do with a message."""
        last = self._last(header.sender)
        following = None if last is None else last + 1
        given = header.field(13).strip()
        if not _NUMBER.fullmatch(given):
            fault = "is no number" if given else "is missing"
            return Judgement("refuse", following, f"the sequence number (MSH-13) {fault}")
        number = int(given)
        if number == RESET:
            self._forget(header.sender)
            return Judgement("begin", RESET)
        if number == 0:
            return Judgement("begin", RESET if following is None else following)
        if following is None or number == following:
            return Judgement("handle", number + 1)
        if number == last:
            return Judgement("repeated", following)
        fault = f"the sequence number is {number}, and {following} was expected"
        return Judgement("refuse", following, fault)

    def settle(self, header: Header) -> None:
        """Note that a message was handled."""
        number = int(header.field(13))
        self._records.write(self._name(header.sender), str(number).encode())
        self._remember(header.sender, number)

    def _last(self, sender: str) -> int | None:
        known = self._known.get(sender)
        if known is not None:
            return known
        found = self._records.read(self._name(sender))
        return self._remember(sender, int(found)) if found else None

    def _remember(self, sender: str, number: int) -> int:
        with self._guard:
            if sender not in self._known and len(self._known) >= MOST_KNOWN:
                self._known.pop(next(iter(self._known)))
            self._known[sender] = number
        return number

    def _forget(self, sender: str) -> None:
        self._records.write(self._name(sender), b"")
        self._known.pop(sender, None)

    def _name(self, sender: str) -> str:
        digest = hashlib.sha256(sender.encode("latin-1", "replace")).hexdigest()[:24]
        return f"{self._owner} {digest}"
