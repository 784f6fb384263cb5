"""`self.logger`, and what `self.log_input()` and `self.log_output()` log."""

from __future__ import annotations

import logging
from collections.abc import Iterable, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .service import Service

SUPPRESSED = "(suppressed)"
_FIELDS = (
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
_AFTER = ("handle_return_time", "processing_time", "processing_time_raw")
_SECRET = ("HTTP_AUTHORIZATION", "HTTP_COOKIE")


class Logger(logging.LoggerAdapter[logging.Logger]):
    """The logger of a service; it takes, and ignores, the argument `cid` of Zato 1.1, since each line has the cid anyway."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs.pop("cid", None)
        return msg, kwargs

    def __getattr__(self, name: str) -> Any:
        return getattr(self.logger, name)


def log_message(
    service: Service,
    user_msg: str,
    level: int,
    suppress_keys: Iterable[str] | None,
    *,
    output: bool,
) -> dict[str, Any]:
    """Log what a service got, or what it answers, and give it back as a dictionary."""
    suppressed = set(suppress_keys or ())
    found: dict[str, Any] = {}
    for name in _FIELDS + (_AFTER if output else ()):
        found[name] = SUPPRESSED if name in suppressed else getattr(service, name, None)
    if isinstance(found["wsgi_environ"], dict):
        found["wsgi_environ"] = {
            k: "********" if k in _SECRET else v for k, v in found["wsgi_environ"].items()
        }
    message = "response" if output else "request"
    key = f"{message}.payload"
    found[key] = SUPPRESSED if key in suppressed else getattr(service, message).payload
    if output:
        headers = "zato.http.response.headers"
        found[headers] = SUPPRESSED if headers in suppressed else dict(service.response.headers)
    service.logger.log(level, "%s%r", f"{user_msg} " if user_msg else "", found, stacklevel=3)
    return found
