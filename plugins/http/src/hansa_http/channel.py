"""The channel http: a path and methods that lead to a service. Other channels over HTTP are
subclasses of it.
"""

from __future__ import annotations

import builtins
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Annotated, Any, ClassVar, Literal
from wsgiref.types import WSGIEnvironment

from hansa import (
    Channel,
    ChannelSettings,
    DefinitionSettings,
    HansaError,
    Invalid,
    Model,
    NotAllowed,
    PlainSettings,
    Request,
    Response,
    Server,
    setting,
)
from typing_extensions import TypeVar

from .charset import media_type_of, to_utf8
from .cors import Cors
from .errors import UnsupportedMediaType, problem_response
from .forms import FORM, FORM_TYPES, MULTIPART, Forms
from .frontend import HttpFrontend
from .own_paths import ALWAYS_THERE, OWN
from .path import shown
from .pattern import Pattern, merged, pattern_of

log = logging.getLogger("hansa.http")
_is_method = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_READY = frozenset(("application/json", "application/xml", "text/xml"))
"""Content types of bodies that formats read as they are."""
_USUAL_METHODS = frozenset(("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"))
"""Methods that a channel for any method names to those who use one that it does not take."""
_begins_as_form = re.compile(rb"""[^{}\[\]<>"\r\n]*=""").match
"""Whether a body begins with a name and =, which no JSON and no XML does."""
_FORMER_PRECEDENCE = {"qs-over-path": "query-over-path", "path-over-qs": "path-over-query"}


class HttpPath(Model):
    """Address.

    Where a channel over HTTP is found, and what becomes of the values in its URL.
    """

    url_path: Annotated[
        str,
        setting(
            "Path of the channel; {name} stands for a value up to the next slash, "
            "and the most specific path wins",
            example="/customer/{id}",
            min_length=1,
            max_length=2000,
        ),
    ]
    match_slash: Annotated[
        bool, setting("Whether a {name} in the path may contain slashes", advanced=True)
    ] = False
    cors: Annotated[
        Cors, setting("Pages of other origins that may call the channel", advanced=True)
    ] = field(default_factory=Cors)
    ignore_trailing_slash: Annotated[
        bool,
        setting("Whether a slash at the end of the path makes no difference", advanced=True),
    ] = False
    merge_url_params_req: Annotated[
        bool,
        setting("Whether values of path and query string become part of the input", advanced=True),
    ] = True
    url_params_pri: Annotated[
        Literal["query-over-path", "path-over-query"],
        setting(
            "Which value takes precedence where path and query string have the same name",
            advanced=True,
        ),
    ] = "query-over-path"

    @classmethod
    def upgrade(cls, old: PlainSettings) -> PlainSettings:
        """Read what definitions called the precedence before it had names of its own."""
        former = old.get("url_params_pri")
        if isinstance(former, str) and former in _FORMER_PRECEDENCE:
            return {**old, "url_params_pri": _FORMER_PRECEDENCE[former]}
        return old

    def check(self) -> None:
        """The path must be well formed and not one of Hansa's own."""
        try:
            patterns = self.patterns()
        except Invalid as invalid:
            raise Invalid({"url_path": invalid.detail}) from None
        if any(pattern.text in ALWAYS_THERE for pattern in patterns):
            raise Invalid({"url_path": "is one of Hansa's own"})

    def patterns(self) -> tuple[Pattern, ...]:
        """Return what matches the path, the path as it is first; raises `Invalid`."""
        pattern = pattern_of(self.url_path, self.match_slash)
        if not self.ignore_trailing_slash or self.url_path == "/":
            return (pattern,)
        other = self.url_path[:-1] if self.url_path.endswith("/") else self.url_path + "/"
        return pattern, pattern_of(other, self.match_slash)


class HttpSettings(HttpPath):
    """HTTP."""

    method: Annotated[
        str | list[str],
        setting(
            "HTTP method, or several (a list, or separated by commas); "
            "empty accepts any except TRACE",
            example="POST",
        ),
    ] = ""
    forms: Annotated[Forms, setting("Bodies of forms that become the input", advanced=True)] = (
        field(default_factory=Forms)
    )
    openapi: Annotated[
        bool,
        setting(
            "Whether the channel is described in OpenAPI documents, if its service is typed",
            advanced=True,
        ),
    ] = True

    def check(self) -> None:
        """Methods must be HTTP tokens (RFC 9110, section 9.1)."""
        faults: dict[str, str] = {}
        try:
            methods_of(self.method)
        except Invalid as invalid:
            faults["method"] = invalid.detail
        try:
            super().check()
        except Invalid as invalid:
            faults.update(invalid.errors)
        if faults:
            raise Invalid(faults)


def _forms_of(config: HttpPath) -> Forms | None:
    """Return how forms are read with these settings; None if they are not."""
    if isinstance(config, HttpSettings) and config.forms.enabled:
        return config.forms
    return None


def methods_of(given: str | list[str]) -> tuple[str, ...]:
    """Return the methods of a setting, upper-case and sorted; empty for any. Raises `Invalid` for
    what is no method.
    """
    parts = given.split(",") if isinstance(given, str) else given
    methods = sorted({part.strip().upper() for part in parts if part.strip()})
    for method in methods:
        if not _is_method(method):
            raise Invalid(f"{method!r} is not a valid HTTP method")
    return tuple(methods)


PathT = TypeVar("PathT", bound=HttpPath, default=HttpSettings)


class HttpChannel(Channel[PathT]):
    """Receives HTTP requests at a path and answers each with what its service answers.

    For subclasses (SOAP and the like), which name their settings as type argument: `accepts`
    decides which of several channels on one path takes a request, `rank` which of them is asked
    first, `mismatch` says what is wrong when none accepts, `parameters` which values of path and
    query become part of the input, `answer` handles a request (by default it is dispatched), `fail`
    builds the answer to an error before the service is reached, `claims` names what only one may
    have.
    """

    type: ClassVar[str] = "http"
    Config: ClassVar[builtins.type[Model]] = HttpSettings
    placement = "worker"
    delivery = "at_most_once"
    patterns: tuple[Pattern, ...]

    def __init__(self, name: str, config: PathT, server: Server) -> None:
        super().__init__(name, config, server)
        self.patterns = config.patterns()
        self.cors = config.cors if config.cors.origins else None
        self.merges = config.merge_url_params_req
        self.path_wins = config.url_params_pri == "path-over-query"
        self.methods = self.allowed_methods(config)
        self.any_method = not self.methods
        self.forms = _forms_of(config)
        self._has_format = isinstance(config, ChannelSettings) and config.format != ""

    @staticmethod
    def allowed_methods(config: HttpPath) -> frozenset[str]:
        """Return the methods that these settings accept; empty for any. HEAD is served where GET
        is.
        """
        methods = frozenset(methods_of(config.method if isinstance(config, HttpSettings) else ""))
        return methods | {"HEAD"} if "GET" in methods else methods

    @property
    def pattern(self) -> Pattern:
        """The path as its setting has it."""
        return self.patterns[0]

    @property
    def usual_methods(self) -> frozenset[str]:
        """The methods that it accepts, or the usual ones if it accepts any."""
        return self.methods or _USUAL_METHODS

    @property
    def rank(self) -> int:
        """On one path, channels of a higher rank are asked first: one with methods before one for
        any method.
        """
        return 0 if self.any_method else 1

    def start(self) -> None:
        """Enter the worker's table: requests arrive from now on."""
        self.server.resource(HttpFrontend).table.add(self)

    @classmethod
    def reserved(cls, config: PathT, builtin: Iterable[DefinitionSettings]) -> str:
        """Return why the path belongs to Hansa or a plugin; an empty text if it does not.

        What a load-balancer may turn into such a path counts, too. Where only some of its paths
        belong to them, it is allowed, and the table keeps those from it.
        """
        passed_on = pattern_of(merged(config.url_path), config.match_slash)
        patterns = dict.fromkeys((*config.patterns(), passed_on))
        for pattern in patterns:
            if pattern.root == OWN:
                return f"the path {shown(pattern.text)} is one of Hansa's own: /{OWN}/..."
        for other in builtin:
            if not isinstance(other, HttpPath):
                continue
            for theirs in other.patterns():
                for pattern in patterns:
                    if theirs.covers(pattern):
                        path = shown(pattern.text)
                        return f"the path {path} belongs to a plugin: {other.url_path}"
        return ""

    def stop(self) -> None:
        """Leave the table: no further request arrives."""
        self.server.resource(HttpFrontend).table.remove(self)

    def ping(self) -> str:
        """Return the methods and the path."""
        return f"{', '.join(sorted(self.methods)) or 'any method'} {self.config.url_path}"

    def accepts(self, environ: WSGIEnvironment) -> bool:
        """Whether it takes this request, whose path is known to match."""
        method = environ["REQUEST_METHOD"]
        if self.any_method:
            return bool(method != "TRACE")
        return method in self.methods

    def mismatch(self, environ: WSGIEnvironment, others: list[AnyHttpChannel]) -> HansaError:
        """Return the error for a request whose path matches when no channel on it (`others`, this
        one too) accepts it.
        """
        return not_allowed(environ["REQUEST_METHOD"], others)

    def parameters(self, path: Mapping[str, str], query: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the values of path and query string that become part of the input; they take
        precedence over the body's.
        """
        if not self.merges:
            return {}
        if self.path_wins:
            return {**query, **path}
        return {**path, **query}

    def answer(self, request: Request) -> Response:
        """Handle a request; must not raise. What a service returned and nothing could write is an
        error.

        A body that a format reads is in UTF-8 from here on, whatever charset its content type has.
        Forms are read later, when the caller is known (`with_forms`).
        """
        if request.raw and self._has_format:
            self._prepare(request)
        response = self.dispatch(request)
        if response.raw or request.format or response.payload is None or not response.ok:
            return response
        if isinstance(response.payload, bytes | str):
            return response
        kind = type(response.payload).__name__
        error = HansaError(
            f"the service returned a {kind}, and its channel has no format to write it"
        )
        log.error("channel %s: %s (cid %s)", self.name, error, request.cid)
        return problem_response(error, request.cid)

    def _prepare(self, request: Request) -> None:
        """Make a body ready for the format; sets `fault` for a form that the format cannot read."""
        content_type: str = (request.environ or {}).get("CONTENT_TYPE", "")
        # PERF: nearly every content type is one that needs nothing, and is compared once
        if content_type in _READY:
            return
        media_type = media_type_of(content_type)
        if media_type in FORM_TYPES and self.forms is not None:
            return
        if media_type in FORM_TYPES:
            request.fault = self._refuse_form(request, media_type)
        if request.fault is None and media_type != MULTIPART:
            self.transcode(request)

    def _refuse_form(self, request: Request, media_type: str) -> HansaError | None:
        """Return the error for a form on a channel that reads none; None where its format may read
        the body: clients such as curl call any content a form unless they are told its type.
        """
        readable = self.server.registry.format(self.settings.format).cls.content_types
        if media_type in readable:
            return None
        if media_type == FORM and not _begins_as_form(request.raw):
            return None
        return UnsupportedMediaType(
            f"the channel reads {', '.join(readable)}, and no forms (its setting forms.enabled)",
            headers={"Accept": ", ".join(readable)},
        )

    @staticmethod
    def transcode(request: Request) -> None:
        """Bring a body into UTF-8, read by the charset of its content type; sets `fault` if that
        cannot be done.

        PERF: asking the view of the headers takes 0.5 us, the environment a tenth of that.
        """
        environ = request.environ or {}
        content_type = environ.get("CONTENT_TYPE", "")
        if ";" not in content_type:
            return
        try:
            request.raw = to_utf8(request.raw, content_type)
        except Invalid as invalid:
            request.fault = invalid

    def fail(self, error: HansaError, request: Request) -> Response | None:
        """Return the answer to an error before the service is reached; None leaves it to problem
        details (RFC 9457).
        """
        return None

    @classmethod
    def claims(cls, config: PathT) -> Iterable[str]:
        """Return each method on the path, regardless of the names of variables."""
        given = config.method if isinstance(config, HttpSettings) else ""
        methods = methods_of(given) or ("any method",)
        paths = [shown(pattern.canonical) for pattern in config.patterns()]
        return [f"{method} {path}" for path in paths for method in methods]


AnyHttpChannel = HttpChannel[Any]
"""A channel over HTTP, whatever its settings."""


def not_allowed(method: str, channels: Iterable[AnyHttpChannel], hint: str = "") -> NotAllowed:
    """Return the error for a method that none of the channels on a path has, naming those that they
    have.
    """
    methods = {method for channel in channels for method in channel.usual_methods}
    allowed = ", ".join(sorted(methods | {"OPTIONS"}))
    return NotAllowed(
        f"{method} is not allowed here; {allowed} are{hint}", headers={"Allow": allowed}
    )
