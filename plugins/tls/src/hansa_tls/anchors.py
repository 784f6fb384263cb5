"""The authorities and revocation lists of a definition, read again when their files change."""

from __future__ import annotations

import threading
import time

from hansa import HansaError

from .expiry import Notices
from .pem import PemSource, certificates_in, revocation_lists_in
from .trust import Trust

INTERVAL = 1.0
"""Seconds between two looks at the files."""


class Anchors:
    """Authorities, and revocation lists if there are any; `serial` grows with each change.

    Files that cannot be read any more leave in force what was read last, which the state reports.
    """

    trust: Trust

    def __init__(self, authorities: str, crl: str, notices: Notices) -> None:
        self.serial = 0
        self._authorities = PemSource("authorities", authorities)
        self._crl = PemSource("crl", crl) if crl else None
        self._notices = notices
        self._reading = threading.Lock()
        self._look_at = 0.0

    def read(self) -> Trust:
        """Read everything; raises `Invalid` or `Unavailable`."""
        authorities = certificates_in("authorities", self._authorities.read())
        lists = [] if self._crl is None else revocation_lists_in("crl", self._crl.read())
        self.trust = Trust(authorities, lists)
        self.serial += 1
        self._notices.set("files", "")
        return self.trust

    def current(self) -> Trust:
        """Return what counts, read again if a file has changed."""
        self.refresh()
        return self.trust

    def refresh(self) -> None:
        """Read again what has changed, at most once a second; never raises.

        PERF: a look at two files costs about three microseconds, which all requests of a second
        share.
        """
        now = time.monotonic()
        if now < self._look_at or not self._reading.acquire(blocking=False):
            return
        try:
            self._look_at = now + INTERVAL
            if self._authorities.has_changed or (self._crl is not None and self._crl.has_changed):
                self.read()
        except HansaError as error:
            self._notices.set("files", f"{error.detail}; what was read before counts")
        finally:
            self._reading.release()
