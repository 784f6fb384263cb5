"""Reports certificates that expire soon: in the state of their definition, and in the log."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509

log = logging.getLogger("hansa.tls")

NOTICE = timedelta(days=30)
"""How long before it expires a certificate is reported."""
INTERVAL = 10.0
"""Seconds between two looks."""
REPEAT = timedelta(days=1)
"""Time after which the log has the same report again."""


def ending(certificates: Sequence[x509.Certificate], now: datetime) -> str:
    """Return which of some certificates expires first, if that is soon, or has expired; else an
    empty text.
    """
    if not certificates:
        return ""
    first = min(certificates, key=lambda one: one.not_valid_after_utc)
    rest = first.not_valid_after_utc - now
    if rest > NOTICE:
        return ""
    subject = first.subject.rfc4514_string()
    day = first.not_valid_after_utc.date().isoformat()
    if rest <= timedelta(0):
        return f"the certificate {subject} expired on {day}"
    return f"the certificate {subject} expires on {day}, in {rest.days} days"


class Notices:
    """What is wrong with a definition that goes on serving, by subject: one text of its state."""

    def __init__(self, report: Callable[[str], None], log: logging.Logger) -> None:
        self._report = report
        self._log = log
        self._texts: dict[str, str] = {}
        self._logged: dict[str, datetime] = {}

    def set(self, subject: str, text: str) -> None:
        """Set what is wrong with a subject, an empty text if nothing is; the log has it once a day.

        The same text again is not reported again.
        """
        if text:
            self._warn(subject, text)
        if text == self._texts.get(subject, ""):
            return
        self._texts[subject] = text
        self._report("; ".join(each for each in self._texts.values() if each))

    def _warn(self, subject: str, text: str) -> None:
        now = datetime.now(UTC)
        last = self._logged.get(subject)
        if last is None or now - last >= REPEAT or text != self._texts.get(subject, ""):
            self._logged[subject] = now
            self._log.warning("%s", text)


class ExpiryWatch:
    """Calls what has entered at an interval, in a thread that lives as long as anything has
    entered.
    """

    def __init__(self, interval: float = INTERVAL) -> None:
        self._interval = interval
        self._looks: dict[object, Callable[[], None]] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def enter(self, owner: object, look: Callable[[], None]) -> None:
        """Call `look` now, and at an interval from another thread, until its owner leaves."""
        look()
        with self._lock:
            if self._thread is None:
                self._ended = threading.Event()
                thread = threading.Thread(
                    target=self._run, args=(self._ended,), name="tls-expiry", daemon=True
                )
                thread.start()
                self._thread = thread
            self._looks[owner] = look

    def leave(self, owner: object) -> None:
        """Look no more; the last one to leave ends the thread."""
        with self._lock:
            self._looks.pop(owner, None)
            if self._looks or self._thread is None:
                return
            thread = self._thread
            self._thread = None
            self._ended.set()
        thread.join(5)

    def _run(self, ended: threading.Event) -> None:
        while not ended.wait(self._interval):
            with self._lock:
                looks = list(self._looks.values())
            for look in looks:
                try:
                    look()
                except Exception:
                    log.exception("the expiry of a certificate could not be checked")
