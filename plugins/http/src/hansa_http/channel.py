"""The channel http: a path and methods that lead to a service. Other channels over HTTP are subclasses of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from hansa import (
    Channel,
    HansaError,
    Invalid,
    Model,
    NotAllowed,
    NotFound,
    Request,
    Response,
    setting,
)

from .pattern import Pattern
from .table import table_of

RESERVED = ("/hansa/ping", "/hansa/live", "/hansa/ready")
_METHOD = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"


class HttpPath(Model):
    """Where a channel over HTTP is found, and what becomes of the values in its URL."""

    url_path: Annotated[
        str,
        setting(
            "Path it is found at; {name} stands for a value up to the next slash, the most specific path wins",
            example="/customer/{id}",
            min_length=1,
            max_length=2000,
        ),
    ]
    match_slash: Annotated[
        bool, setting("Whether a {name} in the path may have slashes in it", advanced=True)
    ] = False
    merge_url_params_req: Annotated[
        bool,
        setting("Whether values of path and query string become part of the input", advanced=True),
    ] = True
    url_params_pri: Annotated[
        Literal["qs-over-path", "path-over-qs"],
        setting(
            "Which wins where path and query string have a value of the same name", advanced=True
        ),
    ] = "qs-over-path"

    def check(self) -> None:
        """The path must be well formed and not one of Hansa's own."""
        try:
            Pattern(self.url_path, self.match_slash)
        except Invalid as invalid:
            raise Invalid({"url_path": invalid.detail}) from None
        if self.url_path in RESERVED:
            raise Invalid({"url_path": "is one of Hansa's own"})


class HttpSettings(HttpPath):
    """Settings of the channel http."""

    method: Annotated[
        str | list[str],
        setting(
            "HTTP method, or several (a list, or with commas between); empty accepts any",
            example="POST",
        ),
    ] = ""

    def check(self) -> None:
        """Methods must be HTTP tokens."""
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


def methods_of(given: str | list[str]) -> tuple[str, ...]:
    """The methods of a setting, upper-case and sorted; empty for any. Raises `Invalid` for what is no method."""
    import re

    parts = given.split(",") if isinstance(given, str) else given
    methods = sorted({part.strip().upper() for part in parts if part.strip()})
    for method in methods:
        if not re.fullmatch(_METHOD, method):
            raise Invalid(f"{method!r} is no HTTP method")
    return tuple(methods)


class HttpChannel(Channel):
    """Receives HTTP requests at a path and answers each with what its service answers.

    For subclasses (SOAP and the like): `accepts` decides which of several channels on one path takes a request, `rank` which
    of them is asked first, `mismatch` says what is wrong when none accepts, `answer` handles a request (by default it is
    dispatched), `fail` builds the answer to an error before the service is reached, `claims` names what only one may have.
    """

    type: ClassVar[str] = "http"
    Config = HttpSettings
    placement = "worker"
    delivery = "at_most_once"
    pattern: Pattern

    def __init__(self, name: str, config: Any, server: Any = None) -> None:
        super().__init__(name, config, server)
        self.pattern = Pattern(config.url_path, config.match_slash)
        self.merges = config.merge_url_params_req
        self.path_wins = config.url_params_pri == "path-over-qs"
        self.methods = frozenset(methods_of(getattr(config, "method", "")))
        self.any_method = not self.methods
        if "GET" in self.methods:
            self.methods |= {"HEAD"}

    @property
    def rank(self) -> int:
        """On one path, channels of a higher rank are asked first: one with methods before one for any method."""
        return 0 if self.any_method else 1

    def start(self) -> None:
        """Enter the worker's table: requests arrive from now on."""
        table_of(self.server).add(self)

    def stop(self) -> None:
        """Leave the table: no further request arrives."""
        table_of(self.server).remove(self)

    def ping(self) -> str:
        """Where it is found."""
        return f"{', '.join(sorted(self.methods)) or 'any method'} {self.config.url_path}"

    def accepts(self, environ: dict[str, Any]) -> bool:
        """Whether it takes this request, whose path is known to match."""
        return self.any_method or environ["REQUEST_METHOD"] in self.methods

    def mismatch(self, environ: dict[str, Any], others: list[HttpChannel]) -> HansaError:
        """What to tell the caller when the path matches and no channel on it (`others`, this one too) accepts the request."""
        allowed = sorted({method for channel in others for method in channel.methods} | {"OPTIONS"})
        return NotAllowed(
            f"{environ['REQUEST_METHOD']} is not allowed here; {', '.join(allowed)} are",
            headers={"Allow": ", ".join(allowed)},
        )

    def answer(self, request: Request) -> Response:
        """Handle a request; must not raise."""
        return self.dispatch(request)

    def fail(self, error: HansaError, request: Request) -> Response | None:
        """The answer to an error before the service is reached; None leaves it to problem details (RFC 9457)."""
        return None

    @classmethod
    def claims(cls, config: Any) -> Iterable[str]:
        """Each method on a path, variables regardless of their names."""
        path = Pattern(config.url_path, config.match_slash).canonical
        return [f"{method} {path}" for method in methods_of(config.method) or ("any method",)]


__all__ = ["HttpChannel", "HttpPath", "HttpSettings", "NotFound", "methods_of"]
