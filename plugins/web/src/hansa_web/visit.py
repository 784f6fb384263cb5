"""One request of a browser: which cluster and page, whose session, and the calls of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlencode

from .api import Access, ApiError, ClusterApi, JsonObject
from .api_login import PASSWORD_NEEDED
from .catalogue import Catalogue, RegisteredType
from .language.texts import gettext
from .recent import KEPT, RecentAnswers
from .sessions import Session

if TYPE_CHECKING:
    from .kept_forms import KeptForms

PANEL_LIMIT = 10.0
"""Seconds for which a page waits for the answer behind one of its panels."""
_callers = ThreadPoolExecutor(max_workers=32, thread_name_prefix="panel")

Asked: TypeAlias = tuple[str, Mapping[str, object]] | tuple[str, Mapping[str, object], float]
"""A service and its input; and for how many seconds its answer serves other polls, if it is longer
than others do.
"""


@dataclass(frozen=True)
class Panel:
    """An answer of the API behind a part of a page, or the error that stands in its place."""

    data: JsonObject
    error: ApiError | None = None

    @property
    def is_missing(self) -> bool:
        """Whether no plugin provides it, or the user may not see it."""
        return self.error is not None and self.error.status in (403, 404)

    @property
    def fault(self) -> ApiError | None:
        """The error to show in its place; None if it has its answer, or is left out."""
        return None if self.is_missing else self.error


def whole_number(text: str) -> int | None:
    """Return a whole number of at most 11 digits without a sign; None for any other text."""
    return int(text) if text.isdecimal() and len(text) < 12 else None


@dataclass(frozen=True)
class Form:
    """The fields of a query or of a posted form: each has one value or several."""

    fields: Mapping[str, Sequence[str]]

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Return all values of a field."""
        return list(self.fields.get(name, ()))

    def number(self, name: str, default: int) -> int:
        """Return the value of a field as a whole number that is not negative."""
        number = whole_number(self.get(name))
        return default if number is None else number

    def one_of(self, name: str, known: Sequence[str]) -> str:
        """Return the value of a field if it is a known one, else the first of these."""
        given = self.get(name)
        return given if given in known else known[0]

    def __contains__(self, name: str) -> bool:
        return name in self.fields


@dataclass
class Visit:
    """What a page's functions get. `parts` are the values in the path, `query` and `form` the fields
    of the address and of the body; `calls` are the services that were called. With `recent`, which
    only polls of live parts have, answers may be a moment old, and are in `answers`.
    `others` are the clusters of this web admin besides this one, by name.
    `address` is that of the browser, `kept` has the forms that are shown again later, and `told` is
    said of one that is. `needs_password` is set by a call that the API refuses until the user has
    proven once more to be that user.
    """

    api: ClusterApi
    access: Access
    session: Session
    catalogue: Catalogue
    kept: KeptForms
    parts: Mapping[str, str] = field(default_factory=dict)
    query: Form = field(default_factory=lambda: Form({}))
    form: Form = field(default_factory=lambda: Form({}))
    calls: list[str] = field(default_factory=list)
    recent: RecentAnswers | None = None
    answers: list[JsonObject] = field(default_factory=list)
    needs_password: bool = False
    told: str = ""
    address: str = ""
    others: Mapping[str, ClusterApi] = field(default_factory=dict)

    @property
    def cluster(self) -> str:
        """The name of the cluster."""
        return self.api.name

    def call(self, service: str, **data: object) -> JsonObject:
        """Call an admin service; raises `ApiError`."""
        return self.send(service, data)

    def send(self, service: str, data: Mapping[str, object]) -> JsonObject:
        """Call an admin service with an object as it is; raises `ApiError`."""
        self.calls.append(service)
        return self._ask(service, data)

    def _ask(self, service: str, data: Mapping[str, object], seconds: float = KEPT) -> JsonObject:
        if self.recent is not None:
            answer = self.recent.call(service, data, self.access, seconds)
            self.answers.append(answer)
            return answer
        try:
            return self.api.call(service, data, self.access)
        except ApiError as error:
            if error.code == PASSWORD_NEEDED:
                self.needs_password = True
            raise

    def panels(self, **asked: Asked) -> dict[str, Panel]:
        """Call several services side by side; an error stays in its panel.

        Raises `ApiError` with status 401 if the API knows the session no more: no panel is all that
        is wrong then.
        """
        futures: dict[str, Future[JsonObject]] = {}
        known: dict[str, Panel] = {}
        for name, (service, data, *kept) in asked.items():
            self.calls.append(service)
            answer = self._known(service, data)
            if answer is None:
                # what is said of a failed call is in the language of the user
                seconds = kept[0] if kept else KEPT
                futures[name] = _callers.submit(
                    copy_context().run, self._ask, service, data, seconds
                )
            else:
                known[name] = Panel(answer)
        called = {name: _panel(future) for name, future in futures.items()}
        for panel in called.values():
            if panel.error is not None and panel.error.status == 401:
                raise panel.error
        return {name: called.get(name) or known[name] for name in asked}

    def _known(self, service: str, data: Mapping[str, object]) -> JsonObject | None:
        """Return the answer of a moment ago that a poll is content with; None if there is none.

        PERF: half of the time of a poll that is answered with 304 went into threads without a call.
        """
        answer = self.recent.known(service, data, self.access) if self.recent is not None else None
        if answer is not None:
            self.answers.append(answer)
        return answer

    def call_other(self, cluster: str, service: str, **data: object) -> JsonObject:
        """Call an admin service of another cluster to which the session has logged in; raises
        `ApiError`, with status 404 if there is no such cluster and 401 if it has not.
        """
        api = self.others.get(cluster)
        if api is None:
            detail = gettext("there is no cluster %(cluster)s", cluster=cluster)
            raise ApiError(404, {"title": gettext("Not found"), "detail": detail})
        access = self.session.access.get(cluster)
        if access is None:
            raise ApiError(401, {"title": gettext("Not logged in")})
        self.calls.append(service)
        return api.call(service, data, access)

    @cached_property
    def type(self) -> RegisteredType:
        """The type that the path names; raises `ApiError` with status 404 if there is none."""
        return self.catalogue.type(self.parts["kind"], self.parts["type"], self.access)

    def may(self, service: str) -> bool:
        """Whether the API would not refuse a call of a service, as far as is known."""
        return self.access.permits(service)

    def require(self, service: str) -> None:
        """Refuse a page that has no use for who may not call a service; raises `ApiError` with 403."""
        if not self.may(service):
            detail = gettext("you may not call %(service)s", service=service)
            problem = {"title": gettext("Refused"), "detail": detail}
            raise ApiError(403, problem)

    def path(self, *parts: str, **query: object) -> str:
        """Return the address of a page of this cluster."""
        path = "/" + "/".join(quote(part, safe="") for part in (self.cluster, *parts))
        given = {name: value for name, value in query.items() if value not in ("", None)}
        return f"{path}?{urlencode(given)}" if given else path


def _panel(future: Future[JsonObject]) -> Panel:
    try:
        return Panel(future.result(PANEL_LIMIT))
    except ApiError as error:
        return Panel({"items": []}, error)
    except TimeoutError:
        detail = gettext("no answer within %(number)s s", number=round(PANEL_LIMIT))
        problem = {"title": gettext("Not answered"), "detail": detail}
        return Panel({"items": []}, ApiError(504, problem))
