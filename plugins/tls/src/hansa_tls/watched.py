"""What is watched of certificates while they are in use: when they expire, and whether their files
were replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from cryptography import x509
from hansa import HansaError

from .expiry import Notices, ending
from .pem import PemSource


class WatchedCertificates:
    """The certificates of a definition, and the files that they come from, if they do.

    `read` reads the files again and raises what is wrong with them; `replaced` is called when they
    are others than were read, and can be used.
    """

    def __init__(
        self,
        certificates: Sequence[x509.Certificate],
        sources: Sequence[PemSource],
        *,
        read: Callable[[], object],
        replaced: Callable[[], None],
        notices: Notices,
    ) -> None:
        self._certificates = certificates
        self._sources = sources
        self._read = read
        self._replaced = replaced
        self._notices = notices

    def look(self) -> None:
        """Report certificates that expire soon, and files that were replaced."""
        self._notices.set("expiry", ending(self._certificates, datetime.now(UTC)))
        if not any(source.has_changed for source in self._sources):
            return
        try:
            self._read()
        except HansaError as error:
            self._notices.set("files", f"{error.detail}; what was read before is in use")
        else:
            self._replaced()
