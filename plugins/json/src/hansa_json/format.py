"""The format `json`: bytes <-> models, pydantic models and plain data."""

from __future__ import annotations

import builtins
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from hansa import Format, Invalid, Secret, Service, problem

from .reading import reader

PROBLEM = "application/problem+json"


def _plain(value: Any) -> Any:
    """Turn what msgspec does not know into what it knows."""
    if isinstance(value, Secret):
        return None
    if isinstance(value, str):
        return str.__str__(value)
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "to_data"):
        return value.to_data()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"no way to write a {type(value).__name__} as JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


class JsonFormat(Format):
    """JSON (RFC 8259), UTF-8. Input is validated while it is decoded; faults are told all at once, by field.

    Secrets are never written, null stands in their place, as it does for NaN and the infinities.
    """

    type = "json"
    content_types = ("application/json", "text/json")

    def __init__(self, config: Any = None, service: builtins.type[Service] | None = None) -> None:
        super().__init__(config, service)
        self._readers: dict[Any, Callable[[bytes], Any]] = {}

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Build a `model` from JSON, or plain data; raises `Invalid` with every fault."""
        read = self._readers.get(model)
        if read is None:
            read = self._readers[model] = reader(model)
        return read(raw)

    def render(self, value: Any, model: Any = None) -> bytes:
        """JSON of a value; raises `Invalid` if it has something in it that JSON cannot say."""
        try:
            return _encode(value)
        except UnicodeEncodeError:
            raise Invalid("the text has a lone surrogate in it, which is no character") from None
        except RecursionError:
            raise Invalid("nested too deeply, or in itself") from None
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise Invalid(str(error)) from None

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Problem details (RFC 9457)."""
        found = problem(error, cid)
        try:
            return _encode(found), PROBLEM
        except UnicodeEncodeError:
            return json.dumps(found).encode(), PROBLEM  # escapes what is no character
