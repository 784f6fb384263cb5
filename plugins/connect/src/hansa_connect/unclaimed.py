"""Files that a folder lists, and that cannot be claimed: each is reported once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

NOT_THERE = "the server lists it, but has no file of that name"


class Unclaimed:
    """What could not be claimed when it was last tried.

    It is tried again at each poll. `report` gets a short text when the first of them changes, and
    an empty one when there are none left.
    """

    def __init__(self, log: logging.Logger, report: Callable[[str], None]):
        self._log = log
        self._report = report
        self._missing: set[str] = set()
        self._refused: dict[str, str] = {}
        self._reported = ""

    def missing(self, name: str) -> None:
        """Note that there is no such file: another channel was quicker, unless it is listed again."""
        if name in self._missing:
            self.refused(name, NOT_THERE)
        elif name not in self._refused:
            self._missing.add(name)
            self._log.info("%a was taken by another channel", name)

    def refused(self, name: str, why: str) -> None:
        """Note that the server does not let a file be claimed."""
        self._missing.discard(name)
        if name not in self._refused:
            self._log.warning("%a is left where it is, since it cannot be claimed: %s", name, why)
            self._refused[name] = why

    def keep(self, tried: Iterable[str]) -> None:
        """Forget all but the files that the last poll tried in vain, and report what is left."""
        still = set(tried)
        self._missing &= still
        self._refused = {name: why for name, why in self._refused.items() if name in still}
        text = self._summary()
        if text != self._reported:
            self._reported = text
            self._report(text)

    def _summary(self) -> str:
        if not self._refused:
            return ""
        name, why = next(iter(self._refused.items()))
        others = len(self._refused) - 1
        more = f", and {others} others" if others else ""
        return f"{name!a}{more} cannot be claimed: {why}"
