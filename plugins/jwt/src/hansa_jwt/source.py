"""Where the keys of an issuer come from: the settings, or a key set that is fetched by its URL."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from time import monotonic, time
from typing import TYPE_CHECKING

from hansa import HansaError, Objects, Records, Unavailable
from hansa_connect.tls import authorities_of
from hansa_http.one_call import call_once

from .keys import keys_of, read_key_set
from .ring import KeyRing

if TYPE_CHECKING:
    from .settings import JwtSettings

LARGEST_KEY_SET = 512 * 1024
"""Maximum size of a key set, in bytes."""
_ACCEPT = {"Accept": "application/jwk-set+json, application/json"}


class ConfiguredKeys:
    """The keys in the settings of a definition."""

    def __init__(self, settings: JwtSettings) -> None:
        self.ring = KeyRing(keys_of(settings), settings.algorithms)

    def start(self) -> None:
        """There is nothing to start."""

    def stop(self) -> None:
        """There is nothing to stop."""

    def for_key_id(self, kid: str | None) -> KeyRing:
        """Return the keys."""
        return self.ring

    def check(self) -> str:
        """Return which keys there are."""
        return "keys from the settings"


class FetchedKeys:
    """The keys of a JSON Web Key Set, fetched by one thread: regularly, and at once for a token
    that names an unknown key.

    `ring` has the keys as they are now. `records` keep the key set, so that a new worker, or an
    edited definition, can verify tokens while the issuer is down. `trouble` is called with what is
    wrong with the issuer, and with an empty text once it answers again.
    """

    def __init__(
        self,
        label: str,
        settings: JwtSettings,
        objects: Objects,
        records: Records,
        trouble: Callable[[str], None],
        log: logging.Logger,
    ) -> None:
        self.ring = KeyRing()
        self._label = label
        self._settings = settings
        self._objects = objects
        self._records = records
        self._record = f"{settings.jwks_url} {settings.jwks_ca}"
        self._trouble = trouble
        self._log = log
        self._key_set = b""
        self._fetched_at = 0.0
        self._fault = ""
        self._available = False
        self._fetching = threading.Lock()
        self._condition = threading.Condition()
        self._wanted = True
        self._stopping = False
        self._due = 0.0
        self._asked_again_from = 0.0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin with the keys that were kept, and fetch the key set; returns at once."""
        self._restore()
        name = f"key set of {self._label}"
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        thread.start()
        self._thread = thread

    def stop(self) -> None:
        """End the thread; waits for a fetch in progress."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join(self._settings.jwks_timeout + 1)

    def for_key_id(self, kid: str | None) -> KeyRing:
        """Return the keys, fetched again if none of them has this key ID, at most once in
        `jwks_interval` seconds, and by one thread for all that wait.

        Raises `Unavailable` if there are no keys to judge by.
        """
        if not self.ring.knows(kid):
            self._await_fetch()
        if not self._available:
            raise Unavailable(
                "tokens cannot be verified at the moment",
                retry_after=int(self._settings.jwks_interval) + 1,
            )
        return self.ring

    def check(self) -> str:
        """Fetch the key set, and return which keys it has; raises `Unavailable`."""
        fault = self._renew()
        if fault:
            raise Unavailable(fault)
        return f"keys: {', '.join(self.ring.ids) or 'none'}"

    # -- waiting for a fetch -----------------------------------------------------------------------

    def _await_fetch(self) -> None:
        """Wait for the fetch in progress, or for a new one if one may begin.

        Nobody waits for an issuer that does not answer: it is asked in the background.
        """
        with self._condition:
            now = monotonic()
            if not self._wanted:
                if now < self._asked_again_from:
                    return
                self._asked_again_from = now + self._settings.jwks_interval
                self._wanted = True
                self._condition.notify_all()
            if not self._fault:
                self._condition.wait_for(self._is_settled, self._settings.jwks_timeout + 1)

    def _is_settled(self) -> bool:
        return self._stopping or not self._wanted

    def _run(self) -> None:
        while self._wait_until_wanted():
            fault = self._renew()
            pause = self._settings.jwks_interval if fault else self._settings.jwks_refresh
            with self._condition:
                self._wanted = False
                self._due = monotonic() + pause
                self._condition.notify_all()

    def _wait_until_wanted(self) -> bool:
        """Wait until it is time to fetch; False once the thread is to end."""
        with self._condition:
            rest = max(0.0, self._due - monotonic())
            self._condition.wait_for(lambda: self._wanted or self._stopping, rest)
            self._wanted = True
            return not self._stopping

    # -- fetching ----------------------------------------------------------------------------------

    def _renew(self) -> str:
        """Fetch the key set and take its keys; returns what is wrong, an empty text if nothing is."""
        with self._fetching:
            try:
                self._take(self._fetch())
            except HansaError as error:
                fault = f"the key set cannot be fetched: {error.explanation}"
            except (OSError, ValueError) as error:
                fault = f"the key set cannot be fetched: {error}"
            except Exception as error:
                self._log.exception("the key set cannot be fetched")
                fault = f"the key set cannot be fetched: {type(error).__name__}"
            else:
                fault = "" if self.ring else "the key set has no key for the algorithms"
            self._report(fault)
            return fault

    def _fetch(self) -> bytes:
        settings = self._settings
        status, _, body = call_once(
            self._label,
            "GET",
            settings.jwks_url,
            headers=_ACCEPT,
            timeout=settings.jwks_timeout,
            largest=LARGEST_KEY_SET,
            ca=authorities_of(settings.jwks_ca, self._objects),
            proxy=settings.jwks_proxy,
        )
        if status != 200:
            raise Unavailable(f"it was answered with status {status}")
        return body

    def _take(self, key_set: bytes) -> None:
        keys = read_key_set(key_set)
        if key_set != self._key_set or not self._available:
            self.ring = KeyRing(keys, self._settings.algorithms)
            self._key_set = key_set
            self._log.info("keys of the issuer: %s", ", ".join(self.ring.ids) or "none")
        self._available = True
        self._fetched_at = monotonic()
        self._keep(key_set)

    def _report(self, fault: str) -> None:
        """Report that the issuer does not answer, or does again; its keys are given up when it has
        not for too long.
        """
        age = monotonic() - self._fetched_at
        if fault and self._available and age > self._settings.jwks_outage:
            self._available = False
            self.ring = KeyRing()
            self._log.error("the keys of the issuer are given up, fetched %.0f s ago", age)
        if bool(fault) != bool(self._fault):
            if fault:
                self._log.warning("%s", fault)
            self._trouble(fault)
        self._fault = fault

    # -- what outlives a process -------------------------------------------------------------------

    def _keep(self, key_set: bytes) -> None:
        kept = json.dumps({"fetched": time(), "keys": key_set.decode()})
        try:
            self._records.write(self._record, kept.encode())
        except OSError as error:
            self._log.warning("the key set cannot be kept for later starts: %s", error)

    def _restore(self) -> None:
        """Take the keys of the key set that was kept, unless it is too old."""
        try:
            kept = self._records.read(self._record)
            if kept is None:
                return
            found = json.loads(kept)
            age = time() - float(found["fetched"])
            key_set = str(found["keys"]).encode()
            keys = read_key_set(key_set)
        except (OSError, ValueError, TypeError, KeyError) as error:
            self._log.warning("the key set that was kept cannot be read: %s", error)
            return
        if 0 <= age <= self._settings.jwks_outage:
            self.ring = KeyRing(keys, self._settings.algorithms)
            self._key_set = key_set
            self._fetched_at = monotonic() - age
            self._available = True
