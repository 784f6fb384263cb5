"""The sequence numbers of senders (HL7 version 2, chapter 2.10.1), kept across restarts."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Literal

from hansa import Server

from .header import Header

Step = Literal["handle", "repeated", "begin", "refuse"]
RESET = -1


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
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def lock(self, header: Header) -> threading.Lock:
        """Return what keeps two messages of one sender from being handled at a time."""
        with self._guard:
            return self._locks.setdefault(header.sender, threading.Lock())

    def judge(self, header: Header) -> Judgement:
        """Return what to do with a message."""
        last = self._last(header.sender)
        following = None if last is None else last + 1
        given = header.field(13).strip()
        if not given.lstrip("-").isdecimal():
            return Judgement("refuse", following, "the sequence number (MSH-13) is missing")
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
        self._known[header.sender] = number

    def _last(self, sender: str) -> int | None:
        if sender not in self._known:
            found = self._records.read(self._name(sender))
            if not found:
                return None
            self._known[sender] = int(found)
        return self._known[sender]

    def _forget(self, sender: str) -> None:
        self._records.write(self._name(sender), b"")
        self._known.pop(sender, None)

    def _name(self, sender: str) -> str:
        digest = hashlib.sha256(sender.encode("latin-1", "replace")).hexdigest()[:24]
        return f"{self._owner} {digest}"
