"""Forms that could not be carried out when they came, kept in memory for some minutes: their session had
ended, they need a password first, or a definition that one of their fields is to name.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from .api import JsonObject
from .guard import TOKEN_FIELD
from .language.texts import gettext_noop
from .sessions import SeenForm
from .visit import Form

KEPT = 600.0
"""Seconds for which a form is kept."""
KEPT_OPEN = 3600.0
"""Seconds for which a form is kept while its user makes what one of its fields is to name."""
LARGEST = 4 * 1024 * 1024
"""Characters of the largest form that is kept."""
MOST = 32 * 1024 * 1024
"""Characters of all forms together; the oldest go first."""
SECRETS = "~secrets"
"""The field of a form that names its fields for secrets."""
KEPT_FORM = "~kept"
"""The field of an address or of a form that names a form that is kept."""
PASSWORD = "password"
NOT_APPLIED = gettext_noop(
    "The session had ended, and nothing was applied. This is what you "
    "entered; secrets have to be entered again."
)


@dataclass(frozen=True)
class KeptForm:
    """A form as it was posted to `path`, which only the same user of the same cluster gets again.

    `seen` are the settings that the forms of its session were shown with; `until` is a time of
    `time.monotonic()`; `told` is what the form says when it is shown again.
    """

    cluster: str
    user: str
    path: str
    form: Form
    seen: Mapping[SeenForm, JsonObject]
    until: float
    told: str = NOT_APPLIED

    @property
    def size(self) -> int:
        """Characters of its names and values."""
        fields = self.form.fields.items()
        return sum(len(name) + sum(len(value) for value in values) for name, values in fields)


class KeptForms:
    """The forms that are kept, by a random name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, KeptForm] = {}

    def keep(
        self,
        cluster: str,
        user: str,
        path: str,
        form: Form,
        seen: Mapping[SeenForm, JsonObject],
        *,
        told: str = NOT_APPLIED,
        seconds: float = KEPT,
    ) -> str:
        """Keep a form for some seconds; returns its name, which is empty if it is too large."""
        kept = KeptForm(cluster, user, path, form, seen, time.monotonic() + seconds, told)
        if kept.size > LARGEST:
            return ""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._forget_old(MOST - kept.size)
            self._kept[name] = kept
        return name

    def find(self, name: str, cluster: str, user: str) -> KeptForm | None:
        """Return a form; None if it is not kept any more, or is another user's."""
        with self._lock:
            kept = self._kept.get(name)
        if kept is None or kept.until < time.monotonic():
            return None
        return kept if (kept.cluster, kept.user) == (cluster, user) else None

    def change(self, name: str, form: Form) -> None:
        """Let a form that is kept have other values."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                self._kept[name] = replace(kept, form=form)

    def forget(self, name: str) -> None:
        """Forget a form."""
        with self._lock:
            self._kept.pop(name, None)

    def _forget_old(self, room: int) -> None:
        """Forget what is too old, and as many of the oldest as it takes for the rest to fit."""
        now = time.monotonic()
        for name in [name for name, one in self._kept.items() if one.until < now]:
            del self._kept[name]
        size = sum(one.size for one in self._kept.values())
        while size > room:
            oldest = next(iter(self._kept))
            size -= self._kept.pop(oldest).size


def without_secrets(form: Form) -> Form:
    """Return a form without the fields that it names as secret, and its token."""
    left_out = {TOKEN_FIELD, PASSWORD, SECRETS, *form.all(SECRETS)}
    return Form({name: values for name, values in form.fields.items() if name not in left_out})
