"""The secrets that settings of this worker refer to: read when they are asked for, read again
regularly, and kept while the vault does not answer.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from time import monotonic

from hansa import HansaError, Invalid, Unavailable

from .client import Denied, Missing
from .session import VaultSession

log = logging.getLogger("hansa.vault")

Fields = dict[str, object]
"""The fields of one secret by name."""
_LOOK_INTERVAL = 1.0
"""Seconds between looks at whether the token is to be renewed, or the secrets to be read again."""
_FRESH_PART = 0.5
"""The part of `refresh` for which a secret that was read is not read again."""
_OUTAGE_PAUSE = 1.0
"""Seconds for which a vault that did not answer is not asked again, so that nobody waits in line."""
MOST_REFERENCES = 10_000
"""Maximum references whose values are followed; the oldest make room."""


class VaultSecrets:
    """Returns secrets by references of the form `path#field`.

    `changed(reference)` is called for each reference in use whose value has changed; `refresh` is
    the interval, in seconds, at which secrets are read again.
    """

    def __init__(
        self, session: VaultSession, refresh: float, changed: Callable[[str], None]
    ) -> None:
        self._session = session
        self._refresh = refresh
        self._changed = changed
        self._lock = threading.Lock()
        self._read: dict[str, Fields] = {}
        self._read_at: dict[str, float] = {}
        self._used: dict[str, str | None] = {}
        self._outage = ""
        self._asked_again_from = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="vault", daemon=True)
        self._is_answering = True

    def start(self) -> None:
        """Begin to read secrets again regularly, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread, and close the connections."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self._refresh)
        self._session.close()

    def value(self, reference: object) -> str:
        """Return the secret behind a reference.

        The last value counts while the vault does not answer. Raises `Invalid` for what is not
        there or may not be read, and `Unavailable`.
        """
        if not isinstance(reference, str):
            raise Invalid(f"$vault takes a text, not {type(reference).__name__}")
        path, field = split(reference)
        with self._lock:
            is_in_use = reference in self._used
            self._follow(reference)
            value = text_of(self._fields(path), path, field)
            before = self._used[reference]
            self._used[reference] = value
        if is_in_use and value != before:
            # what had asked before has another value, or none
            self._changed(reference)
        return value

    def _follow(self, reference: str) -> None:
        """Have a reference looked up regularly; one to what is missing, too, since what could not
        start for want of it is to start once it is there.
        """
        if reference not in self._used:
            while len(self._used) >= MOST_REFERENCES:
                del self._used[next(iter(self._used))]
            self._used[reference] = None

    def _fields(self, path: str) -> Fields:
        """Return the fields of a secret, which were read a moment ago or are read now."""
        age = monotonic() - self._read_at.get(path, -self._refresh)
        if age < self._refresh * _FRESH_PART:
            return self._read[path]
        try:
            found = self._ask(path)
        except Missing:
            self._forget(path)
            raise Invalid(f"the vault has no secret {path}") from None
        except Denied:
            self._forget(path)
            raise Invalid(f"the vault does not let this server read {path}") from None
        except Unavailable:
            if path not in self._read:
                raise
            return self._read[path]
        self._keep(path, found)
        return found

    def _ask(self, path: str) -> Fields:
        """Read a secret, unless the vault has not answered a moment ago."""
        if self._outage and monotonic() < self._asked_again_from:
            raise Unavailable(self._outage)
        try:
            found = self._session.read(path)
        except Unavailable as error:
            self._outage = error.detail
            self._asked_again_from = monotonic() + _OUTAGE_PAUSE
            log.warning("the vault cannot be asked for %s: %s", path, error)
            raise
        self._outage = ""
        return found

    def _keep(self, path: str, fields: Fields) -> None:
        self._read[path] = fields
        self._read_at[path] = monotonic()

    def _forget(self, path: str) -> None:
        self._read.pop(path, None)
        self._read_at.pop(path, None)

    # -- reading again -----------------------------------------------------------------------------

    def _run(self) -> None:
        due = monotonic() + self._refresh
        while not self._stopping.wait(_LOOK_INTERVAL):
            try:
                was_asked = self._session.renew()
                if monotonic() >= due:
                    due = monotonic() + self._refresh
                    self.renew()
                    was_asked = True
                if was_asked:
                    self._report("")
            except (Denied, HansaError) as error:
                self._report(str(error))
            except Exception:
                log.exception("the secrets of the vault cannot be read again")

    def renew(self) -> None:
        """Read all secrets in use again, and call `changed` for those with another value; raises
        `Unavailable` if the vault does not answer.
        """
        for path in sorted(self._paths()):
            try:
                found = self._session.read(path)
            except (Denied, Missing) as error:
                self._lose(path, error)
                continue
            with self._lock:
                self._keep(path, found)
            self._tell(path, found)

    def _lose(self, path: str, error: Exception) -> None:
        """Give up a secret that is gone: what runs with it goes on, what starts next learns of it."""
        with self._lock:
            if path in self._read:
                log.warning("the secret %s cannot be read any more: %s", path, error)
            self._forget(path)

    def _paths(self) -> set[str]:
        with self._lock:
            return {split(reference)[0] for reference in self._used}

    def _tell(self, path: str, fields: Fields) -> None:
        with self._lock:
            used = {name: old for name, old in self._used.items() if split(name)[0] == path}
        for reference, old in used.items():
            try:
                new = text_of(fields, path, split(reference)[1])
            except Invalid as error:
                if old is not None:
                    log.warning("%s: %s", reference, error)
                continue
            if new != old:
                log.info("the secret %s was changed: what uses it is started again", reference)
                with self._lock:
                    self._used[reference] = new
                self._changed(reference)

    def _report(self, why: str) -> None:
        """Log once that the vault does not answer, and once that it does again."""
        if why and self._is_answering:
            log.warning("secrets keep their last values: %s", why)
        if not why and not self._is_answering:
            log.info("the vault answers again")
        self._is_answering = not why


def split(reference: str) -> tuple[str, str]:
    """Return path and field of a reference, `path#field`; raises `Invalid`."""
    path, _, field = reference.partition("#")
    parts = path.split("/")
    if not field or not all(parts) or {".", ".."} & set(parts):
        raise Invalid(f"{reference!r} is not of the form path#field")
    return path, field


def text_of(fields: Fields, path: str, field: str) -> str:
    """Return a field as the text that a setting takes; raises `Invalid`."""
    if field not in fields:
        raise Invalid(f"the secret {path} in the vault has no field {field}")
    value = fields[field]
    if isinstance(value, str):
        return value
    if isinstance(value, dict | list) or value is None:
        raise Invalid(f"the field {field} of the secret {path} in the vault is not a text")
    return json.dumps(value)
