"""The format `form`: forms <-> models, or texts and files by name."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

from hansa import Format, Service
from hansa_http.forms import FORM_TYPES

from .reading import read_values
from .settings import DEFAULT, FormSettings
from .writing import write_values


class FormFormat(Format):
    """Forms: application/x-www-form-urlencoded and multipart/form-data (RFC 7578).

    Values become what the Input declares, exactly as those of a query string do; without an Input
    they are texts and files by name, and lists where a name is given more than once. Files are
    `FormFile`s.
    """

    type = "form"
    content_types = FORM_TYPES

    def __init__(
        self, config: object = None, service: builtins.type[Service] | None = None
    ) -> None:
        super().__init__(config, service)
        found = getattr(config, "form", None)
        self._settings = found if isinstance(found, FormSettings) else DEFAULT
        self._readers: dict[object, Callable[[Mapping[str, Any]], object]] = {}

    def parse(self, raw: bytes, model: Any = None) -> object:
        """Return a form as a type, or its values by name; raises `Invalid` with every fault, and
        `TooLarge`.
        """
        values = read_values(raw, self._settings)
        if model is None:
            return values
        read = self._readers.get(model)
        if read is None:
            read = self._readers[model] = self.text_reader(model)
        return read(values)

    def render(self, value: object, model: Any = None) -> bytes:
        """Return a form; raises `Invalid`."""
        return self.write(value, model)[0]

    def write(self, value: object, model: Any = None) -> tuple[bytes, str]:
        """Return a form and its content type, which has the boundary of one with parts; raises
        `Invalid`.
        """
        return write_values(value, self._settings)
