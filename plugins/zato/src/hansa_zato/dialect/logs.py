"""`self.logger`, and what `self.log_input()` and `self.log_output()` log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Final

from ..payloads import PlainDict, Value

if TYPE_CHECKING:
    from .service import Service

SUPPRESSED: Final = "(suppressed)"
HIDDEN: Final = "********"
_COMMON_FIELDS: Final = (
    "channel",
    "cid",
    "data_format",
    "environ",
    "impl_name",
    "invocation_time",
    "job_type",
    "name",
    "slow_threshold",
    "usage",
    "wsgi_environ",
)
_INPUT_FIELDS: Final = (*_COMMON_FIELDS, "request.payload")
_OUTPUT_FIELDS: Final = (
    *_COMMON_FIELDS,
    "handle_return_time",
    "processing_time",
    "processing_time_raw",
    "response.payload",
    "zato.http.response.headers",
)
_SECRET_KEYS: Final = ("HTTP_AUTHORIZATION", "HTTP_COOKIE")


class Logger(logging.LoggerAdapter[logging.Logger]):
    """The logger of a service.

    It accepts the argument `cid` of Zato 1.1 and ignores it: each line has the cid anyway.
    """

    def process(
        self, msg: object, kwargs: MutableMapping[str, Value]
    ) -> tuple[object, MutableMapping[str, Value]]:
        kwargs.pop("cid", None)
        return msg, kwargs

    def __getattr__(self, name: str) -> Value:
        return getattr(self.logger, name)


def log_message(
    service: Service,
    user_msg: str,
    level: int,
    suppress_keys: Iterable[str] | None,
    *,
    output: bool,
) -> PlainDict:
    """Log what a service received, or what it answers, and return it as a dictionary."""
    suppressed = set(suppress_keys or ())
    found: PlainDict = {}
    for name in _OUTPUT_FIELDS if output else _INPUT_FIELDS:
        found[name] = SUPPRESSED if name in suppressed else _value(service, name)
    prefix = f"{user_msg} " if user_msg else ""
    service.logger.log(level, "%s%r", prefix, found, stacklevel=3)
    return found


def _value(service: Service, name: str) -> Value:
    """Return what is logged under a name."""
    if name == "wsgi_environ":
        return _without_secrets(service.wsgi_environ)
    if name == "request.payload":
        return service.request.payload
    if name == "response.payload":
        return service.response.payload
    if name == "zato.http.response.headers":
        return dict(service.response.headers)
    return getattr(service, name, None)


def _without_secrets(environ: PlainDict) -> PlainDict:
    return {key: HIDDEN if key in _SECRET_KEYS else value for key, value in environ.items()}
