"""The format `json`: bytes <-> models, pydantic models and plain data."""

from __future__ import annotations

import builtins
import json
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from hansa import Format, Invalid, Secret, Service, problem

from .reading import Read, reader

PROBLEM = "application/problem+json"


def _plain(value: object) -> object:
    """Turn what msgspec does not know into what it knows."""
    if isinstance(value, Secret):
        return None
    if isinstance(value, str):
        return str.__str__(value)
    dump_model = getattr(value, "model_dump", None)
    if dump_model is not None:
        return dump_model(mode="json")
    to_data = getattr(value, "to_data", None)
    if to_data is not None:
        return to_data()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Iterable):
        return list(value)
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


class JsonFormat(Format):
    """JSON (RFC 8259), UTF-8. Input is validated while it is decoded; all faults are reported at
    once, by field.

    Secrets are never written, null stands in their place, as it does for NaN and the infinities.
    """

    type = "json"
    content_types = ("application/json", "text/json")

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        self._readers: dict[object, Read] = {}

    def parse(self, raw: bytes, model: Any = None) -> Any:
        """Build a `model` from JSON, or plain data; raises `Invalid` with every fault."""
        read = self._readers.get(model)
        if read is None:
            read = self._readers[model] = reader(model)
        return read(raw)

    def render(self, value: object, model: object = None) -> bytes:
        """Return the JSON of a value; raises `Invalid` if it has something in it that JSON cannot
        say.
        """
        try:
            return _encode(value)
        except UnicodeEncodeError:
            raise Invalid("the text has a lone surrogate in it, which is no character") from None
        except RecursionError:
            raise Invalid("nested too deeply, or in itself") from None
        except (TypeError, ValueError, msgspec.MsgspecError) as error:
            raise Invalid(str(error)) from None

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Return problem details (RFC 9457)."""
        details = problem(error, cid)
        try:
            return _encode(details), PROBLEM
        except UnicodeEncodeError:  # json escapes what is no character
            return json.dumps(details).encode(), PROBLEM
