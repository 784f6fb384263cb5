"""The format `json`: bytes <-> models, pydantic models and plain data."""

from __future__ import annotations

import builtins
import json
from typing import Any

import msgspec
from hansa import Format, Service, problem

from .reading import Read, reader
from .writing import write_json

PROBLEM = "application/problem+json"


class JsonFormat(Format):
    """JSON (RFC 8259), UTF-8. Input is validated while it is decoded; all faults are reported at
    once, by field.

    Secrets are never written, null stands in their place. What each value becomes, and what is
    refused, is described in `hansa_json.writing.JsonWriter`.
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
        return write_json(value)

    def render_error(self, error: BaseException, cid: str) -> tuple[bytes, str]:
        """Return problem details (RFC 9457)."""
        details = problem(error, cid)
        try:
            return msgspec.json.encode(details), PROBLEM
        except UnicodeEncodeError:  # json escapes what is no character
            return json.dumps(details).encode(), PROBLEM
